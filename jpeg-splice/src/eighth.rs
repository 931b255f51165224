//! A picture at an eighth of its size, from its DC coefficients: nothing is decoded.
//!
//! A DC coefficient is 8 times the average of its block's samples (ITU-T T.81, A.3.3), so the
//! result is what scaled decoders give at 1/8.

use crate::error::Result;
use crate::jpeg::Jpeg;
use crate::splicer::{BlockSlot, DcWalk, Layout, Splicer};

impl Splicer {
    /// The brightness of `jpeg` as people see it: a byte for each 8 × 8 pixels, rows from top to
    /// bottom, in `luma`, whose memory is used again. Gives width and height, an eighth of the
    /// picture's, rounded up.
    ///
    /// # Errors
    /// Those of [`Splicer::verify`].
    pub fn eighth_luma(&mut self, jpeg: &Jpeg, luma: &mut Vec<u8>) -> Result<(u32, u32)> {
        let (walk, _) = self.dc_walk(jpeg)?;
        let (planes, size) = planes(walk, 1)?;
        luma.clear();
        luma.extend(planes[0].values.iter().map(|value| sample(*value)));
        Ok(turn::<1>(jpeg, luma, size))
    }

    /// The same in colours: red, green and blue, a byte each.
    ///
    /// # Errors
    /// Those of [`Splicer::verify`].
    pub fn eighth_rgb(&mut self, jpeg: &Jpeg, rgb: &mut Vec<u8>) -> Result<(u32, u32)> {
        let (walk, _) = self.dc_walk(jpeg)?;
        let (planes, size) = planes(walk, 3)?;
        rgb.clear();
        rgb.reserve((size.0 * size.1 * 3) as usize);
        for y in 0..size.1 {
            for x in 0..size.0 {
                let at = |plane: usize| planes.get(plane).map_or(0.0, |it| it.at(x, y));
                rgb.extend(color([at(0), at(1), at(2)]));
            }
        }
        Ok(turn::<3>(jpeg, rgb, size))
    }
}

/// The averages of a component's blocks, around 0, rows from top to bottom, at the size of the
/// whole picture or at a part of it where the component is coarser.
struct Plane {
    values: Vec<f32>,
    width: u32,
    /// The pixels of the eighth that a block stands for, across and down.
    coarseness: (u32, u32),
}

impl Plane {
    fn at(&self, x: u32, y: u32) -> f32 {
        let (x, y) = (x / self.coarseness.0, y / self.coarseness.1);
        self.values[(y * self.width + x) as usize]
    }
}

/// The planes of the first `most` components, and the size of the eighth.
fn planes(mut walk: DcWalk<'_>, most: usize) -> Result<(Vec<Plane>, (u32, u32))> {
    let layout = walk.layout().clone();
    let size = (layout.width.div_ceil(8), layout.height.div_ceil(8));
    let (slots, blocks) = layout.blocks();
    let slots = &slots[..blocks];
    let (across, down) = layout.mcus();
    let count = 1 + slots.iter().map(|slot| slot.component).max().unwrap_or(0);
    let mut planes: Vec<Plane> = (0..count.min(most))
        .map(|component| Plane::of(&layout, component, size))
        .collect();
    for mcu in 0..across * down {
        let (column, row) = (mcu % across, mcu / across);
        let mut block = 0;
        walk.mcu(mcu, |component, average| {
            let slot = slots[block];
            block += 1;
            if let Some(plane) = planes.get_mut(component) {
                plane.put(&layout, slot, (column, row), average);
            }
        })?;
    }
    Ok((planes, size))
}

impl Plane {
    fn of(layout: &Layout, component: usize, (width, height): (u32, u32)) -> Self {
        let coarseness = layout.pixels_per_sample(component);
        let (width, height) = (width.div_ceil(coarseness.0), height.div_ceil(coarseness.1));
        Self {
            values: vec![0.0; (width * height) as usize],
            width,
            coarseness,
        }
    }

    /// Takes note of the average of the block `slot` of the MCU at `mcu`. Blocks that only fill up
    /// the last MCUs lie outside.
    fn put(&mut self, layout: &Layout, slot: BlockSlot, mcu: (u32, u32), average: f32) {
        let (width, height) = layout.mcu();
        let x = mcu.0 * width / 8 / self.coarseness.0 + slot.x / 8;
        let y = mcu.1 * height / 8 / self.coarseness.1 + slot.y / 8;
        let at = (y * self.width + x) as usize;
        if x < self.width
            && let Some(value) = self.values.get_mut(at)
        {
            *value = average;
        }
    }
}

/// The sample that an average around 0 is.
fn sample(average: f32) -> u8 {
    (average + 128.0).round() as u8
}

/// Red, green and blue (ITU-T T.871, section 7).
pub(crate) fn color([y, cb, cr]: [f32; 3]) -> [u8; 3] {
    let green = y - 0.344_136 * cb - 0.714_136 * cr;
    [y + 1.402 * cr, green, y + 1.772 * cb].map(sample)
}

/// Turns pixels of `N` bytes as `jpeg` is shown. Gives their size then.
fn turn<const N: usize>(jpeg: &Jpeg, pixels: &mut Vec<u8>, stored: (u32, u32)) -> (u32, u32) {
    let orientation = jpeg.header().orientation;
    if !orientation.is_upright() {
        *pixels = orientation.show::<N>(pixels, stored);
    }
    orientation.turned_size(stored)
}
