//! The average samples of blocks, from their DC coefficients (ITU-T T.81, A.3.3): 1/8 of the
//! coefficient, before the level shift. Nothing is decoded.

use super::Splicer;
use super::bit_reader::BitReader;
use super::differences::{DifferenceList, Differences};
use super::frame::Frame;
use super::interleave::Stretch;
use super::intervals;
use super::layout::{BlockSlot, Layout};
use super::trail::Trail;
use super::walk::{Walk, WalkTables, run_three};
use crate::error::Result;

const LEAST: i32 = i16::MIN as i32;
const MOST: i32 = i16::MAX as i32;

/// The averages of a component's blocks, in eighths of a sample, around 0: rows from top to bottom,
/// whole MCUs.
pub(crate) struct DcPlane {
    pub averages: Vec<i16>,
    /// Blocks in a row.
    pub stride: usize,
    /// Blocks of an MCU, across and down.
    blocks: (usize, usize),
}

impl DcPlane {
    fn new(layout: &Layout, component: usize) -> Self {
        let (across, down) = layout.mcus();
        let (h, v) = layout.factors(component);
        let blocks = (usize::from(h), usize::from(v));
        let stride = across as usize * blocks.0;
        Self {
            averages: vec![0; stride * down as usize * blocks.1],
            stride,
            blocks,
        }
    }

    /// The index of the first block of an MCU.
    fn start(&self, (column, row): (u32, u32)) -> usize {
        row as usize * self.blocks.1 * self.stride + column as usize * self.blocks.0
    }

    /// The averages of the blocks of an MCU.
    pub fn of_mcu(&self, mcu: (u32, u32)) -> impl Iterator<Item = i16> {
        let rows = self.averages[self.start(mcu)..].chunks(self.stride);
        let rows = rows.take(self.blocks.1);
        rows.flat_map(|row| &row[..self.blocks.0]).copied()
    }
}

impl Splicer {
    /// The planes of the first `wanted` components of `jpeg`, whose header is `frame`, with the
    /// averages of all MCUs before `until`; those of others are 0.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`] that lie before `until`.
    pub(crate) fn dc_planes(
        &mut self,
        jpeg: &[u8],
        (frame, layout): (&Frame<'_>, &Layout),
        (wanted, until): (usize, u32),
    ) -> Result<Vec<DcPlane>> {
        let quantization = self.cache.prepare_tables(frame, layout)?;
        let interval = frame.interval(layout);
        let differences = match until <= interval {
            true => self.in_one(jpeg, (frame, layout), until)?,
            false => self.by_intervals(jpeg, frame.scan, (interval, until))?,
        };
        let steps = quantization.map(|table| i32::from(table[0]));
        Ok(planes(
            layout,
            wanted,
            differences.as_slice(),
            (interval, steps),
        ))
    }

    /// The differences of the first `until` MCUs, which lie in one interval.
    fn in_one(
        &mut self,
        jpeg: &[u8],
        (frame, layout): (&Frame<'_>, &Layout),
        until: u32,
    ) -> Result<DifferenceList> {
        let tables = WalkTables::of(&self.cache);
        let (across, down) = layout.mcus();
        let stretch = Stretch {
            jpeg,
            scan: frame.scan,
            mcus: 0..until,
            all_mcus: across * down,
            blocks: until * tables.skip.blocks as u32,
        };
        let mut walk = begin(jpeg, frame.scan, tables);
        if frame.interval(layout) == stretch.all_mcus {
            let trail = &mut Trail::none();
            let interleave = &mut self.kept.interleave;
            interleave.advance(&mut walk, tables, &stretch, trail);
        }
        walk.run(tables, stretch.blocks)?;
        self.kept.interleave.note(&stretch, until, walk.byte());
        Ok(walk.into_differences())
    }

    /// The same over more intervals than one: three are walked at once.
    fn by_intervals(
        &self,
        jpeg: &[u8],
        scan: usize,
        (interval, until): (u32, u32),
    ) -> Result<DifferenceList> {
        let tables = WalkTables::of(&self.cache);
        let per_mcu = tables.skip.blocks as u32;
        let mut all = DifferenceList::default();
        let mut start = scan;
        let count = until.div_ceil(interval);
        for first in (0..count).step_by(3) {
            let mut blocks = [0; 3];
            let mut walks = [const { None }; 3];
            for (number, (walk, blocks)) in (first..count).zip(walks.iter_mut().zip(&mut blocks)) {
                if number > 0 {
                    start = intervals::skip(jpeg, start, number - 1..number)?;
                }
                *walk = Some(begin(jpeg, start, tables));
                *blocks = interval.min(until - number * interval) * per_mcu;
            }
            let walks = match walks {
                [Some(one), Some(two), Some(three)] => {
                    let mut walks = [one, two, three];
                    run_three(&mut walks, tables, blocks)?;
                    walks.map(Some)
                }
                few => few,
            };
            for (walk, blocks) in walks.into_iter().zip(blocks) {
                let Some(mut walk) = walk else { break };
                walk.run(tables, blocks)?;
                all.extend(walk.into_differences());
            }
        }
        Ok(all)
    }
}

fn begin<'a>(jpeg: &'a [u8], start: usize, tables: WalkTables<'_>) -> Walk<'a, DifferenceList> {
    Walk::new(BitReader::new(jpeg, start), tables, 0)
}

/// Adds up the differences of the first MCUs, anew in each interval; `steps` are what a coefficient
/// of 1 stands for. Gives the planes of the first `wanted` components.
fn planes(
    layout: &Layout,
    wanted: usize,
    differences: &[i16],
    (interval, steps): (u32, [i32; 3]),
) -> Vec<DcPlane> {
    let (slots, blocks) = layout.blocks();
    let mut planes: Vec<_> = (0..wanted.min(layout.components()))
        .map(|component| DcPlane::new(layout, component))
        .collect();
    // Of each block of an MCU: its component, its index behind the MCU's first, and how far the
    // next MCU's is from there.
    let place = |slot: &BlockSlot| {
        let plane: &DcPlane = planes.get(slot.component)?;
        let index = slot.y as usize / 8 * plane.stride + slot.x as usize / 8;
        Some((slot.component, index, plane.blocks.0))
    };
    let places: Vec<_> = slots[..blocks].iter().map_while(place).collect();
    let (across, down) = layout.mcus();
    let mut mcus = differences.chunks(blocks);
    let (mut dc, mut left) = ([0i32; 3], interval);
    for row in 0..down {
        let starts = [0, 1, 2].map(|component| {
            let plane: Option<&DcPlane> = planes.get(component);
            plane.map_or(0, |plane| plane.start((0, row)))
        });
        for column in 0..across as usize {
            let Some(differences) = mcus.next() else {
                return planes;
            };
            if left == 0 {
                (dc, left) = ([0; 3], interval);
            }
            left -= 1;
            for (&(component, index, across), &difference) in places.iter().zip(differences) {
                let dc = &mut dc[component];
                *dc = dc.wrapping_add(difference.into());
                let at = starts[component] + index + column * across;
                let average = dc.wrapping_mul(steps[component]);
                planes[component].averages[at] = average.clamp(LEAST, MOST) as i16;
            }
        }
    }
    planes
}
