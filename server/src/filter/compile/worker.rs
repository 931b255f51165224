//! The child process's side: compiles a module and describes it, loads compiled code, or builds a
//! settings schema.
//!
//! Whatever goes wrong here, from a panic to an overflow of the stack, ends this process and
//! nothing else.

use std::io::{self, Read, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use cpu_time::ProcessTime;
use serde_json::Value;

use super::rlimits::Limits;
use super::{Cache, LoadError, parts, unwritable};
use crate::clock::{Clock, SystemClock};
use crate::config::SettingsSchema;
use crate::filter::code::Code;
use crate::filter::footprint::Footprint;
use crate::filter::limits::{MODULE_BYTES, SCHEMA_BYTES};
use crate::filter::{Engine, Manifest, Module, ModuleError, contract, describe};

/// The hidden command of `mattebox` that runs this.
pub const COMMAND: &str = "filter-worker";

/// Limits of compiling and describing. A Python runtime takes 400 MB and 18 s, ten times as long on
/// a small machine. Addresses are reserved for all that a memory may grow to, hence the large
/// address space.
pub const COMPILE: Limits = Limits {
    data: 1 << 30,
    address_space: 256 << 30,
    cpu: Duration::from_secs(180),
};
/// Limits of loading compiled code, which the server then does as well. The runtime's own
/// description of the code is many times as large as the module where that has much in it beside
/// functions' bodies.
pub const LOAD: Limits = Limits {
    data: 256 << 20,
    address_space: 16 << 30,
    cpu: Duration::from_secs(10),
};
/// Limits of building a settings schema, which the server then does as well.
pub const SCHEMA: Limits = Limits {
    data: 64 << 20,
    address_space: 4 << 30,
    cpu: Duration::from_secs(1),
};
/// The processor time that a schema may take. The limit above is for whole seconds only.
const SCHEMA_TIME: Duration = Duration::from_millis(500);
/// The stack that a schema is built on, half of what the server's threads have.
const SCHEMA_STACK: usize = 1 << 20;
/// The stack of a thread that does nothing.
const PROBE_STACK: usize = 64 << 10;
/// The bytes of memory for a byte of compiled code, where they can't be measured. The most that was
/// seen is 8, with globals alone.
const UNMEASURED: u64 = 8;
/// The same for a byte of a schema's text.
const UNMEASURED_SCHEMA: u64 = 200;

/// An answer on standard output.
pub type Answer = Result<Value, LoadError>;

/// Compiles the module on standard input into the file `code` of a compile cache of this
/// `compatibility`, and describes it on standard output.
pub fn compile(code: &Path, compatibility: u64) -> ExitCode {
    run(COMPILE, MODULE_BYTES, |bytes| {
        let manifest = compile_into(bytes, code, compatibility)?;
        serde_json::to_value(manifest).map_err(unreadable)
    })
}

/// Loads the compiled code in the file `code`, with its `parts`, and tells how many bytes of memory
/// that took.
pub fn load(code: &Path, parts: &[PathBuf]) -> ExitCode {
    run(LOAD, 0, |_| {
        let runtime = start_runtime()?;
        let engine = Engine::new(runtime.handle().clone(), std::sync::Arc::new(SystemClock))
            .map_err(no_engine)?;
        let before = memory();
        let loaded = Code::load(&engine, code, parts);
        let loaded = loaded.map_err(|error| ModuleError::Load(format!("{error:#}")))?;
        let linked = loaded.link(&engine)?;
        let loaded = match before.zip(memory()) {
            Some((before, after)) => after.saturating_sub(before),
            None => {
                let files = parts.iter().map(PathBuf::as_path).chain([code]);
                let bytes = files.map(|file| file.metadata().map_or(0, |file| file.len()));
                bytes.sum::<u64>() * UNMEASURED
            }
        };
        drop(linked);
        Ok(loaded.into())
    })
}

/// The bytes of memory that this process has beside files, where the system tells it (proc(5)).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1 << 10)
}

