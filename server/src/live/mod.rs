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
mod watch;
mod workshop;
mod writers;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch as channel;

pub use catalogue::{Catalogue, CatalogueEntry, UnusableFilter};
pub use change::ChangeError;
pub use plan::plan_all;
pub use report::{PipelineReport, Problem, ReloadError, problems};
pub use watch::watch;
pub use workshop::{Checked, Equip, Workshop};

use crate::config::{ConfigError, Pipeline};
use crate::events::{Event, Events};
use crate::stream::Stream;
use crate::variables::Variables;
use report::Reloads;
use writers::Writers;

/// The pipeline as it runs. Clones share it.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    workshop: Arc<Mutex<Workshop>>,
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
    pub admin_token: Option<Arc<str>>,
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
    /// Starts the streams of `pipeline`, which was read from `file`. Must be called on a runtime.
    pub fn start(mut workshop: Workshop, checked: Checked, file: Option<PathBuf>) -> Self {
        let (events, variables) = (workshop.events().clone(), workshop.variables().clone());
        let (running, _) = workshop.apply(checked);
        if let Some(token) = &running.admin_token {
            warn_of_short_token(token);
        }
        Self(Arc::new(Inner {
            workshop: Arc::new(Mutex::new(workshop)),
            current: channel::Sender::new(Arc::new(running)),
            reloads: channel::Sender::default(),
            file,
            writers: Writers::default(),
            events,
            variables,
        }))
    }

    fn workshop(&self) -> MutexGuard<'_, Workshop> {
        let workshop = self.0.workshop.lock();
        // A module or a file that some library breaks down over must not be the last that anybody can try.
        workshop.unwrap_or_else(PoisonError::into_inner)
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
        let mut workshop = self.workshop();
        let checked = Pipeline::load(file).and_then(|pipeline| {
            self.0
                .reloads
                .send_modify(|reloads| reloads.attempted = Some(Arc::new(pipeline.clone())));
            workshop.check(pipeline)
        });
        if !is_whole() {
            return false;
        }
        match checked {
            Ok(checked) => {
                let (running, changes) = workshop.apply(checked);
                self.publish(running, &changes);
            }
            Err(error) => self.refuse(&error),
        }
        true
    }

    fn publish(&self, running: Running, changes: &workshop::Changes) {
        let running = Arc::new(running);
        let old = self.0.current.send_replace(running.clone());
        if let Some(token) = &running.admin_token
            && old.admin_token.as_ref() != Some(token)
        {
            warn_of_short_token(token);
        }
        for stream in &changes.ended {
            stream.end();
        }
        let was_wrong = self.0.reloads.borrow().error.is_some();
        let message = match changes.words.as_slice() {
            [] if was_wrong => "the pipeline file is right again; nothing has changed".to_owned(),
            // Saved as it was, or written by the server itself.
            [] => return,
            words => words.join("; "),
        };
        self.0
            .reloads
            .send_modify(|reloads| reloads.succeed(&changes.needs_restart));
        tracing::info!("the pipeline changes: {message}");
        for key in &changes.needs_restart {
            tracing::warn!("a change of `{key}` takes a restart of the server");
        }
        self.0.events.tell(Event::Reload {
            message,
            succeeded: true,
        });
    }

    fn refuse(&self, error: &ConfigError) {
        let message = error.to_string();
        let is_news = self
            .0
            .reloads
            .send_if_modified(|reloads| reloads.fail(error));
        if is_news {
            tracing::error!("the old pipeline goes on, since the new one is wrong:\n{message}");
            self.0.events.tell(Event::Reload {
                message,
                succeeded: false,
            });
        }
    }
}
