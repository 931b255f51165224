//! JPEGs from RTP packets (RFC 2435), whole or not at all.
//!
//! retina assembles them too, but hands on a picture that misses packets in its middle, and none
//! over 2 MB. This needs a picture's packets only in their order, which retina sees to.

use bytes::{Buf, Bytes};

/// The most bytes of a picture: the packets' offsets have 24 bits.
const MOST: usize = 1 << 24;
/// The JFIF header of a picture without thumbnail (ITU-T T.871, 10.1).
const JFIF: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
/// The scan's header: all of three components, with the tables of luma and of chroma.
const SCAN: &[u8] = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00";
const EOI: &[u8] = b"\xff\xd9";

/// A packet of a picture.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The RTP timestamp, which all packets of a picture share.
    pub timestamp: i64,
    /// Whether it is the last of its picture (RTP's marker bit).
    pub is_last: bool,
    /// The bytes behind the RTP header.
    pub payload: Bytes,
    /// The size that the RTP header's extension tells.
    pub size: Option<(u16, u16)>,
}

/// The fault of a picture that came by RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRtp {
    /// Packets did not come, or not in their order.
    #[error("packets of the picture are missing")]
    Lost,
    /// A header is cut off or says what can't be.
    #[error("the picture has a wrong RTP header (RFC 2435)")]
    Header,
    /// A type for which the RFC has no tables.
    #[error("the picture is of the type {0} of RTP, which RFC 2435 does not define")]
    Type(u8),
    /// Tables that were never sent.
    #[error("the picture has no quantization tables")]
    Tables,
    /// A picture of more than 2040 pixels a side, which the header has no room for.
    #[error(
        "the picture does not tell its size, as is the case over 2040 pixels a side; set \
         `via: ffmpeg`"
    )]
    Size,
    /// More bytes than the header can count.
    #[error("the picture has more than 16 MiB")]
    Long,
}

/// Puts pictures together.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The size that the camera's description tells, for pictures whose own header has no room for
    /// it.
    size: Option<(u16, u16)>,
    tables: Tables,
    picture: Option<Picture>,
}

/// A picture that is still coming.
#[derive(Debug)]
struct Picture {
    timestamp: i64,
    /// Up to the scan's header.
    head: Vec<u8>,
    /// The coded data.
    data: Vec<u8>,
    broken: Option<BrokenRtp>,
}

impl Assembler {
    /// Pictures of a camera whose description tells `size`, if it does.
    pub fn new(size: Option<(u16, u16)>) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Takes the next packet: the picture that it ends, if it ends one.
    pub fn push(&mut self, packet: Packet) -> Option<Result<Bytes, BrokenRtp>> {
        let (timestamp, is_last) = (packet.timestamp, packet.is_last);
        let unfinished = self.picture.take_if(|it| it.timestamp != timestamp);
        match self.add(packet) {
            Ok(()) => {}
            Err(broken) => self.at(timestamp).break_by(broken),
        }
        let ended = if is_last { self.picture.take() } else { None };
        match (ended, unfinished) {
            (Some(picture), _) => Some(picture.finish()),
            (None, Some(_)) => Some(Err(BrokenRtp::Lost)),
            (None, None) => None,
        }
    }

    fn at(&mut self, timestamp: i64) -> &mut Picture {
        self.picture.get_or_insert_with(|| Picture {
            timestamp,
            head: Vec::new(),
            data: Vec::new(),
            broken: None,
        })
    }

    /// Reads a packet's headers (3.1) and keeps its data.
    fn add(&mut self, packet: Packet) -> Result<(), BrokenRtp> {
        let mut payload = packet.payload;
        let word = payload.try_get_u32().map_err(|_| BrokenRtp::Header)?;
        let offset = (word & 0xff_ffff) as usize;
        let [kind, q, width, height] = payload
            .try_get_u32()
            .map_err(|_| BrokenRtp::Header)?
            .to_be_bytes();
        let interval = if (64..128).contains(&kind) {
            let restart = payload.try_get_u32().map_err(|_| BrokenRtp::Header)?;
            (restart >> 16) as u16
        } else {
            0
        };
        if offset == 0 {
            let tables = self.tables.read(q, &mut payload)?;
            let own = (u16::from(width) * 8, u16::from(height) * 8);
            let size = packet.size.or(self.size);
            let size = match own {
                (0, _) | (_, 0) => size.ok_or(BrokenRtp::Size)?,
                own => own,
            };
            let head = head(kind, size, &tables, interval)?;
            self.at(packet.timestamp).head = head;
        }
        let picture = self.at(packet.timestamp);
        if picture.data.len() != offset || picture.head.is_empty() {
            return Err(BrokenRtp::Lost);
        }
        if offset + payload.len() > MOST {
            return Err(BrokenRtp::Long);
        }
        picture.data.extend_from_slice(&payload);
        Ok(())
    }
}

