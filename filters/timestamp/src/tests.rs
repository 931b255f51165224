use super::*;
use mattebox_filter::image::RgbaImage;
use mattebox_filter::{RgbaLayer, testing};

/// 2026-11-23 12:34:56.789 UTC.
const NOW_MS: u64 = 1_795_437_296_789;

fn filter(settings: &str) -> Result<Timestamp, String> {
    Timestamp::new(serde_json::from_str(settings).map_err(|error| error.to_string())?)
}

fn frame(captured_at_ms: u64) -> FrameInfo {
    FrameInfo {
        captured_at_ms,
        utc_offset_minutes: 60,
        width: 1280,
        height: 720,
        ..FrameInfo::default()
    }
}

fn text(settings: &str) -> String {
    let filter = filter(settings).unwrap();
    filter.formatter.format(&frame(NOW_MS)).unwrap()
}

fn layer(drawing: Drawing) -> RgbaLayer {
    match drawing {
        Drawing::Layers(mut layers) if layers.len() == 1 => {
            layers.remove(0).into_rgba().expect("pixels")
        }
        other => panic!("{other:?}"),
    }
}

fn draw(settings: &str) -> RgbaLayer {
    layer(filter(settings).unwrap().draw(&frame(NOW_MS)).unwrap())
}

fn count(image: &RgbaImage, rgba: [u8; 4]) -> usize {
    image.pixels().filter(|pixel| pixel.0 == rgba).count()
}

