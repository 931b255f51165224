//! Statistics of a step, for the API and for `mattebox apply`.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::{OnError, Sees, StepConfig};
use crate::filter::{Filter, FilterKind};
use crate::log::recurring::{Notice, Recovery, Recurring};
use crate::sync::IgnorePoison;

/// The percentiles are those of this many latest calls.
const WINDOW: usize = 512;
/// Upper bounds in seconds by which calls are counted for good: from a drawing that has not changed
/// to the time limit.
pub const BUCKETS: [f64; 12] = [
    0.000_01, 0.000_025, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0,
];

/// Written by the chain, read by anybody.
#[derive(Clone, Default)]
pub struct StepStats {
    /// Those of the step, which go on when its filter is built or set otherwise.
    counters: Arc<Mutex<Counters>>,
    /// Those of the filter as it is built and set now.
    health: Arc<Mutex<Health>>,
}

#[derive(Default)]
struct Health {
    failing: bool,
    last_error: Option<String>,
    failures: Recurring,
}

#[derive(Default)]
struct Counters {
    calls: u64,
    errors: u64,
    restarts: u64,
    replaced: u64,
    /// Events that were left out.
    events_dropped: u64,
    floods: Recurring,
    /// Durations in microseconds, the oldest overwritten first.
    recent: Vec<u32>,
    oldest: usize,
    durations: Durations,
}

/// The time for which calls took, since the step came to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    /// Calls that took at most as long as the bound of the same place in [`BUCKETS`], and longer
    /// than the one before.
    pub buckets: [u64; BUCKETS.len()],
    /// All calls.
    pub count: u64,
    /// All calls' time, in seconds.
    pub sum: f64,
}

impl Durations {
    fn count(&mut self, seconds: f64) {
        self.count += 1;
        self.sum += seconds;
        if let Some(bucket) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
    }
}

/// The report of a step.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct StepReport {
    /// The step's id while the server runs, also when it is moved or set otherwise.
    pub id: u64,
    /// The name of the filter in pipeline.yaml.
    #[serde(rename = "use")]
    pub use_: String,
    /// The name that the filter gives itself.
    pub name: String,
    /// The filter's version.
    pub version: String,
    /// The kind of its filter.
    pub kind: FilterKind,
    /// Whether its latest call went well.
    pub state: StepState,
    /// Whether it is switched on.
    pub enabled: bool,
    /// The filter's settings, as pipeline.yaml has them; passwords, tokens and logins in addresses
    /// as `***`.
    pub settings: Value,
    /// The fate of a frame when it fails.
    pub on_error: OnError,
    /// The shortest time between two looks of a filter that inspects, in seconds.
    pub every_seconds: Option<f64>,
    /// The pictures that an overlay may see, if it may.
    pub sees: Option<Sees>,
    /// Whether the filter may set variables and tell of events.
    pub publish: bool,
    /// The most that one call may take, in seconds.
    pub time_limit_seconds: f64,
    /// The most memory that the filter may have, in bytes.
    pub memory_limit_bytes: u64,
    /// Calls for a frame, failed ones included.
    pub calls: u64,
    /// All calls' time, in seconds.
    pub call_seconds: f64,
    /// Failed calls, and failed restarts.
    pub errors: u64,
    /// The number of starts after a failure.
    pub restarts: u64,
    /// Events that the filter told of and that were left out, since they were too many.
    pub events_dropped: u64,
    /// The number of instances that others took the place of before their memory was used up.
    pub replaced: u64,
    /// The latest failure of the filter as it is built and set now; none if it has not failed yet.
    pub last_error: Option<String>,
    /// Half of the latest calls took at most this long, in microseconds.
    pub p50_us: Option<u32>,
    /// 99 of 100 of the latest calls took at most this long, in microseconds.
    pub p99_us: Option<u32>,
}

/// The state of a step: whether it does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// It does, or has not been asked yet.
    Running,
    /// Its latest call failed, or it waits to be started again.
    Failing,
    /// It is switched off.
    Off,
}

