//! The commands for authors of filters: `test`, `embed`, and what `apply` and `filters` tell them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::hostile::{
    FD_WRITE, NO_LAYERS, bare, one_layer, overlay, overlay_with, transform, with_runtime,
    with_schema, with_settings,
};
use crate::support::picture::{decode, is_near, jpeg, mean, png};
use crate::support::server::Server;
use crate::support::{Folder, mattebox, repository, stderr, stdout};

/// A folder with this module as `filter.wasm`, in a stream's chain, and a picture.
fn with_filter(module: &[u8]) -> Folder {
    let folder = Folder::with("streams: { s: { filters: [use: ./filter.wasm] } }\n");
    folder.write("filter.wasm", module);
    folder.write("in.jpg", jpeg("420.jpg"));
    folder
}

/// The report of `mattebox test` and its exit code.
fn test(folder: &Folder, arguments: &[&str]) -> (Value, Option<i32>) {
    let command = ["test", "filter.wasm", "--json"];
    let frames = match arguments.contains(&"--frames") {
        true => &[][..],
        false => &["--frames", "60"],
    };
    let output = folder.run(&[&command, frames, arguments].concat());
    let report = serde_json::from_str(&stdout(&output));
    let report = report.unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (report, output.status.code())
}

/// Whether a test's report has a problem of this check with these words.
fn has_problem(report: &Value, check: &str, words: &str) -> bool {
    let problems = report["problems"].as_array().unwrap().iter();
    let mut problems = problems.filter(|it| it["check"] == check);
    problems.any(|it| it["text"].as_str().unwrap().contains(words))
}

