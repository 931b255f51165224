//! The newest events, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jpeg_splice::Jpeg;

use super::Count;
use super::event::{Event, EventId, EventKind};
use super::picture::CoveredPicture;
use crate::mask::MaskId;

/// The most events.
pub const MOST: usize = 1_000;
/// The most bytes of pictures in memory.
const MEMORY: usize = 32 << 20;
/// The most bytes of all pictures, those in the folder included.
const BYTES: usize = 256 << 20;
/// The most kinds that are counted.
const KINDS: usize = 100;

/// An event that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The event.
    pub event: Arc<Event>,
    /// Its picture.
    pub picture: KeptPicture,
    /// The masks that its stream had when the picture was taken.
    pub masks: BTreeSet<MaskId>,
}

impl Kept {
    fn take(&mut self, picture: CoveredPicture) {
        self.picture = KeptPicture::Memory(picture.jpeg);
        self.masks = picture.masks;
    }
}

/// The place of an event's picture.
#[derive(Clone, Debug)]
pub enum KeptPicture {
    /// It has none.
    None,
    /// Here.
    Memory(Jpeg),
    /// In the log's folder, with so many bytes.
    File(usize),
}

impl KeptPicture {
    /// The picture, if it is in memory.
    pub fn in_memory(&self) -> Option<&Jpeg> {
        match self {
            Self::Memory(jpeg) => Some(jpeg),
            _ => None,
        }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::None)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Memory(jpeg) => jpeg.len(),
            Self::File(bytes) => *bytes,
        }
    }
}

/// A choice of events.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this stream.
    pub stream: Option<String>,
    /// Those of this kind.
    pub kind: Option<EventKind>,
    /// Those that last at this time, or begin later.
    pub since: Option<Timestamp>,
    /// Those that began before this time.
    pub until: Option<Timestamp>,
    /// Those that began before this one.
    pub before: Option<EventId>,
    /// The most of them.
    pub limit: usize,
}

impl Filter {
    fn takes(&self, event: &Event) -> bool {
        let is_since = |since: Timestamp| event.end.is_none_or(|end| end >= since);
        self.stream.as_ref().is_none_or(|it| *it == event.stream)
            && self.kind.as_ref().is_none_or(|it| *it == event.kind)
            && self.since.is_none_or(is_since)
            && self.until.is_none_or(|until| event.start < until)
    }
}

/// Some events, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The events.
    pub events: Vec<Kept>,
    /// The oldest of them, if there are more before it.
    pub next: Option<EventId>,
}

/// The newest events, by their names, and what is to be written of them.
#[derive(Default)]
pub struct EventList {
    events: BTreeMap<EventId, Kept>,
    /// Whether there is a folder that they are written to.
    is_stored: bool,
    /// Those that have changed, or were removed, since they were written last.
    unwritten: BTreeSet<EventId>,
    /// The masks that each stream has.
    masks: BTreeMap<String, BTreeSet<MaskId>>,
    begun: BTreeMap<EventKind, u64>,
    /// The time in the newest name.
    newest: Timestamp,
}

impl EventList {
    /// Events that were written before. The bounds hold for them, too.
    pub fn read(events: impl IntoIterator<Item = Kept>) -> Self {
        let events = events.into_iter().map(|it| (it.event.id.clone(), it));
        let mut list = Self {
            events: events.collect(),
            is_stored: true,
            ..Self::default()
        };
        let newest = list.events.last_key_value();
        list.newest = newest.map(|(id, _)| id.time()).unwrap_or_default();
        list.tidy();
        list
    }

    /// A name for an event of `now`. A clock that was put back does not change the order.
    pub fn next_id(&mut self, now: Timestamp) -> EventId {
        let after = self.newest + Duration::from_millis(1);
        self.newest = now.max(after);
        // Names differ within this process without it.
        let random = getrandom::u32().unwrap_or_else(|_| std::process::id());
        EventId::new(self.newest, random)
    }

    /// Adds an event with its picture.
    pub fn add(&mut self, event: Event, picture: Option<CoveredPicture>) {
        if self.begun.len() < KINDS || self.begun.contains_key(&event.kind) {
            *self.begun.entry(event.kind.clone()).or_default() += 1;
        }
        let id = event.id.clone();
        let mut kept = Kept {
            picture: KeptPicture::None,
            masks: BTreeSet::new(),
            event: Arc::new(event),
        };
        if let Some(picture) = self.covered(&kept.event.stream, picture) {
            kept.take(picture);
        }
        self.events.insert(id.clone(), kept);
        self.not_written(id);
        self.tidy();
    }

    /// Changes the event `id` and gives it a `picture`, if one is given and it is still kept.
    pub fn update(
        &mut self,
        id: &EventId,
        picture: Option<CoveredPicture>,
        change: impl FnOnce(&mut Event),
    ) {
        let stream = self.events.get(id).map(|it| it.event.stream.clone());
        let picture = stream.and_then(|stream| self.covered(&stream, picture));
        let Some(kept) = self.events.get_mut(id) else {
            return;
        };
        change(Arc::make_mut(&mut kept.event));
        if let Some(picture) = picture {
            kept.take(picture);
        }
        self.not_written(id.clone());
        self.tidy();
    }

    /// Forgets the event `id`; `false` if there is none.
    pub fn remove(&mut self, id: &EventId) -> bool {
        self.not_written(id.clone());
        self.events.remove(id).is_some()
    }

