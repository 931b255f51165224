//! Splits a byte stream of JPEGs, one behind the other as in an `.mjpeg` file, into single ones.
//!
//! Looking for FF D9 alone would cut at the end of a thumbnail inside a segment; so segments are
//! stepped over by their length, and only coded data is searched (ITU-T T.81, B.1.1).

use std::io::{self, BufRead, Read};

use bytes::Bytes;

use crate::error::InvalidJpeg;
use crate::marker;
use crate::mpf::MpfIndex;

/// The next part of a byte stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Split {
    /// A whole JPEG, from SOI to EOI.
    Jpeg(Vec<u8>),
    /// Something that starts like a JPEG and isn't one; reading goes on behind it.
    Broken(&'static str),
    /// The end of the stream.
    End,
}

impl Split {
    /// The picture, or the reason why it is broken; nothing at the end.
    pub fn picture(self) -> Option<Result<Bytes, InvalidJpeg>> {
        match self {
            Self::Jpeg(jpeg) => Some(Ok(jpeg.into())),
            Self::Broken(why) => Some(Err(InvalidJpeg::Stray(why))),
            Self::End => None,
        }
    }
}

/// Reads JPEGs from a byte stream, one after the other.
pub struct Splitter<R> {
    reader: R,
    limit: usize,
    /// The last one broke off at another one's SOI, which is read already.
    is_inside: bool,
    /// The pictures that belong to the last one, and the bytes read since its SOI.
    index: MpfIndex,
    since: u64,
}

impl<R: BufRead> Splitter<R> {
    /// Reads from `reader` JPEGs of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            is_inside: false,
            index: MpfIndex::default(),
            since: 0,
        }
    }

    /// Reads the next JPEG. Bytes before its SOI are passed over, and so are pictures that belong
    /// to the one before.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn next_jpeg(&mut self) -> io::Result<Split> {
        loop {
            let split = self.next_of_all()?;
            let Split::Jpeg(jpeg) = &split else {
                self.index = MpfIndex::default();
                return Ok(split);
            };
            let length = jpeg.len() as u64;
            let start = self.since;
            self.since += length;
            if !self.index.has(start, length) {
                self.index = MpfIndex::of(jpeg);
                self.since = length;
                return Ok(split);
            }
        }
    }

    fn next_of_all(&mut self) -> io::Result<Split> {
        if !std::mem::take(&mut self.is_inside) {
            let Some(passed) = self.skip_to_soi()? else {
                return Ok(Split::End);
            };
            self.since += passed;
        }
        let mut scan = Scan {
            reader: &mut self.reader,
            jpeg: vec![0xff, marker::SOI],
            limit: self.limit,
        };
        match scan.rest() {
            Ok(()) => Ok(Split::Jpeg(scan.jpeg)),
            Err(Fault::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Split::Broken("it is cut off"))
            }
            Err(Fault::Io(error)) => Err(error),
            Err(Fault::Broken(why)) => Ok(Split::Broken(why)),
            Err(Fault::NextSoi) => {
                self.is_inside = true;
                Ok(Split::Broken("it is cut off"))
            }
        }
    }

    /// Whether the next JPEG's SOI is read already, since it stands where the last one broke off.
    pub fn is_inside(&self) -> bool {
        self.is_inside
    }

    /// Reads up to and with the next SOI. Gives the bytes passed over before it; `None` at the end.
    fn skip_to_soi(&mut self) -> io::Result<Option<u64>> {
        let mut before = 0;
        let mut passed = 0;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            for (index, &byte) in buffer.iter().enumerate() {
                if before == 0xff && byte == marker::SOI {
                    self.reader.consume(index + 1);
                    // The FF was counted, if it was in the buffer before.
                    return Ok(Some((passed + index as u64).saturating_sub(1)));
                }
                before = byte;
            }
            let length = buffer.len();
            passed += length as u64;
            self.reader.consume(length);
        }
    }
}

