//! Arithmetically coded blocks (T.81, annex D and sections F.2.4 and G.2.4). No camera makes them,
//! and few viewers can show them; libjpeg can.

use super::markers::Data;
use super::scan::Scan;
use crate::zigzag::zigzag;

/// The conditioning that DAC segments have set (T.81, B.2.4.3).
#[derive(Clone, Copy)]
pub struct Conditioning {
    /// The bounds L and U of each table for DC.
    dc: [(u8, u8); 16],
    /// The bound Kx of each table for AC.
    ac: [u8; 16],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self {
            dc: [(0, 1); 16],
            ac: [5; 16],
        }
    }
}

impl Conditioning {
    /// Takes those of a DAC segment.
    pub fn read(&mut self, payload: &[u8]) {
        for pair in payload.chunks_exact(2) {
            let (index, value) = (usize::from(pair[0] & 15), pair[1]);
            if pair[0] >> 4 == 0 {
                self.dc[index] = (value & 15, value >> 4);
            } else {
                self.ac[index] = value;
            }
        }
    }
}

/// A state of the probability estimation: the size of the less probable interval, the states behind
/// a less and a more probable symbol, and whether the first of them changes which is which.
struct State {
    size: u32,
    less: u8,
    more: u8,
    switches: bool,
}

const fn state(size: u32, less: u8, more: u8, switches: bool) -> State {
    State {
        size,
        less,
        more,
        switches,
    }
}

/// The states of T.81, table D.3, and one that stays at even chances.
#[rustfmt::skip]
static STATES: [State; 114] = [
    state(0x5a1d, 1, 1, true), state(0x2586, 14, 2, false),
    state(0x1114, 16, 3, false), state(0x080b, 18, 4, false),
    state(0x03d8, 20, 5, false), state(0x01da, 23, 6, false),
    state(0x00e5, 25, 7, false), state(0x006f, 28, 8, false),
    state(0x0036, 30, 9, false), state(0x001a, 33, 10, false),
    state(0x000d, 35, 11, false), state(0x0006, 9, 12, false),
    state(0x0003, 10, 13, false), state(0x0001, 12, 13, false),
    state(0x5a7f, 15, 15, true), state(0x3f25, 36, 16, false),
    state(0x2cf2, 38, 17, false), state(0x207c, 39, 18, false),
    state(0x17b9, 40, 19, false), state(0x1182, 42, 20, false),
    state(0x0cef, 43, 21, false), state(0x09a1, 45, 22, false),
    state(0x072f, 46, 23, false), state(0x055c, 48, 24, false),
    state(0x0406, 49, 25, false), state(0x0303, 51, 26, false),
    state(0x0240, 52, 27, false), state(0x01b1, 54, 28, false),
    state(0x0144, 56, 29, false), state(0x00f5, 57, 30, false),
    state(0x00b7, 59, 31, false), state(0x008a, 60, 32, false),
    state(0x0068, 62, 33, false), state(0x004e, 63, 34, false),
    state(0x003b, 32, 35, false), state(0x002c, 33, 9, false),
    state(0x5ae1, 37, 37, true), state(0x484c, 64, 38, false),
    state(0x3a0d, 65, 39, false), state(0x2ef1, 67, 40, false),
    state(0x261f, 68, 41, false), state(0x1f33, 69, 42, false),
    state(0x19a8, 70, 43, false), state(0x1518, 72, 44, false),
    state(0x1177, 73, 45, false), state(0x0e74, 74, 46, false),
    state(0x0bfb, 75, 47, false), state(0x09f8, 77, 48, false),
    state(0x0861, 78, 49, false), state(0x0706, 79, 50, false),
    state(0x05cd, 48, 51, false), state(0x04de, 50, 52, false),
    state(0x040f, 50, 53, false), state(0x0363, 51, 54, false),
    state(0x02d4, 52, 55, false), state(0x025c, 53, 56, false),
    state(0x01f8, 54, 57, false), state(0x01a4, 55, 58, false),
    state(0x0160, 56, 59, false), state(0x0125, 57, 60, false),
    state(0x00f6, 58, 61, false), state(0x00cb, 59, 62, false),
    state(0x00ab, 61, 63, false), state(0x008f, 61, 32, false),
    state(0x5b12, 65, 65, true), state(0x4d04, 80, 66, false),
    state(0x412c, 81, 67, false), state(0x37d8, 82, 68, false),
    state(0x2fe8, 83, 69, false), state(0x293c, 84, 70, false),
    state(0x2379, 86, 71, false), state(0x1edf, 87, 72, false),
    state(0x1aa9, 87, 73, false), state(0x174e, 72, 74, false),
    state(0x1424, 72, 75, false), state(0x119c, 74, 76, false),
    state(0x0f6b, 74, 77, false), state(0x0d51, 75, 78, false),
    state(0x0bb6, 77, 79, false), state(0x0a40, 77, 48, false),
    state(0x5832, 80, 81, true), state(0x4d1c, 88, 82, false),
    state(0x438e, 89, 83, false), state(0x3bdd, 90, 84, false),
    state(0x34ee, 91, 85, false), state(0x2eae, 92, 86, false),
    state(0x299a, 93, 87, false), state(0x2516, 86, 71, false),
    state(0x5570, 88, 89, true), state(0x4ca9, 95, 90, false),
    state(0x44d9, 96, 91, false), state(0x3e22, 97, 92, false),
    state(0x3824, 99, 93, false), state(0x32b4, 99, 94, false),
    state(0x2e17, 93, 86, false), state(0x56a8, 95, 96, true),
    state(0x4f46, 101, 97, false), state(0x47e5, 102, 98, false),
    state(0x41cf, 103, 99, false), state(0x3c3d, 104, 100, false),
    state(0x375e, 99, 93, false), state(0x5231, 105, 102, false),
    state(0x4c0f, 106, 103, false), state(0x4639, 107, 104, false),
    state(0x415e, 103, 99, false), state(0x5627, 105, 106, true),
    state(0x50e7, 108, 107, false), state(0x4b85, 109, 103, false),
    state(0x5597, 110, 109, false), state(0x504f, 111, 107, false),
    state(0x5a10, 110, 111, true), state(0x5522, 112, 109, false),
    state(0x59eb, 112, 111, true),
    state(0x5a1d, 113, 113, false),
];

