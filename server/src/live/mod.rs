//! The pipeline as it runs, and how it changes while people watch: by its file, by the modules and assets that the file
//! names, and by the API.
//!
//! A change is checked as a whole before any of it is made. What it doesn't touch goes on: streams with their viewers and
//! cameras, steps with their instances; and it waits for no filters but those of the streams that it changes.

mod catalogue;
mod change;
mod claim;
mod file_writes;
mod plan;
mod reading;
mod reload;
mod renewal;
mod report;
mod retry;
mod timed_lock;
mod turns;
mod versions;
mod watch;
mod workshop;
mod writers;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Semaphore, watch as channel};
use tokio_util::sync::CancellationToken;

pub use catalogue::{Catalogue, CatalogueEntry, UnusableFilter};
pub use change::{ChangeError, Revisions, replace_file};
use plan::check_abilities;
pub use plan::{Plans, check_parts, check_passwords, check_recordings};
pub use report::{PipelineReport, Problem, ReloadError, problems, revision};
pub use versions::{Author, StateFolder, Version, Versions};
pub use watch::watch;
pub use workshop::{Equip, Workshop};

use crate::chain::{Check, FilterCache};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, SourceConfig};
use crate::events::{Event, Events};
use crate::secret::SecretText;
use crate::stream::Stream;
use crate::variables::Variables;
use catalogue::Catalogues;
use file_writes::FileWrites;
use reading::Reading;
use reload::Attempts;
use renewal::Renewals;
use report::Reloads;
use retry::Retries;
use timed_lock::{TimedGuard, TimedLock};
use turns::Turns;
use workshop::{Checked, read_token};
use writers::Writers;

/// Changes by the API that are made at once; the others wait without a thread each.
const CHANGES: usize = 128;

/// The pipeline as it runs. Clones share it.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    cache: FilterCache,
    clock: Arc<dyn Clock>,
    /// The first stream's source on the command line, instead of the file's.
    first_source: Option<SourceConfig>,
    /// Held for as long as it takes to make a change that is ready; never while a filter is compiled or started.
    workshop: TimedLock<Workshop>,
    attempts: Attempts,
    renewals: Renewals,
    retries: Retries,
    turns: Turns,
    /// Places for changes by the API that are being made, each on a thread.
    changing: Arc<Semaphore>,
    /// Taken by a change whose filters are ready, until it is written and in force: first come, first served, so that none is
    /// overtaken again and again.
    commit_queue: AsyncMutex<()>,
    /// Held by the first in the queue, which tells how long it takes.
    commit: TimedLock<()>,
    catalogues: Catalogues,
    current: channel::Sender<Arc<Running>>,
    reloads: channel::Sender<Reloads>,
    /// The pipeline file. It may not be there yet if the server started without one.
    file: PathBuf,
    versions: Versions,
    writers: Writers,
    /// What was found to be written to the pipeline file when a change was about to replace it.
    saving: Mutex<Option<FileWrites>>,
    events: Events,
    variables: Variables,
    /// Cancelled when the server ends.
    end: CancellationToken,
}

/// The way by which a change comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// All of the file: it was written by somebody, or a version of it was restored. All of it was checked.
    File,
    /// A part of the file, by the API. What the file holds beside it may be wrong still.
    Api,
}

/// What runs at one moment.
#[derive(Clone)]
pub struct Running {
    /// What the file says.
    pub pipeline: Arc<Config>,
    /// The streams, in the file's order.
    pub streams: Arc<[Arc<Stream>]>,
    /// What proves that somebody may change the pipeline; nobody may if there is none.
    pub admin_token: Option<SecretText>,
}

impl Running {
    /// The stream called `name`.
    pub fn find(&self, name: &str) -> Option<&Arc<Stream>> {
        self.streams.iter().find(|stream| stream.name() == name)
    }
}

/// The shortest admin token that is taken without a word. The right one is always let in, so guesses come as fast as the
/// network carries them; of 16 random letters and digits there are 2⁹⁵.
const TOKEN_CHARS: usize = 16;

