//! MCUs from a drawn one on until the old bits go on: gathered first and written then, since their
//! end may have to be moved to another bit.

use std::ops::Range;

use super::bit_reader::BitPosition;
use super::block::{self, Quantized, SIXTEEN_ZEROS};
use super::prepared::{Blend, Prepared};
use super::rewriter::{Progress, Rewriter, TouchedBy};
use super::walk::skip_ac;
use crate::error::Result;

/// Lengthens at most so many blocks: more than it ever takes.
const FILLED_BLOCKS: usize = 24;

/// So many MCUs in a row that are hidden are walked over, not read block by block.
const LEAST_HIDDEN: usize = 4;

/// Recoded MCUs that are not written yet.
#[derive(Default)]
pub(crate) struct PendingMcus {
    pieces: Vec<Piece>,
    blocks: Vec<CodedBlock>,
}

enum Piece {
    /// Bits of the JPEG as they are.
    Bits { from: BitPosition, to: BitPosition },
    /// A DC difference of a block of this kind of the MCU.
    Dc { block: u8, difference: i32 },
    /// `PendingMcus::blocks[index]`.
    Coded { index: u32 },
}

struct CodedBlock {
    /// Its number among the blocks of its MCU.
    block: u8,
    /// The DC difference.
    difference: i32,
    quantized: Quantized,
    /// The runs of sixteen zeros that are added to end at a certain bit; they mean nothing.
    fill: u32,
}

impl PendingMcus {
    /// Adds a block of the MCU that is coded anew; `dc` is its component's DC coefficient before.
    fn push_coded(&mut self, block: usize, quantized: Quantized, dc: &mut i32) {
        let block = block as u8;
        let difference = quantized.dc().wrapping_sub(*dc);
        *dc = quantized.dc();
        let index = self.blocks.len() as u32;
        self.pieces.push(Piece::Coded { index });
        self.blocks.push(CodedBlock {
            block,
            difference,
            quantized,
            fill: 0,
        });
    }

    /// The index of the first piece behind those that are never lengthened.
    fn last_pieces(&self) -> usize {
        let Some(first) = self.blocks.len().checked_sub(FILLED_BLOCKS) else {
            return 0;
        };
        let is_first =
            |piece: &Piece| matches!(piece, Piece::Coded { index } if *index as usize == first);
        self.pieces.iter().rposition(is_first).unwrap_or(0)
    }
}

impl<'a> Rewriter<'a> {
    /// Gathers all MCUs from a drawn one on until the old bits go on.
    pub fn gather(
        &mut self,
        progress: &mut Progress<'a>,
        touched: &mut &[TouchedBy],
        end: u32,
    ) -> Result<()> {
        self.pending.pieces.clear();
        self.pending.blocks.clear();
        while progress.mcu < end {
            let hidden = self.hidden(progress.mcu, touched);
            if hidden >= LEAST_HIDDEN {
                let (here, later) = touched.split_at(hidden);
                self.gather_hidden(progress, here)?;
                *touched = later;
                continue;
            }
            let here = touched.partition_point(|touched| touched.mcu <= progress.mcu);
            if here == 0 && progress.old_dc == progress.new_dc {
                break;
            }
            let (here, later) = touched.split_at(here);
            *touched = later;
            self.gather_mcu(progress, here)?;
            progress.reader.check()?;
            progress.mcu += 1;
        }
        Ok(())
    }

    /// The number of MCUs from `mcu` on of which one drawing each leaves nothing to be seen.
    fn hidden(&self, mcu: u32, touched: &[TouchedBy]) -> usize {
        let hides = |touched: &TouchedBy| {
            let drawing = self.cache.drawing(touched.drawing as usize);
            drawing.cover(touched.index).is_opaque()
        };
        let mcus = (mcu..).zip(touched);
        let count = mcus.take_while(|(mcu, it)| it.mcu == *mcu && hides(it));
        let count = count.count();
        // Another drawing may lie on the last one.
        let is_shared = |it: &TouchedBy| it.mcu < mcu + count as u32;
        count - usize::from(touched.get(count).is_some_and(is_shared))
    }

