//! The frame bus: hands frames from one publisher to any number of subscribers, none of which waits
//! for another.
//!
//! There are two kinds. [`NewestFrames`] has the newest frame only: whoever is slower skips some,
//! and nobody gets one twice. A [`FrameQueue`] has every frame, up to a bound in frames and bytes;
//! what doesn't fit is counted.
//!
//! Nobody gets a frame whose masks don't hold any more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use tokio::sync::{Notify, watch};

use crate::frame::Frame;
use crate::sync::IgnorePoison;

/// The publisher's end, which has no frame at first. Clones are the same bus.
#[derive(Clone, Default)]
pub struct FrameBus {
    newest: watch::Sender<Option<Arc<Frame>>>,
    /// The newest frame that is the camera's.
    picture: Arc<Mutex<Option<Arc<Frame>>>>,
    queues: Arc<Mutex<Vec<Weak<Queue>>>>,
}

impl FrameBus {
    /// Hands `frame` to all subscribers.
    pub fn publish(&self, frame: Frame) {
        let frame = Arc::new(frame);
        self.queues.lock().ignore_poison().retain(|queue| {
            let queue = queue.upgrade();
            queue.inspect(|queue| queue.push(&frame)).is_some()
        });
        if frame.is_picture {
            *self.picture.lock().ignore_poison() = Some(frame.clone());
        }
        self.newest.send_replace(Some(frame));
    }

    /// Forgets the newest frame, which whoever subscribes later must not get.
    pub fn clear(&self) {
        *self.picture.lock().ignore_poison() = None;
        self.newest.send_replace(None);
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<Arc<Frame>> {
        let newest = self.newest.borrow().clone();
        newest.filter(|frame| frame.masks.is_current())
    }

    /// The newest frame that the camera took, also while viewers see a notice.
    pub fn newest_picture(&self) -> Option<Arc<Frame>> {
        let newest = self.picture.lock().ignore_poison().clone();
        newest.filter(|frame| frame.masks.is_current())
    }

    /// Subscribes to the newest of the frames to come.
    pub fn subscribe(&self) -> NewestFrames {
        NewestFrames(self.newest.subscribe())
    }

    /// The same, beginning with the frame that is there, so that nobody waits for a slow camera's
    /// next.
    pub fn subscribe_with_newest(&self) -> NewestFrames {
        let mut newest = self.subscribe();
        newest.0.mark_changed();
        newest
    }

    /// Subscribes to every frame to come, as far as there is room.
    pub fn queue(&self, limits: QueueLimits) -> FrameQueue {
        let queue = Arc::new(Queue::new(limits));
        let weak = Arc::downgrade(&queue);
        self.queues.lock().ignore_poison().push(weak);
        FrameQueue(queue)
    }
}

/// A subscription to the newest frame.
#[derive(Clone)]
pub struct NewestFrames(watch::Receiver<Option<Arc<Frame>>>);

impl NewestFrames {
    /// Waits for a frame that this subscriber has not had. `None` when there is no publisher any
    /// more. May be cancelled.
    pub async fn next(&mut self) -> Option<Arc<Frame>> {
        loop {
            self.0.changed().await.ok()?;
            if let Some(frame) = self.current() {
                return Some(frame);
            }
        }
    }

    /// The newest frame, if this subscriber has not had it. Doesn't wait.
    pub fn take(&mut self) -> Option<Arc<Frame>> {
        let is_new = self.0.has_changed().unwrap_or(false);
        is_new.then(|| self.current()).flatten()
    }

    fn current(&mut self) -> Option<Arc<Frame>> {
        let newest = self.0.borrow_and_update().clone();
        newest.filter(|frame| frame.masks.is_current())
    }
}

/// The room of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// The most frames that wait.
    pub frames: usize,
    /// The most bytes of their JPEGs together.
    pub bytes: usize,
}

/// A subscription to every frame.
pub struct FrameQueue(Arc<Queue>);

impl FrameQueue {
    /// The next frame; waits for one. May be cancelled.
    pub async fn next(&mut self) -> Arc<Frame> {
        loop {
            if let Some(frame) = self.0.pop() {
                return frame;
            }
            self.0.arrived.notified().await;
        }
    }

    /// Frames that found no room since this was asked last.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.0.lock().lost)
    }
}

