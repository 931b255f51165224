//! Errors.

/// The reason why bytes are no whole JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJpeg {
    /// No bytes at all.
    #[error("the JPEG is empty")]
    Empty,
    /// Something in a stream of JPEGs that starts like one and isn't, and why it isn't.
    #[error("the JPEG is broken: {0}")]
    Stray(&'static str),
    /// No SOI at the start.
    #[error("this is not a JPEG: it doesn't start with FF D8")]
    NoStart,
    /// A header that makes no sense.
    #[error("the JPEG is damaged: {what}")]
    Damaged {
        /// The fault.
        what: &'static str,
        /// About where, in bytes from SOI.
        at: usize,
    },
    /// A segment that is longer than the JPEG.
    #[error("the JPEG is damaged: segment FF {marker:02X} is cut off")]
    SegmentCutOff {
        /// The marker's second byte.
        marker: u8,
        /// The position of the marker, in bytes from SOI.
        at: usize,
    },
    /// An end between two segments.
    #[error("the JPEG is cut off in its header")]
    HeaderCutOff {
        /// The position of the end, in bytes from SOI.
        at: usize,
    },
    /// No frame header before the first scan.
    #[error("the JPEG has no frame header (SOF) before its picture data")]
    NoFrameHeader,
    /// A height that only DNL tells (T.81, B.2.5).
    #[error("the JPEG tells its height only behind the picture (DNL), so that nothing can show it")]
    HeightBehindPicture,
    /// A width of 0.
    #[error("the JPEG has a size of 0×{height}")]
    NoWidth {
        /// The height in pixels.
        height: u16,
    },
    /// No EOI.
    #[error("the JPEG is cut off")]
    NoEnd,
}

/// The result of an attempt to draw.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why a JPEG could not be drawn on. Discard what has been written of it by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A good JPEG of a kind that has to be decoded to be drawn on.
    #[error("{0}")]
    Unsupported(#[from] Unsupported),
    /// Not a good JPEG.
    #[error("{what}, at byte {at}")]
    Damaged {
        /// The fault.
        what: &'static str,
        /// About where, in bytes from the start of the JPEG.
        at: usize,
    },
}

/// A kind of JPEG that this crate can't draw on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A progressive JPEG (T.81, annex G).
    #[error("the JPEG is progressive")]
    Progressive,
    /// A lossless or hierarchical JPEG (T.81, annexes H and J).
    #[error("the JPEG is lossless or hierarchical")]
    Lossless,
    /// Arithmetic coding (T.81, annex D).
    #[error("the JPEG is arithmetically coded")]
    Arithmetic,
    /// Samples of this many bits, not 8.
    #[error("the JPEG has samples of {0} bits")]
    Precision(u8),
    /// This many components, neither 1 nor 3.
    #[error("the JPEG has {0} components")]
    Components(u8),
    /// Colours that are not Y′CbCr.
    #[error("the JPEG's colours are not YCbCr")]
    ColorSpace,
    /// Sampling factors other than 1, 2 and 4, or that don't divide the largest.
    #[error("the JPEG's sampling factors are unusual")]
    Sampling,
    /// Components in scans of their own.
    #[error("the JPEG has several scans")]
    Scans,
    /// The height comes only behind the picture (T.81, B.2.5).
    #[error("the JPEG tells its height only at its end")]
    Height,
    /// The JPEG's Huffman tables, made for what it holds, lack a code that the drawing needs.
    #[error("the JPEG's Huffman tables lack a code that the drawing needs")]
    MissingCode,
}

/// [`Error::Damaged`] as a result.
pub(crate) fn damaged<T>(what: &'static str, at: usize) -> Result<T> {
    Err(Error::Damaged { what, at })
}

impl From<InvalidJpeg> for Error {
    fn from(invalid: InvalidJpeg) -> Self {
        let (what, at) = match invalid {
            InvalidJpeg::Damaged { what, at } => (what, at),
            InvalidJpeg::SegmentCutOff { at, .. } => ("a segment is cut off", at),
            InvalidJpeg::HeaderCutOff { at } => ("the JPEG is cut off", at),
            _ => ("no JPEG starts here", 0),
        };
        Self::Damaged { what, at }
    }
}
