//! Frames per second, as a person would count them: over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(3);
/// Enough for 240 frames per second.
const MOST: usize = 720;

/// Counts events of the last three seconds.
#[derive(Debug, Default)]
pub struct Rate {
    times: VecDeque<Instant>,
}

impl Rate {
    /// One more, at `now`.
    pub fn count(&mut self, now: Instant) {
        self.forget(now);
        if self.times.len() == MOST {
            self.times.pop_front();
        }
        self.times.push_back(now);
    }

    /// Events per second. It takes two to tell a rate, so a single one counts as none.
    pub fn per_second(&mut self, now: Instant) -> f64 {
        self.forget(now);
        let (Some(first), Some(last)) = (self.times.front(), self.times.back()) else {
            return 0.0;
        };
        let span = last.duration_since(*first).as_secs_f64();
        if span == 0.0 {
            return 0.0;
        }
        (self.times.len() - 1) as f64 / span
    }

    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.times.front()
            && now.duration_since(*first) > SPAN
        {
            self.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn counts_what_is_recent() {
        let start = crate::clock::SystemClock.now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(at(0)), 0.0);
        for frame in 0..100 {
            rate.count(at(frame * 100));
        }
        assert!((rate.per_second(at(9_900)) - 10.0).abs() < 0.01);
        assert_eq!(rate.per_second(at(20_000)), 0.0);
    }
}
