//! A command that runs while its pictures are wanted: its output, and its end.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use jpeg_splice::InvalidJpeg;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::mjpeg_reader::MjpegReader;
use super::stderr_log::{SeenLines, StderrLog};
use crate::clock::StopToken;
use crate::secret::{self, SecretText, mask_written};

/// The time for which a command has to end by itself once it is told to.
const GRACE: Duration = Duration::from_secs(1);
/// The interval at which its end is looked for.
const POLL: Duration = Duration::from_millis(20);

/// Variables that systemd sets for the server, and nobody else.
const SYSTEMD: [&str; 2] = ["CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"];
/// Variables that commands need, and that are no secrets, even where a password is the user's name.
const PLACES: [&str; 6] = ["HOME", "LOGNAME", "PATH", "PWD", "SHELL", "USER"];

/// A running command whose output is pictures.
pub struct Process {
    child_process: ChildProcess,
    jpegs: MjpegReader<ChildStdout>,
}

/// A running command. Dropping it ends its whole process group.
pub struct ChildProcess {
    name: String,
    child: Child,
    /// The number of its process group. Its own children may be left there when it has ended.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    stderr_log: StderrLog,
    seen: SeenLines,
    stop: StopToken,
}

/// A command to run.
pub struct Invocation<'a> {
    /// The program, and its arguments.
    pub command: &'a [SecretText],
    /// The folder that it runs in.
    pub folder: &'a Path,
    /// The lines that the command has written in runs that gave no picture.
    pub seen: &'a SeenLines,
}

/// The reason why a command gives no pictures.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such program.
    #[error("there is no program `{0}`: install it, or write its whole path")]
    NotFound(String),
    /// The program is ffmpeg, and it is not there.
    #[error(
        "there is no ffmpeg, which the driver `rtsp` decodes video with: install it (Debian: \
         `apt install ffmpeg`)"
    )]
    NoFfmpeg,
    /// None of the programs is there that work with the Raspberry Pi's camera.
    #[error(
        "there is neither {0} here, which the driver `pi-camera` works with: install `rpicam-apps`"
    )]
    NoPiProgram(String),
    /// The system refuses to start it.
    #[error("`{0}` can't be run: {1}")]
    CantRun(String, io::Error),
    /// It was started without an output.
    #[error("`{0}` has no output")]
    NoOutput(String),
    /// It was started without an input.
    #[error("`{0}` has no standard input")]
    NoInput(String),
    /// Its output can't be read.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// It has ended.
    #[error(
        "`{name}` ended{}{}",
        .status.map_or_else(String::new, |it| format!(" ({it})")),
        behind_colon(.last_line)
    )]
    Ended {
        /// The program.
        name: String,
        /// Its exit status, if that is known.
        status: Option<ExitStatus>,
        /// The last line that it wrote.
        last_line: String,
    },
}

/// `words` at the end of a sentence, if there are any.
pub fn behind_colon(words: &str) -> String {
    match words {
        "" => String::new(),
        words => format!(": {words}"),
    }
}

impl Process {
    /// Starts the command in a process group of its own.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(invocation: &Invocation<'_>, stop: &StopToken) -> Result<Self, CommandError> {
        let (child_process, out) = ChildProcess::start(invocation, Stdio::null(), stop)?;
        Ok(Self {
            child_process,
            jpegs: MjpegReader::new(out, stop),
        })
    }

    /// The next picture, or the reason why it is broken; `None` once a stop is requested.
    ///
    /// # Errors
    /// The command has ended.
    pub fn next_picture(&mut self) -> Result<Option<Result<Bytes, InvalidJpeg>>, CommandError> {
        match self.jpegs.next()? {
            _ if self.child_process.stop.is_requested() => Ok(None),
            Some(picture) => {
                self.child_process.works();
                Ok(Some(picture))
            }
            None => Err(self.child_process.end()),
        }
    }
}

