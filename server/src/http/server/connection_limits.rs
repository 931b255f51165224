//! Limits of connections: how many connections there may be, in all and of one client.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::auth::network;
use crate::clock::Clock;
use crate::log::recurring::{Notice, Recurring};
use crate::sync::IgnorePoison;

/// The connections that there are, and may be. Clones share them.
#[derive(Clone)]
pub struct ConnectionLimits(Arc<Mutex<Counts>>);

struct Counts {
    clock: Arc<dyn Clock>,
    most: usize,
    connections: usize,
    by_client: HashMap<IpAddr, usize>,
    of_client: Limit,
    of_all: Limit,
}

/// A limit that connections run into.
#[derive(Default)]
struct Limit {
    refused: u64,
    failures: Recurring,
}

/// The number of refusals, by reason.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refused {
    /// One client had all that it may have.
    pub client: u64,
    /// The server had all that it may have.
    pub server: u64,
}

/// The limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// The client has all that it may have.
    #[error(
        "your address has all the connections that it may have; close some, or try again later"
    )]
    Client,
    /// The server has all that it may have.
    #[error("the server has all the connections that it may have; try again later")]
    Server,
}

/// A connection that is counted, until it is dropped.
pub struct ConnectionPermit {
    limits: ConnectionLimits,
    client: Option<IpAddr>,
    is_connection: bool,
}

impl ConnectionLimits {
    /// So many connections at most.
    pub fn new(most: usize, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Mutex::new(Counts {
            most,
            clock,
            connections: 0,
            by_client: HashMap::new(),
            of_client: Limit::default(),
            of_all: Limit::default(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().ignore_poison()
    }

    /// A permit for a connection of `client`, which may have `most`; a trusted proxy is none.
    ///
    /// # Errors
    /// A limit is reached.
    pub fn connect(
        &self,
        client: Option<IpAddr>,
        most: usize,
    ) -> Result<ConnectionPermit, LimitReached> {
        self.take(client, most, true)
    }

    /// A permit for a request of `client` that comes by a proxy's connection, which has its own.
    ///
    /// # Errors
    /// A limit is reached.
    pub fn forward(&self, client: IpAddr, most: usize) -> Result<ConnectionPermit, LimitReached> {
        self.take(Some(client), most, false)
    }

    fn take(
        &self,
        client: Option<IpAddr>,
        most: usize,
        is_connection: bool,
    ) -> Result<ConnectionPermit, LimitReached> {
        let client = client.map(network);
        self.lock().take(client, most, is_connection)?;
        Ok(ConnectionPermit {
            limits: self.clone(),
            client,
            is_connection,
        })
    }

    /// The number of connections, beside the reserve.
    pub fn connections(&self) -> usize {
        self.lock().connections
    }

    /// The number of refusals.
    pub fn refused(&self) -> Refused {
        let taken = self.lock();
        Refused {
            client: taken.of_client.refused,
            server: taken.of_all.refused,
        }
    }
}

impl Counts {
    fn take(
        &mut self,
        client: Option<IpAddr>,
        most: usize,
        is_connection: bool,
    ) -> Result<(), LimitReached> {
        if is_connection && self.connections >= self.most {
            let limit = self.most;
            if let Some(notice) = self.of_all.refuse(&*self.clock) {
                tracing::warn!(
                    limit,
                    refused = notice.failures(),
                    seconds = notice.seconds(),
                    "the server has all the connections that it may have"
                );
            }
            return Err(LimitReached::Server);
        }
        if let Some(client) = client {
            self.count(client, most)?;
        }
        if is_connection {
            self.connections += 1;
        }
        self.tell_of_room();
        Ok(())
    }

    fn count(&mut self, client: IpAddr, most: usize) -> Result<(), LimitReached> {
        let count = self.by_client.get(&client).copied().unwrap_or_default();
        if count >= most {
            if let Some(notice) = self.of_client.refuse(&*self.clock) {
                tracing::warn!(
                    peer = %client,
                    limit = most,
                    refused = notice.failures(),
                    seconds = notice.seconds(),
                    "an address has all the connections that it may have"
                );
            }
            return Err(LimitReached::Client);
        }
        self.by_client.insert(client, count + 1);
        Ok(())
    }

    fn tell_of_room(&mut self) {
        let now = self.clock.now();
        for limit in [&mut self.of_client, &mut self.of_all] {
            if let Some(recovery) = limit.failures.worked(now) {
                let refused = recovery.failures;
                tracing::info!(refused, "there is room for connections again");
            }
        }
    }

    fn leave(&mut self, permit: &ConnectionPermit) {
        if permit.is_connection {
            self.connections -= 1;
        }
        let Some(client) = permit.client else {
            return;
        };
        if let Entry::Occupied(mut entry) = self.by_client.entry(client) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

impl Limit {
    /// Counts a refusal; gives what is to be told of it, if anything.
    fn refuse(&mut self, clock: &dyn Clock) -> Option<Notice> {
        self.refused += 1;
        self.failures.failed(clock.now())
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limits.lock().leave(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_its_places_by_connections_and_by_what_is_forwarded() {
        let limits = ConnectionLimits::new(100, Arc::new(crate::clock::SystemClock));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(address);
        let mut held = vec![limits.connect(Some(one), 3).unwrap()];
        held.push(limits.forward(one, 3).unwrap());
        held.push(limits.connect(Some(one), 3).unwrap());
        assert_eq!(
            limits.connect(Some(one), 3).err(),
            Some(LimitReached::Client)
        );
        assert_eq!(limits.forward(one, 3).err(), Some(LimitReached::Client));
        assert!(limits.connect(Some(other), 3).is_ok());
        assert_eq!(limits.connections(), 2);
        held.pop();
        assert!(limits.forward(one, 3).is_ok());
        drop(held);
        assert!(limits.lock().by_client.is_empty());
        assert_eq!(limits.connections(), 0);
    }

    #[test]
    fn a_network_of_ipv6_has_the_places_of_one_client() {
        let limits = ConnectionLimits::new(100, Arc::new(crate::clock::SystemClock));
        let _held = limits.connect(Some(address("2001:db8::1")), 1).unwrap();
        let neighbour = limits.connect(Some(address("2001:db8::2")), 1);
        assert_eq!(neighbour.err(), Some(LimitReached::Client));
        assert!(limits.connect(Some(address("2001:db8:0:1::1")), 1).is_ok());
    }

    #[test]
    fn all_together_have_so_many_and_proxies_are_no_clients() {
        let limits = ConnectionLimits::new(3, Arc::new(crate::clock::SystemClock));
        let held: Vec<_> = (0..3).map(|_| limits.connect(None, 1).unwrap()).collect();
        let client = Some(address("192.0.2.1"));
        assert_eq!(limits.connect(client, 1).err(), Some(LimitReached::Server));
        assert_eq!(limits.refused().server, 1);
        drop(held);
        assert!(limits.connect(client, 1).is_ok());
    }
}
