//! Scans: which blocks come in which order (T.81, A.2 and B.2.3).

use super::arithmetic::Arithmetic;
use super::error::{DecodeError, Result};
use super::frame::Frame;
use super::huffman::Huffman;
use super::markers::Data;
use crate::syntax::{ScanHeader, Selector};

/// The most blocks of an MCU (T.81, B.2.3).
const MCU_BLOCKS: usize = 10;

/// A scan header.
pub struct Scan {
    pub components: Vec<ScanComponent>,
    pub is_progressive: bool,
    /// The first and the last coefficient.
    pub start: usize,
    pub end: usize,
    /// The bits that came before (0 for none) and the bit that this scan ends with.
    pub high: u8,
    pub low: u8,
}

/// One component of a scan.
pub struct ScanComponent {
    /// Its index in the frame.
    pub index: usize,
    /// The tables that it is coded with.
    pub dc: u8,
    pub ac: u8,
}

impl Scan {
    /// Reads a scan header.
    ///
    /// # Errors
    /// It makes no sense for `frame`.
    pub fn read(payload: &[u8], frame: &Frame) -> Result<Self> {
        const DAMAGED: DecodeError = DecodeError::Damaged("a scan header makes no sense");
        let header = ScanHeader::read(payload)?;
        let [start, end, bits, ..] = *header.spectrum else {
            return Err(DAMAGED);
        };
        let mut components: Vec<ScanComponent> = Vec::new();
        for Selector { id, dc, ac } in header.selectors() {
            // Several may have one name: libjpeg takes the first whose place is not before its own
            // in the scan.
            let mut rest = frame.components.iter().skip(components.len());
            let index = components.len() + rest.position(|it| it.id == id).ok_or(DAMAGED)?;
            if components.iter().any(|other| other.index == index) {
                return Err(DAMAGED);
            }
            components.push(ScanComponent { index, dc, ac });
        }
        let scan = Self {
            components,
            is_progressive: frame.is_progressive,
            // What a sequential one says of this, libjpeg passes over.
            start: if frame.is_progressive {
                start.into()
            } else {
                0
            },
            end: if frame.is_progressive { end.into() } else { 63 },
            high: if frame.is_progressive { bits >> 4 } else { 0 },
            low: if frame.is_progressive { bits & 15 } else { 0 },
        };
        if scan.makes_sense(frame) {
            Ok(scan)
        } else {
            Err(DAMAGED)
        }
    }

    fn makes_sense(&self, frame: &Frame) -> bool {
        let is_band = match (self.is_progressive, self.start) {
            (false, _) => true,
            (true, 0) => self.end == 0,
            (true, start) => self.components.len() == 1 && start <= self.end && self.end < 64,
        };
        let blocks = self
            .components
            .iter()
            .map(|it| frame.components[it.index].blocks_per_mcu());
        let fits = self.components.len() == 1 || blocks.sum::<usize>() <= MCU_BLOCKS;
        is_band && fits && !self.components.is_empty() && self.low <= 13
    }
}

/// The decoder of a scan's blocks.
pub enum Coder<'d, 't> {
    Huffman(Huffman<'d, 't>),
    Arithmetic(Arithmetic<'d>),
}

impl<'d> Coder<'d, '_> {
    fn is_over(&self) -> bool {
        match self {
            Self::Huffman(huffman) => huffman.is_over(),
            Self::Arithmetic(arithmetic) => arithmetic.is_over(),
        }
    }

    fn restart(&mut self, number: u8) {
        match self {
            Self::Huffman(huffman) => huffman.restart(number),
            Self::Arithmetic(arithmetic) => arithmetic.restart(number),
        }
    }

    fn block(&mut self, scan: &Scan, which: usize, block: &mut [i16]) {
        match self {
            Self::Huffman(huffman) => huffman.block(scan, which, block),
            Self::Arithmetic(arithmetic) => arithmetic.block(scan, which, block),
        }
    }

    fn into_data(self) -> Data<'d> {
        match self {
            Self::Huffman(huffman) => huffman.into_data(),
            Self::Arithmetic(arithmetic) => arithmetic.into_data(),
        }
    }
}

/// Decodes a scan block by block.
pub struct ScanDecoder<'d, 't> {
    pub coder: Coder<'d, 't>,
    /// MCUs between restart markers, 0 for none.
    pub interval: u32,
    /// The MCUs of this interval that are done, and the next marker's number.
    pub done: u32,
    pub number: u8,
}

impl<'d> ScanDecoder<'d, '_> {
    /// Decodes all of a scan into the coefficients of `frame`, and gives back what follows it.
    pub fn decode(mut self, scan: &Scan, frame: &mut Frame) -> Data<'d> {
        if let [only] = scan.components.as_slice() {
            let component = &frame.components[only.index];
            let (across, down) = component.blocks;
            for place in 0..across as usize * down as usize {
                let at = (place % across as usize, place / across as usize);
                if self.starts_mcu() {
                    let block = frame.components[only.index].block_mut(at);
                    self.coder.block(scan, 0, block);
                }
            }
            return self.coder.into_data();
        }
        let (across, down) = frame.mcus();
        for place in 0..across as usize * down as usize {
            if self.starts_mcu() {
                self.mcu(
                    scan,
                    frame,
                    (place % across as usize, place / across as usize),
                );
            }
        }
        self.coder.into_data()
    }

    /// Takes the restart marker that is due. Gives whether the next MCU has data.
    fn starts_mcu(&mut self) -> bool {
        if self.interval > 0 && self.done == self.interval {
            self.coder.restart(self.number);
            self.number = (self.number + 1) % 8;
            self.done = 0;
        }
        self.done = self.done.saturating_add(1);
        !self.coder.is_over()
    }

    fn mcu(&mut self, scan: &Scan, frame: &mut Frame, (x, y): (usize, usize)) {
        for (which, it) in scan.components.iter().enumerate() {
            let component = &mut frame.components[it.index];
            let (h, v) = (usize::from(component.h), usize::from(component.v));
            for part in 0..h * v {
                let block = component.block_mut((x * h + part % h, y * v + part / h));
                self.coder.block(scan, which, block);
            }
        }
    }
}
