//! The command line.

mod apply;
mod cameras;
mod check;
mod embed;
mod filters;
mod memory;
mod new;
mod output;
mod passwd;
mod schema;
mod serve;
mod test;
mod versions;

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::chain::FilterCache;
use crate::clock::SystemClock;
use crate::config::{
    ConfigError, DriverConfig, ListenAddress, SourceConfig, check_user_name, parse_listen,
    parse_spec,
};
use crate::event_log::EventLog;
use crate::filter::compile::worker;
use crate::filter::{Compiler, Engine};
use crate::notifications::Notifications;
use crate::panics;
use crate::private_folder::FolderChoice;
use crate::secret::mask;
use crate::source;
use crate::variables::Variables;

/// The pipeline file that is looked for when none is named.
const DEFAULT_FILE: &str = "pipeline.yaml";

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

/// The format of log lines.
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
    /// Print the JSON Schema of pipeline files, for editors
    Schema {
        /// Print the reference of all keys in Markdown instead
        #[arg(long)]
        markdown: bool,
    },
    /// List the local cameras with their sizes, rates, formats and controls
    Cameras,
    /// List earlier versions of a pipeline file, or show one with its secrets masked
    Versions {
        /// Which to show
        #[arg(value_name = "ID")]
        id: Option<String>,
        #[command(flatten)]
        file: VersionsArgs,
    },
    /// Make a pipeline file what it was in an earlier version, which is checked first
    Restore {
        /// Which
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        file: VersionsArgs,
        #[command(flatten)]
        common: Common,
    },
    /// Hash a password, and print the user's entry for the pipeline file
    Passwd {
        /// The user's name
        #[arg(value_name = "NAME", value_parser = parse_user_name)]
        name: String,
    },
    /// Pass JPEG files through a stream's chain, without a server
    Apply(ApplyArgs),
    /// Make a folder with a filter to start from: source, build script, golden pictures, pipeline
    New(NewArgs),
    /// Test a filter: whether it keeps the contract, how fast it is, and whether its memory grows
    Test(TestArgs),
    /// Put a world of the filter contract into a core module, for languages without `wit-bindgen`
    Embed(EmbedArgs),
    /// Check a filter for the server, as its child process
    #[command(name = worker::COMMAND, hide = true, subcommand)]
    FilterWorker(FilterWork),
}

/// A task of a child process, see [`worker`].
#[derive(Subcommand)]
enum FilterWork {
    /// Compile the module on standard input into a file
    Compile {
        /// The file, in the compile cache
        code: PathBuf,
        /// The number of the build whose code in the cache fits
        compatibility: u64,
    },
    /// Load compiled code and measure it
    Load {
        /// The code's file
        code: PathBuf,
        /// The files of its parts' code
        parts: Vec<PathBuf>,
    },
    /// Build the settings schema on standard input
    Schema,
}

#[derive(Args)]
struct Common {
    /// Where compiled filters are kept: a folder, or `off` [default: the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "MATTEBOX_CACHE", value_parser = FolderChoice::parse)]
    cache: Option<FolderChoice>,
}

#[derive(Args)]
struct State {
    /// Where events and earlier versions of the pipeline file are kept: a folder, or `off`
    /// [default: the user's state folder]
    #[arg(long, value_name = "FOLDER", env = "MATTEBOX_STATE", value_parser = FolderChoice::parse)]
    state: Option<FolderChoice>,
}

impl State {
    fn folder(&self) -> FolderChoice {
        self.state.clone().unwrap_or_default()
    }
}

#[derive(Args)]
struct VersionsArgs {
    /// The pipeline file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    #[command(flatten)]
    state: State,
}

