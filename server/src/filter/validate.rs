//! What a filter hands over is checked before anybody uses it.

use super::contract::{Image, Layer};
use super::limits::{LAYERS, PICTURE_PIXELS, SIDE};

/// A drawing may cover this many times the picture's area, or [`SMALL_DRAWING`] if that is more.
const COVERAGE: u64 = 4;
/// What a drawing may always have, in pixels, however small the picture is.
const SMALL_DRAWING: u64 = 1 << 20;

/// Checks a drawing for a picture of `width` × `height`.
///
/// # Errors
/// A text that names the first layer (counted from 0) that is wrong.
pub fn layers(layers: &[Layer], width: u32, height: u32) -> Result<(), String> {
    if layers.len() > LAYERS {
        return Err(format!(
            "returned {} layers, more than {LAYERS}",
            layers.len()
        ));
    }
    let mut area = 0;
    for (index, layer) in layers.iter().enumerate() {
        buffer(layer.width, layer.height, 4, layer.rgba.len())
            .map_err(|why| format!("returned a wrong layer {index}: {why}"))?;
        area += u64::from(layer.width) * u64::from(layer.height);
    }
    let most = most_drawn(width, height);
    if area > most {
        return Err(format!(
            "returned layers of {area} pixels in all for a picture of {width}×{height}, more than {most}"
        ));
    }
    Ok(())
}

/// The most pixels that the layers on a picture of `width` × `height` may have in all.
pub fn most_drawn(width: u32, height: u32) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    pixels.saturating_mul(COVERAGE).max(SMALL_DRAWING)
}

/// Checks a picture.
///
/// # Errors
/// A text that says what is wrong.
pub fn image(image: &Image) -> Result<(), String> {
    buffer(image.width, image.height, 3, image.rgb.len())
        .map_err(|why| format!("returned a wrong picture: {why}"))
}

fn buffer(width: u32, height: u32, channels: u64, bytes: usize) -> Result<(), String> {
    if !(1..=SIDE).contains(&width) || !(1..=SIDE).contains(&height) {
        return Err(format!(
            "its size is {width}×{height}, each side must be 1 to {SIDE} pixels"
        ));
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PICTURE_PIXELS {
        return Err(format!(
            "{width}×{height} is more than {PICTURE_PIXELS} pixels"
        ));
    }
    let expected = pixels * channels;
    if bytes as u64 != expected {
        return Err(format!(
            "{width}×{height}×{channels} needs {expected} bytes, it has {bytes}"
        ));
    }
    Ok(())
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
        assert_eq!(layers(&[good(), good()], 10, 10), Ok(()));
        for (bad, why) in [
            (layer(2, 2, 15), "needs 16 bytes, it has 15"),
            (layer(0, 2, 0), "its size is 0×2"),
            (layer(u32::MAX, 2, 0), "each side must be"),
            (layer(16_384, 16_384, 0), "is more than"),
        ] {
            let error = layers(&[good(), bad], 10, 10).unwrap_err();
            assert!(error.contains("layer 1") && error.contains(why), "{error}");
        }
        let many = vec![good(); LAYERS + 1];
        assert!(layers(&many, 10, 10).unwrap_err().contains("more than 256"));
        let large = [layer(1024, 1024, 4 << 20), good()];
        assert!(layers(&large, 10, 10).unwrap_err().contains("in all"));
        assert_eq!(layers(&large, 1024, 1024), Ok(()));
    }

    #[test]
    fn wrong_pictures_are_refused() {
        let picture = |width, height, bytes| Image {
            width,
            height,
            rgb: vec![0; bytes],
        };
        assert_eq!(image(&picture(3, 2, 18)), Ok(()));
        assert!(image(&picture(3, 2, 24)).is_err());
        assert!(image(&picture(0, 0, 0)).is_err());
    }
}
