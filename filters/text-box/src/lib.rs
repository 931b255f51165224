//! A box with text in it, for the filters that write: any script, shaped, in both directions.
//!
//! The embedded font writes Latin, Greek and Cyrillic. For other characters there is the user's
//! font file, and the server's system fonts, which are asked for by the characters that the text
//! has (see `fonts.rs`).

mod fonts;
mod glyph;
mod layout;
mod paint;

use std::borrow::Cow;

use mattebox_filter::RgbaLayer;
use mattebox_filter::image::{Rgba, RgbaImage};
pub use mattebox_filter::{Color, Position};
use schemars::JsonSchema;
use serde::Deserialize;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub use fonts::FontSource;
use fonts::{Assets, Fonts};
use glyph::{Glyph, Glyphs, Ink};
use layout::{Block, Layout};

/// The smallest size that a text shrinks to, in pixels.
const SMALLEST: f32 = 6.0;

/// The fate of a text that is wider or higher than the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// It is written smaller.
    #[default]
    Shrink,
    /// Its lines are broken between words, and it is written smaller if that is too high.
    Wrap,
    /// What lies outside is cut off.
    Cut,
}

/// The look of a text, and its position.
#[derive(Clone, Debug)]
pub struct Style {
    /// The height of a line in pixels.
    pub size: u32,
    /// The colour of the letters.
    pub color: Color,
    /// The colour of the box behind them.
    pub background: Color,
    /// The name of a font file that is granted to the filter.
    pub font: Option<String>,
    /// What becomes of a text that is too large.
    pub fit: Fit,
    /// Where the box stands in the picture.
    pub position: Position,
    /// Pixels from the box to the picture's edge.
    pub margin: u32,
}

/// Draws text of one style.
pub struct TextBox {
    style: Style,
    fonts: Fonts,
    layout: Layout,
    glyphs: Glyphs,
}

impl TextBox {
    /// A box in `style`.
    ///
    /// # Errors
    /// The font file can't be read, or is no font.
    pub fn new(style: Style) -> Result<Self, String> {
        Self::with_source(style, Box::new(Assets))
    }

    /// The same with fonts from `source`, for programs that are no filter.
    ///
    /// # Errors
    /// Those of [`TextBox::new`].
    pub fn with_source(style: Style, source: Box<dyn FontSource>) -> Result<Self, String> {
        Ok(Self {
            fonts: Fonts::new(style.font.as_deref(), source)?,
            layout: Layout::default(),
            glyphs: Glyphs::default(),
            style,
        })
    }

    /// Looks for the fonts of `text`, and tells the log of characters that no font has. To be
    /// called before the first frame, so that the frames don't wait for it; `will_change` says that
    /// other texts may follow.
    pub fn prepare(&mut self, text: &str, will_change: bool) {
        self.fonts.prepare(&composed(text));
        if will_change {
            self.fonts.expect_more();
        }
    }

    /// The box with `text` at its place in a picture of `picture` (width, height) pixels. No text
    /// has no box.
    pub fn layer(&mut self, text: &str, picture: (u32, u32)) -> Option<RgbaLayer> {
        let image = self.render(text, picture)?;
        let Style {
            position, margin, ..
        } = self.style;
        let (x, y) = position.place(image.dimensions(), picture, margin);
        Some(RgbaLayer { x, y, image })
    }

    /// Writes in another style from now on, in the same fonts.
    pub fn set_style(&mut self, style: Style) {
        self.style = style;
    }

    /// The box with `text` by itself, as large as it may be in a picture of `picture` pixels. No
    /// text has no box.
    pub fn render(&mut self, text: &str, picture: (u32, u32)) -> Option<RgbaImage> {
        if text.trim().is_empty() {
            return None;
        }
        let text = &*composed(text);
        self.fonts.prepare(text);
        let room = room(&self.style, picture);
        let block = self.fitting(text, room);
        let limit = |length: f32, most: u32| (length.ceil() as u32).clamp(1, most.max(1));
        let (width, height) = (
            limit(block.width, picture.0),
            limit(block.height, picture.1),
        );
        let mut image = RgbaImage::from_pixel(width, height, self.style.background.pixel());
        for placed in &block.glyphs {
            let glyph = self.glyphs.get(&self.fonts, placed.id, block.size);
            let origin = (placed.x.round() as i32, placed.y.round() as i32);
            stamp(&mut image, glyph, origin, self.style.color);
        }
        Some(image)
    }