#[test]
fn a_filter_that_keeps_the_contract_passes_and_its_pictures_are_kept() {
    let crosshair = fs::read(repository("tests/modules/crosshair.wasm"));
    let folder = with_filter(&crosshair.unwrap());
    folder.write("given.jpg", jpeg("444.jpg"));
    let golden = ["--golden", "golden", "--picture", "given.jpg"];
    let (report, code) = test(&folder, &[&golden[..], &["--update"]].concat());
    assert_eq!(
        (code, &report["passed"]),
        (Some(0), &true.into()),
        "{report:#}"
    );
    assert_eq!(report["frames"], 60);
    assert_eq!(report["golden"]["written"], 3);
    assert!(report["median_ms"].as_f64().unwrap() > 0.0, "{report:#}");
    assert_eq!(report["leak_bytes_per_call"], Value::Null);
    let (report, code) = test(&folder, &golden);
    assert_eq!((code, &report["golden"]["compared"]), (Some(0), &3.into()));
    // Another picture than before, and one that was never made.
    folder.write("golden/640x480.png", png(640, 480, [9, 9, 9, 255]));
    fs::remove_file(folder.path().join("golden/given.png")).unwrap();
    let output = folder.run(&[
        "test",
        "filter.wasm",
        "--frames",
        "1",
        "--golden",
        "golden",
        "--picture",
        "given.jpg",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let told = stdout(&output);
    assert!(told.contains("640x480.png"), "{told}");
    assert!(
        told.contains("given.png is not there; `--update` writes it"),
        "{told}"
    );
    // Settings as a pipeline file would have them.
    for (with, words) in [
        (r#"{"sise": 9}"#, "`sise` is not a setting"),
        (r#"{"size": 1}"#, "expected a whole number from 8 to 4096"),
        ("[]", "no JSON object"),
    ] {
        let output = folder.run(&["test", "filter.wasm", "--with", with]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn a_leak_is_found_and_named() {
    let drops = "(drop (memory.grow (i32.const 1)))";
    let (report, code) = test(&with_filter(&overlay(&format!("{drops} {NO_LAYERS}"))), &[]);
    assert_eq!(code, Some(1));
    assert_eq!(report["leak_bytes_per_call"], 65536.0, "{report:#}");
    assert!(
        has_problem(&report, "memory", "each frame leaves 64.0 KiB behind"),
        "{report:#}"
    );
    assert!(
        has_problem(&report, "memory", "is reached after 40"),
        "{report:#}"
    );
    // One that each frame's share of can't be seen in so few.
    let slow = counting(&grow_if(
        "(i32.eqz (i32.rem_u (global.get $count) (i32.const 40)))",
    ));
    let (report, _) = test(&with_filter(&slow), &["--frames", "20"]);
    assert!(
        has_problem(&report, "memory", "1.6 KiB behind"),
        "{report:#}"
    );
    // None: as many languages do, it collects memory when much has come together.
    let late = counting(&grow_if("(i32.lt_u (global.get $count) (i32.const 400))"));
    let (report, code) = test(&with_filter(&late), &["--frames", "60"]);
    assert_eq!(
        (code, &report["frames"]),
        (Some(0), &60.into()),
        "{report:#}"
    );
    let note = report["notes"][0]["text"].as_str().unwrap();
    assert!(note.contains("before it is collected"), "{note}");
}

/// Takes a page of memory more if `condition` holds.
fn grow_if(condition: &str) -> String {
    format!("(if {condition} (then (drop (memory.grow (i32.const 1)))))")
}

/// An overlay that counts its calls as `$count`, and does this in each.
fn counting(code: &str) -> Vec<u8> {
    let count = "(global $count (mut i32) (i32.const 0))";
    let add = "(global.set $count (i32.add (global.get $count) (i32.const 1)))";
    overlay_with("", count, &format!("{add} {code} {NO_LAYERS}"))
}

#[test]
fn breaches_of_the_contract_are_found() {
    let stale = overlay(&format!(
        "(if (i32.eqz (i32.load (i32.const 512))) (then
            (i32.store (i32.const 512) (i32.const 1))
            (i32.store (i32.const 4096) (i32.const 0xff0000ff))
            (return {})))
         (i64.store (i32.const 1024) (i64.const 0)) (i32.const 1024)",
        at_width()
    ));
    let first = overlay("(i64.store (i32.const 1024) (i64.const 0)) (i32.const 1024)");
    let small = overlay(&one_layer(0, 0, 8, 8, 2048, 4));
    let odd = overlay(&format!(
        "(if (i32.eq (local.get $width) (i32.const 321)) (then unreachable)) {NO_LAYERS}"
    ));
    let picture = transform(
        "(i64.store (i32.const 1024) (i64.const 0)) (i64.store offset=8 (i32.const 1024) \
         (i64.const 0)) (i32.const 1024)",
    );
    for (module, check, words) in [
        (stale, "unchanged", "a new instance draws something else"),
        (first, "unchanged", "with nothing drawn before"),
        (
            small,
            "frames",
            "on frame 0: the filter returned a wrong layer 0",
        ),
        (odd, "sizes", "on 321x241: the filter failed"),
        (picture, "frames", "the filter returned a wrong picture"),
    ] {
        let (report, code) = test(&with_filter(&module), &[]);
        assert_eq!(code, Some(1));
        assert!(has_problem(&report, check, words), "{report:#}");
    }
}

#[test]
fn the_same_fault_is_told_once_and_a_drawing_beside_the_picture_is_noted() {
    let always = with_filter(&overlay("unreachable"));
    let (report, _) = test(&always, &["--frames", "5"]);
    let problems = report["problems"].as_array().unwrap().iter();
    let frames: Vec<_> = problems.filter(|it| it["check"] == "frames").collect();
    assert_eq!(frames.len(), 1, "{report:#}");
    assert_eq!(frames[0]["more"], 4, "{report:#}");
    let output = always.run(&["test", "filter.wasm", "--frames", "5"]);
    let told = stdout(&output);
    assert!(
        told.contains("(frames): on frame 0: the filter failed"),
        "{told}"
    );
    assert!(told.contains(" (and 4 times more)\n"), "{told}");
    for (x, is_noted) in [(1919, false), (1920, true)] {
        let layer = one_layer(x, 5, 1, 1, 4096, 4);
        let draw = format!("(i32.store (i32.const 4096) (i32.const 0xff0000ff)) {layer}");
        let (report, code) = test(&with_filter(&overlay(&draw)), &[]);
        assert_eq!(code, Some(0), "{report:#}");
        let notes = report["notes"].as_array().unwrap().iter();
        let words = "outside of the picture of 1920×1080: its first layer has 1×1 pixels at x 1920";
        let mut notes = notes.map(|it| it["text"].as_str().unwrap());
        assert_eq!(notes.any(|it| it.contains(words)), is_noted, "{report:#}");
    }
}

/// Leaves one layer of a pixel at the picture's right edge.
fn at_width() -> String {
    let layer = one_layer(0, 0, 1, 1, 4096, 4);
    let moved = "(i32.store (i32.const 2048) (i32.sub (local.get $width) (i32.const 1)))";
    let (code, result) = layer.rsplit_once("(i32.const 1024)").unwrap();
    format!("(block (result i32) {code} {moved} (i32.const 1024) {result})")
}

#[test]
fn apply_fails_where_a_filter_fails() {
    let folder = with_filter(&overlay("unreachable"));
    let output = folder.run(&["apply", "--json", "in.jpg"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("a filter failed on 1 of 1 pictures"));
    let numbers: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&numbers["frames"], &numbers["failed"]),
        (&1.into(), &1.into())
    );
    let allowed = folder.run(&["apply", "--json", "--allow-failures", "in.jpg"]);
    assert_eq!(allowed.status.code(), Some(0), "{}", stderr(&allowed));
    assert_eq!(stdout(&allowed).matches("\"failed\":1").count(), 1);
    // A picture without a result is another matter.
    folder.write("in.jpg", "no picture");
    let lost = folder.run(&["apply", "--allow-failures", "in.jpg"]);
    assert_eq!(lost.status.code(), Some(1));
}

#[test]
fn what_a_filter_prints_is_told_line_by_line_with_stream_and_step() {
    // A line, one that is empty, and half of one, which the next call ends.
    let text = r#"(data (i32.const 512) "drawn\n\nagain ")
        (data (i32.const 600) "\00\02\00\00\0d\00\00\00")"#;
    let print = |stream: u32| {
        let print = format!(
            "(drop (call $write (i32.const {stream}) (i32.const 600) (i32.const 1) (i32.const 608)))
             {NO_LAYERS}"
        );
        with_filter(&overlay_with(FD_WRITE, text, &print))
    };
    for (stream, level) in [(1, " INFO"), (2, " WARN")] {
        let folder = print(stream);
        folder.write("other.jpg", jpeg("420.jpg"));
        let output = folder.run(&["apply", "in.jpg", "other.jpg"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let log = stderr(&output);
        let lines: Vec<_> = log.lines().filter(|it| it.contains("drawn")).collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].ends_with(": drawn"), "{log}");
        assert!(lines[1].ends_with(": again drawn"), "{log}");
        assert!(!log.lines().any(|it| it.ends_with("}: ")), "{log}");
        for line in lines {
            for part in [level, "stream=s", "step="] {
                assert!(line.contains(part), "{part}: {line}");
            }
        }
    }
    // Of a flood, only a few are.
    let output = print(1).run(&["test", "filter.wasm", "--frames", "60"]);
    let log = stderr(&output);
    assert!((10..200).contains(&log.matches("drawn").count()), "{log}");
    assert!(log.contains("the filter says too much"), "{log}");
}

#[test]
fn embed_makes_a_filter_of_a_core_module() {
    let folder = with_filter(b"");
    let core = [
        bare("inspect", "look", "unreachable"),
        custom_section(".debug_info", "for debuggers"),
        custom_section("kept", "for others"),
    ];
    folder.write("core.wasm", core.concat());
    let embed = |world: &str, from: &str| folder.run(&["embed", world, from, "-o", "filter.wasm"]);
    let output = embed("inspect-filter", "core.wasm");
    assert!(output.status.success(), "{}", stderr(&output));
    let described = folder.run(&["filters", "filter.wasm"]);
    assert!(
        stdout(&described).starts_with("hostile 1 (inspect"),
        "{}",
        stderr(&described)
    );
    let filter = folder.read("filter.wasm");
    let has = |words: &[u8]| filter.windows(words.len()).any(|it| it == words);
    assert!(!has(b".debug_info") && !has(b"for debuggers"));
    assert!(has(b"for others"));
    // Its look traps, which `apply` tells, too.
    let output = folder.run(&["apply", "in.jpg"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    for (world, from, code, words) in [
        ("inspect", "core.wasm", 2, "there is `overlay-filter`"),
        (
            "overlay-filter",
            "core.wasm",
            1,
            "mattebox:filter/overlay@0.2.0",
        ),
        (
            "inspect-filter",
            "filter.wasm",
            1,
            "has a world in it; use it as it is",
        ),
        ("inspect-filter", "in.jpg", 1, "not a WebAssembly file"),
        ("inspect-filter", "gone.wasm", 1, "no such file"),
    ] {
        let output = embed(world, from);
        assert_eq!(output.status.code(), Some(code), "{world} {from}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// A section of a module, of fewer than 128 bytes.
fn custom_section(name: &str, text: &str) -> Vec<u8> {
    let length = 1 + name.len() + text.len();
    let head = [0, length as u8, name.len() as u8];
    [&head[..], name.as_bytes(), text.as_bytes()].concat()
}

/// JSON in one line.
fn compact(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap();
    value.to_string()
}

#[test]
fn a_filter_gets_its_defaults_and_whole_numbers() {
    let flat = r#"{"required": ["size"], "properties": {
        "size": {"type": "integer", "default": 20},
        "zone": {"properties": {"name": {"type": "string", "default": "a"}}}
    }}"#;
    let items = r##"{"properties": {"zones": {"items": {"$ref": "#/$defs/zone"}}},
        "$defs": {"zone": {"properties": {"least": {"type": "integer", "default": 1}}}}}"##;
    let kinds = r#"{"required": ["kind"], "oneOf": [
        {"properties": {"kind": {"const": "round"}, "radius": {"default": 4}}},
        {"properties": {"kind": {"const": "square"}, "side": {"default": 8}}}
    ]}"#;
    let free = r#"{"additionalProperties": {"properties": {"alpha": {"default": 1}}},
        "allOf": [{"properties": {"all": {"default": {}}}}]}"#;
    let branch = r#"{"properties": {"mode": {"default": "a"}}, "if": {"properties": {"mode":
        {"const": "a"}}}, "then": {"properties": {"x": {"default": 1}}}, "else": {"properties":
        {"y": {"default": 2}}}}"#;
    for (schema, with, gets) in [
        (flat, "{}", r#"{"size":20}"#),
        (flat, "{ size: 20.0 }", r#"{"size":20}"#),
        (flat, "{ zone: {} }", r#"{"zone":{"name":"a"},"size":20}"#),
        (
            items,
            "{ zones: [{}, { least: 1e19 }] }",
            r#"{"zones":[{"least":1},{"least":10000000000000000000}]}"#,
        ),
        (kinds, "{ kind: square }", r#"{"kind":"square","side":8}"#),
        (
            free,
            "{ red: {} }",
            r#"{"red":{"alpha":1},"all":{"alpha":1}}"#,
        ),
        (branch, "{}", r#"{"mode":"a","x":1}"#),
        (branch, "{ mode: b }", r#"{"mode":"b","y":2}"#),
    ] {
        // The filter refuses settings of another length.
        let folder = with_filter(&with_settings(&compact(schema), gets.len() as u32));
        let step =
            format!("streams: {{ s: {{ filters: [{{ use: ./filter.wasm, with: {with} }}] }} }}\n");
        folder.write("pipeline.yaml", step);
        let output = folder.run(&["check"]);
        assert!(output.status.success(), "{with}: {}", stderr(&output));
    }
}

#[test]
fn a_whole_number_beyond_64_bits_is_refused_where_it_stands() {
    let schema = r#"{"properties": {"size": {"type": "integer"}}}"#;
    let folder = with_filter(&with_schema(schema));
    let step = "{ use: ./filter.wasm, with: { size: 18446744073709551616 } }";
    folder.write(
        "pipeline.yaml",
        format!("streams:\n  s:\n    filters: [{step}]\n"),
    );
    let output = folder.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let told = "pipeline.yaml:3:51: `size`: expected a whole number that fits into 64 bits, found \
                `18446744073709551616`";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
}

#[test]
fn filters_refuses_what_check_refuses_and_lists_settings_in_settings() {
    for (schema, words) in [
        (
            r#"{"properties": {"size": {"type": "integer", "maximum": 9, "default": 10}}}"#,
            "/properties/size/default",
        ),
        (
            r##"{"properties": {"size": {"$ref": "#/$defs/Gone"}}}"##,
            "/properties/size/$ref",
        ),
        (
            r#"{"properties": {"size": {"type": "whole"}}}"#,
            "/properties/size/type",
        ),
        (
            r#"{"properties": {"a": {"items": {"oneOf": [{"properties": {"b": {"type": "string",
                "default": 1}}}]}}}}"#,
            "/properties/a/items/oneOf/0/properties/b/default",
        ),
        (
            r#"{"properties": {"a": {"type": "integer"}}, "if": true, "then": {"properties": {"a":
                {"default": "x"}}}}"#,
            "its own defaults don't fit at `/a`",
        ),
        (r#"{"type": "array"}"#, "`/type`: settings are an object"),
    ] {
        let folder = with_filter(&with_schema(&compact(schema)));
        for (arguments, code) in [(&["check"][..], 2), (&["filters", "filter.wasm"], 1)] {
            let output = folder.run(arguments);
            assert_eq!(output.status.code(), Some(code), "{schema}");
            assert!(stderr(&output).contains(words), "{}", stderr(&output));
        }
    }
    let schema = compact(
        r#"{"properties": {
        "zones": {"type": "array", "items": {"properties": {"name": {"type": "string"}}}},
        "color": {"type": "string", "format": "color"}
    }}"#,
    );
    let folder = with_filter(&with_schema(&schema));
    let listed = stdout(&folder.run(&["filters", "filter.wasm"]));
    let places = [
        "zones: a list",
        "zones[].name: a text",
        "color: a colour such as `#ff8000`",
    ]
    .map(|part| {
        listed
            .find(part)
            .unwrap_or_else(|| panic!("{part}: {listed}"))
    });
    assert!(places.is_sorted(), "{listed}");
}

