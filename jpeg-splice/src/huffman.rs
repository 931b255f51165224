//! Huffman tables, laid out for what is done with them: passing over blocks, decoding and coding them.

use crate::error::{Result, Unsupported, damaged};
use crate::frame::HuffmanSpec;
use crate::reader::BitReader;

/// Bits that the first look-up of a block takes.
const FIRST_BITS: u32 = 11;
/// Bits that the further look-ups take.
const MORE_BITS: u32 = 12;
/// An entry of several symbols covers at most this many coefficients, so that sums fit their fields.
const MOST_COEFFICIENTS: u32 = 40;
/// In an entry's count of coefficients: the block ends here.
const LAST: u32 = 0x80;

/// The codes of one table, for decoding symbol by symbol and for coding.
pub(crate) struct Codes {
    /// By value: the code and its length in bits; 0 if there is none.
    by_value: [(u16, u8); 256],
    /// By the next [`MORE_BITS`]: the length, 0 if it is longer than that; and the value.
    short: Vec<(u8, u8)>,
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
            short: vec![(0, 0); 1 << MORE_BITS],
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
        if length <= MORE_BITS {
            let spread = MORE_BITS - length;
            let from = (code << spread) as usize;
            self.short[from..from + (1 << spread)].fill((length as u8, value));
        }
    }

    /// Decodes one value (T.81, F.2.2.3).
    #[inline]
    pub fn decode(&self, reader: &mut BitReader<'_>) -> Result<u8> {
        let (length, value) = self.short[reader.peek(MORE_BITS)];
        if length > 0 {
            reader.skip(length.into());
            return Ok(value);
        }
        self.decode_long(reader)
    }

    #[cold]
    fn decode_long(&self, reader: &mut BitReader<'_>) -> Result<u8> {
        let bits = reader.peek(16) as u32;
        for length in MORE_BITS + 1..=16 {
            if bits < self.ends[length as usize] {
                let index = (bits >> (16 - length)) as i32 + self.offsets[length as usize];
                reader.skip(length);
                return match usize::try_from(index).ok().and_then(|i| self.values.get(i)) {
                    Some(&value) => Ok(value),
                    None => damaged("a code stands for nothing", reader.byte()),
                };
            }
        }
        damaged("a code stands for nothing", reader.byte())
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
    /// By the next [`FIRST_BITS`] at a block's start: bits, coefficients, and the DC difference; all zero if the
    /// difference isn't within those bits.
    first: Box<[u32; 1 << FIRST_BITS]>,
    /// By the next [`MORE_BITS`] further on: bits and coefficients; zero if there is no whole code in them.
    more: Box<[u16; 1 << MORE_BITS]>,
}

impl Tables {
    /// Prepares the tables `dc` and `ac`.
    pub fn new(dc: HuffmanSpec<'_>, ac: HuffmanSpec<'_>) -> Result<Self> {
        let (dc, ac) = (Codes::new(dc)?, Codes::new(ac)?);
        let mut more = Box::new([0; 1 << MORE_BITS]);
        for (window, entry) in more.iter_mut().enumerate() {
            let (bits, coefficients) = several(&ac, window as u32, MORE_BITS, 0);
            *entry = (bits | coefficients << 8) as u16;
        }
        let mut first = Box::new([0; 1 << FIRST_BITS]);
        for (window, entry) in first.iter_mut().enumerate() {
            *entry = first_entry(&dc, &ac, window as u32);
        }
        Ok(Self {
            dc,
            ac,
            first,
            more,
        })
    }

    /// Passes over one block and gives its DC difference.
    #[inline(always)]
    pub fn pass_block(&self, reader: &mut BitReader<'_>) -> Result<i32> {
        reader.refill();
        let entry = self.first[reader.peek(FIRST_BITS)];
        if entry == 0 {
            let difference = self.dc_difference(reader)?;
            self.pass_ac(reader, 63)?;
            return Ok(difference);
        }
        reader.skip(entry & 0xff);
        let coefficients = entry >> 8 & 0xff;
        if coefficients & LAST == 0 {
            self.pass_ac(reader, 63 - coefficients)?;
        }
        Ok(entry as i32 >> 16)
    }

    /// Passes over the AC coefficients of a block of which `left` are to come.
    #[inline(always)]
    pub fn pass_ac(&self, reader: &mut BitReader<'_>, mut left: u32) -> Result<()> {
        loop {
            reader.refill();
            let entry = u32::from(self.more[reader.peek(MORE_BITS)]);
            let coefficients = entry >> 8;
            if coefficients & !LAST < left && entry != 0 {
                reader.skip(entry & 0xff);
                if coefficients & LAST != 0 {
                    return Ok(());
                }
                left -= coefficients;
            } else {
                // A long code, or the last coefficients: one by one.
                let (run, size) = self.ac_symbol(reader)?;
                if run == 0 && size == 0 {
                    return Ok(());
                }
                reader.skip(size);
                if run + 1 > left {
                    return damaged("a block has too many coefficients", reader.byte());
                }
                left -= run + 1;
                if left == 0 {
                    return Ok(());
                }
            }
        }
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

    /// Reads the run of zeros and the size of the next AC coefficient; 15 and 0 are sixteen zeros, 0 and 0 the
    /// end of the block (T.81, F.2.2.2). Leaves bits enough for the coefficient.
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
}

/// How many bits and coefficients the symbols take that start within `window`, of `width` bits, from bit `at`
/// on: as many as have their whole code there.
fn several(ac: &Codes, window: u32, width: u32, mut at: u32) -> (u32, u32) {
    let mut coefficients = 0;
    while at < width && coefficients < MOST_COEFFICIENTS {
        let rest = (window << at & ((1 << width) - 1)) << (MORE_BITS - width);
        let (length, symbol) = ac.short[rest as usize];
        let (length, run, size) = (u32::from(length), symbol >> 4, symbol & 15);
        if length == 0 || length > width - at || size > 10 {
            break;
        }
        if symbol == 0 {
            return (at + length, coefficients | LAST);
        }
        if size == 0 && run != 15 {
            break;
        }
        at += length + u32::from(size);
        coefficients += u32::from(run) + 1;
    }
    (at, coefficients)
}

fn first_entry(dc: &Codes, ac: &Codes, window: u32) -> u32 {
    let (length, size) = dc.short[(window << (MORE_BITS - FIRST_BITS)) as usize];
    let (length, size) = (u32::from(length), u32::from(size));
    let bits = length + size;
    if length == 0 || size > 11 || bits > FIRST_BITS {
        return 0;
    }
    let extra = window >> (FIRST_BITS - bits) & ((1 << size) - 1);
    let (bits, coefficients) = several(ac, window, FIRST_BITS, bits);
    (extend(extra, size) as u32) << 16 | coefficients << 8 | bits
}