fn start_runtime() -> Result<tokio::runtime::Runtime, LoadError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.map_err(LoadError::unavailable)
}

/// A schema or a description that is no JSON.
fn unreadable(error: serde_json::Error) -> LoadError {
    ModuleError::from(error).into()
}

/// An engine without a module fails for reasons that are no module's.
fn no_engine(error: wasmtime::Error) -> LoadError {
    LoadError::unavailable(format!("{error:#}"))
}

/// Builds the settings schema on standard input, and tells how many bytes of memory that took.
pub fn build_schema() -> ExitCode {
    // Its text comes without the escapes that it had.
    run(SCHEMA, 2 * SCHEMA_BYTES as u64, |bytes| {
        let before = memory();
        let text = bytes.len() as u64;
        let schema = serde_json::from_slice(&bytes).map_err(unreadable)?;
        let build = move || {
            let schema = SettingsSchema::new(schema);
            schema.build().map(|()| schema)
        };
        let thread = thread::Builder::new().stack_size(SCHEMA_STACK).spawn(build);
        let thread = thread.map_err(LoadError::unavailable)?;
        let start = ProcessTime::now();
        while !thread.is_finished() {
            if start.elapsed() > SCHEMA_TIME {
                return Err(ModuleError::SlowSchema(SCHEMA_TIME.as_millis()).into());
            }
            // Shorter than anybody notices.
            SystemClock.block(Duration::from_millis(2));
        }
        match thread.join() {
            Ok(built) => {
                let schema = built.map_err(ModuleError::from)?;
                let built = match before.zip(memory()) {
                    Some((before, after)) => after.saturating_sub(before),
                    None => text * UNMEASURED_SCHEMA,
                };
                drop(schema);
                Ok(built.into())
            }
            // The parent process finds what it said on standard error.
            Err(panicked) => panic::resume_unwind(panicked),
        }
    })
}

fn run(limits: Limits, most: u64, work: impl FnOnce(Vec<u8>) -> Answer) -> ExitCode {
    tell_of_missing_threads();
    match tell(&read_input(limits, most).and_then(work)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    out.flush()
}

/// Libraries panic where the system gives them no thread, which is no module's fault: a panic while
/// there are none to be had is told as that.
fn tell_of_missing_threads() {
    let other = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = thread::Builder::new().stack_size(PROBE_STACK);
        match thread.spawn(|| ()) {
            Err(error) if tell(&Err(LoadError::unavailable(&error))).is_ok() => {
                std::process::exit(1);
            }
            _ => other(info),
        }
    }));
}

fn read_input(limits: Limits, most: u64) -> Result<Vec<u8>, LoadError> {
    limits.set().map_err(LoadError::unavailable)?;
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(most).read_to_end(&mut bytes);
    read.map_err(LoadError::unavailable)?;
    Ok(bytes)
}

fn compile_into(bytes: Vec<u8>, code: &Path, compatibility: u64) -> Result<Manifest, LoadError> {
    let runtime = start_runtime()?;
    // Those that the compiler starts else panic where there can't be so many.
    let threads = rayon::ThreadPoolBuilder::new().build_global();
    threads.map_err(LoadError::unavailable)?;
    let engine = Engine::compiling(runtime.handle().clone()).map_err(no_engine)?;
    let component = Module::new(bytes).into_component()?;
    // What a later contract needs of the compiler, this one may not have.
    let exports = contract::exports(&component);
    contract::check_version(exports.iter().map(String::as_str))?;
    let footprint = Footprint::of(&component);
    let folder = code.parent().unwrap_or(Path::new("."));
    let cache = Cache::opened(folder.to_owned(), compatibility);
    let compiled = parts::compile(&engine, &cache, &component)?;
    std::fs::write(code, &compiled.bytes).map_err(|error| unwritable(folder, &error))?;
    drop(compiled.bytes);
    let manifest = describe(&engine, &compiled.code, footprint)?;
    Ok(Manifest {
        parts: compiled.parts,
        ..manifest
    })
}
