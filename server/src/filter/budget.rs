//! The memory that all filters of the process share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the memory of all filters against one limit. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Budget {
    /// At most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Inner {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
        }))
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Sets the limit in bytes. Filters keep what they have; those that want more are refused while it is exceeded.
    pub fn set_limit(&self, bytes: u64) {
        self.0.limit.store(bytes, Ordering::Relaxed);
    }

    /// The bytes that filters have now.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The bytes that may still be taken.
    pub(super) fn left(&self) -> u64 {
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
