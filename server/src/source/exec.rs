//! The driver `exec`: any command that writes JPEGs to its standard output.

use std::path::{Path, PathBuf};

use super::process::{CommandError, Invocation, Process};
use super::stderr_log::SeenLines;
use super::{Camera, CapturedFrame, Source, SourceError};
use crate::clock::StopToken;
use crate::mask::MaskStamp;
use crate::secret::SecretText;

/// A command that writes JPEGs; also what other drivers run.
pub struct Exec {
    driver: &'static str,
    folder: PathBuf,
    seen: SeenLines,
}

/// The driver `exec`.
pub struct ExecSource {
    exec: Exec,
    command: Vec<SecretText>,
}

impl ExecSource {
    /// Runs `command` in `folder`, for the stream called `stream`.
    pub fn new(command: Vec<SecretText>, folder: &Path) -> Self {
        Self {
            exec: Exec::new("exec", folder),
            command,
        }
    }
}

impl Source for ExecSource {
    fn driver(&self) -> &'static str {
        self.exec.driver
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        Ok(self.exec.run(&self.command, stop)?)
    }
}

impl Exec {
    /// Runs commands in `folder` for `driver` and the stream called `stream`.
    pub fn new(driver: &'static str, folder: &Path) -> Self {
        Self {
            driver,
            folder: folder.to_owned(),
            seen: SeenLines::default(),
        }
    }

    /// The driver's name in pipeline.yaml.
    pub fn driver(&self) -> &'static str {
        self.driver
    }

    /// Starts `command`.
    ///
    /// # Errors
    /// It can't be started.
    pub fn run(
        &self,
        command: &[SecretText],
        stop: &StopToken,
    ) -> Result<Box<dyn Camera + '_>, CommandError> {
        Ok(Box::new(Process::start(&self.invocation(command), stop)?))
    }

    /// The way to run `command`.
    pub fn invocation<'a>(&'a self, command: &'a [SecretText]) -> Invocation<'a> {
        Invocation {
            command,
            folder: &self.folder,
            seen: &self.seen,
        }
    }
}

impl Camera for Process {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let picture = self.next()?;
        Ok(picture.map(|picture| CapturedFrame {
            picture: picture.into(),
            captured_at: stop.clock().unix(),
            since: None,
            masks: MaskStamp::default(),
        }))
    }
}
