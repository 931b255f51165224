//! JPEG to RGB and back, for frames that can't be had cheaper. A codec's panic is an error of its
//! frame.

use jpeg_splice::{Jpeg, Splicer, codec, decoder};

use crate::filter::limits::{PICTURE_PIXELS, SIDE};
use crate::panics::catch;

/// Decodes `jpeg` to 8-bit RGB as it is stored: width × height × 3 bytes, rows from top to bottom,
/// in `rgb`, whose memory is used again. `splicer` keeps the tables for verifying it.
///
/// # Errors
/// A text that says why the picture can't be decoded.
pub fn decode(jpeg: &Jpeg, splicer: &mut Splicer, rgb: &mut Vec<u8>) -> Result<(), String> {
    let (width, height) = (jpeg.header().width, jpeg.header().height);
    let pixels = u64::from(width) * u64::from(height);
    if width > SIDE || height > SIDE || pixels > PICTURE_PIXELS {
        return Err(format!(
            "is too large to be decoded: {width}×{height}, at most {SIDE} a side and {PICTURE_PIXELS} pixels"
        ));
    }
    match catch(|| codec::decode(jpeg, splicer, rgb)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(_)) => {}
        // It may have left its memory half changed. The other decoder may do better.
        Err(_) => *splicer = Splicer::new(),
    }
    match catch(|| decoder::decode(jpeg, rgb)) {
        Ok(Ok(size)) if size == (width, height) => Ok(()),
        Ok(Ok(_)) => Err("can't be decoded: it has more than one frame header".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panicked) => Err(format!(
            "can't be decoded: the decoder panicked: {panicked}"
        )),
    }
}

/// Encodes 8-bit RGB (`width` × `height` × 3 bytes, upright) as a baseline JPEG of `quality` (1
/// to 100) with the sampling and the metadata of `source`, the JPEG that the picture came from.
///
/// # Errors
/// A text; the sides are longer than a JPEG can say.
pub fn encode(rgb: &[u8], size: (u32, u32), quality: u8, source: &Jpeg) -> Result<Jpeg, String> {
    catch(|| codec::reencode(rgb, size, quality, source))
        .map_err(|panicked| format!("can't be encoded: the encoder panicked: {panicked}"))?
        .map_err(|error| format!("can't be encoded: {error}"))
}
