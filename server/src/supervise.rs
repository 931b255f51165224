//! Tasks that run for as long as the server does: whichever panics or ends is started again, and
//! the log says so.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::panics::catch_async;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// One that has run for so long starts with the first pause again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Runs `task`, called `name` in the log, and runs it again whenever it panics or ends, after
/// pauses that grow from a second to a minute; until `end`. The task itself is to heed `end`, and
/// is let finish; one that can't is to be dropped with this.
pub async fn keep_running<F: Future<Output = ()>>(
    name: &str,
    clock: &dyn Clock,
    end: &CancellationToken,
    mut task: impl FnMut() -> F,
) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let start = clock.now();
        // Making the future is part of the task.
        let ended = catch_async(async { task().await }).await;
        if end.is_cancelled() && ended.is_ok() {
            return;
        }
        if clock.now().duration_since(start) >= LONGEST_PAUSE {
            backoff.reset();
        }
        let pause = backoff.pause();
        let error = ended.err().map(tracing::field::display);
        tracing::error!(task = name, retry_in = ?pause, error, "a task ended; it is started again");
        let until = clock.sleep_until(clock.now() + pause);
        if end.run_until_cancelled(until).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::clock::fake::FakeClock;

    /// Only for tests that fail.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Runs what `behave` does in its nth run, from 1.
    fn supervised<F: Future<Output = ()> + Send + 'static>(
        behave: impl Fn(u32, Arc<FakeClock>) -> F + Send + Sync + 'static,
    ) -> (
        Arc<FakeClock>,
        Arc<AtomicU32>,
        CancellationToken,
        tokio::task::JoinHandle<()>,
    ) {
        let (clock, runs, end) = (
            FakeClock::new(),
            Arc::new(AtomicU32::new(0)),
            CancellationToken::new(),
        );
        let task = {
            let (clock, runs, end) = (clock.clone(), runs.clone(), end.clone());
            tokio::spawn(async move {
                let again = || behave(runs.fetch_add(1, Ordering::SeqCst) + 1, clock.clone());
                keep_running("test", &*clock, &end, again).await;
            })
        };
        (clock, runs, end, task)
    }

    async fn pass(clock: &FakeClock, seconds: u64) {
        let pause = Duration::from_secs(seconds);
        let sleeper = tokio::time::timeout(PATIENCE, clock.sleeper(pause)).await;
        assert!(sleeper.is_ok(), "nobody sleeps for {pause:?}");
        clock.advance(pause);
    }

    #[tokio::test]
    async fn what_panics_or_ends_is_started_again_after_growing_pauses() {
        let (clock, runs, end, task) = supervised(|run, _| {
            assert!(run % 3 != 0, "before there is a future");
            async move { assert!(run % 2 == 0, "within the future") }
        });
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            pass(&clock, seconds).await;
        }
        end.cancel();
        tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        assert!(runs.load(Ordering::SeqCst) >= 8);
    }

    #[tokio::test]
    async fn after_a_minute_of_running_pauses_are_short_again() {
        let (clock, runs, _end, task) = supervised(|run, clock| async move {
            if run == 3 {
                clock.sleep_until(clock.now() + LONGEST_PAUSE).await;
            }
            panic!("run {run}");
        });
        for seconds in [1, 2, 60, 1, 2] {
            pass(&clock, seconds).await;
        }
        task.abort();
        assert!(runs.load(Ordering::SeqCst) >= 4);
    }

    #[tokio::test]
    async fn what_ends_when_it_should_is_left_alone() {
        let end = CancellationToken::new();
        end.cancel();
        let clock = FakeClock::new();
        let run = keep_running("test", &*clock, &end, || async {});
        tokio::time::timeout(PATIENCE, run).await.unwrap();
    }
}
