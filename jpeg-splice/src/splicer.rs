//! The way through a JPEG: passing over what is not drawn on, coding anew what is, copying the rest.

use std::ops::Range;

use crate::block::{self, Quantized, SIXTEEN_ZEROS};
use crate::cache::Cache;
use crate::drawing::{Drawing, Paint};
use crate::error::Result;
use crate::frame::Frame;
use crate::huffman::Tables;
use crate::intervals::{self, next_marker};
use crate::layout::{self, Layout};
use crate::reader::{BitReader, Place};
use crate::standard;
use crate::writer::BitWriter;

/// How many untouched MCUs make it worth while to bring them to their old bits of the bytes.
const LONG_WAY: u32 = 256;

/// Draws on JPEGs, and keeps between them what can be kept: tables, prepared drawings and memory. Meant to be used
/// for all frames of one stream.
#[derive(Default)]
pub struct Splicer {
    cache: Cache,
    touched: Vec<TouchedBy>,
    work: Work,
}

/// One drawing's part in one MCU.
#[derive(Clone, Copy)]
struct TouchedBy {
    mcu: u32,
    drawing: u32,
    /// Its index in the prepared drawing.
    index: u32,
}

/// What is to be written for a run of MCUs, before it is.
#[derive(Default)]
struct Work {
    pieces: Vec<Piece>,
    blocks: Vec<CodedBlock>,
}

enum Piece {
    /// Bits of the JPEG as they are.
    Bits { from: Place, to: Place },
    /// A DC difference of a block of this kind of the MCU.
    Dc { block: u8, difference: i32 },
    /// The AC coefficients of `Work::blocks[index]`.
    Ac { index: u32 },
}

struct CodedBlock {
    /// Which block of its MCU it is.
    block: u8,
    quantized: Quantized,
    /// How many useless runs of sixteen zeros it gets, to end at a certain bit.
    fill: u32,
}

impl Splicer {
    /// With nothing kept yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes to `out`, which is emptied first, what `jpeg` looks like with `drawings` on it, the first at the
    /// bottom. Blocks that no drawing touches keep their bits; everything before the coded data and behind it is
    /// kept, bytes behind EOI too. A JPEG without Huffman tables gets the standard ones.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if this JPEG has to be decoded for it, most often decided
    /// before anything is done; [`Error::Damaged`](crate::Error::Damaged) if it is broken. What is broken
    /// behind the last drawn block need not be found. Then `out` holds nothing of use.
    pub fn splice(&mut self, jpeg: &[u8], drawings: &[&Drawing], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        self.cache.prepare(&frame, &layout, drawings)?;
        self.collect_touched(drawings.len());
        // A little more than it had: most often enough.
        out.reserve(jpeg.len() + jpeg.len() / 8 + 1024);
        out.extend_from_slice(&jpeg[..frame.sos]);
        if frame.lacks_huffman() {
            standard::dht_segment(out);
        }
        out.extend_from_slice(&jpeg[frame.sos..frame.scan]);
        let mut pass = Pass::new(jpeg, &frame, &layout, &self.cache, &mut self.work, out);
        pass.scan(&self.touched)
    }

    fn collect_touched(&mut self, drawings: usize) {
        self.touched.clear();
        for drawing in 0..drawings {
            let prepared = self.cache.drawing(drawing);
            let mcus = prepared.mcus().enumerate();
            self.touched.extend(mcus.map(|(index, mcu)| TouchedBy {
                mcu,
                drawing: drawing as u32,
                index: index as u32,
            }));
        }
        if drawings > 1 {
            self.touched
                .sort_unstable_by_key(|touched| (touched.mcu, touched.drawing));
        }
    }
}

/// One JPEG's way.
struct Pass<'a> {
    jpeg: &'a [u8],
    cache: &'a Cache,
    /// Of each component.
    tables: [&'a Tables; 3],
    work: &'a mut Work,
    writer: BitWriter<'a>,
    /// Up to where the JPEG has been written, or need not be.
    copied: usize,
    places: [layout::Place; 10],
    blocks: usize,
    mcus: u32,
    interval: u32,
    scan: usize,
}

/// Where a pass is within a restart interval.
struct Progress<'a> {
    reader: BitReader<'a>,
    /// The next MCU.
    mcu: u32,
    /// The latest DC coefficients, as they were and as they are.
    old_dc: [i32; 3],
    new_dc: [i32; 3],
}

