//! Cuts the body of an answer into pictures.
//!
//! A part's own length is used where it is right, so that a picture with others behind it, such as
//! MPO (CIPA DC-007), stays one frame. Where there is none, or a wrong one, a picture ends at its
//! own EOI (ITU-T T.81, B.2.1). Boundaries need not be what the answer's header says, since cameras
//! get them wrong.

use std::io::{self, BufRead, Read};
use std::time::Instant;

use bytes::Bytes;
use jpeg_splice::{InvalidJpeg, MpfIndex, Splitter};
use memchr::memmem;

use super::error::HttpFault;
use crate::source::FRAME_BYTES;
use crate::source::mjpeg_reader::Arrival;

const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: [u8; 2] = [0xff, 0xd9];
/// The most bytes of what stands before a picture that are kept: more than a part's headers have.
const GAP_BYTES: usize = 8 << 10;
/// The most bytes of a line that is taken for a boundary; RFC 2046, 5.1.1 allows 72.
const BOUNDARY_BYTES: usize = 256;

/// Starts of other formats, by the offset at which they stand.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"RIFF", "a WebP picture or an AVI video"),
    (4, b"ftyp", "an MP4 video or an HEIF picture"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"FLV", "an FLV video"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (
        0,
        b"\x1f\x8b",
        "what is compressed by gzip, which it was not asked for",
    ),
    (0, b"\0\0\0\x01", "an H.264 or H.265 video"),
    (0, b"\0\0\x01\xba", "an MPEG video"),
    (0, b"#EXTM3U", "a playlist (HLS)"),
    (0, b"<", "a page"),
    (0, b"{", "JSON"),
];

/// An answer, as its header describes it.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Its `Content-Type` in lower case.
    pub content_type: String,
    /// Its length in bytes, if it is known.
    pub length: Option<u64>,
}

impl Label {
    /// Whether it is called one picture.
    fn is_picture(&self) -> bool {
        self.content_type.starts_with("image/")
    }

    /// Whether it is called text.
    fn is_text(&self) -> bool {
        self.content_type.starts_with("text/") || self.content_type.contains("json")
    }
}

/// A picture, or the reason why it is broken.
type Picture = Result<Bytes, InvalidJpeg>;

/// The pictures of one answer.
pub struct Parts<R> {
    reader: Replay<R>,
    label: Label,
    /// Whether lengths have been right so far.
    trusts_lengths: bool,
    /// A delimiter line as it was seen, with its end.
    boundary: Vec<u8>,
    pictures: u64,
    /// Nothing at all came.
    is_empty: bool,
    /// The reason why it can't be read on, once what came before has been given.
    failed: Option<io::Error>,
    /// The time at which the last SOI came.
    arrived: Option<Instant>,
    /// The pictures that belong to the last one, and the bytes since its SOI.
    index: MpfIndex,
    since: u64,
}

impl<R: BufRead + Arrival> Parts<R> {
    /// The pictures in `reader`, the body of an answer with `label`.
    pub fn new(reader: R, label: Label) -> Self {
        Self {
            reader: Replay::new(reader),
            label,
            trusts_lengths: true,
            boundary: Vec::new(),
            pictures: 0,
            is_empty: false,
            failed: None,
            arrived: None,
            index: MpfIndex::default(),
            since: 0,
        }
    }

    /// Counts the pictures so far, whole or broken.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// The answer's `Content-Type` in lower case.
    pub fn content_type(&self) -> &str {
        &self.label.content_type
    }

    /// Whether the answer was over without a single byte.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// A moment that the last picture's first bytes surely came at or after, if that is known.
    pub fn arrived(&self) -> Option<Instant> {
        self.arrived
    }

    /// The next picture, or the reason why it is broken; `None` at the end.
    ///
    /// # Errors
    /// Reading fails, or there are no JPEGs in it.
    pub fn next(&mut self) -> Result<Option<Picture>, HttpFault> {
        loop {
            let Some((picture, start)) = self.next_of_all()? else {
                return Ok(None);
            };
            if !self.belongs_to_last(&picture, start) {
                self.pictures = self.pictures.saturating_add(1);
                return Ok(Some(picture));
            }
        }
    }