#[derive(Args)]
struct ServeArgs {
    /// The pipeline file [default: pipeline.yaml, or the demo camera if there is none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to serve on, instead of the file's: 127.0.0.1:8080, :8080, unix:PATH; port 0
    /// takes a free one; may be repeated
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    listen: Vec<ListenAddress>,
    /// The first stream's source, in place of the one in the file, which stays as it is: demo,
    /// camera:0, http://…, rtsp://…, files:PATH, pi-camera
    #[arg(
        long,
        value_name = "SPEC",
        env = "MATTEBOX_SOURCE",
        value_parser = parse_source,
        hide_env_values = true
    )]
    source: Option<SourceConfig>,
    #[command(flatten)]
    state: State,
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
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    repeat: u32,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
    /// End with exit code 0 also when a filter failed on a picture, which then goes on without it
    #[arg(long)]
    allow_failures: bool,
    /// Write the results into this folder, under the inputs' names; without it nothing is written
    #[arg(short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The JPEG files
    #[arg(required = true, value_name = "INPUT.jpg")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct NewArgs {
    /// The filter's name, and that of the folder
    #[arg(value_name = "NAME")]
    name: String,
    /// The language
    #[arg(long = "lang", value_enum, value_name = "LANGUAGE")]
    language: new::Language,
    /// What the filter does
    #[arg(long, value_enum, default_value_t = new::Kind::Overlay)]
    kind: new::Kind,
    /// The folder of the crate `mattebox-filter`, for Rust, in place of the published one
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

#[derive(Args)]
struct TestArgs {
    /// The filter: a module's path, or a built-in filter's name
    #[arg(value_name = "FILE.wasm")]
    file: String,
    /// Its settings, a JSON object, as `with` in the pipeline file has them
    #[arg(long, value_name = "JSON")]
    with: Option<String>,
    /// The number of frames of 1920×1080 pixels
    #[arg(
        long,
        value_name = "N",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=100_000)
    )]
    frames: u64,
    /// A JPEG file, beside the pictures that are made; may be repeated
    #[arg(long = "picture", value_name = "FILE.jpg")]
    pictures: Vec<PathBuf>,
    /// A variable that the filter may ask for; may be repeated
    #[arg(long = "variable", value_name = "NAME=TEXT")]
    variables: Vec<String>,
    /// Compare what it makes of pictures with those in this folder
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
    /// Write the golden pictures anew
    #[arg(long, requires = "golden")]
    update: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct EmbedArgs {
    /// What the filter is: overlay-filter, seeing-overlay-filter, transform-filter, inspect-filter
    #[arg(value_name = "WORLD")]
    world: String,
    /// The core module, whose exports are named as the component model's canonical ABI has them
    #[arg(value_name = "CORE.wasm")]
    core: PathBuf,
    /// The file that is written: the module with its world, which is a filter
    #[arg(short, value_name = "OUT.wasm")]
    output: PathBuf,
}

/// The reason why a command ended without having done its work.
enum Failure {
    /// The run went wrong: exit code 1.
    Run(String),
    /// The command line or the pipeline file is wrong: exit code 2.
    Usage(String),
}

impl Failure {
    fn run(why: impl Display) -> Self {
        Self::Run(why.to_string())
    }

    fn usage(why: impl Display) -> Self {
        Self::Usage(why.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    if let Some(Command::FilterWorker(work)) = &cli.command {
        return match work {
            FilterWork::Compile {
                code,
                compatibility,
            } => worker::compile(code, *compatibility),
            FilterWork::Load { code, parts } => worker::load(code, parts),
            FilterWork::Schema => worker::build_schema(),
        };
    }
    start_log(cli.log_format, default_log(cli.command.as_ref()));
    panics::log_uncaught();
    let result = match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Check { file, common }) => check::run(&file, &common),
        Some(Command::Filters { file, common }) => filters::run(file.as_deref(), &common),
        Some(Command::Versions { id, file }) => versions::show(id.as_deref(), &file),
        Some(Command::Restore { id, file, common }) => versions::restore(&id, &file, &common),
        Some(Command::Schema { markdown }) => {
            schema::run(markdown);
            Ok(())
        }
        Some(Command::Passwd { name }) => passwd::run(&name),
        Some(Command::Cameras) => cameras::run(),
        Some(Command::Apply(args)) => apply::run(&args),
        Some(Command::New(args)) => new::run(&args),
        Some(Command::Test(args)) => test::run(&args),
        Some(Command::Embed(args)) => embed::run(&args),
        // Done above, without a log.
        Some(Command::FilterWorker(_)) => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Run(why)) => fail(why, 1),
        Err(Failure::Usage(why)) => fail(why, 2),
    }
}

