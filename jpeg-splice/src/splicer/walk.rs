//! The walk over coded data that is neither decoded nor changed: how many blocks end, where, and
//! the sums of their DC differences.
//!
//! This is where nearly all of the time goes, so the loop has no branch that a processor could not
//! foresee: each look-up takes as many symbols as fit, the end of a block only changes which table
//! comes next, and the window is refilled once for three look-ups. What limits it then is the chain
//! from each look-up to the next, so that three walks in one loop take half of the time that they
//! take one after the other ([`interleave`](super::interleave)).

use super::bit_reader::BitReader;
use super::cache::Cache;
use super::differences::{Differences, Note, Sums};
use super::huffman::Tables;
use super::skip_tables::{BITS, EntrySum, LOOKUPS, SkipTables, State};
use crate::error::Result;

/// The AC coefficients of a block.
const BLOCK: u32 = 63;
/// Rounds between looks whether the data has ended: far enough apart to cost nothing, since a
/// picture may claim to be far larger than its data.
pub(crate) const ROUNDS: u32 = 1365;
/// The bytes that a round loads at most, with a stuffed one behind each.
const ROUND_BYTES: usize = 16;

/// A frame's tables.
#[derive(Clone, Copy)]
pub(crate) struct WalkTables<'t> {
    pub skip: &'t SkipTables,
    /// Of each component.
    pub huffman: [&'t Tables; 3],
}

impl<'t> WalkTables<'t> {
    /// Those of the frame that `cache` was prepared for.
    pub fn of(cache: &'t Cache) -> Self {
        Self {
            skip: cache.skip_tables(),
            huffman: [0, 1, 2].map(|component| cache.tables(component)),
        }
    }
}

/// The position of a walk.
#[derive(Clone)]
struct Cursor<'a> {
    reader: BitReader<'a>,
    state: State,
    /// Of the block that has begun.
    coefficients: u32,
    /// The sum of the look-ups since the last refill: not yet taken from the reader's count.
    taken: EntrySum,
    /// Blocks that have ended.
    blocks: u32,
}

/// The position of a walk: byte, bit, state, coefficients of the block that has begun.
pub(crate) type Position = (usize, u32, State, u32);

/// A walk over coded data.
#[derive(Clone)]
pub(crate) struct Walk<'a, D> {
    cursor: Cursor<'a>,
    differences: D,
}

/// A position that a walk has come by.
pub(crate) struct Mark<'a, D: Differences> {
    cursor: Cursor<'a>,
    differences: D::Mark,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn refill(&mut self) {
        self.settle();
        self.reader.refill_all();
    }

    /// Takes what was looked up from the reader.
    #[inline(always)]
    fn settle(&mut self) {
        self.reader.count_taken(self.taken.bits());
        self.blocks += self.taken.blocks();
        self.taken = EntrySum::default();
    }

    /// Takes as many symbols as one look-up tells. May be called [`LOOKUPS`] times behind a refill.
    #[inline(always)]
    fn look_up(&mut self, tables: WalkTables<'_>, differences: &mut impl Note) -> Result<()> {
        let entry = tables.skip.entry(self.state, self.reader.peek(BITS));
        let coefficients = self.coefficients + entry.coefficients();
        if coefficients >= BLOCK {
            // A copy goes out of line, so that this one can stay in registers.
            let (behind, difference) = self.clone().symbol(tables)?;
            differences.note(self.state, difference);
            *self = behind;
            return Ok(());
        }
        self.reader.shift(entry.bits());
        self.taken.add(entry);
        differences.note(self.state, entry.difference());
        self.state = tables.skip.behind(self.state, entry);
        self.coefficients = self.state.keep(coefficients);
        Ok(())
    }

    #[inline(always)]
    fn look_up_thrice(
        &mut self,
        tables: WalkTables<'_>,
        differences: &mut impl Note,
    ) -> Result<()> {
        self.look_up(tables, differences)?;
        self.look_up(tables, differences)?;
        self.look_up(tables, differences)
    }

    /// Takes one symbol that a look-up could not take: a long code, a large difference, or the last
    /// coefficient. Gives its DC difference too.
    #[cold]
    #[inline(never)]
    fn symbol(mut self, tables: WalkTables<'_>) -> Result<(Self, i32)> {
        self.settle();
        let huffman = tables.huffman[tables.skip.slots[self.state.block()].component];
        let (mut difference, mut is_last) = (0, false);
        if self.state.is_begun() {
            let left = huffman.skip_coefficient(&mut self.reader, BLOCK - self.coefficients)?;
            self.coefficients = BLOCK - left;
            is_last = left == 0;
        } else {
            difference = huffman.dc_difference(&mut self.reader)?;
        }
        self.blocks += u32::from(is_last);
        self.state = tables.skip.next(self.state, is_last);
        self.coefficients = self.state.keep(self.coefficients);
        self.reader.refill_all();
        Ok((self, difference))
    }
}

