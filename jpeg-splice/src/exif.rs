//! Exif data in a JPEG (Exif 2.32, 4.5 and 4.6; TIFF 6.0, section 2): the orientation, and what is
//! left of the data when the picture is coded anew.

use crate::marker;
use crate::orientation::Orientation;
use crate::tiff::{ENTRY, Tiff};

const INTRODUCTION: &[u8] = b"Exif\0\0";
/// The tag of the orientation, and a type and count of one 16-bit number.
const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// The orientation that the payload of an APP1 segment tells, as browsers read it: data that is
/// broken tells none.
pub fn orientation(payload: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::new(payload.strip_prefix(INTRODUCTION)?)?;
    let directory = tiff.directory(tiff.first()?)?;
    let entry = tiff.entry(&directory, ORIENTATION)?;
    let is_one_short = tiff.short(entry + 2)? == SHORT && tiff.long(entry + 4)? == 1;
    let value = tiff.short(entry + 8)?;
    is_one_short.then(|| Orientation::new(value)).flatten()
}

/// An APP1 segment that tells the orientation and nothing else.
pub(crate) fn orientation_segment(orientation: Orientation) -> Vec<u8> {
    // Little-endian; the first directory at byte 8, with one entry and no next directory.
    let tiff = [b"II*\0\x08\0\0\0\x01\0", &ORIENTATION.to_le_bytes()[..]].concat();
    let value = [
        &SHORT.to_le_bytes()[..],
        &[1, 0, 0, 0, orientation.value(), 0, 0, 0],
    ]
    .concat();
    let payload = [INTRODUCTION, &tiff, &value, &[0; 4]].concat();
    let length = payload.len() as u8 + 2;
    [&[0xff, marker::APP1, 0, length][..], &payload].concat()
}

/// Whether the payload of an APP1 segment is Exif data.
pub fn is_exif(payload: &[u8]) -> bool {
    payload.starts_with(INTRODUCTION)
}

/// The payload of an Exif segment for a picture that was coded anew: without the orientation, since
/// the new one is upright, and without the thumbnail, since that shows the old one. `None` if it is
/// broken.
pub fn for_new_picture(payload: &[u8]) -> Option<Vec<u8>> {
    let tiff = Tiff::new(payload.strip_prefix(INTRODUCTION)?)?;
    let at = tiff.first()?;
    let directory = tiff.directory(at)?;
    let thumbnail = tiff.long(directory.end)? as usize;
    let mut new = cut_thumbnail(&tiff, thumbnail);
    let kept = directory
        .entries()
        .filter(|&at| tiff.short(at) != Some(ORIENTATION));
    let kept: Vec<u8> = kept
        .flat_map(|at| tiff.bytes[at..at + ENTRY].to_vec())
        .collect();
    let count = u16::try_from(kept.len() / ENTRY).ok()?;
    // The directory has its last place free, and no next one.
    new.get_mut(at + 2..directory.end + 4)?.fill(0);
    new[at..at + 2].copy_from_slice(&tiff.two_bytes(count));
    new[at + 2..at + 2 + kept.len()].copy_from_slice(&kept);
    Some([INTRODUCTION, &new].concat())
}

/// The payload of an Exif segment without its thumbnail: empty if it can't be cut out. `None` if
/// there is none.
pub(crate) fn without_thumbnail(payload: &[u8]) -> Option<Vec<u8>> {
    let tiff = Tiff::new(payload.strip_prefix(INTRODUCTION)?)?;
    let next = tiff.directory(tiff.first()?)?.end;
    let thumbnail = tiff.long(next).filter(|at| *at > 0)? as usize;
    let mut new = cut_thumbnail(&tiff, thumbnail);
    let cut = new.get_mut(next..next + 4).map(|place| place.fill(0));
    Some(cut.map_or_else(Vec::new, |()| [INTRODUCTION, &new].concat()))
}

