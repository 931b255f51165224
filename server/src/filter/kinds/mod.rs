//! The kinds of filter: what each is called for, and the checks of what it hands over before
//! anybody uses it.

pub mod inspect;
pub mod overlay;
pub mod transform;

use super::contract::{Apply, Draw, Look};
use super::limits::{PICTURE_PIXELS, SIDE};

/// The kind of a filter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FilterKind {
    /// Draws layers over the picture and never sees it.
    Overlay,
    /// Gets the picture and returns another.
    Transform,
    /// Looks at pictures beside the frames' way, and tells what it found.
    Inspect,
}

/// The function that is called for each frame.
pub enum Function {
    /// An overlay's.
    Overlay(Box<dyn Draw>),
    /// A transform's.
    Transform(Box<dyn Apply>),
    /// An inspecting filter's.
    Inspect(Box<dyn Look>),
}

/// The fault of a rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongPixels {
    /// It has no pixels, or long sides.
    #[error("the size is {0}×{1}, each side must be 1 to {SIDE} pixels")]
    Side(u32, u32),
    /// It has too many pixels.
    #[error("{0}×{1} is more than {PICTURE_PIXELS} pixels")]
    Large(u32, u32),
    /// It has too few bytes, or too many.
    #[error("{width}×{height}×{channels} needs {expected} bytes, it has {bytes}")]
    Bytes {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The bytes of a pixel.
        channels: u64,
        /// The bytes that the pixels take.
        expected: u64,
        /// The bytes that are there.
        bytes: u64,
    },
}

/// Checks that a rectangle of `width` × `height` has its `bytes`. Gives its pixels.
fn check_pixels(width: u32, height: u32, channels: u64, bytes: usize) -> Result<u64, WrongPixels> {
    let pixels = check_sides(width, height)?;
    let (expected, bytes) = (pixels * channels, bytes as u64);
    match bytes == expected {
        true => Ok(pixels),
        false => Err(WrongPixels::Bytes {
            width,
            height,
            channels,
            expected,
            bytes,
        }),
    }
}

/// Checks the size of a rectangle. Gives its pixels.
fn check_sides(width: u32, height: u32) -> Result<u64, WrongPixels> {
    if !(1..=SIDE).contains(&width) || !(1..=SIDE).contains(&height) {
        return Err(WrongPixels::Side(width, height));
    }
    let pixels = u64::from(width) * u64::from(height);
    match pixels <= PICTURE_PIXELS {
        true => Ok(pixels),
        false => Err(WrongPixels::Large(width, height)),
    }
}
