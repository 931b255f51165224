//! Drawings, and their preparation for one kind of picture.

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
    layers: Arc<[Layer]>,
    /// Tells drawings apart.
    pub(crate) id: u64,
}

impl Drawing {
    /// A drawing of `layers`. `None` if one's bytes are not as many as its size says.
    pub fn new(layers: Vec<Layer>) -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let fits = |layer: &Layer| {
            let pixels = u64::from(layer.width) * u64::from(layer.height);
            pixels.checked_mul(4) == Some(layer.rgba.len() as u64)
        };
        layers.iter().all(fits).then(|| Self {
            layers: layers.into(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Its layers, the first at the bottom.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
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
        let mut prepared = Self {
            touched: Vec::new(),
            blends: Vec::new(),
        };
        let mut tile = Tile::new(layout);
        for mcu in mcus_under(drawing, layout) {
            tile.start(mcu);
            for layer in drawing.layers() {
                tile.draw(layer);
            }
            prepared.add(mcu, &tile, layout);
        }
        prepared
    }

    fn add(&mut self, mcu: u32, tile: &Tile, layout: &Layout) {
        let (slots, count) = layout.blocks();
        let mut blends = [NONE; 10];
        for (slot, index) in slots[..count].iter().zip(&mut blends) {
            let per_sample = layout.pixels_per_sample(slot.component);
            if let Some(blend) = tile.blend(slot.component, (slot.x, slot.y), per_sample) {
                *index = self.blends.len() as u32;
                self.blends.push((slot.component, blend));
            }
        }
        if blends.iter().any(|&blend| blend != NONE) {
            self.touched.push(Touched { mcu, blends });
        }
    }
}

/// The MCUs that any layer reaches, in order.
fn mcus_under(drawing: &Drawing, layout: &Layout) -> Vec<u32> {
    let (mcu_width, mcu_height) = layout.mcu();
    let (across, _) = layout.mcus();
    let mut mcus = Vec::new();
    for layer in drawing.layers() {
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
fn inside(start: i32, length: u32, end: u32) -> std::ops::Range<u32> {
    let start = i64::from(start);
    let clip = |at: i64| at.clamp(0, end.into()) as u32;
    clip(start)..clip(start + i64::from(length))
}

/// The change of one pixel: its Y′CbCr around 0 is multiplied, and these are added.
#[derive(Clone, Copy)]
struct Pixel {
    keep: f32,
    add: [f32; 3],
}

const UNTOUCHED: Pixel = Pixel {
    keep: 1.0,
    add: [0.0; 3],
};

/// The pixels of one MCU.
struct Tile {
    pixels: Vec<Pixel>,
    size: (u32, u32),
    picture: (u32, u32),
    across: u32,
    /// The upper left pixel in the picture.
    origin: (u32, u32),
}

impl Tile {
    fn new(layout: &Layout) -> Self {
        let size = layout.mcu();
        Self {
            pixels: vec![UNTOUCHED; (size.0 * size.1) as usize],
            size,
            picture: (layout.width, layout.height),
            across: layout.mcus().0,
            origin: (0, 0),
        }
    }

    fn start(&mut self, mcu: u32) {
        self.pixels.fill(UNTOUCHED);
        self.origin = (
            mcu % self.across * self.size.0,
            mcu / self.across * self.size.1,
        );
    }

    fn draw(&mut self, layer: &Layer) {
        if !self.is_reached_by(layer) {
            return;
        }
        for (index, pixel) in self.pixels.iter_mut().enumerate() {
            let (x, y) = (index as u32 % self.size.0, index as u32 / self.size.0);
            // Beyond the picture's edge its last pixels go on, so that the blocks there stay
            // smooth.
            let x = (self.origin.0 + x).min(self.picture.0 - 1);
            let y = (self.origin.1 + y).min(self.picture.1 - 1);
            let column = i64::from(x) - i64::from(layer.x);
            let row = i64::from(y) - i64::from(layer.y);
            let (width, height) = (i64::from(layer.width), i64::from(layer.height));
            if (0..width).contains(&column) && (0..height).contains(&row) {
                let at = (row * width + column) as usize * 4;
                pixel.draw(&layer.rgba[at..at + 4]);
            }
        }
    }

    /// Whether the layer covers any of its pixels that lie in the picture.
    fn is_reached_by(&self, layer: &Layer) -> bool {
        let columns = inside(layer.x, layer.width, self.picture.0);
        let rows = inside(layer.y, layer.height, self.picture.1);
        let meet = |part: std::ops::Range<u32>, start: u32, size: u32| {
            part.start < start + size && part.end > start
        };
        meet(columns, self.origin.0, self.size.0) && meet(rows, self.origin.1, self.size.1)
    }

    /// The blend of the block of `component` whose first sample is `start`.
    fn blend(&self, component: usize, start: (u32, u32), per_sample: (u32, u32)) -> Option<Blend> {
        let (mut keep, mut add) = ([0.0; 64], [0.0; 64]);
        let share = 1.0 / (per_sample.0 * per_sample.1) as f32;
        for at in 0..64 {
            let x = (start.0 + at as u32 % 8) * per_sample.0;
            let y = (start.1 + at as u32 / 8) * per_sample.1;
            for row in y..y + per_sample.1 {
                for column in x..x + per_sample.0 {
                    let pixel = &self.pixels[(row * self.size.0 + column) as usize];
                    keep[at] += pixel.keep * share;
                    add[at] += pixel.add[component] * share;
                }
            }
        }
        blend(keep, add)
    }
}

fn blend(keep: Block, mut add: Block) -> Option<Blend> {
    if keep == [1.0; 64] && add == [0.0; 64] {
        return None;
    }
    if keep.iter().any(|&k| k != keep[0]) {
        return Some(Blend::PerSample(Box::new(SampleBlend { keep, add })));
    }
    dct::forward(&mut add);
    Some(if keep[0] == 0.0 {
        Blend::Opaque(add)
    } else {
        Blend::Uniform { keep: keep[0], add }
    })
}

impl Pixel {
    /// Source-over with straight alpha, in the colour space of JFIF (ITU-T T.871, section 7).
    fn draw(&mut self, rgba: &[u8]) {
        let [r, g, b, alpha] = [rgba[0], rgba[1], rgba[2], rgba[3]].map(f32::from);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        let color = [y - 128.0, (b - y) * 0.564_334_1, (r - y) * 0.713_266_8];
        let alpha = alpha / 255.0;
        self.keep *= 1.0 - alpha;
        for (add, color) in self.add.iter_mut().zip(color) {
            *add = *add * (1.0 - alpha) + color * alpha;
        }
    }
}
