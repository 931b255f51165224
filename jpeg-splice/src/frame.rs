//! The headers and tables before the coded data: SOI to SOS (ITU-T T.81, B.2).

use crate::error::{Result, Unsupported, damaged};
use crate::standard;

/// A JPEG's parameters and tables, and the position of its coded data.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    components: [Component; 3],
    count: usize,
    quantization: [Option<[u16; 64]>; 4],
    /// DC tables, then AC tables.
    huffman: [[Option<HuffmanSpec<'a>>; 4]; 2],
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: usize,
    /// Where SOS starts.
    pub sos: usize,
    /// Where coded data starts.
    pub scan: usize,
}

/// One component's parameters (T.81, B.2.2 and B.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Component {
    id: u8,
    /// Blocks of an MCU, across and down.
    pub h: u8,
    pub v: u8,
    quantization: u8,
    dc: u8,
    ac: u8,
}

/// A Huffman table as DHT has it: 16 counts of codes per length, then the values (T.81, B.2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HuffmanSpec<'a> {
    pub counts: &'a [u8; 16],
    pub values: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads everything up to the coded data.
    pub fn parse(jpeg: &'a [u8]) -> Result<Self> {
        if !jpeg.starts_with(&[0xff, 0xd8]) {
            return damaged("no JPEG starts here", 0);
        }
        let mut parser = Parser::default();
        let mut at = 2;
        loop {
            let (marker, start) = marker(jpeg, at)?;
            if matches!(marker, 0x01 | 0xd0..=0xd7) {
                at = start + 2;
                continue;
            }
            if marker == 0xd8 {
                return damaged("the JPEG starts twice", start);
            }
            if marker == 0xd9 {
                return damaged("the JPEG has no picture", start);
            }
            let payload = payload(jpeg, start)?;
            let end = start + 4 + payload.len();
            if marker == 0xda {
                let places = Places {
                    sos: start,
                    scan: end,
                };
                return parser.scan(payload, places);
            }
            parser.segment(marker, payload, start)?;
            at = end;
        }
    }

    /// One for grey, three for colour.
    pub fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }

    /// The quantization table of a component, in zigzag order.
    pub fn quantization(&self, component: &Component) -> Result<&[u16; 64]> {
        match self.quantization.get(usize::from(component.quantization)) {
            Some(Some(table)) => Ok(table),
            _ => damaged("a quantization table is missing", self.sos),
        }
    }

    /// Whether tables of Annex K have to be added for the JPEG to be complete.
    pub fn lacks_huffman(&self) -> bool {
        self.huffman.iter().flatten().all(Option::is_none)
    }

    /// The DC and the AC table of a component.
    pub fn huffman(&self, component: &Component) -> Result<(HuffmanSpec<'a>, HuffmanSpec<'a>)> {
        if self.lacks_huffman() {
            // What USB cameras mean that send none (T.81, K.3).
            return match (component.dc, component.ac) {
                (0, 0) => Ok((standard::LUMA_DC, standard::LUMA_AC)),
                (1, 1) => Ok((standard::CHROMA_DC, standard::CHROMA_AC)),
                _ => damaged("a Huffman table is missing", self.sos),
            };
        }
        let table = |class: usize, id: u8| self.huffman[class][usize::from(id)];
        match (table(0, component.dc), table(1, component.ac)) {
            (Some(dc), Some(ac)) => Ok((dc, ac)),
            _ => damaged("a Huffman table is missing", self.sos),
        }
    }
}

/// The marker at `at`, past fill bytes: its second byte, and where it starts.
fn marker(jpeg: &[u8], mut at: usize) -> Result<(u8, usize)> {
    if jpeg.get(at) != Some(&0xff) {
        return damaged("no marker stands where one should be", at);
    }
    while jpeg.get(at + 1) == Some(&0xff) {
        at += 1;
    }
    match jpeg.get(at + 1) {
        Some(&code) => Ok((code, at)),
        None => damaged("the JPEG is cut off", at),
    }
}

