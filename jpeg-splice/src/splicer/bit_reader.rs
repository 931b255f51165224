//! Reads coded data bit by bit, and keeps each bit's position in the file (ITU-T T.81, B.1.1.5 and
//! F.2.2.5).

use crate::error::{Result, damaged};

/// Every read may take this many bits after a [`BitReader::refill`].
const LEAST: u32 = 32;

/// The position of a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BitPosition {
    /// The byte in the file.
    pub byte: usize,
    /// The number of its bits that come before, 0 to 7, the highest first.
    pub bit: u32,
    /// Bits of data since the start of the interval, stuffed bytes not counted.
    pub bits: u64,
}

impl BitPosition {
    /// The first byte of `jpeg` that lies wholly behind this position.
    pub fn next_byte(self, jpeg: &[u8]) -> usize {
        match self.bit {
            0 => self.byte,
            _ => self.byte + 1 + usize::from(jpeg[self.byte] == 0xff),
        }
    }
}

/// The bits of one restart interval. Behind its end come zeros; [`BitReader::check`] tells.
#[derive(Clone)]
pub(crate) struct BitReader<'a> {
    jpeg: &'a [u8],
    /// The next byte to be loaded.
    next: usize,
    /// The next bits, the first at the top. Behind the counted ones stand zeros or the right bits.
    window: u64,
    count: u32,
    /// Of the counted bits, those that the interval doesn't have.
    missing: u32,
    start: usize,
    /// Zero bytes stuffed behind FF so far.
    stuffed: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the byte `start`.
    pub fn new(jpeg: &'a [u8], start: usize) -> Self {
        Self {
            jpeg,
            next: start,
            window: 0,
            count: 0,
            missing: 0,
            start,
            stuffed: 0,
        }
    }

    /// Starts again at `position`, which a reader of the same interval gave.
    pub fn at(jpeg: &'a [u8], position: BitPosition) -> Self {
        let mut reader = Self::new(jpeg, position.byte);
        if position.bit > 0 {
            reader.refill();
            reader.take(position.bit);
        }
        reader
    }

    /// Makes sure that [`LEAST`] bits are there.
    #[inline(always)]
    pub fn refill(&mut self) {
        if self.count < LEAST {
            self.load();
        }
    }

    /// Loads as much as there is room for: at least 56 bits.
    #[inline(always)]
    pub fn refill_all(&mut self) {
        self.load();
    }

    #[inline(always)]
    fn load(&mut self) {
        if let Some(bytes) = self.jpeg.get(self.next..self.next.wrapping_add(8))
            && let Ok(bytes) = <&[u8; 8]>::try_from(bytes)
        {
            let bytes = u64::from_be_bytes(*bytes);
            if !has_ff(bytes) {
                self.window |= bytes >> self.count;
                self.next += ((63 - self.count) >> 3) as usize;
                self.count |= 56;
                return;
            }
            // Enough may come before the FF.
            let clean = before_ff(bytes);
            if self.count + clean * 8 >= 56 {
                self.load_clean(bytes, clean);
                return;
            }
        }
        // A copy goes out of line, so that this one can stay in registers.
        *self = self.clone().load_bytes();
    }

    #[cold]
    #[inline(never)]
    fn load_bytes(mut self) -> Self {
        while self.count < 56 {
            let rest = self.jpeg.get(self.next..).unwrap_or_default();
            if let Some(bytes) = rest.first_chunk() {
                let bytes = u64::from_be_bytes(*bytes);
                let clean = before_ff(bytes);
                if clean > 0 {
                    self.load_clean(bytes, clean);
                    continue;
                }
            }
            let byte = match rest {
                [0xff, 0x00, ..] => {
                    self.next += 2;
                    self.stuffed += 1;
                    0xff
                }
                // A marker, or fill bytes before one.
                [0xff, ..] | [] => {
                    self.missing += 8;
                    0
                }
                [byte, ..] => {
                    self.next += 1;
                    *byte
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// Loads from eight bytes of which the first `clean` are no FF.
    #[inline(always)]
    fn load_clean(&mut self, bytes: u64, clean: u32) {
        let loaded = clean.min((63 - self.count) / 8);
        if loaded == 0 {
            return;
        }
        let wanted = bytes >> (64 - loaded * 8) << (64 - loaded * 8);
        self.window |= wanted >> self.count;
        self.count += loaded * 8;
        self.next += loaded as usize;
    }

    /// The next bits, as an index into a table of 2^`bits` entries.
    #[inline(always)]
    pub fn peek(&self, bits: u32) -> usize {
        (self.window >> (64 - bits)) as usize
    }

    /// Skips `bits`, which [`BitReader::refill`] has made sure of.
    #[inline(always)]
    pub fn skip(&mut self, bits: u32) {
        self.shift(bits);
        self.count_taken(bits);
    }

    /// Half of [`BitReader::skip`], for loops that need no count between refills: the next bits
    /// come up, up to 63 of them.
    #[inline(always)]
    pub fn shift(&mut self, bits: u32) {
        self.window <<= bits % 64;
    }

    /// The other half.
    #[inline(always)]
    pub fn count_taken(&mut self, bits: u32) {
        self.count -= bits;
    }

    /// Takes 1 to 32 bits.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) -> u32 {
        let value = (self.window >> (64 - bits)) as u32;
        self.skip(bits);
        value
    }

    /// The position of the next bit.
    pub fn position(&self) -> BitPosition {
        let ahead = self.count.saturating_sub(self.missing);
        let mut byte = self.next;
        for _ in 0..ahead.div_ceil(8) {
            byte -= 1;
            // In coded data, zero behind FF is always a stuffed one.
            if self.jpeg[byte] == 0 && byte > self.start && self.jpeg[byte - 1] == 0xff {
                byte -= 1;
            }
        }
        let loaded = (self.next - self.start - self.stuffed) as u64 * 8;
        BitPosition {
            byte,
            bit: (8 - ahead % 8) % 8,
            bits: loaded - u64::from(ahead),
        }
    }

    /// Counts bits from where `proven` does. It began at `begun`, where `proven` is now.
    pub fn count_from(&mut self, proven: &Self, begun: BitPosition) {
        let before = (proven.position().bits - begun.bits) / 8;
        self.stuffed = self.start + self.stuffed - proven.start - before as usize;
        self.start = proven.start;
    }

    /// Fails if more was read than the interval has.
    pub fn check(&self) -> Result<()> {
        if self.count < self.missing {
            return damaged("the coded data is cut off", self.next);
        }
        Ok(())
    }

    /// About where it is: the next byte that it loads.
    pub fn byte(&self) -> usize {
        self.next
    }
}

/// The highest bit of each byte that is FF.
#[inline(always)]
fn ff_bits(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Seven ones and one make a carry into the eighth bit, and none beyond.
    ((bytes & (ONES * 0x7f)) + ONES) & bytes & (ONES * 0x80)
}

/// Whether one of the eight bytes is FF.
#[inline(always)]
pub(crate) fn has_ff(bytes: u64) -> bool {
    ff_bits(bytes) != 0
}

/// The number of the eight bytes that come before the first FF.
fn before_ff(bytes: u64) -> u32 {
    ff_bits(bytes).leading_zeros() / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ff() {
        assert!(!has_ff(0xfefe_0001_7f80_fe00));
        assert_eq!(before_ff(0), 8);
        for byte in 0..8 {
            let bytes = 0xfe00_0180_fe7f_0011 | 0xff << (byte * 8);
            assert!(has_ff(bytes));
            assert_eq!(before_ff(bytes), 7 - byte);
        }
    }

    /// Data with stuffed bytes in every position, and a marker behind it.
    fn data() -> (Vec<u8>, Vec<bool>) {
        let bytes: Vec<u8> = (0..200u32)
            .map(|i| {
                if i % 7 == 3 || i % 31 < 2 {
                    0xff
                } else {
                    (i * 37) as u8 & 0x7f
                }
            })
            .collect();
        let bits = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0));
        let stuffed = bytes
            .iter()
            .flat_map(|&byte| std::iter::once(byte).chain((byte == 0xff).then_some(0)));
        (stuffed.chain([0xff, 0xd9]).collect(), bits.collect())
    }

    #[test]
    fn reads_and_finds_every_bit_again() {
        let (jpeg, bits) = data();
        let mut reader = BitReader::new(&jpeg, 0);
        let mut at = 0;
        for step in (1..=17).cycle() {
            if at + step > bits.len() {
                break;
            }
            let position = reader.position();
            assert_eq!(position.bits, at as u64);
            let mut again = BitReader::at(&jpeg, position);
            reader.refill();
            again.refill();
            let expected = bits[at..at + step]
                .iter()
                .fold(0, |n, &bit| n << 1 | u32::from(bit));
            assert_eq!(reader.take(step as u32), expected);
            assert_eq!(again.take(step as u32), expected);
            at += step;
        }
        reader.check().unwrap();
        reader.refill();
        reader.skip((bits.len() - at) as u32);
        assert_eq!(reader.position().byte, jpeg.len() - 2);
        reader.check().unwrap();
        reader.refill();
        reader.skip(1);
        reader.check().unwrap_err();
    }
}
