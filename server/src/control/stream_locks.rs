//! A lock for each stream: changes of one stream by the API are made one after the other, and wait
//! for no other stream's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::OwnedMutexGuard;

use crate::sync::IgnorePoison;

type Streams = HashMap<String, Arc<tokio::sync::Mutex<()>>>;

/// The locks of all streams. Clones share them.
#[derive(Clone, Default)]
pub struct StreamLocks(Arc<Mutex<Streams>>);

/// The right to change a stream, until it is dropped.
pub struct StreamGuard {
    stream_locks: StreamLocks,
    name: String,
    held: Option<OwnedMutexGuard<()>>,
}

impl StreamLocks {
    /// Waits, without a thread, until no other change of the stream `name` is being made.
    pub async fn wait(&self, name: &str) -> StreamGuard {
        let lock = self.streams().entry(name.to_owned()).or_default().clone();
        // Made first: it tidies up also when nobody waits any more.
        let mut turn = StreamGuard {
            stream_locks: self.clone(),
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

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.held = None;
        let mut streams = self.stream_locks.streams();
        let is_wanted = |lock: &Arc<tokio::sync::Mutex<()>>| Arc::strong_count(lock) > 1;
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
        let stream_locks = StreamLocks::default();
        let first = stream_locks.wait("a").await;
        let mut second = Box::pin(stream_locks.wait("a"));
        let abandoned = Box::pin(stream_locks.wait("a")).now_or_never();
        assert!(abandoned.is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(stream_locks.wait("b").await);
        drop(first);
        drop(second.await);
        assert!(stream_locks.streams().is_empty());
    }
}
