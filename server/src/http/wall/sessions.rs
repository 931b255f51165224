//! Sessions: streamed answers, by the names that requests for credit name them with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::inbox::Inbox;
use crate::sync::IgnorePoison;

/// Bytes of a name. Nobody guesses one: who knows it was given it by its own answer.
const NAME_BYTES: usize = 16;

/// The sessions that there are now, each for as long as its answer is being sent. Clones share
/// them.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<String, Arc<Inbox>>>>);

/// A session, until it is dropped.
pub struct Session {
    sessions: Sessions,
    name: String,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Inbox>>> {
        self.0.lock().ignore_poison()
    }

    /// A new session, whose client's messages go to `inbox`.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn open(&self, inbox: Arc<Inbox>) -> Result<Session, getrandom::Error> {
        let mut bytes = [0; NAME_BYTES];
        getrandom::fill(&mut bytes)?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.lock().insert(name.clone(), inbox);
        Ok(Session {
            sessions: self.clone(),
            name,
        })
    }

    /// The inbox of the session called `name`.
    pub fn find(&self, name: &str) -> Option<Arc<Inbox>> {
        self.lock().get(name).cloned()
    }
}

impl Session {
    /// Its name in requests for credit.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.name);
    }
}
