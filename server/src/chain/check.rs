//! One check of filters: its purpose, the time that it may take, and whether anybody still waits
//! for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Cause, Diagnostic, PlacedStep};
use crate::filter::Wanted;
use crate::sync::IgnorePoison;

/// The most that one check may take. Compiling a large filter for the first time takes most of it
/// on a small machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A check of some streams' filters.
pub struct Check<'c> {
    clock: &'c dyn Clock,
    wanted: Wanted,
    abandoned: CancellationToken,
    end: Instant,
    longest: Mutex<Option<Longest>>,
    has_compiled: AtomicBool,
}

/// The step that took the longest so far.
struct Longest {
    filter: String,
    took: Duration,
}

impl<'c> Check<'c> {
    /// Starts now.
    pub fn new(clock: &'c dyn Clock, wanted: Wanted) -> Self {
        Self {
            clock,
            wanted,
            abandoned: CancellationToken::new(),
            end: clock.now() + LIMIT,
            longest: Mutex::default(),
            has_compiled: AtomicBool::new(false),
        }
    }

    /// The same, ended before its next step, or while a module is compiled, once it is `abandoned`.
    pub fn unless(self, abandoned: &CancellationToken) -> Self {
        Self {
            abandoned: abandoned.clone(),
            ..self
        }
    }

    /// The purpose that filters are compiled for.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Cancelled when nobody waits for it any more.
    pub fn abandoned(&self) -> &CancellationToken {
        &self.abandoned
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Takes note that a module was compiled for it, which another check need not do again.
    pub fn compiled(&self) {
        self.has_compiled.store(true, Ordering::Relaxed);
    }

    /// Does a part of the check that `step` is the cause of, if there is time left.
    ///
    /// # Errors
    /// Those of `work`; or the limit is used up, and by which step; or the check is abandoned.
    pub fn run<T>(
        &self,
        step: PlacedStep<'_>,
        work: impl FnOnce() -> Result<T, Vec<Diagnostic>>,
    ) -> Result<T, Vec<Diagnostic>> {
        let start = self.clock.now();
        if self.abandoned.is_cancelled() {
            let why = "not checked, since a newer change came".to_owned();
            return Err(vec![step.error_at_use(why)]);
        }
        if start >= self.end {
            let (why, cause) = self.used_up();
            return Err(vec![step.error_at_use(why).due_to(cause)]);
        }
        let result = work();
        let took = self.clock.now() - start;
        let mut longest = self.longest.lock().ignore_poison();
        if longest.as_ref().is_none_or(|longest| longest.took < took) {
            let filter = step.filter.as_str().to_owned();
            *longest = Some(Longest { filter, took });
        }
        result
    }

    /// The reason why the time is over. Another try has more of it where this one compiled modules.
    fn used_up(&self) -> (String, Cause) {
        let limit = LIMIT.as_secs();
        let longest = self.longest.lock().ignore_poison();
        let cause = longest.as_ref().map_or_else(String::new, |longest| {
            let (filter, took) = (&longest.filter, longest.took.as_secs_f64());
            format!(": `{filter}` alone took {took:.1} s")
        });
        let why =
            format!("not checked, since checking the pipeline took more than {limit} s{cause}");
        match self.has_compiled.load(Ordering::Relaxed) {
            true => (
                format!("{why}; another try goes on from there"),
                Cause::Machine,
            ),
            false => (why, Cause::Files),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;
    use crate::config::Config;

    fn config() -> Config {
        let text = "streams: { s: { filters: [{ use: a }, { use: b }, { use: c }] } }";
        Config::parse(text, "x", std::path::Path::new(".")).unwrap()
    }

    #[test]
    fn the_step_that_uses_it_up_is_named() {
        let config = config();
        let steps = config.steps(&config.streams[0]);
        let clock = FakeClock::new();
        let check = Check::new(&*clock, Wanted::ByChange);
        for (step, seconds) in steps.iter().copied().zip([20, 101]) {
            let done = check.run(step, || {
                clock.advance(Duration::from_secs(seconds));
                Ok(())
            });
            assert!(done.is_ok());
        }
        let error = check.run(steps[2], || Ok(())).unwrap_err().remove(0);
        assert!(
            error.message.contains("`b` alone took 101.0 s"),
            "{}",
            error.message
        );
        assert!(
            error.message.contains("more than 120 s"),
            "{}",
            error.message
        );
        assert_eq!(error.cause, Cause::Files);
        // What was compiled need not be compiled again.
        check.compiled();
        let error = check.run(steps[2], || Ok(())).unwrap_err().remove(0);
        assert_eq!(error.cause, Cause::Machine);
    }

    #[test]
    fn one_that_is_abandoned_does_no_more_steps() {
        let config = config();
        let steps = config.steps(&config.streams[0]);
        let clock = FakeClock::new();
        let abandoned = CancellationToken::new();
        let check = Check::new(&*clock, Wanted::ByChange).unless(&abandoned);
        assert!(check.run(steps[0], || Ok(())).is_ok());
        abandoned.cancel();
        let refused = check.run(steps[1], || -> Result<(), _> {
            panic!("it is abandoned");
        });
        assert!(refused.unwrap_err()[0].message.contains("newer change"));
    }
}
