//! What a step has done so far, for the API and for `mattebox apply`.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::filter::Kind;

/// The percentiles are those of this many latest calls.
const WINDOW: usize = 512;

/// Written by the chain, read by anybody.
#[derive(Clone, Default)]
pub struct StepStats(Arc<Mutex<Counters>>);

#[derive(Default)]
struct Counters {
    failing: bool,
    calls: u64,
    errors: u64,
    restarts: u64,
    last_error: Option<String>,
    /// Durations in microseconds, the oldest overwritten first.
    recent: Vec<u32>,
    oldest: usize,
}

/// How a step is, at one moment.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StepReport {
    /// What pipeline.yaml calls the filter.
    #[serde(rename = "use")]
    pub use_: String,
    /// What it works on.
    pub kind: Kind,
    /// Whether its latest call went well.
    pub state: StepState,
    /// What happens to a frame when it fails.
    pub on_error: crate::config::OnError,
    /// Calls for a frame, failed ones included.
    pub calls: u64,
    /// Failed calls, and failed restarts.
    pub errors: u64,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// The latest failure.
    pub last_error: Option<String>,
    /// Half of the latest calls took at most this long, in microseconds.
    pub p50_us: Option<u32>,
    /// 99 of 100 of the latest calls took at most this long, in microseconds.
    pub p99_us: Option<u32>,
}

/// Whether a step does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// It does, or has not been asked yet.
    Running,
    /// Its latest call failed, or it waits to be started again.
    Failing,
}

impl StepStats {
    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().expect("no panic while it is held")
    }

    /// A call that took `time`.
    pub fn called(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let mut counters = self.lock();
        counters.calls += 1;
        if counters.recent.len() < WINDOW {
            counters.recent.push(micros);
        } else {
            let oldest = counters.oldest;
            counters.recent[oldest] = micros;
            counters.oldest = (oldest + 1) % WINDOW;
        }
    }

    /// The step works; `true` if it did not before.
    pub fn recovered(&self) -> bool {
        std::mem::take(&mut self.lock().failing)
    }

    /// The step failed; `true` if that is news.
    pub fn failed(&self, error: &str) -> bool {
        let mut counters = self.lock();
        counters.errors += 1;
        let is_news = !counters.failing || counters.last_error.as_deref() != Some(error);
        counters.failing = true;
        counters.last_error = Some(error.to_owned());
        is_news
    }

    /// The filter was started again.
    pub fn restarted(&self) {
        self.lock().restarts += 1;
    }

    /// The counters as they are.
    pub fn report(&self, use_: &str, kind: Kind, on_error: crate::config::OnError) -> StepReport {
        let counters = self.lock();
        let mut recent = counters.recent.clone();
        recent.sort_unstable();
        StepReport {
            use_: use_.to_owned(),
            kind,
            state: if counters.failing {
                StepState::Failing
            } else {
                StepState::Running
            },
            on_error,
            calls: counters.calls,
            errors: counters.errors,
            restarts: counters.restarts,
            last_error: counters.last_error.clone(),
            p50_us: percentile(&recent, 50),
            p99_us: percentile(&recent, 99),
        }
    }
}

/// The nearest rank of sorted values.
fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_latest_calls() {
        let stats = StepStats::default();
        for micros in 0..10_000 {
            stats.called(Duration::from_micros(micros));
        }
        let report = stats.report("x", Kind::Overlay, crate::config::OnError::Bypass);
        assert_eq!(report.calls, 10_000);
        assert_eq!(report.p50_us, Some(10_000 - 512 / 2 - 1));
        assert_eq!(report.p99_us, Some(10_000 - 5 - 1));
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 99), Some(7));
    }

    #[test]
    fn the_same_failure_is_news_once() {
        let stats = StepStats::default();
        assert!(stats.failed("a"));
        assert!(!stats.failed("a"));
        assert!(stats.failed("b"));
        assert!(stats.recovered());
        assert!(!stats.recovered());
        assert!(stats.failed("b"));
    }
}
