use std::io::Cursor;

use super::*;
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, Rgba};
use mattebox_filter::RgbaLayer;
use mattebox_filter::testing::add_asset;

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn filter(settings: &str) -> Result<Watermark, String> {
    Watermark::new(serde_json::from_str(settings).map_err(|error| error.to_string())?)
}

fn layer(x: i32, y: i32, image: RgbaImage) -> RgbaLayer {
    RgbaLayer { x, y, image }
}

fn draw(settings: &str, size: (u32, u32)) -> Vec<RgbaLayer> {
    let frame = FrameInfo {
        width: size.0,
        height: size.1,
        ..FrameInfo::default()
    };
    match filter(settings).unwrap().draw(&frame).unwrap() {
        Drawing::Layers(layers) => layers.into_iter().filter_map(Layer::into_rgba).collect(),
        other => panic!("{other:?}"),
    }
}

fn red(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_pixel(width, height, Rgba([255, 0, 0, 255]))
}

#[test]
fn every_kind_of_png_is_read() {
    let wide = |value: u8| u16::from(value) * 257;
    let pngs: Vec<(DynamicImage, [u8; 4])> = vec![
        (
            ImageBuffer::from_pixel(2, 2, Luma([100u8])).into(),
            [100, 100, 100, 255],
        ),
        (
            ImageBuffer::from_pixel(2, 2, LumaA([100u8, 50])).into(),
            [100, 100, 100, 50],
        ),
        (
            ImageBuffer::from_pixel(2, 2, Rgb([1u8, 2, 3])).into(),
            [1, 2, 3, 255],
        ),
        (
            ImageBuffer::from_pixel(2, 2, Rgba([1u8, 2, 3, 4])).into(),
            [1, 2, 3, 4],
        ),
        (
            ImageBuffer::from_pixel(2, 2, Luma([wide(9)])).into(),
            [9, 9, 9, 255],
        ),
        (
            ImageBuffer::from_pixel(2, 2, LumaA([wide(9), wide(8)])).into(),
            [9, 9, 9, 8],
        ),
        (
            ImageBuffer::from_pixel(2, 2, Rgb([wide(1), wide(2), wide(3)])).into(),
            [1, 2, 3, 255],
        ),
        (
            ImageBuffer::from_pixel(2, 2, Rgba([wide(1), wide(2), wide(3), wide(4)])).into(),
            [1, 2, 3, 4],
        ),
    ];
    for (image, expected) in pngs {
        let kind = image.color();
        add_asset("a.png", png(image));
        let layers = draw(
            r#"{"image":"a.png","position":"top-left","margin":3}"#,
            (50, 40),
        );
        assert_eq!((layers[0].x, layers[0].y), (3, 3), "{kind:?}");
        assert_eq!(
            layers[0].image,
            RgbaImage::from_pixel(2, 2, Rgba(expected)),
            "{kind:?}"
        );
    }
}

/// A PNG of one row, of a kind that `image` doesn't write: `row` as it is before filtering, and the
/// chunks `PLTE` and `tRNS`.
fn row_png(
    (width, color, depth): (u32, png::ColorType, png::BitDepth),
    row: &[u8],
    palette: Option<Vec<u8>>,
    transparency: Option<Vec<u8>>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(width, 1);
    info.color_type = color;
    info.bit_depth = depth;
    info.palette = palette.map(Into::into);
    info.trns = transparency.map(Into::into);
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(row).unwrap();
    writer.finish().unwrap();
    bytes
}

fn pixels_of(png: Vec<u8>) -> Vec<[u8; 4]> {
    add_asset("a.png", png);
    let layers = draw(r#"{"image":"a.png"}"#, (50, 40));
    layers[0].image.pixels().map(|pixel| pixel.0).collect()
}

#[test]
fn palettes_and_colours_of_few_bits_are_read() {
    use png::{BitDepth, ColorType};
    let palette = || Some(vec![255, 0, 0, 0, 255, 0, 0, 0, 255]);
    for (depth, row) in [
        (BitDepth::Two, vec![0b00_01_10_00]),
        (BitDepth::Four, vec![0x01, 0x20]),
        (BitDepth::Eight, vec![0, 1, 2]),
    ] {
        let kind = (3, ColorType::Indexed, depth);
        let opaque = row_png(kind, &row, palette(), None);
        let expected = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]];
        assert_eq!(pixels_of(opaque), expected, "{depth:?}");
        // The third colour has no alpha of its own: it is opaque.
        let clear = row_png(kind, &row, palette(), Some(vec![0, 128]));
        let expected = [[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]];
        assert_eq!(pixels_of(clear), expected, "{depth:?}");
    }
    let kind = (3, ColorType::Grayscale, BitDepth::One);
    let bits = row_png(kind, &[0b0100_0000], None, None);
    assert_eq!(pixels_of(bits), [[0, 0, 0, 255], [255; 4], [0, 0, 0, 255]]);
    // The transparency of a grey image names one of its greys.
    let kind = (2, ColorType::Grayscale, BitDepth::Eight);
    let keyed = row_png(kind, &[7, 9], None, Some(vec![0, 7]));
    assert_eq!(pixels_of(keyed), [[7, 7, 7, 0], [9, 9, 9, 255]]);
}

