//! Limits on the layers of overlays, which draw without seeing the picture.

use super::check_pixels;
use crate::filter::contract::Layer;
use crate::filter::failure::FilterFault;
use crate::filter::limits::LAYERS;

/// A drawing may cover this many times the picture's area, or [`SMALL_DRAWING`] if that is more.
const COVERAGE: u64 = 4;
/// The pixels that a drawing may always have, however small the picture is.
const SMALL_DRAWING: u64 = 1 << 20;

/// Checks a drawing for a picture of `width` × `height`.
///
/// # Errors
/// There are too many layers, or one is wrong.
pub fn check(layers: &[Layer], width: u32, height: u32) -> Result<(), FilterFault> {
    if layers.len() > LAYERS {
        return Err(FilterFault::Layers(layers.len()));
    }
    let mut area = 0;
    for (index, layer) in layers.iter().enumerate() {
        check_pixels(layer.width, layer.height, 4, layer.rgba.len())
            .map_err(|wrong| FilterFault::Layer(index, wrong))?;
        area += u64::from(layer.width) * u64::from(layer.height);
    }
    let most = most_drawn(width, height);
    match area <= most {
        true => Ok(()),
        false => Err(FilterFault::Area {
            area,
            width,
            height,
            most,
        }),
    }
}

/// The most pixels that the layers on a picture of `width` × `height` may have in all.
pub fn most_drawn(width: u32, height: u32) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    pixels.saturating_mul(COVERAGE).max(SMALL_DRAWING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(width: u32, height: u32, bytes: usize) -> Layer {
        Layer {
            x: 0,
            y: 0,
            width,
            height,
            rgba: vec![0; bytes],
        }
    }

    #[test]
    fn wrong_layers_are_named() {
        let good = || layer(2, 2, 16);
        assert_eq!(check(&[good(), good()], 10, 10), Ok(()));
        for (bad, why) in [
            (layer(2, 2, 15), "needs 16 bytes, it has 15"),
            (layer(0, 2, 0), "its size is 0×2"),
            (layer(u32::MAX, 2, 0), "each side must be"),
            (layer(16_384, 16_384, 0), "is more than"),
        ] {
            let error = check(&[good(), bad], 10, 10).unwrap_err().to_string();
            assert!(error.contains("layer 1") && error.contains(why), "{error}");
        }
        let many = vec![good(); LAYERS + 1];
        let refused = |layers: &[Layer]| check(layers, 10, 10).unwrap_err().to_string();
        assert!(refused(&many).contains("more than 256"));
        let large = [layer(1024, 1024, 4 << 20), good()];
        assert!(refused(&large).contains("in all"));
        assert_eq!(check(&large, 1024, 1024), Ok(()));
    }
}
