//! The contents of marker segments (ITU-T T.81, B.2), as far as all readers here agree on them.

use crate::error::Error;
use crate::marker;

/// A segment that makes no sense, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage(pub &'static str);

impl Damage {
    /// The error of the segment that starts at the byte `at`.
    pub fn at(self, at: usize) -> Error {
        Error::Damaged { what: self.0, at }
    }
}

/// The parameters of a component in a frame header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Component {
    pub id: u8,
    /// The sampling factors, across and down.
    pub h: u8,
    pub v: u8,
    /// The number of its quantization table.
    pub quantization: u8,
}

/// A frame header (SOF; T.81, B.2.2).
#[derive(Clone, Copy)]
pub(crate) struct FrameHeader<'a> {
    /// Bits of a sample.
    pub precision: u8,
    /// Pixels a row.
    pub width: u16,
    /// Rows; 0 if DNL tells them behind the first scan.
    pub height: u16,
    /// The number of components that it claims to have.
    pub count: u8,
    /// Three bytes for each component.
    pub rest: &'a [u8],
}

impl<'a> FrameHeader<'a> {
    pub fn read(payload: &'a [u8]) -> Result<Self, Damage> {
        let [precision, h1, h0, w1, w0, count, rest @ ..] = payload else {
            return Err(Damage("its frame header is cut off"));
        };
        Ok(Self {
            precision: *precision,
            width: u16::from_be_bytes([*w1, *w0]),
            height: u16::from_be_bytes([*h1, *h0]),
            count: *count,
            rest,
        })
    }

    /// The components that are there.
    pub fn components(&self) -> impl Iterator<Item = Component> + Clone + use<'a> {
        let components = self.rest.as_chunks().0.iter();
        components.map(|&[id, factors, quantization]| Component {
            id,
            h: factors >> 4,
            v: factors & 15,
            quantization,
        })
    }
}

/// A scan header (SOS; T.81, B.2.3).
#[derive(Clone, Copy)]
pub(crate) struct ScanHeader<'a> {
    components: &'a [u8],
    /// The first and the last coefficient and the bit positions, a byte each.
    pub spectrum: &'a [u8],
}

/// The selectors of a component in a scan header.
#[derive(Clone, Copy)]
pub(crate) struct Selector {
    pub id: u8,
    /// The numbers of the tables.
    pub dc: u8,
    pub ac: u8,
}

impl<'a> ScanHeader<'a> {
    pub fn read(payload: &'a [u8]) -> Result<Self, Damage> {
        let split = payload
            .split_first()
            .and_then(|(&count, rest)| rest.split_at_checked(usize::from(count) * 2));
        let (components, spectrum) = split.ok_or(Damage("a scan header is cut off"))?;
        Ok(Self {
            components,
            spectrum,
        })
    }

    pub fn selectors(&self) -> impl ExactSizeIterator<Item = Selector> + use<'a> {
        let selectors = self.components.as_chunks().0.iter();
        selectors.map(|&[id, tables]| Selector {
            id,
            dc: tables >> 4,
            ac: tables & 15,
        })
    }
}

/// A Huffman table as DHT has it: 16 counts of codes per length, then the values (T.81, B.2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HuffmanSpec<'a> {
    pub counts: &'a [u8; 16],
    pub values: &'a [u8],
}

/// A table and its destination.
#[derive(Clone, Copy)]
pub(crate) struct Destined<T> {
    /// For quantization tables 8 or 16 bits (0, 1), for Huffman tables DC or AC (0, 1).
    pub class: u8,
    /// 0 to 3.
    pub id: u8,
    pub table: T,
}

/// Splits a segment of tables by `next`, which takes one, of the given class, from the front. Ends
/// behind an error.
fn tables<'a, T: 'a>(
    mut payload: &'a [u8],
    cut_off: &'static str,
    next: impl Fn(u8, &'a [u8]) -> Option<(T, &'a [u8])> + 'a,
) -> impl Iterator<Item = Result<Destined<T>, Damage>> + 'a {
    std::iter::from_fn(move || {
        let (kind, rest) = payload.split_first()?;
        let (class, id) = (kind >> 4, kind & 15);
        let found = next(class, rest).filter(|_| id < 4);
        payload = found.as_ref().map_or(&[], |(_, rest)| rest);
        let found = found.map(|(table, _)| Destined { class, id, table });
        Some(found.ok_or(Damage(cut_off)))
    })
}

/// The Huffman tables of a DHT segment (T.81, B.2.4.2).
pub(crate) fn huffman_tables(
    payload: &[u8],
) -> impl Iterator<Item = Result<Destined<HuffmanSpec<'_>>, Damage>> {
    tables(payload, "a Huffman table is cut off", |class, rest| {
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let length = counts.iter().map(|&count| usize::from(count)).sum();
        let (values, rest) = rest.split_at_checked(length)?;
        (class < 2).then_some((HuffmanSpec { counts, values }, rest))
    })
}

/// The quantization tables of a DQT segment, in zigzag order (T.81, B.2.4.1).
pub(crate) fn quantization_tables(
    payload: &[u8],
) -> impl Iterator<Item = Result<Destined<[u16; 64]>, Damage>> {
    tables(payload, "a quantization table is cut off", |class, rest| {
        let bytes = if class == 0 { 1 } else { 2 };
        let (values, rest) = rest.split_at_checked(64 * bytes)?;
        let value = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |value, &byte| value << 8 | u16::from(byte))
        };
        let table = std::array::from_fn(|k| value(&values[k * bytes..(k + 1) * bytes]));
        Some((table, rest))
    })
}

/// The MCUs between restart markers that a DRI segment sets; 0 for none (T.81, B.2.4.4).
pub(crate) fn restart_interval(payload: &[u8]) -> Result<u16, Damage> {
    let interval = payload.try_into().map(u16::from_be_bytes);
    interval.map_err(|_| Damage("the restart interval has a wrong length"))
}

/// The hints at the components' colours in the segments of JFIF and Adobe, as libjpeg takes them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ColorHints {
    has_jfif: bool,
    /// The transform that Adobe's segment states.
    pub adobe_transform: Option<u8>,
}

impl ColorHints {
    /// Takes the hints of an application segment.
    pub fn read(&mut self, marker: u8, payload: &[u8]) {
        match marker {
            // Shorter ones are none to libjpeg.
            marker::APP0 if payload.len() >= 14 => self.has_jfif |= payload.starts_with(b"JFIF\0"),
            marker::APP14 if payload.len() >= 12 && payload.starts_with(b"Adobe") => {
                self.adobe_transform = Some(payload[11]);
            }
            _ => {}
        }
    }

    /// Whether three components, called `ids`, are Y′CbCr: JFIF says so, Adobe's segment says
    /// which, else the names do.
    pub fn are_ycbcr(&self, ids: [u8; 3]) -> bool {
        match self.adobe_transform {
            _ if self.has_jfif => true,
            Some(transform) => transform != 0,
            None => ids != *b"RGB",
        }
    }
}
