//! Rewrites a JPEG's coded data: skips blocks that nothing is drawn on, codes drawn ones again, and
//! copies the rest.

use std::ops::Range;

use super::bit_reader::BitReader;
use super::bit_writer::BitWriter;
use super::cache::Cache;
use super::differences::Sums;
use super::frame::Frame;
use super::huffman::Tables;
use super::interleave::{Interleave, Stretch};
use super::intervals;
use super::layout::{BlockSlot, Layout};
use super::pending_mcus::PendingMcus;
use super::prepared::Prepared;
use super::trail::Trail;
use super::walk::{Walk, WalkTables, run_three};
use crate::error::Result;

/// The number of untouched MCUs from which on it pays to align them to their old bits of the bytes,
/// to copy bytes instead of bits.
const LONG_GAP: u32 = 64;
/// The same at an interval's end, where there is no need to walk over them then.
const LAST_GAP: u32 = 16;
/// Of the bytes before the first drawn MCU, one in so many is taken for such an MCU's.
const EARLIER: usize = 32;

/// One drawing's part in one MCU.
#[derive(Clone, Copy)]
pub(crate) struct TouchedBy {
    pub mcu: u32,
    pub drawing: u32,
    /// Its index in the prepared drawing.
    pub index: u32,
}

/// Memory that is kept from frame to frame.
#[derive(Default)]
pub(crate) struct Kept {
    pending: PendingMcus,
    fresh: Vec<Prepared>,
    pub interleave: Interleave,
}

/// The rewriting of one JPEG's scan.
pub(crate) struct Rewriter<'a> {
    pub jpeg: &'a [u8],
    pub cache: &'a Cache,
    /// Of each component.
    pub tables: [&'a Tables; 3],
    pub walk_tables: WalkTables<'a>,
    pub pending: &'a mut PendingMcus,
    /// The MCU at hand of each drawing that has no blocks yet.
    pub fresh: &'a mut Vec<Prepared>,
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
    /// Places further on, counted from this MCU, with these DC coefficients.
    trail: Trail<'a, Sums>,
    trail_start: (u32, [i32; 3]),
}

impl<'a> Progress<'a> {
    /// At the start of the interval at the byte `start`, whose first MCU is `mcu`.
    pub fn new(jpeg: &'a [u8], start: usize, mcu: u32) -> Self {
        Self {
            reader: BitReader::new(jpeg, start),
            mcu,
            old_dc: [0; 3],
            new_dc: [0; 3],
            trail: Trail::none(),
            trail_start: (mcu, [0; 3]),
        }
    }

    fn walk(&self, tables: WalkTables<'_>) -> Walk<'a, Sums> {
        Walk::new(self.reader.clone(), tables, 0)
    }

    /// Goes on to where `walk` has come, over `mcus` MCUs.
    fn advance(&mut self, walk: Walk<'a, Sums>, tables: WalkTables<'_>, mcus: u32) {
        walk.add_to(&mut self.old_dc, tables);
        self.new_dc = self.old_dc;
        self.mcu += mcus;
        self.reader = walk.into_reader();
    }
}

/// A restart interval that is drawn on.
struct Head<'a, 't> {
    /// Its first byte.
    start: usize,
    progress: Progress<'a>,
    /// The MCU behind it.
    end: u32,
    touched: &'t [TouchedBy],
}

impl<'a> Rewriter<'a> {
    pub fn new(
        jpeg: &'a [u8],
        frame: &Frame<'_>,
        layout: &Layout,
        cache: &'a Cache,
        kept: &'a mut Kept,
        out: &'a mut Vec<u8>,
    ) -> Self {
        let (across, down) = layout.mcus();
        let (slots, blocks) = layout.blocks();
        let mcus = across * down;
        let walk_tables = WalkTables::of(cache);
        Self {
            jpeg,
            cache,
            tables: walk_tables.huffman,
            walk_tables,
            pending: &mut kept.pending,
            fresh: &mut kept.fresh,
            interleave: &mut kept.interleave,
            writer: BitWriter::new(out),
            copied: frame.scan,
            slots,
            blocks,
            mcus,
            interval: frame.interval(layout),
            scan: frame.scan,
        }
    }

    /// Rewrites the scan, and copies all that follows it.
    pub fn scan(&mut self, mut touched: &[TouchedBy]) -> Result<()> {
        intervals::check_end(self.jpeg, self.scan)?;
        let mut place = (0, self.scan);
        while !touched.is_empty() {
            let mut heads = [const { None }; 3];
            for head in &mut heads {
                *head = self.head(&mut place, &mut touched)?;
            }
            if let [Some(one), Some(two), Some(three)] = &mut heads {
                self.skip_in_three([one, two, three])?;
            }
            for head in heads.into_iter().flatten() {
                place.1 = self.interval(head)?;
            }
        }
        self.writer.out.extend_from_slice(&self.jpeg[self.copied..]);
        Ok(())
    }

    /// The next interval that is drawn on; from the interval and the byte `place` on, which is
    /// moved there.
    fn head<'t>(
        &self,
        place: &mut (u32, usize),
        touched: &mut &'t [TouchedBy],
    ) -> Result<Option<Head<'a, 't>>> {
        let Some(first) = touched.first() else {
            return Ok(None);
        };
        let number = first.mcu / self.interval;
        let start = intervals::skip(self.jpeg, place.1, place.0..number)?;
        *place = (number, start);
        let mcus = number * self.interval..((number + 1) * self.interval).min(self.mcus);
        let here = touched.partition_point(|touched| touched.mcu < mcus.end);
        let (here, later) = touched.split_at(here);
        *touched = later;
        Ok(Some(Head {
            start,
            progress: Progress::new(self.jpeg, start, mcus.start),
            end: mcus.end,
            touched: here,
        }))
    }

