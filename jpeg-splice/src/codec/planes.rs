//! JPEGs of planes, as raw cameras give them.
//!
//! `libjpeg-turbo-rs` sets no restart markers in these. But a restart interval is coded like the
//! scan of a picture of its own: predictions begin at zero, and its last byte is filled up with
//! ones (ITU-T T.81, F.1.1.5.1 and F.1.2.3). So each row of MCUs is encoded alone, and the rows are
//! joined.

use libjpeg_turbo_rs::Subsampling;
use libjpeg_turbo_rs::api::yuv::compress_from_yuv_planes;

use super::EncodeError;
use crate::error::InvalidJpeg;
use crate::{Jpeg, Segments, marker};

/// Encodes planes of Y′, Cb and Cr, the latter two as small as `sampling` says, without gaps
/// between rows. Each row of MCUs is a restart interval. Sides must be multiples of the sampling.
///
/// # Errors
/// Those of [`encode`](super::encode).
pub fn encode_planes(
    planes: &[&[u8]; 3],
    (width, height): (u32, u32),
    sampling: Subsampling,
    quality: u8,
) -> Result<Jpeg, EncodeError> {
    let (h, v) = sampling.sampling_factors();
    let mcu = (8 * u32::from(h), 8 * usize::from(v));
    let (columns, rows) = (width as usize, height as usize);
    let mut joined = Vec::new();
    for (number, top) in (0..rows).step_by(mcu.1).enumerate() {
        let bottom = rows.min(top + mcu.1);
        let chroma = columns.div_ceil(h.into());
        let [y, cb, cr] = planes;
        let chroma_rows = [top / usize::from(v), bottom.div_ceil(v.into())];
        let strip = [
            row_range(y, columns, [top, bottom]),
            row_range(cb, chroma, chroma_rows),
            row_range(cr, chroma, chroma_rows),
        ];
        let encoded = compress_from_yuv_planes(&strip, columns, bottom - top, sampling, quality)?;
        if number == 0 {
            joined = head(&encoded, height, width.div_ceil(mcu.0))?;
        } else {
            joined.extend([0xff, marker::RST0 + ((number - 1) % 8) as u8]);
        }
        joined.extend(scan(&encoded)?);
    }
    joined.extend([0xff, marker::EOI]);
    Ok(Jpeg::new(joined.into())?)
}

/// The rows `from` to `to` of a plane; nothing where it has not so many, which the encoder refuses.
fn row_range(plane: &[u8], width: usize, [from, to]: [usize; 2]) -> &[u8] {
    plane.get(from * width..to * width).unwrap_or_default()
}

/// All of `strip` before its coded data, for a picture of `height` with a restart marker behind
/// every `interval` MCUs.
fn head(strip: &[u8], height: u32, interval: u32) -> Result<Vec<u8>, InvalidJpeg> {
    let [height, interval] = [height, interval].map(|it| u16::try_from(it).unwrap_or(u16::MAX));
    let mut segments = Segments::new(strip)?;
    let mut head = vec![0xff, marker::SOI];
    for segment in &mut segments {
        let segment = segment?;
        let start = head.len();
        head.extend(segment.bytes);
        if marker::is_sof(segment.marker) {
            // Behind marker, length and precision (T.81, B.2.2).
            head[start + 5..start + 7].copy_from_slice(&height.to_be_bytes());
        }
    }
    head.extend([0xff, marker::DRI, 0, 4]);
    head.extend(interval.to_be_bytes());
    head.extend(segments.scan_header()?.bytes);
    Ok(head)
}

/// The coded data of `strip`.
fn scan(strip: &[u8]) -> Result<&[u8], InvalidJpeg> {
    let mut segments = Segments::new(strip)?;
    segments
        .by_ref()
        .try_for_each(|segment| segment.map(drop))?;
    let start = segments.scan_header()?.end();
    strip.get(start..strip.len() - 2).ok_or(InvalidJpeg::NoEnd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Splicer;
    use crate::codec::decode;

    const SIZES: [(u32, u32); 4] = [(2, 2), (34, 18), (64, 48), (130, 162)];

    fn plane(width: u32, height: u32, seed: u32) -> Vec<u8> {
        let sample = |at: u32| ((at % width) * 3 + (at / width) * seed + at % 7) as u8;
        (0..width * height).map(sample).collect()
    }

    fn rgb(jpeg: &Jpeg) -> Vec<u8> {
        let mut rgb = Vec::new();
        decode(jpeg, &mut Splicer::default(), &mut rgb).unwrap();
        rgb
    }

    #[test]
    fn joined_rows_are_the_picture_that_is_encoded_whole() {
        for sampling in [Subsampling::S444, Subsampling::S422, Subsampling::S420] {
            let (h, v) = sampling.sampling_factors();
            for (width, height) in SIZES {
                let chroma = (width.div_ceil(h.into()), height.div_ceil(v.into()));
                let planes = [
                    (width, height, 5),
                    (chroma.0, chroma.1, 2),
                    (chroma.0, chroma.1, 9),
                ];
                let planes = planes.map(|(width, height, seed)| plane(width, height, seed));
                let planes = planes.each_ref().map(Vec::as_slice);
                let joined = encode_planes(&planes, (width, height), sampling, 80).unwrap();
                let (columns, rows) = (width as usize, height as usize);
                let whole = compress_from_yuv_planes(&planes, columns, rows, sampling, 80).unwrap();
                assert_eq!(joined.size(), (width, height));
                assert_eq!(
                    u32::from(joined.header().restart_interval),
                    width.div_ceil(8 * u32::from(h))
                );
                let whole = Jpeg::new(whole.into()).unwrap();
                assert!(
                    rgb(&joined) == rgb(&whole),
                    "{sampling:?}, {width} × {height}"
                );
            }
        }
    }

    #[test]
    fn planes_that_are_too_small_are_refused() {
        let plane = [0; 63];
        let outcome = encode_planes(&[&plane; 3], (8, 8), Subsampling::S444, 80);
        assert!(outcome.is_err());
        let outcome = encode_planes(&[&plane; 3], (8, 0), Subsampling::S444, 80);
        assert!(outcome.is_err());
    }
}
