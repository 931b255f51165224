//! Settings that their filter's schema does not allow.

use serde_json::{Value, json};

use super::super::{SettingsSchema, check_settings};
use super::{fine, step, told};

/// As schemars writes them.
fn watermark() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "image": {"type": "string", "minLength": 1},
            "opacity": {"type": "number", "minimum": 0.0, "maximum": 1.0, "default": 1.0},
            "position": {"$ref": "#/$defs/Position", "default": "bottom-right"},
            "fit": {"anyOf": [{"$ref": "#/$defs/Fit"}, {"type": "null"}]},
            "margin": {"type": ["integer", "null"], "format": "uint32", "minimum": 0},
            "color": {"$ref": "#/$defs/Color"},
            "size": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]},
            "shape": {"$ref": "#/$defs/Shape"},
            "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}, "maxItems": 2}
        },
        "required": ["image"],
        "additionalProperties": false,
        "$defs": {
            "Position": {"oneOf": [
                {"type": "string", "const": "top-left", "description": "Left and up."},
                {"type": "string", "const": "bottom-right"}
            ]},
            "Fit": {"type": "string", "enum": ["contain", "cover"]},
            "Color": {
                "type": "string",
                "pattern": "^(#[0-9a-f]{6}|white)$",
                "examples": ["white", "#ff8800"]
            },
            "Shape": {"oneOf": [
                {
                    "type": "object",
                    "properties": {
                        "kind": {"type": "string", "const": "circle"},
                        "radius": {"type": "integer", "minimum": 0}
                    },
                    "required": ["kind", "radius"]
                },
                {
                    "type": "object",
                    "properties": {"kind": {"type": "string", "const": "box"}},
                    "required": ["kind"]
                }
            ]},
            "Point": {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
                "required": ["x", "y"],
                "additionalProperties": false
            }
        }
    })
}

/// `with` as it may stand in the file, below line 5.
fn check(schema: &Value, with: &str) -> Vec<String> {
    let text = format!("streams:\n  a:\n    filters:\n    - use: wm\n{with}");
    let config = fine(&text);
    let found = check_settings(
        step(&config),
        "watermark",
        &SettingsSchema::new(schema.clone()),
    )
    .unwrap();
    // Sorted as the user sees them.
    told(config.error(found).diagnostics())
}

#[test]
fn right_settings_pass() {
    let with = "      with:
        image: a.png
        opacity: 0.5
        position: top-left
        fit: ~
        margin: 5
        color: '#ff8800'
        size: 5
        shape: {kind: circle, radius: 1}
        points: [{x: 1, y: 2}]
";
    assert_eq!(check(&watermark(), with), [""; 0]);
}

/// Checks what is said of each of these settings beside a right one.
fn check_each(cases: &[(&str, &str)]) {
    for (with, expected) in cases {
        let with = format!("      with:\n        {with}\n        image: a.png\n");
        assert_eq!(check(&watermark(), &with), [*expected], "{with}");
    }
}

#[test]
fn wrong_settings_are_told_in_the_users_words() {
    check_each(&[
        (
            "opacty: 0.6",
            "6:9+6 `opacty` is not a setting of the filter `watermark`; did you mean `opacity`?",
        ),
        (
            "zoom: 2",
            "6:9+4 `zoom` is not a setting of the filter `watermark`; there is `image`, `opacity`, \
             `position`, `fit`, `margin`, `color`, `size`, `shape` and `points`",
        ),
        (
            "opacity: 2",
            "6:18+1 `opacity`: expected a number from 0 to 1, found `2`",
        ),
        (
            "opacity: high",
            "6:18+4 `opacity`: expected a number from 0 to 1, found the text `high`",
        ),
        (
            "opacity: '1'",
            "6:18+3 `opacity`: expected a number from 0 to 1, found the text `1`",
        ),
        (
            "position: botom-right",
            "6:19+11 `position`: expected `top-left` or `bottom-right`, found the text \
             `botom-right`; did you mean `bottom-right`?",
        ),
        (
            "position: middle",
            "6:19+6 `position`: expected `top-left` or `bottom-right`, found the text `middle`",
        ),
        (
            "position: [5]",
            "6:19+1 `position`: expected `top-left` or `bottom-right`, found a list of 1 item",
        ),
        (
            "fit: cvoer",
            "6:14+5 `fit`: expected `contain` or `cover`, found the text `cvoer`; did you mean \
             `cover`?",
        ),
        (
            "fit: 5",
            "6:14+1 `fit`: expected `contain` or `cover`, found `5`",
        ),
    ]);
}

