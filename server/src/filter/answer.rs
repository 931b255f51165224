//! Limits on what a filter hands over in one call: what the contract allows for it, and some more
//! for texts.

use std::fmt;

use super::kinds::overlay::most_drawn;
use super::limits::{PICTURE_PIXELS, REGIONS, SCHEMA_BYTES};

/// The bytes for texts and for what describes the pixels, which every call may hand over.
const TEXTS: u64 = 1 << 20;

/// The expected answer of a call. Shown, it says how large that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The filter's description of itself.
    Description,
    /// It took its settings, or says why not.
    Configured,
    /// Layers for a picture of this size.
    Drawing {
        /// The picture's width in pixels.
        width: u32,
        /// The picture's height in pixels.
        height: u32,
    },
    /// Another picture.
    Picture,
    /// Regions that were found in a picture.
    Regions,
}

impl Answer {
    /// The most bytes that the call may hand over, be it by returning them or by calling the
    /// server.
    pub fn bytes(self) -> u64 {
        let contents = match self {
            Self::Description => SCHEMA_BYTES as u64,
            // Both fit among the texts.
            Self::Configured | Self::Regions => 0,
            Self::Drawing { width, height } => most_drawn(width, height).saturating_mul(4),
            Self::Picture => PICTURE_PIXELS * 3,
        };
        contents.saturating_add(TEXTS)
    }

    /// The same for a filter that has `room` bytes left.
    pub fn most(self, room: u64) -> u64 {
        self.bytes().min(room.saturating_add(TEXTS))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Description => {
                let kib = SCHEMA_BYTES >> 10;
                write!(f, "a settings schema may have {kib} KiB")
            }
            Self::Configured => f.write_str("only an error's text is expected"),
            Self::Regions => write!(f, "at most {REGIONS} regions are expected"),
            Self::Drawing { width, height } => {
                let most = most_drawn(*width, *height);
                write!(
                    f,
                    "the layers on a picture of {width}×{height} may have {most} pixels in all, 4 \
                     bytes each"
                )
            }
            Self::Picture => {
                write!(
                    f,
                    "a picture may have {PICTURE_PIXELS} pixels, 3 bytes each"
                )
            }
        }
    }
}
