//! Pictures of every kind on every path: as libjpeg shows them, turned as people see them, or left
//! out with a sentence.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use serde_json::Value;

use crate::support::camera::{HttpCamera, stream};
use crate::support::picture::{decode, djpeg, is_near, jpeg, mean, png, psnr, veil};
use crate::support::server::Server;
use crate::support::{Folder, stderr, stdout};

const WATERMARK: &str =
    "{use: watermark, with: {image: a.png, position: top-left, margin: 16}, on-error: ON}";
const RESIZE: &str = "{use: resize, with: {width: 203, height: 149, fit: stretch}, on-error: ON}";
const RED: [f64; 3] = [254.0, 0.0, 0.0];

/// The outcome of `mattebox apply` for a picture: the result, if there is one, the numbers, and
/// what was told.
fn apply(filters: &str, picture: &[u8]) -> (Option<Vec<u8>>, Value, String) {
    let filters = filters.replace(": ON", ": bypass");
    let folder = Folder::with(&format!(
        "streams:\n  s:\n    quality: 95\n    filters: [{filters}]\n"
    ));
    folder.write("a.png", png(40, 30, [255, 0, 0, 255]));
    folder.write("in.jpg", picture);
    let output = folder.run(&["apply", "--json", "--allow-failures", "-o", "out", "in.jpg"]);
    let numbers = serde_json::from_str(&stdout(&output)).unwrap_or_default();
    let result = std::fs::read(folder.path().join("out/in.jpg")).ok();
    assert_eq!(result.is_some(), output.status.success());
    (result, numbers, stderr(&output))
}

/// `picture` with the bytes at `at`, counted from its SOF0, changed.
fn with_header(picture: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut changed = picture.to_vec();
    let sof = picture.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let at = sof.unwrap() + at;
    changed[at..at + new.len()].copy_from_slice(new);
    changed
}

/// A JPEG of 12-bit samples, for all that its header says.
fn twelve_bits() -> Vec<u8> {
    with_header(&jpeg("420.jpg"), 4, &[12])
}

/// `restart.jpg` without the second of its five intervals.
fn lost_slice() -> Vec<u8> {
    let whole = jpeg("restart.jpg");
    let marker = |code| whole.windows(2).position(|pair| pair == [0xff, code]);
    let (from, to) = (marker(0xd0).unwrap(), marker(0xd1).unwrap());
    [&whole[..from], &whole[to..]].concat()
}

/// The height once more, behind the picture.
fn with_dnl(picture: &[u8]) -> Vec<u8> {
    let (picture, end) = picture.split_at(picture.len() - 2);
    [picture, b"\xff\xdc\0\x04\0\x95", end].concat()
}

fn part(image: &RgbImage, (x, y, width, height): (u32, u32, u32, u32)) -> RgbImage {
    image::imageops::crop_imm(image, x, y, width, height).to_image()
}

