//! Slows down those who guess tokens: after a few wrong ones, an address must wait, each time twice as long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// Wrong tokens that cost nothing: people mistype.
const FREE: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Addresses that are kept in mind; the one that was wrong longest ago is forgotten for a new one.
const ADDRESSES: usize = 1024;

/// Counts wrong tokens by address.
pub struct Throttle {
    clock: Arc<dyn Clock>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// Nobody was wrong yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            failures: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.failures.lock().ignore_poison()
    }

    /// How long `peer` must wait, if it must.
    pub fn wait(&self, peer: IpAddr) -> Option<Duration> {
        let failures = self.lock();
        let failures = failures.get(&network(peer))?;
        let excess = failures.count.checked_sub(FREE)?;
        let wait = FIRST_WAIT
            .saturating_mul(1 << excess.min(10))
            .min(LONGEST_WAIT);
        let left = (failures.last + wait).saturating_duration_since(self.clock.now());
        (!left.is_zero()).then_some(left)
    }

    /// `peer` was wrong.
    pub fn failed(&self, peer: IpAddr) {
        let mut failures = self.lock();
        let peer = network(peer);
        if failures.len() >= ADDRESSES && !failures.contains_key(&peer) {
            let oldest = failures.iter().min_by_key(|(_, failures)| failures.last);
            let oldest = oldest.map(|(peer, _)| *peer);
            oldest.map(|oldest| failures.remove(&oldest));
        }
        let last = self.clock.now();
        let entry = failures.entry(peer).or_insert(Failures { count: 0, last });
        entry.count = entry.count.saturating_add(1);
        entry.last = last;
        if entry.count == FREE {
            tracing::warn!("{peer} keeps sending wrong admin tokens and has to wait now");
        }
    }

    /// `peer` was right.
    pub fn succeeded(&self, peer: IpAddr) {
        self.lock().remove(&network(peer));
    }
}

/// One customer has a whole network of IPv6 addresses: the first 64 bits are theirs.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(peer) => {
            let bits = peer.to_bits() & !u128::from(u64::MAX);
            peer.to_ipv4_mapped()
                .map_or(IpAddr::V6(bits.into()), IpAddr::V4)
        }
        peer => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    #[test]
    fn guessing_gets_slow() {
        let clock = FakeClock::new();
        let throttle = Throttle::new(clock.clone());
        let [peer, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        for _ in 0..FREE - 1 {
            throttle.failed(peer);
            assert_eq!(throttle.wait(peer), None);
        }
        throttle.failed(peer);
        assert_eq!(throttle.wait(peer), Some(Duration::from_secs(1)));
        assert_eq!(throttle.wait(other), None);
        clock.advance(Duration::from_secs(1));
        assert_eq!(throttle.wait(peer), None);
        throttle.failed(peer);
        assert_eq!(throttle.wait(peer), Some(Duration::from_secs(2)));
        for _ in 0..100 {
            throttle.failed(peer);
        }
        assert_eq!(throttle.wait(peer), Some(LONGEST_WAIT));
        throttle.succeeded(peer);
        assert_eq!(throttle.wait(peer), None);
    }

    #[test]
    fn few_addresses_are_kept_in_mind() {
        let throttle = Throttle::new(FakeClock::new());
        for number in 0..5_000u32 {
            throttle.failed(IpAddr::V4(number.into()));
        }
        assert_eq!(throttle.lock().len(), ADDRESSES);
        let [a, b] = ["2001:db8::1", "2001:db8::2:0:1"].map(|text| network(text.parse().unwrap()));
        assert_eq!(a, b);
    }
}
