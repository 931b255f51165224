//! The reasons why a picture can't be decoded.

use crate::syntax::Damage;

/// The reason why a picture can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a whole header: what is wrong with it.
    #[error("the JPEG is damaged: {0}")]
    Damaged(&'static str),
    /// A process of T.81 that is not DCT (lossless) or not in one frame (hierarchical).
    #[error("the JPEG is lossless or hierarchical")]
    Process,
    /// Samples of this many bits.
    #[error("the JPEG has samples of {0} bits, not 8")]
    Precision(u8),
    /// This many components, neither 1, 3 nor 4.
    #[error("the JPEG has {0} components")]
    Components(u8),
    /// Sampling factors that don't divide the largest, as libjpeg wants them.
    #[error("the JPEG's sampling factors don't divide each other")]
    Sampling,
    /// More scans than any camera makes for a picture of this size: each costs as much as a
    /// picture.
    #[error("the JPEG has more than {0} scans")]
    Scans(u64),
}

impl From<Damage> for DecodeError {
    fn from(Damage(what): Damage) -> Self {
        Self::Damaged(what)
    }
}

/// The result of a step of decoding.
pub type Result<T> = std::result::Result<T, DecodeError>;