#[test]
fn odd_kinds_are_drawn_on_and_resized() {
    let slice = lost_slice();
    let double = [b"\xff\xd8", &jpeg("420.jpg")[..]].concat();
    for (name, picture, path, like) in [
        ("multiscan", jpeg("multiscan.jpg"), "recode", "420.jpg"),
        ("partscan", jpeg("partscan.jpg"), "recode", "420.jpg"),
        ("arithmetic", jpeg("arithmetic.jpg"), "recode", "420.jpg"),
        (
            "both",
            jpeg("arithmetic-progressive.jpg"),
            "recode",
            "420.jpg",
        ),
        ("3x1", jpeg("3x1.jpg"), "recode", "444.jpg"),
        ("finer", jpeg("finer.jpg"), "splice", "444.jpg"),
        ("dnl", with_dnl(&jpeg("420.jpg")), "splice", "420.jpg"),
        ("double", double, "splice", "420.jpg"),
        ("slice", slice.clone(), "recode", "420.jpg"),
    ] {
        let like = decode(&jpeg(like));
        // Of the finer one, luma has half the samples; of the other, rows 32 to 63 are lost.
        let (area, least) = match name {
            "finer" => ((80, 64, 120, 80), 24.0),
            "slice" => ((0, 66, 203, 80), 32.0),
            _ => ((80, 40, 120, 100), 32.0),
        };
        let (result, numbers, told) = apply(WATERMARK, &picture);
        assert_eq!(numbers["paths"][path], 1, "{name}: {numbers} {told}");
        let result = result.unwrap();
        assert!(result.starts_with(b"\xff\xd8\xff"), "{name}");
        assert_ne!(result[3], 0xd8, "{name}");
        // The judge doesn't know DNL, nor luma that is coarser than chroma.
        if !matches!(name, "dnl" | "finer") {
            let result = decode(&result);
            assert!(is_near(mean(&result, 24, 24, 24, 6), RED), "{name}");
            let psnr = psnr(&part(&result, area), &part(&like, area));
            assert!(psnr > least, "{name}: {psnr} dB");
        }
        let (result, numbers, _) = apply(RESIZE, &picture);
        assert_eq!(numbers["paths"]["recode"], 1, "{name}: {numbers}");
        let result = decode(&result.unwrap());
        let psnr = psnr(&part(&result, area), &part(&like, area));
        assert!(psnr > least, "{name} resized: {psnr} dB");
    }
    // As libjpeg shows it: nothing but grey.
    let resized = decode(&apply(RESIZE, &slice).0.unwrap());
    assert!(is_near(mean(&resized, 0, 36, 203, 24), [128.0; 3]));
}

/// `picture` with these segments before all others in the place of its APP0 and APP14, and its
/// components called `ids`.
fn remarked(picture: &[u8], segments: &[(u8, &[u8])], ids: &[u8]) -> Vec<u8> {
    let segment = |marker, payload: &[u8]| {
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], payload].concat()
    };
    let new = segments
        .iter()
        .map(|&(marker, payload)| segment(marker, payload));
    let mut changed = [vec![0xff, 0xd8], new.flatten().collect()].concat();
    let mut rest = &picture[2..];
    loop {
        let marker = rest[1];
        let (head, behind) = rest.split_at(2 + usize::from(rest[2]) * 256 + usize::from(rest[3]));
        let mut payload = head[4..].to_vec();
        for (at, id) in ids.iter().enumerate() {
            match marker {
                0xc0 => payload[6 + at * 3] = *id,
                0xda => payload[1 + at * 2] = *id,
                _ => {}
            }
        }
        if !matches!(marker, 0xe0 | 0xee) {
            changed.extend(segment(marker, &payload));
        }
        rest = behind;
        if marker == 0xda {
            return [changed, rest.to_vec()].concat();
        }
    }
}

const JFIF: &[u8] = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
const ADOBE: [&[u8]; 4] = [
    b"Adobe\0\x64\0\0\0\0\0",
    b"Adobe\0\x64\0\0\0\0\x01",
    b"Adobe\0\x64\0\0\0\0\x02",
    b"Adobe\0\x64\0\0\0\0\x07",
];

/// All ways to tell the meaning of three components, and whether libjpeg takes them for RGB.
fn three_components() -> Vec<(Vec<u8>, bool)> {
    let source = jpeg("444.jpg");
    let short = [&JFIF[..13], &ADOBE[0][..11]];
    let mut all = Vec::new();
    for ids in [[1, 2, 3], *b"RGB", [0, 1, 2], [1, 1, 1], *b"rgb"] {
        for jfif in [&[][..], &[(0xe0, JFIF)], &[(0xe0, short[0])]] {
            let adobe = ADOBE.into_iter().chain([short[1]]).map(Some);
            for adobe in adobe.chain([None]) {
                let segments: Vec<_> = jfif
                    .iter()
                    .copied()
                    .chain(adobe.map(|it| (0xee, it)))
                    .collect();
                let has = |payload| segments.iter().any(|it| it.1 == payload);
                let names_rgb = ids == *b"RGB" && !ADOBE.into_iter().any(has);
                let is_rgb = !has(JFIF) && (has(ADOBE[0]) || names_rgb);
                all.push((remarked(&source, &segments, &ids), is_rgb));
            }
        }
    }
    all
}

