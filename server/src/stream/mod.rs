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
mod rate;
mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use filtering::ServedFrame;
pub use life::Equipment;
pub use status::{Report, State};

use crate::clock::Clock;
use demand::{Demand, Watching};
use life::Life;
use status::{Identity, Status};

/// A stream that runs by itself whenever somebody watches it.
pub struct Stream {
    identity: Identity,
    demand: Demand,
    status: Status,
    served: watch::Sender<Option<Arc<ServedFrame>>>,
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
        idle_timeout: Duration,
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
            served: watch::Sender::new(None),
        });
        let life = Life {
            name,
            idle_timeout,
            clock,
            demand: stream.demand.clone(),
            status: stream.status.clone(),
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
            _watching: self.demand.watch(),
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
        self.status.report(&self.identity, self.demand.viewers())
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
