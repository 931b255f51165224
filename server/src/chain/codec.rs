//! JPEG to RGB and back, for frames that can't be had cheaper.
//!
//! Decoding takes strangers' bytes, so it is done by `zune-jpeg`, which is fuzzed and widely used. That one shows some
//! pictures wrong without an error: those in several scans, those whose chroma is finer than luma, and damaged ones. So
//! what it gets is verified first, and the rest goes to the decoder in [`crate::jpeg::decoder`], which is slower. Encoding
//! takes our own pixels, so it may be done by the fastest (`libjpeg-turbo-rs`). docs/performance.md has the numbers.

use bytes::Bytes;
use jpeg_splice::Splicer;
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::filter::limits::{PICTURE_PIXELS, SIDE};
use crate::jpeg::{Header, Segments, decoder, exif, marker};
use crate::panics::catch;

/// Decodes `jpeg`, whose header is `header`, to 8-bit RGB as it is stored: width × height × 3 bytes, rows from top to
/// bottom, in `rgb`, whose memory is used again. `splicer` keeps the tables for verifying it.
///
/// # Errors
/// A text that says why the picture can't be decoded.
pub fn decode(
    jpeg: &[u8],
    header: &Header,
    splicer: &mut Splicer,
    rgb: &mut Vec<u8>,
) -> Result<(), String> {
    let (width, height) = (header.width, header.height);
    let pixels = u64::from(width) * u64::from(height);
    if width > SIDE || height > SIDE || pixels > PICTURE_PIXELS {
        return Err(format!(
            "is too large to be decoded: {width}×{height}, at most {SIDE} a side and {PICTURE_PIXELS} pixels"
        ));
    }
    // A panic in it is as good as an error: the other decoder may do better.
    let is_decoded = catch(|| {
        let is_plain = header.first_is_finest && splicer.verify(jpeg).is_ok();
        is_plain && decode_fast(jpeg, (width, height), rgb).is_ok()
    });
    let is_decoded = is_decoded.unwrap_or_else(|_| {
        // It may have left its memory half changed.
        *splicer = Splicer::new();
        false
    });
    if is_decoded {
        return Ok(());
    }
    let decoded = catch(|| decoder::decode(jpeg, rgb));
    match decoded {
        Ok(Ok(size)) if size == (width, height) => Ok(()),
        Ok(Ok(_)) => Err("can't be decoded: it has more than one frame header".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panicked) => Err(format!(
            "can't be decoded: the decoder panicked: {panicked}"
        )),
    }
}

/// Decodes what [`Splicer::verify`] has found whole.
fn decode_fast(jpeg: &[u8], (width, height): (u32, u32), rgb: &mut Vec<u8>) -> Result<(), String> {
    let options = DecoderOptions::default()
        .set_max_width(SIDE as usize)
        .set_max_height(SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder
        .decode_headers()
        .map_err(|error| error.to_string())?;
    // The buffer's size comes from our own reading of the header; the decoder's must agree.
    if decoder.dimensions() != Some((width as usize, height as usize)) {
        return Err("it has more than one frame header".to_owned());
    }
    // It passes over JFIF, and what that says of the colours.
    if !matches!(
        decoder.input_colorspace(),
        Some(ColorSpace::YCbCr | ColorSpace::Luma)
    ) {
        return Err("its colours are told in two ways".to_owned());
    }
    rgb.resize(width as usize * height as usize * 3, 0);
    decoder.decode_into(rgb).map_err(|error| error.to_string())
}

/// Encodes 8-bit RGB (`width` × `height` × 3 bytes, upright) as a baseline JPEG of `quality` (1 to 100) with the
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
    match header.orientation.turned_size(header.sampling) {
        (1, 1) => Subsampling::S444,
        (2 | 3, 1) => Subsampling::S422,
        (1, 2..) => Subsampling::S440,
        (4, 1) => Subsampling::S411,
        _ => Subsampling::S420,
    }
}

/// Puts the segments of `source` that still hold for a new coding of it (Exif, the colour profile, comments) behind the
/// header of `jpeg`.
fn with_metadata(jpeg: Vec<u8>, source: &[u8]) -> Vec<u8> {
    let segments = Segments::new(source).into_iter().flatten();
    let segments = segments.map_while(Result::ok);
    let mut kept: Vec<u8> = Vec::new();
    for segment in segments {
        match (segment.marker, segment.payload()) {
            (marker::APP1, payload) if exif::is_exif(payload) => {
                kept.extend(
                    exif::for_new_picture(payload)
                        .and_then(|new| app1(&new))
                        .unwrap_or_default(),
                );
            }
            (marker, payload) if is_kept(marker, payload) => kept.extend(segment.bytes),
            _ => {}
        }
    }
    if kept.is_empty() {
        return jpeg;
    }
    // JFIF, if present, must come first (T.871, 10.1).
    let start = match jpeg.get(2..6) {
        Some([0xff, marker::APP0, high, low]) => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 2,
    };
    let (head, rest) = jpeg.split_at(start.min(jpeg.len()));
    [head, &kept, rest].concat()
}

/// A segment; `None` if the payload is too long for one.
fn app1(payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(payload.len() + 2).ok()?;
    Some([&[0xff, marker::APP1], &length.to_be_bytes()[..], payload].concat())
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
