//! The state of the pipeline file: whether it is in force, and what is wrong with it if it
//! is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use std::time::SystemTime;

use jiff::Timestamp;

use crate::config::{Config, ConfigError};
use crate::hash::hash;

/// The most places that are told in one sentence.
const PLACES: usize = 10;

/// The state of the pipeline file. Serialized, it is `/api/v1/pipeline`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct PipelineReport {
    /// The file; none if the server runs without one.
    pub file: Option<String>,
    /// The revision of the file's text in force, which tells it from others.
    pub revision: String,
    /// Changes that were made since the server started.
    pub reloads: u64,
    /// Changes that were refused since the server started.
    pub failed_reloads: u64,
    /// Keys that were changed and take a restart of the server.
    pub needs_restart: Vec<String>,
    /// The reason why the file as it is now is not in force.
    pub error: Option<ReloadError>,
}

/// The time as RFC 3339 in UTC, to the second.
fn utc(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The reason why a change was refused.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct ReloadError {
    /// All of it, as the log has it; without the admin token only where it is.
    pub message: String,
    /// Each problem with its place.
    pub problems: Vec<Problem>,
    /// The time at which it was found, RFC 3339, UTC.
    pub at: String,
    #[serde(skip)]
    file: String,
    /// Whether nothing is wrong with it but that the machine is short of something.
    #[serde(skip)]
    is_passing: bool,
}

impl ReloadError {
    /// A sentence with all of it.
    pub fn sentence(&self) -> String {
        match self.is_passing {
            true => format!(
                "the pipeline file can't be put in force just now: {}",
                self.message
            ),
            false => format!("the pipeline file is wrong: {}", self.message),
        }
    }

    /// Both, as one.
    fn and(mut self, other: Self) -> Self {
        self.is_passing &= other.is_passing;
        self.message = format!("{}\n{}", self.message, other.message);
        self.problems.extend(other.problems);
        self.at = self.at.max(other.at);
        self
    }

    /// The public part: that the file is wrong, or the machine short of something, and where.
    pub fn places_only(&self) -> Self {
        let places: Vec<_> = self
            .problems
            .iter()
            .take(PLACES)
            .map(|problem| format!("{}:{}:{}", self.file, problem.line, problem.column))
            .collect();
        let more = match self.problems.len().saturating_sub(PLACES) {
            0 => String::new(),
            more => format!(" and {more} more places"),
        };
        let places = places.join(", ");
        let (message, problem) = match self.is_passing {
            true => (
                format!(
                    "the pipeline file can't be put in force just now, since the machine is short \
                     of something that {places}{more} needs; what it is takes the admin token to \
                     see, or the server's log"
                ),
                "can't be used just now; why takes the role admin to see",
            ),
            false => (
                format!(
                    "the pipeline file, or a file that it names, is wrong: see {places}{more}; \
                     what is wrong there takes the admin token to see, or the server's log"
                ),
                "is wrong; what it is takes the role admin to see",
            ),
        };
        let problems = self.problems.iter().map(|it| Problem {
            message: problem.to_owned(),
            pointer: None,
            ..*it
        });
        Self {
            message,
            problems: problems.collect(),
            at: self.at.clone(),
            file: self.file.clone(),
            is_passing: self.is_passing,
        }
    }
}

/// Something that is wrong with the pipeline file.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The key or the item that is wrong, as a JSON pointer (RFC 6901) such as
    /// `/streams/front/quality`, if it is one; with the admin token only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The mistake, and what was expected; without the admin token only that it is wrong.
    pub message: String,
}

/// The outcome of the changes so far.
#[derive(Clone, Debug, Default)]
pub struct Reloads {
    pub succeeded: u64,
    pub failed: u64,
    pub needs_restart: Vec<String>,
    /// The error of the file.
    pub error: Option<ReloadError>,
    /// The errors of the filters of streams of which the file says nothing new.
    pub streams: BTreeMap<String, ReloadError>,
    /// The bytes that were left for filters when those of a stream could not have enough.
    pub short_of_memory: BTreeMap<String, u64>,
    /// The file as it was read last, in force or not.
    pub attempted: Option<Arc<Config>>,
}

impl Reloads {
    /// A change was made, of which `needs_restart` is yet to come into force.
    pub fn succeed(&mut self, needs_restart: &[&'static str]) {
        self.succeeded += 1;
        self.needs_restart = needs_restart.iter().map(ToString::to_string).collect();
    }

    /// Forgets the errors that a change settles: of streams that are not as they were, and of the
    /// file if that is how the change came. `true` if the file was wrong until then.
    pub fn settle(&mut self, is_whole_file: bool, is_unchanged: impl Fn(&str) -> bool) -> bool {
        self.streams.retain(|name, _| is_unchanged(name));
        self.short_of_memory.retain(|name, _| is_unchanged(name));
        is_whole_file && self.error.take().is_some()
    }

    /// The filters of `stream` can be used; `true` if that is news.
    pub fn forget(&mut self, stream: &str) -> bool {
        self.short_of_memory.remove(stream);
        self.streams.remove(stream).is_some()
    }

    /// The file was refused, or the files of the filters of one `stream`; `true` if that is news.
    pub fn fail(&mut self, stream: Option<&str>, error: &ConfigError, at: SystemTime) -> bool {
        let message = error.to_string();
        let known = match stream {
            Some(stream) => self.streams.get(stream),
            None => self.error.as_ref(),
        };
        if known.is_some_and(|known| known.message == message) {
            return false;
        }
        let error = ReloadError {
            problems: problems(error),
            message,
            file: error.file_name().to_owned(),
            is_passing: error.may_pass_as_a_whole(),
            at: utc(at),
        };
        self.failed += 1;
        match stream {
            Some(stream) => drop(self.streams.insert(stream.to_owned(), error)),
            None => self.error = Some(error),
        }
        true
    }

    /// The errors of now, as one.
    fn all(&self) -> Option<ReloadError> {
        let mut errors = self.error.iter().chain(self.streams.values()).cloned();
        let first = errors.next()?;
        Some(errors.fold(first, ReloadError::and))
    }
}

/// The mistakes of an error, place by place.
pub fn problems(error: &ConfigError) -> Vec<Problem> {
    let diagnostics = error.diagnostics().iter().zip(error.pointers());
    let problems = diagnostics.map(|(problem, pointer)| Problem {
        line: problem.span.line,
        column: problem.span.column,
        pointer,
        message: problem.message.clone(),
    });
    problems.collect()
}

/// The revision of a file's text: the start of its SHA-256 hash.
pub fn revision(text: &str) -> String {
    hash::<8>(text.as_bytes())
}

impl PipelineReport {
    /// The report for a reader who may see what stands in the file, or may not.
    pub fn for_reader(self, may_see_all: bool) -> Self {
        let error = self.error.map(|error| match may_see_all {
            true => error,
            false => error.places_only(),
        });
        Self { error, ..self }
    }

    /// The report for somebody who sees no settings: whether the file is in force, and no more.
    pub fn for_viewer(self) -> Self {
        Self {
            file: None,
            needs_restart: Vec::new(),
            error: None,
            ..self
        }
    }

    /// The report of the `config` in force, read from `file`.
    pub fn new(file: Option<&Path>, config: &Config, reloads: &Reloads) -> Self {
        Self {
            file: file.map(|file| file.display().to_string()),
            revision: revision(&config.file.text),
            reloads: reloads.succeeded,
            failed_reloads: reloads.failed,
            needs_restart: reloads.needs_restart.clone(),
            error: reloads.all(),
        }
    }
}