#[test]
fn wrong_numbers_and_colors_are_told_in_the_users_words() {
    check_each(&[
        (
            "margin: 1.5",
            "6:17+3 `margin`: expected a whole number of at least 0, found `1.5`",
        ),
        (
            "margin: -1",
            "6:17+2 `margin`: expected a whole number of at least 0, found `-1`",
        ),
        (
            "color: blu",
            "6:16+3 `color`: expected a text such as `white` or `#ff8800`, found the text `blu`",
        ),
        (
            "color: #ff8800",
            "6:16+7 `color`: expected a text such as `white` or `#ff8800`, found nothing (a `#` \
             after a space starts a comment; put the value in quotes)",
        ),
        (
            "color:",
            "6:14+1 `color`: expected a text such as `white` or `#ff8800`, found nothing",
        ),
        (
            "size: true",
            "6:15+4 `size`: expected a whole number of at least 1 or a text, found `true`",
        ),
        (
            "size: 0",
            "6:15+1 `size`: expected a whole number of at least 1, found `0`",
        ),
    ]);
}

#[test]
fn wrong_settings_within_others_are_told_in_the_users_words() {
    check_each(&[
        (
            "shape: round",
            "6:16+5 `shape`: expected a mapping, found the text `round`",
        ),
        (
            "shape: {}",
            "6:9+5 `shape` of the filter `watermark` needs the setting `kind`",
        ),
        (
            "shape: {kind: cirle}",
            "6:23+5 `kind` of `shape`: expected `circle` or `box`, found the text `cirle`; did you \
             mean `circle`?",
        ),
        (
            "shape: {kind: circle}",
            "6:9+5 `shape` of the filter `watermark` needs the setting `radius`",
        ),
        (
            "shape: {kind: circle, radius: big}",
            "6:39+3 `radius` of `shape`: expected a whole number of at least 0, found the text \
             `big`",
        ),
        (
            "points: 5",
            "6:17+1 `points`: expected a list of at most 2 items, found `5`",
        ),
        (
            "points: [{x: 1, y: 2}, {x: 1, y: a}]",
            "6:42+1 `y` of item 2 of `points`: expected a whole number, found the text `a`",
        ),
        (
            "points: [{x: 1, y: 2, z: 3}]",
            "6:31+1 `z` is not a setting of item 1 of `points` of the filter `watermark`; there is \
             `x` and `y`",
        ),
        (
            "points: [{x: 1, y: 1}, {x: 2, y: 2}, {x: 3, y: 3}]",
            "6:17+1 `points`: expected a list of at most 2 items, found a list of 3 items",
        ),
    ]);
}

#[test]
fn what_is_missing_is_told_at_with_or_use() {
    let needs = "the filter `watermark` needs the setting `image`";
    for (with, place) in [
        ("", "4:12+2"),
        ("      with:\n", "5:7+4"),
        ("      with: {}\n", "5:7+4"),
        ("      with: {margin: 5}\n", "5:7+4"),
    ] {
        assert_eq!(check(&watermark(), with), [format!("{place} {needs}")]);
    }
}

