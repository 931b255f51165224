//! The built-in filters in the real server's chain, seen on what comes out.

use crate::support::picture::{decode, is_near, jpeg, mean, png, psnr, veil};
use crate::support::{Folder, repository, stderr, stdout};

/// Applies the filters to `picture`, and gives the result's bytes and the printed numbers.
fn apply(filters: &str, picture: &str, assets: &[(&str, &[u8])]) -> (Vec<u8>, serde_json::Value) {
    let folder = Folder::with(&format!(
        "streams:\n  s:\n    quality: 95\n    filters: [{filters}]\n"
    ));
    for (name, bytes) in assets {
        folder.write(name, bytes);
    }
    folder.write("in.jpg", jpeg(picture));
    let output = folder.run(&["apply", "--json", "-o", "out", "in.jpg"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let numbers = serde_json::from_str(&stdout(&output)).unwrap();
    (folder.read("out/in.jpg"), numbers)
}

const EVERY_KIND: &[&str] = &[
    "420.jpg",
    "422.jpg",
    "444.jpg",
    "440.jpg",
    "411.jpg",
    "grey.jpg",
    "progressive.jpg",
    "restart.jpg",
    "optimized.jpg",
    "ffmpeg.jpg",
    "comment.jpg",
];

/// One is grey, and the watermark is not; one is progressive; the others' Huffman tables are made
/// for what they hold.
const CANT_BE_SPLICED: &[&str] = &[
    "grey.jpg",
    "progressive.jpg",
    "optimized.jpg",
    "ffmpeg.jpg",
    "comment.jpg",
];

#[test]
fn a_watermark_lies_where_it_should_and_nowhere_else() {
    let red = png(40, 30, [255, 0, 0, 255]);
    for picture in EVERY_KIND {
        let step = "{use: watermark, with: {image: a.png, position: top-left, margin: 16}}";
        let (result, numbers) = apply(step, picture, &[("a.png", &red)]);
        let path = if CANT_BE_SPLICED.contains(picture) {
            "recode"
        } else {
            "splice"
        };
        assert_eq!(numbers["paths"][path], 1, "{picture}: {numbers}");
        let (result, source) = (decode(&result), decode(&jpeg(picture)));
        assert_eq!(result.dimensions(), source.dimensions());
        assert!(
            is_near(mean(&result, 24, 24, 24, 16), [254.0, 0.0, 0.0]),
            "{picture}"
        );
        let far =
            |image: &image::RgbImage| image::imageops::crop_imm(image, 80, 64, 120, 80).to_image();
        let psnr = psnr(&far(&result), &far(&source));
        assert!(psnr > 33.0, "{picture}: {psnr} dB");
    }
}

#[test]
fn a_half_transparent_watermark_mixes() {
    let white = png(32, 32, [255; 4]);
    let step =
        "{use: watermark, with: {image: a.png, position: top-left, margin: 16, opacity: 0.5}}";
    let (result, _) = apply(step, "444.jpg", &[("a.png", &white)]);
    let under = mean(&decode(&jpeg("444.jpg")), 16, 16, 32, 32);
    let expected = under.map(|value| (value + 255.0) / 2.0);
    let found = mean(&decode(&result), 16, 16, 32, 32);
    assert!(is_near(found, expected), "{found:?} is not {expected:?}");
}

#[test]
fn a_large_drawing_is_spliced_once_it_stays_and_an_opaque_one_at_once() {
    let folder = Folder::with(
        "streams:
  s: { filters: [{ use: watermark, with: { image: a.png, position: top-left, margin: 0 } }] }
",
    );
    folder.write("in.jpg", jpeg("444.jpg"));
    for (image, recoded) in [
        (png(203, 149, [0, 0, 0, 255]), 0),
        (veil(203, 90), 1),
        (veil(203, 149), 3),
    ] {
        folder.write("a.png", image);
        let output = folder.run(&["apply", "--json", "--repeat", "3", "in.jpg"]);
        let numbers: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(numbers["paths"]["recode"], recoded, "{numbers}");
        assert_eq!(numbers["paths"]["splice"], 3 - recoded, "{numbers}");
    }
}

#[test]
fn sizes_are_handed_on_after_a_resize() {
    let red = png(10, 10, [255, 0, 0, 255]);
    let steps = "{use: watermark, with: {image: a.png, position: bottom-right, margin: 0}},
        {use: resize, with: {width: 406}},
        {use: watermark, with: {image: a.png, position: bottom-left, margin: 0}},
        {use: resize, with: {width: 203, height: 100, fit: stretch}},
        {use: watermark, with: {image: a.png, position: top-right, margin: 0}}";
    let (result, _) = apply(steps, "444.jpg", &[("a.png", &red)]);
    let result = decode(&result);
    assert_eq!(result.dimensions(), (203, 100));
    let red = |x, y, width, height| {
        let found = mean(&result, x, y, width, height);
        assert!(
            found[0] > 180.0 && found[1] < 70.0,
            "at {x}, {y}: {found:?}"
        );
    };
    red(195, 95, 7, 4);
    red(0, 98, 4, 2);
    red(194, 1, 8, 8);
}

#[test]
fn a_filter_that_draws_nothing_leaves_the_bytes() {
    let invisible = png(32, 32, [255, 0, 0, 0]);
    let step = "{use: watermark, with: {image: a.png}}";
    let (result, numbers) = apply(step, "420.jpg", &[("a.png", &invisible)]);
    assert_eq!(result, jpeg("420.jpg"));
    assert_eq!(numbers["paths"]["passthrough"], 1);
}

#[test]
fn layers_outside_the_picture_are_cut_off() {
    let large = png(500, 400, [0, 0, 255, 255]);
    let step = "{use: watermark, with: {image: a.png, position: center}}";
    let (result, numbers) = apply(step, "420.jpg", &[("a.png", &large)]);
    assert_eq!(numbers["paths"]["splice"], 1);
    let found = mean(&decode(&result), 0, 0, 203, 149);
    assert!(is_near(found, [0.0, 0.0, 254.0]), "{found:?}");
}

#[test]
fn the_timestamp_is_there() {
    let step =
        "{use: timestamp, with: {format: '########', color: lime, background: black, size: 40}}";
    let (result, _) = apply(step, "420.jpg", &[]);
    let found = mean(&decode(&result), 20, 24, 150, 24);
    assert!(
        found[1] > found[0] + 50.0 && found[1] > found[2] + 50.0,
        "{found:?}"
    );
}

#[test]
fn metadata_that_still_holds_is_kept() {
    let (result, _) = apply("{use: timestamp}", "comment.jpg", &[]);
    let text = b"left as it is";
    assert!(result.windows(text.len()).any(|window| window == text));
}

// The two modules in C are what `mattebox new NAME --lang c` gives, built.

#[test]
fn a_filter_in_c_is_loaded_by_its_path() {
    let module = std::fs::read(repository("tests/modules/crosshair.wasm")).unwrap();
    let step = "{use: ./crosshair.wasm, with: {size: 60}}";
    let (result, _) = apply(step, "444.jpg", &[("crosshair.wasm", &module)]);
    let (result, source) = (decode(&result), decode(&jpeg("444.jpg")));
    let (x, y) = (source.width() / 2, source.height() / 2);
    for (x, y) in [(x, y - 25), (x, y + 25), (x - 25, y), (x + 25, y)] {
        let found = mean(&result, x, y, 1, 1);
        assert!(found[0] > 180.0 && found[2] < 120.0, "{found:?}");
    }
    let corner = |image: &image::RgbImage| mean(image, 0, 0, 40, 40);
    assert!(is_near(corner(&result), corner(&source)));
}

#[test]
fn a_filter_in_c_inspects_pictures_and_its_regions_are_drawn() {
    let module = std::fs::read(repository("tests/modules/bright-spot.wasm")).unwrap();
    let steps = "{use: ./bright-spot.wasm, with: {threshold: 1}, memory-limit: 1MiB},
        {use: boxes, with: {color: lime, fill: lime, text: ''}}";
    let (result, _) = apply(steps, "444.jpg", &[("bright-spot.wasm", &module)]);
    let is_lime = |pixel: &image::Rgb<u8>| pixel[1] > 220 && pixel[0] < 60 && pixel[2] < 60;
    let result = decode(&result);
    let lime = result.pixels().filter(|pixel| is_lime(pixel)).count();
    // A spot is 8 × 8 pixels, the border of which is mixed with what is beside it.
    assert!((48..=80).contains(&lime), "{lime}");
}

/// The repository's `tests` folder in the place of `/usr/share`: its `fonts` are the system's.
fn with_fonts(folder: &Folder, arguments: &[&str]) -> std::process::Output {
    let mut command = crate::support::mattebox();
    command.env("XDG_DATA_DIRS", repository("tests"));
    command.current_dir(folder.path()).args(arguments);
    command.output().unwrap()
}

const EVERY_SCRIPT: &str =
    "streams:\n  s:\n    filters: [{use: text, with: {format: \"大门 درجة שלום हिन्दी ที่ 🎥\"}}]\n";

#[test]
fn texts_of_other_scripts_are_written_in_the_systems_fonts() {
    let folder = Folder::with(EVERY_SCRIPT);
    folder.write("in.jpg", jpeg("420.jpg"));
    let with = with_fonts(&folder, &["apply", "-o", "with", "in.jpg"]);
    assert!(with.status.success(), "{}", stderr(&with));
    assert!(!stderr(&with).contains("no font"), "{}", stderr(&with));
    let without = folder.run(&["apply", "-o", "without", "in.jpg"]);
    assert!(without.status.success(), "{}", stderr(&without));
    assert_ne!(folder.read("with/in.jpg"), folder.read("without/in.jpg"));
}

#[test]
fn characters_that_no_font_has_are_named_once() {
    let format = "streams: {s: {filters: [{use: text, with: {format: 大门 🎥}}]}}\n";
    let folder = Folder::with(format);
    let output = folder.run(&["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stderr(&output);
    for part in [
        "`大` (U+5927)",
        "fonts-noto-cjk",
        "`font:`",
        "stream=s",
        "filter=text",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(told.matches("no font has").count(), 1, "{told}");
    let output = with_fonts(&folder, &["check"]);
    assert!(
        !stderr(&output).contains("no font has"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn letters_that_no_font_has_as_a_whole_are_named_once_however_they_are_coded() {
    let pictures = [
        "Ti\u{1ebf}ng Vi\u{1ec7}t",
        "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t",
    ]
    .map(|text| {
        let folder = Folder::with(&format!(
            "streams: {{s: {{filters: [{{use: text, with: {{format: {text}}}}}]}}}}\n"
        ));
        folder.write("in.jpg", jpeg("420.jpg"));
        for arguments in [&["check"][..], &["apply", "-o", "out", "in.jpg"]] {
            let told = stderr(&folder.run(arguments));
            let words = "no font has `\u{1ebf}` (U+1EBF), put together of letters and accents, \
                which may lie wrong";
            assert_eq!(told.matches(words).count(), 1, "{told}");
        }
        folder.read("out/in.jpg")
    });
    assert!(pictures[0] == pictures[1]);
}

#[test]
fn a_font_of_the_machine_that_is_cut_off_is_told_of() {
    let folder = Folder::with(EVERY_SCRIPT);
    let font = std::fs::read(repository("tests/fonts/NotoSansThai.ttf")).unwrap();
    folder.write("share/fonts/Thai.ttf", &font[..font.len() - 200]);
    let mut command = crate::support::mattebox();
    command.env("XDG_DATA_DIRS", folder.path().join("share"));
    let output = command.current_dir(folder.path()).arg("check").output();
    let told = stderr(&output.unwrap());
    for part in ["Thai.ttf", "is cut off: its table", "`ท` (U+0E17)"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_font_file_of_the_users_is_taken_and_one_that_is_none_is_shown() {
    let pipeline = "streams:\n  s:\n    filters:\n      - use: text\n        with:\n          \
        format: 大门\n          font: a.otf\n";
    let folder = Folder::with(pipeline);
    folder.write(
        "a.otf",
        std::fs::read(repository("tests/fonts/NotoSansCJK.otf")).unwrap(),
    );
    let output = folder.run(&["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("no font"), "{}", stderr(&output));
    let cut = &std::fs::read(repository("tests/fonts/NotoSansCJK.otf")).unwrap()[..3_000];
    folder.write("a.otf", cut);
    let told = stderr(&folder.run(&["check"]));
    for part in [
        "pipeline.yaml:7:",
        "`a.otf` is cut off: its table",
        "3000 bytes",
    ] {
        assert!(told.contains(part), "{told}");
    }
    folder.write("a.otf", "no font");
    let output = folder.run(&["check"]);
    let told = stderr(&output);
    assert!(!output.status.success());
    assert!(
        told.contains("pipeline.yaml:7:") && told.contains("a.otf"),
        "{told}"
    );
}