#[test]
fn shows_the_time_in_every_zone() {
    assert_eq!(text("{}"), "2026-11-23 13:34:56");
    assert_eq!(text(r#"{"timezone":"UTC"}"#), "2026-11-23 12:34:56");
    assert_eq!(
        text(r#"{"timezone":"Asia/Kolkata","format":"%H:%M %Z"}"#),
        "18:04 IST"
    );
    assert_eq!(
        text(r#"{"format":"Front door: %A %d %B, %H:%M:%S.%3f"}"#),
        "Front door: Monday 23 November, 13:34:56.789"
    );
}

#[test]
fn draws_again_only_when_the_text_changes() {
    let mut filter = filter("{}").unwrap();
    let second = NOW_MS / 1000 * 1000;
    layer(filter.draw(&frame(second)).unwrap());
    for ms in [1, 500, 999] {
        assert_eq!(filter.draw(&frame(second + ms)), Ok(Drawing::Unchanged));
    }
    layer(filter.draw(&frame(second + 1000)).unwrap());
    let larger = FrameInfo {
        width: 1920,
        ..frame(second + 1000)
    };
    layer(filter.draw(&larger).unwrap());
}

#[test]
fn a_format_of_minutes_is_drawn_once_a_minute_and_one_of_milliseconds_each_time() {
    let mut minutes = filter(r#"{"format":"%H:%M"}"#).unwrap();
    layer(minutes.draw(&frame(60_000)).unwrap());
    assert_eq!(minutes.draw(&frame(90_000)), Ok(Drawing::Unchanged));
    layer(minutes.draw(&frame(120_000)).unwrap());
    let mut milliseconds = filter(r#"{"format":"%S.%3f"}"#).unwrap();
    layer(milliseconds.draw(&frame(1)).unwrap());
    layer(milliseconds.draw(&frame(2)).unwrap());
}

#[test]
fn there_is_text_on_the_background() {
    let layer = draw(r##"{"color":"#ff0000","background":"#0000ff80"}"##);
    assert!(count(&layer.image, [255, 0, 0, 255]) > 300);
    assert!(count(&layer.image, [0, 0, 255, 128]) > 3000);
    let bare = draw(r#"{"background":"transparent"}"#);
    assert!(count(&bare.image, [0; 4]) > 3000);
    assert!(count(&bare.image, [255; 4]) > 300);
}

#[test]
fn size_position_and_margin_are_kept() {
    let (small, large) = (draw(r#"{"size":20}"#), draw(r#"{"size":40}"#));
    let ratio = f64::from(large.image.width()) / f64::from(small.image.width());
    assert!((ratio - 2.0).abs() < 0.05, "{ratio}");
    let corner = draw(r#"{"position":"bottom-right","margin":10}"#);
    assert_eq!(corner.x + corner.image.width() as i32, 1270);
    assert_eq!(corner.y + corner.image.height() as i32, 710);
}

#[test]
fn lines_stack_and_the_box_keeps_its_width_as_digits_change() {
    let one = draw(r#"{"format":"11:11:11"}"#).image;
    assert_eq!(
        one.dimensions(),
        draw(r#"{"format":"08:08:08"}"#).image.dimensions()
    );
    let two = draw(r#"{"format":"11:11:11\n08:08:08"}"#).image;
    assert_eq!(two.width(), one.width());
    assert!(two.height() > one.height() * 3 / 2);
}

#[test]
fn no_text_has_no_box() {
    for format in ["", " ", "\\n"] {
        let mut filter = filter(&format!(r#"{{"format":"{format}"}}"#)).unwrap();
        assert_eq!(filter.draw(&frame(NOW_MS)), Ok(Drawing::Layers(vec![])));
    }
}

#[test]
fn the_local_time_follows_a_change_of_the_clocks() {
    let mut filter = filter(r#"{"format":"%H:%M"}"#).unwrap();
    layer(filter.draw(&frame(NOW_MS)).unwrap());
    let summer = FrameInfo {
        utc_offset_minutes: 120,
        ..frame(NOW_MS)
    };
    layer(filter.draw(&summer).unwrap());
    assert_eq!(filter.drawn.unwrap().text, "14:34");
}

#[test]
fn zones_have_their_summer_time() {
    let settings = r#"{"timezone":"Europe/Berlin","format":"%F %T %Z"}"#;
    let filter = filter(settings).unwrap();
    let at = |ms| filter.formatter.format(&frame(ms)).unwrap();
    assert_eq!(at(NOW_MS), "2026-11-23 13:34:56 CET");
    // The night the clocks go forward, 2026-03-29 01:00 UTC, and the second before.
    assert_eq!(at(1_774_745_999_000), "2026-03-29 01:59:59 CET");
    assert_eq!(at(1_774_746_000_000), "2026-03-29 03:00:00 CEST");
}

#[test]
fn the_local_zone_has_its_abbreviation() {
    let filter = filter(r#"{"format":"%H:%M %Z %z"}"#).unwrap();
    for (name, minutes, expected) in [
        ("CET", 60, "13:34 CET +0100"),
        ("IST", 330, "18:04 IST +0530"),
        ("-03", -180, "09:34 -03 -0300"),
        ("UTC", 0, "12:34 UTC +0000"),
        ("no zone's", 60, "13:34 +01 +0100"),
    ] {
        testing::set_variable("time.zone", name);
        let frame = FrameInfo {
            utc_offset_minutes: minutes,
            ..frame(NOW_MS)
        };
        assert_eq!(filter.formatter.format(&frame).unwrap(), expected);
    }
}

#[test]
fn every_position_is_inside_the_margin() {
    for (position, x, y) in [
        ("top-left", 0.0, 0.0),
        ("top", 0.5, 0.0),
        ("top-right", 1.0, 0.0),
        ("left", 0.0, 0.5),
        ("center", 0.5, 0.5),
        ("right", 1.0, 0.5),
        ("bottom-left", 0.0, 1.0),
        ("bottom", 0.5, 1.0),
        ("bottom-right", 1.0, 1.0),
    ] {
        let layer = draw(&format!(r#"{{"position":"{position}","margin":20}}"#));
        let (width, height) = layer.image.dimensions();
        let expected =
            |picture: u32, side: u32, share: f64| 20.0 + f64::from(picture - 40 - side) * share;
        assert!(
            (f64::from(layer.x) - expected(1280, width, x)).abs() <= 1.0,
            "{position}"
        );
        assert!(
            (f64::from(layer.y) - expected(720, height, y)).abs() <= 1.0,
            "{position}"
        );
    }
}

#[test]
fn a_frame_of_no_possible_time_is_an_error() {
    let mut filter = filter("{}").unwrap();
    let error = filter.draw(&frame(u64::MAX)).unwrap_err();
    assert!(error.contains("out of range"), "{error}");
}

#[test]
fn never_larger_than_the_picture() {
    let tiny = FrameInfo {
        width: 10,
        height: 5,
        ..frame(NOW_MS)
    };
    let mut filter = filter(r#"{"size":512}"#).unwrap();
    assert_eq!(
        layer(filter.draw(&tiny).unwrap()).image.dimensions(),
        (10, 5)
    );
}

#[test]
fn wrong_settings_are_named() {
    for (settings, why) in [
        (r#"{"format":"%J"}"#, "`format`"),
        (r#"{"format":"%J"}"#, "directive `J`"),
        (r#"{"format":"100%"}"#, "`format`"),
        (r#"{"format":"%500Y%500Y"}"#, "`format`"),
        (r#"{"timezone":"Mars/Olympus"}"#, "`timezone`"),
        (r#"{"colour":"red"}"#, "colour"),
    ] {
        let error = filter(settings).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}
