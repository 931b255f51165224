//! The DC differences that a walk comes by: their sums, or a list of them.

use super::skip_tables::{LOOKUPS, STATES, State};
use super::walk::ROUNDS;

/// Takes DC differences.
pub(crate) trait Note {
    /// Takes that of a look-up in `state`: 0 but at a block's start.
    fn note(&mut self, state: State, difference: i32);
}

/// The DC differences of a walk's blocks.
pub(crate) trait Differences: Note + Clone + Default {
    /// Those of the look-ups of one call, at most [`LOOKUPS`] in each of [`ROUNDS`]. A value of its
    /// own, so that it can stay in registers; nothing large lies in it, for it is moved about.
    type Batch<'b>: Note
    where
        Self: 'b;

    /// The result of a batch.
    type Kept;

    /// A batch that begins here. If it is not [kept](Self::keep), it leaves nothing.
    fn batch(&mut self) -> Self::Batch<'_>;

    /// Ends `batch`; its result is to be [kept](Self::keep).
    fn end(batch: Self::Batch<'_>) -> Self::Kept;

    /// Takes the result of a batch that began here.
    fn keep(&mut self, kept: Self::Kept);

    /// A state to come [back](Self::back) to.
    type Mark;

    /// A mark of now.
    fn mark(&self) -> Self::Mark;

    /// Leaves out all that came behind `mark`.
    fn back(&mut self, mark: Self::Mark);

    /// Adds those of the blocks that follow.
    fn extend(&mut self, behind: Self);
}

/// The sum of the differences in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums([i32; STATES]);

impl Sums {
    /// The sum of each block of the MCU.
    pub fn of_blocks(&self) -> impl Iterator<Item = i32> {
        self.0.iter().copied().step_by(2)
    }
}

impl Note for Sums {
    #[inline(always)]
    fn note(&mut self, state: State, difference: i32) {
        let sum = &mut self.0[state.index()];
        *sum = sum.wrapping_add(difference);
    }
}

impl Differences for Sums {
    type Batch<'b> = Self;
    type Kept = Self;

    #[inline(always)]
    fn batch(&mut self) -> Self {
        *self
    }

    #[inline(always)]
    fn end(batch: Self) -> Self {
        batch
    }

    #[inline(always)]
    fn keep(&mut self, kept: Self) {
        *self = kept;
    }

    type Mark = Self;

    fn mark(&self) -> Self {
        *self
    }

    fn back(&mut self, mark: Self) {
        *self = mark;
    }

    fn extend(&mut self, behind: Self) {
        for (sum, behind) in self.0.iter_mut().zip(behind.0) {
            *sum = sum.wrapping_add(behind);
        }
    }
}

/// The differences of all blocks that have begun, in the order of the coded data.
#[derive(Clone, Debug, Default)]
pub(crate) struct DifferenceList {
    /// Those, and room for more.
    values: Vec<i16>,
    count: usize,
}

impl DifferenceList {
    /// The differences.
    pub fn as_slice(&self) -> &[i16] {
        &self.values[..self.count]
    }

    /// Room for a batch.
    fn room(&mut self) -> &mut [i16; MOST] {
        if self.values.len() < self.count + MOST {
            self.values.resize(self.count + MOST, 0);
        }
        let (room, _) = self.values[self.count..].as_chunks_mut();
        &mut room[0]
    }
}

impl PartialEq for DifferenceList {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Note for DifferenceList {
    fn note(&mut self, state: State, difference: i32) {
        let mut batch = self.batch();
        batch.note(state, difference);
        self.count += batch.count;
    }
}

/// A power of two, so that no index has to be checked.
const MOST: usize = ((LOOKUPS * ROUNDS) as usize).next_power_of_two();

/// A part of a [`DifferenceList`], in its place.
pub(crate) struct ListBatch<'b> {
    values: &'b mut [i16; MOST],
    count: usize,
}

impl Note for ListBatch<'_> {
    // Without a branch: what a look-up within a block leaves is written over.
    #[inline(always)]
    fn note(&mut self, state: State, difference: i32) {
        self.values[self.count % MOST] = difference as i16;
        self.count += usize::from(!state.is_begun());
    }
}

impl Differences for DifferenceList {
    type Batch<'b> = ListBatch<'b>;
    type Kept = usize;

    fn batch(&mut self) -> ListBatch<'_> {
        ListBatch {
            values: self.room(),
            count: 0,
        }
    }

    fn end(batch: ListBatch<'_>) -> usize {
        batch.count
    }

    fn keep(&mut self, count: usize) {
        self.count += count;
    }

    type Mark = usize;

    fn mark(&self) -> usize {
        self.count
    }

    fn back(&mut self, mark: usize) {
        self.count = mark;
    }

    fn extend(&mut self, behind: Self) {
        self.values.truncate(self.count);
        self.values.extend_from_slice(behind.as_slice());
        self.count = self.values.len();
    }
}
