//! Slows down those who guess tokens and passwords: after a few wrong ones, an address must wait,
//! each time twice as long; and all addresses together may be wrong only so often. The right token
//! is never throttled: its length is what guards it. A password is, unless it is remembered: to
//! tell whether it is right takes time.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::client::network;
use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// Wrong ones that cost nothing: people mistype.
const FREE: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// An address that was not wrong for so long is forgotten.
const MEMORY: Duration = Duration::from_secs(600);
/// Addresses that are kept in mind. With more, those that are new share one count.
const ADDRESSES: usize = 1024;
/// Wrong tokens of all addresses together that cost nothing, and how soon one of them is forgotten.
const ALL_FREE: u32 = 100;
const ALL_PAUSE: Duration = Duration::from_millis(100);
/// The time between two looks for addresses that can be forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// Counts wrong tokens, or wrong passwords, by address and in all.
pub struct Throttle {
    clock: Arc<dyn Clock>,
    names: RandomState,
    counts: Mutex<Counts>,
}

struct Counts {
    by_address: HashMap<IpAddr, Failures>,
    /// Those of addresses for which there was no room.
    others: Failures,
    /// The time at which all wrong tokens so far will be forgotten, one each [`ALL_PAUSE`].
    all_forgotten: Instant,
    swept: Instant,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    /// The name, hashed, that all of them were for; none if they were for several, or for tokens.
    name: Option<u64>,
}

impl Throttle {
    /// Nobody was wrong yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let counts = Counts {
            by_address: HashMap::new(),
            others: Failures::none(now),
            all_forgotten: now,
            swept: now,
        };
        Self {
            clock,
            names: RandomState::new(),
            counts: Mutex::new(counts),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().ignore_poison()
    }

    /// The time that `peer` must wait before it may try a password; none if it needn't.
    pub fn wait(&self, peer: IpAddr) -> Option<Duration> {
        let now = self.clock.now();
        let mut counts = self.lock();
        let wait = counts.wait(now);
        let wait = wait.max(counts.of(network(peer), now).wait(now));
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a wrong token of `peer`, or a wrong password for `name`. Gives the time that it must
    /// wait if it may not be wrong now, which counts no further: else an address that others share
    /// could be shut out for good.
    pub fn failed(&self, peer: IpAddr, name: Option<&str>) -> Option<Duration> {
        let now = self.clock.now();
        let mut counts = self.lock();
        let wait = counts.wait(now);
        let failures = counts.of(network(peer), now);
        let wait = wait.max(failures.wait(now));
        if !wait.is_zero() {
            return Some(wait);
        }
        let name = name.map(|name| self.names.hash_one(name));
        failures.name = name.filter(|_| failures.count == 0 || failures.name == name);
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        counts.all_forgotten = counts.all_forgotten.max(now) + ALL_PAUSE;
        None
    }

    /// Forgives `peer`, who has shown an admin's token, or whose password for `name` was right, if
    /// it was wrong for that name alone: somebody who guesses another's could have a right one of
    /// their own.
    pub fn succeeded(&self, peer: IpAddr, name: Option<&str>) {
        let name = name.map(|name| self.names.hash_one(name));
        let mut counts = self.lock();
        let network = network(peer);
        if counts
            .by_address
            .get(&network)
            .is_some_and(|it| it.name == name)
        {
            counts.by_address.remove(&network);
        }
    }
}

impl Counts {
    /// The time that all must wait.
    fn wait(&self, now: Instant) -> Duration {
        let remembered = self.all_forgotten.saturating_duration_since(now);
        (remembered + ALL_PAUSE).saturating_sub(ALL_PAUSE * ALL_FREE)
    }

    /// The count of `network`; where there is no room for it, the one that all such share.
    fn of(&mut self, network: IpAddr, now: Instant) -> &mut Failures {
        if self.by_address.len() >= ADDRESSES && !self.by_address.contains_key(&network) {
            self.sweep(now);
            if self.by_address.len() >= ADDRESSES {
                if self.others.is_past(now) {
                    self.others = Failures::none(now);
                }
                return &mut self.others;
            }
        }
        let failures = self.by_address.entry(network);
        let failures = failures.or_insert(Failures::none(now));
        if failures.is_past(now) {
            *failures = Failures::none(now);
        }
        failures
    }

    fn sweep(&mut self, now: Instant) {
        if now.duration_since(self.swept) >= SWEEP {
            self.swept = now;
            self.by_address.retain(|_, failures| !failures.is_past(now));
        }
    }
}

