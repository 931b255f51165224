//! Glyphs as pixels: outlines, pictures in the font (PNG), and outlines in colours.

use std::collections::HashMap;

use ab_glyph_rasterizer::{Point, Rasterizer, point};
use mattebox_filter::image::{ImageBuffer, Rgba, RgbaImage};
use rustybuzz::ttf_parser::{self, OutlineBuilder, RasterImageFormat, Rect};

use super::fonts::{Font, Fonts, GlyphId};
use super::layout::em;
use super::paint;

/// The most bytes of glyphs that are kept; a text that has more just takes longer.
const KEPT_BYTES: usize = 16 << 20;
/// The longest side of a glyph, in pixels. Only a damaged font has longer ones.
const LONGEST: f32 = 2048.0;
/// The longest side of a picture in a font, in pixels.
const LONGEST_PICTURE: u32 = 1024;

/// Pixels of one glyph, and where they lie from its origin.
#[derive(Clone, Debug, Default)]
pub struct Glyph {
    pub left: i32,
    pub top: i32,
    pub width: usize,
    pub height: usize,
    pub ink: Ink,
}

/// The ink of a glyph: what is drawn of it.
#[derive(Clone, Debug, Default)]
pub enum Ink {
    /// Nothing.
    #[default]
    None,
    /// How much of each pixel it covers, 0 to 1.
    Coverage(Vec<f32>),
    /// Pixels of its own colours, straight alpha.
    Colors(Vec<Rgba<u8>>),
}

/// Glyphs that were drawn already.
#[derive(Default)]
pub struct Glyphs {
    kept: HashMap<(GlyphId, u32), Glyph>,
    bytes: usize,
}

impl Glyphs {
    /// A glyph in lines of `size` pixels.
    pub fn get(&mut self, fonts: &Fonts, id: GlyphId, size: f32) -> &Glyph {
        let key = (id, size.to_bits());
        if self.bytes > KEPT_BYTES && !self.kept.contains_key(&key) {
            self.kept.clear();
            self.bytes = 0;
        }
        let bytes = &mut self.bytes;
        self.kept.entry(key).or_insert_with(|| {
            let glyph = draw(fonts.at(id.font), id.glyph, em(fonts, size));
            *bytes += glyph.width * glyph.height * size_of::<f32>() + size_of::<Glyph>();
            glyph
        })
    }
}

/// The extent of a glyph from its origin, in pixels; negative where it ends before it.
#[derive(Clone, Copy, Default)]
pub struct Reach {
    pub above: f32,
    pub below: f32,
    pub left: f32,
    pub right: f32,
}

/// The reach of a glyph. It is not drawn for that.
pub fn reach(fonts: &Fonts, id: GlyphId, size: f32) -> Reach {
    let font = fonts.at(id.font);
    let em = em(fonts, size);
    if let Some(image) = font.face.glyph_raster_image(id.glyph, em.ceil() as u16) {
        let scale = em / f32::from(image.pixels_per_em.max(1));
        let (left, bottom) = (f32::from(image.x), f32::from(image.y));
        return Reach {
            above: (bottom + f32::from(image.height)) * scale,
            below: -bottom * scale,
            left: -left * scale,
            right: (left + f32::from(image.width)) * scale,
        };
    }
    let scale = font.scale(em);
    let rect = font.face.glyph_bounding_box(id.glyph);
    rect.map_or(Reach::default(), |rect| Reach {
        above: f32::from(rect.y_max) * scale,
        below: f32::from(rect.y_min) * -scale,
        left: f32::from(rect.x_min) * -scale,
        right: f32::from(rect.x_max) * scale,
    })
}

fn draw(font: &Font, id: ttf_parser::GlyphId, em: f32) -> Glyph {
    let scale = font.scale(em);
    let glyph = picture(font, id, em).or_else(|| paint::draw(font, id, scale));
    glyph
        .or_else(|| outline(font, id, scale))
        .unwrap_or_default()
}

/// The whole pixels that a glyph touches.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub left: f32,
    pub top: f32,
    pub width: usize,
    pub height: usize,
}

impl Bounds {
    /// Those of `rect`, in a font's units, at `scale`. None if it is empty or much too large.
    pub fn new(rect: Rect, scale: f32) -> Option<Self> {
        let (left, right) = (f32::from(rect.x_min) * scale, f32::from(rect.x_max) * scale);
        let (top, bottom) = (
            f32::from(rect.y_max) * -scale,
            f32::from(rect.y_min) * -scale,
        );
        let (left, top) = (left.floor(), top.floor());
        let (width, height) = (right.ceil() - left, bottom.ceil() - top);
        let is_drawn = |side: f32| (1.0..=LONGEST).contains(&side);
        (is_drawn(width) && is_drawn(height)).then_some(Self {
            left,
            top,
            width: width as usize,
            height: height as usize,
        })
    }
}

