//! The picture of an event.

use std::collections::BTreeSet;

use jpeg_splice::Jpeg;

use crate::frame::Frame;
use crate::mask::{MaskId, MaskStamp};

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

    /// The JPEG and the masks that its stream has, if they are those that it was covered with.
    pub(super) fn current(self) -> Option<CoveredPicture> {
        let masks = self.masks.configured();
        // Looked at last: masks that are new by now are none of its own.
        self.masks.is_current().then_some(CoveredPicture {
            jpeg: self.jpeg,
            masks,
        })
    }
}

/// A picture, and the masks that its stream had when it was taken, those that were off included.
pub struct CoveredPicture {
    pub jpeg: Jpeg,
    pub masks: BTreeSet<MaskId>,
}
