//! The picture of an event.

use jpeg_splice::Jpeg;

use crate::frame::Frame;
use crate::mask::MaskStamp;

/// A frame's picture, for an event. It is kept only while the masks still hold that it was covered
/// with.
#[derive(Clone, Debug)]
pub struct Picture {
    jpeg: Jpeg,
    masks: MaskStamp,
}

impl Picture {
    /// The picture of `frame`; none if it is the server's own notice to viewers, or masks have
    /// changed since it came.
    pub fn of(frame: &Frame) -> Option<Self> {
        (frame.is_picture && frame.masks.is_current()).then(|| Self {
            jpeg: frame.jpeg.clone(),
            masks: frame.masks.clone(),
        })
    }

    /// The JPEG, if its masks still hold.
    pub(super) fn current(self) -> Option<Jpeg> {
        self.masks.is_current().then_some(self.jpeg)
    }
}
