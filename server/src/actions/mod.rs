//! Actions: what the pipeline file wants done when events happen.
//!
//! Each has a queue and a task of its own, so that one that hangs holds up no other, and nothing
//! waits for any of them.

mod command;
mod message;
mod webhook;
mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use worker::ActionReport;

use crate::clock::Clock;
use crate::config::{ActionConfig, Config};
use crate::control::Snapshot;
use crate::event_log::{Change, EventLog};
use crate::mqtt::Mqtt;
use crate::supervise::keep_running;
use crate::sync::IgnorePoison;
use worker::{ActionDeps, Worker};

/// The most programs that run at once.
const PROGRAMS: usize = 4;

/// The actions of the pipeline that is in force. Clones share them.
#[derive(Clone)]
pub struct Actions(Arc<Inner>);

struct Inner {
    deps: ActionDeps,
    workers: Mutex<Vec<Arc<Worker>>>,
    /// Events that came faster than they were handed to the actions.
    missed: AtomicU64,
    tasks: TaskTracker,
    end: CancellationToken,
}

impl Actions {
    /// None yet. Those of [`Actions::run`], for the events of `events`, are tracked by `tasks`,
    /// until `end`.
    pub fn new(
        (clock, events, mqtt): (Arc<dyn Clock>, EventLog, Mqtt),
        tasks: TaskTracker,
        end: CancellationToken,
    ) -> Self {
        let deps = ActionDeps {
            clock,
            events,
            mqtt,
            programs: Arc::new(Semaphore::new(PROGRAMS)),
        };
        Self(Arc::new(Inner {
            deps,
            workers: Mutex::default(),
            missed: AtomicU64::new(0),
            tasks,
            end,
        }))
    }

    fn workers(&self) -> MutexGuard<'_, Vec<Arc<Worker>>> {
        self.0.workers.lock().ignore_poison()
    }

    /// Does what the pipeline in force wants for events, from now on. Must be called on a runtime.
    pub async fn run(&self, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
        let mut changes = self.0.deps.events.changes();
        let snapshot = snapshots.borrow_and_update().clone();
        self.configure(&snapshot.config);
        loop {
            tokio::select! {
                biased;
                () = self.0.end.cancelled() => return,
                changed = snapshots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let snapshot = snapshots.borrow_and_update().clone();
                    self.configure(&snapshot.config);
                }
                () = self.dispatch(&mut changes) => {}
            }
        }
    }

    /// Hands on the next change.
    async fn dispatch(&self, changes: &mut Receiver<Change>) {
        match changes.recv().await {
            Ok(change) => self.workers().iter().for_each(|it| it.take(&change)),
            Err(RecvError::Lagged(missed)) => {
                self.0.missed.fetch_add(missed, Ordering::Relaxed);
                tracing::warn!(
                    missed,
                    "events come faster than actions can be done for them"
                );
            }
            // The log is held by whoever runs this.
            Err(RecvError::Closed) => self.0.end.cancelled().await,
        }
    }

    /// Takes the actions of `config`. Those that are the same go on; others do what waits for
    /// them, and end.
    fn configure(&self, config: &Config) {
        let mut workers = self.workers();
        let mut old = std::mem::take(&mut *workers);
        for action in &config.on {
            let known = old.iter().position(|it| it.is_of(action, &config.folder));
            workers.push(match known {
                Some(at) => old.swap_remove(at),
                None => self.start(action.clone(), &config.folder),
            });
        }
        old.iter().for_each(|it| it.retire());
    }

    fn start(&self, config: ActionConfig, folder: &Path) -> Arc<Worker> {
        let deps = self.0.deps.clone();
        let clock = deps.clock.clone();
        let worker = Arc::new(Worker::new(config, folder.to_owned(), deps));
        let (works, over) = (worker.clone(), self.0.end.child_token());
        self.0.tasks.spawn(async move {
            let name = format!("the action {works}");
            let work = || async {
                works.run().await;
                over.cancel();
            };
            let working = keep_running(&name, &*clock, &over, work);
            over.run_until_cancelled(working).await;
        });
        worker
    }

    /// The actions of the pipeline in force, in the file's order.
    pub fn report(&self) -> Vec<ActionReport> {
        self.workers().iter().map(|it| it.report()).collect()
    }

    /// The number of changes of events that no action got since they came too fast.
    pub fn missed(&self) -> u64 {
        self.0.missed.load(Ordering::Relaxed)
    }
}