impl Picture {
    fn break_by(&mut self, broken: BrokenRtp) {
        self.broken.get_or_insert(broken);
        self.data = Vec::new();
    }

    fn finish(self) -> Result<Bytes, BrokenRtp> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let end = if self.data.ends_with(EOI) { &[] } else { EOI };
        Ok([&self.head[..], &self.data, end].concat().into())
    }
}

/// Quantization tables, of luma and of chroma, in the order of the zigzag.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair([Vec<u8>; 2]);

/// The quantization tables that were sent before, by their Q.
#[derive(Debug, Default)]
struct Tables(Vec<(u8, Pair)>);

impl Tables {
    /// The tables for `q` (3.1.8), which may stand at the start of `payload`.
    fn read(&mut self, q: u8, payload: &mut Bytes) -> Result<Pair, BrokenRtp> {
        match q {
            1..=99 => Ok(Pair([scaled(&LUMA, q), scaled(&CHROMA, q)])),
            0 | 100..=127 => Err(BrokenRtp::Header),
            128..=255 => self.sent(q, payload),
        }
    }

    fn sent(&mut self, q: u8, payload: &mut Bytes) -> Result<Pair, BrokenRtp> {
        let word = payload.try_get_u32().map_err(|_| BrokenRtp::Header)?;
        let (precision, length) = ((word >> 16) as u8, (word & 0xffff) as usize);
        if payload.len() < length {
            return Err(BrokenRtp::Header);
        }
        if length == 0 {
            let known = self.0.iter().find(|(known, _)| *known == q);
            return known.map(|(_, pair)| pair.clone()).ok_or(BrokenRtp::Tables);
        }
        let mut data = payload.split_to(length);
        let mut next = |bit: u8| {
            let length = if precision >> bit & 1 == 0 { 64 } else { 128 };
            (data.len() >= length).then(|| data.split_to(length).to_vec())
        };
        let luma = next(0).ok_or(BrokenRtp::Header)?;
        let chroma = next(1).unwrap_or_else(|| luma.clone());
        let pair = Pair([luma, chroma]);
        self.0.retain(|(known, _)| *known != q);
        // Those of 255 change with each picture.
        if q != 255 {
            self.0.push((q, pair.clone()));
        }
        Ok(pair)
    }
}

/// The picture's headers up to the scan's (appendix B). The Huffman tables are the standard ones,
/// as they are for every JPEG without tables.
fn head(
    kind: u8,
    (width, height): (u16, u16),
    tables: &Pair,
    dri: u16,
) -> Result<Vec<u8>, BrokenRtp> {
    let sampling = match kind {
        0 | 64 => 0x21,
        1 | 65 => 0x22,
        other => return Err(BrokenRtp::Type(other)),
    };
    let mut head = JFIF.to_vec();
    let mut is_baseline = true;
    for (number, table) in (0u8..).zip(&tables.0) {
        let is_wide = table.len() == 128;
        is_baseline &= !is_wide;
        head.extend([0xff, 0xdb, 0, 3 + table.len() as u8]);
        head.push(u8::from(is_wide) << 4 | number);
        head.extend_from_slice(table);
    }
    if dri != 0 {
        head.extend(b"\xff\xdd\x00\x04");
        head.extend(dri.to_be_bytes());
    }
    // Tables of 16 bits are for the extended process only (T.81, B.2.4.1).
    let frame = if is_baseline { 0xc0 } else { 0xc1 };
    head.extend([0xff, frame, 0, 17, 8]);
    head.extend(height.to_be_bytes());
    head.extend(width.to_be_bytes());
    head.extend([3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]);
    head.extend(jpeg_splice::standard_tables());
    head.extend_from_slice(SCAN);
    Ok(head)
}