/// Every language and kind that `new` has a template for.
const LANGUAGES: [&str; 8] = [
    "rust",
    "c",
    "cpp",
    "zig",
    "assemblyscript",
    "javascript",
    "python",
    "tinygo",
];
const KINDS: [&str; 3] = ["overlay", "transform", "inspect"];

#[test]
fn new_makes_a_folder_that_stands_for_itself() {
    for language in LANGUAGES {
        for kind in KINDS {
            let folder = Folder::new();
            let arguments = ["new", "night-label", "--lang", language, "--kind", kind];
            let output = folder.run(&arguments);
            assert!(output.status.success(), "{}", stderr(&output));
            assert!(
                stdout(&output).contains("./build.sh"),
                "{}",
                stdout(&output)
            );
            let text = |name: &str| String::from_utf8(folder.read(&format!("night-label/{name}")));
            let readme = text("README.md").unwrap();
            assert!(readme.starts_with("# night-label\n"), "{readme}");
            assert!(
                text("pipeline.yaml")
                    .unwrap()
                    .contains("./night-label.wasm")
            );
            assert!(text("filter.wit").unwrap().contains("@0.2.0"));
            let build = text("build.sh").unwrap();
            assert!(build.starts_with("#!/bin/sh\n"), "{build}");
            for placeholder in ["example-filter", "example_filter", "WORLD", "LANGUAGE"] {
                for (name, text) in [("README.md", &readme), ("build.sh", &build)] {
                    assert!(!text.contains(placeholder), "{language} {kind}: {name}");
                }
            }
            let extension = if kind == "inspect" { "json" } else { "png" };
            folder.read(&format!("night-label/golden/640x480.{extension}"));
        }
    }
}