impl Failures {
    fn none(now: Instant) -> Self {
        Self {
            count: 0,
            last: now,
            name: None,
        }
    }

    fn is_past(&self, now: Instant) -> bool {
        now.duration_since(self.last) >= MEMORY
    }

    fn wait(&self, now: Instant) -> Duration {
        let Some(excess) = self.count.checked_sub(FREE) else {
            return Duration::ZERO;
        };
        let wait = FIRST_WAIT.saturating_mul(1 << excess.min(10));
        (self.last + wait.min(LONGEST_WAIT)).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    #[test]
    fn guessing_gets_slow() {
        let clock = FakeClock::new();
        let throttle = Throttle::new(clock.clone());
        for _ in 0..FREE {
            assert_eq!(throttle.failed(peer(1), None), None);
        }
        assert_eq!(throttle.failed(peer(1), None), Some(SECOND));
        assert_eq!(throttle.failed(peer(2), None), None);
        clock.advance(SECOND);
        assert_eq!(throttle.failed(peer(1), None), None);
        assert_eq!(throttle.failed(peer(1), None), Some(2 * SECOND));
        for _ in 0..10 {
            clock.advance(LONGEST_WAIT);
            assert_eq!(throttle.failed(peer(1), None), None);
        }
        assert_eq!(throttle.failed(peer(1), None), Some(LONGEST_WAIT));
    }

    #[test]
    fn whoever_is_right_is_forgiven_what_was_wrong_for_the_same_name() {
        let clock = FakeClock::new();
        let throttle = Throttle::new(clock.clone());
        let is_forgiven = |wrong_for: [Option<&str>; 5]| {
            clock.advance(MEMORY);
            for name in wrong_for {
                assert_eq!(throttle.failed(peer(1), name), None);
            }
            throttle.succeeded(peer(1), Some("anna"));
            throttle.wait(peer(1)).is_none()
        };
        let (anna, other) = (Some("anna"), Some("bert"));
        assert!(is_forgiven([anna; 5]));
        assert!(!is_forgiven([other; 5]));
        assert!(!is_forgiven([other, anna, anna, anna, anna]));
        assert!(!is_forgiven([anna, anna, anna, anna, other]));
        assert!(!is_forgiven([None; 5]));
    }

    #[test]
    fn an_address_that_was_not_wrong_for_long_starts_anew() {
        let clock = FakeClock::new();
        let throttle = Throttle::new(clock.clone());
        for _ in 0..=FREE {
            throttle.failed(peer(1), None);
        }
        clock.advance(MEMORY);
        for _ in 0..FREE {
            assert_eq!(throttle.failed(peer(1), None), None);
        }
    }

    #[test]
    fn all_together_may_be_wrong_only_so_often() {
        let clock = FakeClock::new();
        let throttle = Throttle::new(clock.clone());
        let not_refused = |from: u32| {
            let all = from..from + 2 * ALL_FREE;
            all.filter(|number| throttle.failed(peer(*number), None).is_none())
                .count()
        };
        assert_eq!(not_refused(0), ALL_FREE as usize);
        assert_eq!(throttle.failed(peer(9_999), None), Some(ALL_PAUSE));
        clock.advance(10 * ALL_PAUSE);
        assert_eq!(not_refused(1_000), 10);
        clock.advance(MEMORY);
        assert_eq!(not_refused(2_000), ALL_FREE as usize);
    }

    /// Wrong once from each of so many addresses, slowly enough for the limit of all.
    fn fill(throttle: &Throttle, clock: &FakeClock) {
        for number in 0..ADDRESSES as u32 {
            assert_eq!(throttle.failed(peer(number), None), None);
            clock.advance(ALL_PAUSE);
        }
    }

    #[test]
    fn with_more_addresses_than_are_kept_in_mind_new_ones_share_a_count() {
        let clock = FakeClock::new();
        let throttle = Throttle::new(clock.clone());
        fill(&throttle, &clock);
        for number in 0..FREE {
            assert_eq!(throttle.failed(peer(5_000 + number), None), None);
        }
        assert_eq!(throttle.failed(peer(6_000), None), Some(SECOND));
        assert_eq!(throttle.lock().by_address.len(), ADDRESSES);
        // The known ones have counts of their own still.
        assert_eq!(throttle.failed(peer(1), None), None);
        // When the known ones are forgotten there is room again.
        clock.advance(MEMORY);
        for number in 0..50 {
            assert_eq!(throttle.failed(peer(7_000 + number), None), None);
        }
    }
}
