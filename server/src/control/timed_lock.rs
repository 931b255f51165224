//! A lock that tells how long it has been held, so that a holder that hangs can be noticed.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// A mutex that outlives a panic of its holder.
pub struct TimedLock<T> {
    value: Mutex<T>,
    since: Mutex<Option<Instant>>,
    clock: Arc<dyn Clock>,
}

/// The right to use the value.
pub struct TimedGuard<'l, T> {
    value: MutexGuard<'l, T>,
    since: &'l Mutex<Option<Instant>>,
}

impl<T> TimedLock<T> {
    /// A lock that nobody holds.
    pub fn new(value: T, clock: Arc<dyn Clock>) -> Self {
        Self {
            value: Mutex::new(value),
            since: Mutex::default(),
            clock,
        }
    }

    /// Waits until nobody else holds it.
    pub fn lock(&self) -> TimedGuard<'_, T> {
        let value = self.value.lock().ignore_poison();
        set(&self.since, Some(self.clock.now()));
        TimedGuard {
            value,
            since: &self.since,
        }
    }

    /// The time for which it has been held by now; zero if it is free.
    pub fn held(&self) -> Duration {
        let since = *self.since.lock().ignore_poison();
        since.map_or(Duration::ZERO, |since| self.clock.now() - since)
    }
}

impl<T> Deref for TimedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for TimedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for TimedGuard<'_, T> {
    fn drop(&mut self) {
        set(self.since, None);
    }
}

fn set(since: &Mutex<Option<Instant>>, at: Option<Instant>) {
    *since.lock().ignore_poison() = at;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    #[test]
    fn it_tells_how_long_it_is_held() {
        let clock = FakeClock::new();
        let lock = TimedLock::new(1, clock.clone());
        assert_eq!(lock.held(), Duration::ZERO);
        let guard = lock.lock();
        clock.advance(Duration::from_secs(30));
        assert_eq!(lock.held(), Duration::from_secs(30));
        drop(guard);
        assert_eq!(lock.held(), Duration::ZERO);
    }

    #[test]
    fn a_holder_that_panics_leaves_it_free() {
        let lock = TimedLock::new(1, FakeClock::new());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            *lock.lock() += 1;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!((*lock.lock(), lock.held() > Duration::ZERO), (2, false));
    }
}
