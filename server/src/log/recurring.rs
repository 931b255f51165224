//! A failure that comes again and again, told without flooding the log: when it starts, then summed
//! up at most once a [`PERIOD`], and when it ends.
//!
//! The type only counts and decides; its owner logs. Time comes from the caller.
//!
//! ```ignore
//! // On each failure:
//! if let Some(notice) = self.failures.failed(clock.now()) {
//!     let (failures, seconds) = (notice.failures(), notice.seconds());
//!     tracing::warn!(stream, failures, seconds, %error, "…");
//! }
//! // On each success; costs a comparison while all is well:
//! if let Some(recovery) = self.failures.worked(clock.now()) {
//!     tracing::info!(stream, failures = recovery.failures, "… works again");
//! }
//! ```

use std::time::{Duration, Instant};

/// The shortest time between two summaries, and how long all must be well for a failure that comes
/// and goes to have ended.
pub const PERIOD: Duration = Duration::from_secs(60);

/// The failures of one thing: a step, a camera, a listening socket.
#[derive(Clone, Debug, Default)]
pub struct Recurring(Option<Episode>);

/// Failures that are told of together.
#[derive(Clone, Debug)]
struct Episode {
    failures: u64,
    /// Failures that no notice has counted yet.
    untold: u64,
    last_notice: Instant,
    last_failure: Instant,
    /// Whether it works now and that was told.
    ended: bool,
    /// Whether it began again soon after its end; such an end is told only once it has lasted.
    flaps: bool,
}

/// A failure that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The first one.
    Started,
    /// The latest of several.
    Again {
        /// The number of failures since the last notice, this one included.
        failures: u64,
        /// The time since the last notice.
        over: Duration,
    },
}

/// An end that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The number of failures since the start.
    pub failures: u64,
}

impl Recurring {
    /// Counts a failure at `now`; gives what is to be told of it, if anything.
    pub fn failed(&mut self, now: Instant) -> Option<Notice> {
        match &mut self.0 {
            Some(episode) if !episode.is_over(now) => episode.failed(now),
            over => {
                *over = Some(Episode::start(now));
                Some(Notice::Started)
            }
        }
    }

    /// Takes note that it works at `now`; gives the recovery, if it is to be told.
    pub fn worked(&mut self, now: Instant) -> Option<Recovery> {
        let episode = self.0.as_mut()?;
        if episode.is_over(now) {
            self.0 = None;
            return None;
        }
        episode.worked(now)
    }
}

impl Episode {
    fn start(now: Instant) -> Self {
        Self {
            failures: 1,
            untold: 0,
            last_notice: now,
            last_failure: now,
            ended: false,
            flaps: false,
        }
    }

    /// Whether it has ended for so long that the next failure is news.
    fn is_over(&self, now: Instant) -> bool {
        self.ended && self.has_been_well(now)
    }

    fn has_been_well(&self, now: Instant) -> bool {
        now.duration_since(self.last_failure) >= PERIOD
    }

    fn failed(&mut self, now: Instant) -> Option<Notice> {
        self.flaps |= std::mem::take(&mut self.ended);
        self.failures += 1;
        self.untold += 1;
        self.last_failure = now;
        let over = now.duration_since(self.last_notice);
        (over >= PERIOD).then(|| {
            self.last_notice = now;
            let failures = std::mem::take(&mut self.untold);
            Notice::Again { failures, over }
        })
    }

    fn worked(&mut self, now: Instant) -> Option<Recovery> {
        if self.ended || (self.flaps && !self.has_been_well(now)) {
            return None;
        }
        self.ended = true;
        Some(Recovery {
            failures: self.failures,
        })
    }
}

impl Notice {
    /// The number of failures since the last notice, this one included; none for the first.
    pub fn failures(self) -> Option<u64> {
        match self {
            Self::Started => None,
            Self::Again { failures, .. } => Some(failures),
        }
    }

    /// The time since the last notice, in seconds; none for the first.
    pub fn seconds(self) -> Option<u64> {
        match self {
            Self::Started => None,
            Self::Again { over, .. } => Some(over.as_secs()),
        }
    }

    /// A line for people: `error` itself, or a summary of which it is the latest.
    pub fn word(&self, error: &str) -> String {
        match self {
            Self::Started => error.to_owned(),
            Self::Again { failures, over } => {
                let count = match failures {
                    1 => "once".to_owned(),
                    _ => format!("{failures} times"),
                };
                let minutes = (over.as_secs() + 30) / 60;
                let span = match minutes {
                    0 | 1 => "minute".to_owned(),
                    _ => format!("{minutes} minutes"),
                };
                format!("failed {count} in the last {span}, last: {error}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const SECOND: Duration = Duration::from_secs(1);

    /// The notices, second by second, when it fails in the seconds that `fails` names.
    fn told(seconds: u32, fails: impl Fn(u32) -> bool) -> Vec<(u32, String)> {
        let start = crate::clock::SystemClock.now();
        let mut failures = Recurring::default();
        let mut lines = Vec::new();
        for second in 0..seconds {
            let now = start + second * SECOND;
            let line = if fails(second) {
                failures.failed(now).map(|notice| notice.word("no"))
            } else {
                let recovery = failures.worked(now);
                recovery.map(|it| format!("failures before it works: {}", it.failures))
            };
            lines.extend(line.map(|line| (second, line)));
        }
        lines
    }

    fn lines(expected: &[(u32, &str)]) -> Vec<(u32, String)> {
        let owned = |(second, line): &(u32, &str)| (*second, (*line).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn a_long_failure_is_told_at_its_start_each_minute_and_at_its_end() {
        let expected = [
            (3, "no"),
            (63, "failed 60 times in the last minute, last: no"),
            (123, "failed 60 times in the last minute, last: no"),
            (150, "failures before it works: 147"),
        ];
        assert_eq!(told(300, |s| (3..150).contains(&s)), lines(&expected));
    }

    #[test]
    fn what_comes_and_goes_is_told_no_more_often() {
        // The end that follows the first failure is told at once, the last one when it has lasted.
        let expected = [
            (0, "no"),
            (1, "failures before it works: 1"),
            (60, "failed 30 times in the last minute, last: no"),
            (120, "failed 30 times in the last minute, last: no"),
            (180, "failed 30 times in the last minute, last: no"),
            (258, "failures before it works: 100"),
        ];
        let flaps = told(400, |s| s < 200 && s % 2 == 0);
        assert_eq!(flaps, lines(&expected));
    }

    #[test]
    fn a_failure_long_after_the_last_is_news() {
        let expected = [
            (0, "no"),
            (1, "failures before it works: 1"),
            (100, "no"),
            (101, "failures before it works: 1"),
        ];
        assert_eq!(told(150, |s| s % 100 == 0), lines(&expected));
    }

    #[test]
    fn rare_failures_are_counted_over_the_time_that_they_took() {
        let start = crate::clock::SystemClock.now();
        let mut failures = Recurring::default();
        assert_eq!(failures.failed(start), Some(Notice::Started));
        let notice = failures.failed(start + 5 * PERIOD).unwrap();
        assert_eq!(
            notice.word("no"),
            "failed once in the last 5 minutes, last: no"
        );
    }

    #[test]
    fn what_always_works_is_never_told() {
        assert!(told(100, |_| false).is_empty());
    }
}