/// Draws on the pictures and resizes them, as they are and turned, and compares what `judge` makes
/// of it with what it makes of them: is it the same beside the drawing? `judge` knows them by their
/// place, `spliced` says which can be.
fn on_every_path(pictures: &[Vec<u8>], spliced: &[bool], judge: impl Fn(usize, &[u8]) -> RgbImage) {
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turn = |picture: &Vec<u8>| [&picture[..2], exif, &picture[2..]].concat();
    let turned: Vec<_> = pictures.iter().map(turn).collect();
    let across = RESIZE.replace("203, height: 149", "149, height: 203");
    for (step, pictures, orientation) in [
        (WATERMARK, pictures, 1),
        (RESIZE, pictures, 1),
        (&across, &turned, 6),
    ] {
        let folder = Folder::with(&format!(
            "streams: {{ s: {{ quality: 95, filters: [{}] }} }}",
            step.replace(": ON", ": bypass")
        ));
        folder.write("a.png", png(40, 30, [255, 0, 0, 255]));
        let names: Vec<_> = (0..pictures.len()).map(|at| format!("{at}.jpg")).collect();
        for (name, picture) in names.iter().zip(pictures) {
            folder.write(name, picture);
        }
        let names = names.iter().map(String::as_str);
        let arguments = ["apply", "--json", "-o", "out"].into_iter().chain(names);
        let output = folder.run(&arguments.collect::<Vec<_>>());
        let numbers: Value = serde_json::from_str(&stdout(&output)).unwrap_or_default();
        let splices = if step == WATERMARK {
            spliced.iter().filter(|it| **it).count()
        } else {
            0
        };
        let recodes = pictures.len() - splices;
        assert_eq!(
            numbers["paths"]["splice"],
            splices,
            "{step} {}",
            stderr(&output)
        );
        assert_eq!(
            numbers["paths"]["recode"],
            recodes,
            "{step} {}",
            stderr(&output)
        );
        for (at, picture) in pictures.iter().enumerate() {
            let expected = shown(judge(at, picture), orientation);
            let result = judge(at, &folder.read(&format!("out/{at}.jpg")));
            let area = (expected.width() - 60, 10, 50, 130);
            let psnr = psnr(&part(&result, area), &part(&expected, area));
            assert!(psnr > 30.0, "{step}: {psnr} dB {:x?}", &picture[..60]);
        }
    }
}

#[test]
fn colours_are_what_libjpeg_takes_them_for_on_every_path() {
    let (pictures, is_rgb): (Vec<_>, Vec<_>) = three_components().into_iter().unzip();
    let spliced: Vec<_> = is_rgb.iter().map(|it| !it).collect();
    on_every_path(&pictures, &spliced, |at, picture| {
        // The judge knows these two ways to tell. What was coded anew has the usual one.
        let is_new = is_rgb[at] && picture[2..].starts_with(b"\xff\xe0\0\x10JFIF\0");
        match is_rgb[at] && !is_new {
            true => decode(&remarked(picture, &[], b"RGB")),
            false => decode(&remarked(picture, &[(0xe0, JFIF)], &[1, 2, 3])),
        }
    });
}

#[test]
#[ignore = "needs djpeg (Debian: libjpeg-turbo-progs)"]
fn colours_are_what_djpeg_takes_them_for_on_every_path() {
    let (mut pictures, is_rgb): (Vec<_>, Vec<_>) = three_components().into_iter().unzip();
    let mut spliced: Vec<_> = is_rgb.iter().map(|it| !it).collect();
    for adobe in 0..=ADOBE.len() {
        let adobe = ADOBE.get(adobe).map(|it| (0xee, *it));
        for jfif in [None, Some((0xe0, JFIF))] {
            let segments: Vec<_> = jfif.into_iter().chain(adobe).collect();
            pictures.push(remarked(&jpeg("cmyk.jpg"), &segments, &[1, 2, 3, 4]));
            spliced.push(false);
        }
    }
    on_every_path(&pictures, &spliced, |_, picture| djpeg(picture));
}

