//! The end of calls that compute for too long.
//!
//! A filter that computes is asked by wasmtime whether it may go on once the engine's epoch has
//! been counted up. A thread does so when the time of the first of the running calls is over, and
//! each filter then compares the clock with its own call's deadline. Nothing ticks: between calls
//! the thread rests, and calls that end in time wake it at most once in the shortest of their
//! limits.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use wasmtime::{Engine, UpdateDeadline};

use crate::clock::{Clock, wait};
use crate::panics::catch;
use crate::sync::IgnorePoison;

/// The pause before a call whose time is over is told once more to end, if it is in a function of
/// the server that must end first; and before the thread goes on after a panic.
const AGAIN: Duration = Duration::from_millis(10);

/// Owns the thread, which ends with it.
pub struct EpochThread(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The calls that run, and when each must have ended.
    calls: Vec<(u64, Instant)>,
    /// The number of the latest [`CallTime`].
    latest: u64,
    /// The time at which the thread looks at the calls again; none while it rests.
    looks_at: Option<Instant>,
    closed: bool,
}

/// The time that the present call of one filter may take.
pub struct CallTime {
    shared: Arc<Shared>,
    number: u64,
    limit: Duration,
    deadline: Option<Instant>,
}

impl EpochThread {
    /// Starts the thread, at rest.
    ///
    /// # Errors
    /// The system refuses the thread.
    pub fn start(engine: Engine, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            clock,
            state: Mutex::default(),
            changed: Notify::new(),
        });
        let thread = Self(shared.clone());
        thread::Builder::new()
            .name("mattebox-epochs".into())
            .spawn(move || {
                // Without it, nothing would stop a filter.
                while let Err(panicked) = catch(|| shared.run(&engine)) {
                    tracing::error!(error = %panicked, "the filters' clock panicked and goes on");
                    shared.clock.block(AGAIN);
                }
            })?;
        Ok(thread)
    }

    /// The time of calls of one more filter.
    pub fn call_time(&self) -> CallTime {
        let mut state = self.0.lock();
        state.latest += 1;
        CallTime {
            number: state.latest,
            shared: self.0.clone(),
            limit: Duration::ZERO,
            deadline: None,
        }
    }
}

impl Drop for EpochThread {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl CallTime {
    /// A call begins, which may compute for `limit`.
    pub fn begin(&mut self, limit: Duration) {
        self.limit = limit;
        self.restart();
    }

    /// The call has its whole time again.
    pub fn restart(&mut self) {
        let deadline = self.shared.clock.now() + self.limit;
        self.deadline = Some(deadline);
        self.shared.set(self.number, deadline);
    }

    /// The call has ended.
    pub fn end(&mut self) {
        if self.deadline.take().is_some() {
            self.shared.lock().remove(self.number);
        }
    }

    /// Whether the filter may go on, as wasmtime asks when the epoch was counted up.
    pub fn update(&self) -> UpdateDeadline {
        let now = self.shared.clock.now();
        match self.deadline {
            Some(deadline) if deadline <= now => UpdateDeadline::Interrupt,
            _ => UpdateDeadline::Continue(1),
        }
    }
}

impl Drop for CallTime {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn remove(&mut self, number: u64) {
        self.calls.retain(|(call, _)| *call != number);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().ignore_poison()
    }

    /// Gives the call with this number the time until `deadline`.
    fn set(&self, number: u64, deadline: Instant) {
        let mut state = self.lock();
        state.remove(number);
        state.calls.push((number, deadline));
        // Waking a thread is a system call; it is spared while the thread wakes soon enough.
        if state.looks_at.is_none_or(|at| deadline < at) {
            state.looks_at = Some(deadline);
            self.changed.notify_one();
        }
    }

    /// Counts epochs up until the thread's owner is gone.
    fn run(&self, engine: &Engine) {
        while let Some(looks_at) = self.look(engine) {
            wait(&*self.clock, self.changed.notified(), looks_at);
        }
    }

    /// Counts the epoch up if a call's time is over. Gives the time at which to look again, if
    /// there is one; `None` once the thread's owner is gone.
    fn look(&self, engine: &Engine) -> Option<Option<Instant>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let now = self.clock.now();
        let first = state.calls.iter().map(|(_, deadline)| *deadline).min();
        state.looks_at = first.map(|first| {
            if first > now {
                return first;
            }
            engine.increment_epoch();
            now + AGAIN
        });
        Some(state.looks_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    const LIMIT: Duration = Duration::from_millis(50);

    fn may_go_on(time: &CallTime) -> bool {
        matches!(time.update(), UpdateDeadline::Continue(1))
    }

    /// The calls' state without a thread, and the engine that it would count up.
    fn shared(clock: &Arc<FakeClock>) -> (EpochThread, Engine) {
        let shared = Arc::new(Shared {
            clock: clock.clone(),
            state: Mutex::default(),
            changed: Notify::new(),
        });
        (EpochThread(shared), Engine::default())
    }

    #[test]
    fn a_call_ends_when_its_time_is_over_and_others_go_on() {
        let clock = FakeClock::new();
        let (thread, engine) = shared(&clock);
        let look = || thread.0.look(&engine).unwrap();
        let (mut short, mut long) = (thread.call_time(), thread.call_time());
        assert_eq!(look(), None);
        short.begin(LIMIT);
        long.begin(2 * LIMIT);
        assert_eq!(look(), Some(clock.now() + LIMIT));
        clock.advance(LIMIT);
        assert!(!may_go_on(&short) && may_go_on(&long));
        // It is in a function of the server, and told again.
        assert_eq!(look(), Some(clock.now() + AGAIN));
        short.end();
        assert_eq!(look(), Some(clock.now() + LIMIT));
        // The server took its time, not the filter.
        clock.advance(LIMIT);
        long.restart();
        assert!(may_go_on(&long));
        assert_eq!(look(), Some(clock.now() + 2 * LIMIT));
        drop(long);
        assert_eq!(look(), None);
        assert!(may_go_on(&short));
    }

    #[test]
    fn calls_that_end_in_time_wake_the_thread_once_in_their_limit() {
        let clock = FakeClock::new();
        let (thread, engine) = shared(&clock);
        let mut time = thread.call_time();
        let first = clock.now() + LIMIT;
        for _ in 0..5 {
            time.begin(LIMIT);
            time.end();
            assert_eq!(thread.0.lock().looks_at, Some(first));
            clock.advance(LIMIT / 5);
        }
        assert_eq!(thread.0.look(&engine), Some(None));
    }
}
