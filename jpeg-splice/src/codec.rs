//! JPEG to RGB and back by other crates, for frames that can't be had cheaper.
//!
//! Decoding takes strangers' bytes, so it is done by `zune-jpeg`, which is fuzzed and widely used.
//! That one shows some pictures wrong without an error: those in several scans, those whose chroma
//! is finer than luma, and damaged ones. So what it gets is verified first;
//! [`decoder`](crate::decoder) is for the rest. Encoding takes our own pixels, so it may be done by
//! the fastest, `libjpeg-turbo-rs`.

mod planes;

use libjpeg_turbo_rs::Encoder;
pub use libjpeg_turbo_rs::{PixelFormat, Subsampling};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{Error, InvalidJpeg};
use crate::segments::write_segment;
use crate::strip::without_picture;
use crate::{Jpeg, Segments, Splicer, exif, marker};
pub use planes::encode_planes;

/// The reason why `zune-jpeg` can't be trusted with a picture, or failed.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Chroma is finer than luma.
    #[error("the JPEG's chroma is finer than its luma")]
    FineChroma,
    /// It is damaged, or not baseline.
    #[error("{0}")]
    Unverified(#[from] Error),
    /// The decoder's size is not the header's.
    #[error("the JPEG has more than one frame header")]
    TwoHeaders,
    /// JFIF and Adobe's segment disagree; the decoder passes over JFIF.
    #[error("the JPEG's colours are told in two ways")]
    TwoColorSpaces,
    /// The decoder's error.
    #[error("{0:?}")]
    Decoder(DecodeErrors),
}

impl From<DecodeErrors> for DecodeError {
    fn from(error: DecodeErrors) -> Self {
        Self::Decoder(error)
    }
}

/// The reason why pixels can't be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The encoder's error.
    #[error("{0}")]
    Encoder(#[from] libjpeg_turbo_rs::JpegError),
    /// The encoder's JPEG is none.
    #[error("the encoder made no JPEG: {0}")]
    Invalid(#[from] InvalidJpeg),
}

/// Decodes `jpeg` to 8-bit RGB as it is stored: width × height × 3 bytes, rows from top to bottom,
/// in `rgb`, whose memory is used again. `splicer` keeps the tables for verifying it.
///
/// # Errors
/// It would be shown wrong; [`decoder::decode`](crate::decoder::decode) may do it.
pub fn decode(jpeg: &Jpeg, splicer: &mut Splicer, rgb: &mut Vec<u8>) -> Result<(), DecodeError> {
    let header = jpeg.header();
    if !header.first_is_finest {
        return Err(DecodeError::FineChroma);
    }
    splicer.verify(jpeg)?;
    let (width, height) = (header.width as usize, header.height as usize);
    let options = DecoderOptions::default()
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&**jpeg), options);
    decoder.decode_headers()?;
    // The buffer's size comes from our own reading of the header; the decoder's must agree.
    if decoder.dimensions() != Some((width, height)) {
        return Err(DecodeError::TwoHeaders);
    }
    let colors = decoder.input_colorspace();
    if !matches!(colors, Some(ColorSpace::YCbCr | ColorSpace::Luma)) {
        return Err(DecodeError::TwoColorSpaces);
    }
    rgb.resize(width * height * 3, 0);
    Ok(decoder.decode_into(rgb)?)
}

/// Encodes pixels of 8-bit samples (`width` × `height`, rows from top to bottom, packed) as a
/// baseline JPEG of `quality` (1 to 100). Each row of MCUs is a restart interval, so that a splicer
/// passes over those that it doesn't draw on.
///
/// # Errors
/// They are too few, or the sides are longer than a JPEG can say.
pub fn encode(
    pixels: &[u8],
    format: PixelFormat,
    (width, height): (u32, u32),
    sampling: Subsampling,
    quality: u8,
) -> Result<Jpeg, EncodeError> {
    let encoder = Encoder::new(pixels, width as usize, height as usize, format);
    let encoder = encoder.quality(quality).subsampling(sampling);
    Ok(Jpeg::new(encoder.restart_rows(1).encode()?.into())?)
}

/// Encodes 8-bit RGB, upright, with the sampling and the metadata of `source`, the JPEG that the
/// picture came from.
///
/// # Errors
/// Those of [`encode`].
pub fn reencode(
    rgb: &[u8],
    size: (u32, u32),
    quality: u8,
    source: &Jpeg,
) -> Result<Jpeg, EncodeError> {
    let header = source.header();
    let sampling = subsampling(header.orientation.turned_size(header.sampling));
    let jpeg = encode(rgb, PixelFormat::Rgb, size, sampling, quality)?;
    Ok(with_metadata(jpeg, source)?)
}

/// Encodes 8-bit RGB as it is stored, of the size, the sampling and the orientation of `source`,
/// the JPEG that the picture came from, and with none of its other metadata.
///
/// # Errors
/// Those of [`encode`].
pub fn reencode_bare(rgb: &[u8], quality: u8, source: &Jpeg) -> Result<Jpeg, EncodeError> {
    let header = source.header();
    let (size, sampling) = ((header.width, header.height), subsampling(header.sampling));
    let jpeg = encode(rgb, PixelFormat::Rgb, size, sampling, quality)?;
    let orientation =
        (!header.orientation.is_upright()).then(|| exif::orientation_segment(header.orientation));
    Ok(with_segments(jpeg, &orientation.unwrap_or_default())?)
}

fn subsampling(ratio: (u8, u8)) -> Subsampling {
    match ratio {
        (1, 1) => Subsampling::S444,
        (2 | 3, 1) => Subsampling::S422,
        (1, 2..) => Subsampling::S440,
        (4, 1) => Subsampling::S411,
        _ => Subsampling::S420,
    }
}

/// Puts the segments of `source` that still hold for a new coding of it (Exif, the colour profile,
/// comments) behind the header of `jpeg`.
fn with_metadata(jpeg: Jpeg, source: &Jpeg) -> Result<Jpeg, InvalidJpeg> {
    let segments = Segments::new(source).into_iter().flatten();
    let segments = segments.map_while(Result::ok);
    let mut kept: Vec<u8> = Vec::new();
    for segment in segments {
        match (segment.marker, segment.payload()) {
            (marker::APP1, payload) if exif::is_exif(payload) => {
                kept.extend(
                    exif::for_new_picture(payload)
                        .and_then(|new| write_segment(marker::APP1, &new))
                        .unwrap_or_default(),
                );
            }
            (marker, payload)
                if is_kept(marker, payload) && without_picture(&segment).is_none() =>
            {
                kept.extend(segment.bytes);
            }
            _ => {}
        }
    }
    with_segments(jpeg, &kept)
}

/// Puts `segments` behind JFIF's, which must come first (T.871, 10.1).
fn with_segments(jpeg: Jpeg, segments: &[u8]) -> Result<Jpeg, InvalidJpeg> {
    if segments.is_empty() {
        return Ok(jpeg);
    }
    let start = match jpeg.get(2..6) {
        Some([0xff, marker::APP0, high, low]) => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 2,
    };
    let (head, rest) = jpeg.split_at(start.min(jpeg.len()));
    Jpeg::new([head, segments, rest].concat().into())
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
