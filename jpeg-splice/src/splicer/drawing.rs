//! Drawings, and their preparation for one kind of picture.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::coverage::{Cover, McuArea};
use super::dct::{self, Block};
use super::layout::Layout;

/// A rectangle of pixels to be laid over a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The left edge in pixels from the picture's left edge; may be negative.
    pub x: i32,
    /// The top edge in pixels from the picture's top edge; may be negative.
    pub y: i32,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// Width × height × 4 bytes: red, green, blue and straight (not premultiplied) alpha; rows from
    /// top to bottom, packed.
    pub rgba: Vec<u8>,
}

/// Layers that belong together, the first at the bottom. What lies outside the picture is cut off.
///
/// A [`Splicer`](crate::Splicer) keeps the blocks that it prepares for a drawing as long as the
/// same drawing comes with each frame: so make one when something changes, not for each frame.
/// Clones are the same drawing.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(crate) content: Content,
    /// Tells drawings apart.
    pub(crate) id: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Layers(Arc<[Layer]>),
    /// Whole MCUs of one colour (red, green, blue), by their numbers, in pictures of one layout.
    Fills(Arc<[(u32, [u8; 3])]>),
}

impl Drawing {
    /// A drawing of `layers`. `None` if one's bytes are not as many as its size says.
    pub fn new(layers: Vec<Layer>) -> Option<Self> {
        let fits = |layer: &Layer| {
            let pixels = u64::from(layer.width) * u64::from(layer.height);
            pixels.checked_mul(4) == Some(layer.rgba.len() as u64)
        };
        let are_whole = layers.iter().all(fits);
        are_whole.then(|| Self::of(Content::Layers(layers.into())))
    }

    /// MCUs that are replaced by one colour each, by their numbers, in order.
    pub(crate) fn of_fills(fills: Vec<(u32, [u8; 3])>) -> Self {
        Self::of(Content::Fills(fills.into()))
    }

    fn of(content: Content) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            content,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Its layers, the first at the bottom.
    pub fn layers(&self) -> &[Layer] {
        match &self.content {
            Content::Layers(layers) => layers,
            Content::Fills(_) => &[],
        }
    }
}

/// The change that a drawing makes to one block.
pub(crate) enum Blend {
    /// The block is replaced by these scaled coefficients.
    Opaque(Block),
    /// One alpha for the whole block: its coefficients are multiplied, and these scaled ones added.
    Uniform { keep: f32, add: Block },
    /// An alpha for each sample.
    PerSample(Box<SampleBlend>),
}

/// The factor of each sample, and what is added to it then.
pub(crate) struct SampleBlend {
    pub keep: Block,
    pub add: Block,
}

/// A drawing, prepared for one layout.
pub(crate) struct Prepared {
    /// For each covered MCU, the index of each block's blend; [`NONE`] for none.
    pub mcus: Vec<[u32; 10]>,
    /// Each with the index of its component.
    pub blends: Vec<(usize, Blend)>,
}

/// No blend.
pub(crate) const NONE: u32 = u32::MAX;

impl Prepared {
    /// The `covered` MCUs of `drawing`.
    pub fn new(drawing: &Drawing, layout: &Layout, covered: &[(u32, Cover)]) -> Self {
        let mut prepared = Self {
            mcus: Vec::with_capacity(covered.len()),
            blends: Vec::new(),
        };
        let mut tile = Tile::new(layout);
        let mut plain: HashMap<[u8; 4], [u32; 10]> = HashMap::new();
        for &(mcu, cover) in covered {
            let color = cover.color();
            let blends = match color.map(|color| (color, plain.get(&color))) {
                Some((_, Some(blends))) => *blends,
                Some((color @ [.., 255], None)) => prepared.blends_of_color(color, layout),
                _ => {
                    tile.draw(McuArea::of(mcu, layout), drawing.layers());
                    prepared.blends_of(&tile, layout)
                }
            };
            if let Some(color) = color {
                plain.insert(color, blends);
            }
            prepared.mcus.push(blends);
        }
        prepared
    }

    /// Adds the blends of an MCU that is covered by one colour, and gives their indices.
    fn blends_of_color(&mut self, rgba: [u8; 4], layout: &Layout) -> [u32; 10] {
        let [mut keep, mut y, mut cb, mut cr] = [[1.0], [0.0], [0.0], [0.0]];
        draw_row(&[rgba], [&mut keep, &mut y, &mut cb, &mut cr]);
        let first = self.blends.len() as u32;
        for (component, [value]) in [y, cb, cr].into_iter().enumerate() {
            let mut block = [value; 64];
            dct::forward(&mut block);
            self.blends.push((component, Blend::Opaque(block)));
        }
        let (slots, count) = layout.blocks();
        let mut blends = [NONE; 10];
        for (slot, blend) in slots[..count].iter().zip(&mut blends) {
            *blend = first + slot.component as u32;
        }
        blends
    }

    /// Adds the blends of an MCU, and gives their indices.
    fn blends_of(&mut self, tile: &Tile, layout: &Layout) -> [u32; 10] {
        let (slots, count) = layout.blocks();
        let even_keep = tile.even_keep();
        let mut blends = [NONE; 10];
        for (slot, index) in slots[..count].iter().zip(&mut blends) {
            let per_sample = layout.pixels_per_sample(slot.component);
            let start = (slot.x, slot.y);
            if let Some(blend) = tile.blend(slot.component, start, per_sample, even_keep) {
                *index = self.blends.len() as u32;
                self.blends.push((slot.component, blend));
            }
        }
        blends
    }
}

