//! Tells which of a stream's frames were taken after a moment.

use std::time::Instant;

use super::bus::NewestFrames;
use crate::frame::Frame;

/// A moment, and the frames that came since.
///
/// For cameras that tell a moment of the server's clock after which a frame was taken, it is the
/// first frame behind the moment. Those of others are counted as they come and not found by the
/// time that they bear, since a camera's clock may be another than the server's.
pub struct Fresh {
    raw: NewestFrames,
    moment: Instant,
    /// Frames that are still to come until one was surely taken after the moment.
    missing: u32,
    /// The number of the first such frame.
    from: Option<u64>,
}

impl Fresh {
    /// From `moment`, which is now, on. Of the frames of `raw` that come next, so many may have
    /// been taken before.
    pub fn new(raw: NewestFrames, on_their_way: u32, moment: Instant) -> Self {
        Self {
            raw,
            moment,
            missing: on_their_way + 1,
            from: None,
        }
    }

    /// Whether `frame`, the newest, was taken after the moment. To be asked of each.
    pub fn has_taken(&mut self, frame: &Frame) -> bool {
        if self.from.is_none()
            && let Some(newest) = self.raw.take()
        {
            self.missing = self.missing.saturating_sub(1);
            let is_later = newest.taken_after.is_some_and(|at| at >= self.moment);
            let is_fresh = self.missing == 0 || is_later;
            self.from = is_fresh.then_some(newest.sequence);
        }
        frame.is_picture && self.from.is_some_and(|from| frame.sequence >= from)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::stream::FrameBus;

    fn bus_with(frame: Frame) -> FrameBus {
        let bus = FrameBus::default();
        bus.publish(frame);
        bus
    }

    #[test]
    fn frames_that_were_there_or_on_their_way_are_not_fresh() {
        let camera = bus_with(Frame::fake(1));
        let mut fresh = Fresh::new(camera.subscribe(), 1, SystemClock.now());
        assert!(!fresh.has_taken(&Frame::fake(1)));
        camera.publish(Frame::fake(2));
        assert!(!fresh.has_taken(&Frame::fake(2)));
        // The chain is one behind.
        camera.publish(Frame::fake(3));
        assert!(!fresh.has_taken(&Frame::fake(2)));
        camera.publish(Frame::fake(4));
        assert!(fresh.has_taken(&Frame::fake(3)));
        assert!(fresh.has_taken(&Frame::fake(4)));
    }

    #[test]
    fn a_frame_that_began_after_the_moment_is_fresh_at_once() {
        let moment = SystemClock.now();
        let began = |number, since| Frame {
            taken_after: Some(since),
            ..Frame::fake(number)
        };
        let camera = bus_with(Frame::fake(1));
        let mut first = Fresh::new(camera.subscribe(), 1, moment);
        let mut second = Fresh::new(camera.subscribe(), 1, moment);
        camera.publish(began(2, moment));
        assert!(first.has_taken(&Frame::fake(2)));
        camera.publish(began(2, moment - Duration::from_millis(1)));
        assert!(!second.has_taken(&Frame::fake(2)));
        camera.publish(began(3, moment));
        assert!(second.has_taken(&Frame::fake(3)));
    }

    #[test]
    fn the_first_frame_of_a_camera_that_rested_is_fresh() {
        let camera = FrameBus::default();
        let mut fresh = Fresh::new(camera.subscribe(), 0, SystemClock.now());
        // Closed once more.
        camera.clear();
        assert!(!fresh.has_taken(&Frame::fake(0)));
        camera.publish(Frame::fake(1));
        let no_signal = Frame {
            is_picture: false,
            ..Frame::fake(9)
        };
        assert!(!fresh.has_taken(&no_signal));
        assert!(fresh.has_taken(&Frame::fake(1)));
    }
}
