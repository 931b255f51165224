//! The small pictures that motion is looked for in.

/// Pixels of the full picture, across and down, that one pixel of the eighth-size picture stands
/// for.
pub const SHRINK: u32 = 8;

/// The brightness of a picture at an eighth of its size, in rows from top to bottom: each pixel is
/// the mean of 8 × 8.
#[derive(Clone, Copy, Debug)]
pub struct Luma<'p> {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width` × `height` pixels, 0 is black.
    pub pixels: &'p [u8],
}

impl<'p> Luma<'p> {
    /// A picture of `width` × `height` pixels.
    ///
    /// # Errors
    /// `pixels` are more or fewer than that, or none.
    pub fn new(width: usize, height: usize, pixels: &'p [u8]) -> Result<Self, String> {
        match width.checked_mul(height) {
            Some(count @ 1..) if count == pixels.len() => Ok(Self {
                width,
                height,
                pixels,
            }),
            _ => {
                let count = pixels.len();
                Err(format!(
                    "a picture of {width} × {height} pixels can't have {count}"
                ))
            }
        }
    }

    /// Pixels across and down.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }
}