/// Checks what makes the server refuse to start, and warns of what it warns of: what this build can do, the pins, secrets that a
/// comment may have cut off, and the admin token, which it gives.
///
/// # Errors
/// All that is wrong.
pub fn check_start(pipeline: &Config) -> Result<Option<SecretText>, ConfigError> {
    let mut wrong = check_abilities(pipeline);
    let token = read_token(pipeline).unwrap_or_else(|error| {
        wrong.extend(error.diagnostics().iter().cloned());
        None
    });
    if !wrong.is_empty() {
        return Err(pipeline.error(wrong));
    }
    if let Some(token) = &token {
        warn_of_short_token(token.expose());
    }
    warn_of_comments(pipeline, None);
    Ok(token)
}

/// Warns of secrets that a comment may have cut off, but for those that there were `before`.
fn warn_of_comments(pipeline: &Config, before: Option<&Config>) {
    let known = before.map(Config::warnings).unwrap_or_default();
    let warnings = pipeline.warnings().into_iter();
    for warning in warnings.filter(|warning| !known.contains(warning)) {
        tracing::warn!("{warning}");
    }
}

/// Warns of recordings that are not there yet, each of which is its own stream's failure.
fn warn_of_recordings(pipeline: &Config) {
    let missing = check_recordings(pipeline, None);
    if !missing.is_empty() {
        let missing = pipeline.error(missing);
        tracing::warn!("a stream fails until its recording is there: {missing}");
    }
}

/// Warns of an admin token that could be guessed.
fn warn_of_short_token(token: &str) {
    if token.chars().count() < TOKEN_CHARS {
        tracing::warn!(
            "the admin token is shorter than {TOKEN_CHARS} characters and could be guessed; make a longer one, for instance with `openssl rand -hex 16`"
        );
    }
}