    /// Whether the picture that starts so many bytes behind the last one's SOI belongs to that one
    /// (CIPA DC-007).
    fn belongs_to_last(&mut self, picture: &Picture, start: u64) -> bool {
        let Ok(jpeg) = picture else {
            self.index = MpfIndex::default();
            return false;
        };
        let length = jpeg.len() as u64;
        let belongs = self.index.has(start, length);
        if belongs {
            self.since = start.saturating_add(length);
        } else {
            self.index = MpfIndex::of(jpeg);
            self.since = length;
        }
        belongs
    }

    /// The next picture, whether or not it belongs to the last, and the bytes from that one's SOI
    /// to its own.
    fn next_of_all(&mut self) -> Result<Option<(Picture, u64)>, HttpFault> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let Some(gap) = self.skip_to_soi()? else {
            return Ok(None);
        };
        self.arrived = self.reader.reader.arrived();
        let start = self.since.saturating_add(gap.len() as u64);
        let measured = match self.length_after(&gap) {
            Some(length) => self.measured(length)?,
            None => {
                self.reader.put_back(&SOI);
                None
            }
        };
        let picture = match measured {
            Some(picture) => Some(picture),
            None => self.split()?,
        };
        Ok(picture.map(|picture| (picture, start)))
    }

    /// Reads past the next SOI; gives the end of what stood before it.
    fn skip_to_soi(&mut self) -> Result<Option<Vec<u8>>, HttpFault> {
        let mut gap = Vec::new();
        let mut is_checked = false;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                self.check_format(&gap)?;
                self.is_empty = self.pictures == 0 && gap.is_empty();
                return Ok(None);
            }
            let mut read = 0;
            let mut is_there = false;
            while read < buffer.len() && !is_there {
                gap.push(buffer[read]);
                read += 1;
                is_there = gap.ends_with(&SOI);
            }
            self.reader.consume(read);
            if is_there {
                gap.truncate(gap.len() - SOI.len());
                self.check_format(&gap)?;
                return Ok(Some(gap));
            }
            if !is_checked && (gap.len() >= GAP_BYTES / 2 || self.label.is_text()) {
                is_checked = gap.len() >= GAP_BYTES / 2;
                self.check_format(&gap)?;
            }
            if gap.len() > 2 * GAP_BYTES {
                gap.drain(..gap.len() - GAP_BYTES);
            }
        }
    }

    /// Checks that `gap`, the start of the answer so far, is none of another format.
    fn check_format(&self, gap: &[u8]) -> Result<(), HttpFault> {
        if self.pictures > 0 {
            return Ok(());
        }
        let start = gap.trim_ascii_start();
        let is_multipart = start.starts_with(b"--");
        if self.label.is_text() && start.len() >= 2 && !is_multipart && start[0] != SOI[0] {
            return Err(HttpFault::Text(self.label.content_type.clone()));
        }
        let content = match is_multipart {
            true => behind_headers(start),
            false => gap,
        };
        match other_format(content) {
            Some(name) => Err(HttpFault::OtherFormat(name)),
            None => Ok(()),
        }
    }

    /// The length of the picture behind `gap`, as its part or else the answer states it.
    fn length_after(&mut self, gap: &[u8]) -> Option<usize> {
        if !self.trusts_lengths {
            return None;
        }
        if self.boundary.is_empty() {
            self.boundary = boundary_in(gap).unwrap_or_default().to_vec();
        }
        let length = match gap.trim_ascii().is_empty() && self.pictures == 0 {
            true => self.label.length?.checked_sub(gap.len() as u64)?,
            false => part_length(gap)?,
        };
        let length = usize::try_from(length).ok()?;
        (4..=FRAME_BYTES).contains(&length).then_some(length)
    }

    /// The picture of `length` bytes whose SOI has been read; none if that is not its length: then
    /// all is to be read again.
    fn measured(&mut self, length: usize) -> io::Result<Option<Picture>> {
        let mut part = SOI.to_vec();
        while part.len() < length {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                // The picture may be whole nevertheless.
                Err(error) => {
                    self.failed = Some(error);
                    return Ok(self.distrust(&part));
                }
            };
            let taken = buffer.len().min(length - part.len());
            if taken == 0 {
                return Ok(self.distrust(&part));
            }
            let seen = part.len().saturating_sub(self.boundary.len());
            part.extend_from_slice(&buffer[..taken]);
            self.reader.consume(taken);
            if !self.boundary.is_empty() && memmem::find(&part[seen..], &self.boundary).is_some() {
                return Ok(self.distrust(&part));
            }
        }
        if self.is_row(&part) {
            return Ok(self.distrust(&part));
        }
        let padded = part.iter().rposition(|byte| !b"\0\r\n ".contains(byte));
        let end = padded.map_or(0, |last| last + 1);
        if part[..end].ends_with(&EOI) {
            part.truncate(end);
            return Ok(Some(Ok(part.into())));
        }
        if !self.part_ends()? {
            return Ok(self.distrust(&part));
        }
        // Cut off, or with something behind its end.
        Ok(Some(Ok(part.into())))
    }

    /// Whether an answer that isn't called one picture is a row of them: no picture of several,
    /// which MPO says of itself.
    fn is_row(&self, part: &[u8]) -> bool {
        const END_AND_START: [u8; 4] = [0xff, 0xd9, 0xff, 0xd8];
        let is_whole_answer = self.boundary.is_empty() && self.pictures == 0;
        is_whole_answer
            && !self.label.is_picture()
            && memmem::find(part, b"MPF\0").is_none()
            && memmem::find(part, &END_AND_START).is_some()
    }

    /// Goes on by the pictures' own ends, from the start of `part`.
    fn distrust(&mut self, part: &[u8]) -> Option<Picture> {
        self.trusts_lengths = false;
        self.reader.put_back(part);
        None
    }

    /// Whether a delimiter or the end of the answer is next.
    fn part_ends(&mut self) -> io::Result<bool> {
        let mut next = Vec::new();
        (&mut self.reader).take(4).read_to_end(&mut next)?;
        self.reader.put_back(&next);
        Ok(next.is_empty() || next.trim_ascii_start().starts_with(b"--"))
    }

    /// The next picture by its own end.
    fn split(&mut self) -> io::Result<Option<Picture>> {
        let mut splitter = Splitter::new(&mut self.reader, FRAME_BYTES);
        let split = splitter.next_jpeg()?;
        if splitter.is_inside() {
            self.reader.put_back(&SOI);
        }
        match (split.picture(), self.failed.take()) {
            (Some(Err(_)), Some(error)) => Err(error),
            (picture, failed) => {
                self.failed = failed;
                Ok(picture)
            }
        }
    }
}

