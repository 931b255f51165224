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
    /// own, so that it can stay in registers or on the stack.
    type Batch: Note;

    /// A batch that begins here.
    fn batch(&self) -> Self::Batch;

    /// Takes a batch that began here.
    fn keep(&mut self, batch: Self::Batch);

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
    type Batch = Self;

    #[inline(always)]
    fn batch(&self) -> Self {
        *self
    }

    #[inline(always)]
    fn keep(&mut self, batch: Self) {
        *self = batch;
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
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DifferenceList(pub Vec<i16>);

impl Note for DifferenceList {
    fn note(&mut self, state: State, difference: i32) {
        if !state.is_begun() {
            self.0.push(difference as i16);
        }
    }
}

/// A power of two, so that no index has to be checked.
const MOST: usize = ((LOOKUPS * ROUNDS) as usize).next_power_of_two();

/// A part of a [`DifferenceList`].
pub(crate) struct ListBatch {
    values: [i16; MOST],
    count: usize,
}

impl Note for ListBatch {
    // Without a branch: what a look-up within a block leaves is written over.
    #[inline(always)]
    fn note(&mut self, state: State, difference: i32) {
        self.values[self.count % MOST] = difference as i16;
        self.count += usize::from(!state.is_begun());
    }
}

impl Differences for DifferenceList {
    type Batch = ListBatch;

    fn batch(&self) -> ListBatch {
        ListBatch {
            values: [0; MOST],
            count: 0,
        }
    }

    fn keep(&mut self, batch: ListBatch) {
        self.0.extend_from_slice(&batch.values[..batch.count]);
    }

    type Mark = usize;

    fn mark(&self) -> usize {
        self.0.len()
    }

    fn back(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    fn extend(&mut self, behind: Self) {
        self.0.extend(behind.0);
    }
}
