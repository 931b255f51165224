//! Huffman tables (ITU-T T.81, annex C): codes to values, and values to codes.

use super::bit_reader::BitReader;
use crate::error::{Result, Unsupported, damaged};
use crate::syntax::HuffmanSpec;

/// Codes up to this long are found by a look-up. Most are; larger tables cost more than they save,
/// for they push other things out of the processor's cache.
const SHORT_BITS: u32 = 9;

/// The codes of one table, for decoding symbol by symbol and for coding.
pub(crate) struct Codes {
    /// By value: the code and its length in bits; 0 if there is none.
    by_value: [(u16, u8); 256],
    /// By the next [`SHORT_BITS`]: the code's length, 0 if it is longer than that; and the value.
    short: [(u8, u8); 1 << SHORT_BITS],
    /// By length in bits: the first code that is too large for it, at the top of 16 bits.
    ends: [u32; 17],
    /// By length: what to add to a code to get its value's index.
    offsets: [i32; 17],
    values: Vec<u8>,
}

impl Codes {
    /// Makes the codes of `spec` (T.81, annex C).
    pub fn new(spec: HuffmanSpec<'_>) -> Result<Self> {
        let mut codes = Self {
            by_value: [(0, 0); 256],
            short: [(0, 0); 1 << SHORT_BITS],
            ends: [0; 17],
            offsets: [0; 17],
            values: spec.values.to_vec(),
        };
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = usize::from(spec.counts[length as usize - 1]);
            codes.offsets[length as usize] = index as i32 - code as i32;
            for &value in &spec.values[index..index + count] {
                if code >> length != 0 {
                    return damaged("a Huffman table has too many codes", 0);
                }
                codes.add(value, code, length);
                code += 1;
            }
            index += count;
            codes.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(codes)
    }

    fn add(&mut self, value: u8, code: u32, length: u32) {
        self.by_value[usize::from(value)] = (code as u16, length as u8);
        if length <= SHORT_BITS {
            let spread = SHORT_BITS - length;
            let from = (code << spread) as usize;
            self.short[from..from + (1 << spread)].fill((length as u8, value));
        }
    }

    /// Decodes one value (T.81, F.2.2.3).
    #[inline]
    pub fn decode(&self, reader: &mut BitReader<'_>) -> Result<u8> {
        let (length, value) = self.short[reader.peek(SHORT_BITS)];
        if length > 0 {
            reader.skip(length.into());
            return Ok(value);
        }
        self.decode_long(reader)
    }

    #[cold]
    fn decode_long(&self, reader: &mut BitReader<'_>) -> Result<u8> {
        match self.long(reader.peek(16) as u32) {
            Some((length, value)) => {
                reader.skip(length);
                Ok(value)
            }
            None => damaged("a code stands for nothing", reader.byte()),
        }
    }

    /// The code longer than [`SHORT_BITS`] at the start of 16 bits: its length, and the value.
    fn long(&self, bits: u32) -> Option<(u32, u8)> {
        let length = (SHORT_BITS + 1..=16).find(|length| bits < self.ends[*length as usize])?;
        let index = (bits >> (16 - length)) as i32 + self.offsets[length as usize];
        let value = self.values.get(usize::try_from(index).ok()?)?;
        Some((length, *value))
    }

    /// The code at the start of `window`, which has `bits` bits, up to 16: its length, and the
    /// value. The length may be more than `bits`, if zeros follow.
    pub fn peek(&self, window: u32, bits: u32) -> Option<(u32, u8)> {
        let window = window << (16 - bits);
        match self.short[(window >> (16 - SHORT_BITS)) as usize] {
            (0, _) => self.long(window),
            (length, value) => Some((length.into(), value)),
        }
    }

    /// The code of `value` and its length in bits.
    #[inline]
    pub fn code(&self, value: u8) -> Result<(u32, u32)> {
        match self.by_value[usize::from(value)] {
            (_, 0) => Err(Unsupported::MissingCode.into()),
            (code, length) => Ok((code.into(), length.into())),
        }
    }

    /// Whether `value` has a code.
    pub fn length(&self, value: u8) -> Option<u32> {
        match self.by_value[usize::from(value)].1 {
            0 => None,
            length => Some(length.into()),
        }
    }
}

/// The value of `size` extra bits (T.81, F.2.2.1, EXTEND).
#[inline(always)]
pub(crate) fn extend(bits: u32, size: u32) -> i32 {
    if size == 0 {
        return 0;
    }
    if bits >> (size - 1) == 0 {
        bits as i32 - (1 << size) + 1
    } else {
        bits as i32
    }
}

/// The tables of one kind of block: a DC and an AC table.
pub(crate) struct Tables {
    pub dc: Codes,
    pub ac: Codes,
}

impl Tables {
    /// Prepares the tables `dc` and `ac`.
    pub fn new(dc: HuffmanSpec<'_>, ac: HuffmanSpec<'_>) -> Result<Self> {
        Ok(Self {
            dc: Codes::new(dc)?,
            ac: Codes::new(ac)?,
        })
    }

    /// Reads a DC difference (T.81, F.2.2.1).
    #[inline]
    pub fn dc_difference(&self, reader: &mut BitReader<'_>) -> Result<i32> {
        reader.refill();
        let size = u32::from(self.dc.decode(reader)?);
        match size {
            0 => Ok(0),
            1..=11 => Ok(extend(reader.take(size), size)),
            _ => damaged("a DC difference is too large", reader.byte()),
        }
    }

    /// Reads the run of zeros and the size of the next AC coefficient; 15 and 0 are sixteen zeros,
    /// 0 and 0 the end of the block (T.81, F.2.2.2). Leaves bits enough for the coefficient.
    #[inline]
    pub fn ac_symbol(&self, reader: &mut BitReader<'_>) -> Result<(u32, u32)> {
        reader.refill();
        let symbol = u32::from(self.ac.decode(reader)?);
        let (run, size) = (symbol >> 4, symbol & 15);
        if size > 10 || (size == 0 && !matches!(run, 0 | 15)) {
            return damaged("an AC coefficient makes no sense", reader.byte());
        }
        Ok((run, size))
    }

    /// Skips the next AC coefficient of a block of which `left` are to come. Gives how many are to
    /// come then.
    pub fn skip_coefficient(&self, reader: &mut BitReader<'_>, left: u32) -> Result<u32> {
        let (run, size) = self.ac_symbol(reader)?;
        if run == 0 && size == 0 {
            return Ok(0);
        }
        reader.skip(size);
        match left.checked_sub(run + 1) {
            Some(left) => Ok(left),
            None => damaged("a block has too many coefficients", reader.byte()),
        }
    }
}
