//! An overlay's layers, and how they are drawn on pixels.

use std::sync::Mutex;

use jpeg_splice::{Header, Layer, Orientation};

use crate::sync::IgnorePoison;

/// The latest drawing of an overlay.
#[derive(Debug)]
pub struct Drawing {
    layers: jpeg_splice::Drawing,
    is_grey: bool,
    /// The same for a picture that is stored turned, kept while the camera's pictures are.
    turned: Mutex<Option<Turned>>,
}

#[derive(Debug)]
struct Turned {
    orientation: Orientation,
    /// The picture's size.
    stored: (u32, u32),
    layers: jpeg_splice::Drawing,
}

impl Default for Drawing {
    /// Nothing.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Drawing {
    /// Keeps the layers that have anything to show, once they are pixels. Each must have as many as
    /// it says.
    pub fn new(mut layers: Vec<Layer>) -> Self {
        layers.retain(|layer| {
            let mut alphas = layer.rgba.iter().skip(3).step_by(4);
            alphas.any(|&alpha| alpha > 0)
        });
        Self {
            is_grey: layers.iter().all(is_grey),
            layers: jpeg_splice::Drawing::new(layers)
                .expect("the filter host has checked the layers' sizes"),
            turned: Mutex::default(),
        }
    }

    /// The same, to be drawn on a JPEG with this header as it is stored. It is the same drawing
    /// from frame to frame.
    pub fn on_jpeg(&self, header: &Header) -> jpeg_splice::Drawing {
        let (orientation, stored) = (header.orientation, (header.width, header.height));
        if orientation.is_upright() {
            return self.layers.clone();
        }
        let mut turned = self.turned.lock().ignore_poison();
        let fits = |it: &&Turned| (it.orientation, it.stored) == (orientation, stored);
        if let Some(kept) = turned.as_ref().filter(fits) {
            return kept.layers.clone();
        }
        let layers = self.layers.layers().iter();
        let layers = layers.map(|layer| turn(layer, orientation, stored));
        let layers =
            jpeg_splice::Drawing::new(layers.collect()).expect("turned layers have as many pixels");
        let new = Turned {
            orientation,
            stored,
            layers: layers.clone(),
        };
        *turned = Some(new);
        layers
    }

    /// Whether it has no colours.
    pub fn is_grey(&self) -> bool {
        self.is_grey
    }

    /// Whether it leaves a picture of `width` × `height` as it is.
    pub fn is_empty_on(&self, width: u32, height: u32) -> bool {
        let visible = |layer: &Layer| Part::of(layer, width, height).is_some();
        !self.layers.layers().iter().any(visible)
    }

    /// Its first layer, if it has some and all of them lie outside of a picture of `width` ×
    /// `height`.
    pub fn outside(&self, width: u32, height: u32) -> Option<&Layer> {
        let first = self.layers.layers().first();
        first.filter(|_| self.is_empty_on(width, height))
    }

    /// Draws the layers over 8-bit RGB of `width` × `height` × 3 bytes, rows from top to bottom.
    pub fn blend_over(&self, rgb: &mut [u8], width: u32, height: u32) {
        for layer in self.layers.layers() {
            if let Some(part) = Part::of(layer, width, height) {
                blend(layer, &part, rgb, width);
            }
        }
    }
}

/// The layer on the stored picture.
fn turn(layer: &Layer, orientation: Orientation, stored: (u32, u32)) -> Layer {
    let corner = (i64::from(layer.x), i64::from(layer.y));
    let shown = (layer.width, layer.height);
    let (x, y) = orientation.stored_corner(
        corner,
        (shown.0.into(), shown.1.into()),
        (stored.0.into(), stored.1.into()),
    );
    let (width, height) = orientation.turned_size(shown);
    // What lies so far outside stays outside.
    let near = |at: i64| at.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    Layer {
        x: near(x),
        y: near(y),
        width,
        height,
        rgba: orientation.store::<4>(&layer.rgba, shown),
    }
}

fn is_grey(layer: &Layer) -> bool {
    let mut pixels = layer.rgba.chunks_exact(4);
    pixels.all(|pixel| pixel[3] == 0 || (pixel[0] == pixel[1] && pixel[1] == pixel[2]))
}

/// The part of a layer that lies inside the picture, in the layer's pixels.
struct Part {
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
}

impl Part {
    fn of(layer: &Layer, width: u32, height: u32) -> Option<Self> {
        let columns = inside(layer.x, layer.width, width);
        let rows = inside(layer.y, layer.height, height);
        (!columns.is_empty() && !rows.is_empty()).then_some(Self { columns, rows })
    }
}

/// Which of the `length` pixels from `start` on lie in 0 to `end`, counted from `start`.
fn inside(start: i32, length: u32, end: u32) -> std::ops::Range<u32> {
    let start = i64::from(start);
    let clip = |position: i64| (position - start).clamp(0, i64::from(length)) as u32;
    clip(0)..clip(i64::from(end))
}

fn blend(layer: &Layer, part: &Part, rgb: &mut [u8], width: u32) {
    let columns = part.columns.start as usize..part.columns.end as usize;
    let left = (i64::from(layer.x) + i64::from(part.columns.start)) as usize;
    for row in part.rows.clone() {
        let y = (i64::from(layer.y) + i64::from(row)) as usize;
        let from = row as usize * layer.width as usize;
        let over = &layer.rgba[(from + columns.start) * 4..(from + columns.end) * 4];
        let to = (y * width as usize + left) * 3;
        let under = &mut rgb[to..to + columns.len() * 3];
        for (under, over) in under.chunks_exact_mut(3).zip(over.chunks_exact(4)) {
            blend_pixel(under, over);
        }
    }
}