/// `picture` without its Huffman tables of these classes and numbers.
fn without_tables(picture: &[u8], tables: &[u8]) -> Vec<u8> {
    let mut rest = picture.to_vec();
    for &table in tables {
        let is_it = |it: &[u8]| it[..2] == [0xff, 0xc4] && it[4] == table;
        let at = rest.windows(5).position(is_it).unwrap();
        let length = usize::from(rest[at + 2]) * 256 + usize::from(rest[at + 3]);
        rest.drain(at..at + 2 + length);
    }
    rest
}

#[test]
fn huffman_tables_that_are_missing_are_the_standard_ones_and_names_may_be_equal() {
    let whole = jpeg("444.jpg");
    let mut pictures = Vec::new();
    for missing in 1..16 {
        let tables: Vec<_> = [0x00, 0x01, 0x10, 0x11].into_iter().enumerate().collect();
        let tables = tables.iter().filter(|(at, _)| missing >> at & 1 == 1);
        let tables: Vec<_> = tables.map(|(_, table)| *table).collect();
        pictures.push(without_tables(&whole, &tables));
    }
    for ids in [[1, 1, 1], [1, 1, 2], [1, 2, 1], [2, 1, 1]] {
        pictures.push(remarked(&whole, &[(0xe0, JFIF)], &ids));
    }
    let expected = decode(&whole);
    on_every_path(&pictures, &[true; 19], |at, picture| {
        match picture.ends_with(&pictures[at][2..]) {
            true => expected.clone(),
            false => decode(&remarked(picture, &[(0xe0, JFIF)], &[1, 2, 3])),
        }
    });
}

