//! JPEG to RGB and back, for frames that can't be had cheaper.
//!
//! Decoding takes strangers' bytes, so it is done by `zune-jpeg`, which is fuzzed and widely used;
//! encoding takes our own pixels, so it may be done by the fastest (`libjpeg-turbo-rs`). `docs` in the
//! README has the numbers of both.

use bytes::Bytes;
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::filter::limits::{PICTURE_PIXELS, SIDE};
use crate::jpeg::{Header, Segments, marker};
use crate::panics::catch;

/// Decodes `jpeg`, whose header is `header`, to 8-bit RGB: width × height × 3 bytes, rows from top to
/// bottom, in `rgb`, whose memory is used again.
///
/// # Errors
/// A text that says why the picture can't be decoded.
pub fn decode(jpeg: &[u8], header: &Header, rgb: &mut Vec<u8>) -> Result<(), String> {
    let (width, height) = (header.width, header.height);
    let pixels = u64::from(width) * u64::from(height);
    if width > SIDE || height > SIDE || pixels > PICTURE_PIXELS {
        return Err(format!(
            "is too large to be decoded: {width}×{height}, at most {SIDE} a side and {PICTURE_PIXELS} pixels"
        ));
    }
    let decoded = catch(|| decode_checked(jpeg, (width, height), rgb));
    decoded.unwrap_or_else(|panicked| {
        Err(format!(
            "can't be decoded: the decoder panicked: {panicked}"
        ))
    })
}

fn decode_checked(
    jpeg: &[u8],
    (width, height): (u32, u32),
    rgb: &mut Vec<u8>,
) -> Result<(), String> {
    let options = DecoderOptions::default()
        .set_max_width(SIDE as usize)
        .set_max_height(SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder
        .decode_headers()
        .map_err(|error| format!("can't be decoded: {error}"))?;
    // The buffer's size comes from our own reading of the header; the decoder's must agree.
    if decoder.dimensions() != Some((width as usize, height as usize)) {
        return Err("can't be decoded: it has more than one frame header".to_owned());
    }
    rgb.resize(width as usize * height as usize * 3, 0);
    decoder
        .decode_into(rgb)
        .map_err(|error| format!("can't be decoded: {error}"))
}

/// Encodes 8-bit RGB (`width` × `height` × 3 bytes) as a baseline JPEG of `quality` (1 to 100) with the
/// sampling and the metadata of `source`, the JPEG that the picture came from.
///
/// # Errors
/// A text; the sides are longer than a JPEG can say.
pub fn encode(
    rgb: &[u8],
    (width, height): (u32, u32),
    quality: u8,
    header: &Header,
    source: &[u8],
) -> Result<Bytes, String> {
    let encode = || {
        Encoder::new(rgb, width as usize, height as usize, PixelFormat::Rgb)
            .quality(quality)
            .subsampling(subsampling(header))
            .encode()
    };
    let jpeg = catch(encode)
        .map_err(|panicked| format!("can't be encoded: the encoder panicked: {panicked}"))?
        .map_err(|error| format!("can't be encoded: {error}"))?;
    Ok(with_metadata(jpeg, source).into())
}

fn subsampling(header: &Header) -> Subsampling {
    match header.sampling {
        (1, 1) => Subsampling::S444,
        (2, 1) => Subsampling::S422,
        (1, 2) => Subsampling::S440,
        (4, 1) => Subsampling::S411,
        _ => Subsampling::S420,
    }
}

/// Puts the segments of `source` that still hold for a new coding of it (Exif with its orientation, the
/// colour profile, comments) behind the header of `jpeg`.
fn with_metadata(jpeg: Vec<u8>, source: &[u8]) -> Vec<u8> {
    let kept: Vec<&[u8]> = Segments::new(source)
        .into_iter()
        .flatten()
        .map_while(Result::ok)
        .filter(|segment| is_kept(segment.marker, segment.payload()))
        .map(|segment| segment.bytes)
        .collect();
    if kept.is_empty() {
        return jpeg;
    }
    // JFIF, if present, must come first (T.871, 10.1).
    let start = match jpeg.get(2..6) {
        Some([0xff, marker::APP0, high, low]) => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 2,
    };
    let (head, rest) = jpeg.split_at(start.min(jpeg.len()));
    [head, &kept.concat(), rest].concat()
}

fn is_kept(marker: u8, payload: &[u8]) -> bool {
    match marker {
        // About the coding that is replaced.
        marker::APP0 | marker::APP14 => false,
        // Other uses of this segment hold offsets into the file that change.
        marker::APP2 => payload.starts_with(b"ICC_PROFILE\0"),
        marker::APP0..=marker::APP15 | marker::COM => true,
        _ => false,
    }
}
