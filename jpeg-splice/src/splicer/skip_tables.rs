//! Look-up tables for skipping blocks that nothing is drawn on: only the lengths of their codes
//! matter, and the sums of their DC differences.
//!
//! This is where nearly all of the time goes, so the loop has no branch that a processor could not
//! foresee: each look-up takes as many symbols as fit, the end of a block only changes which table
//! comes next, and the window is refilled once for three look-ups.

use super::bit_reader::BitReader;
use super::huffman::{Codes, Tables, extend};
use super::layout::BlockSlot;
use crate::error::Result;

/// Bits of a look-up. The two tables of luma and of chroma then take 64 KiB, most of which is
/// hardly ever looked at; fewer bits measure slower.
const BITS: u32 = 12;
const ENTRIES: usize = 1 << BITS;
/// Two tables for each of three components, rounded up so that any index can be made one that is
/// within.
const TABLES: usize = 8;
/// An entry covers at most this many coefficients before its last symbol, so that sums fit their
/// field.
const MOST_COEFFICIENTS: u32 = 40;
/// In an entry: the block ends here.
const LAST: u32 = 1 << 15;
/// In an entry, more coefficients than any block has: to be taken one by one.
const ONE_BY_ONE: u32 = 0x7f << 8;
/// Room for the blocks of an MCU, ten at most: a power of two, so that any index can be made one
/// that is within.
const SLOTS: usize = 16;
/// Look-ups for one refill, which gives 56 bits at least.
const LOOKUPS: u32 = 3;
/// So an entry takes no more bits than this.
const MOST_BITS: u32 = 56 / LOOKUPS;
/// The AC coefficients of a block.
const BLOCK: u32 = 63;

/// The look-up tables for one frame's components.
///
/// An entry has, from its lowest bit: 8 bits, how many bits its symbols take; 7 bits, how many
/// coefficients; one bit, whether the block ends; 16 bits, the DC difference.
pub(crate) struct SkipTables {
    entries: Box<[[u32; ENTRIES]; TABLES]>,
    slots: [BlockSlot; 10],
    blocks: usize,
    /// For each block of an MCU, the numbers of its tables: that of its start and that of what
    /// follows.
    first: [usize; SLOTS],
    more: [usize; SLOTS],
    /// The block after it, and the number of that one's first table.
    next: [usize; SLOTS],
    next_first: [usize; SLOTS],
}

impl SkipTables {
    /// Tables for MCUs of `blocks` blocks in `slots`, with the tables of each component.
    pub fn new(tables: &[&Tables], slots: [BlockSlot; 10], blocks: usize) -> Self {
        let mut entries = vec![[0; ENTRIES]; TABLES];
        for (pair, tables) in entries.chunks_exact_mut(2).zip(tables) {
            pair[0] = std::array::from_fn(|window| first_entry(tables, window as u32));
            pair[1] = std::array::from_fn(|window| more_entry(&tables.ac, window as u32));
        }
        // Components with the same tables share them, and the cache.
        let same = |component: usize| {
            let of = |other: &&Tables| std::ptr::eq(*other, tables[component]);
            tables.iter().position(of).unwrap_or(component)
        };
        let mut first = [0; SLOTS];
        for (first, slot) in first.iter_mut().zip(&slots) {
            *first = same(slot.component) * 2;
        }
        let next = std::array::from_fn(|block| if block + 1 < blocks { block + 1 } else { 0 });
        Self {
            entries: entries
                .into_boxed_slice()
                .try_into()
                .expect("as many as they are"),
            slots,
            blocks,
            first,
            more: first.map(|table| table + 1),
            next,
            next_first: next.map(|block| first[block]),
        }
    }

    /// Skips `mcus` MCUs and adds their DC differences to `dc`.
    pub fn skip(
        &self,
        reader: &mut BitReader<'_>,
        tables: &[&Tables; 3],
        mcus: u32,
        dc: &mut [i32; 3],
    ) -> Result<()> {
        let mut blocks = u64::from(mcus) * self.blocks as u64;
        // Far enough apart to cost nothing: a picture may claim to be far larger than its data.
        while blocks > 0 {
            let some = blocks.min(4096);
            let block = (u64::from(mcus) * self.blocks as u64 - blocks) % self.blocks as u64;
            self.skip_blocks(reader, tables, block as usize, some as u32, dc)?;
            reader.check()?;
            blocks -= some;
        }
        Ok(())
    }

