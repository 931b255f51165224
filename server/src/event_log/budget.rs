//! The bound of events that one filter may tell of: it must neither push out others' events nor
//! keep the disk busy.

use std::time::{Duration, Instant};

/// A budget of events (a token bucket).
#[derive(Debug, Default)]
pub struct EventBudget {
    /// The time at which all that was taken is there again; none if nothing was.
    full_at: Option<Instant>,
}

/// The answer to whoever wants to tell of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and has not told of any for long.
    Rested,
    /// It may.
    Admitted,
    /// It has told of too many.
    Refused,
}

impl EventBudget {
    /// Events that may come at once.
    pub const AT_ONCE: u32 = 30;
    /// The time in which one more may come.
    pub const EVERY: Duration = Duration::from_secs(2);

    /// Takes one event out, at `now`, if there is one.
    pub fn take(&mut self, now: Instant) -> Admission {
        let missing = self.full_at.map(|at| at.saturating_duration_since(now));
        let missing = missing.unwrap_or_default();
        if missing + EventBudget::EVERY > EventBudget::EVERY * EventBudget::AT_ONCE {
            return Admission::Refused;
        }
        self.full_at = Some(now + missing + EventBudget::EVERY);
        match missing.is_zero() {
            true => Admission::Rested,
            false => Admission::Admitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn some_may_come_at_once_and_then_one_now_and_then() {
        let start = SystemClock.now();
        let mut budget = EventBudget::default();
        let mut taken = |seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            let admitted = (0..100).filter(|_| budget.take(now) != Admission::Refused);
            admitted.count()
        };
        assert_eq!(taken(0), 30);
        assert_eq!((taken(1), taken(2), taken(3)), (0, 1, 0));
        assert_eq!(taken(12), 5);
        assert_eq!(taken(3600), 30);
        let rested = start + Duration::from_secs(7200);
        assert_eq!(budget.take(rested), Admission::Rested);
        assert_eq!(budget.take(rested), Admission::Admitted);
    }
}
