//! Checks and hashes of passwords: off the threads that serve, few at a time, and once for each
//! password that was right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::super::problem::ProblemDetails;
use crate::control::{Credentials, Stamp, User};
use crate::password;
use crate::sync::IgnorePoison;

/// The checks at one time: each takes a processor and 64 MiB for a while.
const AT_ONCE: usize = 1;
/// The checks that may wait for their turn. More come from somebody who guesses.
const WAITING: usize = 32;
/// The right passwords that are remembered. Clients of HTTP Basic send theirs with each request.
const REMEMBERED: usize = 1_000;

/// The checks of passwords. Clones share them.
#[derive(Clone)]
pub struct Passwords(Arc<Checks>);

struct Checks {
    /// Of this process only, so that what is remembered is of no use elsewhere.
    key: [u8; 32],
    /// The users that were right, by the HMAC of their name and password.
    right: Mutex<HashMap<[u8; 32], Stamp>>,
    turn: Semaphore,
    waiting: Semaphore,
}

/// The right to compute a password now, until it is dropped.
pub struct Turn<'p> {
    passwords: &'p Passwords,
    _permits: (SemaphorePermit<'p>, SemaphorePermit<'p>),
}

impl Passwords {
    /// None was checked yet. `key` is a random one.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Arc::new(Checks {
            key,
            right: Mutex::default(),
            turn: Semaphore::new(AT_ONCE),
            waiting: Semaphore::new(WAITING),
        }))
    }

    /// The user called `name`, if `password` is remembered as theirs.
    pub fn recall<'c>(
        &self,
        credentials: &'c Credentials,
        name: &str,
        password: &str,
    ) -> Option<&'c User> {
        let user = credentials.user(name)?;
        let right = self.0.right.lock().ignore_poison();
        let stamp = right.get(&self.mark(name, password))?;
        (*stamp == user.stamp).then_some(user)
    }

    /// Waits until a password may be computed.
    ///
    /// # Errors
    /// Too many wait.
    pub async fn turn(&self) -> Result<Turn<'_>, ProblemDetails> {
        let busy = || ProblemDetails::busy("too many passwords are being checked");
        let waiting = self.0.waiting.try_acquire().map_err(|_| busy())?;
        let turn = self.0.turn.acquire().await.map_err(|_| busy())?;
        Ok(Turn {
            passwords: self,
            _permits: (turn, waiting),
        })
    }

    fn remember(&self, user: &User, password: &str) {
        let mut right = self.0.right.lock().ignore_poison();
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(self.mark(&user.name, password), user.stamp);
    }

    fn mark(&self, name: &str, password: &str) -> [u8; 32] {
        mac(&self.0.key, &[name.as_bytes(), b"\0", password.as_bytes()])
    }
}

impl Turn<'_> {
    /// The user called `name`, if `password` is theirs; computed, and remembered if it is right.
    ///
    /// # Errors
    /// The computation broke down.
    pub async fn check<'c>(
        &self,
        credentials: &'c Credentials,
        name: &str,
        password: &str,
    ) -> Result<Option<&'c User>, ProblemDetails> {
        if password.len() > password::MOST_BYTES {
            return Ok(None);
        }
        let user = credentials.user(name);
        let stored = user.and_then(|user| user.password.clone());
        let sent = password.to_owned();
        let checked = spawn_blocking(move || password::verify(&sent, stored.as_ref()));
        let is_right = checked.await.map_err(|error| {
            ProblemDetails::internal(format!("the check of a password broke down: {error}"))
        })?;
        let user = user.filter(|_| is_right);
        if let Some(user) = user {
            self.passwords.remember(user, password);
        }
        Ok(user)
    }

    /// The hash of the new `password`.
    ///
    /// # Errors
    /// It can't be computed.
    pub async fn hash(&self, password: String) -> Result<String, ProblemDetails> {
        let broken = |why: String| ProblemDetails::internal(format!("no hash can be made: {why}"));
        let hash = spawn_blocking(move || password::hash(&password)).await;
        let hash = hash.map_err(|error| broken(error.to_string()))?;
        hash.map_err(|error| broken(error.to_string()))
    }
}

/// The message authentication code of the parts, one behind the other (HMAC-SHA-256, RFC 2104).
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
