//! Writes coded data bit by bit, with a zero byte stuffed behind each FF (ITU-T T.81, F.1.2.3).

use super::bit_reader::{BitPosition, BitReader, has_ff};

/// Appends bits to a file.
pub(crate) struct BitWriter<'a> {
    pub out: &'a mut Vec<u8>,
    /// The latest bits, the last one lowest; only `count` of them are still to be written.
    pending: u64,
    /// Below 32.
    count: u32,
}

/// A writer's state, for [`BitWriter::rewind`].
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    length: usize,
    pending: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            pending: 0,
            count: 0,
        }
    }

    /// Writes the low `bits` of `value`, 0 to 32 of them; the others must be zero.
    #[inline]
    pub fn put(&mut self, value: u32, bits: u32) {
        self.pending = self.pending << bits | u64::from(value);
        self.count += bits;
        if self.count >= 32 {
            self.count -= 32;
            self.word((self.pending >> self.count) as u32);
        }
    }

    #[inline]
    fn word(&mut self, word: u32) {
        let bytes = word.to_be_bytes();
        if has_ff(word.into()) {
            for byte in bytes {
                self.byte(byte);
            }
        } else {
            self.out.extend_from_slice(&bytes);
        }
    }

    fn byte(&mut self, byte: u8) {
        self.out.push(byte);
        if byte == 0xff {
            self.out.push(0);
        }
    }

    /// Writes the whole bytes that are pending.
    fn flush(&mut self) {
        while self.count >= 8 {
            self.count -= 8;
            self.byte((self.pending >> self.count) as u8);
        }
    }

    /// The number of bits of the next byte that are taken, 0 to 7.
    pub fn bit(&self) -> u32 {
        self.count % 8
    }

    /// Fills the last byte with ones and writes all that is pending.
    pub fn finish(&mut self) {
        let missing = (8 - self.bit()) % 8;
        self.put((1 << missing) - 1, missing);
        self.flush();
    }

    /// The current state.
    pub fn mark(&self) -> Mark {
        Mark {
            length: self.out.len(),
            pending: self.pending,
            count: self.count,
        }
    }

    /// Takes back all that was written since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        self.pending = mark.pending;
        self.count = mark.count;
    }

    /// Copies the bits from one position of `jpeg` to another.
    pub fn copy(&mut self, jpeg: &[u8], from: BitPosition, to: BitPosition) {
        let mut bits = to.bits - from.bits;
        if self.bit() == from.bit && bits >= 64 {
            self.copy_bytes(jpeg, from, to);
            return;
        }
        let mut reader = BitReader::at(jpeg, from);
        while bits > 0 {
            let some = bits.min(32) as u32;
            reader.refill();
            self.put(reader.take(some), some);
            bits -= u64::from(some);
        }
    }

    /// Bits that stay where they are in their bytes stay stuffed as they are.
    fn copy_bytes(&mut self, jpeg: &[u8], from: BitPosition, to: BitPosition) {
        let start = self.fill_byte(jpeg, from);
        self.out.extend_from_slice(&jpeg[start..to.byte]);
        if to.bit > 0 {
            self.put(u32::from(jpeg[to.byte] >> (8 - to.bit)), to.bit);
        }
    }

    /// Completes the byte that was begun with the rest of `from`'s byte, which must have as many
    /// bits taken. Gives the byte after it.
    pub fn fill_byte(&mut self, jpeg: &[u8], from: BitPosition) -> usize {
        debug_assert_eq!(self.bit(), from.bit);
        if from.bit == 0 {
            self.flush();
            return from.byte;
        }
        let rest = 8 - from.bit;
        let byte = jpeg[from.byte];
        self.put(u32::from(byte) & ((1 << rest) - 1), rest);
        self.flush();
        from.next_byte(jpeg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes with many FF, and the same as coded data.
    fn data() -> (Vec<u8>, Vec<u8>) {
        let bytes: Vec<u8> = (0..997u32)
            .map(|i| {
                if i % 5 == 0 || i % 97 < 9 {
                    0xff
                } else {
                    (i * 101) as u8
                }
            })
            .collect();
        let mut stuffed = Vec::new();
        let mut writer = BitWriter::new(&mut stuffed);
        bytes.iter().for_each(|&byte| writer.put(byte.into(), 8));
        writer.finish();
        (bytes, stuffed)
    }

    fn bits(jpeg: &[u8], from: BitPosition, count: u64) -> Vec<u32> {
        let mut reader = BitReader::at(jpeg, from);
        (0..count)
            .map(|_| {
                reader.refill();
                reader.take(1)
            })
            .collect()
    }

    #[test]
    fn stuffs() {
        let (bytes, stuffed) = data();
        let pairs = stuffed.windows(2).filter(|pair| pair[0] == 0xff);
        assert!(pairs.clone().all(|pair| pair[1] == 0));
        assert_eq!(
            pairs.count(),
            bytes.iter().filter(|&&byte| byte == 0xff).count()
        );
    }

    #[test]
    fn copies_any_bits_to_any_bit() {
        let (_, source) = data();
        let start = BitReader::new(&source, 0).position();
        for lead in 0..9 {
            for (skip, count) in [
                (0, 0),
                (0, 7801),
                (3, 64),
                (8, 65),
                (21, 3000),
                (1, 5),
                (9, 130),
            ] {
                let mut reader = BitReader::new(&source, 0);
                reader.refill();
                reader.skip(skip);
                let from = reader.position();
                let mut left = count;
                while left > 0 {
                    reader.refill();
                    let some = left.min(32);
                    reader.skip(some);
                    left -= some;
                }
                let to = reader.position();
                let mut out = Vec::new();
                let mut writer = BitWriter::new(&mut out);
                writer.put(0, lead);
                writer.copy(&source, from, to);
                writer.finish();
                let copied = bits(&out, start, u64::from(lead) + u64::from(count));
                assert_eq!(
                    copied[lead as usize..],
                    bits(&source, from, count.into()),
                    "{lead} {skip} {count}"
                );
            }
        }
    }

    #[test]
    fn goes_back() {
        let mut out = Vec::new();
        let mut writer = BitWriter::new(&mut out);
        writer.put(0x1ff, 9);
        let mark = writer.mark();
        writer.put(0xffff_ffff, 32);
        writer.rewind(mark);
        writer.finish();
        assert_eq!(out, [0xff, 0, 0xff, 0]);
    }
}
