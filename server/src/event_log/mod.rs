//! The events of all streams: what happened before a camera, or to it, with a start and perhaps an
//! end.
//!
//! Whoever notices something calls [`EventLog::begin`], or [`EventLog::point`] for what takes no
//! time. The newest events are kept, see `kept`, and written to a folder, see `store`; none of
//! that is waited for. Whoever acts on events takes [`EventLog::changes`].

mod budget;
mod event;
mod kept;
mod picture;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use jpeg_splice::Jpeg;
use tokio::sync::{Notify, broadcast};

pub use budget::{Admission, EventBudget};
pub use event::{Event, EventId, EventKind, InvalidId, InvalidKind, rfc3339};
pub use kept::{Filter, Kept, Page};
pub use picture::Picture;
pub use store::StoreReport;

use crate::clock::Clock;
use crate::mask::MaskId;
use crate::private_folder::FolderChoice;
use crate::region::Region;
use crate::sync::IgnorePoison;
use event::{bounded, millis};
use kept::{EventList, KeptPicture};
use store::Store;

/// The most changes that wait for a slow receiver, which misses the oldest of more.
const WAITING: usize = 1_024;
/// The time after which writing that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The newest events of all streams. Clones share them.
#[derive(Clone)]
pub struct EventLog(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    list: Mutex<EventList>,
    changes: broadcast::Sender<Change>,
    /// Tells the store that something is to be written.
    unwritten: Notify,
    store: Option<Store>,
}

/// An event to begin.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its kind.
    pub kind: EventKind,
    /// The stream's name.
    pub stream: String,
    /// The filter that found it, as the pipeline file names it.
    pub filter: Option<String>,
    /// The time at which it began.
    pub start: SystemTime,
    /// The regions that were found in the picture.
    pub regions: Vec<Region>,
    /// A text on it, up to 1000 characters.
    pub text: Option<String>,
    /// A picture of it.
    pub picture: Option<Picture>,
}

/// A change of an event, for whoever acts on it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The change that happened to it.
    pub phase: Phase,
    /// The event after it.
    pub event: Arc<Event>,
    /// Whether it has a picture, which [`EventLog::picture`] gives.
    pub has_picture: bool,
}

/// A change of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has begun.
    Start,
    /// It is over.
    End,
    /// It has happened and took no time.
    Point,
}

impl Phase {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Point => "point",
        }
    }
}