impl ChildProcess {
    /// Starts the command in a process group of its own; gives its output, too.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(
        invocation: &Invocation<'_>,
        input: Stdio,
        stop: &StopToken,
    ) -> Result<(Self, ChildStdout), CommandError> {
        let _runtime = stop.runtime().enter();
        let name = invocation.name();
        let mut command = invocation.prepare();
        command.stdin(input).stdout(Stdio::piped());
        let mut child = invocation.spawn(&mut command)?;
        let (Some(out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(CommandError::NoOutput(name));
        };
        let child_process = Self {
            name,
            #[cfg(unix)]
            group: group(&child),
            child,
            stderr_log: StderrLog::listen(errors, invocation, stop.clock().clone()),
            seen: invocation.seen.clone(),
            stop: stop.clone(),
        };
        Ok((child_process, out))
    }

    /// The pipe that it reads from.
    ///
    /// # Errors
    /// It was taken before, or is none.
    pub fn input(&mut self) -> Result<ChildStdin, CommandError> {
        let input = self.child.stdin.take();
        input.ok_or_else(|| CommandError::NoInput(self.name.clone()))
    }

    /// A picture has come: what the command says is news again once it has been quiet.
    pub fn works(&self) {
        if let Some(log_line) = self.seen.works(self.stop.clock().now()) {
            log_line.write();
        }
    }

    /// Its end, in its own last words.
    pub fn end(&mut self) -> CommandError {
        // One that has closed its output but runs on is ended when it is dropped.
        let status = self.stop.wait_for(self.child.wait());
        self.stop.wait_for(self.stderr_log.finish());
        CommandError::Ended {
            name: self.name.clone(),
            status: status.and_then(Result::ok),
            last_line: self.stderr_log.last(),
        }
    }
}

impl Invocation<'_> {
    /// The program, for messages.
    pub fn name(&self) -> String {
        let program = self.command.first();
        program.map_or_else(String::new, |it| mask_written(it.expose()))
    }

    /// The command, to be run in a process group of its own, with its errors to be read and none of
    /// the server's secrets.
    pub fn prepare(&self) -> Command {
        let mut words = self.command.iter().map(SecretText::expose);
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .current_dir(self.folder)
            .stderr(Stdio::piped())
            // For the case that it is never asked to end.
            .kill_on_drop(true);
        remove_secrets(&mut command);
        #[cfg(unix)]
        command.process_group(0);
        command
    }

    /// Starts what was prepared. Must be called on a runtime.
    ///
    /// # Errors
    /// It can't be started.
    pub fn spawn(&self, command: &mut Command) -> Result<Child, CommandError> {
        command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CommandError::NotFound(self.name()),
            _ => CommandError::CantRun(self.name(), error),
        })
    }
}

/// The number of the process group of `child`, which was prepared by [`Invocation::prepare`] and
/// has not been waited for.
#[cfg(unix)]
pub fn group(child: &Child) -> Option<rustix::process::Pid> {
    let id = child.id()?.try_into().ok()?;
    rustix::process::Pid::from_raw(id)
}

/// Keeps from a command what the server was told by its environment: the variables that a pipeline
/// file names for passwords and tokens, those that have a password or token in them, the server's
/// own, and systemd's (where credentials lie, and whom to report to).
fn remove_secrets(command: &mut Command) {
    for name in secret::environment() {
        command.env_remove(name);
    }
    for (name, value) in std::env::vars_os() {
        let is_own = name
            .to_str()
            .is_some_and(|name| name.starts_with("MATTEBOX_"));
        let is_among = |names: &[&str]| names.iter().any(|other| name == *other);
        let tells = !is_among(&PLACES) && secret::is_told_by(&value.to_string_lossy());
        if is_own || tells || is_among(&SYSTEMD) {
            command.env_remove(&name);
        }
    }
}

#[cfg(unix)]
impl Drop for ChildProcess {
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
