//! The rate limit: leaves out frames of a camera that gives too many.

use std::time::{Duration, Instant};

/// Says which frames of a camera are too many.
pub struct RateLimit {
    interval: Duration,
    due: Option<Instant>,
}

impl RateLimit {
    /// At most `fps` frames per second, above 0.
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

    /// Whether a frame that came at `now` is to be taken. A frame that is a little early is, since
    /// cameras are not exact; the next one then has to wait that much longer.
    pub fn admits(&mut self, now: Instant) -> bool {
        let early = self.interval / 8;
        match self.due {
            Some(due) if now + early < due => false,
            Some(due) => {
                // On average the limit is kept; but a pause leaves nothing to catch up with.
                let late = now.saturating_duration_since(due).min(self.interval);
                self.due = Some(now.max(due) - late + self.interval);
                true
            }
            None => {
                self.due = Some(now + self.interval);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// The number of frames of a camera at `camera` fps that are taken in 60 s, and the least time
    /// between two in milliseconds.
    fn taken(camera: f64, limit: f64) -> (usize, u128) {
        let start = crate::clock::SystemClock.now();
        let mut limit = RateLimit::new(limit);
        let frames = (0..(camera * 60.0) as u32).map(|n| {
            // Every third frame comes 3 ms late.
            let late = if n % 3 == 0 { 0.003 } else { 0.0 };
            start + Duration::from_secs_f64(f64::from(n) / camera + late)
        });
        let taken: Vec<_> = frames.filter(|at| limit.admits(*at)).collect();
        let least = taken.windows(2).map(|pair| (pair[1] - pair[0]).as_millis());
        (taken.len(), least.min().unwrap())
    }

    #[test]
    fn a_ceiling_is_kept_and_evenly() {
        assert_eq!(taken(30.0, 15.0).0, 900);
        assert!(taken(30.0, 15.0).1 >= 60);
        assert_eq!(taken(30.0, 30.0).0, 1800);
        // Below the limit nothing is lost.
        assert_eq!(taken(10.0, 25.0).0, 600);
        let (odd, _) = taken(30.0, 20.0);
        assert!((1150..=1202).contains(&odd), "{odd}");
        assert!((30..=31).contains(&taken(30.0, 0.5).0));
    }

    #[test]
    fn another_interval_counts_from_the_last_frame() {
        let start = crate::clock::SystemClock.now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut limit = RateLimit::new(1.0 / 60.0);
        assert!(limit.admits(start));
        assert!(!limit.admits(at(30)));
        limit.set_interval(Duration::from_secs(10));
        assert!(limit.admits(at(30)));
        limit.set_interval(Duration::from_secs(60));
        assert!(!limit.admits(at(41)));
        limit.set_interval(Duration::ZERO);
        assert!(limit.admits(at(41)) && limit.admits(at(41)));
    }

    #[test]
    fn after_a_pause_there_is_nothing_to_catch_up_with() {
        let start = crate::clock::SystemClock.now();
        let mut limit = RateLimit::new(10.0);
        assert!(limit.admits(start));
        let later = start + Duration::from_secs(60);
        assert!(limit.admits(later));
        let soon = (1..=10).map(|n| later + Duration::from_millis(n * 10));
        let admitted = soon.filter(|at| limit.admits(*at)).count();
        assert!(admitted <= 2, "{admitted}");
    }
}