/// The bytes of `tiff` without those of the thumbnail whose directory is at `at`; 0 for none.
fn cut_thumbnail(tiff: &Tiff<'_>, at: usize) -> Vec<u8> {
    /// The tags that tell where it starts and how long it is: of a JPEG, and of raw pixels in one
    /// strip.
    const PLACES: [(u16, u16); 2] = [(0x0201, 0x0202), (0x0111, 0x0117)];
    let mut bytes = tiff.bytes.to_vec();
    let Some(directory) = (at > 0).then(|| tiff.directory(at)).flatten() else {
        return bytes;
    };
    let value = |tag| {
        let entry = tiff.entry(&directory, tag)?;
        tiff.long(entry + 8).map(|value| value as usize)
    };
    for (start, length) in PLACES {
        let (Some(start), Some(length)) = (value(start), value(length)) else {
            continue;
        };
        let end = start.saturating_add(length);
        if end >= bytes.len() {
            // The last of all, as nearly always.
            bytes.truncate(start);
        } else {
            bytes[start..end].fill(0);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payload of a segment with these entries (tag, type, count, value) in its first
    /// directory, and what follows it.
    fn exif(is_big_endian: bool, entries: &[(u16, u16, u32, u16)], rest: &[u8]) -> Vec<u8> {
        let short = |it: u16| {
            if is_big_endian {
                it.to_be_bytes()
            } else {
                it.to_le_bytes()
            }
        };
        let long = |it: u32| {
            if is_big_endian {
                it.to_be_bytes()
            } else {
                it.to_le_bytes()
            }
        };
        let mut tiff = if is_big_endian {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        tiff.extend(short(42));
        tiff.extend(long(8));
        tiff.extend(short(entries.len() as u16));
        for &(tag, kind, count, value) in entries {
            tiff.extend([short(tag), short(kind)].concat());
            tiff.extend(long(count));
            tiff.extend([short(value), short(0)].concat());
        }
        [INTRODUCTION, &tiff, rest].concat()
    }

    #[test]
    fn all_orientations_are_read_in_both_byte_orders() {
        for is_big_endian in [false, true] {
            for value in 1..=8 {
                let entries = [(0x010f, 2, 4, 0), (ORIENTATION, SHORT, 1, value)];
                let payload = exif(is_big_endian, &entries, &[0; 4]);
                assert_eq!(orientation(&payload), Orientation::new(value));
                assert!(orientation(&payload).is_some());
            }
        }
    }

    #[test]
    fn broken_data_tells_none() {
        for entry in [
            (ORIENTATION, SHORT, 1, 0),
            (ORIENTATION, SHORT, 1, 9),
            (ORIENTATION, SHORT, 2, 6),
            (ORIENTATION, 4, 1, 6),
            (0x0113, SHORT, 1, 6),
        ] {
            assert_eq!(
                orientation(&exif(false, &[entry], &[0; 4])),
                None,
                "{entry:?}"
            );
        }
        let whole = exif(true, &[(ORIENTATION, SHORT, 1, 6)], &[]);
        for length in 0..whole.len() {
            assert_eq!(orientation(&whole[..length]), None, "{length}");
        }
        let mut far = whole.clone();
        far[10..14].fill(0xff);
        assert_eq!(orientation(&far), None);
        let mut no_tiff = whole;
        no_tiff[9] = 43;
        assert_eq!(orientation(&no_tiff), None);
    }

    #[test]
    fn a_new_picture_keeps_the_rest_of_the_data() {
        for is_big_endian in [false, true] {
            let long = |it: u32| {
                if is_big_endian {
                    it.to_be_bytes()
                } else {
                    it.to_le_bytes()
                }
            };
            let entry = |tag, value| {
                let [.., a, b] = u32::to_be_bytes(tag);
                let tag = if is_big_endian {
                    [a, b, 0, 4]
                } else {
                    [b, a, 4, 0]
                };
                [&tag[..], &long(1), &long(value)].concat()
            };
            // Behind 3 entries at 8 the second directory begins at 50, and its thumbnail at 80.
            let count = if is_big_endian { [0, 2] } else { [2, 0] };
            let second = [&count[..], &entry(0x0201, 80), &entry(0x0202, 5), &long(0)].concat();
            let rest = [&long(50)[..], &second, b"\xff\xd8ab\xd9"].concat();
            let entries = [
                (0x010f, 3, 1, 7),
                (ORIENTATION, SHORT, 1, 6),
                (0x0131, 3, 1, 9),
            ];
            let new = for_new_picture(&exif(is_big_endian, &entries, &rest)).unwrap();
            assert_eq!(orientation(&new), None);
            let tiff = Tiff::new(new.strip_prefix(INTRODUCTION).unwrap()).unwrap();
            let directory = tiff.directory(8).unwrap();
            let value = |tag| tiff.short(tiff.entry(&directory, tag).unwrap() + 8);
            assert_eq!((value(0x010f), value(0x0131)), (Some(7), Some(9)));
            assert_eq!(directory.entries().count(), 2);
            assert_eq!(tiff.long(directory.end), Some(0));
            assert!(!new.windows(2).any(|pair| pair == b"ab"));
        }
    }

    #[test]
    fn no_data_makes_it_panic() {
        let entries = [
            (0x0201, 4, 1, 3),
            (0x0202, 4, 1, 900),
            (ORIENTATION, SHORT, 1, 6),
        ];
        let payload = exif(false, &entries, &[8, 0, 0, 0, 1, 2, 3]);
        for at in 6..payload.len() {
            for value in [0, 1, 8, 0x7f, 0xff] {
                let mut payload = payload.clone();
                payload[at] = value;
                if let Some(new) = for_new_picture(&payload) {
                    assert_eq!(orientation(&new), None, "{at} {value}");
                }
            }
        }
    }
}
