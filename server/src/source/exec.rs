//! The driver `exec`: any command that writes JPEGs to its standard output.

use super::process::Process;
use super::{Camera, CapturedFrame, Configured, Source, SourceError};
use crate::clock::StopToken;
use crate::config::ExecConfig;

impl Source for Configured<ExecConfig> {
    fn driver(&self) -> &'static str {
        "exec"
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        let invocation = self.invocation(&self.config.command);
        Ok(Box::new(Process::start(&invocation, stop)?))
    }
}

impl Camera for Process {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let picture = self.next_picture()?;
        Ok(picture.map(|picture| CapturedFrame::now(picture, stop)))
    }
}
