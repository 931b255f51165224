//! Cuts a row of JPEGs, one behind the other as in an `.mjpeg` file, into single ones.
//!
//! Looking for FF D9 alone would cut at the end of a thumbnail inside a segment; so segments are stepped
//! over by their length, and only coded data is searched (ITU-T T.81, B.1.1).

use std::io::{self, BufRead, Read};

use bytes::Bytes;

use super::marker;

/// What came next in the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Scanned {
    /// A whole JPEG, from SOI to EOI.
    Jpeg(Vec<u8>),
    /// Something that starts like a JPEG and isn't one; reading goes on behind it.
    Broken(&'static str),
    /// The end of the file.
    End,
}

impl Scanned {
    /// The picture, or how it is broken, to stand behind a noun; nothing at the end.
    pub fn picture(self) -> Option<Result<Bytes, String>> {
        match self {
            Self::Jpeg(jpeg) => Some(Ok(jpeg.into())),
            Self::Broken(why) => Some(Err(format!("is no JPEG: {why}"))),
            Self::End => None,
        }
    }
}

/// Reads JPEGs from a file, one after the other.
pub struct Scanner<R> {
    reader: R,
    limit: usize,
    /// The last one broke off at another one's SOI, which is read already.
    is_inside: bool,
}

impl<R: BufRead> Scanner<R> {
    /// Reads from `reader` JPEGs of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            is_inside: false,
        }
    }

    /// Reads the next JPEG; bytes before its SOI are passed over.
    ///
    /// # Errors
    /// Only what reading the file gives.
    pub fn next_jpeg(&mut self) -> io::Result<Scanned> {
        if !std::mem::take(&mut self.is_inside) && !self.skip_to_soi()? {
            return Ok(Scanned::End);
        }
        let mut scan = Scan {
            reader: &mut self.reader,
            jpeg: vec![0xff, marker::SOI],
            limit: self.limit,
        };
        match scan.rest() {
            Ok(()) => Ok(Scanned::Jpeg(scan.jpeg)),
            Err(Fault::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Scanned::Broken("it is cut off"))
            }
            Err(Fault::Io(error)) => Err(error),
            Err(Fault::Broken(why)) => Ok(Scanned::Broken(why)),
            Err(Fault::NextSoi) => {
                self.is_inside = true;
                Ok(Scanned::Broken("it is cut off"))
            }
        }
    }

    /// Whether the next JPEG's SOI is read already, since it stands where the last one broke off.
    pub fn is_inside(&self) -> bool {
        self.is_inside
    }

    fn skip_to_soi(&mut self) -> io::Result<bool> {
        let mut before = 0;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            for (index, &byte) in buffer.iter().enumerate() {
                if before == 0xff && byte == marker::SOI {
                    self.reader.consume(index + 1);
                    return Ok(true);
                }
                before = byte;
            }
            let length = buffer.len();
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

    /// Passes over coded data to the marker behind it. FF 00 is a stuffed byte and RSTn belongs to the
    /// data.
    fn coded_data(&mut self) -> Result<u8, Fault> {
        loop {
            self.read_to_ff()?;
            match self.marker_code()? {
                0x00 | 0xd0..=0xd7 => {}
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
    const JPEG: &[u8] = b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9\xff\xda\x00\x03x\x12\xff\x00\x34\xff\xd0\x56\xff\xff\xd9";

    fn all(bytes: &[u8], limit: usize) -> Vec<Scanned> {
        let mut scanner = Scanner::new(bytes, limit);
        let mut found = Vec::new();
        loop {
            match scanner.next_jpeg().unwrap() {
                Scanned::End => return found,
                scanned => found.push(scanned),
            }
        }
    }

    #[test]
    fn cuts_between_pictures_only() {
        let file = [b"junk", JPEG, b"\r\n", JPEG, JPEG].concat();
        let jpeg = || Scanned::Jpeg(JPEG.to_vec());
        assert_eq!(all(&file, 1000), [jpeg(), jpeg(), jpeg()]);
    }

    #[test]
    fn a_broken_one_does_not_take_the_next_along() {
        let cut_off = || Scanned::Broken("it is cut off");
        let jpeg = || Scanned::Jpeg(JPEG.to_vec());
        for length in [2, 10, 16, 19, 22] {
            let file = [&JPEG[..length], JPEG].concat();
            assert_eq!(all(&file, 1000), [cut_off(), jpeg()], "{length}");
        }
        let file = [b"\xff\xd8zz", JPEG].concat();
        assert_eq!(
            all(&file, 1000),
            [
                Scanned::Broken("no marker stands where one should be"),
                jpeg()
            ]
        );
        assert_eq!(all(&JPEG[..JPEG.len() - 1], 1000), [cut_off()]);
    }

    #[test]
    fn size_is_limited() {
        for limit in 2..JPEG.len() {
            let found = all(JPEG, limit);
            assert_eq!(found[0], Scanned::Broken("it is too large"), "{limit}");
        }
        assert_eq!(all(JPEG, JPEG.len()), [Scanned::Jpeg(JPEG.to_vec())]);
    }
}
