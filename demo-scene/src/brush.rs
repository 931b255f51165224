//! Shapes in one call each, for the scene. Coordinates are pixels; colours are `0xrrggbbaa`.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LinearGradient, Paint, Path, PathBuilder, Pixmap,
    Point, RadialGradient, Rect, Shader, SpreadMode, Stroke, Transform,
};

/// The filling of a shape.
#[derive(Clone, Copy)]
pub enum Fill {
    /// One colour.
    Plain(u32),
    /// From the first colour at a height to the second at another.
    Down(f32, u32, f32, u32),
    /// From the first colour at one x to the second at another.
    Across(f32, u32, f32, u32),
    /// From the colour in the middle (x, y) to nothing at a radius.
    Glow(f32, f32, f32, u32),
}

impl From<u32> for Fill {
    fn from(color: u32) -> Self {
        Self::Plain(color)
    }
}

/// Draws shapes on a picture, moved by (x, y).
pub struct Brush<'a> {
    pub canvas: &'a mut Pixmap,
    pub origin: (f32, f32),
}

impl<'a> Brush<'a> {
    /// Draws where the coordinates say.
    pub fn new(canvas: &'a mut Pixmap) -> Self {
        let origin = (0.0, 0.0);
        Self { canvas, origin }
    }

    /// Moves the origin to (x, y).
    pub fn at(&mut self, x: f32, y: f32) -> &mut Self {
        self.origin = (x, y);
        self
    }

    /// A closed polygon.
    pub fn polygon(&mut self, points: &[(f32, f32)], fill: impl Into<Fill>) {
        let mut path = PathBuilder::new();
        add_points(&mut path, points);
        path.close();
        self.fill(path.finish(), fill.into());
    }

    /// A rectangle: left, top, width, height.
    pub fn rect(&mut self, (x, y, width, height): (f32, f32, f32, f32), fill: impl Into<Fill>) {
        let path = Rect::from_xywh(x, y, width, height).map(PathBuilder::from_rect);
        self.fill(path, fill.into());
    }

    /// A circle.
    pub fn circle(&mut self, x: f32, y: f32, radius: f32, fill: impl Into<Fill>) {
        self.fill(PathBuilder::from_circle(x, y, radius), fill.into());
    }

    /// An ellipse: its middle and its two radii.
    pub fn oval(&mut self, x: f32, y: f32, (rx, ry): (f32, f32), fill: impl Into<Fill>) {
        let bounds = Rect::from_xywh(x - rx, y - ry, rx * 2.0, ry * 2.0);
        self.fill(bounds.and_then(PathBuilder::from_oval), fill.into());
    }

    /// A line through points, with round ends.
    pub fn line(&mut self, points: &[(f32, f32)], width: f32, color: u32) {
        let mut path = PathBuilder::new();
        add_points(&mut path, points);
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            ..Stroke::default()
        };
        if let Some(path) = path.finish() {
            let paint = paint(Fill::Plain(color));
            let place = self.place();
            self.canvas.stroke_path(&path, &paint, &stroke, place, None);
        }
    }

    fn place(&self) -> Transform {
        Transform::from_translate(self.origin.0, self.origin.1)
    }

    /// Shapes without an area aren't there.
    fn fill(&mut self, path: Option<Path>, fill: Fill) {
        if let Some(path) = path {
            let place = self.place();
            self.canvas
                .fill_path(&path, &paint(fill), FillRule::Winding, place, None);
        }
    }
}

fn add_points(path: &mut PathBuilder, points: &[(f32, f32)]) {
    for (index, &(x, y)) in points.iter().enumerate() {
        if index == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
}

fn color(rgba: u32) -> Color {
    let [r, g, b, a] = rgba.to_be_bytes();
    Color::from_rgba8(r, g, b, a)
}

/// Falls steeply at first, so that the edge can't be seen.
fn glow_stops(rgba: u32) -> Vec<GradientStop> {
    let alpha = rgba & 0xff;
    [(0.0, 100), (0.25, 56), (0.5, 25), (0.75, 6), (1.0, 0)]
        .map(|(at, percent)| {
            let faded = (rgba & 0xffff_ff00) | (alpha * percent / 100);
            GradientStop::new(at, color(faded))
        })
        .into()
}

fn paint(fill: Fill) -> Paint<'static> {
    let stops = |from, to| {
        vec![
            GradientStop::new(0.0, color(from)),
            GradientStop::new(1.0, color(to)),
        ]
    };
    let line = |from: Point, to: Point, stops| {
        LinearGradient::new(from, to, stops, SpreadMode::Pad, Transform::identity())
    };
    let (shader, plain) = match fill {
        Fill::Plain(rgba) => (None, rgba),
        Fill::Down(y0, from, y1, to) => (
            line(
                Point::from_xy(0.0, y0),
                Point::from_xy(0.0, y1),
                stops(from, to),
            ),
            from,
        ),
        Fill::Across(x0, from, x1, to) => (
            line(
                Point::from_xy(x0, 0.0),
                Point::from_xy(x1, 0.0),
                stops(from, to),
            ),
            from,
        ),
        Fill::Glow(x, y, radius, rgba) => (
            RadialGradient::new(
                Point::from_xy(x, y),
                0.0,
                Point::from_xy(x, y),
                radius,
                glow_stops(rgba),
                SpreadMode::Pad,
                Transform::identity(),
            ),
            rgba,
        ),
    };
    Paint {
        shader: shader.unwrap_or(Shader::SolidColor(color(plain))),
        anti_alias: true,
        ..Paint::default()
    }
}
