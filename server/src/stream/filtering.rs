//! The chain thread: takes the newest raw frame through the chain and hands on the result, or what tells viewers that there
//! is none.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use super::demand::Demand;
use super::no_signal;
use super::status::{State, Status};
use crate::chain::{Chain, RawFrame};
use crate::clock::Stop;

/// How long viewers wait before they are told that there is no picture.
const NO_SIGNAL_AFTER: Duration = Duration::from_millis(1600);
/// How often the time in that picture moves on.
const NO_SIGNAL_EVERY: Duration = Duration::from_secs(1);

/// A frame as viewers get it. All of them share its bytes.
#[derive(Clone, Debug)]
pub struct ServedFrame {
    /// The whole JPEG.
    pub jpeg: Bytes,
    /// When the camera took it.
    pub captured_at: SystemTime,
    /// Whether the camera took it; else it says that there is no signal.
    pub is_picture: bool,
}

/// Where the newest served frame lies.
pub type Newest = watch::Sender<Option<Arc<ServedFrame>>>;

/// What a chain is run with.
pub struct Filtering<'a> {
    pub stream: &'a str,
    pub raw: watch::Receiver<Option<RawFrame>>,
    pub served: &'a Newest,
    pub demand: &'a Demand,
    pub status: &'a Status,
    pub stop: &'a Stop,
}

impl Filtering<'_> {
    /// Runs until the order to stop, or until no more frames can come.
    pub fn run(&mut self, chain: &mut Chain) {
        let _active = chain.activate();
        let mut next = 0;
        let mut size = None;
        let mut due = self.now() + NO_SIGNAL_AFTER;
        loop {
            match self.wait(due) {
                None => return,
                Some(Event::Due) => {
                    // On the grid of the last frame, or from now on if that is long past.
                    due = (due + NO_SIGNAL_EVERY).max(self.now());
                    self.tell_of_no_signal(size);
                }
                Some(Event::Frame(frame)) => {
                    let now = self.now();
                    // A camera that was opened again counts from 0.
                    self.status
                        .frames_skipped(frame.sequence.saturating_sub(next));
                    next = frame.sequence + 1;
                    if self.demand.watchers().only_unfiltered() {
                        // Whoever comes later must not see an old picture.
                        self.served.send_replace(None);
                        self.status.works();
                        due = now + NO_SIGNAL_AFTER;
                    } else if let Some(served) = self.filter(chain, &frame) {
                        size = served.or(size);
                        due = now + NO_SIGNAL_AFTER;
                    }
                }
            }
        }
    }

    fn now(&self) -> Instant {
        self.stop.clock().now()
    }

    /// Blocks for the next frame, at most until `due`.
    fn wait(&mut self, due: Instant) -> Option<Event> {
        loop {
            let sleep = self.stop.clock().sleep_until(due);
            let changed = self.stop.wait_for(async {
                tokio::select! {
                    biased;
                    changed = self.raw.changed() => Some(changed),
                    () = sleep => None,
                }
            })?;
            match changed {
                None => return Some(Event::Due),
                Some(Err(_)) => return None,
                Some(Ok(())) => {}
            }
            if let Some(frame) = self.raw.borrow_and_update().clone() {
                return Some(Event::Frame(frame));
            }
        }
    }

    /// The size of what was served, if that is known; nothing if the frame was dropped.
    fn filter(&self, chain: &mut Chain, frame: &RawFrame) -> Option<Option<(u32, u32)>> {
        match chain.process(frame) {
            Ok(filtered) => {
                self.status.frame_out(&filtered);
                self.served.send_replace(Some(Arc::new(ServedFrame {
                    jpeg: filtered.jpeg,
                    captured_at: frame.captured_at,
                    is_picture: true,
                })));
                Some(filtered.size)
            }
            Err(why) => {
                if self.status.frame_dropped(&why) {
                    tracing::warn!(stream = self.stream, "frames are dropped: {why}");
                }
                None
            }
        }
    }

    fn tell_of_no_signal(&self, size: Option<(u32, u32)>) {
        if !matches!(self.status.state(), State::Starting | State::Failing) {
            return;
        }
        let at = self.stop.clock().unix();
        let jpeg = Timestamp::try_from(at)
            .map_err(|error| error.to_string())
            .and_then(|time| no_signal::draw(self.stream, size, time));
        match jpeg {
            Ok(jpeg) => {
                self.served.send_replace(Some(Arc::new(ServedFrame {
                    jpeg,
                    captured_at: at,
                    is_picture: false,
                })));
            }
            Err(why) => tracing::debug!(stream = self.stream, "no picture of no signal: {why}"),
        }
    }
}

enum Event {
    Frame(RawFrame),
    /// Nothing was served for a while.
    Due,
}
