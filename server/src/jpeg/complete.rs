//! Makes sure that a camera's picture is a whole JPEG.

use bytes::{Buf, Bytes};

use super::{Header, Segments, marker};

/// `jpeg` itself if it is whole: from SOI with a frame header to EOI. An SOI that comes twice is left out. Where Huffman tables
/// were left out, as cameras on USB do (the abbreviated format of ITU-T T.81, B.5), the standard ones are put in; all else
/// stays as it is.
///
/// # Errors
/// A text that says how it is broken, to stand behind a noun.
pub fn complete(mut jpeg: Bytes) -> Result<Bytes, String> {
    while jpeg.starts_with(&[0xff, marker::SOI, 0xff, marker::SOI]) {
        jpeg.advance(2);
    }
    Header::parse(&jpeg)?;
    let mut segments = Segments::new(&jpeg)?;
    let mut has_tables = false;
    for segment in &mut segments {
        // Arithmetic coding has none.
        has_tables |= matches!(segment?.marker, marker::DHT | marker::DAC | 0xc9..=0xcb);
    }
    let scan = segments.rest();
    if !has_end(scan) {
        return Err("is cut off".to_owned());
    }
    if has_tables {
        return Ok(jpeg);
    }
    let head = &jpeg[..jpeg.len() - scan.len()];
    Ok([head, &jpeg_splice::standard_tables(), scan]
        .concat()
        .into())
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
    const TABLES: &[u8] = b"\xff\xc4\x00\x02";
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
    }
}