/// The format of `content`, if it is known to be no JPEG by its start.
fn other_format(content: &[u8]) -> Option<&'static str> {
    let has = |offset: usize, magic: &[u8]| {
        let content = content.get(offset..).unwrap_or_default();
        content.starts_with(magic)
    };
    // Two letters alone may be anything.
    if has(0, b"BM") && has(6, &[0; 4]) {
        return Some("a BMP picture");
    }
    // Packets of 188 bytes, each of which starts with `G`.
    if has(0, b"G") && has(188, b"G") && has(376, b"G") {
        return Some("an MPEG transport stream");
    }
    let other = OTHERS.iter().find(|(offset, magic, _)| has(*offset, magic));
    other.map(|(.., name)| *name)
}

/// The first line that looks like a delimiter (RFC 2046, 5.1.1), with its end.
fn boundary_in(gap: &[u8]) -> Option<&[u8]> {
    let mut lines = gap.split_inclusive(|byte| *byte == b'\n');
    lines.find(|line| {
        let is_line = line.ends_with(b"\n") && line.len() <= BOUNDARY_BYTES;
        is_line && line.starts_with(b"--") && line.trim_ascii().len() > 2
    })
}

/// The rest behind the headers at the start of `part`.
fn behind_headers(part: &[u8]) -> &[u8] {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let ends = ends
        .iter()
        .filter_map(|end| memmem::find(part, end).map(|at| at + end.len()));
    match ends.min() {
        Some(end) => &part[end..],
        None => &[],
    }
}

