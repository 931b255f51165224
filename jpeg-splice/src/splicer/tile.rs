//! The pixels of one MCU of a drawing.

use super::coverage::McuArea;
use super::dct::Block;
use super::drawing::Layer;
use super::layout::Layout;

/// The pixels of one MCU. The change of a pixel: its Y′CbCr around 0 is multiplied by the first
/// plane, and the others are added.
#[derive(Default)]
pub(crate) struct Tile {
    planes: [Vec<f32>; 4],
    width: usize,
}

impl Tile {
    /// The Y′CbCr, around 0, of what `color` with its alpha adds.
    pub fn color(color: [u8; 4]) -> [f32; 3] {
        let [mut keep, mut y, mut cb, mut cr] = [[1.0], [0.0], [0.0], [0.0]];
        draw_row(&[color], [&mut keep, &mut y, &mut cb, &mut cr]);
        [y[0], cb[0], cr[0]]
    }

    /// Draws what lies in `area`, which one MCU covers.
    pub fn draw(&mut self, layout: &Layout, area: McuArea, layers: &[Layer]) {
        let (width, height) = layout.mcu();
        self.width = width as usize;
        let pixels = (width * height) as usize;
        for (plane, value) in self.planes.iter_mut().zip([1.0, 0.0, 0.0, 0.0]) {
            plane.clear();
            plane.resize(pixels, value);
        }
        for layer in layers {
            let Some(part) = area.under(layer) else {
                continue;
            };
            for row in part.rows {
                let pixels = layer.row(&part.columns, row);
                let at = (row - area.rows.start) * width + part.columns.start - area.columns.start;
                let range = at as usize..at as usize + pixels.len();
                draw_row(
                    pixels,
                    self.planes
                        .each_mut()
                        .map(|plane| &mut plane[range.clone()]),
                );
            }
        }
        self.go_on_beyond_the_edge(area.columns.len(), area.rows.len());
    }

    /// Beyond the picture's edge its last pixels go on, so that the blocks there stay smooth.
    fn go_on_beyond_the_edge(&mut self, across: usize, down: usize) {
        let width = self.width;
        for plane in &mut self.planes {
            if across < width {
                for row in plane.chunks_exact_mut(width) {
                    let last = row[across - 1];
                    row[across..].fill(last);
                }
            }
            for row in down..plane.len() / width {
                plane.copy_within((down - 1) * width..down * width, row * width);
            }
        }
    }

    /// The factor of all of its pixels, if it is the same.
    pub fn even_keep(&self) -> Option<f32> {
        let keep = &self.planes[0];
        let first = *keep.first()?;
        // Without a way out, so that compilers compare several at once.
        let are_even = keep.iter().fold(true, |are, &keep| are & (keep == first));
        are_even.then_some(first)
    }

    /// The factors of the block whose first sample is `start`.
    pub fn kept(&self, start: (u32, u32), per_sample: (u32, u32)) -> Block {
        self.average(0, start, per_sample)
    }

    /// The values added to the block of `component` whose first sample is `start`.
    pub fn added(&self, component: usize, start: (u32, u32), per_sample: (u32, u32)) -> Block {
        self.average(1 + component, start, per_sample)
    }

    fn average(&self, plane: usize, start: (u32, u32), per_sample: (u32, u32)) -> Block {
        match per_sample {
            (1, v) => self.average_of::<1>(plane, start, v),
            (2, v) => self.average_of::<2>(plane, start, v),
            (_, v) => self.average_of::<4>(plane, start, v),
        }
    }

    /// A block of samples, each the average of the `H` × `v` pixels of a plane that it stands for.
    #[inline(always)]
    fn average_of<const H: usize>(&self, plane: usize, start: (u32, u32), v: u32) -> Block {
        let (width, v) = (self.width, v as usize);
        let share = 1.0 / (H * v) as f32;
        let rows = &self.planes[plane][start.1 as usize * v * width + start.0 as usize * H..];
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

/// Pixels that are drawn at once, as compilers make vectors of them.
const AT_ONCE: usize = 8;

/// Source-over with straight alpha, in the colour space of JFIF (ITU-T T.871, section 7).
fn draw_row(pixels: &[[u8; 4]], planes: [&mut [f32]; 4]) {
    let (pixels, rest) = pixels.as_chunks::<AT_ONCE>();
    let [keep, y, cb, cr] = planes.map(|plane| plane.as_chunks_mut::<AT_ONCE>());
    let below = keep.0.iter_mut().zip(y.0).zip(cb.0.iter_mut().zip(cr.0));
    for (pixels, ((keep, y), (cb, cr))) in pixels.iter().zip(below) {
        draw(pixels, [keep, y, cb, cr]);
    }
    let below = keep.1.iter_mut().zip(y.1).zip(cb.1.iter_mut().zip(cr.1));
    for (&pixel, ((keep, y), (cb, cr))) in rest.iter().zip(below) {
        draw(&[pixel], [keep, y, cb, cr].map(std::array::from_mut));
    }
}

#[inline(always)]
fn draw<const N: usize>(pixels: &[[u8; 4]; N], [keep, y, cb, cr]: [&mut [f32; N]; 4]) {
    let [mut rest, mut luma, mut blue, mut red] = [[0.0; N]; 4];
    for at in 0..N {
        let word = u32::from_le_bytes(pixels[at]);
        let [r, g, b, alpha] = [0, 8, 16, 24].map(|shift| (word >> shift & 255) as i32 as f32);
        let light = 0.299 * r + 0.587 * g + 0.114 * b;
        let alpha = alpha / 255.0;
        rest[at] = 1.0 - alpha;
        luma[at] = (light - 128.0) * alpha;
        blue[at] = (b - light) * 0.564_334_1 * alpha;
        red[at] = (r - light) * 0.713_266_8 * alpha;
    }
    for (plane, add) in [(y, luma), (cb, blue), (cr, red)] {
        for at in 0..N {
            plane[at] = plane[at] * rest[at] + add[at];
        }
    }
    for at in 0..N {
        keep[at] *= rest[at];
    }
}
