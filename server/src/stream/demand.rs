//! Demand: who watches a stream.
//!
//! A camera costs power and wears a privacy LED; it runs only while somebody watches, and
//! `idle-timeout` longer, so that reloading a page doesn't restart it.

use tokio::sync::watch;

/// Counts those who watch one stream.
#[derive(Clone, Debug)]
pub struct Demand(watch::Sender<Viewers>);

/// The viewers of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewers {
    /// People.
    pub viewers: usize,
    /// Other streams that take what people see.
    pub filtered: usize,
    /// Other streams that take the camera's frames before the filters.
    pub unfiltered: usize,
    /// The stream's own filters that inspect, where they are to go on with nobody watching.
    pub analysis: usize,
}

/// Who wants a camera on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DemandKind {
    /// People who watch.
    Viewers,
    /// Other streams that take its frames.
    Streams,
    /// Its own filters that inspect, by `run`.
    Analysis,
}

/// One of [`Viewers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerKind {
    Viewer,
    Filtered,
    Unfiltered,
    Analysis,
}

/// A viewer, until it is dropped.
#[derive(Debug)]
pub struct DemandGuard(watch::Sender<Viewers>, ViewerKind);

impl Viewers {
    fn count(&mut self, kind: ViewerKind) -> &mut usize {
        match kind {
            ViewerKind::Viewer => &mut self.viewers,
            ViewerKind::Filtered => &mut self.filtered,
            ViewerKind::Unfiltered => &mut self.unfiltered,
            ViewerKind::Analysis => &mut self.analysis,
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether those who want the camera have no use for the filters that draw.
    pub fn only_unfiltered(self) -> bool {
        self.unfiltered + self.analysis > 0 && self.viewers + self.filtered == 0
    }

    /// Those who want the camera, by kinds.
    pub fn kinds(self) -> Vec<DemandKind> {
        let kinds = [
            (self.viewers, DemandKind::Viewers),
            (self.filtered + self.unfiltered, DemandKind::Streams),
            (self.analysis, DemandKind::Analysis),
        ];
        let wanting = kinds.into_iter().filter(|(count, _)| *count > 0);
        wanting.map(|(_, kind)| kind).collect()
    }
}

impl Demand {
    /// Nobody watches yet.
    pub fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// One more who watches.
    pub fn watch(&self, kind: ViewerKind) -> DemandGuard {
        self.0.send_modify(|viewers| *viewers.count(kind) += 1);
        DemandGuard(self.0.clone(), kind)
    }

    /// One more viewer, unless there are `most` already.
    pub fn watch_below(&self, most: usize) -> Option<DemandGuard> {
        let is_room = self.0.send_if_modified(|viewers| {
            let is_room = viewers.viewers < most;
            viewers.viewers += usize::from(is_room);
            is_room
        });
        is_room.then(|| DemandGuard(self.0.clone(), ViewerKind::Viewer))
    }

    /// The viewers now.
    pub fn viewers(&self) -> Viewers {
        *self.0.borrow()
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Viewers> {
        self.0.subscribe()
    }

    /// Whether anybody watches.
    pub fn exists(&self) -> bool {
        !self.viewers().is_empty()
    }

    /// Resolves once somebody watches.
    pub async fn some(&self) {
        self.until(|viewers| !viewers.is_empty()).await;
    }

    /// Resolves once nobody watches.
    pub async fn none(&self) {
        self.until(Viewers::is_empty).await;
    }

    async fn until(&self, condition: impl Fn(Viewers) -> bool) {
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

impl Drop for DemandGuard {
    fn drop(&mut self) {
        self.0.send_modify(|viewers| *viewers.count(self.1) -= 1);
    }
}