enum Fault {
    Io(io::Error),
    Broken(&'static str),
    /// The next JPEG starts before this one ended.
    NextSoi,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Scan<'a, R> {
    reader: &'a mut R,
    jpeg: Vec<u8>,
    limit: usize,
}

impl<R: BufRead> Scan<'_, R> {
    /// Everything behind SOI.
    fn rest(&mut self) -> Result<(), Fault> {
        let mut marker = self.marker()?;
        loop {
            marker = match marker {
                marker::EOI => return Ok(()),
                marker::SOS => {
                    self.segment()?;
                    self.coded_data()?
                }
                // Some cameras send it twice.
                marker::SOI if self.jpeg.len() == 4 => {
                    self.jpeg.truncate(2);
                    self.marker()?
                }
                marker::SOI => return Err(Fault::NextSoi),
                alone if marker::stands_alone(alone) => self.marker()?,
                _ => {
                    self.segment()?;
                    self.marker()?
                }
            };
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.push(&byte)?;
        Ok(byte[0])
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.jpeg.len() + bytes.len() > self.limit {
            return Err(Fault::Broken("it is too large"));
        }
        self.jpeg.extend_from_slice(bytes);
        Ok(())
    }

    fn marker(&mut self) -> Result<u8, Fault> {
        if self.byte()? != 0xff {
            return Err(Fault::Broken("no marker stands where one should be"));
        }
        self.marker_code()
    }

    /// The byte behind FF, past fill bytes.
    fn marker_code(&mut self) -> Result<u8, Fault> {
        loop {
            match self.byte()? {
                0xff => {}
                code => return Ok(code),
            }
        }
    }

    fn segment(&mut self) -> Result<(), Fault> {
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let Some(rest) = length.checked_sub(2) else {
            return Err(Fault::Broken("a segment has no length"));
        };
        let mut bytes = vec![0; rest];
        self.reader.read_exact(&mut bytes)?;
        self.push(&bytes)
    }

    /// Passes over coded data to the marker behind it. FF 00 is a stuffed byte and RSTn belongs to
    /// the data.
    fn coded_data(&mut self) -> Result<u8, Fault> {
        loop {
            self.read_to_ff()?;
            match self.marker_code()? {
                0x00 | marker::RST0..=marker::RST7 => {}
                code => return Ok(code),
            }
        }
    }

    fn read_to_ff(&mut self) -> Result<(), Fault> {
        let room = (self.limit - self.jpeg.len()) as u64;
        let read = self
            .reader
            .by_ref()
            .take(room)
            .read_until(0xff, &mut self.jpeg)?;
        match self.jpeg.last() {
            Some(0xff) if read > 0 => Ok(()),
            _ if read as u64 == room => Err(Fault::Broken("it is too large")),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has an EOI inside a segment, a stuffed FF, a restart marker and fill bytes.
    const JPEG: &[u8] =
        b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9\xff\xda\x00\x03x\x12\xff\x00\x34\
        \xff\xd0\x56\xff\xff\xd9";

    fn all(bytes: &[u8], limit: usize) -> Vec<Split> {
        let mut splitter = Splitter::new(bytes, limit);
        let mut found = Vec::new();
        loop {
            match splitter.next_jpeg().unwrap() {
                Split::End => return found,
                split => found.push(split),
            }
        }
    }

    #[test]
    fn cuts_between_pictures_only() {
        let file = [b"junk", JPEG, b"\r\n", JPEG, JPEG].concat();
        let jpeg = || Split::Jpeg(JPEG.to_vec());
        assert_eq!(all(&file, 1000), [jpeg(), jpeg(), jpeg()]);
    }

    #[test]
    fn a_broken_one_does_not_take_the_next_along() {
        let cut_off = || Split::Broken("it is cut off");
        let jpeg = || Split::Jpeg(JPEG.to_vec());
        for length in [10, 16, 19, 22] {
            let file = [&JPEG[..length], JPEG].concat();
            assert_eq!(all(&file, 1000), [cut_off(), jpeg()], "{length}");
        }
        let file = [b"\xff\xd8zz", JPEG].concat();
        assert_eq!(
            all(&file, 1000),
            [
                Split::Broken("no marker stands where one should be"),
                jpeg()
            ]
        );
        assert_eq!(all(&JPEG[..JPEG.len() - 1], 1000), [cut_off()]);
    }

    #[test]
    fn a_start_that_comes_twice_is_one() {
        let twice = [b"\xff\xd8\xff\xd8\xff\xd8", JPEG, b"\xff\xd8", JPEG].concat();
        let jpeg = || Split::Jpeg(JPEG.to_vec());
        assert_eq!(all(&twice, 1000), [jpeg(), jpeg()]);
    }

    /// A JPEG that tells of another of `length` bytes that starts `start` bytes behind its own SOI.
    fn with_another(start: u32, length: u32) -> Vec<u8> {
        let mut tiff =
            b"MM\0\x2a\0\0\0\x08\0\x01\xb0\x02\0\x07\0\0\0\x20\0\0\0\x1a\0\0\0\0".to_vec();
        // The TIFF header stands behind SOI, the marker, the length and "MPF".
        let numbers = [0, 0, 0, 0, 0, length, start - 10, 0];
        tiff.extend(numbers.map(u32::to_be_bytes).concat());
        let length = (tiff.len() as u16 + 6).to_be_bytes();
        [
            b"\xff\xd8\xff\xe2",
            &length[..],
            b"MPF\0",
            &tiff,
            &JPEG[2..],
        ]
        .concat()
    }

    #[test]
    fn pictures_that_belong_to_the_one_before_are_passed_over() {
        let length = with_another(20, 0).len() as u32;
        let first = with_another(length + 3, JPEG.len() as u32 + 5);
        let split = || Split::Jpeg(first.clone());
        let jpeg = || Split::Jpeg(JPEG.to_vec());
        let whole = [&first[..], b"\0\0\0", JPEG].concat();
        assert_eq!(
            all(&[&whole[..], &whole, JPEG].concat(), 1000),
            [split(), split(), jpeg()]
        );
        // One that lies elsewhere, or is longer, is another frame.
        let elsewhere = [&first[..], b"\0\0", JPEG].concat();
        assert_eq!(all(&elsewhere, 1000), [split(), jpeg()]);
        let short = with_another(length, JPEG.len() as u32 - 1);
        let other = [&short[..], JPEG].concat();
        assert_eq!(all(&other, 1000), [Split::Jpeg(short), jpeg()]);
    }

    #[test]
    fn size_is_limited() {
        for limit in 2..JPEG.len() {
            let found = all(JPEG, limit);
            assert_eq!(found[0], Split::Broken("it is too large"), "{limit}");
        }
        assert_eq!(all(JPEG, JPEG.len()), [Split::Jpeg(JPEG.to_vec())]);
    }
}