#[test]
fn broken_pictures_are_left_out_each_with_a_sentence() {
    let folder = Folder::with("streams: { s: { filters: [{ use: timestamp }] } }");
    let no_height = with_header(&jpeg("420.jpg"), 5, &[0, 0]);
    let at = no_height.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let (head, rest) = no_height.split_at(at.unwrap());
    folder.write("height.jpg", with_dnl(&no_height));
    folder.write("start.jpg", [head, b"\xff\xd8", rest].concat());
    folder.write("cut.jpg", jpeg("cut.jpg"));
    folder.write("good.jpg", jpeg("420.jpg"));
    let names = ["height.jpg", "start.jpg", "cut.jpg", "good.jpg"];
    let output = folder.run(&[&["apply", "-o", "out"], &names[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for words in [
        "height.jpg: the JPEG tells its height only behind the picture (DNL)",
        "start.jpg: the JPEG is damaged: it starts twice",
        "cut.jpg: the JPEG is cut off",
        "3 of 4 pictures gave no result",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(decode(&folder.read("out/good.jpg")).width(), 203);
}

#[test]
fn a_picture_that_cant_be_drawn_on_goes_by_on_error() {
    let picture = twelve_bits();
    const WHY: &str =
        "the camera's picture can't be decoded: the JPEG has samples of 12 bits, not 8";
    for (step, name) in [(WATERMARK, "watermark"), (RESIZE, "resize")] {
        let (result, numbers, told) = apply(&step.replace("ON", "bypass"), &picture);
        assert_eq!(result.as_ref(), Some(&picture), "{name}");
        assert_eq!(numbers["paths"]["passthrough"], 1, "{name}: {numbers}");
        assert!(told.contains(WHY), "{told}");
        let (result, _, told) = apply(&step.replace("ON", "drop"), &picture);
        assert_eq!(result, None, "{name}");
        let words = format!("in.jpg: {WHY}, and `{name}` is set to `drop`");
        assert!(told.contains(&words), "{told}");
    }
    // Each step has its own say, the other's drawings included.
    let both = |first: &str, second: &str| {
        let steps = [WATERMARK.replace("ON", first), RESIZE.replace("ON", second)];
        apply(&steps.join(","), &picture).0
    };
    assert_eq!(both("bypass", "bypass"), Some(picture.clone()));
    assert_eq!(both("drop", "bypass"), None);
    assert_eq!(both("bypass", "drop"), None);
}

#[test]
fn viewers_see_the_picture_that_cant_be_drawn_on_and_the_api_says_why() {
    for (on_error, shown) in [("bypass", true), ("drop", false)] {
        let folder = Folder::with(&format!(
            "streams:\n  s:\n    source: {{driver: files, path: in.jpg, fps: 50}}\n    \
             filters: [{}]\n",
            WATERMARK.replace("ON", on_error)
        ));
        folder.write("a.png", png(40, 30, [255, 0, 0, 255]));
        folder.write("in.jpg", twelve_bits());
        let server = Server::start(folder);
        let mut viewer = server.watch("s");
        if shown {
            assert_eq!(viewer.next().unwrap().jpeg, twelve_bits());
            assert_eq!(viewer.next().unwrap().jpeg, twelve_bits());
        }
        let report = server.until("s", |report| report["filters"][0]["state"] == "failing");
        let error = report["filters"][0]["last_error"].as_str().unwrap();
        assert!(error.contains("samples of 12 bits"), "{error}");
        let dropped = server.until("s", |report| shown || report["frames_dropped"] != 0);
        assert_eq!(dropped["frames_dropped"] == 0, shown);
    }
}

/// A first picture that tells of a second, and both as one file (CIPA DC-007).
fn mpo() -> (Vec<u8>, Vec<u8>) {
    let (first, second) = (jpeg("420.jpg"), jpeg("grey.jpg"));
    let mut index = b"MM\0\x2a\0\0\0\x08\0\x01\xb0\x02\0\x07\0\0\0\x20\0\0\0\x1a\0\0\0\0".to_vec();
    let length = first.len() + 2 + 2 + 4 + index.len() + 32;
    // Places are counted from the index on, which stands behind SOI, the marker, the length and
    // "MPF".
    let numbers = [0, 0, 0, 0, 0, second.len(), length - 10, 0];
    index.extend(numbers.map(|it| (it as u32).to_be_bytes()).concat());
    let size = (index.len() as u16 + 6).to_be_bytes();
    let first = [
        b"\xff\xd8\xff\xe2",
        &size[..],
        b"MPF\0",
        &index,
        &first[2..],
    ]
    .concat();
    assert_eq!(first.len(), length);
    let both = [first.clone(), second].concat();
    (first, both)
}

#[test]
fn a_recording_of_odd_pictures_gives_the_good_ones() {
    let (first, both) = mpo();
    let good = jpeg("422.jpg");
    let no_height = with_header(&jpeg("420.jpg"), 5, &[0, 0]);
    let recording = [
        &[0xff, 0xd8][..],
        &good,
        b"rubbish",
        &both,
        &both,
        &with_dnl(&no_height),
        &good[..good.len() / 2],
        &jpeg("arithmetic.jpg"),
        &lost_slice(),
    ]
    .concat();
    let folder = Folder::with(
        "streams: { s: { source: { driver: files, path: in.mjpeg, fps: 5, loop: false } } }",
    );
    folder.write("in.mjpeg", recording);
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    for expected in [
        &good,
        &first,
        &first,
        &jpeg("arithmetic.jpg"),
        &lost_slice(),
    ] {
        assert!(viewer.next().unwrap().jpeg == *expected);
    }
    let report = server.until("s", |report| report["frames_broken"] == 2);
    assert_eq!(report["frames_in"], 5, "{report}");
    let log = server.log();
    assert!(
        log.contains("tells its height only behind the picture (DNL)"),
        "{log}"
    );
}

#[test]
fn a_network_camera_that_sends_two_pictures_in_one_shows_the_first() {
    let (first, both) = mpo();
    let camera = HttpCamera::new(move |_, socket| stream(socket, std::slice::from_ref(&both)));
    let url = format!("http://{}/", camera.address);
    let server = Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: '{url}' }} }} }}"
    )));
    let mut viewer = server.watch("s");
    for _ in 0..4 {
        // With or without the second behind it.
        assert!(viewer.next().unwrap().jpeg.starts_with(&first));
    }
}

