//! The list of who watches: what an admin sees, and can end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::auth::{Identity, Lease};
use crate::clock::Clock;
use crate::stream::{Received, Viewer};
use crate::sync::IgnorePoison;

/// The time over which a rate is counted, at least.
const SPAN: Duration = Duration::from_secs(1);

/// Everybody who watches. Clones share it.
#[derive(Clone)]
pub struct ViewerList {
    table: Arc<Mutex<Table>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Table {
    next: u64,
    viewers: BTreeMap<u64, Entry>,
}

struct Entry {
    report: ViewerReport,
    received: Arc<Received>,
    end: CancellationToken,
    /// The frames at an earlier time, from which the rate is counted.
    before: (Instant, u64),
}

/// A viewer, as an admin sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ViewerReport {
    /// The number by which it can be ended.
    id: u64,
    /// The stream.
    stream: String,
    /// The user or the program; none of one who shows no name.
    user: Option<String>,
    /// The proof: `anonymous`, `password`, `session`, `token`, `proxy`,
    /// `certificate` or `link`.
    proof: &'static str,
    /// The client's address.
    address: String,
    /// The way: `mjpeg`, or `wall` on the page.
    by: &'static str,
    /// Since when, RFC 3339, UTC.
    since: String,
    /// The frames that it was given.
    frames: u64,
    /// The bytes of those.
    bytes: u64,
    /// Frames per second, over the last second at least.
    fps: f64,
}

/// A viewer on the list, until it is dropped.
pub struct ViewerEntry {
    list: ViewerList,
    id: u64,
}

impl ViewerList {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            table: Arc::default(),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().ignore_poison()
    }

    /// Puts `viewer` of `stream` on the list, who has `lease` and comes `by` this way.
    pub fn add(
        &self,
        stream: &str,
        viewer: &Viewer,
        lease: &Lease,
        by: &'static str,
    ) -> ViewerEntry {
        let identity = lease.identity();
        let since = Timestamp::try_from(self.clock.unix()).unwrap_or_default();
        let mut table = self.lock();
        let id = table.next + 1;
        table.next = id;
        let report = ViewerReport {
            id,
            stream: stream.to_owned(),
            user: identity.name().map(str::to_owned),
            proof: identity.kind(),
            address: identity.address.to_string(),
            by,
            since: since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            frames: 0,
            bytes: 0,
            fps: 0.0,
        };
        let entry = Entry {
            report,
            received: viewer.received().clone(),
            end: lease.end().clone(),
            before: (self.clock.now(), 0),
        };
        table.viewers.insert(id, entry);
        ViewerEntry {
            list: self.clone(),
            id,
        }
    }

    /// All of them, those who came first first.
    pub fn all(&self) -> Vec<ViewerReport> {
        let now = self.clock.now();
        let mut table = self.lock();
        let reports = table.viewers.values_mut().map(|entry| entry.report(now));
        reports.collect()
    }

    /// Ends the connection of the viewer `id`, which is on the list no more; gives who it was, if
    /// there is one.
    pub fn end(&self, id: u64) -> Option<ViewerReport> {
        let entry = self.lock().viewers.remove(&id)?;
        entry.end.cancel();
        Some(entry.report)
    }
}

impl Entry {
    fn report(&mut self, now: Instant) -> ViewerReport {
        let (frames, bytes) = self.received.counts();
        let (at, before) = self.before;
        let span = now.duration_since(at);
        if span >= SPAN {
            let new = frames.saturating_sub(before) as f64;
            self.report.fps = (new / span.as_secs_f64() * 10.0).round() / 10.0;
            self.before = (now, frames);
        }
        (self.report.frames, self.report.bytes) = (frames, bytes);
        self.report.clone()
    }
}

impl ViewerReport {
    /// The stream that it watches.
    pub fn stream(&self) -> &str {
        &self.stream
    }
}

/// Whom an admin ended, for the log.
impl std::fmt::Display for ViewerReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.user.as_deref().unwrap_or(self.proof);
        write!(f, "{name} at {}", self.address)
    }
}

impl Drop for ViewerEntry {
    fn drop(&mut self) {
        self.list.lock().viewers.remove(&self.id);
    }
}

/// Who sends what `identity` asks for may go on with it for as long as this says.
pub fn lease(app: &super::App, identity: &Identity) -> Lease {
    app.access.leases.take(identity, &app.shutdown)
}
