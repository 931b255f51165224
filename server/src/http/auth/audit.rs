//! The log of who did what: a line each in the log, and the newest for admins.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::identity::Identity;
use crate::clock::Clock;
use crate::log::sanitize;
use crate::notifications::{AuditEntry, Notification, Notifications};
use crate::sync::IgnorePoison;

/// The entries that are kept.
const MOST: usize = 1_000;
/// How many of these may be of logins that failed: who guesses must not push out all else.
const MOST_FAILED: usize = 200;
/// The action of a login that failed.
pub const LOGIN_FAILED: &str = "login-failed";
/// The most characters of a name that somebody logs in by.
const NAME_CHARS: usize = 64;

/// The log. Clones share it.
#[derive(Clone)]
pub struct AuditLog {
    entries: Arc<Mutex<VecDeque<AuditEntry>>>,
    notifications: Notifications,
    clock: Arc<dyn Clock>,
}

impl AuditLog {
    /// An empty one, whose entries are also published as notifications.
    pub fn new(notifications: Notifications, clock: Arc<dyn Clock>) -> Self {
        Self {
            entries: Arc::default(),
            notifications,
            clock,
        }
    }

    /// Notes that `identity` did `action`, and logs it.
    pub fn tell(&self, identity: &Identity, action: &'static str, more: More<'_>) {
        let entry = self.entry(identity, action, more);
        tracing::info!(
            action,
            user = entry.user,
            peer = entry.address,
            stream = entry.stream,
            detail = entry.detail,
            "access"
        );
        self.keep(entry);
    }

    /// Notes it without a line in the log, where another tells of it already.
    pub fn note(&self, identity: &Identity, action: &'static str, more: More<'_>) {
        self.keep(self.entry(identity, action, more));
    }

    fn entry(&self, identity: &Identity, action: &'static str, more: More<'_>) -> AuditEntry {
        let at = Timestamp::try_from(self.clock.unix()).unwrap_or_default();
        let named = more.user.map(|name| {
            let short: String = name.chars().take(NAME_CHARS).collect();
            sanitize(&short)
        });
        AuditEntry {
            at: at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            action,
            user: named.or_else(|| identity.name().map(str::to_owned)),
            proof: identity.kind(),
            address: identity.address.to_string(),
            stream: more.stream.map(sanitize),
            detail: more.detail.map(str::to_owned),
        }
    }

    fn keep(&self, entry: AuditEntry) {
        let mut entries = self.entries.lock().ignore_poison();
        let failed = |it: &AuditEntry| it.action == LOGIN_FAILED;
        let is_full =
            failed(&entry) && entries.iter().filter(|it| failed(it)).count() >= MOST_FAILED;
        if is_full && let Some(oldest) = entries.iter().position(failed) {
            entries.remove(oldest);
        }
        if entries.len() >= MOST {
            entries.pop_front();
        }
        entries.push_back(entry.clone());
        drop(entries);
        self.notifications.publish(Notification::Audit(entry));
    }

    /// The newest entries, the last one first.
    pub fn newest(&self) -> Vec<AuditEntry> {
        let entries = self.entries.lock().ignore_poison();
        entries.iter().rev().cloned().collect()
    }
}

/// More of what was done.
#[derive(Clone, Copy, Default)]
pub struct More<'m> {
    /// The name that somebody said.
    pub user: Option<&'m str>,
    /// The stream.
    pub stream: Option<&'m str>,
    /// Anything else.
    pub detail: Option<&'m str>,
}
