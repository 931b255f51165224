//! One camera's life: who watches, the two threads, and the newest frame.
//!
//! ```text
//! source ──(capture thread)──> newest raw frame ──(chain thread)──> newest served frame ──> viewers
//! ```
//! Each arrow keeps the newest frame only, so whoever is slow skips frames and slows nobody else.

mod capture;
mod demand;
mod filtering;
mod life;
mod no_signal;
mod rate;
mod shared;
mod status;
mod watchdog;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use capture::CaptureRules;
pub use demand::Watchers;
pub use filtering::ServedFrame;
pub use life::Equipment;
pub use shared::Shared;
pub use status::{Condition, Report, State};

use crate::chain::RawFrame;
use crate::clock::Clock;
use demand::{Demand, Watcher, Watching};
use life::Life;
use status::{Identity, Status};

/// A stream that runs by itself whenever somebody watches it.
pub struct Stream {
    identity: Identity,
    demand: Demand,
    status: Status,
    raw: watch::Sender<Option<RawFrame>>,
    served: watch::Sender<Option<Arc<ServedFrame>>>,
}

/// How a stream is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long the camera stays on after the last viewer.
    pub idle_timeout: Duration,
    /// How the camera is run.
    pub capture: CaptureRules,
}

/// Somebody who watches a stream. The camera runs while there is one.
pub struct Viewer {
    newest: watch::Receiver<Option<Arc<ServedFrame>>>,
    is_new: bool,
    _watching: Watching,
}

impl Stream {
    /// A stream at rest, and what governs it: to be run as a task of a tokio runtime, it ends soon after
    /// `shutdown`, with the camera closed.
    pub fn new(
        name: String,
        equipment: Equipment,
        rules: Rules,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let stream = Arc::new(Self {
            identity: Identity {
                name: name.clone(),
                driver: equipment.source.driver(),
                steps: equipment.chain.status(),
            },
            demand: Demand::new(),
            status: Status::new(clock.clone()),
            raw: watch::Sender::new(None),
            served: watch::Sender::new(None),
        });
        let life = Life {
            name,
            idle_timeout: rules.idle_timeout,
            capture: rules.capture,
            clock,
            demand: stream.demand.clone(),
            status: stream.status.clone(),
            raw: stream.raw.clone(),
            served: stream.served.clone(),
            shutdown,
        };
        (stream, life.run(equipment))
    }

    /// The stream's name in pipeline.yaml.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// One more viewer.
    pub fn watch(&self) -> Viewer {
        Viewer {
            newest: self.served.subscribe(),
            is_new: true,
            _watching: self.demand.watch(Watcher::Viewer),
        }
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.status.state()
    }

    /// Why it fails, while it does.
    pub fn error(&self) -> Option<String> {
        self.status.error()
    }

    /// Everything about it.
    pub fn report(&self) -> Report {
        self.status.report(&self.identity, self.demand.watchers())
    }

    /// Tells of every change in who watches.
    pub fn watchers(&self) -> watch::Receiver<Watchers> {
        self.demand.changes()
    }

    /// Tells of every change in what it does.
    pub fn conditions(&self) -> watch::Receiver<Condition> {
        self.status.conditions()
    }
}

impl Viewer {
    /// The newest frame that this viewer has not had yet; waits for one. The first call gives the frame
    /// that is there, so that nobody waits for a slow camera's next. `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Arc<ServedFrame>> {
        if !std::mem::take(&mut self.is_new) {
            self.newest.changed().await.ok()?;
        }
        loop {
            if let Some(frame) = self.newest.borrow_and_update().clone() {
                return Some(frame);
            }
            self.newest.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests;
