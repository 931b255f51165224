use super::*;
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb};
use mattebox_filter::testing::add_asset;

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn filter(settings: &str) -> Result<Watermark, String> {
    Watermark::new(serde_json::from_str(settings).map_err(|error| error.to_string())?)
}

fn draw(settings: &str, size: (u32, u32)) -> Vec<Layer> {
    let frame = FrameInfo {
        width: size.0,
        height: size.1,
        ..FrameInfo::default()
    };
    match filter(settings).unwrap().draw(&frame).unwrap() {
        Drawing::Layers(layers) => layers,
        Drawing::Unchanged => panic!("nothing was drawn"),
    }
}

fn red(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_pixel(width, height, Rgba([255, 0, 0, 255]))
}

#[test]
fn every_kind_of_png_is_read() {
    let wide = |value: u8| u16::from(value) * 257;
    let pngs: Vec<(DynamicImage, [u8; 4])> = vec![
        (ImageBuffer::from_pixel(2, 2, Luma([100u8])).into(), [100, 100, 100, 255]),
        (ImageBuffer::from_pixel(2, 2, LumaA([100u8, 50])).into(), [100, 100, 100, 50]),
        (ImageBuffer::from_pixel(2, 2, Rgb([1u8, 2, 3])).into(), [1, 2, 3, 255]),
        (ImageBuffer::from_pixel(2, 2, Rgba([1u8, 2, 3, 4])).into(), [1, 2, 3, 4]),
        (ImageBuffer::from_pixel(2, 2, Luma([wide(9)])).into(), [9, 9, 9, 255]),
        (ImageBuffer::from_pixel(2, 2, LumaA([wide(9), wide(8)])).into(), [9, 9, 9, 8]),
        (ImageBuffer::from_pixel(2, 2, Rgb([wide(1), wide(2), wide(3)])).into(), [1, 2, 3, 255]),
        (ImageBuffer::from_pixel(2, 2, Rgba([wide(1), wide(2), wide(3), wide(4)])).into(), [1, 2, 3, 4]),
    ];
    for (image, expected) in pngs {
        let kind = image.color();
        add_asset("a.png", png(image));
        let layers = draw(r#"{"image":"a.png","position":"top-left","margin":3}"#, (50, 40));
        assert_eq!((layers[0].x, layers[0].y), (3, 3), "{kind:?}");
        assert_eq!(layers[0].image, RgbaImage::from_pixel(2, 2, Rgba(expected)), "{kind:?}");
    }
}

/// Made by ImageMagick: 2×1 pixels, red and half-transparent green, of a palette.
#[test]
fn a_palette_with_transparency_is_read() {
    add_asset("palette.png", include_bytes!("../tests/palette.png"));
    let layers = draw(r#"{"image":"palette.png"}"#, (50, 40));
    let pixels: Vec<_> = layers[0].image.pixels().map(|pixel| pixel.0).collect();
    assert_eq!(pixels, [[255, 0, 0, 255], [0, 255, 0, 128]]);
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
    assert_eq!(layers, [Layer::new(85, 70, expected)]);
}

#[test]
fn scaling_leaves_no_dark_fringe() {
    // White, beside transparent black.
    let image = RgbaImage::from_fn(8, 8, |x, _| {
        if x < 4 { Rgba([255; 4]) } else { Rgba([0; 4]) }
    });
    add_asset("edge.png", png(image));
    let layers = draw(r#"{"image":"edge.png","scale":3.7}"#, (100, 100));
    for pixel in layers[0].image.pixels().filter(|pixel| pixel[3] > 0) {
        assert_eq!(pixel.0[..3], [255; 3]);
    }
}

#[test]
fn only_what_the_picture_has_room_for() {
    add_asset("a.png", png(red(100, 100)));
    let layers = draw(r#"{"image":"a.png","position":"center"}"#, (10, 20));
    assert_eq!(layers, [Layer::new(0, 0, red(10, 20))]);
    let layers = draw(r#"{"image":"a.png","position":"top-left","margin":50}"#, (10, 20));
    assert_eq!(layers, []);
}

#[test]
fn wrong_settings_are_named() {
    add_asset("jpeg.png", *b"\xff\xd8\xff\xe0");
    add_asset("a.png", png(red(100, 100)));
    for (settings, why) in [
        (r#"{"image":"gone.png"}"#, "no such file"),
        (r#"{"image":"jpeg.png"}"#, "jpeg.png is not a PNG"),
        (r#"{"image":"a.png","scale":90}"#, "`scale`"),
        (r#"{}"#, "image"),
    ] {
        let error = filter(settings).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}
