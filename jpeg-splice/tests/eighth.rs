//! Pictures at an eighth of their size: what averaging the decoded pixels gives.

use jpeg_splice::{Jpeg, Orientation, Splicer};

use crate::support::{BASELINE, decode, jpeg};

/// The average of each 8 × 8 pixels of `channels` bytes.
fn averaged(pixels: &[u8], (width, height): (u32, u32), channels: u32) -> Vec<f64> {
    let mut averages = Vec::new();
    for top in (0..height).step_by(8) {
        for left in (0..width).step_by(8) {
            for channel in 0..channels {
                let rows = top..(top + 8).min(height);
                let places = rows.flat_map(|y| (left..(left + 8).min(width)).map(move |x| (x, y)));
                let values: Vec<u8> = places
                    .map(|(x, y)| pixels[((y * width + x) * channels + channel) as usize])
                    .collect();
                let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
                averages.push(sum / values.len() as f64);
            }
        }
    }
    averages
}

fn luma(rgb: &[f64]) -> Vec<f64> {
    let luma = |rgb: &[f64]| 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    rgb.chunks(3).map(luma).collect()
}

/// The part of `values` that is further than `most` from what is expected.
fn far(values: &[u8], expected: &[f64], most: f64) -> f64 {
    assert_eq!(values.len(), expected.len());
    let pairs = values.iter().zip(expected);
    let far = pairs.filter(|(value, expected)| (f64::from(**value) - **expected).abs() > most);
    far.count() as f64 / values.len() as f64
}

/// Blocks at the right and lower edge are averages of more than the picture shows of them.
#[test]
fn they_are_the_averages_of_the_decoded_pixels() {
    for (name, _) in BASELINE {
        let whole = Jpeg::new(jpeg(name).into()).unwrap();
        let picture = decode(&whole);
        let expected = averaged(&picture.samples, whole.size(), 3);
        let (mut grey, mut rgb) = (Vec::new(), Vec::new());
        let mut splicer = Splicer::new();
        let size = splicer.eighth_luma(&whole, &mut grey).unwrap();
        let (width, height) = whole.size();
        assert_eq!(size, (width.div_ceil(8), height.div_ceil(8)));
        assert_eq!(splicer.eighth_rgb(&whole, &mut rgb).unwrap(), size);
        let wrong = far(&grey, &luma(&expected), 2.0);
        assert!(wrong < 0.08, "{name}: {wrong}");
        let wrong = far(&rgb, &expected, 12.0);
        assert!(wrong < 0.15, "{name}: {wrong} in colours");
    }
}

/// Exif data of nothing but the orientation (EXIF 2.32, 4.6.4).
fn exif(orientation: u8) -> Vec<u8> {
    let entry = [1, 18, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    let tiff = [&b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat();
    [&[0xff, 0xe1, 0, tiff.len() as u8 + 2][..], &tiff].concat()
}

#[test]
fn they_are_turned_as_the_picture_is_shown() {
    let upright = Jpeg::new(jpeg("420.jpg").into()).unwrap();
    let (mut straight, mut turned) = (Vec::new(), Vec::new());
    let mut splicer = Splicer::new();
    let stored = splicer.eighth_luma(&upright, &mut straight).unwrap();
    for value in 1..=8 {
        let orientation = Orientation::new(value.into()).unwrap();
        let exif = exif(value);
        let bytes = [&upright[..2], &exif, &upright[2..]].concat();
        let size = splicer.eighth_luma(&Jpeg::new(bytes.into()).unwrap(), &mut turned);
        assert_eq!(size, Ok(orientation.turned_size(stored)));
        assert_eq!(turned, orientation.show::<1>(&straight, stored));
    }
}

#[test]
fn what_is_no_baseline_picture_is_refused() {
    for name in ["progressive.jpg", "cmyk.jpg", "cut.jpg"] {
        if let Ok(whole) = Jpeg::new(jpeg(name).into()) {
            let refused = Splicer::new().eighth_luma(&whole, &mut Vec::new());
            assert!(refused.is_err(), "{name}");
        }
    }
}
