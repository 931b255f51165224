//! Demand: who is watching a stream.
//!
//! A camera costs power and wears a privacy lamp; it runs only while somebody watches, and
//! `idle-timeout` longer, so that reloading a page doesn't restart it.

use tokio::sync::watch;

/// Counts those who watch one stream.
#[derive(Clone, Debug)]
pub struct Demand(watch::Sender<Watchers>);

/// Who watches a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watchers {
    /// People.
    pub viewers: usize,
    /// Other streams that take what people see.
    pub filtered: usize,
    /// Other streams that take the camera's frames before the filters.
    pub unfiltered: usize,
}

/// One of [`Watchers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    Viewer,
    Filtered,
    Unfiltered,
}

/// One who watches, for as long as it lives.
#[derive(Debug)]
pub struct Watching(watch::Sender<Watchers>, Watcher);

impl Watchers {
    fn count(&mut self, watcher: Watcher) -> &mut usize {
        match watcher {
            Watcher::Viewer => &mut self.viewers,
            Watcher::Filtered => &mut self.filtered,
            Watcher::Unfiltered => &mut self.unfiltered,
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether those who watch have no use for the filters.
    pub fn only_unfiltered(self) -> bool {
        self.unfiltered > 0 && self.viewers + self.filtered == 0
    }
}

impl Demand {
    /// Nobody watches yet.
    pub fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// One more who watches.
    pub fn watch(&self, watcher: Watcher) -> Watching {
        self.0.send_modify(|watchers| *watchers.count(watcher) += 1);
        Watching(self.0.clone(), watcher)
    }

    /// One more viewer, unless there are `most` already.
    pub fn watch_below(&self, most: usize) -> Option<Watching> {
        let is_room = self.0.send_if_modified(|watchers| {
            let is_room = watchers.viewers < most;
            watchers.viewers += usize::from(is_room);
            is_room
        });
        is_room.then(|| Watching(self.0.clone(), Watcher::Viewer))
    }

    /// Who there is.
    pub fn watchers(&self) -> Watchers {
        *self.0.borrow()
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Watchers> {
        self.0.subscribe()
    }

    /// Whether anybody watches.
    pub fn exists(&self) -> bool {
        !self.watchers().is_empty()
    }

    /// Resolves once somebody watches.
    pub async fn some(&self) {
        self.until(|watchers| !watchers.is_empty()).await;
    }

    /// Resolves once nobody watches.
    pub async fn none(&self) {
        self.until(Watchers::is_empty).await;
    }

    async fn until(&self, condition: impl Fn(Watchers) -> bool) {
        let waited = self
            .0
            .subscribe()
            .wait_for(|watchers| condition(*watchers))
            .await
            .map(drop);
        // `self` keeps the sender alive, so the wait can't end early.
        debug_assert!(waited.is_ok());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.send_modify(|watchers| *watchers.count(self.1) -= 1);
    }
}