/// The `Content-Length` among the lines right before a picture.
fn part_length(gap: &[u8]) -> Option<u64> {
    let mut lines = gap.rsplit(|byte| *byte == b'\n');
    // The picture follows an empty line.
    if !lines.next()?.trim_ascii().is_empty() || !lines.next()?.trim_ascii().is_empty() {
        return None;
    }
    let headers = lines.take_while(|line| !line.trim_ascii().is_empty());
    let mut lengths = headers.filter_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let (name, value) = line.split_once(':')?;
        let is_length = name.trim().eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    lengths.next()
}

/// A reader to which bytes can be given back.
struct Replay<R> {
    again: io::Cursor<Vec<u8>>,
    reader: R,
}

impl<R: BufRead> Replay<R> {
    fn new(reader: R) -> Self {
        Self {
            again: io::Cursor::default(),
            reader,
        }
    }

    /// Has `bytes` read next.
    fn put_back(&mut self, bytes: &[u8]) {
        let at = self.again.position() as usize;
        let rest = self.again.get_ref().get(at..).unwrap_or_default();
        self.again = io::Cursor::new([bytes, rest].concat());
    }
}

impl<R: BufRead> Read for Replay<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.again.read(into)? {
            0 => self.reader.read(into),
            read => Ok(read),
        }
    }
}