struct Queue {
    limits: QueueLimits,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    lost: u64,
}

impl Queue {
    fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().ignore_poison()
    }

    fn push(&self, frame: &Arc<Frame>) {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + frame.jpeg.len();
        if waiting.frames.len() >= self.limits.frames || bytes > self.limits.bytes {
            waiting.lost += 1;
            return;
        }
        waiting.bytes = bytes;
        waiting.frames.push_back(frame.clone());
        drop(waiting);
        self.arrived.notify_one();
    }

    fn pop(&self) -> Option<Arc<Frame>> {
        let mut waiting = self.lock();
        loop {
            let frame = waiting.frames.pop_front()?;
            waiting.bytes -= frame.jpeg.len();
            if frame.masks.is_current() {
                return Some(frame);
            }
            waiting.lost += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn number(frame: Option<Arc<Frame>>) -> Option<u64> {
        frame.map(|frame| frame.sequence)
    }

    /// The number of the next frame; none if it would have to be waited for.
    fn next(queue: &mut FrameQueue) -> Option<u64> {
        number(queue.next().now_or_never())
    }

    const AMPLE: QueueLimits = QueueLimits {
        frames: 100,
        bytes: 1 << 20,
    };

    #[test]
    fn whoever_is_slow_has_the_newest_frame_and_none_twice() {
        let bus = FrameBus::default();
        let mut slow = bus.subscribe();
        bus.publish(Frame::fake(1));
        bus.publish(Frame::fake(2));
        let mut late = bus.subscribe();
        let mut with_newest = bus.subscribe_with_newest();
        assert_eq!(number(slow.take()), Some(2));
        assert_eq!(number(slow.take()), None);
        assert_eq!(number(late.take()), None);
        assert_eq!(number(with_newest.next().now_or_never().flatten()), Some(2));
        bus.clear();
        assert_eq!(number(bus.newest()), None);
        assert_eq!(number(slow.take()), None);
        assert!(slow.next().now_or_never().is_none());
        bus.publish(Frame::fake(3));
        assert_eq!(number(slow.next().now_or_never().flatten()), Some(3));
        drop(bus);
        assert_eq!(number(late.next().now_or_never().flatten()), Some(3));
        assert_eq!(number(late.next().now_or_never().flatten()), None);
    }

    #[test]
    fn a_queue_has_every_frame_in_order() {
        let bus = FrameBus::default();
        bus.publish(Frame::fake(1));
        let (mut first, mut second) = (bus.queue(AMPLE), bus.queue(AMPLE));
        (2..5).for_each(|number| bus.publish(Frame::fake(number)));
        bus.clear();
        for expected in [Some(2), Some(3), Some(4), None] {
            assert_eq!(next(&mut first), expected);
        }
        drop(first);
        bus.publish(Frame::fake(5));
        for expected in [Some(2), Some(3), Some(4), Some(5), None] {
            assert_eq!(next(&mut second), expected);
        }
        assert_eq!(second.take_lost(), 0);
        assert_eq!(bus.queues.lock().unwrap().len(), 1);
    }

    #[test]
    fn frames_that_find_no_room_are_counted() {
        let bus = FrameBus::default();
        let frames = QueueLimits { frames: 2, ..AMPLE };
        let bytes = QueueLimits {
            bytes: 3 * Frame::JPEG.len() - 1,
            ..AMPLE
        };
        for limits in [frames, bytes] {
            let mut queue = bus.queue(limits);
            (1..6).for_each(|number| bus.publish(Frame::fake(number)));
            assert_eq!((next(&mut queue), queue.take_lost()), (Some(1), 3));
            // The room is there again.
            bus.publish(Frame::fake(6));
            bus.publish(Frame::fake(7));
            for expected in [Some(2), Some(6), None] {
                assert_eq!(next(&mut queue), expected);
            }
            assert_eq!((queue.take_lost(), queue.take_lost()), (1, 0));
        }
    }

    #[tokio::test]
    async fn a_queue_that_waits_is_woken() {
        let bus = FrameBus::default();
        let mut queue = bus.queue(AMPLE);
        let waiting = tokio::spawn(async move { queue.next().await.sequence });
        tokio::task::yield_now().await;
        bus.publish(Frame::fake(1));
        assert_eq!(waiting.await.unwrap(), 1);
    }
}
