//! Demand: who wants a stream's camera, and how many of its frames.
//!
//! A camera costs power and wears a privacy LED; it runs only while somebody watches, and
//! `idle-timeout` longer, so that reloading a page doesn't restart it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::source::WantedRate;
use crate::sync::IgnorePoison;

/// Counts those who want one stream's camera. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    viewers: watch::Sender<Viewers>,
    /// The shortest time between two frames that any of them wants; zero for all that come.
    interval: watch::Sender<Duration>,
    limited: Arc<Mutex<Limited>>,
}

/// The demand of those who don't want every frame.
#[derive(Debug, Default)]
struct Limited {
    /// The time between two frames that a stream wants that shares the camera, by numbers.
    streams: BTreeMap<u64, Duration>,
    next: u64,
    /// That of the stream's own filters that inspect; zero if it is not known.
    analysis: Duration,
}

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

/// A reason for which a camera is on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema,
)]
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
pub struct DemandGuard {
    demand: Demand,
    kind: ViewerKind,
    /// Its number, if it ever wanted less than every frame.
    number: Option<u64>,
}

impl DemandKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Viewers, Self::Streams, Self::Analysis];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewers => "viewers",
            Self::Streams => "streams",
            Self::Analysis => "analysis",
        }
    }
}

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

    fn total(self) -> usize {
        self.viewers + self.filtered + self.unfiltered + self.analysis
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
    /// One more who watches.
    pub fn watch(&self, kind: ViewerKind) -> DemandGuard {
        self.viewers
            .send_modify(|viewers| *viewers.count(kind) += 1);
        self.guard(kind)
    }

    fn guard(&self, kind: ViewerKind) -> DemandGuard {
        self.renew_interval(|_| {});
        DemandGuard {
            demand: self.clone(),
            kind,
            number: None,
        }
    }

    /// One more viewer, unless there are `most` already.
    pub fn watch_below(&self, most: usize) -> Option<DemandGuard> {
        let is_room = self.viewers.send_if_modified(|viewers| {
            let is_room = viewers.viewers < most;
            viewers.viewers += usize::from(is_room);
            is_room
        });
        is_room.then(|| self.guard(ViewerKind::Viewer))
    }

    /// The filters that inspect look at frames that are `interval` apart; zero if there are none.
    pub fn set_analysis_interval(&self, interval: Duration) {
        self.renew_interval(|limited| limited.analysis = interval);
    }

    /// The rate at which frames are wanted.
    pub fn rate(&self) -> WantedRate {
        WantedRate::new(self.interval.subscribe())
    }

    /// The shortest time between two frames that is wanted, once `change` is made: zero while
    /// anybody wants every frame.
    fn renew_interval(&self, change: impl FnOnce(&mut Limited)) {
        let mut limited = self.limited.lock().ignore_poison();
        change(&mut limited);
        let viewers = self.viewers();
        let has_analysis = viewers.analysis > 0 && limited.analysis > Duration::ZERO;
        let analyses = has_analysis.then_some(limited.analysis);
        let count = limited.streams.len() + analyses.map_or(0, |_| viewers.analysis);
        let shortest = limited.streams.values().copied().chain(analyses).min();
        let interval = shortest.filter(|_| count >= viewers.total());
        let interval = interval.unwrap_or_default();
        self.interval
            .send_if_modified(|known| std::mem::replace(known, interval) != interval);
    }

    /// The viewers now.
    pub fn viewers(&self) -> Viewers {
        *self.viewers.borrow()
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Viewers> {
        self.viewers.subscribe()
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
            .viewers
            .subscribe()
            .wait_for(|viewers| condition(*viewers))
            .await
            .map(drop);
        // `self` keeps the sender alive, so the wait can't end early.
        debug_assert!(waited.is_ok());
    }
}

impl DemandGuard {
    /// Frames that are `interval` apart are enough from now on; zero for all that come.
    pub fn set_interval(&mut self, interval: Duration) {
        let number = &mut self.number;
        self.demand.renew_interval(|limited| {
            let number = *number.get_or_insert_with(|| {
                limited.next += 1;
                limited.next
            });
            match interval.is_zero() {
                true => limited.streams.remove(&number),
                false => limited.streams.insert(number, interval),
            };
        });
    }
}

impl Drop for DemandGuard {
    fn drop(&mut self) {
        let viewers = &self.demand.viewers;
        viewers.send_modify(|viewers| *viewers.count(self.kind) -= 1);
        let number = self.number;
        self.demand.renew_interval(|limited| {
            number.and_then(|number| limited.streams.remove(&number));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_at_the_rate_of_whoever_wants_most() {
        let (slow, fast) = (Duration::from_secs(5), Duration::from_millis(200));
        let demand = Demand::default();
        let interval = || demand.rate().interval();
        demand.set_analysis_interval(fast);
        assert_eq!(interval(), Duration::ZERO);
        let analysis = demand.watch(ViewerKind::Analysis);
        assert_eq!(interval(), fast);
        let mut stream = demand.watch(ViewerKind::Unfiltered);
        assert_eq!(interval(), Duration::ZERO);
        stream.set_interval(slow);
        assert_eq!(interval(), fast);
        let viewer = demand.watch_below(1).unwrap();
        assert_eq!(interval(), Duration::ZERO);
        drop(viewer);
        assert_eq!(interval(), fast);
        drop(analysis);
        assert_eq!(interval(), slow);
        stream.set_interval(Duration::ZERO);
        assert_eq!(interval(), Duration::ZERO);
        stream.set_interval(slow);
        // A camera that is on for its own sake, with no filter that inspects, gives all.
        demand.set_analysis_interval(Duration::ZERO);
        let analysis = demand.watch(ViewerKind::Analysis);
        assert_eq!(interval(), Duration::ZERO);
        drop((stream, analysis));
        assert_eq!(demand.viewers(), Viewers::default());
    }
}
