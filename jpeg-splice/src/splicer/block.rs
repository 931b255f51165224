//! One block under a drawing: decoded, drawn on, and coded again.

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use super::dct::{self, Block, Multipliers, PLACES};
use super::huffman::{Tables, extend};
use super::prepared::Blend;
use crate::error::{Result, damaged};

/// The largest AC coefficient that baseline JPEG codes (T.81, table F.2).
const LARGEST_AC: f32 = 1023.0;
/// DC coefficients stay in -1024 to 1023, so that differences fit 11 bits (T.81, table F.1).
const SMALLEST_DC: f32 = -1024.0;
/// Sixteen zeros (T.81, F.1.2.2.1).
pub(crate) const SIXTEEN_ZEROS: u8 = 0xf0;
const END_OF_BLOCK: u8 = 0x00;

/// Quantized coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantized {
    /// In zigzag order; the first is the DC coefficient itself, not a difference.
    pub values: [i16; 64],
    /// The AC coefficients that aren't zero: bit k for coefficient k.
    pub nonzero: u64,
}

/// Decodes a block behind its DC difference (T.81, F.2.2.2) into coefficients in their places,
/// still quantized.
#[inline]
pub(crate) fn decode(tables: &Tables, reader: &mut BitReader<'_>, dc: i32) -> Result<Block> {
    let mut block = [0.0; 64];
    block[0] = dc as f32;
    let mut k = 0;
    while k < 63 {
        let (run, size) = tables.ac_symbol(reader)?;
        if size == 0 && run == 0 {
            break;
        }
        k += run + 1;
        if k > 63 {
            return damaged("a block has too many coefficients", reader.byte());
        }
        if size > 0 {
            let value = extend(reader.take(size), size);
            block[usize::from(PLACES[k as usize])] = value as f32;
        }
    }
    Ok(block)
}

/// Draws on a block of quantized coefficients.
#[inline]
pub(crate) fn blend(block: &mut Block, blend: Blend<'_>, multipliers: &Multipliers) {
    match blend {
        Blend::Opaque { new, .. } => *block = multiply(new, &multipliers.forward),
        Blend::Uniform { keep, add } => {
            // The transform is linear, so there is no need for samples.
            for at in 0..64 {
                block[at] = block[at] * keep + add[at] * multipliers.forward[at];
            }
        }
        Blend::PerSample { keep, add } => {
            *block = multiply(block, &multipliers.inverse);
            dct::inverse(block);
            for at in 0..64 {
                // Decoders cut samples off at these.
                block[at] = block[at].clamp(-128.0, 127.0) * keep[at] + add[at];
            }
            dct::forward(block);
            *block = multiply(block, &multipliers.forward);
        }
    }
}

#[inline]
pub(crate) fn multiply(block: &Block, by: &Block) -> Block {
    std::array::from_fn(|at| block[at] * by[at])
}

impl Default for Quantized {
    fn default() -> Self {
        Self {
            values: [0; 64],
            nonzero: 0,
        }
    }
}

impl Quantized {
    /// Rounds coefficients that have been divided by their steps.
    #[inline]
    pub fn round(block: &Block) -> Self {
        // The sum's last bits are the rounded number: quicker than `round` on many a processor.
        const MAGIC: f32 = 12_582_912.0;
        let mut rounded = block.map(|value| {
            let value = value.clamp(-LARGEST_AC, LARGEST_AC) + MAGIC;
            value.to_bits() as i16
        });
        let dc = block[0].clamp(SMALLEST_DC, LARGEST_AC) + MAGIC;
        rounded[0] = dc.to_bits() as i16;
        Self::in_zigzag(&rounded)
    }

    #[inline]
    fn in_zigzag(rounded: &[i16; 64]) -> Self {
        let mut values = [0; 64];
        let mut nonzero = 0;
        for (k, &place) in PLACES.iter().enumerate() {
            let value = rounded[usize::from(place)];
            values[k] = value;
            nonzero |= u64::from(value != 0) << k;
        }
        Self {
            values,
            nonzero: nonzero & !1,
        }
    }

    /// The DC coefficient.
    pub fn dc(&self) -> i32 {
        self.values[0].into()
    }

    /// The runs of sixteen zeros that fit before the end of the block: they change nothing but its
    /// length.
    pub fn room(&self) -> u32 {
        let last = 63 - (self.nonzero | 1).leading_zeros();
        62u32.saturating_sub(last) / 16
    }

    /// Codes the AC coefficients, with `fill` times sixteen zeros at their end (T.81, F.1.2.2).
    #[inline]
    pub fn write_ac(&self, tables: &Tables, writer: &mut BitWriter<'_>, fill: u32) -> Result<()> {
        let mut before = 0;
        let mut nonzero = self.nonzero;
        while nonzero != 0 {
            let k = nonzero.trailing_zeros();
            nonzero &= nonzero - 1;
            let mut run = k - before - 1;
            while run > 15 {
                write_symbol(tables, writer, SIXTEEN_ZEROS)?;
                run -= 16;
            }
            let value = i32::from(self.values[k as usize]);
            let size = size(value);
            let (code, length) = tables.ac.code((run << 4 | size) as u8)?;
            writer.put(code << size | extra(value, size), length + size);
            before = k;
        }
        for _ in 0..fill {
            write_symbol(tables, writer, SIXTEEN_ZEROS)?;
        }
        if before < 63 {
            write_symbol(tables, writer, END_OF_BLOCK)?;
        }
        Ok(())
    }
}

fn write_symbol(tables: &Tables, writer: &mut BitWriter<'_>, symbol: u8) -> Result<()> {
    let (code, length) = tables.ac.code(symbol)?;
    writer.put(code, length);
    Ok(())
}

/// Codes a DC difference (T.81, F.1.2.1).
#[inline]
pub(crate) fn write_dc(tables: &Tables, writer: &mut BitWriter<'_>, difference: i32) -> Result<()> {
    let size = size(difference);
    if size > 11 {
        return damaged("a DC difference is too large", 0);
    }
    let (code, length) = tables.dc.code(size as u8)?;
    writer.put(code << size | extra(difference, size), length + size);
    Ok(())
}

/// The number of bits of a value's magnitude.
#[inline]
fn size(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// The bits that follow the code: the value, or if it is negative the value less one, `size` bits
/// of it.
#[inline]
fn extra(value: i32, size: u32) -> u32 {
    let bits = value - i32::from(value < 0);
    bits as u32 & ((1 << size) - 1)
}
