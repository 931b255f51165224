//! The pipeline as it runs, and how it changes while people watch: by its file, by the modules and assets that the file
//! names, and by the API.
//!
//! A change is checked as a whole before any of it is made. What it doesn't touch goes on: streams with their viewers and
//! cameras, steps with their instances.

mod catalogue;
mod change;
mod claim;
mod plan;
mod report;
mod timed_lock;
mod turns;
mod watch;
mod workshop;
mod writers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch as channel;
use tokio::task::JoinSet;

pub use catalogue::{Catalogue, CatalogueEntry, UnusableFilter};
pub use change::ChangeError;
pub use plan::{Plans, Scope};
pub use report::{PipelineReport, Problem, ReloadError, problems};
pub use watch::watch;
pub use workshop::{Equip, Workshop};

use crate::chain::{Loader, Unchanged};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Pipeline, SourceConfig, StreamConfig};
use crate::events::{Event, Events};
use crate::panics::catch;
use crate::secret::SecretText;
use crate::stream::Stream;
use crate::variables::Variables;
use catalogue::Catalogues;
use plan::check_parts;
use report::Reloads;
use timed_lock::{TimedGuard, TimedLock};
use turns::Turns;
use workshop::{Checked, read_token};
use writers::Writers;

/// The number of times that the file is read again when other changes come before what it says.
const TRIES: usize = 20;

/// The pipeline as it runs. Clones share it.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    loader: Loader,
    clock: Arc<dyn Clock>,
    /// The first stream's source on the command line, instead of the file's.
    first_source: Option<SourceConfig>,
    /// Held for as long as it takes to make a change that is ready; never while a filter is compiled or started.
    workshop: TimedLock<Workshop>,
    /// Held while the file is read again and its filters are readied, so that this is done once at a time.
    reloading: TimedLock<()>,
    turns: Turns,
    catalogues: Catalogues,
    current: channel::Sender<Arc<Running>>,
    reloads: channel::Sender<Reloads>,
    file: Option<PathBuf>,
    writers: Writers,
    events: Events,
    variables: Variables,
}

/// What runs at one moment.
#[derive(Clone)]
pub struct Running {
    /// What the file says.
    pub pipeline: Arc<Pipeline>,
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

/// Warns of an admin token that could be guessed.
pub fn warn_of_short_token(token: &str) {
    if token.chars().count() < TOKEN_CHARS {
        tracing::warn!(
            "the admin token is shorter than {TOKEN_CHARS} characters and could be guessed; make a longer one, for instance with `openssl rand -hex 16`"
        );
    }
}

impl Live {
    /// Starts the streams of `pipeline`, which was read from `file`. Their filters are readied by [`Live::prepare`]. Must be
    /// called on a runtime.
    ///
    /// # Errors
    /// All that is wrong with the pipeline and can be told without its filters.
    pub fn start(
        mut workshop: Workshop,
        mut pipeline: Pipeline,
        file: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let (events, variables) = (workshop.events().clone(), workshop.variables().clone());
        let (loader, first_source) = (workshop.loader().clone(), workshop.first_source().cloned());
        take_source(&mut pipeline, first_source.as_ref());
        let wrong = check_parts(&pipeline);
        if !wrong.is_empty() {
            return Err(pipeline.error(wrong));
        }
        let (running, _) = workshop.apply(Checked {
            admin_token: read_token(&pipeline)?,
            pipeline,
            plans: Plans::default(),
        });
        if let Some(token) = &running.admin_token {
            warn_of_short_token(token.expose());
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self(Arc::new(Inner {
            loader,
            first_source,
            workshop: TimedLock::new(workshop, clock.clone()),
            reloading: TimedLock::new((), clock.clone()),
            clock,
            turns: Turns::default(),
            catalogues: Catalogues::default(),
            current: channel::Sender::new(Arc::new(running)),
            reloads: channel::Sender::default(),
            file,
            writers: Writers::default(),
            events,
            variables,
        })))
    }

