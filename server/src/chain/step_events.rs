//! The events that a step's filter tells of: those that last, until they end or the filter does.

use std::collections::BTreeMap;

use crate::event_log::{EventKind, EventLog, NewEvent, OpenEvent, Picture};
use crate::filter::context::{Phase, PublishedEvent};
use crate::frame::Frame;
use crate::region::Region;
use crate::secret::mask_foreign;

/// Events that may last at once.
const MOST_OPEN: usize = 16;

/// The events of one step. Those that last end with it.
pub struct StepEvents {
    log: EventLog,
    open: BTreeMap<EventKind, OpenEvent>,
}

impl StepEvents {
    /// None yet; they go to `log`.
    pub fn new(log: EventLog) -> Self {
        Self {
            log,
            open: BTreeMap::new(),
        }
    }

    /// Takes up what the filter called `filter`, of the stream called `stream`, told in its call for
    /// `frame`.
    pub fn tell(
        &mut self,
        told: Vec<PublishedEvent>,
        (stream, filter): (&str, &str),
        frame: &Frame,
    ) {
        for PublishedEvent { kind, phase, text } in told {
            let new = || NewEvent {
                kind: kind.clone(),
                stream: stream.to_owned(),
                filter: Some(filter.to_owned()),
                start: frame.captured_at,
                regions: Vec::new(),
                // The filter's own words may quote its settings.
                text: (!text.is_empty()).then(|| mask_foreign(&text)),
                picture: Picture::of(frame),
            };
            match phase {
                Phase::Moment => drop(self.log.point(new())),
                Phase::Start if self.open.len() < MOST_OPEN => {
                    let begin = || self.log.begin(new());
                    self.open.entry(kind.clone()).or_insert_with(begin);
                }
                Phase::Start => {}
                Phase::End => {
                    if let Some(open) = self.open.remove(&kind) {
                        open.end(frame.captured_at);
                    }
                }
            }
        }
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
