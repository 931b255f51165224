//! Drawings, and their preparation for one kind of picture.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    content: Content,
    /// Tells drawings apart.
    pub(crate) id: u64,
}

#[derive(Clone, Debug)]
enum Content {
    Layers(Arc<[Layer]>),
    /// Whole MCUs of one colour, by their numbers, of pictures of one layout.
    Fills(Arc<[(u32, YCbCr)]>),
}

/// A colour of JFIF, each component around 0 (ITU-T T.871, section 7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct YCbCr(pub [f32; 3]);

impl YCbCr {
    pub fn from_rgb(rgb: [u8; 3]) -> Self {
        let [r, g, b] = rgb.map(f32::from);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        Self([
            luma - 128.0,
            (b - luma) * 0.564_334_1,
            (r - luma) * 0.713_266_8,
        ])
    }
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
    pub(crate) fn of_fills(fills: Vec<(u32, YCbCr)>) -> Self {
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

/// An MCU that is drawn on.
pub(crate) struct Touched {
    /// Its number in the picture.
    pub mcu: u32,
    /// The index of each block's blend; `u32::MAX` for none.
    pub blends: [u32; 10],
}

/// A drawing, prepared for one layout.
pub(crate) struct Prepared {
    /// In the order of the coded data.
    pub touched: Vec<Touched>,
    /// Each with the index of its component.
    pub blends: Vec<(usize, Blend)>,
}

/// No blend.
pub(crate) const NONE: u32 = u32::MAX;

impl Prepared {
    pub fn new(drawing: &Drawing, layout: &Layout) -> Self {
        match &drawing.content {
            Content::Layers(layers) => Self::of_layers(layers, layout),
            Content::Fills(fills) => Self::of_fills(fills, layout),
        }
    }

    fn of_fills(fills: &[(u32, YCbCr)], layout: &Layout) -> Self {
        let mut prepared = Self {
            touched: Vec::with_capacity(fills.len()),
            blends: Vec::new(),
        };
        let (slots, count) = layout.blocks();
        let mut known = HashMap::new();
        for &(mcu, color) in fills {
            let blends = *known.entry(color.0.map(f32::to_bits)).or_insert_with(|| {
                let first = prepared.blends.len() as u32;
                let opaque = color.0.into_iter().enumerate().map(|(component, value)| {
                    let mut block = [value; 64];
                    dct::forward(&mut block);
                    (component, Blend::Opaque(block))
                });
                prepared.blends.extend(opaque);
                let mut blends = [NONE; 10];
                for (slot, blend) in slots[..count].iter().zip(&mut blends) {
                    *blend = first + slot.component as u32;
                }
                blends
            });
            prepared.touch(mcu, blends);
        }
        prepared
    }

    fn of_layers(layers: &[Layer], layout: &Layout) -> Self {
        let mcus = mcus_under(layers, layout);
        let mut prepared = Self {
            touched: Vec::with_capacity(mcus.len()),
            blends: Vec::with_capacity(mcus.len() * layout.blocks().1),
        };
        let mut tile = Tile::new(layout);
        let mut plain: HashMap<[u8; 4], [u32; 10]> = HashMap::new();
        for mcu in mcus {
            tile.start(mcu);
            let color = tile.one_color(layers);
            // Boxes and masks are the same all over.
            if let Some(blends) = color.and_then(|color| plain.get(&color)) {
                prepared.touch(mcu, *blends);
                continue;
            }
            tile.draw(layers);
            let blends = prepared.blends_of(&tile, layout);
            if let Some(color) = color {
                plain.insert(color, blends);
            }
            prepared.touch(mcu, blends);
        }
        prepared
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

    fn touch(&mut self, mcu: u32, blends: [u32; 10]) {
        if blends != [NONE; 10] {
            self.touched.push(Touched { mcu, blends });
        }
    }
}

/// The MCUs that any layer reaches, in order.
fn mcus_under(layers: &[Layer], layout: &Layout) -> Vec<u32> {
    let (mcu_width, mcu_height) = layout.mcu();
    let (across, _) = layout.mcus();
    let mut mcus = Vec::new();
    for layer in layers {
        let columns = inside(layer.x, layer.width, layout.width);
        let rows = inside(layer.y, layer.height, layout.height);
        if columns.is_empty() || rows.is_empty() {
            continue;
        }
        for row in rows.start / mcu_height..=(rows.end - 1) / mcu_height {
            let from = row * across + columns.start / mcu_width;
            mcus.extend(from..=row * across + (columns.end - 1) / mcu_width);
        }
    }
    mcus.sort_unstable();
    mcus.dedup();
    mcus
}

/// The part of `length` pixels from `start` on that lies in 0 to `end`.
fn inside(start: i32, length: u32, end: u32) -> Range<u32> {
    let start = i64::from(start);
    let clip = |at: i64| at.clamp(0, end.into()) as u32;
    clip(start)..clip(start + i64::from(length))
}

/// The pixels of one MCU. The change of a pixel: its Y′CbCr around 0 is multiplied by the first
/// plane, and the others are added.
struct Tile {
    planes: [Vec<f32>; 4],
    size: (u32, u32),
    picture: (u32, u32),
    across: u32,
    /// The part of the picture that it covers.
    columns: Range<u32>,
    rows: Range<u32>,
}

impl Tile {
    fn new(layout: &Layout) -> Self {
        let size = layout.mcu();
        Self {
            planes: [const { Vec::new() }; 4],
            size,
            picture: (layout.width, layout.height),
            across: layout.mcus().0,
            columns: 0..0,
            rows: 0..0,
        }
    }

    fn start(&mut self, mcu: u32) {
        let part = |number: u32, size: u32, end: u32| {
            let start = number * size;
            start..(start + size).min(end)
        };
        self.columns = part(mcu % self.across, self.size.0, self.picture.0);
        self.rows = part(mcu / self.across, self.size.1, self.picture.1);
    }

    /// The columns of its part that lie in the layer, and the rows.
    fn meeting(&self, layer: &Layer) -> Option<(Range<u32>, Range<u32>)> {
        let meet = |part: Range<u32>, of: &Range<u32>| {
            let both = part.start.max(of.start)..part.end.min(of.end);
            (!both.is_empty()).then_some(both)
        };
        let columns = inside(layer.x, layer.width, self.picture.0);
        let rows = inside(layer.y, layer.height, self.picture.1);
        Some((meet(columns, &self.columns)?, meet(rows, &self.rows)?))
    }

    /// The colour and alpha of all of its pixels, if a single layer covers them and they are alike.
    fn one_color(&self, layers: &[Layer]) -> Option<[u8; 4]> {
        let mut reaching = layers.iter().filter(|layer| self.meeting(layer).is_some());
        let (layer, None) = (reaching.next()?, reaching.next()) else {
            return None;
        };
        let (columns, rows) = self.meeting(layer)?;
        if (&columns, &rows) != (&self.columns, &self.rows) {
            return None;
        }
        let first = layer.row(&columns, rows.start).first()?;
        let mut rows = rows.map(|row| layer.row(&columns, row));
        rows.all(|row| row.iter().all(|pixel| pixel == first))
            .then_some(*first)
    }

    fn draw(&mut self, layers: &[Layer]) {
        let pixels = (self.size.0 * self.size.1) as usize;
        for (plane, value) in self.planes.iter_mut().zip([1.0, 0.0, 0.0, 0.0]) {
            plane.clear();
            plane.resize(pixels, value);
        }
        for layer in layers {
            let Some((columns, rows)) = self.meeting(layer) else {
                continue;
            };
            for row in rows {
                let pixels = layer.row(&columns, row);
                let at = (row - self.rows.start) * self.size.0 + columns.start - self.columns.start;
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
        let (across, down) = (self.columns.len(), self.rows.len());
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

impl Layer {
    /// The pixels in these columns of the picture and this row, all of which lie in the layer.
    fn row(&self, columns: &Range<u32>, row: u32) -> &[[u8; 4]] {
        let x = (i64::from(columns.start) - i64::from(self.x)) as usize;
        let y = (i64::from(row) - i64::from(self.y)) as usize;
        let (pixels, _) = self.rgba.as_chunks();
        &pixels[y * self.width as usize + x..][..columns.len()]
    }
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