impl<R: BufRead> BufRead for Replay<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.again.fill_buf()?.is_empty() {
            true => self.reader.fill_buf(),
            false => self.again.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self.again.fill_buf().is_ok_and(|again| !again.is_empty()) {
            true => self.again.consume(amount),
            false => self.reader.consume(amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// A segment with an EOI in it, and coded data.
    const JPEG: &[u8] =
        b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9\xff\xda\x00\x03x\x12\xff\x00\x34\xff\xd9";

    fn all(body: &[u8], label: Label) -> Result<Vec<Result<Vec<u8>, InvalidJpeg>>, String> {
        let whole = with_buffer(body, label.clone(), 64 << 10);
        // Bytes may come in any portions; text is told of as soon as there is some.
        let slow = with_buffer(body, label, 1);
        assert!(
            slow == whole || (slow.is_err() && whole.is_err()),
            "{slow:?} {whole:?}"
        );
        whole
    }

    fn with_buffer(
        body: &[u8],
        label: Label,
        buffer: usize,
    ) -> Result<Vec<Result<Vec<u8>, InvalidJpeg>>, String> {
        let mut parts = Parts::new(BufReader::with_capacity(buffer, body), label);
        let mut found = Vec::new();
        while let Some(picture) = parts.next().map_err(|error| error.to_string())? {
            found.push(picture.map(Vec::from));
        }
        Ok(found)
    }

    fn part(length: impl std::fmt::Display, content: &[u8]) -> Vec<u8> {
        let head = format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length : {length}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    }

    fn cut_off() -> Result<Vec<u8>, InvalidJpeg> {
        Err(InvalidJpeg::Stray("it is cut off"))
    }

    #[test]
    fn right_lengths_keep_pictures_of_several_together() {
        let two = [JPEG, JPEG].concat();
        let body = [
            part(two.len(), &two),
            part(JPEG.len(), JPEG),
            b"--b--\r\n".to_vec(),
        ]
        .concat();
        let expected = vec![Ok(two), Ok(JPEG.to_vec())];
        assert_eq!(all(&body, Label::default()), Ok(expected));
    }

    #[test]
    fn wrong_lengths_do_no_harm() {
        let others = [0, 3, 7, JPEG.len() - 1, JPEG.len() + 30, JPEG.len() + 5000];
        for wrong in others.map(|wrong| wrong.to_string()) {
            let body = [part(&wrong, JPEG), part(&wrong, JPEG), part(&wrong, JPEG)].concat();
            let expected = vec![Ok(JPEG.to_vec()); 3];
            assert_eq!(all(&body, Label::default()), Ok(expected), "{wrong}");
        }
        for wrong in ["-1", "x", "", "99999999999999999999"] {
            let body = [part(wrong, JPEG), part(wrong, JPEG)].concat();
            let expected = vec![Ok(JPEG.to_vec()); 2];
            assert_eq!(all(&body, Label::default()), Ok(expected), "{wrong}");
        }
        // The line end that belongs to the delimiter.
        let body = [part(JPEG.len() + 2, JPEG), part(JPEG.len() + 2, JPEG)].concat();
        let expected = vec![Ok(JPEG.to_vec()); 2];
        assert_eq!(all(&body, Label::default()), Ok(expected));
    }

    #[test]
    fn a_picture_that_is_cut_off_leaves_lengths_right() {
        let two = [JPEG, JPEG].concat();
        let cut = &JPEG[..14];
        let body = [part(cut.len(), cut), part(two.len(), &two)].concat();
        let expected = vec![Ok(cut.to_vec()), Ok(two)];
        assert_eq!(all(&body, Label::default()), Ok(expected));
    }

    #[test]
    fn an_answer_of_one_picture_is_taken_whole() {
        let two = [JPEG, JPEG].concat();
        let label = Label {
            length: Some(two.len() as u64),
            content_type: "image/jpeg".to_owned(),
        };
        assert_eq!(all(&two, label.clone()), Ok(vec![Ok(two.clone())]));
        // Without that name it is a recording.
        let label = Label {
            content_type: String::new(),
            ..label
        };
        assert_eq!(all(&two, label), Ok(vec![Ok(JPEG.to_vec()); 2]));
        // And by any name if it has no end.
        assert_eq!(all(&two, Label::default()), Ok(vec![Ok(JPEG.to_vec()); 2]));
        let label = Label {
            length: Some(12),
            content_type: "image/jpeg".to_owned(),
        };
        assert_eq!(all(&JPEG[..15], Label::default()), Ok(vec![cut_off()]));
        assert_eq!(all(&two[..2], label), Ok(vec![cut_off()]));
    }

    #[test]
    fn boundaries_may_be_anything() {
        for delimiter in ["--b", "b", "----b", "", "--"] {
            let head = format!("{delimiter}\nContent-length:{}\n\n", JPEG.len());
            let body = [head.as_bytes(), JPEG, head.as_bytes(), JPEG].concat();
            let expected = vec![Ok(JPEG.to_vec()); 2];
            assert_eq!(all(&body, Label::default()), Ok(expected), "{delimiter}");
        }
    }

    #[test]
    fn other_formats_say_what_they_are() {
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[7; 9000]].concat();
        let error = all(&png, Label::default()).unwrap_err();
        assert!(error.contains("answers a PNG picture"), "{error}");
        let error = all(&part(png.len(), &png), Label::default()).unwrap_err();
        assert!(error.contains("answers a PNG picture"), "{error}");
        let text = Label {
            content_type: "text/html".to_owned(),
            ..Label::default()
        };
        let error = all(b"<html>", text.clone()).unwrap_err();
        assert!(error.contains("answers `text/html`"), "{error}");
        assert_eq!(all(JPEG, text.clone()), Ok(vec![Ok(JPEG.to_vec())]));
        assert_eq!(all(&part(1, JPEG), text), Ok(vec![Ok(JPEG.to_vec())]));
        assert_eq!(all(b"--b\r\n", Label::default()), Ok(vec![]));
    }
}