    fn workshop(&self) -> TimedGuard<'_, Workshop> {
        self.0.workshop.lock()
    }

    /// The time for which the change that is being made now has held up all others.
    pub fn changes_held_up(&self) -> Duration {
        self.0.workshop.held()
    }

    /// Readies the filters of all streams, each on its own, so that none waits for another's. What is wrong with them is told
    /// like a wrong file; the streams without filters of theirs say so.
    pub async fn prepare(&self) {
        let pipeline = self.now().pipeline.clone();
        let mut preparing = JoinSet::new();
        for stream in &pipeline.streams {
            let (live, stream) = (self.clone(), stream.clone());
            preparing.spawn_blocking(move || {
                catch(|| live.prepare_stream(&stream)).unwrap_or_else(|panicked| {
                    live.give_up(&stream, &format!("preparing them panicked: {panicked}"));
                    Ok(())
                })
            });
        }
        let mut wrong = Vec::new();
        while let Some(prepared) = preparing.join_next().await {
            match prepared {
                Ok(Ok(())) => {}
                Ok(Err(error)) => wrong.extend(error.diagnostics().iter().cloned()),
                Err(error) => tracing::error!(%error, "preparing filters broke down"),
            }
        }
        if !wrong.is_empty() {
            let told = "streams whose filters can't be used serve no pictures";
            self.refuse(&pipeline.error(wrong), told);
        }
    }

    fn give_up(&self, config: &StreamConfig, why: &str) {
        if let Some(stream) = self.now().find(&config.name) {
            tracing::error!(stream = config.name, "filters can't be used: {why}");
            stream.cannot_prepare(&format!("its filters can't be used: {why}"));
        }
    }

    fn prepare_stream(&self, config: &StreamConfig) -> Result<(), ConfigError> {
        let running = self.now();
        let mut plans = Plans::default();
        let wanted = (&*running.pipeline, config);
        let old = (&[][..], Unchanged::GoOn);
        let planned = plans.ready_one(&self.0.loader, wanted, old, &*self.0.clock);
        let Some(stream) = running.find(&config.name) else {
            return Ok(());
        };
        match planned {
            Ok(()) => self.workshop().complete(&config.name, &mut plans),
            Err(error) => {
                stream.cannot_prepare(&cannot_be_used(&error));
                return Err(error);
            }
        }
        Ok(())
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
        PipelineReport::new(self.0.file.as_deref(), &self.now().pipeline, &reloads)
    }

    /// Reads the file again, with what it names, and makes the changes. Whatever is wrong changes nothing.
    pub async fn reload(&self) {
        self.reload_if(|| true).await;
    }

    /// The same, if what was read proves to be whole once it has been read; `false` if it does not, and nothing has happened.
    async fn reload_if(&self, is_whole: impl FnOnce() -> bool + Send + 'static) -> bool {
        let live = self.clone();
        let reload = tokio::task::spawn_blocking(move || live.reload_now(is_whole));
        reload.await.unwrap_or_else(|error| {
            tracing::error!("reloading broke down: {error}");
            true
        })
    }

    fn reload_now(&self, is_whole: impl FnOnce() -> bool) -> bool {
        let Some(file) = &self.0.file else {
            return true;
        };
        let _reloading = self.0.reloading.lock();
        let mut is_whole = Some(is_whole);
        let reloaded = self.reload_file(file, || is_whole.take().is_none_or(|is_whole| is_whole()));
        match reloaded {
            Ok(is_whole) => is_whole,
            Err(error) => {
                let told = "the old pipeline goes on, since the new one is wrong";
                self.refuse(&error, told);
                true
            }
        }
    }