impl<'a> Pass<'a> {
    fn new(
        jpeg: &'a [u8],
        frame: &Frame<'_>,
        layout: &Layout,
        cache: &'a Cache,
        work: &'a mut Work,
        out: &'a mut Vec<u8>,
    ) -> Self {
        let (across, down) = layout.mcus();
        let (places, blocks) = layout.blocks();
        let mcus = across * down;
        Self {
            jpeg,
            cache,
            tables: [0, 1, 2].map(|component| cache.tables(component)),
            work,
            writer: BitWriter::new(out),
            copied: frame.scan,
            places,
            blocks,
            mcus,
            interval: match frame.restart_interval {
                0 => mcus,
                mcus => mcus as u32,
            },
            scan: frame.scan,
        }
    }

    fn scan(&mut self, mut touched: &[TouchedBy]) -> Result<()> {
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

    /// Works through the interval that starts at the byte `start`. Gives a byte within it, or where it ends.
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
        let mut written = progress.reader.place();
        while let Some(first) = touched.first() {
            self.pass_over(&mut progress, first.mcu)?;
            let place = progress.reader.place();
            self.writer.copy(self.jpeg, written, place);
            self.gather_run(&mut progress, &mut touched, mcus.end)?;
            written = progress.reader.place();
            let next = touched.first().map_or(mcus.end, |touched| touched.mcu);
            let is_followed = next - progress.mcu >= LONG_WAY;
            self.write_run(is_followed.then_some(written.bit))?;
        }
        progress.reader.check()?;
        if progress.mcu < mcus.end && self.writer.bit() == written.bit {
            // From here on all bits are where they were.
            self.copied = self.writer.fill_byte(self.jpeg, written);
            return Ok(self.copied);
        }
        self.pass_over(&mut progress, mcus.end)?;
        progress.reader.check()?;
        let end = progress.reader.place();
        self.writer.copy(self.jpeg, written, end);
        self.writer.finish();
        self.copied = next_marker(self.jpeg, end.byte)?;
        Ok(self.copied)
    }

    /// Passes over all MCUs before `until`, which nothing is drawn on.
    fn pass_over(&self, progress: &mut Progress<'a>, until: u32) -> Result<()> {
        let mcus = until - progress.mcu;
        self.cache.walker().pass(
            &mut progress.reader,
            &self.tables,
            mcus,
            &mut progress.old_dc,
        )?;
        progress.new_dc = progress.old_dc;
        progress.mcu = until;
        Ok(())
    }

    /// Takes in all MCUs from a drawn one on until the old bits go on.
    fn gather_run(
        &mut self,
        progress: &mut Progress<'a>,
        touched: &mut &[TouchedBy],
        end: u32,
    ) -> Result<()> {
        self.work.pieces.clear();
        self.work.blocks.clear();
        while progress.mcu < end {
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

    fn gather_mcu(&mut self, progress: &mut Progress<'a>, touched: &[TouchedBy]) -> Result<()> {
        for block in 0..self.blocks {
            let is_painted = touched
                .iter()
                .any(|touched| self.paint(touched, block).is_some());
            if is_painted {
                self.gather_painted(progress, block, touched)?;
            } else {
                self.gather_kept(progress, block)?;
            }
        }
        Ok(())
    }

    fn paint(&self, touched: &TouchedBy, block: usize) -> Option<&'a Paint> {
        let prepared = self.cache.drawing(touched.drawing as usize);
        prepared.paint(touched.index as usize, block)
    }

    /// What the block becomes if one drawing alone covers it; then it need not be decoded.
    fn opaque(&self, touched: &[TouchedBy], block: usize) -> Option<&'a Quantized> {
        let [only] = touched else { return None };
        let drawing = self.cache.drawing(only.drawing as usize);
        drawing.opaque(only.index as usize, block)
    }