/// A bin: a state's index, and in the highest bit the more probable symbol.
type Bin = u8;

/// The bins of a table for DC, and for AC.
const DC_BINS: usize = 64;
const AC_BINS: usize = 256;

/// The decoder of one scan.
pub struct Arithmetic<'a> {
    data: Data<'a>,
    conditioning: Conditioning,
    code: u32,
    interval: u32,
    /// Bits that are still to be shifted in before the next byte; the start counts up from -16.
    count: i32,
    /// The interval's data makes no sense: its other blocks stay as they are.
    is_over: bool,
    dc: Vec<[Bin; DC_BINS]>,
    ac: Vec<[Bin; AC_BINS]>,
    even: Bin,
    last_dc: [i32; 4],
    context: [usize; 4],
}

impl<'a> Arithmetic<'a> {
    /// Starts with `data`.
    pub fn new(data: Data<'a>, conditioning: Conditioning) -> Self {
        let mut new = Self {
            data,
            conditioning,
            code: 0,
            interval: 0,
            count: 0,
            is_over: false,
            dc: Vec::new(),
            ac: Vec::new(),
            even: 113,
            last_dc: [0; 4],
            context: [0; 4],
        };
        new.reset();
        new
    }

    fn reset(&mut self) {
        self.dc = vec![[0; DC_BINS]; 16];
        self.ac = vec![[0; AC_BINS]; 16];
        (self.code, self.interval, self.count) = (0, 0, -16);
        (self.last_dc, self.context) = ([0; 4], [0; 4]);
        self.is_over = false;
    }