/// 5×3 pixels, interlaced; red is 40 × x, green 80 × y, blue 7, alpha 255 - 10 × x.
#[test]
fn an_interlaced_image_is_read() {
    let interlaced = include_bytes!("../tests/interlaced.png");
    assert_eq!(interlaced[28], 1, "the fixture's interlace method is Adam7");
    let expected: Vec<[u8; 4]> = (0..3)
        .flat_map(|y| (0..5).map(move |x| [40 * x, 80 * y, 7, 255 - 10 * x]))
        .collect();
    assert_eq!(pixels_of(interlaced.to_vec()), expected);
}

#[test]
fn drawn_once_for_each_size() {
    add_asset("a.png", png(red(4, 4)));
    let mut filter = filter(r#"{"image":"a.png"}"#).unwrap();
    let frame = |width| FrameInfo {
        width,
        height: 40,
        ..FrameInfo::default()
    };
    assert!(matches!(filter.draw(&frame(50)), Ok(Drawing::Layers(_))));
    assert_eq!(filter.draw(&frame(50)), Ok(Drawing::Unchanged));
    assert!(matches!(filter.draw(&frame(60)), Ok(Drawing::Layers(_))));
}

#[test]
fn opacity_fades_and_scale_scales() {
    add_asset("a.png", png(red(10, 20)));
    let settings = r#"{"image":"a.png","opacity":0.5,"scale":1.5,"margin":0}"#;
    let layers = draw(settings, (100, 100));
    let expected = RgbaImage::from_pixel(15, 30, Rgba([255, 0, 0, 128]));
    assert_eq!(layers, [layer(85, 70, expected)]);
}

#[test]
fn scaling_leaves_no_dark_fringe() {
    // White, beside transparent black.
    let image = RgbaImage::from_fn(
        8,
        8,
        |x, _| {
            if x < 4 { Rgba([255; 4]) } else { Rgba([0; 4]) }
        },
    );
    add_asset("edge.png", png(image));
    let layers = draw(r#"{"image":"edge.png","scale":3.7}"#, (100, 100));
    for pixel in layers[0].image.pixels().filter(|pixel| pixel[3] > 0) {
        assert_eq!(pixel.0[..3], [255; 3]);
    }
}

#[test]
fn scaling_keeps_colours_and_the_middle() {
    // Opaque green in the middle third, half-transparent blue around.
    let image = RgbaImage::from_fn(30, 30, |x, _| {
        if x / 10 == 1 {
            Rgba([0, 255, 0, 255])
        } else {
            Rgba([0, 0, 255, 128])
        }
    });
    add_asset("a.png", png(image));
    for (scale, side) in [("0.5", 15), ("2", 60), ("0.01", 1)] {
        let layers = draw(
            &format!(r#"{{"image":"a.png","scale":{scale}}}"#),
            (100, 100),
        );
        assert_eq!(layers[0].image.dimensions(), (side, side), "{scale}");
        if side > 1 {
            assert_eq!(
                layers[0].image.get_pixel(side / 2, side / 2).0,
                [0, 255, 0, 255]
            );
            assert_eq!(layers[0].image.get_pixel(1, 1).0, [0, 0, 255, 128]);
        }
    }
}

#[test]
fn nine_positions() {
    add_asset("a.png", png(red(20, 10)));
    for (position, place) in [
        ("top-left", (5, 5)),
        ("top", (40, 5)),
        ("top-right", (75, 5)),
        ("left", (5, 20)),
        ("center", (40, 20)),
        ("right", (75, 20)),
        ("bottom-left", (5, 35)),
        ("bottom", (40, 35)),
        ("bottom-right", (75, 35)),
    ] {
        let settings = format!(r#"{{"image":"a.png","margin":5,"position":"{position}"}}"#);
        let layers = draw(&settings, (100, 50));
        assert_eq!((layers[0].x, layers[0].y), place, "{position}");
    }
}

#[test]
fn only_what_the_picture_has_room_for() {
    add_asset("a.png", png(red(100, 100)));
    let layers = draw(r#"{"image":"a.png","position":"center"}"#, (10, 20));
    assert_eq!(layers, [layer(0, 0, red(10, 20))]);
    let layers = draw(
        r#"{"image":"a.png","position":"top-left","margin":50}"#,
        (10, 20),
    );
    assert_eq!(layers, []);
}

#[test]
fn wrong_settings_are_named() {
    add_asset("logo.jpg", *b"\xff\xd8\xff\xe0");
    add_asset("empty.png", *b"");
    let good = png(red(100, 100));
    add_asset("half.png", &good[..good.len() / 2]);
    add_asset("a.png", good);
    add_asset(
        "wide.png",
        png(ImageBuffer::from_pixel(8193, 1, Luma([1u8]))),
    );
    add_asset(
        "large.png",
        png(ImageBuffer::from_pixel(4000, 3000, Luma([1u8]))),
    );
    for (settings, why) in [
        (r#"{"image":"gone.png"}"#, "no such file"),
        (r#"{"image":"logo.jpg"}"#, "logo.jpg is not a PNG"),
        (r#"{"image":"empty.png"}"#, "empty.png is not a PNG"),
        (
            r#"{"image":"half.png"}"#,
            "half.png is a PNG that can't be read",
        ),
        (r#"{"image":"wide.png"}"#, "wide.png is 8193×1 pixels large"),
        (
            r#"{"image":"large.png"}"#,
            "large.png is 4000×3000 pixels large",
        ),
        (r#"{"image":"a.png","scale":90}"#, "`scale`"),
        (r#"{}"#, "image"),
    ] {
        let error = filter(settings).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}
