//! Privacy masks: areas of a picture that are covered for good, in whole blocks, so that nothing of
//! what lies below is left in any coefficient.

mod averages;
mod plan;
mod polygon;

pub use polygon::Polygon;

use std::ops::Range;

use crate::error::Result;
use crate::jpeg::Jpeg;
use crate::splicer::Splicer;
use crate::strip::strip;
pub(crate) use plan::MaskPlan;
use polygon::Grid;

/// An area that is covered.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Its outline, in pixels of the stored picture. Blocks that it only reaches into are covered
    /// as a whole.
    pub outline: Polygon,
    /// The cover that is seen there.
    pub cover: Cover,
}

/// The cover of a masked area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// One colour: red, green, blue.
    Color([u8; 3]),
    /// Squares of the average colour, at least so many pixels across and down, and none smaller at
    /// the mask's edge.
    Mosaic(u32),
}

impl Splicer {
    /// `jpeg` with `masks` on it, and without any other trace of what lies below them: blocks are
    /// replaced as a whole, luma and chroma; of the segments, only those are left that showing the
    /// picture takes (tables, JFIF without its thumbnail, Adobe's, the colour profile, and of Exif
    /// the orientation); what follows the picture is cut off. Where masks overlap, a colour goes
    /// before a mosaic, and the first before others.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`]; [`cover_pixels`] is the way for what is unsupported.
    pub fn mask(&mut self, jpeg: &Jpeg, masks: &[Mask]) -> Result<Jpeg> {
        let bare = strip(jpeg)?;
        let drawing = self.mask_drawing(&bare, masks)?;
        let mut out = Vec::new();
        self.splice(&bare, &[&drawing], &mut out)?;
        Ok(jpeg.with_bytes(out))
    }
}

/// The squares in which decoded pixels are covered: as large as any common MCU.
const SQUARE: u32 = 16;
/// Decoders mix the chroma of neighbours: a sample may stand for four pixels (4:1:1).
const MIXED: f64 = 4.0;

/// Covers `masks` in decoded pixels: 8-bit RGB as it is stored, `size` across and down, rows from
/// top to bottom. It reaches a few pixels further than [`Splicer::mask`], since decoding mixes
/// neighbours.
///
/// # Panics
/// `rgb` is not as long as `size` says.
pub fn cover_pixels(rgb: &mut [u8], size: (u32, u32), masks: &[Mask]) {
    // From the last to the first, so that the first is on top; and mosaics first of all, of what
    // the camera saw.
    let is_mosaic = |mask: &&Mask| matches!(mask.cover, Cover::Mosaic(_));
    let (mosaics, colors): (Vec<_>, Vec<_>) = masks.iter().rev().partition(is_mosaic);
    for mask in mosaics.into_iter().chain(colors) {
        let side = match mask.cover {
            Cover::Color(_) => SQUARE,
            Cover::Mosaic(side) => side.max(SQUARE),
        };
        let grid = Grid::of_whole((side, side), size);
        for cell in mask.outline.cells(&grid, MIXED) {
            let area = grid.pixels(cell);
            let color = match mask.cover {
                Cover::Color(color) => color,
                Cover::Mosaic(_) => average(rgb, size.0, &area),
            };
            for row in area.1.clone() {
                let start = (row * size.0 + area.0.start) as usize * 3;
                let pixels = &mut rgb[start..start + area.0.len() * 3];
                pixels.as_chunks_mut().0.fill(color);
            }
        }
    }
}

/// The average colour of an area, which is not empty.
fn average(rgb: &[u8], width: u32, (columns, rows): &(Range<u32>, Range<u32>)) -> [u8; 3] {
    let mut sums = [0u64; 3];
    for row in rows.clone() {
        let start = (row * width + columns.start) as usize * 3;
        for pixel in rgb[start..start + columns.len() * 3].as_chunks::<3>().0 {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
        }
    }
    let pixels = columns.len() as u64 * rows.len() as u64;
    sums.map(|sum| (sum / pixels.max(1)) as u8)
}
