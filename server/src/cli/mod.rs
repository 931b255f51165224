//! The command line.

mod apply;
mod cameras;
mod check;
mod filters;
mod memory;
mod serve;

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::chain::{Chain, Loader, build};
use crate::clock::SystemClock;
use crate::config::{
    ConfigError, Diagnostic, DriverConfig, Pipeline, SourceConfig, StreamConfig, parse_listen,
    parse_spec,
};
use crate::filter::{CompileCache, Engine};
use crate::source;

/// The pipeline file that is looked for when none is named.
const DEFAULT_FILE: &str = "pipeline.yaml";
/// What is served when none is named and none is there.
const BUILT_IN_FILE: &str = "streams:\n  demo:\n    filters:\n      - use: timestamp\n";

/// Serves camera streams as Motion JPEG through a chain of WebAssembly filters.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
    /// How log lines are written on standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Human,
    /// One JSON object a line, for programs
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the streams of a pipeline file (what `mattebox` alone does)
    Serve(ServeArgs),
    /// Check a pipeline file, its filters and their settings
    Check {
        /// The pipeline file
        #[arg(default_value = DEFAULT_FILE)]
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// List the built-in filters with their settings, or describe a filter of your own
    Filters {
        /// A filter of your own
        #[arg(value_name = "FILE.wasm")]
        file: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// List the local cameras with their sizes, rates, formats and controls
    Cameras,
    /// Pass JPEG files through a stream's chain, without a server
    Apply(ApplyArgs),
}

#[derive(Args)]
struct Common {
    /// Where compiled filters are kept: a folder, or `off` [default: the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "MATTEBOX_CACHE", value_parser = parse_cache)]
    cache: Option<CompileCache>,
}

#[derive(Args)]
struct ServeArgs {
    /// The pipeline file [default: pipeline.yaml, or the demo camera if there is none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to serve on, instead of the file's; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
    /// The first stream's source instead of the file's: demo, camera:0, http://…, rtsp://…, files:PATH, pi-camera
    #[arg(long, value_name = "SPEC", env = "MATTEBOX_SOURCE", value_parser = parse_source, hide_env_values = true)]
    source: Option<SourceConfig>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct ApplyArgs {
    /// The pipeline file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Whose chain [default: the first stream's]
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Take all the files this often, for measuring
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
    /// Write the results into this folder, under the inputs' names; without it nothing is written
    #[arg(short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The JPEG files
    #[arg(required = true, value_name = "INPUT.jpg")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Why a command ended without having done its work.
enum Failure {
    /// The run went wrong: exit code 1.
    Run(String),
    /// The command line or the pipeline file is wrong: exit code 2.
    Usage(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.log_format);
    let result = match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Check { file, common }) => check::run(&file, &common),
        Some(Command::Filters { file, common }) => filters::run(file.as_deref(), &common),
        Some(Command::Cameras) => cameras::run(),
        Some(Command::Apply(args)) => apply::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Run(why)) => fail(why, 1),
        Err(Failure::Usage(why)) => fail(why, 2),
    }
}

fn fail(why: impl Display, code: u8) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(code)
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("MATTEBOX_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info"))
        // The runtime's own chatter about compiling is nobody's business.
        .add_directive(
            "wasmtime_internal_cache=error"
                .parse()
                .expect("a directive"),
        );
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Human => log
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init(),
    }
}

fn parse_source(text: &str) -> Result<SourceConfig, String> {
    let mut source = parse_spec(text)?;
    if let DriverConfig::Files(files) = &mut source.driver {
        // What stands on the command line starts here, and not at the pipeline file.
        let path = std::path::absolute(&files.path).map_err(|error| error.to_string())?;
        files.path = path.to_string_lossy().into_owned();
    }
    source::check(&source, Path::new("."))?;
    Ok(source)
}

fn parse_cache(text: &str) -> Result<CompileCache, String> {
    Ok(match text {
        "" => CompileCache::User,
        "off" => CompileCache::Off,
        folder => {
            CompileCache::Folder(std::path::absolute(folder).map_err(|error| error.to_string())?)
        }
    })
}

/// The runtime, and an engine on it.
fn start_engine(common: &Common) -> Result<(Runtime, Engine), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("can't start: {error}")))?;
    let cache = common.cache.clone().unwrap_or_default();
    let engine = Engine::new(runtime.handle().clone(), &cache)
        .map_err(|error| Failure::Run(format!("can't run WebAssembly here: {error:#}")))?;
    Ok((runtime, engine))
}

fn build_chain(
    loader: &mut Loader,
    pipeline: &Pipeline,
    stream: &StreamConfig,
) -> Result<Chain, Vec<Diagnostic>> {
    build(loader, pipeline, stream, std::sync::Arc::new(SystemClock))
}