/// Source-over with straight alpha (Porter and Duff, "Compositing Digital Images", 1984).
fn blend_pixel(under: &mut [u8], over: &[u8]) {
    let alpha = u32::from(over[3]);
    for (under, &over) in under.iter_mut().zip(over) {
        let sum = u32::from(over) * alpha + u32::from(*under) * (255 - alpha);
        *under = ((sum + 127) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(x: i32, y: i32, width: u32, height: u32, pixel: [u8; 4]) -> Layer {
        Layer {
            x,
            y,
            width,
            height,
            rgba: pixel.repeat((width * height) as usize),
        }
    }

    #[test]
    fn every_alpha_over_every_value_is_right_to_half_a_step() {
        for alpha in 0..=255u8 {
            for under in 0..=255u8 {
                for over in [0, 1, 100, 254, 255] {
                    let mut pixel = [under; 3];
                    blend_pixel(&mut pixel, &[over, over, over, alpha]);
                    let a = f64::from(alpha) / 255.0;
                    let exact = f64::from(over) * a + f64::from(under) * (1.0 - a);
                    assert!((f64::from(pixel[0]) - exact).abs() <= 0.5 + 1e-9);
                }
            }
        }
    }

    /// The picture as text: `#` where it was drawn on.
    fn drawn(layers: Vec<Layer>) -> String {
        let mut rgb = vec![0; 4 * 3 * 3];
        Drawing::new(layers).blend_over(&mut rgb, 4, 3);
        let mark = |pixel: &[u8]| if pixel == [0; 3] { '.' } else { '#' };
        let rows: Vec<String> = rgb
            .chunks(12)
            .map(|row| row.chunks(3).map(mark).collect())
            .collect();
        rows.join("\n")
    }

    #[test]
    fn layers_are_clipped_at_every_edge() {
        const RED: [u8; 4] = [255, 0, 0, 255];
        assert_eq!(drawn(vec![layer(-1, -1, 2, 2, RED)]), "#...\n....\n....");
        assert_eq!(drawn(vec![layer(3, 2, 9, 9, RED)]), "....\n....\n...#");
        assert_eq!(drawn(vec![layer(-5, 1, 20, 1, RED)]), "....\n####\n....");
        for (x, y) in [(4, 0), (0, 3), (-2, 0), (0, -2), (i32::MIN, i32::MAX)] {
            let outside = || layer(x, y, 2, 2, RED);
            assert_eq!(drawn(vec![outside()]), "....\n....\n....");
            assert!(Drawing::new(vec![outside()]).is_empty_on(4, 3));
        }
    }

    /// Of a JPEG that is stored so.
    fn header(orientation: Orientation, (width, height): (u32, u32)) -> Header {
        let grey = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0";
        Header {
            width,
            height,
            orientation,
            ..Header::parse(grey).unwrap()
        }
    }

    #[test]
    fn a_turned_drawing_covers_what_is_shown_under_it() {
        // Each pixel of a layer has a colour of its own, and hangs over each edge once.
        for (x, y) in [(-2, 5), (3, -1), (37, 9), (11, 27), (6, 7)] {
            let pixels = (0..5 * 4u8).flat_map(|at| [at, 100 + at, 200 - at, 255]);
            let layer = Layer {
                x,
                y,
                width: 5,
                height: 4,
                rgba: pixels.collect(),
            };
            let drawing = Drawing::new(vec![layer]);
            let mut shown = vec![0; 40 * 30 * 3];
            drawing.blend_over(&mut shown, 40, 30);
            for orientation in (1..=8).filter_map(Orientation::new) {
                let size = orientation.turned_size((40, 30));
                let layers = drawing
                    .on_jpeg(&header(orientation, size))
                    .layers()
                    .to_vec();
                let mut stored = vec![0; 40 * 30 * 3];
                for layer in &layers {
                    let part = Part::of(layer, size.0, size.1).unwrap();
                    blend(layer, &part, &mut stored, size.0);
                }
                let turned = orientation.show::<3>(&stored, size);
                assert!(turned == shown, "{orientation:?} at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_turned_drawing_is_made_once_for_a_picture() {
        let drawing = Drawing::new(vec![layer(i32::MIN, i32::MAX, 2, 2, [255; 4])]);
        let turned = |value, size| {
            let orientation = Orientation::new(value).unwrap();
            let turned = drawing.on_jpeg(&header(orientation, size));
            turned.layers().as_ptr()
        };
        let first = turned(6, (40, 30));
        assert_eq!(turned(6, (40, 30)), first);
        let second = turned(8, (40, 30));
        assert_eq!(turned(8, (40, 30)), second);
    }

    #[test]
    fn later_layers_lie_on_top_and_transparent_ones_are_nothing() {
        let mut rgb = vec![10, 20, 30];
        let layers = vec![
            layer(0, 0, 1, 1, [255, 255, 255, 255]),
            layer(0, 0, 1, 1, [0, 0, 0, 128]),
        ];
        Drawing::new(layers).blend_over(&mut rgb, 1, 1);
        assert_eq!(rgb, [127; 3]);
        assert!(Drawing::new(vec![layer(0, 0, 9, 9, [255, 255, 255, 0])]).is_empty_on(9, 9));
    }
}