fn outline(font: &Font, id: ttf_parser::GlyphId, scale: f32) -> Option<Glyph> {
    let mut path = Path::default();
    let rect = font.face.outline_glyph(id, &mut path)?;
    let bounds = Bounds::new(rect, scale)?;
    let map = |p: Point| point(p.x * scale - bounds.left, p.y * -scale - bounds.top);
    Some(Glyph {
        left: bounds.left as i32,
        top: bounds.top as i32,
        width: bounds.width,
        height: bounds.height,
        ink: Ink::Coverage(path.coverage((bounds.width, bounds.height), map)),
    })
}

/// A picture out of the font (tables CBDT and sbix), scaled.
fn picture(font: &Font, id: ttf_parser::GlyphId, em: f32) -> Option<Glyph> {
    let image = font.face.glyph_raster_image(id, em.ceil() as u16)?;
    if image.format != RasterImageFormat::PNG || image.pixels_per_em == 0 {
        return None;
    }
    let pixels = decode(image.data)?;
    let scale = em / f32::from(image.pixels_per_em);
    let side = |length: u32| ((length as f32 * scale).round().clamp(1.0, LONGEST)) as u32;
    let (width, height) = (side(pixels.width()), side(pixels.height()));
    let scaled = paint::scaled(&pixels, width, height);
    let bottom = -f32::from(image.y) * scale;
    Some(Glyph {
        left: (f32::from(image.x) * scale).round() as i32,
        top: (bottom - height as f32).round() as i32,
        width: width as usize,
        height: height as usize,
        ink: Ink::Colors(scaled),
    })
}

fn decode(png: &[u8]) -> Option<RgbaImage> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(
        png::Transformations::normalize_to_color8() | png::Transformations::ALPHA,
    );
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width.max(height) > LONGEST_PICTURE {
        return None;
    }
    let mut bytes = vec![0; reader.output_buffer_size()?];
    let read = reader.next_frame(&mut bytes).ok()?;
    bytes.truncate(read.buffer_size());
    let bytes = match read.color_type {
        png::ColorType::Rgba => bytes,
        png::ColorType::GrayscaleAlpha => bytes
            .chunks_exact(2)
            .flat_map(|p| [p[0], p[0], p[0], p[1]])
            .collect(),
        _ => return None,
    };
    ImageBuffer::from_raw(width, height, bytes)
}

/// An outline in a font's units.
#[derive(Clone, Default)]
pub struct Path {
    curves: Vec<Curve>,
    last: Point,
    start: Option<Point>,
}

#[derive(Clone)]
enum Curve {
    Line(Point, Point),
    Quad(Point, Point, Point),
    Cubic(Point, Point, Point, Point),
}

impl Path {
    /// The part of each pixel of `size` (width, height) that lies in it, 0 to 1; `map` gives the
    /// place of a point in pixels.
    pub fn coverage(
        mut self,
        (width, height): (usize, usize),
        map: impl Fn(Point) -> Point,
    ) -> Vec<f32> {
        self.close();
        let mut rasterizer = Rasterizer::new(width, height);
        for curve in &self.curves {
            match *curve {
                Curve::Line(a, b) => rasterizer.draw_line(map(a), map(b)),
                Curve::Quad(a, b, c) => rasterizer.draw_quad(map(a), map(b), map(c)),
                Curve::Cubic(a, b, c, d) => rasterizer.draw_cubic(map(a), map(b), map(c), map(d)),
            }
        }
        let mut coverage = vec![0.0; width * height];
        rasterizer.for_each_pixel(|index, covered| {
            if let Some(pixel) = coverage.get_mut(index) {
                *pixel = covered.clamp(0.0, 1.0);
            }
        });
        coverage
    }
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.last = point(x, y);
        self.start = Some(self.last);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = point(x, y);
        self.curves.push(Curve::Line(self.last, to));
        self.last = to;
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let to = point(x, y);
        self.curves.push(Curve::Quad(self.last, point(x1, y1), to));
        self.last = to;
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let to = point(x, y);
        let curve = Curve::Cubic(self.last, point(x1, y1), point(x2, y2), to);
        self.curves.push(curve);
        self.last = to;
    }

    fn close(&mut self) {
        if let Some(start) = self.start.take() {
            self.curves.push(Curve::Line(self.last, start));
        }
    }
}