impl Live {
    /// Starts the streams of `pipeline`, which was read from `file`, or stands for it until it is there; its `versions` are kept.
    /// The streams' filters are readied by [`watch()`]. Must be called on a runtime.
    ///
    /// # Errors
    /// All that is wrong with the pipeline and can be told without its filters.
    pub fn start(
        mut workshop: Workshop,
        mut pipeline: Config,
        (file, versions): (PathBuf, Versions),
    ) -> Result<Self, ConfigError> {
        let (events, variables) = (workshop.events().clone(), workshop.variables().clone());
        let (cache, first_source) = (workshop.cache().clone(), workshop.first_source().cloned());
        take_source(&mut pipeline, first_source.as_ref());
        let admin_token = check_start(&pipeline)?;
        warn_of_recordings(&pipeline);
        let (end, _) = workshop.ends();
        if !pipeline.is_built_in() {
            versions.note(&pipeline.file.text, &Author::File);
        }
        let (running, _) = workshop.apply(Checked {
            admin_token,
            pipeline,
            plans: Plans::default(),
        });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self(Arc::new(Inner {
            cache,
            first_source,
            workshop: TimedLock::new(workshop, clock.clone()),
            attempts: Attempts::default(),
            renewals: Renewals::default(),
            retries: Retries::default(),
            clock: clock.clone(),
            turns: Turns::default(),
            changing: Arc::new(Semaphore::new(CHANGES)),
            commit_queue: AsyncMutex::default(),
            commit: TimedLock::new((), clock.clone()),
            end,
            catalogues: Catalogues::default(),
            current: channel::Sender::new(Arc::new(running)),
            reloads: channel::Sender::default(),
            file,
            versions,
            writers: Writers::default(),
            saving: Mutex::default(),
            events,
            variables,
        })))
    }

    /// Gives the first stream the source of the command line.
    fn take_source(&self, pipeline: &mut Config) {
        take_source(pipeline, self.0.first_source.as_ref());
    }

    fn workshop(&self) -> TimedGuard<'_, Workshop> {
        self.0.workshop.lock()
    }

    /// The time for which the change that is being made now has held up all others.
    pub fn changes_held_up(&self) -> Duration {
        self.0.workshop.held().max(self.0.commit.held())
    }

    /// Whether the server runs without a pipeline file: it started without one, and there is none yet.
    fn is_without_file(&self) -> bool {
        self.now().pipeline.is_built_in() && !self.0.file.exists()
    }

    /// What runs now.
    pub fn now(&self) -> Arc<Running> {
        self.0.current.borrow().clone()
    }

    /// Tells of each change of what runs.
    pub fn changes(&self) -> channel::Receiver<Arc<Running>> {
        self.0.current.subscribe()
    }

    /// Where is told what happens.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    /// What filters see beside the frames.
    pub fn variables(&self) -> &Variables {
        &self.0.variables
    }

    /// How the file is, and what became of the last change.
    pub fn report(&self) -> PipelineReport {
        let reloads = self.0.reloads.borrow();
        let file = (!self.is_without_file()).then_some(&*self.0.file);
        PipelineReport::new(file, &self.now().pipeline, &reloads)
    }

    /// The versions of the pipeline file.
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Checks `pipeline` and readies the chains that it changes of what is `running`.
    fn check(
        &self,
        mut pipeline: Config,
        running: &Running,
        mut plans: Plans,
        check: &Check<'_>,
    ) -> Result<Checked, ConfigError> {
        self.take_source(&mut pipeline);
        // Filters that start now may need the larger budget that comes with them.
        let budget = self.0.cache.engine().budget();
        let _coming = budget.expect_limit(pipeline.filters_memory);
        plans.ready(&self.0.cache, &pipeline, running, check)?;
        Ok(Checked {
            admin_token: read_token(&pipeline)?,
            pipeline,
            plans,
        })
    }

    /// Makes the change, if `running` still is what runs; else gives it back.
    fn make(
        &self,
        workshop: &mut Workshop,
        running: &Arc<Running>,
        (checked, by): (Checked, ChangedBy),
    ) -> Result<(), Box<Checked>> {
        if !Arc::ptr_eq(running, &self.now()) {
            return Err(Box::new(checked));
        }
        let (running, changes) = workshop.apply(checked);
        self.publish(running, &changes, by);
        Ok(())
    }

    fn publish(&self, running: Running, changes: &workshop::Changes, by: ChangedBy) {
        let running = Arc::new(running);
        let old = self.0.current.send_replace(running.clone());
        if let Some(token) = &running.admin_token
            && old.admin_token.as_ref() != Some(token)
        {
            warn_of_short_token(token.expose());
        }
        // What the API writes is quoted where that is needed; both texts would be parsed for each change.
        if by == ChangedBy::File {
            warn_of_comments(&running.pipeline, Some(&old.pipeline));
        }
        for stream in &changes.ended {
            stream.end();
        }
        let is_unchanged = |name: &str| old.pipeline.stream(name) == running.pipeline.stream(name);
        let mut was_wrong = false;
        self.0
            .reloads
            .send_modify(|reloads| was_wrong = reloads.settle(by, is_unchanged));
        let message = match changes.words.as_slice() {
            [] if was_wrong => "the pipeline file is right again; nothing has changed".to_owned(),
            // Saved as it was, or written by the server itself.
            [] => return,
            words => words.join("; "),
        };
        let known = self.0.reloads.borrow().needs_restart.clone();
        self.0
            .reloads
            .send_modify(|reloads| reloads.succeed(&changes.needs_restart));
        tracing::info!("the pipeline changes: {message}");
        for key in changes
            .needs_restart
            .iter()
            .filter(|key| !known.contains(&key.to_string()))
        {
            tracing::warn!("a change of `{key}` takes a restart of the server");
        }
        self.0.events.tell(Event::Reload {
            message,
            succeeded: true,
        });
    }

    /// Tells of an error of the file, or of the filters of one `stream`, unless it is known.
    fn refuse(&self, stream: Option<&str>, error: &ConfigError, told: &str) {
        let message = error.to_string();
        let is_news = self
            .0
            .reloads
            .send_if_modified(|reloads| reloads.fail(stream, error));
        if is_news {
            tracing::error!("{told}:\n{message}");
            self.0.events.tell(Event::Reload {
                message,
                succeeded: false,
            });
        }
    }
}

fn take_source(pipeline: &mut Config, source: Option<&SourceConfig>) {
    if let (Some(source), Some(first)) = (source, pipeline.streams.first_mut()) {
        first.source = source.clone();
    }
}
