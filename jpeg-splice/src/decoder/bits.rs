//! Bits of Huffman-coded data (T.81, F.2.2.5).

use super::markers::Data;

/// Reads bits. Behind the data's end come zeros, as in libjpeg.
pub struct Bits<'a> {
    pub data: Data<'a>,
    /// The next bits, the first at the top; below them zeros.
    window: u64,
    count: u32,
    /// More was read than there is.
    pub is_starved: bool,
}

impl<'a> Bits<'a> {
    /// Starts with `data`.
    pub fn new(data: Data<'a>) -> Self {
        Self {
            data,
            window: 0,
            count: 0,
            is_starved: false,
        }
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(byte) = self.data.byte() else { return };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next 16 bits.
    pub fn peek(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        (self.window >> 48) as u32
    }

    /// Passes over at most 17 bits.
    pub fn skip(&mut self, bits: u32) {
        if self.count < bits {
            self.fill();
        }
        if self.count < bits {
            self.is_starved = true;
            self.count = bits;
        }
        self.window <<= bits;
        self.count -= bits;
    }

    /// The next bits, at most 16.
    pub fn take(&mut self, bits: u32) -> i32 {
        if bits == 0 {
            return 0;
        }
        let value = self.peek() >> (16 - bits);
        self.skip(bits);
        value as i32
    }

    /// Goes on behind the restart marker of `number`.
    pub fn restart(&mut self, number: u8) {
        self.window = 0;
        self.count = 0;
        if self.data.restart(number) {
            self.is_starved = false;
        }
    }
}
