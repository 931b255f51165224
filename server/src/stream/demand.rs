//! Demand: how many are watching a stream.
//!
//! A camera costs power and wears a privacy lamp; it runs only while somebody watches, and
//! `idle-timeout` longer, so that reloading a page doesn't restart it.

use tokio::sync::watch;

/// Counts the viewers of one stream.
#[derive(Clone, Debug)]
pub struct Demand(watch::Sender<usize>);

/// One who watches, for as long as it lives.
#[derive(Debug)]
pub struct Watching(watch::Sender<usize>);

impl Demand {
    /// Nobody watches yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// One more viewer.
    pub fn watch(&self) -> Watching {
        self.0.send_modify(|viewers| *viewers += 1);
        Watching(self.0.clone())
    }

    /// How many there are.
    pub fn viewers(&self) -> usize {
        *self.0.borrow()
    }

    /// Resolves once somebody watches.
    pub async fn some(&self) {
        self.until(|viewers| viewers > 0).await;
    }

    /// Resolves once nobody watches.
    pub async fn none(&self) {
        self.until(|viewers| viewers == 0).await;
    }

    async fn until(&self, condition: impl Fn(usize) -> bool) {
        let waited = self
            .0
            .subscribe()
            .wait_for(|viewers| condition(*viewers))
            .await
            .map(drop);
        // `self` keeps the sender alive, so the wait can't end early.
        debug_assert!(waited.is_ok());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.send_modify(|viewers| *viewers -= 1);
    }
}
