//! The camera's picture, for filters that inspect, and for overlays that the pipeline file allows
//! to see it (`sees: eighth`, `sees: all`).
//!
//! It is the picture as people see it, with the privacy masks, and before any filter. Each call of
//! a filter may ask 16 times.

use image::{GrayImage, RgbImage};

use crate::Area;
#[cfg(target_family = "wasm")]
use crate::bindings::imports::mattebox::filter::view;

/// By how much both sides of a picture are made smaller. The size is rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrink {
    /// Not at all.
    None,
    /// To half.
    Half,
    /// To a quarter.
    Quarter,
    /// To a pixel for each 8 × 8: for nearly every camera nothing needs to be decoded for it.
    Eighth,
}

/// The brightness of the picture, or of an `area` of it, in pixels of the whole picture.
///
/// # Errors
/// A text that says why there is no picture: the area lies outside, the step may not see it, or it
/// can't be decoded.
pub fn luma(shrink: Shrink, area: Option<Area>) -> Result<GrayImage, String> {
    #[cfg(target_family = "wasm")]
    {
        let image = view::luma(shrink.into(), area.map(Area::into))?;
        GrayImage::from_raw(image.width, image.height, image.luma).ok_or_else(wrong_size)
    }
    #[cfg(not(target_family = "wasm"))]
    crate::testing::luma(shrink, area)
}

/// The colours of the picture, or of an `area` of it, in pixels of the whole picture.
///
/// # Errors
/// Those of [`luma`].
pub fn rgb(shrink: Shrink, area: Option<Area>) -> Result<RgbImage, String> {
    #[cfg(target_family = "wasm")]
    {
        let image = view::rgb(shrink.into(), area.map(Area::into))?;
        RgbImage::from_raw(image.width, image.height, image.rgb).ok_or_else(wrong_size)
    }
    #[cfg(not(target_family = "wasm"))]
    crate::testing::rgb(shrink, area)
}

#[cfg(target_family = "wasm")]
fn wrong_size() -> String {
    "the picture's bytes don't fit its size".to_owned()
}

#[cfg(target_family = "wasm")]
impl From<Shrink> for view::Shrink {
    fn from(shrink: Shrink) -> Self {
        match shrink {
            Shrink::None => Self::None,
            Shrink::Half => Self::Half,
            Shrink::Quarter => Self::Quarter,
            Shrink::Eighth => Self::Eighth,
        }
    }
}