    #[inline(never)]
    fn skip_blocks(
        &self,
        outer: &mut BitReader<'_>,
        tables: &[&Tables; 3],
        mut block: usize,
        mut blocks: u32,
        dc: &mut [i32; 3],
    ) -> Result<()> {
        let mut reader = outer.clone();
        // For each block of the MCU.
        let mut sums = [0i32; SLOTS];
        let mut table = self.first[block % SLOTS];
        let mut left = BLOCK;
        'refill: while blocks > 0 {
            reader.refill_all();
            for _ in 0..LOOKUPS {
                let entry = self.entries[table % TABLES][reader.peek(BITS)];
                let coefficients = entry >> 8 & 0x7f;
                if coefficients >= left {
                    let is_start = table == self.first[block % SLOTS];
                    let tables = tables[self.slots[block].component];
                    let mut copy = reader.clone();
                    let step = one_by_one(&mut copy, tables, is_start, left)?;
                    reader = copy;
                    sums[block] = sums[block].wrapping_add(step.difference);
                    left = step.left;
                    table = self.more[block % SLOTS];
                    if left == 0 {
                        left = BLOCK;
                        table = self.next_first[block % SLOTS];
                        block = self.next[block % SLOTS];
                        blocks -= 1;
                    }
                    continue 'refill;
                }
                reader.skip(entry & 0xff);
                let sum = &mut sums[block % SLOTS];
                *sum = sum.wrapping_add(entry as i32 >> 16);
                // All ones at a block's end. Half of the look-ups end one, so a branch would often
                // be foreseen wrongly.
                let last = (entry >> 15 & 1) as usize;
                let ones = last.wrapping_neg();
                table = self.more[block % SLOTS] & !ones | self.next_first[block % SLOTS] & ones;
                left = (left - coefficients) & !ones as u32 | BLOCK & ones as u32;
                block = block & !ones | self.next[block % SLOTS] & ones;
                blocks -= last as u32;
                if blocks == 0 {
                    break 'refill;
                }
            }
        }
        *outer = reader;
        for (slot, sum) in self.slots.iter().zip(sums) {
            dc[slot.component] = dc[slot.component].wrapping_add(sum);
        }
        Ok(())
    }
}

struct Step {
    difference: i32,
    /// The coefficients still to come; 0 at the block's end.
    left: u32,
}

/// One symbol that a look-up could not take: a long code, a large difference, or the last
/// coefficient.
#[cold]
#[inline(never)]
fn one_by_one(
    reader: &mut BitReader<'_>,
    tables: &Tables,
    is_start: bool,
    left: u32,
) -> Result<Step> {
    if is_start {
        let difference = tables.dc_difference(reader)?;
        return Ok(Step { difference, left });
    }
    Ok(Step {
        difference: 0,
        left: tables.skip_coefficient(reader, left)?,
    })
}

/// The number of bits and coefficients of all symbols whose whole codes are within `window` from
/// bit `at` on. The bits that follow a code need not be within.
fn several(ac: &Codes, window: u32, mut at: u32) -> (u32, u32) {
    let mut coefficients = 0;
    while at < BITS && coefficients < MOST_COEFFICIENTS {
        let Some((length, symbol)) = ac.peek(window << at & (ENTRIES as u32 - 1), BITS) else {
            break;
        };
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let is_good = size <= 10 && (size > 0 || matches!(run, 0 | 15));
        if !is_good || length > BITS - at || at + length + size > MOST_BITS {
            break;
        }
        if symbol == 0 {
            return (at + length, coefficients << 8 | LAST);
        }
        at += length + size;
        coefficients += run + 1;
    }
    (at, coefficients << 8)
}

fn more_entry(ac: &Codes, window: u32) -> u32 {
    match several(ac, window, 0) {
        (0, _) => ONE_BY_ONE,
        (bits, coefficients) => coefficients | bits,
    }
}

fn first_entry(tables: &Tables, window: u32) -> u32 {
    let Some((length, size)) = tables.dc.peek(window, BITS) else {
        return ONE_BY_ONE;
    };
    let size = u32::from(size);
    let bits = length + size;
    if size > 11 || bits > BITS {
        return ONE_BY_ONE;
    }
    let extra = window >> (BITS - bits) & ((1 << size) - 1);
    let (bits, coefficients) = several(&tables.ac, window, bits);
    (extend(extra, size) as u32) << 16 | coefficients | bits
}