/// The pixels of one MCU. The change of a pixel: its Y′CbCr around 0 is multiplied by the first
/// plane, and the others are added.
struct Tile {
    planes: [Vec<f32>; 4],
    size: (u32, u32),
    /// The part of the picture that it covers.
    area: McuArea,
}

impl Tile {
    fn new(layout: &Layout) -> Self {
        Self {
            planes: [const { Vec::new() }; 4],
            size: layout.mcu(),
            area: McuArea::default(),
        }
    }

    fn draw(&mut self, area: McuArea, layers: &[Layer]) {
        self.area = area;
        let pixels = (self.size.0 * self.size.1) as usize;
        for (plane, value) in self.planes.iter_mut().zip([1.0, 0.0, 0.0, 0.0]) {
            plane.clear();
            plane.resize(pixels, value);
        }
        for layer in layers {
            let Some(part) = self.area.under(layer) else {
                continue;
            };
            for row in part.rows {
                let pixels = layer.row(&part.columns, row);
                let at = (row - self.area.rows.start) * self.size.0 + part.columns.start
                    - self.area.columns.start;
                let range = at as usize..at as usize + pixels.len();
                draw_row(
                    pixels,
                    self.planes
                        .each_mut()
                        .map(|plane| &mut plane[range.clone()]),
                );
            }
        }
        self.go_on_beyond_the_edge();
    }

    /// Beyond the picture's edge its last pixels go on, so that the blocks there stay smooth.
    fn go_on_beyond_the_edge(&mut self) {
        let width = self.size.0 as usize;
        let (across, down) = (self.area.columns.len(), self.area.rows.len());
        for plane in &mut self.planes {
            if across < width {
                for row in plane.chunks_exact_mut(width) {
                    let last = row[across - 1];
                    row[across..].fill(last);
                }
            }
            for row in down..self.size.1 as usize {
                plane.copy_within((down - 1) * width..down * width, row * width);
            }
        }
    }

    /// The factor of all of its pixels, if it is the same.
    fn even_keep(&self) -> Option<f32> {
        let keep = &self.planes[0];
        let first = *keep.first()?;
        // Without a way out, so that compilers compare several at once.
        let are_even = keep.iter().fold(true, |are, &keep| are & (keep == first));
        are_even.then_some(first)
    }

    /// The blend of the block of `component` whose first sample is `start`.
    fn blend(
        &self,
        component: usize,
        start: (u32, u32),
        per_sample: (u32, u32),
        even_keep: Option<f32>,
    ) -> Option<Blend> {
        let average = |plane: usize| {
            let plane = &self.planes[plane];
            match per_sample.0 {
                1 => self.average::<1>(plane, start, per_sample.1),
                2 => self.average::<2>(plane, start, per_sample.1),
                _ => self.average::<4>(plane, start, per_sample.1),
            }
        };
        let add = average(1 + component);
        match even_keep {
            Some(keep) => blend_evenly(keep, add),
            None => blend(average(0), add),
        }
    }

    /// A block of samples, each the average of the `H` × `v` pixels of `plane` that it stands for.
    #[inline(always)]
    fn average<const H: usize>(&self, plane: &[f32], start: (u32, u32), v: u32) -> Block {
        let (width, v) = (self.size.0 as usize, v as usize);
        let share = 1.0 / (H * v) as f32;
        let rows = &plane[start.1 as usize * v * width + start.0 as usize * H..];
        let mut block = [0.0; 64];
        for (y, samples) in block.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            for row in y * v..(y + 1) * v {
                let pixels = rows[row * width..][..8 * H].as_chunks::<H>().0;
                for (sample, pixels) in samples.iter_mut().zip(pixels) {
                    *sample += pixels.iter().sum::<f32>() * share;
                }
            }
        }
        block
    }
}

fn blend(keep: Block, add: Block) -> Option<Blend> {
    if keep.iter().all(|&k| k == keep[0]) {
        return blend_evenly(keep[0], add);
    }
    Some(Blend::PerSample(Box::new(SampleBlend { keep, add })))
}

fn blend_evenly(keep: f32, mut add: Block) -> Option<Blend> {
    if keep == 1.0 && add == [0.0; 64] {
        return None;
    }
    dct::forward(&mut add);
    Some(if keep == 0.0 {
        Blend::Opaque(add)
    } else {
        Blend::Uniform { keep, add }
    })
}

/// Source-over with straight alpha, in the colour space of JFIF (ITU-T T.871, section 7).
fn draw_row(pixels: &[[u8; 4]], planes: [&mut [f32]; 4]) {
    let [keep, y, cb, cr] = planes;
    let below = keep.iter_mut().zip(y).zip(cb.iter_mut().zip(cr));
    for (rgba, ((keep, y), (cb, cr))) in pixels.iter().zip(below) {
        let [r, g, b, alpha] = rgba.map(f32::from);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        let alpha = alpha / 255.0;
        let rest = 1.0 - alpha;
        *keep *= rest;
        *y = *y * rest + (luma - 128.0) * alpha;
        *cb = *cb * rest + (b - luma) * 0.564_334_1 * alpha;
        *cr = *cr * rest + (r - luma) * 0.713_266_8 * alpha;
    }
}