/// The segment whose marker starts at `start`, without its length.
fn payload(jpeg: &[u8], start: usize) -> Result<&[u8]> {
    let Some(length) = jpeg.get(start + 2..start + 4) else {
        return damaged("the JPEG is cut off", start);
    };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    match jpeg.get(start + 4..start + 2 + length) {
        Some(payload) => Ok(payload),
        None => damaged("a segment is cut off", start),
    }
}

struct Places {
    sos: usize,
    scan: usize,
}

#[derive(Default)]
struct Parser<'a> {
    size: Option<(u32, u32)>,
    components: [Component; 3],
    count: usize,
    quantization: [Option<[u16; 64]>; 4],
    huffman: [[Option<HuffmanSpec<'a>>; 4]; 2],
    restart_interval: usize,
    has_jfif: bool,
    adobe_transform: Option<u8>,
}

impl<'a> Parser<'a> {
    fn segment(&mut self, marker: u8, payload: &'a [u8], at: usize) -> Result<()> {
        match marker {
            0xc0 | 0xc1 => self.frame(payload, at)?,
            0xc2 => return Err(Unsupported::Progressive.into()),
            0xc4 => self.huffman_tables(payload, at)?,
            0xc3 | 0xc5..=0xc7 => return Err(Unsupported::Lossless.into()),
            0xc8..=0xcf => return Err(Unsupported::Arithmetic.into()),
            0xdb => self.quantization_tables(payload, at)?,
            0xdd => match payload {
                [high, low] => {
                    self.restart_interval = usize::from(u16::from_be_bytes([*high, *low]));
                }
                _ => return damaged("the restart interval has a wrong length", at),
            },
            // Shorter ones are none to libjpeg.
            0xe0 if payload.len() >= 14 => self.has_jfif |= payload.starts_with(b"JFIF\0"),
            0xee if payload.len() >= 12 && payload.starts_with(b"Adobe") => {
                self.adobe_transform = Some(payload[11]);
            }
            _ => {}
        }
        Ok(())
    }

    /// SOF0 and SOF1 (T.81, B.2.2).
    fn frame(&mut self, payload: &[u8], at: usize) -> Result<()> {
        if self.size.is_some() {
            return damaged("a second frame header", at);
        }
        let [precision, h1, h0, w1, w0, count, rest @ ..] = payload else {
            return damaged("the frame header is cut off", at);
        };
        if *precision != 8 {
            return Err(Unsupported::Precision(*precision).into());
        }
        if !matches!(count, 1 | 3) {
            return Err(Unsupported::Components(*count).into());
        }
        let height = u32::from(u16::from_be_bytes([*h1, *h0]));
        let width = u32::from(u16::from_be_bytes([*w1, *w0]));
        if height == 0 {
            return Err(Unsupported::Height.into());
        }
        if width == 0 || rest.len() != usize::from(*count) * 3 {
            return damaged("the frame header makes no sense", at);
        }
        self.size = Some((width, height));
        self.count = usize::from(*count);
        for (component, bytes) in self.components.iter_mut().zip(rest.chunks_exact(3)) {
            *component = Component {
                id: bytes[0],
                h: bytes[1] >> 4,
                v: bytes[1] & 15,
                quantization: bytes[2],
                ..Component::default()
            };
        }
        self.check_sampling(at)
    }

    fn check_sampling(&mut self, at: usize) -> Result<()> {
        let components = &mut self.components[..self.count];
        if components
            .iter()
            .any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v))
        {
            return damaged("a sampling factor is none", at);
        }
        if let [grey] = components {
            // A scan of one component isn't interleaved: its MCU is one block (T.81, A.2.2).
            (grey.h, grey.v) = (1, 1);
        }
        let h = components.iter().map(|c| c.h).max().unwrap_or(1);
        let v = components.iter().map(|c| c.v).max().unwrap_or(1);
        let fits =
            |factor: u8, largest: u8| matches!(factor, 1 | 2 | 4) && largest.is_multiple_of(factor);
        if components.iter().any(|c| !fits(c.h, h) || !fits(c.v, v)) {
            return Err(Unsupported::Sampling.into());
        }
        if components.iter().map(|c| c.h * c.v).sum::<u8>() > 10 {
            return damaged("an MCU has more than ten blocks", at);
        }
        Ok(())
    }

    /// DQT (T.81, B.2.4.1).
    fn quantization_tables(&mut self, mut payload: &[u8], at: usize) -> Result<()> {
        while let [kind, rest @ ..] = payload {
            let (bytes, id) = (1 + usize::from(kind >> 4), usize::from(kind & 15));
            let (Some(table), true, true) = (rest.get(..64 * bytes), bytes <= 2, id < 4) else {
                return damaged("a quantization table is cut off", at);
            };
            let mut values = [0; 64];
            for (value, bytes) in values.iter_mut().zip(table.chunks_exact(bytes)) {
                *value = bytes
                    .iter()
                    .fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            if values.contains(&0) {
                return damaged("a quantization table has a zero", at);
            }
            self.quantization[id] = Some(values);
            payload = &rest[64 * bytes..];
        }
        Ok(())
    }

    /// DHT (T.81, B.2.4.2).
    fn huffman_tables(&mut self, mut payload: &'a [u8], at: usize) -> Result<()> {
        while let [kind, rest @ ..] = payload {
            let (class, id) = (usize::from(kind >> 4), usize::from(kind & 15));
            let Some((counts, rest)) = rest.split_first_chunk::<16>() else {
                return damaged("a Huffman table is cut off", at);
            };
            let length = counts.iter().map(|&count| usize::from(count)).sum();
            let (Some(values), true, true) = (rest.get(..length), class < 2, id < 4) else {
                return damaged("a Huffman table is cut off", at);
            };
            self.huffman[class][id] = Some(HuffmanSpec { counts, values });
            payload = &rest[length..];
        }
        Ok(())
    }

    /// SOS (T.81, B.2.3).
    fn scan(mut self, payload: &[u8], places: Places) -> Result<Frame<'a>> {
        let at = places.sos;
        let Some((width, height)) = self.size else {
            return damaged("there is no frame header", at);
        };
        let [count, rest @ ..] = payload else {
            return damaged("the scan header is cut off", at);
        };
        let count = usize::from(*count);
        if count < self.count {
            return Err(Unsupported::Scans.into());
        }
        if count != self.count || rest.len() != count * 2 + 3 {
            return damaged("the scan header makes no sense", at);
        }
        let (selectors, spectrum) = rest.split_at(count * 2);
        for (component, selector) in self.components.iter_mut().zip(selectors.chunks_exact(2)) {
            (component.dc, component.ac) = (selector[1] >> 4, selector[1] & 15);
            if selector[0] != component.id || component.dc > 3 || component.ac > 3 {
                return damaged("the scan header makes no sense", at);
            }
        }
        if spectrum != [0, 63, 0] {
            return damaged("the scan is not a baseline JPEG's", at);
        }
        if self.count == 3 && !self.is_ycbcr() {
            return Err(Unsupported::ColorSpace.into());
        }
        Ok(Frame {
            width,
            height,
            components: self.components,
            count,
            quantization: self.quantization,
            huffman: self.huffman,
            restart_interval: self.restart_interval,
            sos: places.sos,
            scan: places.scan,
        })
    }

    /// As decoders agree on: JFIF says YCbCr, Adobe's segment says which, else the names of the components.
    fn is_ycbcr(&self) -> bool {
        match self.adobe_transform {
            _ if self.has_jfif => true,
            Some(transform) => transform != 0,
            None => self.components.map(|component| component.id) != *b"RGB",
        }
    }
}