impl StepStats {
    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().ignore_poison()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().ignore_poison()
    }

    /// A call that took `time`.
    pub fn called(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let mut counters = self.lock();
        counters.calls += 1;
        counters.durations.count(time.as_secs_f64());
        if counters.recent.len() < WINDOW {
            counters.recent.push(micros);
        } else {
            let oldest = counters.oldest;
            counters.recent[oldest] = micros;
            counters.oldest = (oldest + 1) % WINDOW;
        }
    }

    /// The step worked at `now`; gives its recovery, if it is to be told.
    pub fn worked(&self, now: Instant) -> Option<Recovery> {
        let mut health = self.health();
        health.failing = false;
        health.failures.worked(now)
    }

    /// The step failed at `now`; gives what is to be told of it, if anything.
    pub fn failed(&self, error: &str, now: Instant) -> Option<Notice> {
        self.lock().errors += 1;
        let mut health = self.health();
        health.failing = true;
        health.last_error = Some(error.to_owned());
        health.failures.failed(now)
    }

    /// So many events were left out at `now`; gives what is to be told of it, if anything.
    pub fn events_dropped(&self, count: u64, now: Instant) -> Option<Notice> {
        let mut counters = self.lock();
        counters.events_dropped += count;
        let notices = (0..count).map(|_| counters.floods.failed(now));
        notices.fold(None, Option::or)
    }

    /// The filter tells of events again after it was quiet for long, at `now`; gives its recovery
    /// if it had told of too many.
    pub fn events_rested(&self, now: Instant) -> Option<Recovery> {
        self.lock().floods.worked(now)
    }

    /// Another instance took the place of one whose memory was nearly used up. Gives whether it is
    /// the first.
    pub fn replaced(&self) -> bool {
        let mut counters = self.lock();
        counters.replaced += 1;
        counters.replaced == 1
    }

    /// The filter was started again.
    pub fn restarted(&self) {
        self.lock().restarts += 1;
    }

    /// The statistics of another filter, or of other settings, for the same step: its counters go
    /// on. What failed is not the new one's fault, and stays with the old one, which goes on if the
    /// new one can't be used.
    pub fn renewed(&self) -> Self {
        Self {
            counters: self.counters.clone(),
            health: Arc::default(),
        }
    }

    /// The time for which calls took.
    pub fn durations(&self) -> Durations {
        self.lock().durations.clone()
    }

    /// The counters as they are, of the step `id` with this `config` and `filter`.
    pub fn report(&self, id: u64, config: &StepConfig, filter: &Filter) -> StepReport {
        let (failing, last_error) = {
            let health = self.health();
            (health.failing, health.last_error.clone())
        };
        let counters = self.lock();
        let mut recent = counters.recent.clone();
        recent.sort_unstable();
        let is_inspect = filter.kind() == FilterKind::Inspect;
        StepReport {
            id,
            use_: config.filter.as_str().to_owned(),
            name: filter.manifest().name.clone(),
            version: filter.manifest().version.clone(),
            kind: filter.kind(),
            state: match (config.enabled, failing) {
                (false, _) => StepState::Off,
                (true, true) => StepState::Failing,
                (true, false) => StepState::Running,
            },
            enabled: config.enabled,
            settings: config.shown_settings(),
            on_error: config.on_error,
            every_seconds: is_inspect.then_some(config.every.as_secs_f64()),
            sees: config.sees,
            publish: is_inspect || config.publish,
            time_limit_seconds: config.time_limit.as_secs_f64(),
            memory_limit_bytes: config.memory_limit,
            calls: counters.calls,
            call_seconds: counters.durations.sum,
            errors: counters.errors,
            restarts: counters.restarts,
            events_dropped: counters.events_dropped,
            replaced: counters.replaced,
            last_error,
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
    use crate::clock::Clock;

    #[test]
    fn percentiles_are_of_the_latest_calls() {
        let stats = StepStats::default();
        for micros in 0..10_000 {
            stats.called(Duration::from_micros(micros));
        }
        let mut recent = stats.lock().recent.clone();
        recent.sort_unstable();
        assert_eq!(percentile(&recent, 50), Some(10_000 - 512 / 2 - 1));
        assert_eq!(percentile(&recent, 99), Some(10_000 - 5 - 1));
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 99), Some(7));
    }

    #[test]
    fn every_call_is_in_one_bucket() {
        let stats = StepStats::default();
        for micros in [5, 10, 11, 900, 1_000, 5_000_000] {
            stats.called(Duration::from_micros(micros));
        }
        let durations = stats.durations();
        assert_eq!(durations.buckets[..5], [2, 1, 0, 0, 2]);
        // What is longer than the last bound is only counted.
        assert_eq!(durations.buckets.iter().sum::<u64>(), 5);
        assert_eq!(durations.count, 6);
        assert!((durations.sum - 5.001_926).abs() < 1e-9);
    }

    #[test]
    fn failures_are_told_at_their_start_whatever_they_say() {
        let stats = StepStats::default();
        let now = crate::clock::SystemClock.now();
        assert_eq!(stats.failed("a", now), Some(Notice::Started));
        assert_eq!(stats.failed("a", now), None);
        assert_eq!(stats.failed("b", now), None);
        assert_eq!(stats.worked(now), Some(Recovery { failures: 3 }));
        assert_eq!(stats.worked(now), None);
        // Another filter's failures are news, and the old one's are not its own.
        stats.failed("a", now);
        let renewed = stats.renewed();
        assert_eq!(renewed.health().last_error, None);
        assert_eq!(renewed.failed("b", now), Some(Notice::Started));
        assert_eq!(stats.health().last_error.as_deref(), Some("a"));
        assert_eq!(renewed.lock().errors, 5);
    }
}