    /// Lays `text` out in the style's size, or in a smaller one that fits into `room`.
    fn fitting(&mut self, text: &str, room: (f32, f32)) -> Block {
        let width = (self.style.fit == Fit::Wrap).then_some(room.0);
        let mut size = self.style.size as f32;
        loop {
            let block = self.block(text, size, width);
            let scale = (room.0 / block.width).min(room.1 / block.height);
            if self.style.fit == Fit::Cut || scale >= 1.0 || size <= SMALLEST {
                return block;
            }
            // Of a wrapped text, both sides shrink.
            let scale = if width.is_some() { scale.sqrt() } else { scale };
            size = (size * scale).floor().clamp(SMALLEST, size - 1.0);
        }
    }

    fn block(&mut self, text: &str, size: f32, width: Option<f32>) -> Block {
        self.layout.block(&self.fonts, text, (size, width))
    }
}

/// `text` with letters and their accents as one character each where Unicode has it (UAX #15, NFC):
/// fonts draw these better.
fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.into(),
        _ => text.nfc().collect(),
    }
}

/// The pixels that a box may take at its place.
fn room(style: &Style, picture: (u32, u32)) -> (f32, f32) {
    use Position::{Bottom, Center, Left, Right, Top};
    let margin = |is_middle: bool| if is_middle { 0 } else { style.margin };
    let is_middle = matches!(style.position, Top | Center | Bottom);
    let across = picture.0.saturating_sub(margin(is_middle));
    let is_middle = matches!(style.position, Left | Center | Right);
    let down = picture.1.saturating_sub(margin(is_middle));
    (across.max(1) as f32, down.max(1) as f32)
}

/// Draws a glyph with its origin at `origin`.
fn stamp(image: &mut RgbaImage, glyph: &Glyph, origin: (i32, i32), color: Color) {
    let at = |index: usize, width: usize| {
        let x = origin.0.checked_add(glyph.left)?;
        let x = x.checked_add(i32::try_from(index % width).ok()?)?;
        let y = origin.1.checked_add(glyph.top)?;
        let y = y.checked_add(i32::try_from(index / width).ok()?)?;
        u32::try_from(x).ok().zip(u32::try_from(y).ok())
    };
    match &glyph.ink {
        Ink::None => {}
        Ink::Coverage(coverage) => {
            for (index, &covered) in coverage.iter().enumerate() {
                if covered > 0.0
                    && let Some((x, y)) = at(index, glyph.width)
                    && let Some(pixel) = image.get_pixel_mut_checked(x, y)
                {
                    *pixel = over(color.pixel(), covered, *pixel);
                }
            }
        }
        Ink::Colors(pixels) => {
            // A text that is half transparent has emoji that are, too.
            let covered = f32::from(color.pixel()[3]) / 255.0;
            for (index, &top) in pixels.iter().enumerate() {
                if top[3] > 0
                    && let Some((x, y)) = at(index, glyph.width)
                    && let Some(pixel) = image.get_pixel_mut_checked(x, y)
                {
                    *pixel = over(top, covered, *pixel);
                }
            }
        }
    }
}

/// Source-over of two colours with straight alpha (Porter and Duff, 1984).
fn over(top: Rgba<u8>, covered: f32, under: Rgba<u8>) -> Rgba<u8> {
    let a = f32::from(top[3]) / 255.0 * covered;
    let b = f32::from(under[3]) / 255.0 * (1.0 - a);
    let alpha = a + b;
    if alpha == 0.0 {
        return under;
    }
    let mix = |i: usize| ((f32::from(top[i]) * a + f32::from(under[i]) * b) / alpha).round() as u8;
    Rgba([mix(0), mix(1), mix(2), (alpha * 255.0).round() as u8])
}

#[cfg(test)]
mod tests;