    /// Skips all MCUs before the first drawn ones of three intervals, in one loop as far as that
    /// goes.
    fn skip_in_three(&self, heads: [&mut Head<'a, '_>; 3]) -> Result<()> {
        let tables = self.walk_tables;
        let mut walks = heads.each_ref().map(|head| head.progress.walk(tables));
        let blocks = heads.each_ref().map(|head| {
            let first = head.touched.first().map_or(head.end, |touched| touched.mcu);
            (first - head.progress.mcu) * self.blocks as u32
        });
        run_three(&mut walks, tables, blocks)?;
        for ((head, walk), blocks) in heads.into_iter().zip(walks).zip(blocks) {
            head.progress
                .advance(walk, tables, blocks / self.blocks as u32);
        }
        Ok(())
    }

    /// Skips through all intervals: an error shows damage.
    pub fn verify(&mut self) -> Result<()> {
        intervals::check_end(self.jpeg, self.scan)?;
        let mut start = self.scan;
        for number in 0..self.mcus.div_ceil(self.interval) {
            let mut progress = Progress::new(self.jpeg, start, number * self.interval);
            let end = ((number + 1) * self.interval).min(self.mcus);
            self.skip_far(&mut progress, end)?;
            let behind = progress.reader.position().next_byte(self.jpeg);
            if end < self.mcus {
                start = intervals::skip(self.jpeg, behind, number..number + 1)?;
            }
        }
        Ok(())
    }

    /// Rewrites an interval. Gives a byte within it, or where it ends.
    fn interval(&mut self, head: Head<'a, '_>) -> Result<usize> {
        let Head {
            start,
            mut progress,
            end,
            mut touched,
        } = head;
        self.writer
            .out
            .extend_from_slice(&self.jpeg[self.copied..start]);
        let number = progress.mcu / self.interval;
        let mut written = BitReader::new(self.jpeg, start).position();
        let mcu = |touched: Option<&TouchedBy>| touched.map_or(end, |touched| touched.mcu);
        let mcus = mcu(touched.first())..mcu(touched.last());
        let stretch = self.survey(&mut progress, mcus.clone());
        while let Some(first) = touched.first() {
            self.skip_to(&mut progress, first.mcu)?;
            if first.mcu == mcus.start {
                self.interleave
                    .note(&stretch, first.mcu, progress.reader.byte());
            }
            let position = progress.reader.position();
            self.writer.copy(self.jpeg, written, position);
            self.gather(&mut progress, &mut touched, end)?;
            written = progress.reader.position();
            let (next, gap) = match touched.first() {
                Some(touched) => (touched.mcu, LONG_GAP),
                None => (end, LAST_GAP),
            };
            let is_followed = next - progress.mcu >= gap;
            self.write_pending(is_followed.then_some(written.bit))?;
        }
        self.interleave
            .note(&stretch, mcus.end, progress.reader.byte());
        progress.reader.check()?;
        if progress.mcu < end && self.writer.bit() == written.bit {
            // From here on all bits are where they were.
            self.copied = self.writer.fill_byte(self.jpeg, written);
        } else {
            self.skip_far(&mut progress, end)?;
            let last = progress.reader.position();
            self.writer.copy(self.jpeg, written, last);
            self.writer.finish();
            // Kept as it is: with what lies between here and the marker, of which a damaged JPEG
            // may have much.
            self.copied = last.next_byte(self.jpeg);
        }
        if end < self.mcus {
            // Without its marker, decoders don't agree on where the next interval starts.
            intervals::skip(self.jpeg, self.copied, number..number + 1)?;
        }
        Ok(self.copied)
    }

    /// Notes places on the way to the last of `mcus`, from the first on. Gives the way.
    fn survey(&mut self, progress: &mut Progress<'a>, mcus: Range<u32>) -> Stretch<'a> {
        let stretch = Stretch {
            jpeg: self.jpeg,
            scan: self.scan,
            mcus: progress.mcu..mcus.end,
            all_mcus: self.mcus,
            blocks: (mcus.end - progress.mcu) * self.blocks as u32,
        };
        if self.interval >= self.mcus {
            let (mut walk, tables) = (progress.walk(self.walk_tables), self.walk_tables);
            let from = (self.interleave).expected_byte(&stretch, mcus.start, walk.byte());
            // A frame may be a little unlike the one before.
            progress.trail = Trail::new(from - (from - self.scan) / EARLIER);
            progress.trail_start = (progress.mcu, progress.old_dc);
            let trail = &mut progress.trail;
            self.interleave.advance(&mut walk, tables, &stretch, trail);
        }
        stretch
    }

    /// Skips all MCUs before `until`, as if nothing were drawn on them.
    pub fn skip_to(&mut self, progress: &mut Progress<'a>, until: u32) -> Result<()> {
        let (start, dc) = progress.trail_start;
        let blocks = |mcu: u32| (mcu - start) * self.blocks as u32;
        let tables = self.walk_tables;
        let between = blocks(progress.mcu)..blocks(until);
        let (mut walk, from) = match progress.trail.last_within(between) {
            Some(place) => {
                progress.old_dc = dc;
                (place, start)
            }
            None => (progress.walk(tables), progress.mcu),
        };
        walk.run(tables, (until - from) * self.blocks as u32)?;
        progress.advance(walk, tables, until - progress.mcu);
        Ok(())
    }

    /// Skips all MCUs before `until`, over a long way in three pieces.
    fn skip_far(&mut self, progress: &mut Progress<'a>, until: u32) -> Result<()> {
        let stretch = self.survey(progress, until..until);
        self.skip_to(progress, until)?;
        self.interleave
            .note(&stretch, until, progress.reader.byte());
        Ok(())
    }
}
