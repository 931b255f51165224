//! Leases: what lasts longer than the check of its request, such as a stream that somebody watches,
//! ends when the right to it does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::identity::Identity;
use crate::sync::IgnorePoison;

/// All leases. Clones share them.
#[derive(Clone, Default)]
pub struct Leases(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    leases: HashMap<u64, (Identity, CancellationToken)>,
}

/// The right to go on, until it is dropped.
pub struct Lease {
    leases: Leases,
    number: u64,
    identity: Identity,
    end: CancellationToken,
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().ignore_poison()
    }

    /// A lease of `identity`, which ends at the latest with `server`.
    pub fn take(&self, identity: &Identity, server: &CancellationToken) -> Lease {
        let end = server.child_token();
        let mut table = self.lock();
        let number = table.next;
        table.next += 1;
        table.leases.insert(number, (identity.clone(), end.clone()));
        Lease {
            leases: self.clone(),
            number,
            identity: identity.clone(),
            end,
        }
    }

    /// Ends those whose identity is not `valid` any more.
    pub fn sweep(&self, valid: impl Fn(&Identity) -> bool) {
        let table = self.lock();
        let over = table.leases.values().filter(|(it, _)| !valid(it));
        over.for_each(|(_, end)| end.cancel());
    }

    /// The time at which the next one ends by itself.
    pub fn next_end(&self) -> Option<SystemTime> {
        let table = self.lock();
        let open = table.leases.values().filter(|(_, end)| !end.is_cancelled());
        open.filter_map(|(identity, _)| identity.until).min()
    }
}

impl Lease {
    /// Cancelled when it ends.
    pub fn end(&self) -> &CancellationToken {
        &self.end
    }

    /// Who has it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.lock().leases.remove(&self.number);
    }
}