    /// Gathers MCUs that are `hidden`: of what they were, only the DC coefficients count, for what
    /// follows them.
    fn gather_hidden(&mut self, progress: &mut Progress<'a>, hidden: &[TouchedBy]) -> Result<()> {
        let mut new_dc = progress.new_dc;
        self.skip_to(progress, progress.mcu + hidden.len() as u32)?;
        for touched in hidden {
            self.prepare_fresh(std::slice::from_ref(touched));
            for block in 0..self.blocks {
                if let Some(Blend::Opaque { quantized, .. }) = self.blend(0, touched, block) {
                    let dc = &mut new_dc[self.slots[block].component];
                    self.pending.push_coded(block, *quantized, dc);
                }
            }
        }
        progress.new_dc = new_dc;
        Ok(())
    }

    fn gather_mcu(&mut self, progress: &mut Progress<'a>, touched: &[TouchedBy]) -> Result<()> {
        self.prepare_fresh(touched);
        for block in 0..self.blocks {
            let mut drawings = touched.iter().enumerate();
            if drawings.any(|(place, touched)| self.blend(place, touched, block).is_some()) {
                self.gather_drawn(progress, block, touched)?;
            } else {
                self.gather_kept(progress, block)?;
            }
        }
        Ok(())
    }

    /// Prepares an MCU of each drawing that has no blocks yet.
    fn prepare_fresh(&mut self, touched: &[TouchedBy]) {
        if self.fresh.len() < touched.len() {
            self.fresh.resize_with(touched.len(), Prepared::default);
        }
        for (touched, fresh) in touched.iter().zip(&mut *self.fresh) {
            let drawing = self.cache.drawing(touched.drawing as usize);
            if drawing.prepared().is_none() {
                drawing.prepare_one(touched.index, fresh);
                fresh.quantize(|component| self.cache.multipliers(component));
            }
        }
    }