    /// Whether the rest of this interval is to be left as it is.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Gives the data back.
    pub fn into_data(self) -> Data<'a> {
        self.data
    }

    /// Goes on behind the restart marker of `number`.
    pub fn restart(&mut self, number: u8) {
        self.data.restart(number);
        self.reset();
    }

    /// Decodes a block of the scan's component `which`. An error in the data is noted, and told by
    /// [`Self::is_over`].
    pub fn block(&mut self, scan: &Scan, which: usize, block: &mut [i16]) {
        if self.is_over {
            return;
        }
        let done = match (scan.is_progressive, scan.start, scan.high) {
            (false, _, _) => self.dc(scan, which).and_then(|dc| {
                block[0] = dc as i16;
                self.band(scan, which, (1, 63, 0), block)
            }),
            (true, 0, 0) => self
                .dc(scan, which)
                .map(|dc| block[0] = (dc << scan.low) as i16),
            (true, 0, _) => {
                block[0] |= i16::from(self.even()) << scan.low;
                Some(())
            }
            (true, _, 0) => self.band(scan, which, (scan.start, scan.end, scan.low), block),
            (true, _, _) => self.refine_band(scan, which, block),
        };
        self.is_over |= done.is_none();
    }

    /// T.81, D.2.
    fn bit(&mut self, bin: &mut Bin) -> bool {
        while self.interval < 0x8000 {
            self.count -= 1;
            if self.count < 0 {
                let byte = self.data.byte().unwrap_or(0);
                self.code = self.code << 8 | u32::from(byte);
                self.count += 8;
                if self.count < 0 {
                    self.count += 1;
                    if self.count == 0 {
                        self.interval = 0x8000;
                    }
                }
            }
            self.interval <<= 1;
        }
        let state = &STATES[usize::from(*bin & 0x7f).min(STATES.len() - 1)];
        let probable = *bin & 0x80;
        self.interval -= state.size;
        let above = self.interval << self.count;
        let is_above = self.code >= above;
        // The smaller of the two parts is the less probable one's.
        let is_less = is_above != (self.interval < state.size);
        if is_above {
            self.code -= above;
            self.interval = state.size;
        } else if self.interval >= 0x8000 {
            return probable != 0;
        }
        if is_less {
            let flipped = if state.switches { 0x80 } else { 0 };
            *bin = (probable ^ flipped) | state.less;
            probable == 0
        } else {
            *bin = probable | state.more;
            probable != 0
        }
    }

    fn even(&mut self) -> bool {
        let mut bin = self.even;
        self.bit(&mut bin)
    }

    fn dc_bit(&mut self, table: usize, at: usize) -> bool {
        let mut bin = self.dc[table][at % DC_BINS];
        let bit = self.bit(&mut bin);
        self.dc[table][at % DC_BINS] = bin;
        bit
    }

    fn ac_bit(&mut self, table: usize, at: usize) -> bool {
        let mut bin = self.ac[table][at % AC_BINS];
        let bit = self.bit(&mut bin);
        self.ac[table][at % AC_BINS] = bin;
        bit
    }

    /// A DC coefficient (T.81, F.1.4.1).
    fn dc(&mut self, scan: &Scan, which: usize) -> Option<i32> {
        let table = usize::from(scan.components[which].dc & 15);
        let context = self.context[which];
        if !self.dc_bit(table, context) {
            self.context[which] = 0;
            return Some(self.last_dc[which]);
        }
        let sign = usize::from(self.dc_bit(table, context + 1));
        let mut at = context + 2 + sign;
        let mut size = i32::from(self.dc_bit(table, at));
        if size != 0 {
            at = 20;
            while self.dc_bit(table, at) {
                size = doubled(size)?;
                at += 1;
            }
        }
        let (low, high) = self.conditioning.dc[table];
        self.context[which] = if size < (1 << low) >> 1 {
            0
        } else if size > (1 << high) >> 1 {
            12 + sign * 4
        } else {
            4 + sign * 4
        };
        let mut value = size;
        let mut mask = size >> 1;
        while mask > 0 {
            value |= if self.dc_bit(table, at + 14) { mask } else { 0 };
            mask >>= 1;
        }
        value += 1;
        let difference = if sign == 1 { -value } else { value };
        self.last_dc[which] = self.last_dc[which].wrapping_add(difference);
        Some(self.last_dc[which])
    }

    /// AC coefficients for the first time (T.81, F.1.4.2 and G.1.3).
    fn band(
        &mut self,
        scan: &Scan,
        which: usize,
        (start, end, low): (usize, usize, u8),
        block: &mut [i16],
    ) -> Option<()> {
        let table = usize::from(scan.components[which].ac & 15);
        let mut k = start;
        while k <= end {
            if self.ac_bit(table, 3 * (k - 1)) {
                break;
            }
            while !self.ac_bit(table, 3 * (k - 1) + 1) {
                k += 1;
                if k > end {
                    return None;
                }
            }
            let is_negative = self.even();
            let value = self.ac_magnitude(table, k)?;
            let value = if is_negative { -value } else { value };
            block[zigzag(k)] = (value << low) as i16;
            k += 1;
        }
        Some(())
    }

    fn ac_magnitude(&mut self, table: usize, k: usize) -> Option<i32> {
        let mut at = 3 * (k - 1) + 2;
        let mut size = i32::from(self.ac_bit(table, at));
        if size != 0 && self.ac_bit(table, at) {
            size = 2;
            let is_low = k <= usize::from(self.conditioning.ac[table]);
            at = if is_low { 189 } else { 217 };
            while self.ac_bit(table, at) {
                size = doubled(size)?;
                at += 1;
            }
        }
        let mut value = size;
        let mut mask = size >> 1;
        while mask > 0 {
            value |= if self.ac_bit(table, at + 14) { mask } else { 0 };
            mask >>= 1;
        }
        Some(value + 1)
    }

    /// AC coefficients once more (T.81, G.1.3.3).
    fn refine_band(&mut self, scan: &Scan, which: usize, block: &mut [i16]) -> Option<()> {
        let table = usize::from(scan.components[which].ac & 15);
        let step = 1i16 << scan.low;
        // Where the block ended before.
        let old_end = (1..=scan.end)
            .rev()
            .find(|&k| block[zigzag(k)] != 0)
            .unwrap_or(0);
        let mut k = scan.start;
        while k <= scan.end {
            if k > old_end && self.ac_bit(table, 3 * (k - 1)) {
                break;
            }
            loop {
                let at = 3 * (k - 1);
                let value = block[zigzag(k)];
                if value != 0 {
                    if self.ac_bit(table, at + 2) {
                        let step = if value < 0 { -step } else { step };
                        block[zigzag(k)] = value.saturating_add(step);
                    }
                    break;
                }
                if self.ac_bit(table, at + 1) {
                    block[zigzag(k)] = if self.even() { -step } else { step };
                    break;
                }
                k += 1;
                if k > scan.end {
                    return None;
                }
            }
            k += 1;
        }
        Some(())
    }
}

/// Twice a magnitude; nothing when no coefficient is so large.
fn doubled(size: i32) -> Option<i32> {
    (size < 0x4000).then_some(size * 2)
}
