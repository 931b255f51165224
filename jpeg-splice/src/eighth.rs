//! A picture at an eighth of its size, from its DC coefficients: nothing is decoded.
//!
//! A DC coefficient is 8 times the average of its block's samples (ITU-T T.81, A.3.3), so the
//! result is what scaled decoders give at 1/8.

use crate::error::Result;
use crate::jpeg::Jpeg;
use crate::splicer::{DcPlane, Frame, Layout, Splicer};

impl Splicer {
    /// The brightness of `jpeg` as people see it: a byte for each 8 × 8 pixels, rows from top to
    /// bottom, in `luma`, whose memory is used again. Gives width and height, an eighth of the
    /// picture's, rounded up.
    ///
    /// # Errors
    /// Those of [`Splicer::verify`].
    pub fn eighth_luma(&mut self, jpeg: &Jpeg, luma: &mut Vec<u8>) -> Result<(u32, u32)> {
        let eighth = self.eighth(jpeg, 1)?;
        let luma_plane = &eighth.planes[0];
        let rows = luma_plane.averages.chunks(luma_plane.stride);
        luma.clear();
        for row in rows.take(eighth.size.1 as usize) {
            let row = &row[..eighth.size.0 as usize];
            // Rounded.
            luma.extend(
                row.iter()
                    .map(|&eighths| sample((i32::from(eighths) + 4) >> 3)),
            );
        }
        Ok(turn::<1>(jpeg, luma, eighth.size))
    }

    /// The same in colours: red, green and blue, a byte each.
    ///
    /// # Errors
    /// Those of [`Splicer::verify`].
    pub fn eighth_rgb(&mut self, jpeg: &Jpeg, rgb: &mut Vec<u8>) -> Result<(u32, u32)> {
        let eighth = self.eighth(jpeg, 3)?;
        let (width, height) = eighth.size;
        rgb.clear();
        rgb.reserve((width * height * 3) as usize);
        for y in 0..height {
            for x in 0..width {
                rgb.extend(color([0, 1, 2].map(|plane| eighth.at(plane, x, y))));
            }
        }
        Ok(turn::<3>(jpeg, rgb, eighth.size))
    }

    fn eighth(&mut self, jpeg: &[u8], components: usize) -> Result<Eighth> {
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        let (across, down) = layout.mcus();
        let planes = self.dc_planes(jpeg, (&frame, &layout), (components, across * down))?;
        Ok(Eighth {
            planes,
            size: (layout.width.div_ceil(8), layout.height.div_ceil(8)),
            layout,
        })
    }
}

struct Eighth {
    planes: Vec<DcPlane>,
    layout: Layout,
    /// Width and height.
    size: (u32, u32),
}

impl Eighth {
    /// The average of component `plane` there, around 0; grey pictures have no colours.
    fn at(&self, plane: usize, x: u32, y: u32) -> f32 {
        let Some(found) = self.planes.get(plane) else {
            return 0.0;
        };
        let coarseness = self.layout.pixels_per_sample(plane);
        let (x, y) = (x / coarseness.0, y / coarseness.1);
        f32::from(found.averages[y as usize * found.stride + x as usize]) / 8.0
    }
}

/// The sample that a value around 0 is.
fn sample(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

/// Red, green and blue (ITU-T T.871, section 7).
pub(crate) fn color([y, cb, cr]: [f32; 3]) -> [u8; 3] {
    let green = y - 0.344_136 * cb - 0.714_136 * cr;
    // Cut off, which rounds what is above 0: `round` is a call on many processors.
    [y + 1.402 * cr, green, y + 1.772 * cb].map(|value| (value + 128.5) as u8)
}

/// Turns pixels of `N` bytes as `jpeg` is shown. Gives their size then.
fn turn<const N: usize>(jpeg: &Jpeg, pixels: &mut Vec<u8>, stored: (u32, u32)) -> (u32, u32) {
    let orientation = jpeg.header().orientation;
    if !orientation.is_upright() {
        *pixels = orientation.show::<N>(pixels, stored);
    }
    orientation.turned_size(stored)
}
