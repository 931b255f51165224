//! JPEG to RGB and back, for frames that can't be had cheaper. A codec's panic is an error of its
//! frame.

use jpeg_splice::{Jpeg, Splicer, codec, decoder};

use crate::filter::limits::{PICTURE_PIXELS, SIDE};
use crate::panics::{Panicked, catch};

/// The reason why the camera's picture can't be decoded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DecodeError {
    /// It has more pixels than a filter may get.
    #[error(
        "the camera's picture is too large to be decoded: {0}×{1}, at most {SIDE} a side and \
         {PICTURE_PIXELS} pixels"
    )]
    TooLarge(u32, u32),
    /// It decodes to another size than its header has.
    #[error("the camera's picture can't be decoded: it has more than one frame header")]
    TwoHeaders,
    /// Neither decoder can read it.
    #[error("the camera's picture can't be decoded: {0}")]
    Jpeg(#[from] decoder::DecodeError),
    /// A decoder has a fault.
    #[error("the camera's picture can't be decoded: the decoder panicked: {0}")]
    Panicked(#[from] Panicked),
}

/// The reason why a picture can't be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder refuses it.
    #[error("the new picture can't be encoded: {0}")]
    Jpeg(#[from] codec::EncodeError),
    /// The encoder has a fault.
    #[error("the new picture can't be encoded: the encoder panicked: {0}")]
    Panicked(#[from] Panicked),
}

/// Decodes `jpeg` to 8-bit RGB as it is stored: width × height × 3 bytes, rows from top to bottom,
/// in `rgb`, whose memory is used again. `splicer` keeps the tables for verifying it.
///
/// # Errors
/// It is too large, or of a kind that neither decoder reads.
pub fn decode(jpeg: &Jpeg, splicer: &mut Splicer, rgb: &mut Vec<u8>) -> Result<(), DecodeError> {
    let (width, height) = (jpeg.header().width, jpeg.header().height);
    let pixels = u64::from(width) * u64::from(height);
    if width > SIDE || height > SIDE || pixels > PICTURE_PIXELS {
        return Err(DecodeError::TooLarge(width, height));
    }
    match catch(|| codec::decode(jpeg, splicer, rgb)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(_)) => {}
        // It may have left its memory half changed. The other decoder may do better.
        Err(_) => *splicer = Splicer::new(),
    }
    match catch(|| decoder::decode(jpeg, rgb))?? {
        size if size == (width, height) => Ok(()),
        _ => Err(DecodeError::TwoHeaders),
    }
}

/// Encodes 8-bit RGB (`width` × `height` × 3 bytes, upright) as a baseline JPEG of `quality` (1
/// to 100) with the sampling and the metadata of `source`, the JPEG that the picture came from.
///
/// # Errors
/// The sides are longer than a JPEG can say.
pub fn encode(
    rgb: &[u8],
    size: (u32, u32),
    quality: u8,
    source: &Jpeg,
) -> Result<Jpeg, EncodeError> {
    Ok(catch(|| codec::reencode(rgb, size, quality, source))??)
}