/// A table of ITU-T T.81, annex K.1, for the quality `q` from 1 to 99 (appendix A).
fn scaled(table: &[u8; 64], q: u8) -> Vec<u8> {
    let q = u32::from(q);
    let factor = if q < 50 { 5000 / q } else { 200 - 2 * q };
    let scale = |value: &u8| ((u32::from(*value) * factor + 50) / 100).clamp(1, 255) as u8;
    table.iter().map(scale).collect()
}

/// T.81, table K.1, in the order of the zigzag.
#[rustfmt::skip]
const LUMA: [u8; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
    26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
    56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];
/// T.81, table K.2, in the order of the zigzag.
#[rustfmt::skip]
const CHROMA: [u8; 64] = [
    17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// The size that a description (SDP) of the media `payload_type` tells beside the standard's
/// fields: `x-dimensions` or `framesize` (RFC 6064, 6.2).
pub fn described_size(sdp: &str) -> Option<(u16, u16)> {
    let mut is_video = false;
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            is_video = media.starts_with("video");
        }
        let pair = match line.trim_end().split_once(':') {
            Some(("a=x-dimensions", size)) if is_video => size.split_once(','),
            Some(("a=framesize", size)) if is_video => size
                .split_once(' ')
                .and_then(|(_, size)| size.split_once('-')),
            _ => None,
        };
        let size = pair.and_then(|(width, height)| {
            Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
        });
        if let Some((1.., 1..)) = size {
            return size;
        }
    }
    None
}