/// An upright picture as it would be stored under `orientation`, with Exif data that says so.
fn turned(upright: &RgbImage, orientation: u8, is_big_endian: bool) -> Vec<u8> {
    // The way back of a quarter turn is the other one.
    let back = match orientation {
        6 => 8,
        8 => 6,
        other => other,
    };
    let stored = shown(upright.clone(), back);
    let mut jpeg = std::io::Cursor::new(Vec::new());
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95);
    encoder.encode_image(&stored).unwrap();
    let jpeg = jpeg.into_inner();
    let exif: &[u8] = if is_big_endian {
        b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0O\0\0\0\0\0\0"
    } else {
        b"\xff\xe1\0\x22Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0O\0\0\0\0\0\0\0"
    };
    let exif: Vec<u8> = exif
        .iter()
        .map(|&it| if it == b'O' { orientation } else { it })
        .collect();
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

/// The picture as another library turns it.
fn shown(stored: RgbImage, orientation: u8) -> RgbImage {
    let mut image = DynamicImage::ImageRgb8(stored);
    image.apply_orientation(Orientation::from_exif(orientation).unwrap());
    image.into_rgb8()
}

/// The orientation that a JPEG tells, as another library reads it.
fn told_orientation(jpeg: &[u8]) -> u8 {
    let at = jpeg.windows(6).position(|it| it == b"Exif\0\0");
    let exif = at.map(|at| &jpeg[at + 6..]);
    let told = exif.and_then(Orientation::from_exif_chunk);
    told.map_or(1, Orientation::to_exif)
}

#[test]
fn drawings_are_upright_however_the_picture_is_stored() {
    let upright = decode(&jpeg("444.jpg"));
    // Something that looks different from each side, and lies at no edge of a block.
    let sign = "{use: watermark, with: {image: sign.png, position: top-left, margin: 13}},
        {use: watermark, with: {image: a.png, position: bottom-right, margin: 5}}";
    let folder = Folder::with(&format!(
        "streams: {{ s: {{ quality: 95, filters: [{sign}] }} }}"
    ));
    let mut image = image::RgbaImage::from_pixel(52, 34, image::Rgba([255, 0, 0, 255]));
    image::imageops::replace(
        &mut image,
        &image::RgbaImage::from_pixel(12, 9, image::Rgba([0, 0, 255, 255])),
        0,
        0,
    );
    image.save(folder.path().join("sign.png")).unwrap();
    folder.write("a.png", png(40, 30, [0, 255, 0, 255]));
    let mut expected = None;
    for orientation in 1..=8 {
        folder.write(
            "in.jpg",
            turned(&upright, orientation, orientation % 2 == 0),
        );
        let output = folder.run(&["apply", "--json", "-o", "out", "in.jpg"]);
        let numbers: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(
            numbers["paths"]["splice"],
            1,
            "{orientation}: {}",
            stderr(&output)
        );
        let result = folder.read("out/in.jpg");
        assert_eq!(told_orientation(&result), orientation);
        let result = shown(decode(&result), orientation);
        assert_eq!(result.dimensions(), upright.dimensions(), "{orientation}");
        for (x, y, color) in [
            (14, 14, [0.0, 0.0, 254.0]),
            (30, 30, RED),
            (164, 120, [0.0, 255.0, 1.0]),
        ] {
            let found = mean(&result, x, y, 8, 5);
            assert!(
                is_near(found, color),
                "{orientation} at {x}, {y}: {found:?}"
            );
        }
        let expected = expected.get_or_insert_with(|| result.clone());
        let psnr = psnr(&result, expected);
        assert!(psnr > 33.0, "{orientation}: {psnr} dB");
    }
}

