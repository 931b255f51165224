//! The rate at which a camera's frames are wanted: by viewers all that come, by filters that
//! inspect as many as they look at.

use std::time::Duration;

use tokio::sync::watch;

/// The rate at which frames are wanted, which may change while the camera is open.
#[derive(Clone, Debug)]
pub struct WantedRate(watch::Receiver<Duration>);

impl WantedRate {
    /// The rate whose frames are `interval` apart; zero for all that come.
    pub fn new(interval: watch::Receiver<Duration>) -> Self {
        Self(interval)
    }

    /// The shortest time between two frames that are wanted; zero for all that come.
    pub fn interval(&self) -> Duration {
        *self.0.borrow()
    }

    /// The most frames per second that are wanted; none if all that come are.
    pub fn fps(&self) -> Option<f64> {
        let interval = self.interval();
        (!interval.is_zero()).then(|| 1.0 / interval.as_secs_f64())
    }

    /// Resolves once another rate is wanted than when this was called last.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody is left who could want another one.
            std::future::pending().await
        }
    }
}
