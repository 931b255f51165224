//! Reads marker segments (ITU-T T.81, B.1.1.4).

use crate::error::InvalidJpeg;
use crate::marker;

/// One marker segment before the first scan.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The marker's second byte.
    pub marker: u8,
    /// The position of the marker's first byte, in bytes from SOI.
    pub start: usize,
    /// From the marker's first byte to the segment's last.
    pub bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The content behind the length.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[4..]
    }

    /// The position behind the segment's last byte.
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

/// The segments of a JPEG up to and without its first scan's header.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    jpeg: &'a [u8],
    at: usize,
    is_done: bool,
}

impl<'a> Segments<'a> {
    /// Starts behind SOI.
    ///
    /// # Errors
    /// `jpeg` doesn't start with SOI.
    pub fn new(jpeg: &'a [u8]) -> Result<Self, InvalidJpeg> {
        match jpeg {
            [0xff, marker::SOI, ..] => Ok(Self {
                jpeg,
                at: 2,
                is_done: false,
            }),
            [] => Err(InvalidJpeg::Empty),
            _ => Err(InvalidJpeg::NoStart),
        }
    }

    /// The header of the first scan, once all segments before it were given. Coded data starts at
    /// its end.
    ///
    /// # Errors
    /// EOI stands there, or the header is cut off.
    pub fn scan_header(&self) -> Result<Segment<'a>, InvalidJpeg> {
        match self.jpeg.get(self.at + 1) {
            Some(&marker::SOS) => self.segment(marker::SOS),
            _ => Err(self.damaged("it has no picture")),
        }
    }

    /// The position of the next marker, fill bytes before it left out.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    fn damaged(&self, what: &'static str) -> InvalidJpeg {
        InvalidJpeg::Damaged { what, at: self.at }
    }

    fn step(&mut self) -> Result<Option<Segment<'a>>, InvalidJpeg> {
        loop {
            match *self.jpeg.get(self.at..).unwrap_or_default() {
                // A marker may be preceded by any number of fill bytes.
                [0xff, 0xff, ..] => self.at += 1,
                [0xff, marker::SOS | marker::EOI, ..] => return Ok(None),
                [0xff, marker::SOI, ..] => return Err(self.damaged("it starts twice")),
                [0xff, code, ..] if marker::stands_alone(code) => self.at += 2,
                [0xff, code, ..] => {
                    let segment = self.segment(code)?;
                    self.at = segment.end();
                    return Ok(Some(segment));
                }
                [0xff] | [] => return Err(InvalidJpeg::HeaderCutOff { at: self.at }),
                _ => return Err(self.damaged("no marker where one should be")),
            }
        }
    }

    /// The segment whose marker, `code`, is next.
    fn segment(&self, code: u8) -> Result<Segment<'a>, InvalidJpeg> {
        let bytes = &self.jpeg[self.at..];
        let payload = payload(&bytes[2..]).ok_or(InvalidJpeg::SegmentCutOff {
            marker: code,
            at: self.at,
        })?;
        Ok(Segment {
            marker: code,
            start: self.at,
            bytes: &bytes[..4 + payload.len()],
        })
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, InvalidJpeg>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let item = self.step().transpose();
        self.is_done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// A segment with this content; `None` if that is too long for one.
pub(crate) fn write_segment(marker: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(payload.len() + 2).ok()?;
    Some([&[0xff, marker], &length.to_be_bytes()[..], payload].concat())
}

/// The content of a segment whose length `bytes` starts with; `None` if it is cut off.
pub(crate) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let (length, _) = bytes.split_first_chunk()?;
    bytes.get(2..u16::from_be_bytes(*length).into())
}

/// Whether EOI follows somewhere in `data`. In coded data FF D9 can be nothing else (T.81,
/// B.1.1.5).
pub(crate) fn has_end(mut data: &[u8]) -> bool {
    while let Some(at) = memchr::memrchr(marker::EOI, data) {
        if at > 0 && data[at - 1] == 0xff {
            return true;
        }
        data = &data[..at];
    }
    false
}
