//! What somebody may change by an edit: compared are the pipeline before it and after it, so that
//! it holds whatever way the edit is written in.

use super::diff::Diff;
use super::edit::EditError;
use crate::config::{ActionConfig, Config, DriverConfig, StreamConfig};

/// What somebody may change by an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditRights {
    /// Whether steps are on, and when masks are.
    Switches,
    /// Everything; commands only where the file allows it.
    All,
}

impl EditRights {
    /// Checks the change from `old` to `new`.
    ///
    /// # Errors
    /// It takes other rights.
    pub fn check(self, old: &Config, new: &Config) -> Result<(), EditError> {
        if self == Self::Switches && !Diff::between(old, &with_switches_of(old, new)).is_empty() {
            return Err(EditError::OperatorOnly);
        }
        if new.access.is_open() && !old.access.is_open() {
            return Err(EditError::Opening);
        }
        if old.access.allow_commands_by_api {
            return Ok(());
        }
        let runs_other = commands(new).any(|it| !commands(old).any(|known| known == it));
        match runs_other || new.access.allow_commands_by_api {
            true => Err(EditError::Command),
            false => Ok(()),
        }
    }
}

/// `new` with each step switched, and each mask's condition, as in `old`.
fn with_switches_of(old: &Config, new: &Config) -> Config {
    let mut new = new.clone();
    for stream in &mut new.streams {
        if let Some(before) = old.stream(&stream.name) {
            switch_back(before, stream);
        }
    }
    new
}

fn switch_back(before: &StreamConfig, stream: &mut StreamConfig) {
    for (step, before) in stream.filters.iter_mut().zip(&before.filters) {
        step.enabled = before.enabled;
    }
    let masks = |it: &mut StreamConfig| std::mem::take(&mut it.source.masks);
    let mut now = masks(stream);
    for (mask, before) in now.iter_mut().zip(&before.source.masks) {
        mask.when.clone_from(&before.when);
    }
    stream.source.masks = now;
}

/// The commands that a pipeline runs, and what they run for.
fn commands(config: &Config) -> impl Iterator<Item = Command<'_>> {
    let sources = config.streams.iter().filter_map(|stream| {
        let sources = [Some(&stream.source), stream.file_source.as_ref()];
        let mut drivers = sources.into_iter().flatten().map(|it| &it.driver);
        drivers.find_map(|driver| match driver {
            DriverConfig::Exec(_) => Some(Command::Source(driver)),
            _ => None,
        })
    });
    let actions = config.on.iter().filter(|action| action.run.is_some());
    sources.chain(actions.map(Command::Action))
}

#[derive(PartialEq)]
enum Command<'c> {
    Source(&'c DriverConfig),
    Action(&'c ActionConfig),
}
