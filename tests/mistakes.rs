//! Every kind of mistake in a pipeline file: the place, what is wrong, and what was expected.

use crate::support::hostile::{UNCHANGED, overlay};
use crate::support::picture::png;
use crate::support::{Folder, stderr};

/// Checks a file whose stream `s` has these lines, from the third on, and gives what is told.
fn check(lines: &str) -> String {
    let folder = Folder::with(&format!("streams:\n  s:\n{lines}\n"));
    folder.write("logo.png", png(4, 4, [0; 4]));
    folder.write("text.png", "this is a text");
    folder.write("text.wasm", "this is a text");
    folder.write("module.wasm", wat::parse_str("(module)").unwrap());
    folder.write("component.wasm", wat::parse_str("(component)").unwrap());
    folder.write("good.wasm", overlay(UNCHANGED));
    std::fs::create_dir(folder.path().join("folder.wasm")).unwrap();
    let output = folder.run(&["check"]);
    assert_eq!(output.status.code(), Some(2), "{lines}");
    let error = stderr(&output);
    // Nothing but the errors, each with its line and a caret.
    assert!(error.starts_with("pipeline.yaml:"), "{error}");
    assert!(error.contains('^'), "{error}");
    error
}

fn says(lines: &str, expected: &[&str]) {
    let error = check(lines);
    for expected in expected {
        assert!(
            error.contains(expected),
            "{lines}\n{error}\ndoes not say: {expected}"
        );
    }
}

#[test]
fn keys_and_values() {
    says(
        "    idle_timeout: 5s",
        &[
            "pipeline.yaml:3:5: `idle_timeout` is not a key of a stream; did you mean \
             `idle-timeout`?",
        ],
    );
    says("    idle-timeout: 5", &["3:19:", "write `5s`"]);
    says("    quality: 200", &["3:14:", "from 1 to 100", "`200`"]);
    says(
        "    source: { driver: fils }",
        &["3:23:", "no driver is called `fils`; did you mean `files`?"],
    );
    says(
        "    source: { driver: files }",
        &["3:23:", "needs a `path`"],
    );
    says(
        "    source: { driver: files, path: 'no/*.jpg' }",
        &["3:36:", "no/*.jpg: no such file"],
    );
    says(
        "    filters:\n      - use: timestamp\n        on-error: ignore",
        &[
            "5:19:",
            "`on-error`",
            "expected `bypass` or `drop`",
            "`ignore`",
        ],
    );
    says("    filters: timestamp", &["3:14:", "expected a list"]);
    says("    quality: [", &["not valid YAML"]);
    says(
        "    quality: 80\n    quality: 90",
        &["4:5:", "a second time"],
    );
}

#[test]
fn everything_is_told_at_once() {
    let error =
        check("    qualty: 80\n    filters:\n      - use: timestmp\n        time-limit: 0s");
    assert!(error.contains("3:5:") && error.contains("6:21:"), "{error}");
}

#[test]
fn settings_are_checked_against_the_filters_schema() {
    let step =
        |settings: &str| format!("    filters:\n      - use: watermark\n        with: {settings}");
    says(
        &step("{ image: logo.png, opacty: 1 }"),
        &[
            "pipeline.yaml:5:34: `opacty` is not a setting of the filter `watermark`; did you mean \
             `opacity`?",
        ],
    );
    says(
        &step("{ image: logo.png, opacity: 7 }"),
        &["5:43:", "a number from 0 to 1", "`7`"],
    );
    says(
        &step("{ image: logo.png, position: top-lft }"),
        &["5:44:", "did you mean `top-left`?"],
    );
    says(
        &step("{ opacity: 0.5 }"),
        &["5:9:", "the filter `watermark` needs the setting `image`"],
    );
    says(
        "    filters:\n      - use: resize\n        with: { fit: cover }",
        &["5:9:", "`resize` needs `width` or `height`"],
    );
}

#[test]
fn what_only_the_filter_knows_is_shown_at_its_setting() {
    says(
        "    filters:\n      - use: timestamp\n        with: { format: '%J' }",
        &["5:25:", "`timestamp`", "`format`"],
    );
    says(
        "    filters:\n      - use: timestamp\n        with: { timezone: Mars/Olympus }",
        &["5:27:", "no time zone `Mars/Olympus`"],
    );
}

#[test]
fn files_that_are_missing_or_something_else() {
    let image = |name: &str| {
        format!("    filters:\n      - use: watermark\n        with: {{ image: {name} }}")
    };
    says(&image("gone.png"), &["5:24:", "`gone.png`: no such file"]);
    says(&image("../up.png"), &["5:24:", "without `..`"]);
    says(&image("text.png"), &["5:24:", "text.png is not a PNG"]);
    let filter = |name: &str| format!("    filters:\n      - use: {name}");
    says(&filter("timestmp"), &["4:14:", "did you mean `timestamp`?"]);
    says(
        &filter("./gone.wasm"),
        &["4:14:", "`./gone.wasm`: no such file"],
    );
    says(
        &filter("text.wasm"),
        &["4:14:", "is not a WebAssembly file"],
    );
    says(&filter("folder.wasm"), &["4:14:", "is a folder"]);
    says(
        &filter("module.wasm"),
        &["4:14:", "without a WIT world, so it is no filter"],
    );
    says(&filter("component.wasm"), &["4:14:", "no Mattebox filter"]);
}

#[test]
fn a_file_that_cant_be_read() {
    let folder = Folder::new();
    folder.write("pipeline.yaml", b"streams:\n  a: \xff\n");
    let error = stderr(&folder.run(&["check"]));
    assert!(
        error.starts_with("pipeline.yaml:2:6: this byte is not UTF-8 text"),
        "{error}"
    );
    folder.write("pipeline.yaml", "");
    assert!(
        stderr(&folder.run(&["check"]))
            .contains("1:1: the file is empty; it needs at least `streams:`")
    );
    let bombs: String = (1..30)
        .map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1))
        .collect();
    folder.write("pipeline.yaml", format!("a0: &a0 [x]\n{bombs}"));
    assert!(stderr(&folder.run(&["check"])).contains("more than 20000 values"));
}