    /// The change that a drawing makes to a block of the MCU at hand; `place` is the drawing's
    /// among those that touch it.
    #[inline]
    fn blend(&self, place: usize, touched: &TouchedBy, block: usize) -> Option<Blend<'_>> {
        match self.cache.drawing(touched.drawing as usize).prepared() {
            Some(prepared) => prepared.blend(touched.index as usize, block),
            None => self.fresh[place].blend(0, block),
        }
    }

    fn gather_drawn(
        &mut self,
        progress: &mut Progress<'a>,
        block: usize,
        touched: &[TouchedBy],
    ) -> Result<()> {
        let component = self.slots[block].component;
        let tables = self.tables[component];
        let difference = tables.dc_difference(&mut progress.reader)?;
        let dc = progress.old_dc[component].wrapping_add(difference);
        progress.old_dc[component] = dc;
        let quantized = self.draw(progress, (block, dc), touched)?;
        let new_dc = &mut progress.new_dc[component];
        self.pending.push_coded(block, quantized, new_dc);
        Ok(())
    }

    /// The new coefficients of a block, whose DC coefficient is `dc` and whose others come next.
    #[inline]
    fn draw(
        &self,
        progress: &mut Progress<'a>,
        (block, dc): (usize, i32),
        touched: &[TouchedBy],
    ) -> Result<Quantized> {
        if let [only] = touched
            && let Some(Blend::Opaque { quantized, .. }) = self.blend(0, only, block)
        {
            // Nothing of the block is needed.
            skip_ac(&mut progress.reader, self.walk_tables, block)?;
            return Ok(*quantized);
        }
        let component = self.slots[block].component;
        let multipliers = self.cache.multipliers(component);
        let mut drawn = block::decode(self.tables[component], &mut progress.reader, dc)?;
        for (place, touched) in touched.iter().enumerate() {
            if let Some(blend) = self.blend(place, touched, block) {
                block::blend(&mut drawn, blend, multipliers);
            }
        }
        Ok(Quantized::round(&drawn))
    }

    /// Gathers a block that keeps its bits, but for the DC difference if the block before has
    /// changed.
    fn gather_kept(&mut self, progress: &mut Progress<'a>, block: usize) -> Result<()> {
        let component = self.slots[block].component;
        let tables = self.tables[component];
        let mut from = progress.reader.position();
        let difference = tables.dc_difference(&mut progress.reader)?;
        let is_new = progress.old_dc[component] != progress.new_dc[component];
        let dc = progress.old_dc[component].wrapping_add(difference);
        if is_new {
            self.pending.pieces.push(Piece::Dc {
                block: block as u8,
                difference: dc.wrapping_sub(progress.new_dc[component]),
            });
            from = progress.reader.position();
        }
        progress.old_dc[component] = dc;
        progress.new_dc[component] = dc;
        skip_ac(&mut progress.reader, self.walk_tables, block)?;
        let to = progress.reader.position();
        match self.pending.pieces.last_mut() {
            Some(Piece::Bits { to: end, .. }) if *end == from => *end = to,
            _ => self.pending.pieces.push(Piece::Bits { from, to }),
        }
        Ok(())
    }

    /// Writes what was gathered. If `bit` is given, it tries to end at that bit of a byte, so that
    /// all that follows can be copied byte by byte.
    pub fn write_pending(&mut self, bit: Option<u32>) -> Result<()> {
        let all = self.pending.pieces.len();
        let Some(bit) = bit else {
            return self.write_pieces(0..all);
        };
        let last = self.pending.last_pieces();
        self.write_pieces(0..last)?;
        let mark = self.writer.mark();
        self.write_pieces(last..all)?;
        let missing = (bit + 8 - self.writer.bit()) % 8;
        if missing > 0 && self.fill(missing) {
            self.writer.rewind(mark);
            self.write_pieces(last..all)?;
        }
        Ok(())
    }

    fn write_pieces(&mut self, pieces: Range<usize>) -> Result<()> {
        for piece in &self.pending.pieces[pieces] {
            match *piece {
                Piece::Bits { from, to } => self.writer.copy(self.jpeg, from, to),
                Piece::Dc { block, difference } => {
                    let tables = self.tables[self.slots[usize::from(block)].component];
                    block::write_dc(tables, &mut self.writer, difference)?;
                }
                Piece::Coded { index } => {
                    let coded = &self.pending.blocks[index as usize];
                    let tables = self.tables[self.slots[usize::from(coded.block)].component];
                    block::write_dc(tables, &mut self.writer, coded.difference)?;
                    coded
                        .quantized
                        .write_ac(tables, &mut self.writer, coded.fill)?;
                }
            }
        }
        Ok(())
    }

    /// Lengthens coded blocks by `missing` bits, modulo 8, with runs of zeros that mean nothing.
    fn fill(&mut self, missing: u32) -> bool {
        // For each block and each remainder that can be reached with it: how many runs it takes.
        let mut ways = [[None; 8]; FILLED_BLOCKS + 1];
        ways[0][0] = Some(0);
        let blocks = self.pending.blocks.len();
        for step in 0..FILLED_BLOCKS.min(blocks) {
            let length = self.zeros_length(blocks - 1 - step);
            let room = match length {
                0 => 0,
                _ => self.pending.blocks[blocks - 1 - step].quantized.room(),
            };
            for bits in 0..8 {
                if ways[step][bits as usize].is_some() {
                    for runs in 0..=room {
                        let sum = (bits + runs * length) % 8;
                        ways[step + 1][sum as usize].get_or_insert(runs);
                    }
                }
            }
            if ways[step + 1][missing as usize].is_some() {
                self.take_ways(&ways[1..=step + 1], missing);
                return true;
            }
        }
        false
    }

    /// Follows the ways back from `missing` to nothing.
    fn take_ways(&mut self, ways: &[[Option<u32>; 8]], mut missing: u32) {
        let blocks = self.pending.blocks.len();
        for (step, ways) in ways.iter().enumerate().rev() {
            let runs = ways[missing as usize].unwrap_or(0);
            let length = self.zeros_length(blocks - 1 - step);
            self.pending.blocks[blocks - 1 - step].fill = runs;
            missing = (missing + 8 * runs * length - runs * length) % 8;
        }
    }

    /// The length of the code for sixteen zeros in a gathered block's table; 0 if there is none.
    fn zeros_length(&self, block: usize) -> u32 {
        let slot = self.slots[usize::from(self.pending.blocks[block].block)];
        let tables = self.tables[slot.component];
        tables.ac.length(SIXTEEN_ZEROS).unwrap_or(0)
    }
}
