//! The chain thread: takes the newest raw frame through the chain and hands on the result, or what
//! tells viewers that there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::bus::{FrameBus, NewestFrames};
use super::demand::Demand;
use super::inspect_loops::InspectLoops;
use super::no_signal;
use super::pending_changes::PendingChanges;
use super::status::{Readiness, Status, StreamState};
use super::stream_log::StreamLog;
use super::title::Title;
use crate::chain::{Chain, ChainError, Inspector};
use crate::clock::StopToken;
use crate::frame::{Frame, Sequence};
use crate::panics::catch;

/// The time for which viewers wait before they are told that there is no picture.
const NO_SIGNAL_AFTER: Duration = Duration::from_millis(1600);
/// The interval at which the time in that picture moves on.
const NO_SIGNAL_EVERY: Duration = Duration::from_secs(1);
/// A changed chain gets the last frame once more when that is so old: the next may be long in
/// coming.
const NEXT_FRAME_SOON: Duration = Duration::from_millis(500);

/// The loop of the chain thread.
pub struct ChainLoop<'a> {
    pub stream: &'a str,
    pub title: &'a Title,
    pub raw: NewestFrames,
    /// The number of the first frame that it may get.
    pub first: u64,
    pub sequence: &'a Sequence,
    pub changes: &'a PendingChanges,
    pub served: &'a FrameBus,
    pub demand: &'a Demand,
    pub status: &'a Status,
    pub log: &'a StreamLog,
    pub stop: &'a StopToken,
    pub inspect: InspectLoops<'a>,
}

