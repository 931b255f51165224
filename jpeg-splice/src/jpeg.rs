//! Whole JPEGs.

use std::ops::Deref;

use bytes::{Buf, Bytes};

use crate::error::InvalidJpeg;
use crate::header::Header;
use crate::marker;
use crate::segments::{Segment, Segments, has_end};
use crate::splicer::{Drawing, Splicer};
use crate::standard::standard_tables;
use crate::strip::without_other_pictures;
use crate::syntax::{ScanHeader, huffman_tables};

/// A whole JPEG: from SOI with a frame header to EOI. Its header was parsed once. Clones share the
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jpeg {
    bytes: Bytes,
    header: Header,
}

impl Jpeg {
    /// Checks that `bytes` are whole. An SOI that comes twice is left out. Where Huffman tables
    /// were left out, as cameras on USB do (the abbreviated format of ITU-T T.81, B.5), the
    /// standard ones are put in, before its own if it has some; all else stays as it is.
    ///
    /// # Errors
    /// The reason why they are not.
    pub fn new(mut bytes: Bytes) -> Result<Self, InvalidJpeg> {
        while bytes.starts_with(&[0xff, marker::SOI, 0xff, marker::SOI]) {
            bytes.advance(2);
        }
        let header = Header::parse(&bytes)?;
        Ok(Self {
            bytes: complete(bytes)?,
            header,
        })
    }

    /// The parameters that were read from it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Width and height in pixels as people see the picture.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.header.size()
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same picture with `drawings` on it, as [`Splicer::splice`] makes it, and without others
    /// that would show what they cover: thumbnails, and what follows the first picture.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`].
    pub fn splice(&self, splicer: &mut Splicer, drawings: &[&Drawing]) -> crate::Result<Self> {
        let mut spliced = Vec::new();
        let alone = without_other_pictures(self);
        splicer.splice(alone.as_deref().unwrap_or(self), drawings, &mut spliced)?;
        Ok(self.with_bytes(spliced))
    }

    /// Other bytes with the same header but for the height.
    pub(crate) fn with_rows(&self, bytes: Vec<u8>, height: u32) -> Self {
        let mut rows = self.with_bytes(bytes);
        rows.header.height = height;
        rows
    }

    /// Other bytes with the same header.
    pub(crate) fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            header: self.header,
        }
    }
}

impl Deref for Jpeg {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// `jpeg` with all its Huffman tables, if it has an end.
fn complete(jpeg: Bytes) -> Result<Bytes, InvalidJpeg> {
    let mut segments = Segments::new(&jpeg)?;
    let mut is_sequential = false;
    let mut own: Vec<u8> = Vec::new();
    let mut first = None;
    for segment in &mut segments {
        let segment = segment?;
        is_sequential |= matches!(segment.marker, marker::SOF0 | marker::SOF1);
        if segment.marker == marker::DHT {
            let tables = huffman_tables(segment.payload()).flatten();
            own.extend(tables.map(|it| it.class << 4 | it.id));
            first.get_or_insert(segment.start);
        }
    }
    if !has_end(&jpeg[segments.position()..]) {
        return Err(InvalidJpeg::NoEnd);
    }
    let scan = segments.scan_header().ok();
    if !is_sequential
        || scan
            .iter()
            .flat_map(needed)
            .all(|table| own.contains(&table))
    {
        return Ok(jpeg);
    }
    let (head, rest) = jpeg.split_at(first.unwrap_or(segments.position()));
    Ok([head, &standard_tables(), rest].concat().into())
}

/// The classes and numbers of the tables that a scan uses. There are standard ones for numbers 0
/// and 1.
fn needed<'a>(scan: &Segment<'a>) -> impl Iterator<Item = u8> + use<'a> {
    let header = ScanHeader::read(scan.payload()).ok();
    let selectors = header.into_iter().flat_map(|it| it.selectors());
    let tables = selectors.flat_map(|it| [it.dc, 0x10 | it.ac]);
    tables.filter(|table| table & 15 < 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00";
    /// For DC and for AC, both without a code.
    const TABLES: &[u8] = b"\xff\xc4\x00\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    const SCAN: &[u8] = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\x00";
    const END: &[u8] = b"\xff\xd9";

    fn complete(jpeg: Bytes) -> Result<Bytes, String> {
        let jpeg = Jpeg::new(jpeg).map_err(|why| why.to_string())?;
        Ok(jpeg.bytes)
    }

    fn jpeg(parts: &[&[u8]]) -> Bytes {
        parts.concat().into()
    }

    #[test]
    fn a_whole_one_stays_as_it_is() {
        for rest in [&b""[..], b"\0\0\0\0"] {
            let whole = jpeg(&[HEAD, TABLES, SCAN, END, rest]);
            assert_eq!(complete(whole.clone()), Ok(whole));
        }
    }

    #[test]
    fn a_start_that_comes_twice_is_one() {
        let whole = jpeg(&[HEAD, TABLES, SCAN, END]);
        for starts in [&b"\xff\xd8"[..], b"\xff\xd8\xff\xd8"] {
            assert_eq!(complete(jpeg(&[starts, &whole])), Ok(whole.clone()));
        }
        let later = jpeg(&[HEAD, b"\xff\xd8", TABLES, SCAN, END]);
        assert!(complete(later).unwrap_err().contains("starts twice"));
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = jpeg(&[HEAD, TABLES, SCAN, END]);
        for length in 0..whole.len() {
            assert!(complete(whole.slice(..length)).is_err(), "{length}");
        }
    }

    #[test]
    fn missing_tables_are_put_before_the_scan() {
        let completed = complete(jpeg(&[HEAD, SCAN, END])).unwrap();
        let tables = standard_tables();
        assert_eq!(completed, jpeg(&[HEAD, &tables, SCAN, END]));
        // Its own DC table counts, since it comes last.
        let own = [b"\xff\xc4\x00\x13", &TABLES[4..21]].concat();
        let completed = complete(jpeg(&[HEAD, &own, SCAN, END])).unwrap();
        assert_eq!(completed, jpeg(&[HEAD, &tables, &own, SCAN, END]));
    }

    #[test]
    fn no_tables_are_put_where_there_is_no_use_for_them() {
        let progressive = [&HEAD[..3], b"\xc2", &HEAD[4..]].concat();
        let other = b"\xff\xda\x00\x08\x01\x01\x22\x00\x3f\x00\x12\xff\x00";
        for (head, scan) in [(&progressive[..], SCAN), (HEAD, other)] {
            let whole = jpeg(&[head, scan, END]);
            assert_eq!(complete(whole.clone()), Ok(whole));
        }
    }
}