    /// Keeps no more than may be kept. The oldest go of whoever has most: so a filter of a stream
    /// that tells of much pushes out its own events, and not those of others.
    fn tidy(&mut self) {
        while self.events.len() > MOST {
            // An event that lasts is to have its end.
            let ended = self.oldest_of_greatest(|it| usize::from(it.event.end.is_some()));
            let oldest = ended.or_else(|| self.events.keys().next().cloned());
            let Some(id) = oldest else {
                return;
            };
            self.remove(&id);
        }
        self.tidy_pictures(BYTES, KeptPicture::bytes);
        let in_memory = |it: &KeptPicture| it.in_memory().map_or(0, |jpeg| jpeg.len());
        self.tidy_pictures(MEMORY, in_memory);
    }

    /// The same of pictures, which have no more than `most` together by `size`.
    fn tidy_pictures(&mut self, most: usize, size: impl Fn(&KeptPicture) -> usize) {
        let size_of = |it: &Kept| size(&it.picture);
        while self.events.values().map(size_of).sum::<usize>() > most {
            let Some(id) = self.oldest_of_greatest(size_of) else {
                return;
            };
            self.drop_picture(&id);
        }
    }

    /// The oldest event that has a size, of the source whose events are the greatest together.
    fn oldest_of_greatest(&self, size: impl Fn(&Kept) -> usize) -> Option<EventId> {
        let mut sources = BTreeMap::<_, (usize, &EventId)>::new();
        for (id, kept) in &self.events {
            let size = size(kept);
            if size > 0 {
                let of = (&kept.event.stream, &kept.event.filter);
                sources.entry(of).or_insert((0, id)).0 += size;
            }
        }
        // Of equal ones, that with the oldest.
        let greatest = sources
            .into_values()
            .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(a.1)));
        greatest.map(|(_, id)| id.clone())
    }

    fn drop_picture(&mut self, id: &EventId) {
        if let Some(kept) = self.events.get_mut(id) {
            kept.picture = KeptPicture::None;
            kept.masks.clear();
            self.not_written(id.clone());
        }
    }

    /// Removes the pictures of `stream` that were taken before one of `masks` was there, now and
    /// whenever one comes later.
    pub fn require_masks(&mut self, stream: &str, masks: BTreeSet<MaskId>) {
        let is_bare = |it: &&Kept| {
            it.event.stream == stream && it.picture.is_there() && !masks.is_subset(&it.masks)
        };
        let bare = self.events.values().filter(is_bare);
        let bare: Vec<_> = bare.map(|it| it.event.id.clone()).collect();
        bare.iter().for_each(|id| self.drop_picture(id));
        self.masks.insert(stream.to_owned(), masks);
    }

    /// The picture, if all masks that the event's stream has now were there when it was taken.
    fn covered(&self, stream: &str, picture: Option<CoveredPicture>) -> Option<CoveredPicture> {
        let masks = self.masks.get(stream);
        picture.filter(|it| masks.is_none_or(|masks| masks.is_subset(&it.masks)))
    }

    /// The event `id`.
    pub fn find(&self, id: &EventId) -> Option<&Kept> {
        self.events.get(id)
    }

    /// The events that `filter` lets through of the streams that are `seen`, newest first.
    pub fn page(&self, filter: &Filter, seen: &dyn Fn(&str) -> bool) -> Page {
        let newest_first = self.events.values().rev();
        let is_before = |it: &&Kept| filter.before.as_ref().is_none_or(|id| it.event.id < *id);
        let mut taken = newest_first
            .filter(is_before)
            .filter(|it| seen(&it.event.stream) && filter.takes(&it.event));
        let events: Vec<_> = taken.by_ref().take(filter.limit).cloned().collect();
        let last = events.last().map(|it| it.event.id.clone());
        Page {
            next: last.filter(|_| taken.next().is_some()),
            events,
        }
    }

    /// The events that have begun or ended since the one called `id` began, oldest first.
    pub fn since(&self, id: &EventId) -> Vec<Kept> {
        let time = id.time();
        let is_news =
            |it: &&Kept| it.event.id >= *id || it.event.end.is_some_and(|end| end >= time);
        self.events.values().filter(is_news).cloned().collect()
    }

    /// The events that last.
    pub fn open(&self) -> impl Iterator<Item = &Event> {
        let events = self.events.values().map(|it| &*it.event);
        events.filter(|event| event.end.is_none())
    }

    /// The number of events of each kind.
    pub fn counts(&self) -> BTreeMap<EventKind, Count> {
        let open = |kind: &EventKind| self.open().filter(|it| it.kind == *kind).count() as u64;
        let count = |(kind, begun): (&EventKind, &u64)| {
            let count = Count {
                begun: *begun,
                open: open(kind),
            };
            (kind.clone(), count)
        };
        self.begun.iter().map(count).collect()
    }

    /// What is to be written: the names, each with the event as it is now, or none if it is to be
    /// removed. It counts as written from now on.
    pub fn take_unwritten(&mut self) -> Vec<(EventId, Option<Kept>)> {
        let names = std::mem::take(&mut self.unwritten).into_iter();
        let with_event = |id: EventId| {
            let kept = self.events.get(&id).cloned();
            (id, kept)
        };
        names.map(with_event).collect()
    }

    /// The event `id` is to be written. Of too many, which a broken disk leaves, the newest are.
    pub fn not_written(&mut self, id: EventId) {
        if self.is_stored {
            self.unwritten.insert(id);
        }
        if self.unwritten.len() > 2 * MOST {
            self.unwritten.pop_first();
        }
    }

    /// The picture of the event `id` is in the log's folder: it need not be here if the event is
    /// over and has not changed since.
    pub fn written(&mut self, id: &EventId) {
        if let Some(kept) = self.events.get_mut(id)
            && kept.event.end.is_some()
            && !self.unwritten.contains(id)
            && let KeptPicture::Memory(jpeg) = &kept.picture
        {
            kept.picture = KeptPicture::File(jpeg.len());
        }
    }
}
