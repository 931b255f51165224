//! Running a program for an event.

use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use jpeg_splice::Jpeg;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::message::texts;
use super::worker::Failure;
use crate::clock::Clock;
use crate::config::ActionConfig;
use crate::event_log::Change;
use crate::source::process::{Invocation, behind_colon, group};
use crate::source::stderr_log::{SeenLines, StderrLog};

/// Runs the program of an action.
#[derive(Default)]
pub struct Program {
    /// The lines that it has written.
    seen: SeenLines,
}

impl Program {
    /// Runs it in `folder`, with `message` on its standard input. When this is dropped before it
    /// has ended, its whole process group is killed.
    ///
    /// # Errors
    /// It can't be run, or fails.
    pub async fn run(
        &self,
        (config, folder): (&ActionConfig, &Path),
        message: &Value,
        (change, picture): (&Change, Option<&Jpeg>),
        clock: Arc<dyn Clock>,
    ) -> Result<(), Failure> {
        let invocation = Invocation {
            command: config.run.as_deref().unwrap_or_default(),
            folder,
            seen: &self.seen,
        };
        let cant = |why: io::Error| {
            Failure::Lasting(format!("the event's picture can't be written: {why}"))
        };
        let picture = picture.map(written).transpose().map_err(cant)?;
        let mut command = invocation.prepare();
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        describe(&mut command, change, picture.as_ref());
        let child = invocation.spawn(&mut command);
        let mut child = child.map_err(|why| Failure::Lasting(why.to_string()))?;
        let _group = Group::of(&child);
        let errors = child.stderr.take();
        let mut log = errors.map(|errors| StderrLog::listen(errors, &invocation, clock));
        let status = end(&mut child, message.to_string().as_bytes()).await;
        let status = status.map_err(|why| Failure::Lasting(why.to_string()))?;
        let mut last = String::new();
        if let Some(log) = &mut log {
            log.finish().await;
            last = log.last();
        }
        match status.success() {
            true => Ok(()),
            false => Err(Failure::Lasting(format!(
                "it ended ({status}){}",
                behind_colon(&last)
            ))),
        }
    }
}

/// A file with the picture, which goes when this is dropped.
fn written(picture: &Jpeg) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix("mattebox-")
        .suffix(".jpg")
        .tempfile()?;
    file.write_all(picture)?;
    Ok(file)
}

/// Puts the event's texts into the command's environment, and the path of its picture.
fn describe(command: &mut Command, change: &Change, picture: Option<&NamedTempFile>) {
    for (name, text) in texts(change) {
        // No variable can have a zero in it.
        let text = text.as_str().unwrap_or_default().replace('\0', "");
        command.env(format!("MATTEBOX_EVENT_{}", name.to_uppercase()), text);
    }
    if let Some(picture) = picture {
        command.env("MATTEBOX_EVENT_PICTURE", picture.path());
    }
}

/// Gives `child` its `input`, whether or not it reads it, and waits for its end.
async fn end(child: &mut Child, input: &[u8]) -> io::Result<ExitStatus> {
    let pipe = child.stdin.take();
    let write = async {
        if let Some(mut pipe) = pipe {
            // It need not read it.
            pipe.write_all(input).await.ok();
        }
    };
    let (_, status) = tokio::join!(write, child.wait());
    status
}

/// A process group, which is killed when this is dropped.
struct Group {
    #[cfg(unix)]
    id: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        Self { id: group(child) }
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Self {
        Self {}
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.id {
            // An error means that nobody is left.
            rustix::process::kill_process_group(id, rustix::process::Signal::KILL).ok();
        }
    }
}
