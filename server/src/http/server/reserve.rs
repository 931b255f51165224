//! The reserve: connections beyond the limits, of which only those are served that watch over the
//! server or show the admin token. That is known only when a request has come; so that silence
//! can't fill the reserve, the oldest connection that has sent none makes room for the newest.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::super::auth::network;
use super::connection_limits::LimitReached;
use crate::sync::IgnorePoison;

/// The longest time that a connection in the reserve may take to send its request.
pub const SILENCE: Duration = Duration::from_secs(1);
/// Connections of one client that have sent no request yet.
const SILENT_OF_CLIENT: usize = 16;
/// A third of the reserve is for connections that have sent no request yet, one for those whose
/// requests are served, and one for those that are being closed.
const KINDS: usize = 3;
/// A request that lies in the socket when its connection has to make room is still answered.
const GRACE: Duration = Duration::from_millis(100);
/// The longest time that an answer may take to be sent, unless the admin asked for it.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The reserve. Clones share it.
#[derive(Clone)]
pub struct Reserve(Arc<Mutex<ReserveState>>);

struct ReserveState {
    most: usize,
    count: usize,
    heard: usize,
    next: u64,
    /// By age.
    silent: BTreeMap<u64, Silent>,
}

struct Silent {
    client: IpAddr,
    stage: watch::Sender<Stage>,
}

/// The progress of a connection in the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has sent no request.
    Silent,
    /// Nor did it when another needed its permit.
    Evicted,
    /// Its request is served.
    Heard,
    /// So is the admin's, for as long as it takes.
    Admin,
}

/// A permit in the reserve, until it is dropped.
pub struct ReservePermit {
    reserve: Reserve,
    number: u64,
    stage: watch::Sender<Stage>,
    full: LimitReached,
}

impl Reserve {
    /// A reserve of `most` connections.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(ReserveState {
            most,
            count: 0,
            heard: 0,
            next: 0,
            silent: BTreeMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, ReserveState> {
        self.0.lock().ignore_poison()
    }

    /// A permit for a connection of `client`, for which a limit is reached (`full`). None if
    /// even those that are being closed are too many.
    pub fn enter(&self, client: IpAddr, full: LimitReached) -> Option<ReservePermit> {
        let mut state = self.lock();
        if state.count >= state.most {
            return None;
        }
        let client = network(client);
        state.make_room(client);
        let stage = watch::Sender::new(Stage::Silent);
        let number = state.next;
        state.next += 1;
        state.count += 1;
        let silent = Silent {
            client,
            stage: stage.clone(),
        };
        state.silent.insert(number, silent);
        Some(ReservePermit {
            reserve: self.clone(),
            number,
            stage,
            full,
        })
    }
}

impl ReserveState {
    /// Evicts the client's own oldest silent connection if it has many, else the oldest of all if
    /// there are many.
    fn make_room(&mut self, client: IpAddr) {
        let mut own = self.silent.iter().filter(|(_, it)| it.client == client);
        let oldest = own.next().map(|(number, _)| *number);
        let has_many = own.count() + 1 >= SILENT_OF_CLIENT;
        let evicted = match oldest.filter(|_| has_many) {
            Some(number) => self.silent.remove(&number),
            None if self.silent.len() >= self.most / KINDS => {
                self.silent.pop_first().map(|(_, it)| it)
            }
            None => None,
        };
        if let Some(evicted) = evicted {
            evicted.stage.send_replace(Stage::Evicted);
        }
    }
}

impl ReservePermit {
    /// The limit that was reached.
    pub fn full(&self) -> LimitReached {
        self.full
    }

    /// Takes note that a request has come that is to be served, the admin's or another; `false` if
    /// there are too many.
    pub fn hear(&self, is_admin: bool) -> bool {
        let mut state = self.reserve.lock();
        if state.heard >= state.most / KINDS {
            return false;
        }
        state.silent.remove(&self.number);
        state.heard += 1;
        let stage = if is_admin { Stage::Admin } else { Stage::Heard };
        self.stage.send_replace(stage);
        true
    }

    /// Resolves once the connection must be closed.
    pub async fn over(&self) {
        let mut stage = self.stage.subscribe();
        loop {
            let now = *stage.borrow_and_update();
            let change = stage.changed();
            let changed = match now {
                Stage::Silent => change.await.is_ok(),
                Stage::Evicted => timeout(GRACE, change).await.is_ok(),
                Stage::Heard => timeout(ANSWER_TIME, change).await.is_ok(),
                Stage::Admin => std::future::pending().await,
            };
            if !changed {
                return;
            }
        }
    }
}

impl Drop for ReservePermit {
    fn drop(&mut self) {
        let mut state = self.reserve.lock();
        state.count -= 1;
        state.silent.remove(&self.number);
        if matches!(*self.stage.borrow(), Stage::Heard | Stage::Admin) {
            state.heard -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 300;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4((0xc000_0200 + number).into())
    }

    fn stage(permit: &ReservePermit) -> Stage {
        *permit.stage.borrow()
    }

    #[test]
    fn a_silent_client_makes_room_for_itself_only() {
        let reserve = Reserve::new(MOST);
        let enter = |number| {
            reserve
                .enter(address(number), LimitReached::Client)
                .unwrap()
        };
        let other = enter(2);
        let permits: Vec<_> = (0..100).map(|_| enter(1)).collect();
        assert_eq!(stage(&other), Stage::Silent);
        let silent = permits.iter().filter(|it| stage(it) == Stage::Silent);
        assert_eq!(silent.count(), SILENT_OF_CLIENT);
        assert_eq!(stage(&permits[99]), Stage::Silent);
        assert_eq!(stage(&permits[83]), Stage::Evicted);
    }

    #[test]
    fn the_oldest_of_many_silent_ones_makes_room() {
        let reserve = Reserve::new(MOST);
        let enter = |number| {
            reserve
                .enter(address(number), LimitReached::Server)
                .unwrap()
        };
        let heard = enter(0);
        assert!(heard.hear(false));
        let permits: Vec<_> = (0..(MOST / KINDS) as u32 + 1).map(enter).collect();
        assert_eq!(stage(&permits[0]), Stage::Evicted);
        assert_eq!(stage(&permits[1]), Stage::Silent);
        assert_eq!(stage(&heard), Stage::Heard);
        drop((heard, permits));
        let state = reserve.lock();
        assert!(state.silent.is_empty());
        assert_eq!((state.count, state.heard), (0, 0));
    }

    #[test]
    fn no_more_are_served_or_closed_than_the_reserve_has() {
        let reserve = Reserve::new(MOST);
        let enter = |number| reserve.enter(address(number), LimitReached::Server);
        let permits: Vec<_> = (0..MOST as u32).map_while(enter).collect();
        assert_eq!(permits.len(), MOST);
        assert!(enter(9_999).is_none());
        let served = permits.iter().filter(|permit| permit.hear(true)).count();
        assert_eq!(served, MOST / KINDS);
    }

    #[tokio::test]
    async fn one_that_was_evicted_is_closed_and_the_admin_is_not() {
        let reserve = Reserve::new(MOST);
        let admin = reserve.enter(address(0), LimitReached::Server).unwrap();
        assert!(admin.hear(true));
        let permits: Vec<_> = (0..=SILENT_OF_CLIENT)
            .filter_map(|_| reserve.enter(address(1), LimitReached::Client))
            .collect();
        tokio::select! {
            () = admin.over() => panic!("the admin was cut off"),
            () = permits[1].over() => panic!("there was room"),
            () = permits[0].over() => {}
        }
    }
}
