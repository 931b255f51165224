//! The picture that a filter shows to whoever tunes it, such as what it takes for motion.

use std::sync::{Arc, Mutex};

use jpeg_splice::Jpeg;
use jpeg_splice::codec::{EncodeError, PixelFormat, Subsampling, encode};

use crate::filter::view::Pixels;
use crate::sync::IgnorePoison;

/// JPEG quality, 1 to 100: edges must stay sharp.
const QUALITY: u8 = 90;

/// The latest of them. Clones share it.
#[derive(Clone, Default)]
pub struct Shown(Arc<Mutex<Option<Pixels>>>);

impl Shown {
    /// Takes the place of the one before.
    pub fn set(&self, picture: Pixels) {
        *self.0.lock().ignore_poison() = Some(picture);
    }

    /// It as a JPEG, if there is one.
    ///
    /// # Errors
    /// It can't be encoded.
    pub fn jpeg(&self) -> Result<Option<Jpeg>, EncodeError> {
        let shown = self.0.lock().ignore_poison();
        let encoded = shown.as_ref().map(
            |Pixels {
                 width,
                 height,
                 bytes,
             }| {
                let size = (*width, *height);
                encode(
                    bytes,
                    PixelFormat::Grayscale,
                    size,
                    Subsampling::S444,
                    QUALITY,
                )
            },
        );
        encoded.transpose()
    }
}
