//! Tells which of a stream's frames were taken after a moment.

use std::time::{Instant, SystemTime};

use tokio::sync::watch;

use super::ServedFrame;
use crate::chain::RawFrame;

/// A moment, and the frames that came since.
///
/// Where it is known what moment of the server's clock a frame was taken after, the first one behind the moment is it. Else they are
/// counted as they come and not found by the time that they bear, since a camera's clock may be another than the server's.
pub struct Fresh {
    raw: watch::Receiver<Option<RawFrame>>,
    moment: Instant,
    /// Frames that are still to come until one was surely taken after the moment.
    missing: u32,
    /// When the first such frame was taken.
    from: Option<SystemTime>,
}

impl Fresh {
    /// From `moment`, which is now, on. Of the frames of `raw` that come next, so many may have been taken before.
    pub fn new(raw: watch::Receiver<Option<RawFrame>>, on_their_way: u32, moment: Instant) -> Self {
        Self {
            raw,
            moment,
            missing: on_their_way + 1,
            from: None,
        }
    }

    /// Whether `frame`, the newest, was taken after the moment. To be asked of each.
    pub fn has_taken(&mut self, frame: &ServedFrame) -> bool {
        if self.from.is_none() && self.raw.has_changed().unwrap_or(false) {
            let newest = self.raw.borrow_and_update();
            if let Some(newest) = &*newest {
                self.missing = self.missing.saturating_sub(1);
                let is_later = newest.since.is_some_and(|since| since >= self.moment);
                let is_fresh = self.missing == 0 || is_later;
                self.from = is_fresh.then_some(newest.captured_at);
            }
        }
        frame.is_picture && self.from.is_some_and(|from| frame.captured_at >= from)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use jpeg_splice::Jpeg;

    use super::*;
    use crate::clock::Clock;

    fn jpeg() -> Jpeg {
        let smallest = b"\xff\xd8\xff\xc2\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xd9";
        Jpeg::new(Bytes::from_static(smallest)).unwrap()
    }

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn raw(second: u64) -> Option<RawFrame> {
        Some(RawFrame {
            jpeg: jpeg(),
            sequence: second,
            captured_at: at(second),
            since: None,
        })
    }

    fn served(second: u64) -> ServedFrame {
        ServedFrame {
            jpeg: jpeg(),
            captured_at: at(second),
            is_picture: true,
        }
    }

    #[test]
    fn frames_that_were_there_or_on_their_way_are_not_fresh() {
        let camera = watch::Sender::new(raw(1));
        let mut fresh = Fresh::new(camera.subscribe(), 1, crate::clock::SystemClock.now());
        assert!(!fresh.has_taken(&served(1)));
        camera.send_replace(raw(2));
        assert!(!fresh.has_taken(&served(2)));
        // The chain is one behind.
        camera.send_replace(raw(3));
        assert!(!fresh.has_taken(&served(2)));
        camera.send_replace(raw(4));
        assert!(fresh.has_taken(&served(3)));
        assert!(fresh.has_taken(&served(4)));
    }

    #[test]
    fn a_frame_that_began_after_the_moment_is_fresh_at_once() {
        let moment = crate::clock::SystemClock.now();
        let began = |second, since| {
            raw(second).map(|frame| RawFrame {
                since: Some(since),
                ..frame
            })
        };
        let camera = watch::Sender::new(raw(1));
        let mut first = Fresh::new(camera.subscribe(), 1, moment);
        let mut second = Fresh::new(camera.subscribe(), 1, moment);
        camera.send_replace(began(2, moment));
        assert!(first.has_taken(&served(2)));
        camera.send_replace(began(2, moment - Duration::from_millis(1)));
        assert!(!second.has_taken(&served(2)));
        camera.send_replace(began(3, moment));
        assert!(second.has_taken(&served(3)));
    }

    #[test]
    fn the_first_frame_of_a_camera_that_rested_is_fresh() {
        let camera = watch::Sender::new(None);
        let mut fresh = Fresh::new(camera.subscribe(), 0, crate::clock::SystemClock.now());
        // Closed once more.
        camera.send_replace(None);
        assert!(!fresh.has_taken(&served(0)));
        camera.send_replace(raw(1));
        let no_signal = ServedFrame {
            is_picture: false,
            ..served(9)
        };
        assert!(!fresh.has_taken(&no_signal));
        assert!(fresh.has_taken(&served(1)));
    }
}
