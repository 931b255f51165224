//! Notices a camera that gives neither frames nor an error.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::StopToken;

/// Stops the driver when no frame has come for too long.
pub struct Watchdog {
    /// The time at which it has been too long.
    deadline: watch::Sender<Instant>,
    limit: Duration,
    stop: StopToken,
    task: JoinHandle<()>,
}

impl Watchdog {
    /// Waits for a first frame for `first`, and for each further one for `limit`.
    pub fn new(stop: &StopToken, first: Duration, limit: Duration) -> Self {
        let (child, token) = stop.child();
        let clock = stop.clock().clone();
        let (deadline, mut watched) = watch::channel(clock.now() + first);
        let task = stop.runtime().spawn(async move {
            // However this ends, a camera that nobody watches over is opened again.
            let _token = token.drop_guard();
            loop {
                let deadline = *watched.borrow_and_update();
                clock.sleep_until(deadline).await;
                if *watched.borrow() <= clock.now() {
                    return;
                }
            }
        });
        Self {
            deadline,
            limit,
            stop: child,
            task,
        }
    }

    /// The request to stop that the driver is to obey.
    pub fn stop(&self) -> &StopToken {
        &self.stop
    }

    /// A frame has come.
    pub fn feed(&self) {
        self.deadline
            .send_replace(self.stop.clock().now() + self.limit);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.task.abort();
    }
}
