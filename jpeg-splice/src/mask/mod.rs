//! Privacy masks: areas of a picture that are covered for good, in whole blocks, so that nothing of
//! what lies below is left in any coefficient.

mod averages;
mod plan;
mod polygon;

pub use polygon::Polygon;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::Result;
use crate::header::Header;
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

/// Decoders mix the chroma of neighbours: a sample may stand for four pixels (4:1:1).
const MIXED: u32 = 4;

/// Covers `masks` in the decoded pixels of a JPEG with this header: 8-bit RGB as it is stored, rows
/// from top to bottom. Whole MCUs are covered, since coding spreads what lies below a mask over
/// its blocks, and a few pixels round them, since decoding mixes neighbours.
///
/// # Panics
/// `rgb` is not as long as the header says.
pub fn cover_pixels(rgb: &mut [u8], header: &Header, masks: &[Mask]) {
    let size = (header.width, header.height);
    // From the last to the first, so that the first is on top; and mosaics first of all, of what
    // the camera saw.
    let is_mosaic = |mask: &&Mask| matches!(mask.cover, Cover::Mosaic(_));
    let (mosaics, colors): (Vec<_>, Vec<_>) = masks.iter().rev().partition(is_mosaic);
    for mask in mosaics.into_iter().chain(colors) {
        let spread = spread(&mask.outline, header);
        match mask.cover {
            Cover::Color(color) => {
                for area in &spread {
                    fill(rgb, size.0, area, color);
                }
            }
            Cover::Mosaic(side) => {
                for area in squares(&spread, side, size) {
                    let color = average(rgb, size.0, &area);
                    fill(rgb, size.0, &area, color);
                }
            }
        }
    }
}

/// Columns and rows of pixels.
type Area = (Range<u32>, Range<u32>);

/// The areas that what lies in `outline` has an influence on, which overlap.
fn spread(outline: &Polygon, header: &Header) -> Vec<Area> {
    let picture = (header.width, header.height);
    let count = (
        picture.0.div_ceil(header.mcu.0),
        picture.1.div_ceil(header.mcu.1),
    );
    let grid = Grid {
        cell: header.mcu,
        count,
        picture,
    };
    let grow = |range: Range<u32>, end: u32| {
        range.start.saturating_sub(MIXED)..(range.end + MIXED).min(end)
    };
    let cells = outline.cells(&grid, 0.0).into_iter();
    let areas = cells.map(|cell| grid.pixels(cell));
    areas
        .map(|(columns, rows)| (grow(columns, picture.0), grow(rows, picture.1)))
        .collect()
}

/// The squares of a mosaic that `areas` reach into.
fn squares(areas: &[Area], side: u32, size: (u32, u32)) -> impl Iterator<Item = Area> {
    let side = side.max(1);
    let grid = Grid::of_whole((side, side), size);
    let reached = |pixels: &Range<u32>, count: u32| {
        (pixels.start / side).min(count - 1)..=((pixels.end - 1) / side).min(count - 1)
    };
    let mut cells = BTreeSet::new();
    for (columns, rows) in areas {
        for row in reached(rows, grid.count.1) {
            let columns = reached(columns, grid.count.0);
            cells.extend(columns.map(|column| (column, row)));
        }
    }
    cells.into_iter().map(move |cell| grid.pixels(cell))
}

fn fill(rgb: &mut [u8], width: u32, (columns, rows): &Area, color: [u8; 3]) {
    for row in rows.clone() {
        let start = (row * width + columns.start) as usize * 3;
        let pixels = &mut rgb[start..start + columns.len() * 3];
        pixels.as_chunks_mut().0.fill(color);
    }
}

/// The average colour of an area, which is not empty.
fn average(rgb: &[u8], width: u32, (columns, rows): &Area) -> [u8; 3] {
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