impl<'a, D: Differences> Walk<'a, D> {
    /// Starts at block `block` of an MCU.
    pub fn new(reader: BitReader<'a>, tables: WalkTables<'_>, block: usize) -> Self {
        Self {
            cursor: Cursor {
                reader,
                state: tables.skip.start(block),
                coefficients: 0,
                taken: EntrySum::default(),
                blocks: 0,
            },
            differences: D::default(),
        }
    }

    /// The next byte that it loads.
    pub fn byte(&self) -> usize {
        self.cursor.reader.byte()
    }

    /// Fails if it went on behind the data's end.
    pub fn check(&self) -> Result<()> {
        self.cursor.reader.check()
    }

    /// The reader where it is now.
    pub fn into_reader(self) -> BitReader<'a> {
        self.cursor.reader
    }

    /// The blocks that have ended.
    pub fn blocks(&self) -> u32 {
        self.cursor.blocks
    }

    /// The DC differences of the blocks.
    pub fn into_differences(self) -> D {
        self.differences
    }

    /// Walks on until `blocks` blocks have ended.
    pub fn run(&mut self, tables: WalkTables<'_>, blocks: u32) -> Result<()> {
        while blocks - self.blocks() >= LOOKUPS {
            self.rounds(tables, (blocks - self.blocks()) / LOOKUPS)?;
            self.check()?;
        }
        while self.blocks() < blocks {
            self.step(tables)?;
        }
        self.check()
    }

    /// The rounds that surely stay before the byte `end`.
    pub fn room(&self, end: usize) -> u32 {
        (end.saturating_sub(self.byte()) / ROUND_BYTES) as u32
    }

    /// Walks on until it is where `goal` is, or behind. Gives whether it came by.
    pub fn reach(&mut self, tables: WalkTables<'_>, goal: &Self) -> Result<bool> {
        let position = goal.position();
        loop {
            let rounds = self.room(position.0);
            if rounds == 0 {
                break;
            }
            self.rounds(tables, rounds)?;
            self.check()?;
        }
        while self.position() < position {
            self.end_block(tables)?;
        }
        Ok(self.position() == position)
    }

    /// Walks on to the end of a block.
    pub fn end_block(&mut self, tables: WalkTables<'_>) -> Result<()> {
        let before = self.blocks();
        while self.blocks() == before {
            self.step(tables)?;
        }
        self.check()
    }

    /// The byte and the bit, and then what tells the states of walks apart: two walks over the same
    /// data that are at the same position go on alike.
    pub fn position(&self) -> Position {
        let position = self.cursor.reader.position();
        (
            position.byte,
            position.bit,
            self.cursor.state,
            self.cursor.coefficients,
        )
    }

    /// The number of the block within its MCU.
    pub fn block(&self) -> usize {
        self.cursor.state.block()
    }

    /// The same position, with nothing counted yet.
    pub fn restarted(mut self) -> Self {
        self.cursor.blocks = 0;
        self.differences = D::default();
        self
    }

    /// This walk with `next` behind it, which began at `start`, where this one is now.
    pub fn join(mut self, next: Self, start: &Self) -> Self {
        let begun = start.cursor.reader.position();
        let mut cursor = next.cursor;
        cursor.reader.count_from(&self.cursor.reader, begun);
        cursor.blocks += self.blocks();
        self.differences.extend(next.differences);
        self.cursor = cursor;
        self
    }

    /// The position now, to come [back](Self::back) to.
    pub fn mark(&self) -> Mark<'a, D> {
        Mark {
            cursor: self.cursor.clone(),
            differences: self.differences.mark(),
        }
    }

    /// This walk as it was at `mark`.
    pub fn back(mut self, mark: Mark<'a, D>) -> Self {
        self.cursor = mark.cursor;
        self.differences.back(mark.differences);
        self
    }

    fn step(&mut self, tables: WalkTables<'_>) -> Result<()> {
        self.cursor.refill();
        self.cursor.look_up(tables, &mut self.differences)?;
        self.cursor.settle();
        Ok(())
    }

    /// When it fails, it stands before the symbol that makes no sense.
    #[inline(never)]
    fn rounds(&mut self, tables: WalkTables<'_>, rounds: u32) -> Result<()> {
        let mut cursor = self.cursor.clone();
        let mut batch = self.differences.batch();
        let mut result = Ok(());
        for _ in 0..rounds.min(ROUNDS) {
            cursor.refill();
            result = cursor.look_up_thrice(tables, &mut batch);
            if result.is_err() {
                break;
            }
        }
        cursor.settle();
        self.cursor = cursor;
        let kept = D::end(batch);
        self.differences.keep(kept);
        result
    }
}

