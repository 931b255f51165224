//! The picture as filters see it: at its size or smaller, whole or an area of it, and no more of it
//! decoded than that takes.

use jpeg_splice::{Jpeg, Splicer};

use crate::codec::{DecodeError, decode};
use crate::region::Area;

/// Pictures that one call of a filter may ask for.
const MOST: u32 = 16;

/// By how much both sides of a picture are made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrink(pub u32);

impl Shrink {
    /// An eighth, which takes no decoding.
    pub const EIGHTH: Self = Self(8);
}

/// Pixels of `N` bytes, rows from top to bottom.
#[derive(Debug)]
pub struct Pixels {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// `width` × `height` × the bytes of a pixel.
    pub bytes: Vec<u8>,
}

/// The reason why a filter gets no picture, in words for the filter.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// It has asked often enough.
    #[error("one call may ask for {MOST} pictures")]
    TooMany,
    /// The area lies outside.
    #[error(
        "the area of {}×{} pixels at {}, {} does not lie within the picture of {}×{}",
        .0.width, .0.height, .0.x, .0.y, .1.0, .1.1
    )]
    Outside(Area, (u32, u32)),
    /// The picture can't be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// A way to make a picture's eighth.
type EighthOf = fn(&mut Splicer, &Jpeg, &mut Vec<u8>) -> jpeg_splice::Result<(u32, u32)>;

/// Memory for looking at pictures, and the count of looks.
#[derive(Default)]
pub struct View {
    splicer: Splicer,
    rgb: Vec<u8>,
    asked: u32,
}

impl View {
    /// Begins a call.
    pub fn begin(&mut self) {
        self.asked = 0;
    }

    /// The brightness of `jpeg`, or of an `area` of it: a byte a pixel.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub fn luma(
        &mut self,
        jpeg: &Jpeg,
        shrink: Shrink,
        area: Option<Area>,
    ) -> Result<Pixels, ViewError> {
        let area = self.checked(jpeg, area)?;
        if let Some(eighth) = self.eighth::<1>(jpeg, shrink, area, Splicer::eighth_luma) {
            return Ok(eighth);
        }
        let rgb = self.decoded(jpeg, shrink, area)?;
        let luma = rgb.bytes.as_chunks::<3>().0.iter().map(luma);
        Ok(Pixels {
            bytes: luma.collect(),
            ..rgb
        })
    }

    /// The colours of `jpeg`, or of an `area` of it: red, green and blue, three bytes a pixel.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub fn rgb(
        &mut self,
        jpeg: &Jpeg,
        shrink: Shrink,
        area: Option<Area>,
    ) -> Result<Pixels, ViewError> {
        let area = self.checked(jpeg, area)?;
        match self.eighth::<3>(jpeg, shrink, area, Splicer::eighth_rgb) {
            Some(eighth) => Ok(eighth),
            None => self.decoded(jpeg, shrink, area),
        }
    }

    /// The area at an eighth of its size, in pixels of `N` bytes, if that is asked for and takes no
    /// decoding.
    fn eighth<const N: usize>(
        &mut self,
        jpeg: &Jpeg,
        shrink: Shrink,
        area: Area,
        make: EighthOf,
    ) -> Option<Pixels> {
        let mut bytes = Vec::new();
        let is_wanted = shrink == Shrink::EIGHTH;
        let size = is_wanted.then(|| make(&mut self.splicer, jpeg, &mut bytes))?;
        Some(cropped::<N>(bytes, size.ok()?, eighth(area)))
    }

    /// The area to look at, in pixels of the picture as it is shown.
    fn checked(&mut self, jpeg: &Jpeg, area: Option<Area>) -> Result<Area, ViewError> {
        self.asked += 1;
        if self.asked > MOST {
            return Err(ViewError::TooMany);
        }
        let (width, height) = jpeg.size();
        let whole = Area {
            x: 0,
            y: 0,
            width,
            height,
        };
        let area = area.unwrap_or(whole);
        match area.within((width, height)) == Some(area) {
            true => Ok(area),
            false => Err(ViewError::Outside(area, (width, height))),
        }
    }

    /// The area from decoded rows, turned and made smaller.
    fn decoded(&mut self, jpeg: &Jpeg, shrink: Shrink, area: Area) -> Result<Pixels, ViewError> {
        let header = jpeg.header();
        let stored = stored_area(jpeg, area);
        let rows = jpeg.rows(stored.y..stored.y + stored.height);
        // What can't be cut is decoded as a whole.
        let (rows, top) = rows.unwrap_or_else(|_| (jpeg.clone(), 0));
        decode(&rows, &mut self.splicer, &mut self.rgb)?;
        let part = Area {
            y: stored.y - top,
            ..stored
        };
        let bytes = crop::<3>(&self.rgb, header.width, part);
        let bytes = header
            .orientation
            .show::<3>(&bytes, (stored.width, stored.height));
        Ok(shrunk(bytes, (area.width, area.height), shrink.0))
    }
}