impl EventLog {
    /// A log that is kept in memory alone.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self::new(clock, None)
    }

    /// The log of the server with the pipeline file `file`, which is kept in `place` as well. Where
    /// that can't be the log says so, and it is kept in memory.
    pub fn open(place: &FolderChoice, file: &Path, clock: Arc<dyn Clock>) -> Self {
        let store = Store::open(place, file, &*clock);
        Self::new(clock, store)
    }

    fn new(clock: Arc<dyn Clock>, store: Option<Store>) -> Self {
        let list = store.as_ref().map(Store::load).unwrap_or_default();
        Self(Arc::new(Inner {
            clock,
            list: Mutex::new(list),
            changes: broadcast::Sender::new(WAITING),
            unwritten: Notify::new(),
            store,
        }))
    }

    fn list(&self) -> MutexGuard<'_, EventList> {
        self.0.list.lock().ignore_poison()
    }

    /// Begins an event, which lasts until [`OpenEvent::end`] is called or what is given is dropped.
    pub fn begin(&self, new: NewEvent) -> OpenEvent {
        let score = best_score(&new.regions);
        let picture_score = new.picture.as_ref().map(|_| score);
        OpenEvent {
            id: self.add(new, Phase::Start),
            log: self.clone(),
            picture_score,
            is_over: false,
        }
    }

    /// Adds an event that takes no time.
    pub fn point(&self, new: NewEvent) -> EventId {
        self.add(new, Phase::Point)
    }

    fn add(&self, new: NewEvent, phase: Phase) -> EventId {
        let picture = new.picture.and_then(Picture::current);
        let start = millis(new.start);
        let mut list = self.list();
        let id = list.next_id(millis(self.0.clock.unix()));
        let mut event = Event {
            id: id.clone(),
            kind: new.kind,
            stream: new.stream,
            filter: new.filter,
            text: new.text.as_deref().map(bounded),
            start,
            end: (phase == Phase::Point).then_some(start),
            regions: Vec::new(),
        };
        event.add_regions(new.regions);
        list.add(event, picture);
        self.publish(&list, &id, phase);
        id
    }

    fn update(&self, id: &EventId, regions: Vec<Region>, picture: Option<Picture>) {
        let picture = picture.and_then(Picture::current);
        self.list()
            .update(id, picture, |event| event.add_regions(regions));
    }

    fn end(&self, id: &EventId, at: SystemTime) {
        let mut list = self.list();
        list.update(id, None, |event| {
            event.end = Some(millis(at).max(event.start))
        });
        self.publish(&list, id, Phase::End);
    }

    /// Tells of a change of the event `id`, in the order of the changes.
    fn publish(&self, list: &EventList, id: &EventId, phase: Phase) {
        let Some(kept) = list.find(id) else {
            return;
        };
        let change = Change {
            phase,
            event: kept.event.clone(),
            has_picture: kept.picture.is_there(),
        };
        // Nobody may want to know.
        self.0.changes.send(change).ok();
        self.0.unwritten.notify_one();
    }

    /// All changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// The events that `filter` lets through of the streams that are `seen`, newest first.
    pub fn page(&self, filter: &Filter, seen: &dyn Fn(&str) -> bool) -> Page {
        self.list().page(filter, seen)
    }

    /// The events that have begun or ended since the one called `id` began, oldest first.
    pub fn since(&self, id: &EventId) -> Vec<Kept> {
        self.list().since(id)
    }

    /// The event `id`.
    pub fn find(&self, id: &EventId) -> Option<Kept> {
        self.list().find(id).cloned()
    }

    /// The picture of the event `id`; none if it has none. Blocks.
    ///
    /// # Errors
    /// It can't be read.
    pub fn picture(&self, id: &EventId) -> Result<Option<Jpeg>, Box<dyn Error>> {
        let picture = self.find(id).map(|kept| kept.picture);
        match (picture, &self.0.store) {
            (Some(KeptPicture::Memory(jpeg)), _) => Ok(Some(jpeg)),
            (Some(KeptPicture::File(_)), Some(store)) => store.read_picture(id).map(Some),
            _ => Ok(None),
        }
    }

    /// Removes the event `id`, with its picture; `false` if there is none.
    pub fn remove(&self, id: &EventId) -> bool {
        let is_known = self.list().remove(id);
        self.0.unwritten.notify_one();
        is_known
    }

    /// Removes the pictures of `stream` that were taken before one of `masks` was there, whether or
    /// not that covered at the time. `masks` are all that its frames are covered with.
    pub fn require_masks(&self, stream: &str, masks: BTreeSet<MaskId>) {
        self.list().require_masks(stream, masks);
        self.0.unwritten.notify_one();
    }

    /// Whether the event `id` has a picture.
    pub fn has_picture(&self, id: &EventId) -> bool {
        self.list().find(id).is_some_and(|it| it.picture.is_there())
    }

    /// Whether an event of this kind lasts in the stream called `stream`.
    pub fn lasts(&self, kind: &EventKind, stream: &str) -> bool {
        let list = self.list();
        let mut open = list.open();
        open.any(|event| event.kind == *kind && event.stream == stream)
    }

    /// The state of the log's folder.
    pub fn store_report(&self) -> StoreReport {
        let store = self.0.store.as_ref();
        store.map(Store::report).unwrap_or_default()
    }

    /// Writes events to the log's folder as they change, until it is dropped. Must be called on a
    /// runtime.
    pub async fn run(&self) {
        loop {
            self.0.unwritten.notified().await;
            let log = self.clone();
            let written = tokio::task::spawn_blocking(move || log.write()).await;
            if !matches!(written, Ok(true)) {
                let again = self.0.clock.now() + RETRY;
                self.0.clock.sleep_until(again).await;
                self.0.unwritten.notify_one();
            }
        }
    }

    /// Writes what is not written yet to the log's folder. Gives whether all of it could be.
    /// Blocks.
    pub fn write(&self) -> bool {
        let Some(store) = &self.0.store else {
            return true;
        };
        let unwritten = self.list().take_unwritten();
        let mut error = None;
        for (id, kept) in unwritten {
            match store.write(&id, kept.as_ref()) {
                Ok(()) => self.list().written(&id),
                Err(why) => {
                    self.list().not_written(id);
                    error = Some(why);
                }
            }
        }
        store.note(error.as_ref(), self.0.clock.now());
        error.is_none()
    }

    /// The same, without blocking.
    ///
    /// # Errors
    /// Why it can't be read.
    pub async fn read_picture(&self, id: &EventId) -> Result<Option<Jpeg>, String> {
        let (log, id) = (self.clone(), id.clone());
        let read = move || log.picture(&id).map_err(|why| why.to_string());
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|why| Err(why.to_string()))
    }

    /// The number of events since the server started, and of those that last, by kind.
    pub fn counts(&self) -> BTreeMap<EventKind, Count> {
        self.list().counts()
    }
}

/// A number of events of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that have begun since the server started.
    pub begun: u64,
    /// Those that last.
    pub open: u64,
}

/// An event that lasts. Ends when it is dropped.
pub struct OpenEvent {
    id: EventId,
    log: EventLog,
    /// The best score of the regions that its picture was given with, if it has one.
    picture_score: Option<f32>,
    is_over: bool,
}

impl OpenEvent {
    /// Its name.
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Adds what was found since; `picture` is taken if it shows something surer than the one that
    /// there is.
    pub fn update(&mut self, regions: Vec<Region>, picture: Option<Picture>) {
        let score = best_score(&regions);
        let is_better = |known: f32| score > known;
        let picture = picture.filter(|_| self.picture_score.is_none_or(is_better));
        if picture.is_some() {
            self.picture_score = Some(score);
        }
        self.log.update(&self.id, regions, picture);
    }

    /// Ends it, at `at`.
    pub fn end(mut self, at: SystemTime) {
        self.is_over = true;
        self.log.end(&self.id, at);
    }
}

impl Drop for OpenEvent {
    fn drop(&mut self) {
        if !self.is_over {
            self.log.end(&self.id, self.log.0.clock.unix());
        }
    }
}

fn best_score(regions: &[Region]) -> f32 {
    regions.iter().map(|it| it.score).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests;
