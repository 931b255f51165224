//! JPEGs without what would show a picture as it was: before it was masked, or drawn on.

use std::borrow::Cow;

use crate::error::{Result, Unsupported};
use crate::exif;
use crate::jpeg::Jpeg;
use crate::marker;
use crate::segments::{self, Segment, Segments};

/// The bytes of JFIF's segment without a thumbnail (ITU-T T.871, 10.1), behind its length.
const JFIF: usize = 14;
/// The bytes of Adobe's segment (ITU-T T.872, 6.5.3), behind its length.
const ADOBE: usize = 12;

/// The first picture of `jpeg` and what showing it takes: no comments, no thumbnails, no second
/// picture, of Exif the orientation only. Most cameras send no more.
///
/// # Errors
/// The picture is not a single scan.
pub(crate) fn strip(jpeg: &Jpeg) -> Result<Cow<'_, [u8]>> {
    let mut bare = vec![0xff, marker::SOI];
    let mut segments = Segments::new(jpeg)?;
    let mut orientation = Some(jpeg.header().orientation).filter(|it| !it.is_upright());
    for segment in &mut segments {
        let segment = segment?;
        if segment.marker != marker::APP0
            && let Some(orientation) = orientation.take()
        {
            bare.extend(exif::orientation_segment(orientation));
        }
        keep(&segment, &mut bare);
    }
    let scan = segments.scan_header()?;
    bare.extend(scan.bytes);
    let coded = coded_data(&jpeg[scan.end()..])?;
    let is_bare = jpeg[..scan.end()] == bare && scan.end() + coded.len() + 2 == jpeg.len();
    if is_bare {
        return Ok(Cow::Borrowed(jpeg));
    }
    bare.extend(coded);
    bare.extend([0xff, marker::EOI]);
    Ok(Cow::Owned(bare))
}

fn keep(segment: &Segment<'_>, bare: &mut Vec<u8>) {
    let payload = segment.payload();
    let is_kept = match segment.marker {
        marker::APP0 if payload.starts_with(b"JFIF\0") && payload.len() >= JFIF => {
            bare.extend([0xff, marker::APP0, 0, JFIF as u8 + 2]);
            bare.extend(&payload[..JFIF - 2]);
            bare.extend([0, 0]);
            return;
        }
        marker::APP2 => payload.starts_with(b"ICC_PROFILE\0"),
        marker::APP14 if payload.starts_with(b"Adobe") && payload.len() >= ADOBE => {
            bare.extend([0xff, marker::APP14, 0, ADOBE as u8 + 2]);
            bare.extend(&payload[..ADOBE]);
            return;
        }
        marker::DQT | marker::DHT | marker::DRI => true,
        other => marker::is_sof(other),
    };
    if is_kept {
        bare.extend(segment.bytes);
    }
}

/// `jpeg` without other pictures of the same scene: Exif's, JFIF's and Photoshop's thumbnail, those
/// of XMP, and those behind the first one. `None` if there are none.
pub(crate) fn without_other_pictures(jpeg: &Jpeg) -> Option<Vec<u8>> {
    let segments = || {
        Segments::new(jpeg)
            .into_iter()
            .flatten()
            .map_while(std::result::Result::ok)
    };
    let has_other = segments().any(|it| without_picture(&it).is_some());
    let scan = segments().last()?.end();
    let second = memchr::memmem::find(&jpeg[scan..], &[0xff, marker::SOI, 0xff]);
    if !has_other && second.is_none() {
        return None;
    }
    let mut left = vec![0xff, marker::SOI];
    for segment in segments() {
        match without_picture(&segment) {
            Some(changed) => left.extend(changed),
            None => left.extend(segment.bytes),
        }
    }
    let end = second.map_or(jpeg.len(), |at| scan + at);
    left.extend(&jpeg[scan..end]);
    Some(left)
}

/// The rest of a segment that holds a picture; `None` if it holds none.
pub(crate) fn without_picture(segment: &Segment<'_>) -> Option<Vec<u8>> {
    let payload = segment.payload();
    let has = |text: &[u8]| memchr::memmem::find(payload, text).is_some();
    match segment.marker {
        marker::APP0 if payload.starts_with(b"JFXX\0") => Some(Vec::new()),
        marker::APP0 if payload.starts_with(b"JFIF\0") && payload.len() > JFIF => {
            let mut bare = Vec::new();
            keep(segment, &mut bare);
            Some(bare)
        }
        marker::APP1 if exif::is_exif(payload) => {
            let payload = exif::without_thumbnail(payload)?;
            // It is shorter than it was.
            let left = segments::write_segment(marker::APP1, &payload);
            Some(left.filter(|_| !payload.is_empty()).unwrap_or_default())
        }
        marker::APP1 if has(b"GImg:image") => Some(Vec::new()),
        marker::APP2 if payload.starts_with(b"MPF\0") => Some(Vec::new()),
        // Thumbnails of Photoshop's versions 4 and 5.
        marker::APP13 if has(b"8BIM\x04\x09") || has(b"8BIM\x04\x0c") => Some(Vec::new()),
        _ => None,
    }
}

/// The coded data up to EOI, which only restart markers may interrupt.
fn coded_data(data: &[u8]) -> Result<&[u8]> {
    for at in memchr::memchr_iter(0xff, data) {
        match data.get(at + 1) {
            Some(0 | 0xff | marker::RST0..=marker::RST7) => {}
            Some(&marker::EOI) => return Ok(&data[..at]),
            _ => return Err(Unsupported::Scans.into()),
        }
    }
    Err(Unsupported::Scans.into())
}
