//! The memory that all filters of the process share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::limits::ReachedLimit;
use crate::sync::IgnorePoison;

/// Counts the memory of all filters against one limit. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: AtomicU64,
    /// Limits that changes will bring, should they be made.
    coming: Mutex<Vec<u64>>,
    used: AtomicU64,
}

/// A limit that is to come. Dropping it takes it back.
#[derive(Debug)]
pub struct ComingLimit {
    budget: Budget,
    bytes: u64,
}

/// Bytes that were taken. Dropping it gives them back.
#[derive(Debug)]
pub struct Taken {
    budget: Budget,
    bytes: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

impl Drop for ComingLimit {
    fn drop(&mut self) {
        let mut coming = self.budget.0.coming.lock().ignore_poison();
        let at = coming.iter().position(|bytes| *bytes == self.bytes);
        if let Some(at) = at {
            coming.swap_remove(at);
        }
    }
}

impl Budget {
    /// At most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Inner {
            limit: AtomicU64::new(limit),
            coming: Mutex::default(),
            used: AtomicU64::new(0),
        }))
    }

    /// The limit in bytes: the one in force, or a larger one that is to come.
    pub fn limit(&self) -> u64 {
        let coming = self.0.coming.lock().ignore_poison();
        let in_force = self.0.limit.load(Ordering::Relaxed);
        coming.iter().copied().fold(in_force, u64::max)
    }

    /// A limit of `bytes` that comes with a change whose filters are being started. It counts
    /// already if it is larger.
    pub fn expect_limit(&self, bytes: u64) -> ComingLimit {
        self.0.coming.lock().ignore_poison().push(bytes);
        let budget = self.clone();
        ComingLimit { budget, bytes }
    }

    /// Sets the limit in bytes. Filters keep what they have; those that want more are refused while
    /// it is exceeded.
    pub fn set_limit(&self, bytes: u64) {
        self.0.limit.store(bytes, Ordering::Relaxed);
    }

    /// The bytes that filters have now.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The bytes that may still be taken.
    pub fn left(&self) -> u64 {
        self.limit().saturating_sub(self.used())
    }

    /// Takes `bytes`, if so many are left.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let limit = self.limit();
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        let used = &self.0.used;
        used.try_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .is_ok()
    }

    /// Takes `bytes` for as long as the result lives.
    ///
    /// # Errors
    /// So many are not left.
    pub(super) fn take_for(&self, bytes: u64) -> Result<Taken, ReachedLimit> {
        match self.take(bytes) {
            true => Ok(Taken {
                budget: self.clone(),
                bytes,
            }),
            false => Err(ReachedLimit::All(self.limit())),
        }
    }

    /// Gives back `bytes` that were taken.
    pub(super) fn give_back(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_limit_leaves_what_is_there_and_refuses_more() {
        let budget = Budget::new(100);
        assert!(budget.take(80) && !budget.take(21));
        budget.set_limit(50);
        assert_eq!((budget.used(), budget.left()), (80, 0));
        assert!(!budget.take(1));
        budget.give_back(40);
        assert!(budget.take(10) && !budget.take(u64::MAX));
        assert_eq!(budget.used(), 50);
    }

    #[test]
    fn a_larger_limit_counts_while_its_change_is_readied() {
        let budget = Budget::new(100);
        let smaller = budget.expect_limit(50);
        assert_eq!(budget.limit(), 100);
        let (one, other) = (budget.expect_limit(200), budget.expect_limit(200));
        assert!(budget.take(150));
        drop(one);
        assert_eq!(budget.limit(), 200);
        drop((other, smaller));
        assert_eq!((budget.limit(), budget.left()), (100, 0));
    }

    #[test]
    fn bytes_are_taken_for_as_long_as_they_are_needed() {
        let budget = Budget::new(100);
        let taken = budget.take_for(60).unwrap();
        assert_eq!(budget.take_for(60).unwrap_err(), ReachedLimit::All(100));
        drop(taken);
        assert_eq!((budget.used(), budget.left()), (0, 100));
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let budget = Budget::new(1000);
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..1000).filter(|_| budget.take(3)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(taken, 333);
    }
}
