//! The server's side of a child process: what goes in, what comes out, and what its end means.

use std::io;
#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

#[cfg(unix)]
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::rlimits::Limits;
use super::worker::{self, Answer};
use super::{LoadError, LoadErrorKind};
use crate::log::sanitize;

/// The most bytes of an answer: the largest schema, its escapes, and some.
const ANSWER_BYTES: u64 = 4 << 20;
/// The most bytes that are kept of what a child process complains.
const COMPLAINT_BYTES: u64 = 16 << 10;
/// Longest wall-clock time. A machine that is busy gives a child process little of its time, so
/// that this is much more than the limit of processor time, which comes first.
const PATIENCE: Duration = Duration::from_secs(300);

/// A child process's task.
#[derive(Clone, Copy)]
pub enum Phase<'a> {
    /// Compiles the module on its standard input into this file of a compile cache of this
    /// [compatibility](super::Cache::compatibility), and describes it.
    Compile(&'a Path, u64),
    /// Loads the compiled code in this file, with its parts.
    Load(&'a Path, &'a [PathBuf]),
    /// Builds the settings schema on its standard input.
    Schema,
}

/// Runs `phase` with `input` in a child process of the binary `program`, and gives what it answers.
///
/// # Errors
/// See [`LoadError`].
pub async fn run<T: DeserializeOwned>(
    program: &Path,
    phase: Phase<'_>,
    input: &[u8],
) -> Result<T, LoadError> {
    let ended = tokio::time::timeout(PATIENCE, start_and_wait(program, phase, input)).await;
    let ended = ended.map_err(|_| {
        let seconds = PATIENCE.as_secs();
        LoadError::unavailable(format!("the child process was not done after {seconds} s"))
    })?;
    let (status, answer, stderr) =
        ended.map_err(|error| LoadError::unavailable(format!("no child process: {error}")))?;
    match serde_json::from_slice::<Answer>(&answer) {
        // The binary may be another by now.
        Ok(Ok(value)) if status.success() => serde_json::from_value(value).map_err(|error| {
            LoadError::unavailable(format!("the child process can't be understood: {error}"))
        }),
        Ok(Err(error)) => Err(error),
        _ => Err(phase.explain(status, &stderr)),
    }
}

async fn start_and_wait(
    program: &Path,
    phase: Phase<'_>,
    input: &[u8],
) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let mut command = Command::new(program);
    // Its own name, whatever the binary is called by.
    #[cfg(unix)]
    command.arg0("mattebox");
    command.arg(worker::COMMAND);
    match phase {
        Phase::Compile(code, compatibility) => {
            let compatibility = compatibility.to_string();
            command.arg("compile").arg(code).arg(compatibility)
        }
        Phase::Load(code, parts) => command.arg("load").arg(code).args(parts),
        Phase::Schema => command.arg("schema"),
    };
    let mut child = command
        // Nothing of the server's environment is needed, and some of it may be secret.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        let Some(mut stdin) = stdin else {
            return Ok(());
        };
        match stdin.write_all(input).await {
            // A child process that ended early says why itself.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            fed => fed,
        }
    };
    let (fed, answer, stderr) = tokio::join!(
        feed,
        read(stdout, ANSWER_BYTES),
        read(stderr, COMPLAINT_BYTES)
    );
    fed?;
    let status = child.wait().await?;
    Ok((status, answer?, stderr?))
}

/// Keeps the first `most` bytes and reads on, so that the writer never waits.
async fn read(from: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut from) = from else {
        return Ok(kept);
    };
    (&mut from).take(most).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

impl Phase<'_> {
    /// The limits of the process, and what is said of a module that it fails on.
    fn limits(self) -> (Limits, &'static str) {
        match self {
            Self::Compile(..) => (worker::COMPILE, "the filter can't be compiled"),
            Self::Load(..) => (worker::LOAD, "the filter can't be loaded"),
            Self::Schema => (
                worker::SCHEMA,
                "the filter has a settings schema that can't be used",
            ),
        }
    }

    /// The fault of a module that reaches a limit, such as `64 MiB of memory`.
    fn needs_more_than(self, limit: &str) -> LoadError {
        let fault = match self {
            Self::Compile(..) => format!("the filter needs more than {limit} to be compiled"),
            Self::Load(..) => format!("the filter needs more than {limit} to be loaded"),
            Self::Schema => format!(
                "the filter has a settings schema that can't be used: building it takes more than \
                 {limit}"
            ),
        };
        LoadError::new(LoadErrorKind::Module, fault)
    }

    /// Explains an end without an answer.
    fn explain(self, status: ExitStatus, stderr: &[u8]) -> LoadError {
        let (limits, fault) = self.limits();
        let stderr = String::from_utf8_lossy(stderr);
        if is_out_of_time(status) {
            let seconds = limits.cpu.as_secs();
            return self.needs_more_than(&format!("{seconds} s of processor time"));
        }
        if stderr.contains("memory allocation of") || stderr.contains("out of memory") {
            return self.needs_more_than(&format!("{} MiB of memory", limits.data >> 20));
        }
        if stderr.contains("overflowed its stack") {
            return self.needs_more_than("the stack that it has: it is nested too deeply");
        }
        // A panic's message stands below the line that names its place.
        let lines = stderr.lines().map(str::trim);
        let mut panic = lines.skip_while(|line| !line.contains("panicked at"));
        let crash = || is_crash(status).then(|| status.to_string());
        match panic.nth(1).map(sanitize).or_else(crash) {
            Some(how) => {
                let fault = format!("{fault}: checking it broke down ({how})");
                LoadError::new(LoadErrorKind::Module, fault)
            }
            // By somebody else: a person, or the system that is short of memory.
            None => LoadError::unavailable(format!("the child process was ended ({status})")),
        }
    }
}

/// Whether a process has ended by a mistake of its own.
#[cfg(unix)]
fn is_crash(status: ExitStatus) -> bool {
    let crashes = [
        Signal::ABORT,
        Signal::BUS,
        Signal::FPE,
        Signal::ILL,
        Signal::SEGV,
        Signal::TRAP,
    ];
    let signal = status.signal();
    signal.is_some_and(|signal| crashes.iter().any(|it| it.as_raw() == signal))
}

#[cfg(unix)]
fn is_out_of_time(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn is_crash(_: ExitStatus) -> bool {
    false
}

#[cfg(not(unix))]
fn is_out_of_time(_: ExitStatus) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::config::Cause;

    #[test]
    fn an_end_from_outside_is_not_the_modules_fault() {
        let cause = |signal: i32, words: &str| {
            let status = ExitStatus::from_raw(signal);
            Phase::Schema.explain(status, words.as_bytes()).cause()
        };
        // KILL, TERM, HUP, XFSZ: by the system or a person.
        for signal in [9, 15, 1, 25] {
            assert_eq!(cause(signal, ""), Cause::Machine, "{signal}");
        }
        // XCPU is the limit of processor time; ABRT and SEGV are mistakes.
        for (signal, words) in [
            (24, ""),
            (11, ""),
            (6, ""),
            (6, "memory allocation of 5 bytes failed"),
            (6, "thread 'x' has overflowed its stack"),
        ] {
            assert_eq!(cause(signal, words), Cause::Files, "{signal}");
        }
        let panicked = "thread 'main' panicked at x.rs:1:1:\nno";
        assert_eq!(cause(101 << 8, panicked), Cause::Files);
        assert_eq!(cause(1 << 8, ""), Cause::Machine);
    }
}