#[test]
fn all_is_told_at_once() {
    let with = "      with: {opacity: 2, fit: x, margn: 1}\n";
    assert_eq!(
        check(&watermark(), with),
        [
            "5:7+4 the filter `watermark` needs the setting `image`",
            "5:23+1 `opacity`: expected a number from 0 to 1, found `2`",
            "5:31+1 `fit`: expected `contain` or `cover`, found the text `x`",
            "5:34+5 `margn` is not a setting of the filter `watermark`; did you mean `margin`?",
        ]
    );
}

/// Checks what is said of these settings by a schema.
fn check_schemas(cases: &[(&Value, &str, &str)]) {
    for (schema, with, expected) in cases {
        let with = format!("      with: {with}\n");
        assert_eq!(check(schema, &with), [*expected], "{schema}");
    }
}

#[test]
fn other_ways_to_write_a_schema() {
    let either = json!({"anyOf": [{"required": ["width"]}, {"required": ["height"]}]});
    let one = json!({"oneOf": [{"required": ["width"]}, {"required": ["height"]}]});
    let parts = json!({
        "allOf": [{"properties": {"one": {}}}, {"$ref": "#/$defs/two"}],
        "unevaluatedProperties": false,
        "$defs": {"two": {"properties": {"two": {}}}},
    });
    let names = json!({"propertyNames": {"pattern": "^x-"}});
    let unsaid = json!({"properties": {"a": {"not": {"type": "string"}}}});
    let slash = json!({"properties": {"a/b~": {"maxLength": 2}}});
    let few = json!({"minProperties": 2});
    check_schemas(&[
        (
            &either,
            "{}",
            "5:7+4 the filter `watermark` needs `width` or `height`",
        ),
        (
            &one,
            "{}",
            "5:7+4 the filter `watermark` needs `width` or `height`",
        ),
        (
            &one,
            "{width: 1, height: 2}",
            "5:7+4 the filter `watermark` takes only one of `width` and `height`",
        ),
        (
            &parts,
            "{tow: 1}",
            "5:14+3 `tow` is not a setting of the filter `watermark`; did you mean `two`?",
        ),
        (
            &names,
            "{x-a: 1, y: 2}",
            "5:22+1 `y` is not a setting of the filter `watermark`",
        ),
        (
            &unsaid,
            "{a: x}",
            "5:17+1 `a`: the filter `watermark` does not take the text `x`",
        ),
        (
            &slash,
            "{a/b~: long}",
            "5:20+4 `a/b~`: expected a text of at most 2 characters, found the text `long`",
        ),
        (
            &few,
            "{a: 1}",
            "5:7+4 `with`: expected a mapping of at least 2 keys, found a mapping of 1 key",
        ),
    ]);
}

#[test]
fn the_alternative_that_nearly_fits_is_told_of() {
    let near = json!({"properties": {"to": {"oneOf": [
        {
            "type": "object",
            "properties": {"url": {"type": "string"}, "user": {"type": "string"}},
            "required": ["url", "user"],
            "additionalProperties": false,
        },
        {
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": false,
        },
    ]}}});
    check_schemas(&[
        (
            &near,
            "{to: {url: x}}",
            "5:14+2 `to` of the filter `watermark` needs the setting `user`",
        ),
        (
            &near,
            "{to: {path: x, user: y}}",
            "5:28+4 `user` is not a setting of `to` of the filter `watermark`; there is `path`",
        ),
        (
            &near,
            "{to: {}}",
            "5:14+2 `to` of the filter `watermark` needs `url` and `user` or `path`",
        ),
    ]);
}

#[test]
fn settings_are_checked_with_their_defaults() {
    let parts = json!({
        "properties": {
            "kind": {"enum": ["round", "square"], "default": "square"},
            "size": {"type": "integer", "minimum": 0, "default": 5},
        },
        "oneOf": [
            {"properties": {"kind": {"const": "round"}, "radius": {"default": 4}}},
            {"properties": {"kind": {"const": "square"}, "side": {"default": 8}}},
        ],
        "allOf": [{"required": ["size"]}],
    });
    assert_eq!(check(&parts, ""), [""; 0]);
    check_schemas(&[(
        &parts,
        "{size: -1}",
        "5:20+2 `size`: expected a whole number of at least 0, found `-1`",
    )]);
}

