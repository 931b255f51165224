//! Limits on the layers of overlays.

use super::{WrongPixels, check_pixels, check_sides};
use crate::filter::contract::{Layer, TextLayer};
use crate::filter::failure::FilterFault;
use crate::filter::limits::{LAYERS, TEXT_CHARS, TEXT_SIZES, THICKNESS};

/// A drawing may cover this many times the picture's area, or [`SMALL_DRAWING`] if that is more.
const COVERAGE: u64 = 4;
/// The pixels that a drawing may always have, however small the picture is.
const SMALL_DRAWING: u64 = 1 << 20;
/// The bytes of a pixel that the server keeps of a drawing, whatever its layers are made of.
const PIXEL_BYTES: u64 = 4;

/// The fault of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongLayer {
    /// Its pixels are wrong.
    #[error(transparent)]
    Pixels(#[from] WrongPixels),
    /// Its line has no width, or a large one.
    #[error("the line is {0} pixels wide, it must be 1 to {THICKNESS}")]
    Thickness(u32),
    /// Its text is empty, or long.
    #[error("the text has {0} characters, it must have 1 to {TEXT_CHARS}")]
    TextLength(usize),
    /// Its text is very small or very large.
    #[error(
        "the text's lines are {0} pixels high, they must be {least} to {most}",
        least = TEXT_SIZES.start(),
        most = TEXT_SIZES.end()
    )]
    TextSize(u32),
}

/// Checks a drawing for a picture of `width` × `height`. Gives the bytes that the server keeps of
/// it.
///
/// # Errors
/// There are too many layers, or one is wrong.
pub fn check(layers: &[Layer], width: u32, height: u32) -> Result<u64, FilterFault> {
    if layers.len() > LAYERS {
        return Err(FilterFault::Layers(layers.len()));
    }
    let mut area = 0;
    for (index, layer) in layers.iter().enumerate() {
        let pixels = pixels(layer).map_err(|wrong| FilterFault::Layer(index, wrong))?;
        area += pixels;
    }
    let most = most_drawn(width, height);
    match area <= most {
        true => Ok(area * PIXEL_BYTES),
        false => Err(FilterFault::Area {
            area,
            width,
            height,
            most,
        }),
    }
}

/// The pixels that a layer draws at most.
fn pixels(layer: &Layer) -> Result<u64, WrongLayer> {
    Ok(match layer {
        Layer::Rgba(it) => check_pixels(it.width, it.height, 4, it.rgba.len())?,
        Layer::Mask(it) => check_pixels(it.width, it.height, 1, it.alpha.len())?,
        Layer::Fill(it) => check_sides(it.width, it.height)?,
        Layer::Box(it) if !(1..=THICKNESS).contains(&it.thickness) => {
            return Err(WrongLayer::Thickness(it.thickness));
        }
        Layer::Box(it) => {
            let inside = |side: u32| u64::from(side.saturating_sub(2 * it.thickness));
            check_sides(it.width, it.height)? - inside(it.width) * inside(it.height)
        }
        Layer::Text(it) => text_pixels(it)?,
    })
}

/// About the pixels of a text: hardly any character is wider than it is high.
fn text_pixels(layer: &TextLayer) -> Result<u64, WrongLayer> {
    let chars = layer.text.chars().count();
    if !(1..=TEXT_CHARS).contains(&chars) {
        return Err(WrongLayer::TextLength(chars));
    }
    if !TEXT_SIZES.contains(&layer.size) {
        return Err(WrongLayer::TextSize(layer.size));
    }
    Ok(chars as u64 * u64::from(layer.size).pow(2))
}

/// The most pixels that the layers on a picture of `width` × `height` may have in all.
pub fn most_drawn(width: u32, height: u32) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    pixels.saturating_mul(COVERAGE).max(SMALL_DRAWING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::contract::{Anchor, BoxLayer, Color, MaskLayer, RgbaLayer};

    fn layer(width: u32, height: u32, bytes: usize) -> Layer {
        Layer::Rgba(RgbaLayer {
            x: 0,
            y: 0,
            width,
            height,
            rgba: vec![0; bytes],
        })
    }

    const RED: Color = Color {
        red: 255,
        green: 0,
        blue: 0,
        alpha: 255,
    };

    fn outline(width: u32, height: u32, thickness: u32) -> Layer {
        Layer::Box(BoxLayer {
            x: 0,
            y: 0,
            width,
            height,
            thickness,
            color: RED,
        })
    }

    fn text(text: &str, size: u32) -> Layer {
        Layer::Text(TextLayer {
            x: 0,
            y: 0,
            anchor: Anchor::TopLeft,
            text: text.to_owned(),
            size,
            color: RED,
            background: RED,
        })
    }

    #[test]
    fn wrong_layers_are_named() {
        let good = || layer(2, 2, 16);
        assert_eq!(check(&[good(), good()], 10, 10), Ok(32));
        let stencil = |bytes| {
            Layer::Mask(MaskLayer {
                x: 0,
                y: 0,
                width: 2,
                height: 2,
                color: RED,
                alpha: vec![0; bytes],
            })
        };
        assert_eq!(check(&[stencil(4)], 10, 10), Ok(16));
        for (bad, why) in [
            (layer(2, 2, 15), "needs 16 bytes, it has 15"),
            (layer(0, 2, 0), "the size is 0×2"),
            (layer(u32::MAX, 2, 0), "each side must be"),
            (layer(16_384, 16_384, 0), "is more than"),
            (stencil(5), "needs 4 bytes, it has 5"),
            (outline(0, 5, 1), "the size is 0×5"),
            (outline(5, 5, 0), "line is 0 pixels wide"),
            (outline(5, 5, 257), "line is 257 pixels wide"),
            (text("", 20), "text has 0 characters"),
            (text(&"x".repeat(1001), 20), "text has 1001 characters"),
            (text("x", 5), "lines are 5 pixels high"),
            (text("x", 513), "lines are 513 pixels high"),
        ] {
            let error = check(&[good(), bad], 10, 10).unwrap_err().to_string();
            assert!(error.contains("layer 1") && error.contains(why), "{error}");
        }
        let many = vec![good(); LAYERS + 1];
        let refused = |layers: &[Layer]| check(layers, 10, 10).unwrap_err().to_string();
        assert!(refused(&many).contains("more than 256"));
        let large = [layer(1024, 1024, 4 << 20), good()];
        assert!(refused(&large).contains("in all"));
        assert!(check(&large, 1024, 1024).is_ok());
    }

    #[test]
    fn of_a_box_only_its_line_counts() {
        let bytes = |layer| check(&[layer], 10, 10).unwrap();
        assert_eq!(bytes(outline(10, 10, 1)), 36 * 4);
        assert_eq!(bytes(outline(3, 3, 2)), 9 * 4);
    }
}
