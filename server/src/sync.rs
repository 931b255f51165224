//! Locks that a panic elsewhere doesn't make useless.

use std::sync::{LockResult, PoisonError};

/// Takes a lock whether or not somebody panicked while holding it.
///
/// The standard library marks such a lock as poisoned, so that one panic becomes one in every
/// thread that comes after. Kept behind locks here are counters, names and pending changes, each
/// changed in one step: the worst that is left behind is a count that is off by one.
pub trait IgnorePoison<T> {
    /// The guard of the lock.
    fn ignore_poison(self) -> T;
}

impl<T> IgnorePoison<T> for LockResult<T> {
    fn ignore_poison(self) -> T {
        self.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_poisoned_lock_is_no_second_fault() {
        let count = Mutex::new(1);
        let panicked = crate::panics::catch(|| {
            let _held = count.lock().ignore_poison();
            panic!("while it is held");
        });
        assert!(panicked.is_err() && count.is_poisoned());
        *count.lock().ignore_poison() += 1;
        assert_eq!(*count.lock().ignore_poison(), 2);
    }
}
