//! Layers as pixels: what overlays draw by name (boxes, fills, stencils, texts) becomes rectangles
//! of red, green, blue and alpha.

use jpeg_splice::Layer;

use crate::filter::Texts;
use crate::filter::contract::{self, Anchor, BoxLayer, Color, FillLayer, MaskLayer, TextLayer};

/// The rectangles that `layer` is made of, in a picture of `size` (width, height in pixels). It
/// must have passed the filter host's checks.
pub fn pixels(layer: contract::Layer, size: (u32, u32), texts: &Texts) -> Vec<Layer> {
    match layer {
        contract::Layer::Rgba(it) => vec![Layer {
            x: it.x,
            y: it.y,
            width: it.width,
            height: it.height,
            rgba: it.rgba,
        }],
        contract::Layer::Mask(it) => vec![mask(&it)],
        contract::Layer::Fill(it) => vec![fill(&it)],
        contract::Layer::Box(it) => outline(&it),
        contract::Layer::Text(it) => text(&it, size, texts).into_iter().collect(),
    }
}

fn rgba(color: Color) -> [u8; 4] {
    [color.red, color.green, color.blue, color.alpha]
}

fn mask(layer: &MaskLayer) -> Layer {
    let [red, green, blue, alpha] = rgba(layer.color);
    let pixel = |&part: &u8| {
        let part = (u32::from(part) * u32::from(alpha) + 127) / 255;
        [red, green, blue, part as u8]
    };
    Layer {
        x: layer.x,
        y: layer.y,
        width: layer.width,
        height: layer.height,
        rgba: layer.alpha.iter().flat_map(pixel).collect(),
    }
}

fn fill(layer: &FillLayer) -> Layer {
    let pixels = layer.width as usize * layer.height as usize;
    Layer {
        x: layer.x,
        y: layer.y,
        width: layer.width,
        height: layer.height,
        rgba: rgba(layer.color).repeat(pixels),
    }
}

/// The box of a text, moved into the picture.
fn text(layer: &TextLayer, (width, height): (u32, u32), texts: &Texts) -> Option<Layer> {
    let (colors, size) = ([rgba(layer.color), rgba(layer.background)], layer.size);
    let image = texts.render(&layer.text, size, colors, (width, height))?;
    let (right, down) = match layer.anchor {
        Anchor::TopLeft => (0, 0),
        Anchor::TopRight => (image.width, 0),
        Anchor::BottomLeft => (0, image.height),
        Anchor::BottomRight => (image.width, image.height),
        Anchor::Center => (image.width / 2, image.height / 2),
    };
    let inside = |at: i32, before: u32, length: u32, side: u32| {
        let most = side.saturating_sub(length);
        at.saturating_sub_unsigned(before).clamp(0, most as i32)
    };
    Some(Layer {
        x: inside(layer.x, right, image.width, width),
        y: inside(layer.y, down, image.height, height),
        width: image.width,
        height: image.height,
        rgba: image.bytes,
    })
}

/// The four lines of a box; those at the sides lie between the others.
fn outline(layer: &BoxLayer) -> Vec<Layer> {
    let &BoxLayer {
        x,
        y,
        width,
        height,
        thickness,
        color,
    } = layer;
    let part = |right: u32, down: u32, width: u32, height: u32| FillLayer {
        x: x.saturating_add_unsigned(right),
        y: y.saturating_add_unsigned(down),
        width,
        height,
        color,
    };
    if 2 * thickness >= width || 2 * thickness >= height {
        return vec![fill(&part(0, 0, width, height))];
    }
    let inside = height - 2 * thickness;
    let lines = [
        part(0, 0, width, thickness),
        part(0, height - thickness, width, thickness),
        part(0, thickness, thickness, inside),
        part(width - thickness, thickness, thickness, inside),
    ];
    lines.iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Color = Color {
        red: 200,
        green: 10,
        blue: 0,
        alpha: 128,
    };

    /// The layers as text: how many of them cover each pixel.
    fn drawn(layers: &[Layer], (width, height): (i32, i32)) -> String {
        let covers = |layer: &&Layer, x: i32, y: i32| {
            let inside = |at: i32, start: i32, length: u32| {
                at >= start && i64::from(at) < i64::from(start) + i64::from(length)
            };
            inside(x, layer.x, layer.width) && inside(y, layer.y, layer.height)
        };
        let row = |y: i32| -> String {
            let count = |x: i32| layers.iter().filter(|it| covers(it, x, y)).count();
            (0..width).map(|x| count(x).to_string()).collect()
        };
        (0..height).map(row).collect::<Vec<_>>().join(" ")
    }

    fn boxed(x: i32, y: i32, width: u32, height: u32, thickness: u32) -> Vec<Layer> {
        let layer = BoxLayer {
            x,
            y,
            width,
            height,
            thickness,
            color: RED,
        };
        outline(&layer)
    }

    #[test]
    fn a_box_is_its_line_and_covers_no_pixel_twice() {
        assert_eq!(
            drawn(&boxed(1, 0, 4, 4, 1), (6, 4)),
            "011110 010010 010010 011110"
        );
        assert_eq!(
            drawn(&boxed(-1, -1, 4, 4, 1), (4, 4)),
            "0010 0010 1110 0000"
        );
        assert_eq!(drawn(&boxed(0, 0, 3, 4, 2), (4, 4)), "1110 1110 1110 1110");
        for layer in boxed(i32::MAX, i32::MIN, 9, 9, 2) {
            assert_eq!(layer.rgba.len(), (layer.width * layer.height * 4) as usize);
        }
    }

    #[test]
    fn a_stencil_is_as_opaque_as_both_its_parts() {
        let layer = MaskLayer {
            x: 3,
            y: 4,
            width: 3,
            height: 1,
            color: RED,
            alpha: vec![0, 128, 255],
        };
        let layer = mask(&layer);
        assert_eq!((layer.x, layer.y), (3, 4));
        assert_eq!(layer.rgba, [200, 10, 0, 0, 200, 10, 0, 64, 200, 10, 0, 128]);
    }
}
