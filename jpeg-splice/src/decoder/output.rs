//! From coefficients to RGB: samples, chroma at full size, and colours, as libjpeg makes them.

use super::frame::{Component, Frame};
use super::idct;
use crate::syntax::ColorHints;

/// The meaning of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Grey,
    Rgb,
    /// ITU-T T.871, section 7.
    YCbCr,
    /// As Adobe's programs write it: 255 is no ink.
    Cmyk,
    /// The same, with the first three as Y′CbCr.
    Ycck,
}

impl Color {
    /// The colours of the components called `ids`, as libjpeg takes them.
    pub fn of(ids: &[u8], hints: ColorHints) -> Self {
        match *ids {
            [_] => Self::Grey,
            [a, b, c] if hints.are_ycbcr([a, b, c]) => Self::YCbCr,
            [_, _, _] => Self::Rgb,
            _ if hints
                .adobe_transform
                .is_some_and(|transform| transform != 0) =>
            {
                Self::Ycck
            }
            _ => Self::Cmyk,
        }
    }
}

/// A component's samples.
struct Plane {
    width: usize,
    /// The samples that belong to the picture.
    size: (usize, usize),
    samples: Vec<u8>,
    /// The pixels that a sample stands for, across and down.
    pixels: (u8, u8),
}

/// Writes the picture's pixels, three bytes each, rows from top to bottom. The coefficients are
/// gone then.
pub fn write(frame: Frame, rgb: &mut Vec<u8>) {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let (largest, color) = (frame.largest, frame.color);
    let components = frame.components.into_iter();
    let planes: Vec<Plane> = components.map(|it| Plane::new(&it, largest)).collect();
    rgb.clear();
    rgb.reserve_exact(width * height * 3);
    let mut rows = vec![vec![0; width]; planes.len()];
    for y in 0..height {
        for (plane, row) in planes.iter().zip(&mut rows) {
            plane.row(y, row);
        }
        for x in 0..width {
            let at = |component: usize| rows.get(component).map_or(0, |row| row[x]);
            rgb.extend(pixel(color, [at(0), at(1), at(2), at(3)]));
        }
    }
}

fn pixel(color: Color, [a, b, c, d]: [u8; 4]) -> [u8; 3] {
    match color {
        Color::Grey => [a; 3],
        Color::Rgb => [a, b, c],
        Color::YCbCr => rgb(a, b, c),
        Color::Cmyk => [a, b, c].map(|ink| scaled(ink, d)),
        Color::Ycck => rgb(a, b, c).map(|value| scaled(255 - value, d)),
    }
}

fn scaled(value: u8, by: u8) -> u8 {
    ((u32::from(value) * u32::from(by) + 127) / 255) as u8
}

/// ITU-T T.871, section 7, with constants of 16 bits.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

impl Plane {
    fn new(component: &Component, largest: (u8, u8)) -> Self {
        let (across, down) = (component.blocks.0 as usize, component.blocks.1 as usize);
        let width = across * 8;
        let mut samples = vec![0; width * down * 8];
        let table = component.quantization.unwrap_or([1; 64]);
        for (y, rows) in samples.chunks_exact_mut(width * 8).enumerate() {
            for x in 0..across {
                let block = idct::samples(component.block((x, y)), &table);
                for (row, line) in block.as_chunks::<8>().0.iter().enumerate() {
                    rows[row * width + x * 8..][..8].copy_from_slice(line);
                }
            }
        }
        Self {
            width,
            size: (component.size.0 as usize, component.size.1 as usize),
            samples,
            pixels: (largest.0 / component.h, largest.1 / component.v),
        }
    }

    fn line(&self, y: usize) -> &[u8] {
        &self.samples[y * self.width..][..self.size.0]
    }

    /// The picture's row `y`, at full width. Between samples that stand for two pixels, libjpeg
    /// takes three parts of the nearer and one of the farther.
    fn row(&self, y: usize, out: &mut [u8]) {
        let is_wide = self.size.0 > 2;
        match self.pixels {
            (1, 2) => {
                let (near, far, is_upper) = self.lines(y);
                let bias = if is_upper { 1 } else { 2 };
                for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
                    *out = ((u32::from(near) * 3 + u32::from(far) + bias) >> 2) as u8;
                }
            }
            (2, 1) if is_wide => smooth(out, |x| u32::from(self.line(y)[x]), (self.size.0, 2)),
            (2, 2) if is_wide => {
                let (near, far, _) = self.lines(y);
                let sum = |x: usize| u32::from(near[x]) * 3 + u32::from(far[x]);
                smooth(out, sum, (self.size.0, 4));
            }
            (h, v) => {
                let line = self.line(y / usize::from(v));
                for (x, out) in out.iter_mut().enumerate() {
                    *out = line[x / usize::from(h)];
                }
            }
        }
    }

    /// Of samples that stand for two rows: those of row `y`, those on its other side, and whether
    /// that side is above.
    fn lines(&self, y: usize) -> (&[u8], &[u8], bool) {
        let near = y / 2;
        let is_upper = y.is_multiple_of(2);
        let far = if is_upper {
            near.saturating_sub(1)
        } else {
            (near + 1).min(self.size.1 - 1)
        };
        (self.line(near), self.line(far), is_upper)
    }
}

/// Twice as many pixels as there are samples. `shift` is 2 for samples as they are, 4 for those
/// times four.
fn smooth(out: &mut [u8], sample: impl Fn(usize) -> u32, (samples, shift): (usize, u32)) {
    let (left, right) = if shift == 2 { (1, 2) } else { (8, 7) };
    for (x, out) in out.iter_mut().enumerate() {
        let near = x / 2;
        let is_left = x.is_multiple_of(2);
        let (far, bias) = match (is_left, near) {
            (true, 0) => (0, left),
            (true, _) => (near - 1, left),
            (false, _) => ((near + 1).min(samples - 1), right),
        };
        // At the edge the near one is the far one, too.
        *out = ((sample(near) * 3 + sample(far) + bias) >> shift) as u8;
    }
}
