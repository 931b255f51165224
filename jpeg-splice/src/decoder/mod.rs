//! Decodes any DCT-based JPEG of 8 bits as libjpeg does, the damaged ones too: several scans, any
//! sampling, arithmetic coding, lost restart intervals.
//!
//! It is here for pictures that the fast decoder gets wrong or refuses. It is plain: all
//! coefficients are kept until the last scan is read. What libjpeg makes of damage is documented in
//! its `jdmarker.c`, `jdhuff.c` and `jdsample.c`; where an interval is lost, its blocks are
//! mid-grey.

mod arithmetic;
mod bits;
mod error;
mod frame;
mod huffman;
mod idct;
mod markers;
mod output;
mod scan;
#[cfg(test)]
mod tests;

use arithmetic::{Arithmetic, Conditioning};
use bits::Bits;
pub use error::DecodeError;
use error::Result;
use frame::Frame;
use huffman::{Huffman, Tables};
use markers::Data;
use output::Color;
use scan::{Coder, Scan, ScanDecoder};

use crate::marker;
use crate::syntax::{self, ColorHints};

/// The most scans of a picture. Usual progressive ones have ten.
const MOST_SCANS: u64 = 100;
/// The most pixels of all scans together: each costs as much as a picture, however little data it
/// has.
const MOST_PIXELS: u64 = 1 << 30;

/// Decodes `jpeg` to 8-bit RGB: width × height × 3 bytes, rows from top to bottom, in `rgb`, whose
/// memory is used again. Gives width and height.
///
/// # Errors
/// It is no JPEG, of a kind that is not decoded, or its headers are damaged. Damaged data is no
/// error.
pub fn decode(jpeg: &[u8], rgb: &mut Vec<u8>) -> Result<(u32, u32)> {
    let mut state = DecoderState::default();
    let frame = state.read(Data::new(jpeg, 0))?;
    let size = (frame.width, frame.height);
    output::write(frame, rgb);
    Ok(size)
}

impl Frame {
    fn most_scans(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        (MOST_PIXELS / pixels.max(1)).min(MOST_SCANS)
    }
}

/// Tables and parameters that were read so far.
#[derive(Default)]
struct DecoderState {
    frame: Option<Frame>,
    tables: Tables,
    conditioning: Conditioning,
    quantization: [Option<[u16; 64]>; 4],
    interval: u32,
    colors: ColorHints,
    scans: u64,
}

impl DecoderState {
    fn read(&mut self, mut data: Data<'_>) -> Result<Frame> {
        if data.next_marker() != marker::SOI {
            return Err(DecodeError::Damaged("it doesn't start with FF D8"));
        }
        data.marker = None;
        loop {
            match data.next_marker() {
                marker::EOI => break,
                marker::SOI => return Err(DecodeError::Damaged("it starts twice")),
                marker::SOS => {
                    let payload = data.segment()?;
                    let (rest, is_last) = self.scan(payload, data)?;
                    data = rest;
                    if is_last {
                        break;
                    }
                }
                code if marker::stands_alone(code) => data.marker = None,
                code => self.segment(code, data.segment()?)?,
            }
        }
        match self.frame.take() {
            Some(frame) if self.scans > 0 => Ok(frame),
            _ => Err(DecodeError::Damaged("there is no picture in it")),
        }
    }

    fn segment(&mut self, code: u8, payload: &[u8]) -> Result<()> {
        match code {
            code if marker::is_sof(code) => {
                if self.frame.is_some() {
                    return Err(DecodeError::Damaged("it has more than one frame header"));
                }
                self.frame = Some(Frame::read(code, payload)?);
            }
            marker::DHT => self.tables.read(payload)?,
            marker::DAC => self.conditioning.read(payload),
            marker::DQT => {
                for found in syntax::quantization_tables(payload) {
                    let found = found?;
                    self.quantization[usize::from(found.id)] = Some(found.table);
                }
            }
            marker::DRI => self.interval = syntax::restart_interval(payload)?.into(),
            _ => self.colors.read(code, payload),
        }
        Ok(())
    }

    /// Decodes a scan. Gives what follows it, and whether nothing more is needed.
    fn scan<'a>(&mut self, payload: &[u8], data: Data<'a>) -> Result<(Data<'a>, bool)> {
        self.scans += 1;
        let frame = self.frame.as_mut();
        let frame = frame.ok_or(DecodeError::Damaged("it has no frame header"))?;
        let most = frame.most_scans();
        if self.scans > most {
            return Err(DecodeError::Scans(most));
        }
        let scan = Scan::read(payload, frame)?;
        for component in &scan.components {
            frame.latch(component.index, &self.quantization)?;
        }
        if self.scans == 1 {
            if !frame.is_progressive {
                self.tables.complete()?;
            }
            let ids: Vec<u8> = frame.components.iter().map(|it| it.id).collect();
            frame.color = Color::of(&ids, self.colors);
            frame.make_room();
        }
        let coder = if frame.is_arithmetic {
            Coder::Arithmetic(Arithmetic::new(data, self.conditioning))
        } else {
            Coder::Huffman(Huffman::new(Bits::new(data), &self.tables, &scan)?)
        };
        let decoder = ScanDecoder {
            coder,
            interval: self.interval,
            done: 0,
            number: 0,
        };
        let data = decoder.decode(&scan, frame);
        let is_all = scan.components.len() == frame.components.len();
        Ok((data, is_all && !frame.is_progressive))
    }
}
