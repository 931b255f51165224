//! Events: from the first motion until nothing has moved for a while.

use std::time::Duration;

/// The meaning of a look for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing moves, and nothing has for the gap.
    None,
    /// Something begins to move: the event starts.
    Started,
    /// Something moves, or did within the gap.
    Going,
    /// Nothing has moved for the gap: the event is over.
    Ended {
        /// The milliseconds since 1970 when something moved last.
        last_motion_ms: u64,
    },
}

/// The time of the last motion of an event that is going on.
pub struct EventClock {
    gap_ms: u64,
    last_motion_ms: Option<u64>,
}

impl EventClock {
    /// Events that end when nothing has moved for `gap`.
    pub fn new(gap: Duration) -> Self {
        Self {
            gap_ms: u64::try_from(gap.as_millis()).unwrap_or(u64::MAX),
            last_motion_ms: None,
        }
    }

    /// What a look at `now_ms` means, in which something moves or nothing.
    pub fn look(&mut self, moves: bool, now_ms: u64) -> Event {
        match self.last_motion_ms {
            _ if moves => {
                let before = self.last_motion_ms.replace(now_ms);
                before.map_or(Event::Started, |_| Event::Going)
            }
            // A clock that was set back must not hold an event for years.
            Some(last_motion_ms) if now_ms.abs_diff(last_motion_ms) >= self.gap_ms => {
                self.last_motion_ms = None;
                Event::Ended { last_motion_ms }
            }
            Some(_) => Event::Going,
            None => Event::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_when_nothing_moved_for_the_gap() {
        let mut clock = EventClock::new(Duration::from_secs(2));
        assert_eq!(clock.look(false, 0), Event::None);
        assert_eq!(clock.look(true, 1000), Event::Started);
        assert_eq!(clock.look(false, 2900), Event::Going);
        assert_eq!(clock.look(true, 2950), Event::Going);
        assert_eq!(clock.look(false, 4900), Event::Going);
        let last_motion_ms = 2950;
        assert_eq!(clock.look(false, 4950), Event::Ended { last_motion_ms });
        assert_eq!(clock.look(false, 5000), Event::None);
        assert_eq!(clock.look(true, 5100), Event::Started);
    }
}