#[test]
fn whole_numbers_have_64_bits() {
    let whole = json!({"properties": {
        "a": {"type": "integer"},
        "b": {"type": ["integer", "null"], "minimum": 0},
        "c": {"type": "number"},
    }});
    let fine = "{a: -9223372036854775808, b: 18446744073709551615, c: 18446744073709551616}";
    assert_eq!(check(&whole, &format!("      with: {fine}\n")), [""; 0]);
    check_schemas(&[
        (
            &whole,
            "{a: 18446744073709551616}",
            "5:17+20 `a`: expected a whole number that fits into 64 bits, found \
             `18446744073709551616`",
        ),
        (
            &whole,
            "{a: -9223372036854775809}",
            "5:17+20 `a`: expected a whole number that fits into 64 bits, found \
             `-9223372036854775809`",
        ),
        (
            &whole,
            "{b: 1e20}",
            "5:17+4 `b`: expected a whole number of at least 0 that fits into 64 bits, found \
             `1e20`",
        ),
    ]);
}

#[test]
fn formats_are_checked() {
    let formats = json!({"properties": {
        "color": {"type": "string", "format": "color"},
        "from": {"type": "string", "format": "ipv4"},
        "until": {"type": "string", "format": "date-time", "examples": ["2027-01-01T00:00:00Z"]},
        "size": {"type": "string", "format": "shoe-size"},
    }});
    let fine = "{color: orange, from: 10.0.0.1, until: '2027-01-01T00:00:00+01:00', size: 12}";
    let fine = fine.replace("size: 12", "size: '12'");
    assert_eq!(check(&formats, &format!("      with: {fine}\n")), [""; 0]);
    assert_eq!(
        check(
            &formats,
            "      with: {color: rde, from: 10.0.0.300, until: noon}\n"
        ),
        [
            "5:21+3 `color`: expected a colour such as `#ff8000`, found the text `rde`",
            "5:32+10 `from`: expected an IPv4 address such as `192.168.1.20`, found the text \
             `10.0.0.300`",
            "5:51+4 `until`: expected a date and time such as `2027-01-01T00:00:00Z`, found the \
             text `noon`",
        ]
    );
}

/// Checks that each of these schemas is refused, and why.
fn check_wrong_schemas(schemas: &[(Value, &str)]) {
    let config = fine("streams: {a: {filters: [use: x]}}");
    for (schema, why) in schemas {
        let error =
            check_settings(step(&config), "x", &SettingsSchema::new(schema.clone())).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(why), "{schema}: {error}");
    }
}

#[test]
fn a_wrong_schema_is_the_filters_fault() {
    check_wrong_schemas(&[
        (json!(5), "has a settings schema that is none"),
        (
            json!({"type": "strin"}),
            "has a settings schema that is none",
        ),
        (
            json!({"pattern": "("}),
            "has a settings schema that is none",
        ),
        (
            json!({"$ref": "https://example.com/a"}),
            "only references into itself",
        ),
        (
            json!({"$ref": "file:///etc/passwd"}),
            "only references into itself",
        ),
        (
            json!({"properties": {"a": {"$ref": "https://example.com/a"}}}),
            "at `/properties/a/$ref`, it refers to `https://example.com/a`; only references into \
             itself",
        ),
        (
            json!({"properties": {"a": {"$ref": "#/$defs/a"}}}),
            "at `/properties/a/$ref`, it refers to `#/$defs/a`",
        ),
        (
            json!({"properties": {"a": {"type": "whole"}}}),
            "none at `/properties/a/type`:",
        ),
    ]);
}

