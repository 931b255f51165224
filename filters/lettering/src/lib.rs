//! A box with text in it, for the filters that write.

use std::collections::HashMap;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use mattebox_filter::Color;
use mattebox_filter::image::{Rgba, RgbaImage};

/// DejaVu Sans Mono: all characters are equally wide, so that the box doesn't jump as digits change.
const FONT: &[u8] = include_bytes!("../font/DejaVuSansMono.ttf");
/// Glyphs that are kept; a text of more different characters just takes longer.
const KEPT: usize = 512;

/// Draws text of one size and colour.
pub struct TextBox {
    font: FontRef<'static>,
    scale: PxScale,
    color: Color,
    background: Color,
    glyphs: HashMap<char, Glyph>,
}

/// How much of each pixel a character covers, 0 to 1.
#[derive(Clone, Default)]
struct Glyph {
    left: i32,
    top: i32,
    width: usize,
    coverage: Vec<f32>,
}

impl TextBox {
    /// Lines `size` pixels high.
    ///
    /// # Errors
    /// The embedded font is damaged.
    pub fn new(size: u32, color: Color, background: Color) -> Result<Self, String> {
        Ok(Self {
            font: FontRef::try_from_slice(FONT).map_err(|error| error.to_string())?,
            scale: PxScale::from(size as f32),
            color,
            background,
            glyphs: HashMap::new(),
        })
    }

    /// The box with `text`, cut to at most `limit` (width, height) pixels. No text has no box.
    pub fn render(&mut self, text: &str, limit: (u32, u32)) -> Option<RgbaImage> {
        if text.trim().is_empty() {
            return None;
        }
        let scaled = self.font.as_scaled(self.scale);
        let advance = scaled.h_advance(scaled.glyph_id('0'));
        let (ascent, line_height) = (scaled.ascent(), scaled.height() + scaled.line_gap());
        let padding = (self.scale.y / 5.0).ceil();

        let lines: Vec<&str> = text.lines().collect();
        let columns = lines.iter().map(|line| line.chars().count()).max();
        let width = columns.unwrap_or(0) as f32 * advance + 2.0 * padding;
        let height = lines.len() as f32 * line_height + padding;
        let size = |length: f32, limit: u32| (length.ceil() as u32).clamp(1, limit.max(1));
        let background = self.background.pixel();
        let mut image =
            RgbaImage::from_pixel(size(width, limit.0), size(height, limit.1), background);

        for (row, line) in lines.iter().enumerate() {
            let baseline = (padding / 2.0 + ascent + row as f32 * line_height).round() as i32;
            for (column, c) in line.chars().enumerate() {
                let x = (padding + column as f32 * advance).round() as i32;
                let color = self.color;
                stamp(&mut image, self.glyph(c), (x, baseline), color);
            }
        }
        Some(image)
    }

    fn glyph(&mut self, c: char) -> &Glyph {
        if self.glyphs.len() >= KEPT && !self.glyphs.contains_key(&c) {
            self.glyphs.clear();
        }
        let (font, scale) = (&self.font, self.scale);
        self.glyphs
            .entry(c)
            .or_insert_with(|| outline(font, scale, c))
    }
}

fn outline(font: &FontRef<'_>, scale: PxScale, c: char) -> Glyph {
    let glyph = font.glyph_id(c).with_scale(scale);
    let Some(outlined) = font.outline_glyph(glyph) else {
        return Glyph::default();
    };
    let bounds = outlined.px_bounds();
    let width = bounds.width().ceil() as usize;
    let mut coverage = vec![0.0; width * bounds.height().ceil() as usize];
    outlined.draw(|x, y, covered| {
        if let Some(pixel) = coverage.get_mut(y as usize * width + x as usize) {
            *pixel = covered.clamp(0.0, 1.0);
        }
    });
    Glyph {
        left: bounds.min.x as i32,
        top: bounds.min.y as i32,
        width,
        coverage,
    }
}

/// Draws a glyph with its origin at `origin`.
fn stamp(image: &mut RgbaImage, glyph: &Glyph, origin: (i32, i32), color: Color) {
    for (index, &covered) in glyph.coverage.iter().enumerate() {
        if covered == 0.0 {
            continue;
        }
        let x = origin.0 + glyph.left + (index % glyph.width) as i32;
        let y = origin.1 + glyph.top + (index / glyph.width) as i32;
        let inside = u32::try_from(x).ok().zip(u32::try_from(y).ok());
        if let Some(pixel) = inside.and_then(|(x, y)| image.get_pixel_mut_checked(x, y)) {
            *pixel = over(color.pixel(), covered, *pixel);
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