    fn gather_painted(
        &mut self,
        progress: &mut Progress<'a>,
        block: usize,
        touched: &[TouchedBy],
    ) -> Result<()> {
        let component = self.places[block].component;
        let tables = self.tables[component];
        let multipliers = self.cache.multipliers(component);
        let difference = tables.dc_difference(&mut progress.reader)?;
        let dc = progress.old_dc[component].wrapping_add(difference);
        progress.old_dc[component] = dc;
        let quantized = match self.opaque(touched, block) {
            Some(quantized) => {
                tables.pass_ac(&mut progress.reader)?;
                *quantized
            }
            None => {
                let coefficients = block::decode(tables, &mut progress.reader, dc)?;
                let paints = touched
                    .iter()
                    .filter_map(|touched| self.paint(touched, block));
                Quantized::round(&paints.fold(coefficients, |coefficients, paint| {
                    block::paint(coefficients, paint, multipliers)
                }))
            }
        };
        let new_dc = quantized.dc();
        self.work.pieces.push(Piece::Dc {
            block: block as u8,
            difference: new_dc - progress.new_dc[component],
        });
        progress.new_dc[component] = new_dc;
        let index = self.work.blocks.len() as u32;
        self.work.pieces.push(Piece::Ac { index });
        self.work.blocks.push(CodedBlock {
            block: block as u8,
            quantized,
            fill: 0,
        });
        Ok(())
    }

    /// A block that keeps its bits, but for the DC difference if the block before has changed.
    fn gather_kept(&mut self, progress: &mut Progress<'a>, block: usize) -> Result<()> {
        let component = self.places[block].component;
        let tables = self.tables[component];
        let mut from = progress.reader.place();
        let difference = tables.dc_difference(&mut progress.reader)?;
        let is_new = progress.old_dc[component] != progress.new_dc[component];
        let dc = progress.old_dc[component].wrapping_add(difference);
        if is_new {
            self.work.pieces.push(Piece::Dc {
                block: block as u8,
                difference: dc.wrapping_sub(progress.new_dc[component]),
            });
            from = progress.reader.place();
        }
        progress.old_dc[component] = dc;
        progress.new_dc[component] = dc;
        tables.pass_ac(&mut progress.reader)?;
        let to = progress.reader.place();
        match self.work.pieces.last_mut() {
            Some(Piece::Bits { to: end, .. }) if *end == from => *end = to,
            _ => self.work.pieces.push(Piece::Bits { from, to }),
        }
        Ok(())
    }

    /// Writes what was gathered. If `bit` is given, it tries to end at that bit of a byte, so that all that
    /// follows can be copied byte by byte.
    fn write_run(&mut self, bit: Option<u32>) -> Result<()> {
        let mark = self.writer.mark();
        self.write_pieces()?;
        let Some(bit) = bit else { return Ok(()) };
        let missing = (bit + 8 - self.writer.bit()) % 8;
        if missing > 0 && self.fill(missing) {
            self.writer.rewind(mark);
            self.write_pieces()?;
        }
        Ok(())
    }

    fn write_pieces(&mut self) -> Result<()> {
        for piece in &self.work.pieces {
            match *piece {
                Piece::Bits { from, to } => self.writer.copy(self.jpeg, from, to),
                Piece::Dc { block, difference } => {
                    let tables = self.tables[self.places[usize::from(block)].component];
                    block::write_dc(tables, &mut self.writer, difference)?;
                }
                Piece::Ac { index } => {
                    let coded = &self.work.blocks[index as usize];
                    let component = self.places[usize::from(coded.block)].component;
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
        /// More blocks than it ever takes.
        const BLOCKS: usize = 24;
        // For each block and each remainder that can be reached with it: how many runs it takes.
        let mut ways = [[None; 8]; BLOCKS + 1];
        ways[0][0] = Some(0);
        let blocks = self.work.blocks.len();
        for step in 0..BLOCKS.min(blocks) {
            let length = self.zeros_length(blocks - 1 - step);
            let room = match length {
                0 => 0,
                _ => self.work.blocks[blocks - 1 - step].quantized.room(),
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
        let blocks = self.work.blocks.len();
        for (step, ways) in ways.iter().enumerate().rev() {
            let runs = ways[missing as usize].unwrap_or(0);
            let length = self.zeros_length(blocks - 1 - step);
            self.work.blocks[blocks - 1 - step].fill = runs;
            missing = (missing + 8 * runs * length - runs * length) % 8;
        }
    }

    /// How long the code for sixteen zeros is in a gathered block's table; 0 if there is none.
    fn zeros_length(&self, block: usize) -> u32 {
        let place = self.places[usize::from(self.work.blocks[block].block)];
        let tables = self.tables[place.component];
        tables.ac.length(SIXTEEN_ZEROS).unwrap_or(0)
    }
}
