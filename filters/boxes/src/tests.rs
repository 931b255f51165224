use mattebox_filter::testing::set_regions;
use mattebox_filter::{Area, Region};

use super::*;

const NOW_MS: u64 = 1_795_437_296_000;

fn filter(settings: &str) -> Boxes {
    Boxes::new(serde_json::from_str(settings).unwrap()).unwrap()
}

fn frame(after_ms: u64) -> FrameInfo {
    FrameInfo {
        captured_at_ms: NOW_MS + after_ms,
        width: 640,
        height: 480,
        ..FrameInfo::default()
    }
}

fn found(label: &str, score: f32) -> FoundRegion {
    let area = Area {
        x: 100,
        y: 50,
        width: 40,
        height: 80,
    };
    FoundRegion {
        region: Region {
            area,
            label: label.to_owned(),
            score,
            track: Some(7),
        },
        found_by: "detector".to_owned(),
        captured_at_ms: NOW_MS,
    }
}

fn layers(filter: &mut Boxes, after_ms: u64) -> Vec<Layer> {
    match filter.draw(&frame(after_ms)).unwrap() {
        Drawing::LayersUntil(layers, _) => layers,
        other => panic!("{other:?}"),
    }
}

fn outline(layers: &[Layer]) -> &BoxLayer {
    let mut boxes = layers.iter().filter_map(|layer| match layer {
        Layer::Box(it) => Some(it),
        _ => None,
    });
    boxes.next_back().unwrap()
}

fn texts(layers: &[Layer]) -> Vec<&str> {
    let texts = layers.iter().filter_map(|layer| match layer {
        Layer::Text(it) => Some(it.text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn a_region_has_a_box_and_its_label() {
    set_regions(vec![found("person", 0.874)]);
    let layers = layers(
        &mut filter(r#"{"text":"{label} {score} #{track}","margin":10}"#),
        0,
    );
    let outline = outline(&layers);
    assert_eq!((outline.x, outline.y), (90, 40));
    assert_eq!(
        (outline.width, outline.height, outline.thickness),
        (60, 100, 3)
    );
    assert_eq!(texts(&layers), ["person 87 % #7"]);
}

#[test]
fn colours_go_by_labels() {
    set_regions(vec![found("person", 1.0), found("cat", 1.0)]);
    let layers = layers(
        &mut filter(r##"{"colors":{"cat":"#0000ff"},"color":"#00ff00","text":""}"##),
        0,
    );
    let color = |layer: &Layer| match layer {
        Layer::Box(it) => it.color.rgba,
        other => panic!("{other:?}"),
    };
    let colors: Vec<_> = layers.iter().map(color).collect();
    assert_eq!(colors, [[0, 255, 0, 255], [0, 0, 255, 255]]);
}

#[test]
fn only_what_is_asked_for_is_shown() {
    set_regions(vec![
        found("person", 0.9),
        found("cat", 0.2),
        found("dog", 0.9),
    ]);
    let shown = |settings: &str| texts(&layers(&mut filter(settings), 0)).join(" ");
    assert_eq!(shown("{}"), "person cat dog");
    assert_eq!(shown(r#"{"min-score":0.5}"#), "person dog");
    assert_eq!(shown(r#"{"labels":["cat","dog"]}"#), "cat dog");
    assert_eq!(shown(r#"{"found-by":["motion"]}"#), "");
    assert_eq!(shown(r#"{"found-by":["detector"]}"#), "person cat dog");
}

#[test]
fn old_regions_fade_and_go() {
    set_regions(vec![found("person", 1.0)]);
    let mut filter = filter(r#"{"max-age-seconds":2}"#);
    assert_eq!(outline(&layers(&mut filter, 0)).color.rgba[3], 255);
    assert_eq!(filter.draw(&frame(1000)), Ok(Drawing::Unchanged));
    let faded = outline(&layers(&mut filter, 1500)).color.rgba[3];
    assert!((100..200).contains(&faded), "{faded}");
    assert!(layers(&mut filter, 2000).is_empty());
    assert_eq!(filter.draw(&frame(9000)), Ok(Drawing::Unchanged));
}

#[test]
fn it_says_when_colours_fade_next() {
    set_regions(vec![found("person", 1.0)]);
    let mut filter = filter(r#"{"max-age-seconds":2}"#);
    let mut times = vec![0];
    loop {
        let now = frame(*times.last().unwrap());
        let Ok(Drawing::LayersUntil(_, until_ms)) = filter.draw(&now) else {
            panic!("nothing has changed at {times:?}");
        };
        if until_ms == u64::MAX {
            break;
        }
        let after_ms = until_ms - NOW_MS;
        assert_eq!(filter.draw(&frame(after_ms - 1)), Ok(Drawing::Unchanged));
        times.push(after_ms);
    }
    let expected = [0, 1125, 1250, 1375, 1500, 1625, 1750, 1875, 2000];
    assert_eq!(times, expected);
}

#[test]
fn a_fill_covers_all_of_the_region_for_as_long_as_it_is_there() {
    set_regions(vec![found("face", 1.0)]);
    let mut filter = filter(r#"{"fill":"black","thickness":0,"text":""}"#);
    let expected = Layer::from(FillLayer {
        x: 100,
        y: 50,
        width: 40,
        height: 80,
        color: Color::new([0, 0, 0, 255]),
    });
    assert_eq!(layers(&mut filter, 0), [expected]);
    assert_eq!(filter.draw(&frame(1900)), Ok(Drawing::Unchanged));
    assert!(layers(&mut filter, 2000).is_empty());
}

#[test]
fn more_regions_than_can_be_drawn_are_left_out() {
    set_regions(vec![found("bird", 1.0); 256]);
    let layers = layers(&mut filter(r#"{"fill":"black"}"#), 0);
    assert!(
        layers.len() <= 256 && layers.len() > 250,
        "{}",
        layers.len()
    );
}

#[test]
fn a_placeholder_that_stands_for_nothing_is_refused() {
    let config = |text: &str| serde_json::from_value(serde_json::json!({ "text": text })).unwrap();
    let error = Boxes::new(config("{labl} {score}")).err().unwrap();
    assert!(error.contains("no `{labl}`"), "{error}");
    for text in ["", "a } {", "{ \"label\": \"{label}\" }"] {
        assert!(Boxes::new(config(text)).is_ok(), "{text}");
    }
}