/// The folder of the templates for `cargo generate`, one for each kind.
const TEMPLATES: &str = "templates";

/// Placeholders of `cargo generate` in the place of a name, and of the crate's.
const PLACEHOLDERS: [(&str, &str); 2] = [
    ("night-label", "{{project-name}}"),
    ("night_label", "{{crate_name}}"),
];

/// The files below `folder`, by their names in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_owned();
                    files.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    files
}

/// `UPDATE_REFERENCE=1` writes them anew.
#[test]
fn the_templates_of_cargo_generate_are_what_new_makes() {
    for kind in KINDS {
        let folder = Folder::new();
        let output = folder.run(&["new", "night-label", "--lang", "rust", "--kind", kind]);
        assert!(output.status.success(), "{}", stderr(&output));
        let mut made = files(&folder.path().join("night-label"));
        for (name, bytes) in &mut made {
            let Ok(text) = std::str::from_utf8(bytes) else {
                continue;
            };
            for tag in ["{{", "{%"] {
                assert!(
                    !text.contains(tag),
                    "{}: Liquid reads `{tag}`",
                    name.display()
                );
            }
            let replace =
                |text: String, (name, placeholder): &(&str, &str)| text.replace(name, placeholder);
            *bytes = PLACEHOLDERS
                .iter()
                .fold(text.to_owned(), replace)
                .into_bytes();
        }
        let template = repository(TEMPLATES).join(kind);
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            for (name, bytes) in &made {
                let path = template.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                // With its permissions, and then the placeholders.
                fs::copy(folder.path().join("night-label").join(name), &path).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
        let committed = files(&template);
        let names: Vec<_> = committed
            .keys()
            .filter(|it| !it.ends_with(SETTINGS))
            .collect();
        assert_eq!(names, made.keys().collect::<Vec<_>>(), "{STALE}");
        for (name, bytes) in made {
            assert!(committed[&name] == bytes, "{}: {STALE}", name.display());
        }
    }
}

/// What `cargo generate` reads, and doesn't copy.
const SETTINGS: &str = "cargo-generate.toml";
const STALE: &str = "templates are stale; run: UPDATE_REFERENCE=1 cargo test --release --test e2e \
                     -- the_templates_of_cargo_generate";

#[test]
fn new_refuses_names_that_are_none_and_folders_that_are_there() {
    let folder = Folder::new();
    folder.write("old/file", "mine");
    for (arguments, words) in [
        (&["old", "--lang", "c"][..], "old is there already"),
        (&["../x", "--lang", "c"], "`../x` is no name for a filter"),
        (&["Label", "--lang", "c"], "`Label` is no name for a filter"),
        (
            &["match", "--lang", "rust"],
            "`match` is no name for a crate",
        ),
        (&["a", "--lang", "cobol"], "invalid value 'cobol'"),
        (
            &["a", "--lang", "rust", "--sdk", "gone"],
            "is no folder of a crate",
        ),
    ] {
        let output = folder.run(&[&["new"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    assert_eq!(folder.read("old/file"), b"mine");
    assert!(!folder.path().join("a").exists());
}

/// Builds a new filter and tests it for 300 frames, with its golden pictures. What pip and npm
/// bring lies in `target/peers`, where `.ci/run tools` puts it. Of the kinds one, since builds are
/// slow: the one that calls the server; all of them with `EVERY_KIND=1`.
fn builds(language: &str) {
    let kinds = match std::env::var_os("EVERY_KIND") {
        Some(_) => &KINDS[..],
        None => &["inspect"],
    };
    for kind in kinds {
        let folder = Folder::new();
        let mut arguments = vec!["new", "night-label", "--lang", language, "--kind", kind];
        let sdk = repository("filter-sdk");
        if language == "rust" {
            arguments.extend(["--sdk", sdk.to_str().unwrap()]);
        }
        let new = folder.run(&arguments);
        assert!(new.status.success(), "{}", stderr(&new));
        let project = folder.path().join("night-label");
        build(&project);
        // Longer than commands may take elsewhere: some modules carry a whole language.
        let mut test = mattebox();
        test.current_dir(&project);
        test.args(["test", "night-label.wasm", "--json", "--golden", "golden"]);
        let output = test.output().unwrap();
        let report: Value = serde_json::from_str(&stdout(&output))
            .unwrap_or_else(|_| panic!("{}", stderr(&output)));
        // componentize-py never frees what a filter gives, which is a picture here.
        let leaks = (language, *kind) == ("python", "transform");
        let problems = report["problems"].as_array().unwrap();
        let expected = |it: &Value| leaks && it["text"].as_str().unwrap().contains("memory");
        assert!(
            problems.iter().all(expected),
            "{language} {kind}: {report:#}"
        );
        assert_eq!(
            output.status.success(),
            !leaks,
            "{language} {kind}: {report:#}"
        );
        assert_eq!(
            (&report["frames"], &report["golden"]["compared"]),
            (&300.into(), &2.into())
        );
    }
}

/// Runs the build script of the filter in `project`.
fn build(project: &Path) {
    let peers = repository("target/peers");
    for (from, to) in [("venv", ".venv"), ("node_modules", "node_modules")] {
        std::os::unix::fs::symlink(peers.join(from), project.join(to)).unwrap();
    }
    // The versions of this repository.
    fs::copy(repository("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let mut build = Command::new("./build.sh");
    build.env("MATTEBOX", mattebox().get_program());
    build.env("CARGO_TARGET_DIR", peers.join("rust"));
    let build = build.current_dir(project).output().unwrap();
    let told = format!("{}{}", stdout(&build), stderr(&build));
    assert!(build.status.success(), "{told}");
    let told = told.to_lowercase();
    assert!(!told.contains("warning"), "{told}");
}

#[test]
#[ignore = "needs Rust with wasm32-unknown-unknown"]
fn a_new_filter_in_rust_builds_and_passes() {
    builds("rust");
}

#[test]
#[ignore = "needs clang with wasi-libc"]
fn a_new_filter_in_c_builds_and_passes() {
    builds("c");
}

#[test]
#[ignore = "needs clang with wasi-libc and libc++"]
fn a_new_filter_in_cpp_builds_and_passes() {
    builds("cpp");
}

#[test]
#[ignore = "needs ziglang in target/peers"]
fn a_new_filter_in_zig_builds_and_passes() {
    builds("zig");
}

#[test]
#[ignore = "needs assemblyscript in target/peers"]
fn a_new_filter_in_assemblyscript_builds_and_passes() {
    builds("assemblyscript");
}

#[test]
#[ignore = "needs componentize-qjs in target/peers"]
fn a_new_filter_in_javascript_builds_and_passes() {
    builds("javascript");
}

#[test]
#[ignore = "needs componentize-py in target/peers"]
fn a_new_filter_in_python_builds_and_passes() {
    builds("python");
}

#[test]
#[ignore = "needs node, and jco-transpile and componentize-py in target/peers"]
fn what_editors_complete_by_is_made_of_the_contract() {
    let folder = Folder::new();
    let examples = repository("filters/examples");
    let made = Command::new(examples.join("types.sh"))
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    for (name, bytes) in files(folder.path()) {
        let committed = fs::read(examples.join(&name)).unwrap_or_default();
        assert!(
            committed == bytes,
            "{} is stale; run filters/examples/types.sh",
            name.display()
        );
    }
}

#[test]
fn the_log_tells_of_a_filter_that_is_compiled_and_how_long_that_took() {
    let folder = with_filter(&overlay(NO_LAYERS));
    let apply = || stderr(&folder.run(&["apply", "--cache", "cache", "-o", "out", "in.jpg"]));
    let log = apply();
    assert!(
        log.contains("filter compiling") && log.contains("filter compiled"),
        "{log}"
    );
    assert!(log.contains("seconds="), "{log}");
    // It is in the cache now.
    let log = apply();
    assert!(!log.contains("filter compil"), "{log}");
}

#[test]
fn a_new_build_with_the_same_runtime_has_only_the_rest_compiled_and_draws_what_it_should() {
    let folder = with_filter(&[]);
    let in_cache = |extension: &str| {
        let cache = fs::read_dir(folder.path().join("cache/filters-4")).unwrap();
        let files = cache.map(|file| file.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|it| it == extension));
        files.collect::<Vec<_>>()
    };
    let mut runtime = None;
    for (build, color) in [[200, 30, 40], [20, 220, 60]].into_iter().enumerate() {
        folder.write("filter.wasm", with_runtime(color));
        // Twice: as it was compiled, and from the cache.
        for _ in 0..2 {
            let output = folder.run(&["apply", "--cache", "cache", "-o", "out", "in.jpg"]);
            assert!(output.status.success(), "{}", stderr(&output));
            let drawn = mean(&decode(&folder.read("out/in.jpg")), 4, 4, 8, 8);
            assert!(is_near(drawn, color.map(f64::from)), "{drawn:?}");
        }
        assert_eq!(in_cache("cwasm").len(), build + 1);
        let [part] = &in_cache("part")[..] else {
            panic!("{:?}", in_cache("part"));
        };
        let bytes = fs::read(part).unwrap();
        let now = (fs::metadata(part).unwrap().ino(), bytes);
        assert!(*runtime.get_or_insert_with(|| now.clone()) == now);
    }
    let names = folder.run(&["filters", "--cache", "cache", "filter.wasm", "--json"]);
    assert!(!stdout(&names).contains("part0"), "{}", stdout(&names));
}

#[test]
fn an_instance_whose_memory_fills_up_is_replaced_and_no_frame_goes_without() {
    let leak = "(drop (memory.grow (i32.const 8)))
        (memory.fill (i32.const 4096) (i32.const 255) (i32.const 1024))";
    let module = overlay(&format!("{leak} {}", one_layer(0, 0, 16, 16, 4096, 1024)));
    let folder = Folder::with(
        "streams:
  s:
    source: { driver: files, path: f.jpg, fps: 15, loop: true }
    filters: [{ use: ./filter.wasm, memory-limit: 16MiB }]
",
    );
    folder.write("filter.wasm", module);
    folder.write("f.jpg", jpeg("420.jpg"));
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    let replaced = || server.report("s")["filters"][0]["replaced"].as_u64();
    while replaced() < Some(2) {
        let frame = decode(&viewer.next().unwrap().jpeg);
        let found = mean(&frame, 4, 4, 8, 8);
        assert!(is_near(found, [255.0; 3]), "{found:?}");
    }
    let step = &server.report("s")["filters"][0];
    assert_eq!((&step["errors"], &step["restarts"]), (&0.into(), &0.into()));
    let log = server.log();
    assert_eq!(
        log.matches("memory grows with each call").count(),
        1,
        "{log}"
    );
}