    /// Reads the file, readies its filters, and makes the changes, unless `is_whole` then says that what was read is not whole:
    /// the result is `false`.
    fn reload_file(
        &self,
        file: &Path,
        mut is_whole: impl FnMut() -> bool,
    ) -> Result<bool, ConfigError> {
        let mut plans = Plans::default();
        for _ in 0..TRIES {
            let running = self.now();
            let checked = Pipeline::load(file).and_then(|pipeline| {
                self.0
                    .reloads
                    .send_modify(|reloads| reloads.attempted = Some(Arc::new(pipeline.clone())));
                self.check((pipeline, Scope::All), &running, std::mem::take(&mut plans))
            });
            if !is_whole() {
                return Ok(false);
            }
            let mut workshop = self.workshop();
            match self.make(&mut workshop, &running, (checked?, Scope::All)) {
                Ok(()) => return Ok(true),
                // Another change came first: what it left is what this one has to stand on.
                Err(unmade) => plans = unmade.plans,
            }
        }
        tracing::warn!("other changes keep coming before that of the file, which is tried again");
        Ok(false)
    }

    /// Checks `pipeline` and readies the chains in its scope, for what is `running`.
    fn check(
        &self,
        (mut pipeline, scope): (Pipeline, Scope),
        running: &Running,
        mut plans: Plans,
    ) -> Result<Checked, ConfigError> {
        take_source(&mut pipeline, self.0.first_source.as_ref());
        // Filters that start now may need the larger budget that comes with them.
        let budget = self.0.loader.engine().budget();
        let in_force = running.pipeline.filters_memory;
        budget.set_limit(in_force.max(pipeline.filters_memory));
        let wanted = (&pipeline, scope);
        let ready = plans.ready(&self.0.loader, wanted, Some(running), &*self.0.clock);
        budget.set_limit(in_force);
        ready?;
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
        (checked, scope): (Checked, Scope),
    ) -> Result<(), Box<Checked>> {
        if !Arc::ptr_eq(running, &self.now()) {
            return Err(Box::new(checked));
        }
        let (running, changes) = workshop.apply(checked);
        self.publish(running, &changes, scope);
        Ok(())
    }

    fn publish(&self, running: Running, changes: &workshop::Changes, scope: Scope) {
        let running = Arc::new(running);
        let old = self.0.current.send_replace(running.clone());
        if let Some(token) = &running.admin_token
            && old.admin_token.as_ref() != Some(token)
        {
            warn_of_short_token(token.expose());
        }
        for stream in &changes.ended {
            stream.end();
        }
        // A change of one stream says nothing of the files that others name.
        let is_whole = scope == Scope::All;
        let was_wrong = is_whole && self.0.reloads.borrow().error.is_some();
        let message = match changes.words.as_slice() {
            [] if was_wrong => "the pipeline file is right again; nothing has changed".to_owned(),
            // Saved as it was, or written by the server itself.
            [] => return,
            words => words.join("; "),
        };
        self.0
            .reloads
            .send_modify(|reloads| reloads.succeed(&changes.needs_restart, is_whole));
        tracing::info!("the pipeline changes: {message}");
        for key in &changes.needs_restart {
            tracing::warn!("a change of `{key}` takes a restart of the server");
        }
        self.0.events.tell(Event::Reload {
            message,
            succeeded: true,
        });
    }

    fn refuse(&self, error: &ConfigError, told: &str) {
        let message = error.to_string();
        let is_news = self
            .0
            .reloads
            .send_if_modified(|reloads| reloads.fail(error));
        if is_news {
            tracing::error!("{told}:\n{message}");
            self.0.events.tell(Event::Reload {
                message,
                succeeded: false,
            });
        }
    }
}

/// Gives the first stream the source of the command line.
fn take_source(pipeline: &mut Pipeline, source: Option<&SourceConfig>) {
    if let (Some(source), Some(first)) = (source, pipeline.streams.first_mut()) {
        first.source = source.clone();
    }
}

/// A sentence for everybody, without what the file says.
fn cannot_be_used(error: &ConfigError) -> String {
    let file = error.file_name();
    let places = error.diagnostics().iter().map(|it| {
        let span = it.span;
        format!("{file}:{}:{}", span.line, span.column)
    });
    let places: Vec<_> = places.collect();
    format!("its filters can't be used: wrong at {}", places.join(", "))
}
