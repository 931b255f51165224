use mattebox_filter::testing;

use super::*;

fn filter(format: &str) -> Result<Text, String> {
    let config = serde_json::json!({ "format": format });
    Text::new(serde_json::from_value(config).map_err(|error| error.to_string())?)
}

/// A frame at which there are these variables.
fn frame(variables: &[(&str, &str)]) -> FrameInfo {
    for (name, text) in variables {
        testing::set_variable(name, text);
    }
    FrameInfo {
        width: 1280,
        height: 720,
        ..FrameInfo::default()
    }
}

fn text(format: &str, variables: &[(&str, &str)]) -> String {
    let mut filter = filter(format).unwrap();
    filter.draw(&frame(variables)).unwrap();
    filter.drawn.unwrap().text
}

#[test]
fn variables_stand_in_the_text() {
    let variables = [("nozzle", "215"), ("gpio.door", "open")];
    assert_eq!(text("Nozzle {nozzle} °C", &variables), "Nozzle 215 °C");
    assert_eq!(text("{gpio.door}{ nozzle }", &variables), "open215");
    assert_eq!(text("Bed {bed} °C", &variables), "Bed – °C");
    assert_eq!(text("{{nozzle}} {{}}", &variables), "{nozzle} {}");
    assert_eq!(text("100 %", &[]), "100 %");
}

#[test]
fn draws_again_only_when_the_text_changes() {
    let mut filter = filter("Door: {door}").unwrap();
    let drawing = filter.draw(&frame(&[("door", "open")])).unwrap();
    let Drawing::Layers(mut layers) = drawing else {
        panic!("nothing drawn");
    };
    let layer = layers.remove(0).into_rgba().unwrap();
    // In the lower left corner.
    assert_eq!(layer.x, 16);
    assert_eq!(layer.y + layer.image.height() as i32, 704);
    let same = frame(&[("other", "1"), ("door", "open")]);
    assert_eq!(filter.draw(&same), Ok(Drawing::Unchanged));
    let other = filter.draw(&frame(&[("door", "closed")]));
    assert!(matches!(other, Ok(Drawing::Layers(_))));
}

#[test]
fn a_long_value_is_cut() {
    let long = "x".repeat(100_000);
    assert_eq!(text("{v}", &[("v", &long)]).len(), 500);
}

#[test]
fn wrong_settings_are_named() {
    for format in ["{", "a}b", "{a", "{}", "{a{b}}", "{ }"] {
        let error = filter(format).err().unwrap();
        assert!(error.contains("`format`"), "{format}: {error}");
    }
    let missing = serde_json::from_str::<Config>("{}").err().unwrap();
    assert!(missing.to_string().contains("format"));
}
