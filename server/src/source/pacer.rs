//! The pacer: plays a recording at its own frame rate.

use std::time::{Duration, Instant};

use crate::clock::StopToken;

/// Says when the next frame is due.
pub struct Pacer {
    interval: Duration,
    due: Option<Instant>,
}

impl Pacer {
    /// `fps` frames per second, above 0; the first is due at once.
    pub fn new(fps: f64) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / fps),
            due: None,
        }
    }

    /// Frames are to be `interval` apart from now on, counted from the last one.
    pub fn set_interval(&mut self, interval: Duration) {
        let last = self.due.and_then(|due| due.checked_sub(self.interval));
        self.due = last.map(|last| last + interval);
        self.interval = interval;
    }

    /// Blocks until the next frame is due; `false` when a stop was requested first. Whoever is
    /// late by more than a frame goes on from now: there is nothing to catch up with.
    pub fn wait(&mut self, stop: &StopToken) -> bool {
        let due = self.due(stop.clock().now());
        self.due = Some(due + self.interval);
        stop.sleep_until(due)
    }

    /// The time at which the next frame is due, seen from `now`.
    pub fn due(&self, now: Instant) -> Instant {
        match self.due {
            Some(due) if due + self.interval >= now => due,
            _ => now,
        }
    }
}