fn fail(why: impl Display, code: u8) -> ExitCode {
    eprintln!("{}", mask(&why.to_string()));
    ExitCode::from(code)
}

/// Says what is wrong with the command line, which may hold an address with a login; or what was
/// asked for, such as the help.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_error = error.use_stderr();
    let is_terminal = if is_error {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    };
    let text = error.render();
    let text = match is_terminal {
        true => mask(&text.ansi().to_string()),
        false => mask(&text.to_string()),
    };
    if is_error {
        eprint!("{text}");
    } else {
        output::out!("{text}");
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What is logged unless `MATTEBOX_LOG` says otherwise.
fn default_log(command: Option<&Command>) -> &'static str {
    match command {
        // They say nothing but what is wrong.
        Some(Command::Check { .. } | Command::Restore { .. }) => {
            "info,mattebox::chain::compiling=warn"
        }
        _ => "info",
    }
}

fn start_log(format: LogFormat, default: &str) {
    let filter =
        EnvFilter::try_from_env("MATTEBOX_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| MaskedLog)
        .with_target(false);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Human => log.with_ansi(std::io::stderr().is_terminal()).init(),
    }
}

/// Standard error without secrets, whichever library a line comes from. Each line is written at
/// once.
struct MaskedLog;

impl Write for MaskedLog {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let masked = mask(&String::from_utf8_lossy(line));
        std::io::stderr().write_all(masked.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// The reason why an argument's value is none, which clap shows.
type BadValue = Box<dyn std::error::Error + Send + Sync>;

fn parse_source(text: &str) -> Result<SourceConfig, BadValue> {
    let mut source = parse_spec(text)?;
    if let DriverConfig::Files(files) = &mut source.driver {
        // What stands on the command line starts here, and not at the pipeline file.
        let path = std::path::absolute(&files.path)?;
        files.path = path.to_string_lossy().into_owned();
    }
    source::check(&source)?;
    source::check_recording(&source, Path::new("."))?;
    Ok(source)
}

fn parse_user_name(text: &str) -> Result<String, BadValue> {
    check_user_name(text)?;
    Ok(text.to_owned())
}

fn start_runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("can't start: {error}")))
}

/// An engine on `runtime`, and a compiler beside it.
fn start_engine(runtime: &Runtime, common: &Common) -> Result<(Engine, Compiler), Failure> {
    let cache = common.cache.clone().unwrap_or_default();
    let program = this_program()
        .map_err(|error| Failure::Run(format!("can't tell where this program is: {error}")))?;
    let engine = Engine::new(runtime.handle().clone(), Arc::new(SystemClock))
        .map_err(|error| Failure::Run(format!("can't run WebAssembly here: {error:#}")))?;
    let compiler = Compiler::new(&engine, program, &cache).map_err(|error| {
        Failure::Run(format!("there is no place for compiled filters: {error}"))
    })?;
    Ok((engine, compiler))
}

/// The file of this program; on Linux by a name that holds also when the file is replaced
/// meanwhile.
fn this_program() -> std::io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    match cfg!(target_os = "linux") && own.exists() {
        true => Ok(own.to_owned()),
        false => std::env::current_exe(),
    }
}

/// A cache of filters on `runtime`.
fn start_loader(runtime: &Runtime, common: &Common) -> Result<FilterCache, Failure> {
    let events = EventLog::in_memory(Arc::new(SystemClock));
    start_loader_with(runtime, common, events)
}

/// The same with filters whose findings go to `events`.
fn start_loader_with(
    runtime: &Runtime,
    common: &Common,
    events: EventLog,
) -> Result<FilterCache, Failure> {
    Ok(FilterCache::new(
        start_engine(runtime, common)?,
        Variables::default(),
        Notifications::default(),
        events,
    ))
}