/// The size in the extension of an RTP header: the picture's own JPEG headers (ONVIF Streaming
/// Specification, 5.1.3).
pub fn extension_size(rtp: &[u8]) -> Option<(u16, u16)> {
    let first = *rtp.first()?;
    if first & 0x10 == 0 {
        return None;
    }
    let start = 12 + 4 * usize::from(first & 0xf);
    let (profile, rest) = rtp.get(start..)?.split_at_checked(4)?;
    if profile[..2] != [0xff, 0xd8] {
        return None;
    }
    let words = usize::from(u16::from_be_bytes([profile[2], profile[3]]));
    let mut segments = rest.get(..4 * words)?;
    loop {
        let (head, rest) = segments.split_at_checked(4)?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        match (head[0], head[1]) {
            // What fills the last word.
            (0xff, 0xff) => segments = &segments[1..],
            (0xff, 0xc0 | 0xc1) => {
                let size = rest.get(1..5)?;
                let side = |at| u16::from_be_bytes([size[at], size[at + 1]]);
                return Some((side(2), side(0))).filter(|size| size.0 > 0 && size.1 > 0);
            }
            (0xff, _) => segments = segments.get(length.checked_add(2)?..)?,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jpeg_splice::{Header, Jpeg};

    /// A packet of a picture of 16 × 8 pixels.
    fn packet(timestamp: i64, offset: u8, is_last: bool, kind: u8, rest: &[u8]) -> Packet {
        let head = [0, 0, 0, offset, kind, 50, 2, 1];
        Packet {
            timestamp,
            is_last,
            payload: [&head, rest].concat().into(),
            size: None,
        }
    }

    fn size(jpeg: &Bytes) -> (u32, u32) {
        let header = Header::parse(jpeg).unwrap();
        (header.width, header.height)
    }

    #[test]
    fn packets_become_a_whole_picture() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.push(packet(1, 0, false, 1, b"abc")), None);
        let picture = assembler
            .push(packet(1, 3, true, 1, b"d"))
            .unwrap()
            .unwrap();
        assert_eq!(*Jpeg::new(picture.clone()).unwrap(), *picture);
        assert_eq!(size(&picture), (16, 8));
        assert!(picture.ends_with(b"abcd\xff\xd9"));
    }

    #[test]
    fn a_picture_that_misses_a_packet_is_broken_and_the_next_is_not() {
        let mut assembler = Assembler::default();
        // The middle, the start, the end.
        assert_eq!(assembler.push(packet(1, 0, false, 0, b"abc")), None);
        assert_eq!(
            assembler.push(packet(1, 4, true, 0, b"e")),
            Some(Err(BrokenRtp::Lost))
        );
        assert_eq!(
            assembler.push(packet(2, 3, true, 0, b"d")),
            Some(Err(BrokenRtp::Lost))
        );
        assert_eq!(assembler.push(packet(3, 0, false, 0, b"abc")), None);
        assert_eq!(
            assembler.push(packet(4, 0, false, 0, b"abc")),
            Some(Err(BrokenRtp::Lost))
        );
        assert!(assembler.push(packet(4, 3, true, 0, b"d")).unwrap().is_ok());
    }

    #[test]
    fn wrong_headers_are_told() {
        let mut assembler = Assembler::default();
        let mut short = packet(1, 0, true, 1, b"");
        short.payload.truncate(7);
        assert_eq!(assembler.push(short), Some(Err(BrokenRtp::Header)));
        // A restart header that is cut off, and a type without a meaning.
        assert_eq!(
            assembler.push(packet(2, 0, true, 65, b"ab")),
            Some(Err(BrokenRtp::Header))
        );
        assert_eq!(
            assembler.push(packet(3, 0, true, 7, b"ab")),
            Some(Err(BrokenRtp::Type(7)))
        );
        let with = |q: u8, rest: &[u8]| Packet {
            payload: [&[0, 0, 0, 0, 1, q, 2, 1], rest].concat().into(),
            ..packet(4, 0, true, 1, b"")
        };
        assert_eq!(
            assembler.push(with(100, b"x")),
            Some(Err(BrokenRtp::Header))
        );
        assert_eq!(
            assembler.push(with(200, &[0; 4])),
            Some(Err(BrokenRtp::Tables))
        );
        assert_eq!(
            assembler.push(with(200, &[0, 0, 0, 64, 1])),
            Some(Err(BrokenRtp::Header))
        );
    }

    #[test]
    fn sent_tables_are_kept_by_their_number() {
        let mut assembler = Assembler::default();
        let sent = |length: u8, tables: &[u8]| Packet {
            payload: [&[0, 0, 0, 0, 1, 130, 2, 1, 0, 0, 0, length], tables, b"abc"]
                .concat()
                .into(),
            ..packet(1, 0, true, 1, b"")
        };
        let first = assembler.push(sent(128, &[3; 128])).unwrap().unwrap();
        let second = assembler.push(sent(0, &[])).unwrap().unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn large_pictures_tell_their_size_elsewhere() {
        let large = |size| Packet {
            payload: [&[0, 0, 0, 0, 1, 50, 0, 0][..], b"abc"].concat().into(),
            size,
            ..packet(1, 0, true, 1, b"")
        };
        let mut assembler = Assembler::default();
        assert_eq!(assembler.push(large(None)), Some(Err(BrokenRtp::Size)));
        let told = assembler.push(large(Some((2560, 1440)))).unwrap().unwrap();
        assert_eq!(size(&told), (2560, 1440));
        let sdp = "m=audio 0 RTP/AVP 0\r\na=framesize:0 1-1\r\nm=video 0 RTP/AVP 26\r\n\
            a=framesize:26 3840-2160\r\n";
        assert_eq!(described_size(sdp), Some((3840, 2160)));
        let sdp = "m=video 0 RTP/AVP 26\r\na=x-dimensions:2560,1440\r\n";
        let mut assembler = Assembler::new(described_size(sdp));
        let told = assembler.push(large(None)).unwrap().unwrap();
        assert_eq!(size(&told), (2560, 1440));
    }

    #[test]
    fn an_extension_holds_the_frame_header() {
        let mut rtp = vec![0x90, 26, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        // Tables, a frame header, and what fills the last word.
        let segments =
            b"\xff\xdb\x00\x03\x00\xff\xc0\x00\x0b\x08\x05\xa0\x0a\x00\x01\x01\x11\x00\xff\xff";
        rtp.extend([0xff, 0xd8, 0, 5]);
        rtp.extend(segments);
        assert_eq!(extension_size(&rtp), Some((2560, 1440)));
        // Cut anywhere it is none, and no panic.
        for length in 0..rtp.len() {
            assert_eq!(extension_size(&rtp[..length]), None);
        }
        rtp[0] = 0x80;
        assert_eq!(extension_size(&rtp), None);
    }
}
