//! The control side: runs the pipeline and changes it while people watch, by its file, by the
//! modules and assets that the file names, and by the API.
//!
//! A change is checked as a whole before any of it is made. What it doesn't touch goes on: streams
//! with their viewers and cameras, steps with their instances; and it waits for no filters but
//! those of the streams that it changes.

mod certificate;
mod change;
mod commit;
mod credentials;
mod diff;
mod edit;
mod edit_rights;
mod file_lock;
mod file_read;
mod file_replace;
mod file_writes;
mod filter_catalog;
mod indicators;
mod merge_patch;
mod open_writes;
mod pipeline_file;
mod plan;
mod reload;
mod renewal;
mod report;
mod retry;
mod stream_locks;
mod stream_watch;
mod timed_lock;
mod topology;
mod versions;
mod watch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::watch::{Receiver, Sender};
use tokio_util::sync::CancellationToken;

pub use certificate::{check_tls, files_of_tls};
pub use commit::Edited;
pub use credentials::{ADMIN_TOKEN, Anonymous, Credentials, Stamp, StreamSet, Token, User};
pub use edit::{Edit, EditError};
pub use edit_rights::EditRights;
pub use file_replace::replace_file;
pub use filter_catalog::{CatalogEntry, FilterCatalog, UnusableFilter};
pub use indicators::Indicators;
pub use pipeline_file::PipelineFile;
use plan::check_abilities;
pub use plan::{Plans, check_parts, check_passwords, check_recordings};
pub use report::{PipelineReport, Problem, ReloadError, problems, revision};
pub use topology::TopologyDeps;
pub use versions::{Author, Version, Versions};
pub use watch::watch;

use crate::chain::{CompilingReport, FilterCache};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Diagnostic};
use crate::event_log::EventLog;
use crate::files::FileState;
use crate::log::recurring::Recurring;
use crate::notifications::{Notification, Notifications};
use crate::stream::Stream;
use crate::tls::TlsFiles;
use crate::variables::Variables;
use file_read::FileRead;
use file_writes::FileWrites;
use filter_catalog::FilterCatalogs;
use open_writes::OpenWrites;
use reload::Attempts;
use renewal::Renewals;
use report::Reloads;
use retry::Retries;
use stream_locks::StreamLocks;
use timed_lock::{TimedGuard, TimedLock};
use topology::{Topology, ValidatedConfig};

/// Changes by the API that are made at once; the others wait without a thread each.
const CHANGES: usize = 128;

/// Runs the pipeline and changes it. Clones share it.
#[derive(Clone)]
pub struct Controller(Arc<Inner>);

struct Inner {
    cache: FilterCache,
    clock: Arc<dyn Clock>,
    /// Held for as long as it takes to make a change that is ready; never while a filter is
    /// compiled or started.
    topology: TimedLock<Topology>,
    attempts: Attempts,
    renewals: Renewals,
    retries: Retries,
    stream_locks: StreamLocks,
    /// Places for changes by the API that are being made, each on a thread.
    changing: Arc<Semaphore>,
    /// Taken by a change whose filters are ready, until it is written and in force: first come,
    /// first served, so that none is overtaken again and again.
    commit_queue: tokio::sync::Mutex<()>,
    /// Held by the first in the queue, which tells how long it takes.
    commit: TimedLock<()>,
    catalogs: FilterCatalogs,
    current: Sender<Arc<Snapshot>>,
    reloads: Sender<Reloads>,
    file: PipelineFile,
    /// The state of the file as the server itself has written it last, while all of it is in force.
    own_write: Mutex<Option<FileState>>,
    versions: Versions,
    open_writes: OpenWrites,
    /// The writing to the pipeline file that was found when a change was about to replace it.
    saving: Mutex<Option<FileWrites>>,
    /// Failures to write the pipeline file, or what was uploaded.
    write_failures: Mutex<Recurring>,
    /// Cancelled when the server ends.
    end: CancellationToken,
}

/// The pipeline that is in force at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// The configuration.
    pub config: Arc<Config>,
    /// The streams, in the file's order.
    pub streams: Arc<[Arc<Stream>]>,
    /// Who may do what.
    pub credentials: Arc<Credentials>,
    /// What `tls` says, with its files read; none without it.
    pub tls: Option<Arc<TlsFiles>>,
}

impl Snapshot {
    /// The stream called `name`.
    pub fn find(&self, name: &str) -> Option<&Arc<Stream>> {
        self.streams.iter().find(|stream| stream.name() == name)
    }

    /// The ids of its steps, in the chain's order.
    fn step_ids(&self, name: &str) -> Option<Vec<u64>> {
        let steps = self.find(name)?.steps();
        Some(steps.iter().map(|step| step.id).collect())
    }
}

/// Checks what makes the server refuse to start, and warns of what it warns of: what this build can
/// do, the pins, secrets that a comment may have cut off, and who may do what, which it gives.
///
/// # Errors
/// All that is wrong.
pub fn check_start(config: &Config) -> Result<Credentials, Vec<Diagnostic>> {
    let mut wrong = check_abilities(config);
    let credentials = match Credentials::read(config) {
        Ok(credentials) if wrong.is_empty() => credentials,
        read => {
            wrong.extend(read.err().unwrap_or_default());
            return Err(wrong);
        }
    };
    credentials.warn_of_weak(None);
    warn_of_comments(config, None);
    Ok(credentials)
}

