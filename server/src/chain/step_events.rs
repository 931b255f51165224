//! The events that a step's filter tells of: those that last, until they end or the filter does.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::event_log::{Admission, EventBudget, EventKind, EventLog, NewEvent, OpenEvent, Picture};
use crate::filter::context::{Phase, PublishedEvent};
use crate::frame::Frame;
use crate::region::Region;
use crate::secret::mask_foreign;

/// Events that may last at once.
pub const MOST_OPEN: usize = 16;

/// The events of one step. Those that last end with it.
pub struct StepEvents {
    log: EventLog,
    open: BTreeMap<EventKind, OpenEvent>,
    budget: EventBudget,
}

/// The fate of the events that a filter told of in one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Admissions {
    /// Those that were left out, since it tells of too many.
    pub refused: u64,
    /// Whether it told of one after it had told of none for long.
    pub is_rested: bool,
}

impl StepEvents {
    /// None yet; they go to `log`.
    pub fn new(log: EventLog) -> Self {
        Self {
            log,
            open: BTreeMap::new(),
            budget: EventBudget::default(),
        }
    }

    /// Takes up what the filter called `filter`, of the stream called `stream`, told in its call
    /// for `frame`, in which it found `regions`, at `now`.
    pub fn tell(
        &mut self,
        told: Vec<PublishedEvent>,
        (stream, filter): (&str, &str),
        (frame, regions): (&Frame, &[Region]),
        now: Instant,
    ) -> Admissions {
        let mut admissions = Admissions::default();
        for PublishedEvent { kind, phase, text } in told {
            let new = || NewEvent {
                kind: kind.clone(),
                stream: stream.to_owned(),
                filter: Some(filter.to_owned()),
                start: frame.captured_at,
                regions: regions.to_vec(),
                // The filter's own words may quote its settings.
                text: (!text.is_empty()).then(|| mask_foreign(&text)),
                picture: Picture::of(frame),
            };
            if phase == Phase::End {
                let over = self.open.remove(&kind);
                over.into_iter().for_each(|it| it.end(frame.captured_at));
                continue;
            }
            if phase == Phase::Start && self.open.contains_key(&kind) {
                continue;
            }
            let has_room = phase == Phase::Moment || self.open.len() < MOST_OPEN;
            match has_room.then(|| self.budget.take(now)) {
                None | Some(Admission::Refused) => {
                    admissions.refused += 1;
                    continue;
                }
                Some(admission) => admissions.is_rested |= admission == Admission::Rested,
            }
            match phase {
                Phase::Moment => drop(self.log.point(new())),
                _ => drop(self.open.insert(kind.clone(), self.log.begin(new()))),
            }
        }
        admissions
    }

    /// Adds what was found in `frame` to the events that last.
    pub fn found(&mut self, regions: &[Region], frame: &Frame) {
        if regions.is_empty() {
            return;
        }
        for open in self.open.values_mut() {
            open.update(regions.to_vec(), Picture::of(frame));
        }
    }

    /// Ends those that last.
    pub fn end_all(&mut self) {
        self.open.clear();
    }
}
