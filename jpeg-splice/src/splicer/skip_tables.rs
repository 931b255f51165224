//! Look-up tables for walking over blocks that nothing is drawn on: only the lengths of their codes
//! matter, and the sums of their DC differences. Each look-up takes as many symbols as fit; see
//! [`Walk`](super::walk::Walk) for the loop.

use super::huffman::{Codes, Tables, extend};
use super::layout::BlockSlot;

/// Bits of a look-up. The two tables of luma and of chroma then take 64 KiB, most of which is
/// hardly ever looked at; fewer bits measure slower.
pub(crate) const BITS: u32 = 12;
const ENTRIES: usize = 1 << BITS;
/// Two tables for each of three components, rounded up to what four bits can tell apart, so that no
/// index has to be checked.
const TABLES: usize = 16;
/// An entry covers at most this many coefficients before its last symbol, so that sums fit their
/// field.
const MOST_COEFFICIENTS: u32 = 40;
/// In an entry: the block ends here.
const LAST: u32 = 1 << 6;
/// In an entry, more coefficients than any block has: to be taken one by one.
const ONE_BY_ONE: u32 = 0x7f << 8;
/// Look-ups for one refill, which gives 56 bits at least.
pub(crate) const LOOKUPS: u32 = 3;
/// So an entry takes no more bits than this.
const MOST_BITS: u32 = 56 / LOOKUPS;
/// The states that a walk may be in, two for each of ten blocks at most, rounded up like
/// [`TABLES`].
pub(crate) const STATES: usize = 32;

/// The meaning of some bits of coded data. From the lowest bit: 6 bits, how many bits its symbols
/// take; one bit, whether the block ends; 8 bits from the eighth on, how many coefficients; 16
/// bits, the DC difference.
#[derive(Clone, Copy)]
pub(crate) struct Entry(u32);

impl Entry {
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0 & 63
    }

    #[inline(always)]
    pub fn coefficients(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    /// Whether the block ends behind it.
    #[inline(always)]
    pub fn is_last(self) -> bool {
        self.0 & LAST != 0
    }

    #[inline(always)]
    pub fn difference(self) -> i32 {
        self.0 as i32 >> 16
    }
}

/// The sum of the entries of one refill: three fit without a carry.
#[derive(Clone, Copy, Default)]
pub(crate) struct EntrySum(u32);

impl EntrySum {
    #[inline(always)]
    pub fn add(&mut self, entry: Entry) {
        self.0 = self.0.wrapping_add(entry.0);
    }

    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0 & 63
    }

    /// The number of blocks that have ended.
    #[inline(always)]
    pub fn blocks(self) -> u32 {
        self.0 >> 6 & 3
    }
}

/// A state of the skipper: the block of the MCU that comes next, and whether it has begun. From the
/// lowest bit: 5 bits, twice the block's number, and one more behind its DC coefficient; 4 bits
/// from the twelfth on, the table to look up in; 8 bits from the sixteenth on, those that a count
/// of coefficients keeps on the way here: none at a block's start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State(u32);

impl State {
    fn new(block: usize, is_begun: bool, table: usize) -> Self {
        let kept = if is_begun { 0xff } else { 0 };
        Self((block * 2 + usize::from(is_begun) + (table << BITS) + (kept << 16)) as u32)
    }

    /// Its number.
    #[inline(always)]
    pub fn index(self) -> usize {
        self.0 as usize % STATES
    }

    /// Whether the block's DC coefficient has been taken.
    #[inline(always)]
    pub fn is_begun(self) -> bool {
        self.0 & 1 != 0
    }

    /// The number of the block within its MCU.
    pub fn block(self) -> usize {
        self.index() / 2
    }

    /// The count of the block's coefficients in this state, if it was `coefficients` before.
    #[inline(always)]
    pub fn keep(self, coefficients: u32) -> u32 {
        coefficients & self.0 >> 16
    }
}

/// The index, behind the entries, at which it stands what follows each state; and [`LAST`] further
/// on, what follows it if the block ends.
const NEXT: usize = TABLES * ENTRIES;
const WORDS: usize = NEXT + 2 * LAST as usize;

/// The look-up tables for one frame's components.
pub(crate) struct SkipTables {
    /// Entries and states in one, so that one register points to both.
    words: Box<[u32; WORDS]>,
    pub slots: [BlockSlot; 10],
    pub blocks: usize,
}

impl SkipTables {
    /// Tables for MCUs of `blocks` blocks in `slots`, with the tables of each component.
    pub fn new(tables: &[&Tables], slots: [BlockSlot; 10], blocks: usize) -> Self {
        // Of tables that aren't used no memory is touched.
        let mut words = vec![0; WORDS];
        let (entries, following) = words.split_at_mut(NEXT);
        let pairs = entries.chunks_exact_mut(2 * ENTRIES);
        for (pair, tables) in pairs.zip(tables) {
            let (first, more) = pair.split_at_mut(ENTRIES);
            for (window, (first, more)) in first.iter_mut().zip(more).enumerate() {
                *first = first_entry(tables, window as u32);
                *more = more_entry(&tables.ac, window as u32);
            }
        }
        // Components with the same tables share them, and the cache.
        let table = |block: usize| {
            let component = slots[block].component;
            let of = |other: &&Tables| std::ptr::eq(*other, tables[component]);
            tables.iter().position(of).unwrap_or(component) * 2
        };
        for block in 0..blocks {
            let next = (block + 1) % blocks;
            for index in [block * 2, block * 2 + 1] {
                following[index] = State::new(block, true, table(block) + 1).0;
                following[index | LAST as usize] = State::new(next, false, table(next)).0;
            }
        }
        Self {
            words: words
                .into_boxed_slice()
                .try_into()
                .expect("as many as they are"),
            slots,
            blocks,
        }
    }

    /// The state at the start of an MCU's block.
    pub fn start(&self, block: usize) -> State {
        let before = (block + self.blocks - 1) % self.blocks;
        self.next(State::new(before, true, 0), true)
    }

    /// The meaning of the next [`BITS`] in a state.
    #[inline(always)]
    pub fn entry(&self, state: State, bits: usize) -> Entry {
        let table = state.0 as usize & (TABLES - 1) << BITS;
        Entry(self.words[table | (bits % ENTRIES)])
    }

    /// The state behind an entry.
    #[inline(always)]
    pub fn behind(&self, state: State, entry: Entry) -> State {
        let more = self.words[NEXT + state.index()];
        let last = self.words[NEXT + (state.index() | LAST as usize)];
        State(std::hint::select_unpredictable(
            entry.0 & LAST != 0,
            last,
            more,
        ))
    }

    /// The state behind a symbol.
    pub fn next(&self, state: State, is_last: bool) -> State {
        let last = if is_last { LAST } else { 0 };
        self.behind(state, Entry(last))
    }
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