#[test]
fn transforms_see_the_picture_upright_and_their_answer_is() {
    let upright = decode(&jpeg("444.jpg"));
    // One side is given, so that the other tells what the filter was told.
    let steps = "{use: resize, with: {width: 102}}, {use: watermark, with: {image: a.png, \
        position: top-left, margin: 0}}";
    let mut expected = None;
    for orientation in 1..=8 {
        let stored = turned(&upright, orientation, orientation % 2 == 1);
        let (result, numbers, told) = apply(steps, &stored);
        assert_eq!(numbers["paths"]["recode"], 1, "{orientation}: {told}");
        let result = result.unwrap();
        assert_eq!(told_orientation(&result), 1);
        let result = decode(&result);
        assert_eq!(result.dimensions(), (102, 75), "{orientation}");
        assert!(is_near(mean(&result, 8, 8, 24, 16), RED), "{orientation}");
        let expected = expected.get_or_insert_with(|| result.clone());
        let psnr = psnr(&result, expected);
        assert!(psnr > 33.0, "{orientation}: {psnr} dB");
    }
}

#[test]
fn what_is_only_drawn_on_may_be_recoded_upright_too() {
    let upright = decode(&jpeg("444.jpg"));
    // So large that it is cheaper drawn on pixels.
    let folder = Folder::with(
        "streams: { s: { quality: 95, filters: [
            {use: watermark, with: {image: veil.png, position: top-left, margin: 0}},
            {use: watermark, with: {image: a.png, position: top-left, margin: 0}}] } }",
    );
    folder.write("veil.png", veil(160, 149));
    folder.write("a.png", png(140, 100, [255, 0, 0, 255]));
    for orientation in 1..=8 {
        folder.write("in.jpg", turned(&upright, orientation, true));
        let output = folder.run(&["apply", "--json", "-o", "out", "in.jpg"]);
        let numbers: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let told = stderr(&output);
        assert_eq!(numbers["paths"]["recode"], 1, "{orientation}: {told}");
        let result = folder.read("out/in.jpg");
        assert_eq!(told_orientation(&result), 1);
        let result = decode(&result);
        assert!(is_near(mean(&result, 8, 8, 124, 84), RED), "{orientation}");
        let area = (172, 0, 31, 149);
        let psnr = psnr(&part(&result, area), &part(&upright, area));
        assert!(psnr > 30.0, "{orientation}: {psnr} dB");
    }
}

#[test]
fn a_turned_picture_passes_as_it_is_and_its_size_is_told_as_seen() {
    let stored = turned(&decode(&jpeg("444.jpg")), 6, false);
    assert_eq!(decode(&stored).dimensions(), (149, 203));
    let folder =
        Folder::with("streams: { s: { source: { driver: files, path: in.jpg, fps: 50 } } }");
    folder.write("in.jpg", &stored);
    let server = Server::start(folder);
    assert!(server.watch("s").next().unwrap().jpeg == stored);
    let report = server.until("s", |report| report["width"] != Value::Null);
    assert_eq!(
        (&report["width"], &report["height"]),
        (&203.into(), &149.into())
    );
}

#[test]
fn broken_exif_data_turns_nothing() {
    let upright = decode(&jpeg("444.jpg"));
    for (at, new) in [
        (10, 0x49),
        (13, 43),
        (17, 200),
        (19, 0xff),
        (29, 9),
        (29, 0),
    ] {
        let mut stored = turned(&upright, 6, true);
        stored[2 + at] = new;
        let (result, _, _) = apply("{use: resize, with: {width: 102}}", &stored);
        let result = result.unwrap();
        assert_eq!(decode(&result).dimensions(), (102, 139), "{at}");
        assert_eq!(told_orientation(&result), 1, "{at}");
    }
}