#[test]
fn a_wrong_default_is_the_filters_fault() {
    check_wrong_schemas(&[
        (
            json!({"properties": {"a": {"type": "integer", "maximum": 5, "default": 6}}}),
            "a wrong default, at `/properties/a/default`: 6",
        ),
        (
            json!({"properties": {"a": {"properties": {"b": {
                "type": "string", "format": "color", "default": "rde",
            }}}}}),
            "a wrong default, at `/properties/a/properties/b/default`: \"rde\"",
        ),
        (
            json!({"properties": {"a": {"items": {"properties": {"b": {
                "type": "string", "default": 1,
            }}}}}}),
            "a wrong default, at `/properties/a/items/properties/b/default`: 1",
        ),
        (
            json!({"properties": {"a": {"oneOf": [{"properties": {"b": {"$ref": "#/$defs/n"}}}]}},
                "$defs": {"n": {"type": "integer", "default": "x"}}}),
            "a wrong default, at `/$defs/n/default`: \"x\"",
        ),
        (
            json!({"additionalProperties": {"properties": {"a b": {"maximum": 1, "default": 2}}}}),
            "a wrong default, at `/additionalProperties/properties/a b/default`: 2",
        ),
        (
            json!({"properties": {"a": {"type": "integer", "default": 18446744073709551616.0}}}),
            "a wrong default, at `/properties/a/default`: 1.8446744073709552e+19",
        ),
        (
            json!({"properties": {"a": {"type": "integer"}},
                "then": {"properties": {"a": {"default": "x"}}}, "if": true}),
            "its own defaults don't fit at `/a`: \"x\"",
        ),
        (
            json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}),
            "refer to themselves",
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {
                "b": {"$ref": "#/$defs/a", "default": {}},
            }}}}),
            "refer to themselves",
        ),
    ]);
}

#[test]
fn a_schema_that_breaks_the_validator_is_only_refused() {
    let schema = json!({
        "oneOf": [{"unevaluatedProperties": {}, "$ref": "#/$defs/b"}],
        "$defs": {"b": {"patternProperties": {"^a": {"$ref": "#"}}}},
    });
    let config = fine("streams: {a: {filters: [{use: x, with: {a: {a: [x, 1, {b: ~}]}}}]}}");
    let error =
        check_settings(step(&config), "x", &SettingsSchema::new(schema.clone())).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("checking it failed"), "{error}");
}

#[test]
fn others_can_point_into_the_file() {
    let config = fine(
        "streams:\n  a:\n    filters:\n    - use: wm\n      \
         with: {image: logo.png, list: [x, 5]}\n",
    );
    let step = step(&config);
    let found = vec![
        step.error_at_text("logo.png", "text"),
        step.error_at_text("5", "number"),
        step.error_at_text("gone", "no such text"),
        step.error_at_use("use"),
        step.error_at_settings("settings"),
        step.error_from_filter("`list` is short", "named"),
        step.error_from_filter("nonsense", "unnamed"),
    ];
    assert_eq!(
        told(&found),
        [
            "5:21+8 text",
            "5:41+1 number",
            "5:7+4 no such text",
            "4:12+2 use",
            "5:7+4 settings",
            "5:37+1 named",
            "5:7+4 unnamed",
        ]
    );
    let shown = config.error(vec![step.error_at_text("logo.png", "no such file")]);
    assert_eq!(
        shown.to_string(),
        "pipeline.yaml:5:21: no such file\n  5 |       with: {image: logo.png, list: [x, 5]}\n    \
         |                     ^^^^^^^^"
    );
}

#[test]
fn without_settings_others_point_at_use() {
    let config = fine("streams: {a: {filters: [use: wm]}}");
    let step = step(&config);
    let found = [
        step.error_at_text("x", "text"),
        step.error_at_settings("settings"),
    ];
    assert_eq!(told(&found), ["1:30+2 text", "1:30+2 settings"]);
}
