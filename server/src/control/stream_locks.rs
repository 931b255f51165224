//! A lock for each stream: changes of one stream by the API are made one after the other, and wait
//! for no other stream's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use crate::sync::IgnorePoison;

/// The locks of the streams that are being changed.
#[derive(Default)]
pub struct StreamLocks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

/// The right to change a stream, until it is dropped.
pub type StreamGuard = OwnedMutexGuard<()>;

impl StreamLocks {
    /// Waits, without a thread, until no other change of the stream `name` is being made.
    pub async fn wait(&self, name: &str) -> StreamGuard {
        let lock = {
            let mut locks = self.0.lock().ignore_poison();
            // Those that nobody holds or waits for.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(name.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }
}