impl ChainLoop<'_> {
    /// Runs until a stop is requested, or until no more frames can come.
    pub fn run(&mut self, chain: &mut Chain) {
        let mut chain_changed = self.changes.chain_changed();
        self.update_chain(chain);
        let is_ready = self.status.readiness() == Readiness::Ready;
        let wait = if is_ready {
            NO_SIGNAL_AFTER
        } else {
            Duration::ZERO
        };
        let mut progress = Progress {
            next: self.first,
            size: None,
            is_ready: false,
            due: self.now() + wait,
            last: None,
            again: None,
        };
        while let Some(event) = self.wait(progress.next_due(), &mut chain_changed) {
            // A panic costs the frame that it came with.
            let done = catch(|| self.take_up(event, chain, &mut progress));
            if let Err(panicked) = done {
                self.drop_frame(&panicked.into());
            }
        }
        chain.rest();
    }

    fn update_chain(&mut self, chain: &mut Chain) {
        self.changes.update_chain_now(chain);
        let inspectors = chain.inspectors();
        self.inspect.update(inspectors);
        let looking = inspectors.iter().filter(|it| it.is_on());
        let interval = looking.map(Inspector::every).min();
        self.demand
            .set_analysis_interval(interval.unwrap_or_default());
    }

    fn take_up(&mut self, event: Event, chain: &mut Chain, progress: &mut Progress) {
        match event {
            Event::Due if progress.again.is_some_and(|at| at <= self.now()) => {
                progress.again = None;
                if let Some(frame) = progress.last.take() {
                    self.filter_and_serve(chain, frame, progress);
                }
            }
            Event::Due => {
                // On the grid of the last frame, or from now on if that is long past.
                progress.due = (progress.due + NO_SIGNAL_EVERY).max(self.now());
                self.tell_of_no_picture(progress.size);
            }
            Event::Frame(frame) => self.take(chain, frame, progress),
            Event::ChainChanged => {
                self.update_chain(chain);
                let last = progress.last.as_ref();
                progress.again = last.map(|frame| frame.received_at + NEXT_FRAME_SOON);
            }
        }
    }

    fn take(&mut self, chain: &mut Chain, frame: Arc<Frame>, progress: &mut Progress) {
        let skipped = frame.sequence.saturating_sub(progress.next);
        self.status.frames_skipped(skipped);
        progress.next = frame.sequence + 1;
        progress.again = None;
        self.inspect.retry(chain.inspectors());
        self.filter_and_serve(chain, frame, progress);
    }

    fn filter_and_serve(&mut self, chain: &mut Chain, frame: Arc<Frame>, progress: &mut Progress) {
        let now = self.now();
        if !frame.masks.is_current() {
            progress.last = None;
            return;
        }
        if self.demand.viewers().only_unfiltered() {
            // Whoever comes later must not see an old picture.
            self.served.clear();
            self.status.works();
            progress.due = now + NO_SIGNAL_AFTER;
        } else if !self.is_ready(chain, progress) {
            // Nothing of the camera is shown without the filters.
        } else if let Some(served) = self.filter(chain, &frame) {
            progress.size = Some(served);
            progress.due = now + NO_SIGNAL_AFTER;
        }
        progress.last = Some(frame);
    }

    /// Whether the stream has its filters, which are then in the chain.
    fn is_ready(&mut self, chain: &mut Chain, progress: &mut Progress) -> bool {
        if !progress.is_ready && self.status.readiness() == Readiness::Ready {
            self.update_chain(chain);
            progress.is_ready = true;
        }
        progress.is_ready
    }

    fn now(&self) -> Instant {
        self.stop.clock().now()
    }

    /// Blocks for the next frame or another chain, at most until `due`.
    fn wait(&mut self, due: Instant, chain_changed: &mut watch::Receiver<()>) -> Option<Event> {
        let event = self.stop.wait_until(due, async {
            tokio::select! {
                biased;
                // First, so that the next frame goes through the new chain.
                _ = chain_changed.changed() => Some(Event::ChainChanged),
                frame = self.raw.next() => frame.map(Event::Frame),
            }
        });
        event?.unwrap_or(Some(Event::Due))
    }

    /// The size of what was served; nothing if the frame was dropped.
    fn filter(&self, chain: &mut Chain, frame: &Frame) -> Option<(u32, u32)> {
        match chain.process(frame) {
            Ok(filtered) => {
                self.status.frame_out(&filtered);
                self.log.frame_came_out(self.now());
                let size = filtered.frame.jpeg.size();
                self.served.publish(filtered.frame);
                Some(size)
            }
            Err(why) => {
                self.drop_frame(&why);
                None
            }
        }
    }

    fn drop_frame(&self, why: &ChainError) {
        self.status.frame_dropped(why);
        self.log.frame_dropped(self.now(), why);
    }

    fn tell_of_no_picture(&self, size: Option<(u32, u32)>) {
        let why = match (self.status.readiness(), self.status.state()) {
            (Readiness::Preparing, _) => "Preparing filters",
            (Readiness::Unusable(_), _) => "Filters can't be used",
            (Readiness::Ready, StreamState::Starting | StreamState::Failing) => "No signal",
            _ => return,
        };
        let title = self.title.get();
        let (clock, sequence) = (&**self.stop.clock(), self.sequence);
        match no_signal::frame(why, (&title, self.stream), size, clock, sequence) {
            Ok(frame) => self.served.publish(frame),
            Err(why) => tracing::debug!(error = %why, "no picture of no signal"),
        }
    }
}

/// The progress of the loop.
struct Progress {
    /// The next frame's number.
    next: u64,
    /// Of what was served last: width and height in pixels.
    size: Option<(u32, u32)>,
    /// The stream has its filters.
    is_ready: bool,
    /// The time at which viewers are told that there is no picture.
    due: Instant,
    /// The last frame.
    last: Option<Arc<Frame>>,
    /// The time at which it goes through the changed chain once more, if no other has come until
    /// then.
    again: Option<Instant>,
}

impl Progress {
    fn next_due(&self) -> Instant {
        self.again.map_or(self.due, |again| again.min(self.due))
    }
}

enum Event {
    Frame(Arc<Frame>),
    /// The chain is to become another.
    ChainChanged,
    /// Nothing was served for a while.
    Due,
}
