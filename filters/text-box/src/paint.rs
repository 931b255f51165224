//! Glyphs in colours (tables COLR and CPAL), and pictures made smaller.
//!
//! A gradient is drawn in the mean of its colours, and layers are laid over each other whatever
//! their mode is: at the size of a line of text that is close enough.

use ab_glyph_rasterizer::{Point, point};
use mattebox_filter::image::{Rgba, RgbaImage};
use rustybuzz::ttf_parser::colr::{ClipBox, CompositeMode, Paint, Painter};
use rustybuzz::ttf_parser::{self, Rect, RgbaColor, Transform};

use super::fonts::Font;
use super::glyph::{Bounds, Glyph, Ink, Path};
use super::over;

/// The most outlines that one glyph is painted with. Only a hostile font has more.
const MOST: usize = 1000;

/// A glyph in its font's colours; none if the font has no colours for it.
pub fn draw(font: &Font, id: ttf_parser::GlyphId, scale: f32) -> Option<Glyph> {
    let face = &font.face;
    if !face.is_color_glyph(id) {
        return None;
    }
    let em = i16::try_from(face.units_per_em()).unwrap_or(i16::MAX);
    let width = face.glyph_hor_advance(id).unwrap_or_default();
    // Wide enough for what hangs over.
    let rect = Rect {
        x_min: -em / 4,
        x_max: i16::try_from(width)
            .unwrap_or(i16::MAX)
            .saturating_add(em / 4),
        y_min: face.descender().min(-em / 4),
        y_max: face.ascender().max(em),
    };
    let bounds = Bounds::new(rect, scale)?;
    let mut canvas = Canvas {
        font,
        scale,
        bounds,
        pixels: vec![Rgba([0; 4]); bounds.width * bounds.height],
        path: Path::default(),
        transforms: vec![Transform::default()],
        clips: Vec::new(),
        painted: 0,
    };
    face.paint_color_glyph(id, 0, RgbaColor::new(255, 255, 255, 255), &mut canvas)?;
    Some(Glyph {
        left: bounds.left as i32,
        top: bounds.top as i32,
        width: bounds.width,
        height: bounds.height,
        ink: Ink::Colors(canvas.pixels),
    })
}

struct Canvas<'f> {
    font: &'f Font,
    scale: f32,
    bounds: Bounds,
    pixels: Vec<Rgba<u8>>,
    path: Path,
    transforms: Vec<Transform>,
    clips: Vec<Vec<f32>>,
    painted: usize,
}

impl Canvas<'_> {
    fn coverage(&self) -> Vec<f32> {
        let transform = self.transforms.last().copied().unwrap_or_default();
        let size = (self.bounds.width, self.bounds.height);
        self.path.clone().coverage(size, |p: Point| {
            let Transform { a, b, c, d, e, f } = transform;
            let (x, y) = (a * p.x + c * p.y + e, b * p.x + d * p.y + f);
            point(
                x * self.scale - self.bounds.left,
                y * -self.scale - self.bounds.top,
            )
        })
    }

    fn fill(&mut self, color: RgbaColor, coverage: &[f32]) {
        let color = Rgba([color.red, color.green, color.blue, color.alpha]);
        for (index, pixel) in self.pixels.iter_mut().enumerate() {
            let clip: f32 = self.clips.iter().map(|clip| clip[index]).product();
            let covered = coverage[index] * clip;
            if covered > 0.0 {
                *pixel = over(color, covered, *pixel);
            }
        }
    }
}

impl<'a> Painter<'a> for Canvas<'_> {
    fn outline_glyph(&mut self, id: ttf_parser::GlyphId) {
        self.path = Path::default();
        // A glyph without an outline paints nothing.
        let drawn = self.font.face.outline_glyph(id, &mut self.path);
        if drawn.is_none() {
            self.path = Path::default();
        }
    }

    fn paint(&mut self, paint: Paint<'a>) {
        self.painted += 1;
        if self.painted > MOST {
            return;
        }
        let color = match paint {
            Paint::Solid(color) => Some(color),
            Paint::LinearGradient(gradient) => mean(gradient.stops(0, &[]).map(|stop| stop.color)),
            Paint::RadialGradient(gradient) => mean(gradient.stops(0, &[]).map(|stop| stop.color)),
            Paint::SweepGradient(gradient) => mean(gradient.stops(0, &[]).map(|stop| stop.color)),
        };
        if let Some(color) = color {
            let coverage = self.coverage();
            self.fill(color, &coverage);
        }
    }

    fn push_clip(&mut self) {
        self.clips.push(self.coverage());
    }

    fn push_clip_box(&mut self, _: ClipBox) {
        self.clips.push(vec![1.0; self.pixels.len()]);
    }

    fn pop_clip(&mut self) {
        self.clips.pop();
    }

    fn push_layer(&mut self, _: CompositeMode) {}

    fn pop_layer(&mut self) {}

    fn push_transform(&mut self, transform: Transform) {
        let outer = self.transforms.last().copied().unwrap_or_default();
        self.transforms.push(Transform::combine(outer, transform));
    }

    fn pop_transform(&mut self) {
        self.transforms.pop();
    }
}

fn mean(stops: impl Iterator<Item = RgbaColor>) -> Option<RgbaColor> {
    let (mut sum, mut count) = ([0_u32; 4], 0_u32);
    for color in stops {
        let parts = [color.red, color.green, color.blue, color.alpha];
        for (sum, part) in sum.iter_mut().zip(parts) {
            *sum = sum.saturating_add(part.into());
        }
        count += 1;
    }
    let part = |at: usize| u8::try_from(sum[at] / count.max(1)).unwrap_or(u8::MAX);
    (count > 0).then(|| RgbaColor::new(part(0), part(1), part(2), part(3)))
}

/// `image` in another size: each pixel the mean of those that it stands for, or the nearest one of
/// a smaller image.
pub fn scaled(image: &RgbaImage, width: u32, height: u32) -> Vec<Rgba<u8>> {
    let span = |at: u32, to: u32, from: u32| {
        let edge = |at: u32| u64::from(at) * u64::from(from) / u64::from(to.max(1));
        let start = edge(at);
        (
            start as u32,
            edge(at + 1).max(start + 1).min(from.into()) as u32,
        )
    };
    let mut pixels = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        let (top, bottom) = span(y, height, image.height());
        for x in 0..width {
            let (left, right) = span(x, width, image.width());
            let (mut sum, mut alpha) = ([0_u64; 3], 0_u64);
            for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
                let Rgba([r, g, b, a]) = *image.get_pixel(x, y);
                for (sum, part) in sum.iter_mut().zip([r, g, b]) {
                    *sum += u64::from(part) * u64::from(a);
                }
                alpha += u64::from(a);
            }
            let count = u64::from(right - left) * u64::from(bottom - top);
            let part = |at: usize| (sum[at] / alpha.max(1)) as u8;
            let a = (alpha / count.max(1)) as u8;
            pixels.push(Rgba([part(0), part(1), part(2), a]));
        }
    }
    pixels
}
