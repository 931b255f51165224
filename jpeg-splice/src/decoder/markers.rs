//! Coded data with its markers, and what libjpeg makes of restart markers that are lost or wrong.

use super::error::{DecodeError, Result};
use crate::marker::{self, RST0, RST7};
use crate::segments::payload;

/// Coded data that is read byte by byte up to a marker.
pub struct Data<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A marker that was met and not taken yet; no bytes come before it is.
    pub marker: Option<u8>,
}

impl<'a> Data<'a> {
    /// Starts at the byte `at`.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            marker: None,
        }
    }

    /// Takes the segment behind the marker that was met, without its length (T.81, B.1.1.4).
    ///
    /// # Errors
    /// It is cut off.
    pub fn segment(&mut self) -> Result<&'a [u8]> {
        self.marker = None;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let payload = payload(rest).ok_or(DecodeError::Damaged("a segment is cut off"))?;
        self.at += 2 + payload.len();
        Ok(payload)
    }

    /// The next byte of data, without stuffing (T.81, B.1.1.5); `None` at a marker.
    pub fn byte(&mut self) -> Option<u8> {
        if self.marker.is_some() {
            return None;
        }
        match self.raw() {
            Some(0xff) => match self.code() {
                0 => Some(0xff),
                code => {
                    self.marker = Some(code);
                    None
                }
            },
            Some(byte) => Some(byte),
            None => {
                self.marker = Some(marker::EOI);
                None
            }
        }
    }

    fn raw(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// The byte behind FF, past fill bytes. The end of the data counts as EOI.
    fn code(&mut self) -> u8 {
        loop {
            match self.raw() {
                Some(0xff) => {}
                Some(code) => return code,
                None => return marker::EOI,
            }
        }
    }

    /// Passes over data to the next marker, unless one was met already.
    pub fn next_marker(&mut self) -> u8 {
        loop {
            if let Some(marker) = self.marker {
                return marker;
            }
            while self.byte().is_some() {}
        }
    }

    /// Takes the restart marker that must come now, the one of `number` (0 to 7). Where another
    /// marker stands, this does as libjpeg's `jpeg_resync_to_restart`: if it is one of the next
    /// two, then data was lost, and the interval is left empty; if it is one of the last two, it is
    /// passed over; else it is taken for the right one. Gives whether data follows.
    pub fn restart(&mut self, number: u8) -> bool {
        loop {
            let found = self.next_marker();
            let ahead = found.wrapping_sub(RST0).wrapping_sub(number) & 7;
            match found {
                RST0..=RST7 if matches!(ahead, 1 | 2) => return false,
                // Behind the one that is wanted.
                RST0..=RST7 if matches!(ahead, 6 | 7) => self.marker = None,
                RST0..=RST7 => {
                    self.marker = None;
                    return true;
                }
                // None that T.81 has.
                0..=0xbf => self.marker = None,
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_markers_are_found_as_libjpeg_finds_them() {
        // What follows, the number that is wanted, whether data follows, and the next byte of it.
        for (bytes, number, follows, next) in [
            (&b"\xff\xd0a"[..], 0, true, Some(b'a')),
            (b"xyz\xff\xff\xd0a", 0, true, Some(b'a')),
            (b"\xff\xd1a", 0, false, None),
            (b"\xff\xd2a", 0, false, None),
            (b"\xff\xd0a", 7, false, None),
            (b"\xff\xd3a", 0, true, Some(b'a')),
            (b"\xff\xd7abc\xff\xd0d", 0, true, Some(b'd')),
            (b"\xff\xd6abc\xff\x00c\xff\xd1d", 0, false, None),
            (b"\xff\x02abc\xff\xd0d", 0, true, Some(b'd')),
            (b"\xff\xd9", 0, false, None),
            (b"abc", 0, false, None),
        ] {
            let mut data = Data::new(bytes, 0);
            assert_eq!(data.restart(number), follows, "{bytes:x?}");
            assert_eq!(data.byte(), next, "{bytes:x?}");
        }
    }
}
