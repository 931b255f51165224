//! The child process's side: compiles a module and describes it, loads compiled code, or builds a settings schema.
//!
//! Whatever goes wrong here, from a panic to an overflow of the stack, ends this process and nothing else.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use cpu_time::ProcessTime;
use serde_json::Value;

use super::rlimits::Limits;
use crate::config::SettingsSchema;
use crate::filter::footprint::Footprint;
use crate::filter::limits::{MODULE_BYTES, SCHEMA_BYTES};
use crate::filter::{Engine, Manifest, Module, describe, link};

/// The hidden command of `mattebox` that runs this.
pub const COMMAND: &str = "filter-worker";

/// Limits of compiling and describing. A Python runtime takes 400 MB and 18 s, ten times as long on a small machine. Addresses are
/// reserved for all that a memory may grow to, hence the large address space.
pub const COMPILE: Limits = Limits {
    data: 1 << 30,
    address_space: 256 << 30,
    cpu: Duration::from_secs(180),
};
/// Limits of loading compiled code, which the server then does as well. The runtime's own description of the code is many times
/// as large as the module where that has much in it beside functions' bodies.
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
/// Where it can't be measured: the bytes of memory for a byte of compiled code. The most that was seen is 8, with globals alone.
const UNMEASURED: u64 = 8;
/// The most bytes of compiled code.
const CODE_BYTES: usize = 512 << 20;

/// An answer on standard output.
#[derive(serde::Serialize, serde::Deserialize)]
pub enum Answer {
    /// It is done, with this result.
    Done(Value),
    /// The module is refused, and why.
    Refused(String),
}

/// Compiles the module on standard input into the file `code`, and describes it on standard output.
pub fn compile(code: &Path) -> ExitCode {
    run(COMPILE, MODULE_BYTES, |bytes| {
        let manifest = compile_into(bytes, code)?;
        serde_json::to_value(manifest).map_err(|error| error.to_string())
    })
}

/// Loads the compiled code in the file `code`, and tells how many bytes of memory that took.
pub fn load(code: &Path) -> ExitCode {
    run(LOAD, 0, |_| {
        let broken = |why: String| format!("can't be loaded: {why}");
        let runtime = start_runtime().map_err(|error| broken(error.to_string()))?;
        let engine = Engine::new(runtime.handle().clone());
        let engine = engine.map_err(|error| broken(format!("{error:#}")))?;
        let before = memory();
        let component = engine.load(code);
        let component = component.map_err(|error| broken(format!("{error:#}")))?;
        let linked = link(&engine, &component)?;
        let loaded = match before.zip(memory()) {
            Some((before, after)) => after.saturating_sub(before),
            None => code.metadata().map_or(0, |code| code.len()) * UNMEASURED,
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

fn start_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Builds the settings schema on standard input.
pub fn build_schema() -> ExitCode {
    // Its text comes without the escapes that it had.
    run(SCHEMA, 2 * SCHEMA_BYTES as u64, |bytes| {
        let schema = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let build = move || SettingsSchema::new(schema).build();
        let thread = thread::Builder::new().stack_size(SCHEMA_STACK).spawn(build);
        let thread = thread.map_err(|error| error.to_string())?;
        let start = ProcessTime::now();
        while !thread.is_finished() {
            if start.elapsed() > SCHEMA_TIME {
                let limit = SCHEMA_TIME.as_millis();
                return Err(format!(
                    "has a settings schema that can't be used: building it takes more than {limit} ms of processor time"
                ));
            }
            // Shorter than anybody notices.
            thread::sleep(Duration::from_millis(2));
        }
        match thread.join() {
            Ok(built) => built.map(|()| Value::Null),
            // The parent process finds what it said on standard error.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn run(limits: Limits, most: u64, work: impl FnOnce(Vec<u8>) -> Result<Value, String>) -> ExitCode {
    let answered = limits.set().and_then(|()| {
        let mut bytes = Vec::new();
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
        let answer = match work(bytes) {
            Ok(value) => Answer::Done(value),
            Err(why) => Answer::Refused(why),
        };
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        out.flush()
    });
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compile_into(bytes: Vec<u8>, code: &Path) -> Result<Manifest, String> {
    let broken = |why: String| format!("can't be compiled: {why}");
    let runtime = start_runtime().map_err(|error| broken(error.to_string()))?;
    let engine = Engine::compiling(runtime.handle().clone())
        .map_err(|error| broken(format!("{error:#}")))?;
    let component = Module::new(bytes).into_component()?;
    let footprint = Footprint::of(&component);
    let (component, compiled) = engine
        .compile(&component)
        .map_err(|error| broken(format!("{error:#}")))?;
    if compiled.len() > CODE_BYTES {
        let (mib, most) = (compiled.len() >> 20, CODE_BYTES >> 20);
        return Err(broken(format!(
            "its code takes {mib} MiB, more than {most}"
        )));
    }
    std::fs::write(code, &compiled).map_err(|error| broken(error.to_string()))?;
    drop(compiled);
    describe(&engine, &component, footprint)
}