/// Warns of secrets that a comment may have cut off, but for those that there were `before`.
fn warn_of_comments(config: &Config, before: Option<&Config>) {
    let known = before.map(Config::warnings).unwrap_or_default();
    let warnings = config.warnings().into_iter();
    for warning in warnings.filter(|warning| !known.contains(warning)) {
        tracing::warn!(error = %warning, "a comment may cut a secret off");
    }
}

/// Warns of recordings that are not there yet, each of which is its own stream's failure.
fn warn_of_recordings(config: &Config) {
    let missing = check_recordings(config, None);
    if !missing.is_empty() {
        let missing = config.error(missing);
        tracing::warn!(error = %missing, "a stream fails until its recording is there");
    }
}

/// Tells which stream has another source than the file names.
fn tell_of_override(config: &Config) {
    if let Some(stream) = config.overridden() {
        tracing::info!(
            stream = stream.name,
            "the source is that of --source instead of the pipeline file's"
        );
    }
}

impl Controller {
    /// Starts the streams of `config`, which was read from `file`, or stands for it until it is
    /// there; the file's `versions` are kept. The streams' filters are readied by [`watch()`]. Must
    /// be called on a runtime.
    ///
    /// # Errors
    /// All that is wrong with the pipeline and can be told without its filters.
    pub fn start(
        deps: TopologyDeps,
        config: Config,
        (file, versions): (PipelineFile, Versions),
    ) -> Result<Self, ConfigError> {
        let (cache, end) = (deps.cache.clone(), deps.shutdown.clone());
        let clock = cache.engine().clock().clone();
        let credentials = check_start(&config).map_err(|wrong| config.error(wrong))?;
        let tls = certificate::at_start(&config, clock.unix())?;
        warn_of_recordings(&config);
        tell_of_override(&config);
        let (compiler, ended) = (cache.compiler().clone(), end.clone());
        deps.tasks.spawn(async move {
            ended.cancelled().await;
            compiler.close();
        });
        if !config.is_built_in() {
            versions.note(&config.file.text, &Author::File);
        }
        let mut topology = Topology::new(deps);
        let applied = topology.apply(ValidatedConfig {
            credentials: Arc::new(credentials),
            tls,
            config,
            plans: Plans::default(),
        });
        Ok(Self(Arc::new(Inner {
            cache,
            topology: TimedLock::new(topology, clock.clone()),
            attempts: Attempts::default(),
            renewals: Renewals::default(),
            retries: Retries::default(),
            clock: clock.clone(),
            stream_locks: StreamLocks::default(),
            changing: Arc::new(Semaphore::new(CHANGES)),
            commit_queue: tokio::sync::Mutex::default(),
            commit: TimedLock::new((), clock.clone()),
            end,
            catalogs: FilterCatalogs::default(),
            current: Sender::new(Arc::new(applied.snapshot)),
            reloads: Sender::default(),
            file,
            own_write: Mutex::default(),
            versions,
            open_writes: OpenWrites::default(),
            saving: Mutex::default(),
            write_failures: Mutex::default(),
        })))
    }

    fn topology(&self) -> TimedGuard<'_, Topology> {
        self.0.topology.lock()
    }

    /// The time for which the change that is being made now has held up all others.
    pub fn changes_held_up(&self) -> Duration {
        self.0.topology.held().max(self.0.commit.held())
    }

    /// Whether the server runs without a pipeline file: it started without one, and there is none
    /// yet.
    fn is_without_file(&self) -> bool {
        self.current().config.is_built_in() && !self.0.file.path().exists()
    }

    /// The pipeline that is in force now.
    pub fn current(&self) -> Arc<Snapshot> {
        self.0.current.borrow().clone()
    }

    /// Notifies of each change of the pipeline.
    pub fn changes(&self) -> Receiver<Arc<Snapshot>> {
        self.0.current.subscribe()
    }

    /// The log of events.
    pub fn events(&self) -> &EventLog {
        self.0.cache.events()
    }

    /// The bus of the server's own notifications.
    pub fn notifications(&self) -> &Notifications {
        self.0.cache.notifications()
    }

    /// The filter that is being compiled for the stream `stream`, if one is.
    pub fn compiling(&self, stream: &str) -> Option<CompilingReport> {
        self.0.cache.compiling(stream)
    }

    /// The clock that all goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The variables that filters see beside the frames.
    pub fn variables(&self) -> &Variables {
        self.0.cache.variables()
    }

    /// The state of the file, and the result of the last change.
    pub fn report(&self) -> PipelineReport {
        let reloads = self.0.reloads.borrow();
        let file = (!self.is_without_file()).then_some(self.0.file.path());
        PipelineReport::new(file, &self.current().config, &reloads)
    }

    /// The versions of the pipeline file.
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Tells of an error of the file, or of the filters of one `stream`, and of its outcome, unless
    /// it is known.
    fn refuse(
        &self,
        stream: Option<&str>,
        error: &ConfigError,
        (outcome, retry_in): (&'static str, Option<Duration>),
    ) {
        let message = error.to_string();
        let is_news = self
            .0
            .reloads
            .send_if_modified(|reloads| reloads.fail(stream, error, self.0.clock.unix()));
        if is_news {
            let retry_in = retry_in.map(tracing::field::debug);
            tracing::error!(stream, retry_in, error = %message, "{outcome}");
            self.notifications().publish(Notification::Reload {
                message,
                succeeded: false,
            });
        }
    }
}

#[cfg(test)]
mod tests;
