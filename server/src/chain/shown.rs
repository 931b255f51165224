//! The picture that a filter shows to whoever tunes it, such as what it takes for motion.

use std::sync::{Arc, Mutex};

use jpeg_splice::Jpeg;
use jpeg_splice::codec::{EncodeError, PixelFormat, Subsampling, encode};

use crate::filter::view::Pixels;
use crate::mask::MaskStamp;
use crate::sync::IgnorePoison;

/// JPEG quality, 1 to 100: edges must stay sharp.
const QUALITY: u8 = 90;

/// The latest of them, with the masks that it was made of. Clones share it.
#[derive(Clone, Default)]
pub struct Shown(Arc<Mutex<Option<(Pixels, MaskStamp)>>>);

impl Shown {
    /// Takes the place of the one before. It was made of a frame with the stamp `masks`.
    pub fn set(&self, picture: Pixels, masks: MaskStamp) {
        *self.0.lock().ignore_poison() = Some((picture, masks));
    }

    /// It as a JPEG, if there is one and the masks are still the right ones.
    ///
    /// # Errors
    /// It can't be encoded.
    pub fn jpeg(&self) -> Result<Option<Jpeg>, EncodeError> {
        let shown = self.0.lock().ignore_poison();
        let current = shown.as_ref().filter(|(_, masks)| masks.is_current());
        let encoded = current.map(|(picture, _)| {
            let size = (picture.width, picture.height);
            let (format, sampling) = (PixelFormat::Grayscale, Subsampling::S444);
            encode(&picture.bytes, format, size, sampling, QUALITY)
        });
        encoded.transpose()
    }
}
