//! A frame on its way from a source to viewers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use jpeg_splice::Jpeg;

use crate::mask::MaskStamp;

/// A whole picture and its times.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The picture.
    pub jpeg: Jpeg,
    /// Counted by its stream; see [`Sequence`]. A notice has the number of the frame that comes
    /// next.
    pub sequence: u64,
    /// The time at which the picture was taken, by the wall clock: the camera's where that tells,
    /// else the server's.
    pub captured_at: SystemTime,
    /// The time at which it came from the source, by the monotonic clock.
    pub received_at: Instant,
    /// A moment that it was surely taken after; none if that is not known.
    pub taken_after: Option<Instant>,
    /// Whether the camera took it. Else it is a notice to viewers, drawn by the server, that there
    /// is no picture.
    pub is_picture: bool,
    /// Tells whether the masks that it was covered with still hold.
    pub masks: MaskStamp,
    /// The head of its part in Motion JPEG streams.
    pub part_head: PartHead,
}

/// The head of a part of a multipart answer, which the first viewer formats for all, and the whole
/// part for those by HTTP/2. A clone has none yet, since it may get another picture.
#[derive(Debug, Default)]
pub struct PartHead {
    head: OnceLock<Box<[u8]>>,
    whole: OnceLock<Bytes>,
}

impl PartHead {
    /// The head, which `format` gives if nobody asked before.
    pub fn get_or_init(&self, format: impl FnOnce() -> String) -> &[u8] {
        self.head.get_or_init(|| format().into_bytes().into())
    }

    /// The whole part, which `make` gives if nobody asked before.
    pub fn whole_or_init(&self, make: impl FnOnce() -> Vec<u8>) -> Bytes {
        self.whole.get_or_init(|| make().into()).clone()
    }
}

impl Clone for PartHead {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Numbers the frames of a stream from 0. It goes on when the source is opened again or replaced,
/// for as long as there is the stream. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Sequence(Arc<AtomicU64>);

impl Sequence {
    /// The number of a new frame.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The number that the next frame will have.
    pub fn peek(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod fake {
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock, SystemClock};

    impl Frame {
        /// A picture of one pixel, without a scan.
        pub const JPEG: &[u8] = b"\xff\xd8\xff\xc2\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xd9";

        /// A picture of one pixel, of this number and taken at this second.
        pub fn fake(number: u64) -> Self {
            Self {
                jpeg: Jpeg::new(Bytes::from_static(Self::JPEG)).expect("a JPEG"),
                sequence: number,
                captured_at: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
                received_at: SystemClock.now(),
                taken_after: None,
                is_picture: true,
                masks: MaskStamp::default(),
                part_head: PartHead::default(),
            }
        }
    }
}
