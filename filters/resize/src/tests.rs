use super::*;
use mattebox_filter::image::Rgb;

fn filter(settings: &str) -> Result<Resize, String> {
    Resize::new(serde_json::from_str(settings).map_err(|error| error.to_string())?)
}

/// Left half black, right half white.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 {
            Rgb([0; 3])
        } else {
            Rgb([255; 3])
        }
    })
}

fn apply(settings: &str, picture: RgbImage) -> RgbImage {
    filter(settings)
        .unwrap()
        .apply(&FrameInfo::default(), picture)
        .unwrap()
}

fn size(settings: &str, from: (u32, u32)) -> (u32, u32) {
    apply(settings, halves(from.0, from.1)).dimensions()
}

#[test]
fn sizes_of_every_fit() {
    for (settings, from, to) in [
        (r#"{"width":640}"#, (1920, 1080), (640, 360)),
        (r#"{"height":360}"#, (1920, 1080), (640, 360)),
        (r#"{"width":3}"#, (5, 7), (3, 4)),
        (r#"{"width":1}"#, (1000, 1), (1, 1)),
        (r#"{"width":64,"height":64}"#, (1920, 1080), (64, 36)),
        (r#"{"width":64,"height":64}"#, (1080, 1920), (36, 64)),
        (
            r#"{"width":64,"height":64,"fit":"cover"}"#,
            (1920, 1080),
            (64, 64),
        ),
        (
            r#"{"width":64,"height":10,"fit":"stretch"}"#,
            (20, 20),
            (64, 10),
        ),
        (
            r#"{"width":33,"height":17,"fit":"contain"}"#,
            (1, 1),
            (17, 17),
        ),
    ] {
        assert_eq!(size(settings, from), to, "{settings} {from:?}");
    }
}

#[test]
fn every_pair_of_odd_sizes_works() {
    let sizes = [1, 2, 3, 7, 16, 33];
    for method in ["nearest", "bilinear", "lanczos3"] {
        for fit in ["contain", "cover", "stretch"] {
            let settings = format!(r#"{{"width":5,"height":9,"method":"{method}","fit":"{fit}"}}"#);
            for from in sizes.iter().flat_map(|&w| sizes.map(|h| (w, h))) {
                let picture = RgbImage::from_pixel(from.0, from.1, Rgb([10, 200, 30]));
                let scaled = apply(&settings, picture);
                assert!(
                    scaled.pixels().all(|pixel| pixel.0 == [10, 200, 30]),
                    "{settings} {from:?}"
                );
            }
        }
    }
}

#[test]
fn what_would_get_too_large_is_refused() {
    for (settings, from, why) in [
        (r#"{"width":1000}"#, (1, 100), "1000×100000"),
        (
            r#"{"width":16384,"height":16384,"fit":"stretch"}"#,
            (4, 3),
            "16384×16384",
        ),
    ] {
        let mut filter = filter(settings).unwrap();
        let picture = halves(from.0, from.1);
        let error = filter.apply(&FrameInfo::default(), picture).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_row_of_pixels_stays_in_its_place() {
    // Twice as wide with the nearest pixel: each pixel twice.
    let picture = RgbImage::from_fn(4, 1, |x, _| Rgb([x as u8 * 60; 3]));
    let scaled = apply(
        r#"{"width":8,"height":1,"fit":"stretch","method":"nearest"}"#,
        picture,
    );
    let row: Vec<u8> = scaled.pixels().map(|pixel| pixel[0]).collect();
    assert_eq!(row, [0, 0, 60, 60, 120, 120, 180, 180]);
}

#[test]
fn every_method_keeps_the_picture() {
    for method in ["nearest", "bilinear", "lanczos3"] {
        let settings = format!(r#"{{"width":50,"method":"{method}"}}"#);
        let scaled = apply(&settings, halves(201, 99));
        for y in 0..scaled.height() {
            assert_eq!(scaled.get_pixel(5, y).0, [0; 3], "{method}");
            assert_eq!(scaled.get_pixel(44, y).0, [255; 3], "{method}");
        }
    }
}

#[test]
fn cover_cuts_the_sides_and_stretch_does_not() {
    // A white stripe at the left edge.
    let picture = RgbImage::from_fn(90, 30, |x, _| Rgb([if x < 10 { 255 } else { 0 }; 3]));
    let settings = |fit| format!(r#"{{"width":30,"height":30,"fit":"{fit}","method":"nearest"}}"#);
    let white = |image: RgbImage| image.pixels().filter(|pixel| pixel.0 == [255; 3]).count();
    assert_eq!(white(apply(&settings("cover"), picture.clone())), 0);
    assert!(white(apply(&settings("stretch"), picture)) >= 90);
    // What is kept is the middle: a stripe there survives whole.
    let picture = RgbImage::from_fn(90, 30, |x, _| Rgb([if x / 10 == 4 { 255 } else { 0 }; 3]));
    let covered = apply(&settings("cover"), picture);
    let row: Vec<bool> = (0..30)
        .map(|x| covered.get_pixel(x, 15).0 == [255; 3])
        .collect();
    assert_eq!(row.iter().position(|&white| white), Some(10));
    assert_eq!(row.iter().filter(|&&white| white).count(), 10);
}

#[test]
fn the_same_size_is_the_same_picture() {
    let picture = halves(64, 48);
    assert_eq!(
        apply(r#"{"width":64,"height":48}"#, picture.clone()),
        picture
    );
}

#[test]
fn wrong_settings_are_named() {
    for (settings, why) in [
        ("{}", "`width` or `height`"),
        (r#"{"width":-1}"#, "-1"),
        (r#"{"width":10,"fit":"fill"}"#, "fill"),
    ] {
        let error = filter(settings).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}
