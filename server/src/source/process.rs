//! A command that runs while its pictures are wanted: its output, what it complains of, and its end.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::SourceError;
use super::arriving::Jpegs;
use crate::clock::Stop;
use crate::log::{FloodGate, LINE_CHARS, shorten};

/// How long a command has to end by itself once it is told to.
const GRACE: Duration = Duration::from_secs(1);
/// How often its end is looked for.
const POLL: Duration = Duration::from_millis(20);

/// A running command. Dropping it ends its whole process group.
pub struct Process {
    name: String,
    child: Child,
    /// The number of its process group. Its own children may be left there when it has ended.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    jpegs: Jpegs<ChildStdout>,
    complaints: Complaints,
    stop: Stop,
}

/// What to run.
pub struct Invocation<'a> {
    /// The program, and its arguments.
    pub command: &'a [String],
    /// Where.
    pub folder: &'a Path,
    /// What its complaints must not show, and what they show instead.
    pub secret: Option<(&'a str, &'a str)>,
    /// The stream's name, for the log.
    pub stream: &'a str,
}

/// Why a command can't be run.
pub enum CantRun {
    /// There is no such program.
    NotFound,
    /// Another reason.
    Other(SourceError),
}

impl Process {
    /// Starts the command in a process group of its own.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(invocation: &Invocation<'_>, stop: &Stop) -> Result<Self, CantRun> {
        let [program, arguments @ ..] = invocation.command else {
            return Err(CantRun::NotFound);
        };
        let _runtime = stop.runtime().enter();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(invocation.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // For the case that it is never asked to end.
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CantRun::NotFound,
            _ => CantRun::Other(SourceError(format!("`{program}` can't be run: {error}"))),
        })?;
        let out = child.stdout.take().expect("it is piped");
        let errors = child.stderr.take().expect("it is piped");
        Ok(Self {
            name: program.clone(),
            #[cfg(unix)]
            group: child
                .id()
                .and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)),
            child,
            jpegs: Jpegs::new(out, stop),
            complaints: Complaints::listen(errors, invocation),
            stop: stop.clone(),
        })
    }

    /// The next picture, or how it is broken; `None` after the order to stop.
    ///
    /// # Errors
    /// The command has ended.
    pub fn next(&mut self) -> Result<Option<Result<Bytes, String>>, SourceError> {
        match self.jpegs.next()? {
            _ if self.stop.is_requested() => Ok(None),
            Some(picture) => Ok(Some(picture)),
            None => Err(self.end()),
        }
    }

    /// How it ended, in its own last words.
    fn end(&mut self) -> SourceError {
        // One that has closed its output but runs on is ended when it is dropped.
        let status = self.stop.wait_for(self.child.wait());
        self.stop.wait_for(self.complaints.finish());
        let how = match status {
            Some(Ok(status)) => format!("`{}` ended ({status})", self.name),
            _ => format!("`{}` ended", self.name),
        };
        SourceError(match self.complaints.last() {
            words if words.is_empty() => how,
            words => format!("{how}: {words}"),
        })
    }
}

#[cfg(unix)]
impl Drop for Process {
    fn drop(&mut self) {
        use rustix::process::{Signal, kill_process_group, test_kill_process_group};
        let Some(group) = self.group else {
            return;
        };
        // An error means that nobody is left to be told.
        if kill_process_group(group, Signal::TERM).is_err() {
            return;
        }
        let deadline = self.stop.clock().now() + GRACE;
        let clock = self.stop.clock();
        self.stop.runtime().block_on(async {
            while clock.now() < deadline {
                // Looking takes it off the system's list of dead processes, too.
                let is_over = matches!(self.child.try_wait(), Ok(Some(_)));
                if is_over && test_kill_process_group(group).is_err() {
                    return;
                }
                clock.sleep_until(clock.now() + POLL).await;
            }
            kill_process_group(group, Signal::KILL).ok();
            self.child.wait().await.ok();
        });
    }
}

/// What a command writes to its standard error: into the log, line by line.
struct Complaints {
    last: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Complaints {
    fn listen(
        errors: impl AsyncRead + Unpin + Send + 'static,
        invocation: &Invocation<'_>,
    ) -> Self {
        let last = Arc::new(Mutex::new(String::new()));
        let mut lines = Lines {
            stream: invocation.stream.to_owned(),
            secret: invocation
                .secret
                .map(|(secret, shown)| (secret.to_owned(), shown.to_owned())),
            last: last.clone(),
            partial: Vec::new(),
            gate: FloodGate::new(std::time::Instant::now()),
        };
        let task = tokio::spawn(async move { lines.read(errors).await });
        Self { last, task }
    }

    /// Resolves once all has been read; soon in any case, since somebody else may hold the pipe.
    async fn finish(&mut self) {
        tokio::time::timeout(GRACE, &mut self.task).await.ok();
    }

    fn last(&self) -> String {
        self.last.lock().expect("no panic while it is held").clone()
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Lines {
    stream: String,
    secret: Option<(String, String)>,
    last: Arc<Mutex<String>>,
    partial: Vec<u8>,
    gate: FloodGate,
}

impl Lines {
    async fn read(&mut self, mut errors: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = errors.read(&mut buffer).await {
            for &byte in &buffer[..length] {
                // ffmpeg's progress ends in a carriage return; an endless line must not grow for ever.
                if matches!(byte, b'\n' | b'\r') || self.partial.len() >= 4 * LINE_CHARS {
                    self.end_line();
                }
                if !matches!(byte, b'\n' | b'\r') {
                    self.partial.push(byte);
                }
            }
        }
        self.end_line();
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.partial);
        let mut line = shorten(&String::from_utf8_lossy(&bytes));
        if line.is_empty() {
            return;
        }
        if let Some((secret, shown)) = &self.secret {
            line = line.replace(secret, shown);
        }
        let stream = &self.stream;
        match self.gate.admit(std::time::Instant::now()) {
            Some(false) => tracing::info!(stream, "the command says: {line}"),
            Some(true) => {
                tracing::info!(stream, "the command says: {line}");
                tracing::info!(stream, "the command says too much; some lines are left out");
            }
            None => {}
        }
        *self.last.lock().expect("no panic while it is held") = line;
    }
}
