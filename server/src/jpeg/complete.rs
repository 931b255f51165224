//! Makes sure that a camera's picture is a whole JPEG.

use bytes::{Buf, Bytes};

use super::{Header, Segments, marker};

/// `jpeg` itself if it is whole: from SOI with a frame header to EOI. An SOI that comes twice is left out. Where Huffman tables
/// were left out, as cameras on USB do (the abbreviated format of ITU-T T.81, B.5), the standard ones are put in, before its
/// own if it has some; all else stays as it is.
///
/// # Errors
/// A text that says how it is broken, to stand behind a noun.
pub fn complete(mut jpeg: Bytes) -> Result<Bytes, String> {
    while jpeg.starts_with(&[0xff, marker::SOI, 0xff, marker::SOI]) {
        jpeg.advance(2);
    }
    Header::parse(&jpeg)?;
    let mut segments = Segments::new(&jpeg)?;
    let mut is_sequential = false;
    let mut own: Vec<u8> = Vec::new();
    let mut place = None;
    let mut at = 2;
    while let Some(segment) = segments.next() {
        let segment = segment?;
        is_sequential |= matches!(segment.marker, 0xc0 | 0xc1);
        if segment.marker == marker::DHT {
            own.extend(tables(segment.payload()));
            place.get_or_insert(at);
        }
        at = jpeg.len() - segments.rest().len();
    }
    let scan = segments.rest();
    if !has_end(scan) {
        return Err("is cut off".to_owned());
    }
    if !is_sequential || needed(scan).all(|table| own.contains(&table)) {
        return Ok(jpeg);
    }
    let (head, rest) = jpeg.split_at(place.unwrap_or(at));
    Ok([head, &jpeg_splice::standard_tables(), rest]
        .concat()
        .into())
}

/// The classes and numbers of the tables in a DHT segment (T.81, B.2.4.2).
fn tables(mut payload: &[u8]) -> Vec<u8> {
    let mut tables = Vec::new();
    while let [table, rest @ ..] = payload
        && let Some((counts, rest)) = rest.split_first_chunk::<16>()
    {
        let values = counts.iter().map(|&count| usize::from(count)).sum();
        tables.push(*table);
        payload = rest.get(values..).unwrap_or_default();
    }
    tables
}

/// Those that the scan uses whose SOS `jpeg` starts with (T.81, B.2.3). There are standard ones for numbers 0 and 1.
fn needed(jpeg: &[u8]) -> impl Iterator<Item = u8> {
    let count = jpeg.get(4).copied().unwrap_or_default();
    let components = jpeg.get(5..).unwrap_or_default().chunks_exact(2);
    let numbers = components.take(count.into()).map(|component| component[1]);
    let tables = numbers.flat_map(|it| [it >> 4, 0x10 | it & 15]);
    tables.filter(|table| table & 15 < 2)
}

/// Whether an EOI is there. In coded data FF D9 can be nothing else (T.81, B.1.1.5).
fn has_end(data: &[u8]) -> bool {
    data.windows(2)
        .rev()
        .any(|pair| pair == [0xff, marker::EOI])
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
        let tables = jpeg_splice::standard_tables();
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
