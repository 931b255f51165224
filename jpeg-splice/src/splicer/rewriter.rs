//! Rewrites a JPEG's coded data: skips blocks that nothing is drawn on, codes drawn ones again, and
//! copies the rest.

use std::ops::Range;

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use super::cache::Cache;
use super::frame::Frame;
use super::huffman::Tables;
use super::interleave::{Interleave, Stretch};
use super::intervals;
use super::layout::{BlockSlot, Layout};
use super::pending_mcus::PendingMcus;
use super::walk::{Walk, WalkTables};
use crate::error::Result;

/// The number of untouched MCUs from which on it pays to align them to their old bits of the bytes,
/// to copy bytes instead of bits.
const LONG_GAP: u32 = 256;
/// The same at an interval's end, where there is no need to walk over them then.
const LAST_GAP: u32 = 16;

/// One drawing's part in one MCU.
#[derive(Clone, Copy)]
pub(crate) struct TouchedBy {
    pub mcu: u32,
    pub drawing: u32,
    /// Its index in the prepared drawing.
    pub index: u32,
}

/// The rewriting of one JPEG's scan.
pub(crate) struct Rewriter<'a> {
    pub jpeg: &'a [u8],
    pub cache: &'a Cache,
    /// Of each component.
    pub tables: [&'a Tables; 3],
    pub pending: &'a mut PendingMcus,
    interleave: &'a mut Interleave,
    pub writer: BitWriter<'a>,
    /// Up to where the JPEG has been written, or need not be.
    pub copied: usize,
    pub slots: [BlockSlot; 10],
    pub blocks: usize,
    pub mcus: u32,
    pub interval: u32,
    pub scan: usize,
}

/// The position of a rewriter within a restart interval.
pub(crate) struct Progress<'a> {
    pub reader: BitReader<'a>,
    /// The next MCU.
    pub mcu: u32,
    /// The latest DC coefficients, as they were and as they are.
    pub old_dc: [i32; 3],
    pub new_dc: [i32; 3],
}

impl<'a> Rewriter<'a> {
    pub fn new(
        jpeg: &'a [u8],
        frame: &Frame<'_>,
        layout: &Layout,
        cache: &'a Cache,
        (pending, interleave): (&'a mut PendingMcus, &'a mut Interleave),
        out: &'a mut Vec<u8>,
    ) -> Self {
        let (across, down) = layout.mcus();
        let (slots, blocks) = layout.blocks();
        let mcus = across * down;
        Self {
            jpeg,
            cache,
            tables: [0, 1, 2].map(|component| cache.tables(component)),
            pending,
            interleave,
            writer: BitWriter::new(out),
            copied: frame.scan,
            slots,
            blocks,
            mcus,
            interval: match frame.restart_interval {
                0 => mcus,
                mcus => mcus as u32,
            },
            scan: frame.scan,
        }
    }

    /// Rewrites the scan, and copies all that follows it.
    pub fn scan(&mut self, mut touched: &[TouchedBy]) -> Result<()> {
        intervals::check_end(self.jpeg, self.scan)?;
        let mut start = self.scan;
        let mut number = 0;
        while let Some(first) = touched.first() {
            let wanted = first.mcu / self.interval;
            start = intervals::skip(self.jpeg, start, number..wanted)?;
            number = wanted;
            let mcus = number * self.interval..((number + 1) * self.interval).min(self.mcus);
            let (here, later) = touched.split_at(touched.partition_point(|t| t.mcu < mcus.end));
            touched = later;
            start = self.interval(start, mcus, here)?;
        }
        self.writer.out.extend_from_slice(&self.jpeg[self.copied..]);
        Ok(())
    }

    /// Skips through all intervals: an error shows damage.
    pub fn verify(&mut self) -> Result<()> {
        intervals::check_end(self.jpeg, self.scan)?;
        let mut start = self.scan;
        for number in 0..self.mcus.div_ceil(self.interval) {
            let mut progress = Progress {
                reader: BitReader::new(self.jpeg, start),
                mcu: number * self.interval,
                old_dc: [0; 3],
                new_dc: [0; 3],
            };
            let end = ((number + 1) * self.interval).min(self.mcus);
            self.skip_to(&mut progress, end)?;
            let behind = progress.reader.position().next_byte(self.jpeg);
            if end < self.mcus {
                start = intervals::skip(self.jpeg, behind, number..number + 1)?;
            }
        }
        Ok(())
    }

    /// Rewrites the interval that starts at the byte `start`. Gives a byte within it, or where it
    /// ends.
    fn interval(
        &mut self,
        start: usize,
        mcus: Range<u32>,
        mut touched: &[TouchedBy],
    ) -> Result<usize> {
        self.writer
            .out
            .extend_from_slice(&self.jpeg[self.copied..start]);
        let mut progress = Progress {
            reader: BitReader::new(self.jpeg, start),
            mcu: mcus.start,
            old_dc: [0; 3],
            new_dc: [0; 3],
        };
        let mut written = progress.reader.position();
        while let Some(first) = touched.first() {
            self.skip_to(&mut progress, first.mcu)?;
            let position = progress.reader.position();
            self.writer.copy(self.jpeg, written, position);
            self.gather(&mut progress, &mut touched, mcus.end)?;
            written = progress.reader.position();
            let (next, gap) = match touched.first() {
                Some(touched) => (touched.mcu, LONG_GAP),
                None => (mcus.end, LAST_GAP),
            };
            let is_followed = next - progress.mcu >= gap;
            self.write_pending(is_followed.then_some(written.bit))?;
        }
        progress.reader.check()?;
        if progress.mcu < mcus.end && self.writer.bit() == written.bit {
            // From here on all bits are where they were.
            self.copied = self.writer.fill_byte(self.jpeg, written);
            return Ok(self.copied);
        }
        self.skip_to(&mut progress, mcus.end)?;
        progress.reader.check()?;
        let end = progress.reader.position();
        self.writer.copy(self.jpeg, written, end);
        self.writer.finish();
        // Kept as it is: with what lies between here and the marker, of which a damaged JPEG may
        // have much.
        self.copied = end.next_byte(self.jpeg);
        if mcus.end < self.mcus {
            // Without its marker, decoders don't agree on where the next interval starts.
            let number = mcus.start / self.interval;
            return intervals::skip(self.jpeg, self.copied, number..number + 1)
                .map(|_| self.copied);
        }
        Ok(self.copied)
    }

    /// Skips all MCUs before `until`, which nothing is drawn on.
    fn skip_to(&mut self, progress: &mut Progress<'a>, until: u32) -> Result<()> {
        let tables = WalkTables {
            skip: self.cache.skip_tables(),
            huffman: &self.tables,
        };
        let mut walk = Walk::new(progress.reader.clone(), tables, 0);
        let stretch = Stretch {
            jpeg: self.jpeg,
            scan: self.scan,
            mcus: progress.mcu..until,
            all_mcus: self.mcus,
            blocks: (until - progress.mcu) * self.blocks as u32,
        };
        if self.interval >= self.mcus {
            self.interleave.advance(&mut walk, tables, &stretch);
        }
        walk.run(tables, stretch.blocks)?;
        self.interleave.note(&stretch, walk.byte());
        walk.add_to(&mut progress.old_dc, tables);
        progress.reader = walk.into_reader();
        progress.new_dc = progress.old_dc;
        progress.mcu = until;
        Ok(())
    }
}
