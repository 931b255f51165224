//! Privacy masks: areas of a camera's picture that are covered on its capture thread, before
//! anybody gets it.

mod id;
mod set;

use std::borrow::Cow;

use jpeg_splice::{Cover, Jpeg, Mask, Polygon, Splicer, codec, cover_pixels};

pub use id::MaskId;
pub use set::{ActiveMasks, ExpectedMasks, MaskReport, MaskSet, MaskStamp};

use crate::chain::Path;
use crate::codec::{DecodeError, decode};
use crate::config::{MaskArea, MaskColor, MaskConfig};
use crate::panics::{Panicked, catch};

/// The reason why a picture can't be masked, and must not be shown.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// It can't be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It can't be encoded again.
    #[error(transparent)]
    Encode(#[from] codec::EncodeError),
    /// Masking it panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// A picture that is masked.
pub struct MaskedJpeg {
    /// The picture.
    pub jpeg: Jpeg,
    /// Its stamp.
    pub stamp: MaskStamp,
    /// The path that it took, and the reason for it.
    pub path: (Path, Cow<'static, str>),
}

/// Covers masks in the pictures of one source.
pub struct Masker {
    set: MaskSet,
    /// JPEG quality, 1 to 100, of pictures that must be coded anew.
    quality: u8,
    splicer: Splicer,
    rgb: Vec<u8>,
}

impl Masker {
    /// A masker for `set`. Pictures that must be coded anew get `quality`, 1 to 100.
    pub fn new(set: MaskSet, quality: u8) -> Self {
        Self {
            set,
            quality,
            splicer: Splicer::new(),
            rgb: Vec::new(),
        }
    }

    /// `jpeg` with all that has to be covered now.
    ///
    /// # Errors
    /// It can't be masked.
    pub fn mask(&mut self, jpeg: Jpeg) -> Result<MaskedJpeg, MaskError> {
        let ActiveMasks { masks, stamp } = self.set.active();
        if masks.is_empty() {
            let path = (Path::Passthrough, "nothing is masked".into());
            return Ok(MaskedJpeg { jpeg, stamp, path });
        }
        let masks: Vec<_> = masks.iter().map(|mask| placed(mask, &jpeg)).collect();
        let spliced = catch(|| self.splicer.mask(&jpeg, &masks));
        let (jpeg, path) = match spliced {
            Ok(Ok(masked)) => {
                let reason = "blocks under masks are replaced".into();
                (masked, (Path::Splice, reason))
            }
            Ok(Err(why)) => (
                self.recode(&jpeg, &masks)?,
                (Path::Recode, why.to_string().into()),
            ),
            Err(panicked) => {
                // It may have been left half changed.
                self.splicer = Splicer::new();
                return Err(panicked.into());
            }
        };
        Ok(MaskedJpeg { jpeg, stamp, path })
    }

    fn recode(&mut self, jpeg: &Jpeg, masks: &[Mask]) -> Result<Jpeg, MaskError> {
        decode(jpeg, &mut self.splicer, &mut self.rgb)?;
        let header = jpeg.header();
        let (rgb, quality) = (&mut self.rgb, self.quality);
        Ok(catch(|| {
            cover_pixels(rgb, header, masks);
            codec::reencode_bare(rgb, quality, jpeg)
        })??)
    }
}

/// `mask` where it lies in `jpeg` as that is stored.
fn placed(mask: &MaskConfig, jpeg: &Jpeg) -> Mask {
    let header = jpeg.header();
    let shown = header.size();
    let (corners, scale) = match &mask.area {
        MaskArea::Parts(corners) => (corners, (f64::from(shown.0), f64::from(shown.1))),
        MaskArea::Pixels(corners) => (corners, (1.0, 1.0)),
    };
    let stored = (f64::from(header.width), f64::from(header.height));
    let corner = |&[x, y]: &[f64; 2]| {
        let shown = (x * scale.0, y * scale.1);
        let (x, y) = header.orientation.stored_point(shown, stored);
        [x, y]
    };
    Mask {
        outline: Polygon::new(corners.iter().map(corner).collect()),
        cover: match (mask.mosaic, mask.fill) {
            (Some(side), _) => Cover::Mosaic(side),
            (None, Some(MaskColor(rgb))) => Cover::Color(rgb),
            (None, None) => Cover::Color([0; 3]),
        },
    }
}