/// The area of the stored picture that is shown as `area`.
fn stored_area(jpeg: &Jpeg, area: Area) -> Area {
    let header = jpeg.header();
    let size = (area.width.into(), area.height.into());
    let stored = (header.width.into(), header.height.into());
    let corner = (area.x.into(), area.y.into());
    let (x, y) = header.orientation.stored_corner(corner, size, stored);
    let (width, height) = header.orientation.turned_size((area.width, area.height));
    // Both lie within the picture.
    Area {
        x: x as u32,
        y: y as u32,
        width,
        height,
    }
}

/// The pixels of an eighth that `area` reaches into.
fn eighth(area: Area) -> Area {
    let (x, y) = (area.x / 8, area.y / 8);
    Area {
        x,
        y,
        width: (area.x + area.width).div_ceil(8) - x,
        height: (area.y + area.height).div_ceil(8) - y,
    }
}

fn cropped<const N: usize>(bytes: Vec<u8>, size: (u32, u32), area: Area) -> Pixels {
    let bytes = match (area.width, area.height) == size {
        true => bytes,
        false => crop::<N>(&bytes, size.0, area),
    };
    Pixels {
        width: area.width,
        height: area.height,
        bytes,
    }
}

/// The pixels of `N` bytes of `area`, from rows of `width` pixels.
fn crop<const N: usize>(bytes: &[u8], width: u32, area: Area) -> Vec<u8> {
    let rows = bytes.chunks_exact(width as usize * N);
    let rows = rows.skip(area.y as usize).take(area.height as usize);
    let columns = area.x as usize * N..(area.x + area.width) as usize * N;
    rows.flat_map(|row| &row[columns.clone()])
        .copied()
        .collect()
}

/// Red, green and blue made smaller by averaging squares of `side` pixels.
fn shrunk(bytes: Vec<u8>, (width, height): (u32, u32), side: u32) -> Pixels {
    let (small_width, small_height) = (width.div_ceil(side), height.div_ceil(side));
    if side == 1 {
        return Pixels {
            width,
            height,
            bytes,
        };
    }
    let mut small = Vec::with_capacity((small_width * small_height * 3) as usize);
    for top in (0..height).step_by(side as usize) {
        let rows = top..(top + side).min(height);
        for left in (0..width).step_by(side as usize) {
            let columns = left..(left + side).min(width);
            small.extend(average(&bytes, width, &rows, &columns));
        }
    }
    Pixels {
        width: small_width,
        height: small_height,
        bytes: small,
    }
}

fn average(
    bytes: &[u8],
    width: u32,
    rows: &std::ops::Range<u32>,
    columns: &std::ops::Range<u32>,
) -> [u8; 3] {
    let mut sums = [0u32; 3];
    for row in rows.clone() {
        let start = (row * width + columns.start) as usize * 3;
        for pixel in bytes[start..start + columns.len() * 3].as_chunks::<3>().0 {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u32::from(*value);
            }
        }
    }
    let pixels = (rows.len() * columns.len()) as u32;
    sums.map(|sum| ((sum + pixels / 2) / pixels) as u8)
}

/// ITU-T T.871, section 7, in parts of 65536.
fn luma(&[red, green, blue]: &[u8; 3]) -> u8 {
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 32_768) >> 16) as u8
}