/// Skips the AC coefficients of a block of the MCU.
pub(crate) fn skip_ac(
    reader: &mut BitReader<'_>,
    tables: WalkTables<'_>,
    block: usize,
) -> Result<()> {
    let state = tables.skip.next(tables.skip.start(block), false);
    let huffman = tables.huffman[tables.skip.slots[block].component];
    let mut coefficients = 0;
    while coefficients < BLOCK {
        reader.refill();
        let entry = tables.skip.entry(state, reader.peek(BITS));
        if coefficients + entry.coefficients() < BLOCK {
            reader.skip(entry.bits());
            if entry.is_last() {
                break;
            }
            coefficients += entry.coefficients();
        } else {
            coefficients = BLOCK - huffman.skip_coefficient(reader, BLOCK - coefficients)?;
        }
    }
    Ok(())
}

impl Walk<'_, Sums> {
    /// Adds the DC differences of the blocks to `dc`.
    pub fn add_to(&self, dc: &mut [i32; 3], tables: WalkTables<'_>) {
        for (slot, sum) in tables.skip.slots.iter().zip(self.differences.of_blocks()) {
            dc[slot.component] = dc[slot.component].wrapping_add(sum);
        }
    }
}

/// Does [`Walk::run`] to three walks, in one loop as far as that goes.
pub(crate) fn run_three<D: Differences>(
    walks: &mut [Walk<'_, D>; 3],
    tables: WalkTables<'_>,
    blocks: [u32; 3],
) -> Result<()> {
    loop {
        let left = walks
            .iter()
            .zip(blocks)
            .map(|(walk, blocks)| blocks - walk.blocks());
        let rounds = left.min().unwrap_or(0) / LOOKUPS;
        if rounds == 0 {
            break;
        }
        rounds_of_three(walks, tables, rounds)?;
        for walk in walks.iter() {
            walk.check()?;
        }
    }
    for (walk, blocks) in walks.iter_mut().zip(blocks) {
        walk.run(tables, blocks)?;
    }
    Ok(())
}

/// Walks on in three places in turn. When it fails, all are where they were.
#[inline(never)]
pub(crate) fn rounds_of_three<D: Differences>(
    walks: &mut [Walk<'_, D>; 3],
    tables: WalkTables<'_>,
    rounds: u32,
) -> Result<()> {
    let [mut a, mut b, mut c] = walks.each_ref().map(|walk| walk.cursor.clone());
    let [mut batch_a, mut batch_b, mut batch_c] =
        walks.each_mut().map(|walk| walk.differences.batch());
    for _ in 0..rounds.min(ROUNDS) {
        a.refill();
        b.refill();
        c.refill();
        // Written out: in a loop, compilers keep the cursors in memory.
        a.look_up(tables, &mut batch_a)?;
        b.look_up(tables, &mut batch_b)?;
        c.look_up(tables, &mut batch_c)?;
        a.look_up(tables, &mut batch_a)?;
        b.look_up(tables, &mut batch_b)?;
        c.look_up(tables, &mut batch_c)?;
        a.look_up(tables, &mut batch_a)?;
        b.look_up(tables, &mut batch_b)?;
        c.look_up(tables, &mut batch_c)?;
    }
    let kept = [batch_a, batch_b, batch_c].map(D::end);
    for (walk, (mut cursor, kept)) in walks.iter_mut().zip([a, b, c].into_iter().zip(kept)) {
        cursor.settle();
        walk.cursor = cursor;
        walk.differences.keep(kept);
    }
    Ok(())
}
