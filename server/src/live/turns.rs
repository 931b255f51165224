//! Turns: changes of one stream by the API are made one after the other, and wait for no other stream's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::sync::IgnorePoison;

type Streams = HashMap<String, Arc<AsyncMutex<()>>>;

/// The turns of all streams. Clones share them.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<Streams>>);

/// The right to change a stream, until it is dropped.
pub struct Turn {
    turns: Turns,
    name: String,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits, without a thread, until no other change of the stream `name` is being made.
    pub async fn wait(&self, name: &str) -> Turn {
        let lock = self.streams().entry(name.to_owned()).or_default().clone();
        // Made first: it tidies up also when nobody waits any more.
        let mut turn = Turn {
            turns: self.clone(),
            name: name.to_owned(),
            held: None,
        };
        turn.held = Some(lock.lock_owned().await);
        turn
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().ignore_poison()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut streams = self.turns.streams();
        let is_wanted = |lock: &Arc<AsyncMutex<()>>| Arc::strong_count(lock) > 1;
        if !streams.get(&self.name).is_some_and(is_wanted) {
            streams.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn one_stream_waits_for_itself_only_and_is_forgotten() {
        let turns = Turns::default();
        let first = turns.wait("a").await;
        let mut second = Box::pin(turns.wait("a"));
        let abandoned = Box::pin(turns.wait("a")).now_or_never();
        assert!(abandoned.is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(turns.wait("b").await);
        drop(first);
        drop(second.await);
        assert!(turns.streams().is_empty());
    }
}
