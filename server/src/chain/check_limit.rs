//! The time that checking a pipeline may take: a filter that needs long to start must not hold up changes for ever.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config::{Diagnostic, StepConfig};
use crate::sync::IgnorePoison;

/// The most that one check may take. Compiling a large filter for the first time takes most of it on a small machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A time limit on one check of a pipeline.
pub struct CheckLimit<'c> {
    clock: &'c dyn Clock,
    end: Instant,
    longest: Mutex<Option<Longest>>,
}

/// The step that took the longest so far.
struct Longest {
    filter: String,
    took: Duration,
}

impl<'c> CheckLimit<'c> {
    /// Starts now.
    pub fn new(clock: &'c dyn Clock) -> Self {
        Self {
            clock,
            end: clock.now() + LIMIT,
            longest: Mutex::default(),
        }
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Does a part of the check that `step` is the cause of, if there is time left.
    ///
    /// # Errors
    /// Those of `work`; or the limit is used up, and by which step.
    pub fn run<T>(
        &self,
        step: &StepConfig,
        work: impl FnOnce() -> Result<T, Vec<Diagnostic>>,
    ) -> Result<T, Vec<Diagnostic>> {
        let start = self.clock.now();
        if start >= self.end {
            return Err(vec![step.error_at_use(self.used_up())]);
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

    fn used_up(&self) -> String {
        let limit = LIMIT.as_secs();
        let longest = self.longest.lock().ignore_poison();
        let cause = longest.as_ref().map_or_else(String::new, |longest| {
            let (filter, took) = (&longest.filter, longest.took.as_secs_f64());
            format!(": `{filter}` alone took {took:.1} s")
        });
        format!("not checked, since checking the pipeline took more than {limit} s{cause}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;
    use crate::config::Pipeline;

    #[test]
    fn the_step_that_uses_it_up_is_named() {
        let text = "streams: { s: { filters: [{ use: a }, { use: b }, { use: c }] } }";
        let pipeline = Pipeline::parse(text, "x", std::path::Path::new(".")).unwrap();
        let steps = &pipeline.streams[0].filters;
        let clock = FakeClock::new();
        let limit = CheckLimit::new(&*clock);
        for (step, seconds) in steps.iter().zip([20, 101]) {
            let done = limit.run(step, || {
                clock.advance(Duration::from_secs(seconds));
                Ok(())
            });
            assert!(done.is_ok());
        }
        let error = limit.run(&steps[2], || Ok(())).unwrap_err().remove(0);
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
    }
}
