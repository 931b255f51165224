//! MCUs from a drawn one on until the old bits go on: gathered first and written then, since their
//! end may have to be moved to another bit.

use std::ops::Range;

use super::bit_reader::BitPosition;
use super::block::{self, Quantized, SIXTEEN_ZEROS};
use super::drawing::Blend;
use super::rewriter::{Progress, Rewriter, TouchedBy};
use super::walk::skip_ac;
use crate::error::Result;

/// Lengthens at most so many blocks: more than it ever takes.
const FILLED_BLOCKS: usize = 24;

/// From so many MCUs on it pays to walk over them at once.
const LEAST_HIDDEN: usize = 2;

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
    /// The AC coefficients of `PendingMcus::blocks[index]`.
    Ac { index: u32 },
}

struct CodedBlock {
    /// Which block of its MCU it is.
    block: u8,
    quantized: Quantized,
    /// The runs of sixteen zeros that are added to end at a certain bit; they mean nothing.
    fill: u32,
}

impl PendingMcus {
    /// The index of the first piece behind those that are never lengthened.
    fn last_pieces(&self) -> usize {
        let Some(first) = self.blocks.len().checked_sub(FILLED_BLOCKS) else {
            return 0;
        };
        let is_first =
            |piece: &Piece| matches!(piece, Piece::Ac { index } if *index as usize == first);
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
            let here = touched.partition_point(|touched| touched.mcu <= progress.mcu);
            if here == 0 && progress.old_dc == progress.new_dc {
                break;
            }
            let hidden = self.hidden(progress.mcu, touched);
            if hidden >= LEAST_HIDDEN {
                let (here, later) = touched.split_at(hidden);
                *touched = later;
                self.gather_hidden(progress, here)?;
                continue;
            }
            let (here, later) = touched.split_at(here);
            *touched = later;
            self.gather_mcu(progress, here)?;
            progress.reader.check()?;
            progress.mcu += 1;
        }
        Ok(())
    }

    /// The MCUs from `mcu` on of which one drawing alone covers all blocks.
    fn hidden(&self, mcu: u32, touched: &[TouchedBy]) -> usize {
        let is_hidden = |at: usize| {
            // Another drawing's entry for the same MCU is next to it.
            touched[at].mcu == mcu + at as u32
                && touched
                    .get(at + 1)
                    .is_none_or(|next| next.mcu > touched[at].mcu)
                && (0..self.blocks).all(|block| self.opaque(&touched[at..=at], block).is_some())
        };
        (0..touched.len()).take_while(|&at| is_hidden(at)).count()
    }

    /// Gathers MCUs of which nothing is seen any more: what was there is walked over.
    fn gather_hidden(
        &mut self,
        progress: &mut Progress<'a>,
        touched: &'_ [TouchedBy],
    ) -> Result<()> {
        let mut new_dc = progress.new_dc;
        for at in 0..touched.len() {
            for block in 0..self.blocks {
                if let Some(quantized) = self.opaque(&touched[at..=at], block) {
                    self.gather_coded(&mut new_dc, block, *quantized);
                }
            }
        }
        self.walk_over(progress, touched.len() as u32)?;
        progress.new_dc = new_dc;
        Ok(())
    }

    fn gather_mcu(&mut self, progress: &mut Progress<'a>, touched: &[TouchedBy]) -> Result<()> {
        for block in 0..self.blocks {
            let is_drawn = touched
                .iter()
                .any(|touched| self.blend(touched, block).is_some());
            if is_drawn {
                self.gather_drawn(progress, block, touched)?;
            } else {
                self.gather_kept(progress, block)?;
            }
        }
        Ok(())
    }

    fn blend(&self, touched: &TouchedBy, block: usize) -> Option<&'a Blend> {
        let prepared = self.cache.drawing(touched.drawing as usize);
        prepared.blend(touched.index as usize, block)
    }

    /// The new coefficients of a block that one drawing alone covers; it need not be decoded then.
    fn opaque(&self, touched: &[TouchedBy], block: usize) -> Option<&'a Quantized> {
        let [only] = touched else { return None };
        let drawing = self.cache.drawing(only.drawing as usize);
        drawing.opaque(only.index as usize, block)
    }

    fn gather_drawn(
        &mut self,
        progress: &mut Progress<'a>,
        block: usize,
        touched: &[TouchedBy],
    ) -> Result<()> {
        let component = self.slots[block].component;
        let tables = self.tables[component];
        let multipliers = self.cache.multipliers(component);
        let difference = tables.dc_difference(&mut progress.reader)?;
        let dc = progress.old_dc[component].wrapping_add(difference);
        progress.old_dc[component] = dc;
        let quantized = match self.opaque(touched, block) {
            Some(quantized) => {
                skip_ac(&mut progress.reader, self.walk_tables, block)?;
                *quantized
            }
            None => {
                let coefficients = block::decode(tables, &mut progress.reader, dc)?;
                let blends = touched
                    .iter()
                    .filter_map(|touched| self.blend(touched, block));
                Quantized::round(&blends.fold(coefficients, |coefficients, blend| {
                    block::blend(coefficients, blend, multipliers)
                }))
            }
        };
        self.gather_coded(&mut progress.new_dc, block, quantized);
        Ok(())
    }

    /// Gathers a block that is `quantized` now.
    fn gather_coded(&mut self, new_dc: &mut [i32; 3], block: usize, quantized: Quantized) {
        let latest = &mut new_dc[self.slots[block].component];
        let difference = quantized.dc().wrapping_sub(*latest);
        *latest = quantized.dc();
        self.pending.pieces.push(Piece::Dc {
            block: block as u8,
            difference,
        });
        let index = self.pending.blocks.len() as u32;
        self.pending.pieces.push(Piece::Ac { index });
        self.pending.blocks.push(CodedBlock {
            block: block as u8,
            quantized,
            fill: 0,
        });
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
                Piece::Ac { index } => {
                    let coded = &self.pending.blocks[index as usize];
                    let component = self.slots[usize::from(coded.block)].component;
                    let tables = self.tables[component];
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
