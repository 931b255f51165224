//! Messages of a client that were not heeded yet.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::MOST_STREAMS;
use super::message::{ClientMessage, MessageError};
use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// Messages of one client, merged: of each stream the last word counts, so that nothing piles up
/// while a connection is slow.
pub struct Inbox {
    said: Mutex<Said>,
    news: Notify,
    clock: Arc<dyn Clock>,
}

struct Said {
    merged: ClientMessage,
    at: Instant,
}

impl Inbox {
    /// Nothing was said yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            said: Mutex::new(Said {
                merged: ClientMessage::default(),
                at: clock.now(),
            }),
            news: Notify::new(),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().ignore_poison()
    }

    /// Takes a message in.
    ///
    /// # Errors
    /// It is about more streams than a connection may have.
    pub fn put(&self, message: ClientMessage) -> Result<(), MessageError> {
        let mut said = self.lock();
        said.at = self.clock.now();
        said.merged.credit.extend(message.credit);
        said.merged.refresh = message.refresh.or(said.merged.refresh);
        if said.merged.credit.len() > MOST_STREAMS {
            said.merged.credit.clear();
            return Err(MessageError::TooMany);
        }
        drop(said);
        self.news.notify_one();
        Ok(())
    }

    /// Takes out all that was said since the last time; waits for something. A call that is dropped
    /// loses nothing.
    pub async fn take(&self) -> ClientMessage {
        self.news.notified().await;
        std::mem::take(&mut self.lock().merged)
    }

    /// The time since the client said something.
    pub fn silence(&self) -> Duration {
        let at = self.lock().at;
        self.clock.now().saturating_duration_since(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    fn credit(name: &str, until: u64) -> ClientMessage {
        ClientMessage {
            credit: [(name.to_owned(), until)].into(),
            refresh: None,
        }
    }

    #[tokio::test]
    async fn the_last_word_on_each_stream_counts() {
        let clock = FakeClock::new();
        let inbox = Inbox::new(clock.clone());
        for (name, until) in [("a", 1), ("b", 2), ("a", 3)] {
            inbox.put(credit(name, until)).unwrap();
        }
        let said = inbox.take().await;
        assert_eq!(
            said.credit.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), 3), ("b".to_owned(), 2)]
        );
        clock.advance(Duration::from_secs(9));
        assert_eq!(inbox.silence(), Duration::from_secs(9));
        inbox.put(ClientMessage::default()).unwrap();
        assert_eq!(inbox.silence(), Duration::ZERO);
    }

    #[test]
    fn it_keeps_no_more_streams_than_there_may_be() {
        let inbox = Inbox::new(FakeClock::new());
        for number in 0..MOST_STREAMS {
            inbox.put(credit(&number.to_string(), 1)).unwrap();
        }
        assert!(inbox.put(credit("one more", 1)).is_err());
        assert!(inbox.lock().merged.credit.is_empty());
    }
}
