//! Privacy masks: what they cover never leaves the server, whatever the picture, the path or the
//! moment.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use image::RgbImage;
use serde_json::{Value, json};

use crate::support::camera::{HttpCamera, part, stream, stream_head, tick};
use crate::support::hostile::slow_to_compile;
use crate::support::http::get;
use crate::support::picture::{decode, djpeg, is_near, jpeg, mean};
use crate::support::server::{Server, until};
use crate::support::{Folder, stderr};

const BLACK: [f64; 3] = [0.0; 3];
/// The middle of the picture, as parts of it and as pixels of the test pictures.
const AREA: &str = "0.3,0.3,0.7,0.3,0.7,0.7,0.3,0.7";
const PIXELS: (u32, u32, u32, u32) = (61, 45, 81, 59);

/// `mattebox apply` with these masks.
fn apply(masks: &str, picture: &[u8]) -> Result<Vec<u8>, String> {
    let folder = Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: demo, masks: [{masks}] }} }} }}"
    ));
    folder.write("in.jpg", picture);
    let output = folder.run(&["apply", "-o", "out", "in.jpg"]);
    match output.status.success() {
        true => Ok(folder.read("out/in.jpg")),
        false => Err(stderr(&output)),
    }
}

fn mask(rest: &str) -> String {
    format!("{{ name: middle, area: \"{AREA}\"{rest} }}")
}

fn is_black(image: &RgbImage, (x, y, width, height): (u32, u32, u32, u32)) -> bool {
    is_near(mean(image, x, y, width, height), BLACK)
}

/// What libjpeg-turbo shows, or another decoder if it is called grey.
fn see(name: &str, jpeg: &[u8]) -> RgbImage {
    match name.contains("gr") {
        true => decode(jpeg),
        false => djpeg(jpeg),
    }
}

#[test]
fn every_kind_of_picture_is_masked() {
    for name in [
        "3x1.jpg",
        "411.jpg",
        "420.jpg",
        "422.jpg",
        "440.jpg",
        "444.jpg",
        "arithmetic-progressive.jpg",
        "arithmetic.jpg",
        "cmyk.jpg",
        "comment.jpg",
        "ffmpeg.jpg",
        "fill.jpg",
        "finer.jpg",
        "grey.jpg",
        "multiscan.jpg",
        "nodht.jpg",
        "optimized.jpg",
        "partscan.jpg",
        "progressive.jpg",
        "restart.jpg",
    ] {
        let masked = see(name, &apply(&mask(""), &jpeg(name)).unwrap());
        assert!(is_black(&masked, PIXELS), "{name}");
        // All that is more than two blocks away is still there.
        assert!(!is_black(&masked, (0, 0, 203, 13)), "{name}");
        assert!(!is_black(&masked, (175, 0, 28, 149)), "{name}");
        let bytes = apply(&mask(""), &jpeg(name)).unwrap();
        assert!(!bytes.windows(4).any(|it| it == b"left"), "{name}: comment");
    }
}

/// A picture of two halves, one of which a mask covers, coded in all the ways that there are here.
pub fn coded(image: &RgbImage) -> Vec<(String, Vec<u8>)> {
    let ways = [
        "-sample 1x1",
        "-sample 2x1",
        "-sample 2x2",
        "-sample 4x1",
        "-grayscale",
        "-progressive",
        "-arithmetic",
        "-restart 1",
        "-sample 1x2 -smooth 40",
    ];
    ways.map(|way| (way.to_owned(), cjpeg(way, image))).into()
}

fn cjpeg(options: &str, image: &RgbImage) -> Vec<u8> {
    let folder = Folder::new();
    let head = format!("P6 {} {} 255\n", image.width(), image.height());
    folder.write("in.ppm", [head.as_bytes(), image].concat());
    let output = std::process::Command::new("cjpeg")
        .args(options.split(' '))
        .arg(folder.path().join("in.ppm"))
        .output()
        .expect("libjpeg-turbo-progs are installed");
    assert!(output.status.success(), "{options}");
    output.stdout
}

/// Noise below the mask, or one colour; the same elsewhere.
fn scene(below: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
    RgbImage::from_fn(320, 240, |x, y| {
        let is_below = (96..224).contains(&x) && (80..160).contains(&y);
        image::Rgb(match is_below {
            true => below(x, y),
            false => [(x % 256) as u8, (y % 256) as u8, ((x + y) % 256) as u8],
        })
    })
}

#[test]
fn what_is_below_a_mask_makes_no_difference_to_the_picture() {
    let noise = scene(|x, y| {
        [
            (x * 37 % 256) as u8,
            (y * 91 % 256) as u8,
            (x * y % 256) as u8,
        ]
    });
    let plain = scene(|_, _| [250, 10, 200]);
    // Of 16 pixels more than the scene's part, for encoders that mix neighbours.
    let mask = "{ name: m, area: \"80,64,240,64,240,176,80,176\", fill: green }";
    for ((way, one), (_, other)) in coded(&noise).into_iter().zip(coded(&plain)) {
        let [one, other] = [one, other].map(|it| see(&way, &apply(mask, &it).unwrap()));
        assert!(one == other, "{way}");
    }
}

#[test]
fn nor_does_it_where_the_mask_ends_within_blocks_and_the_picture_is_decoded() {
    let scene = |below: [u8; 2]| {
        RgbImage::from_fn(330, 250, |x, y| {
            let is_below = (101..203).contains(&x) && (67..151).contains(&y);
            image::Rgb(match is_below {
                true => [below[(x / 3 % 2) as usize], below[(y / 3 % 2) as usize], 90],
                false => [(x % 256) as u8, (y % 256) as u8, ((x + y) % 256) as u8],
            })
        })
    };
    let mask = "{ name: m, area: \"101,67,203,67,203,151,101,151\", fill: green }";
    for sampling in ["1x1", "2x1", "2x2", "4x1", "1x4", "4x2", "1x1,2x2,2x2"] {
        let way = format!("-progressive -sample {sampling}");
        let pictures = [[0, 255], [255, 0]].map(|below| cjpeg(&way, &scene(below)));
        let [one, other] = pictures.map(|it| see(&way, &apply(mask, &it).unwrap()));
        assert!(one == other, "{way}");
    }
}

#[test]
fn nothing_is_left_behind_what_says_how_the_colours_are_coded() {
    // Adobe's segment of 12 bytes, which tells of YCbCr, and more.
    let adobe = b"\xff\xee\0\x14Adobe\0\x64\0\0\0\0\x01SECRET";
    for name in ["420.jpg", "progressive.jpg"] {
        let picture = jpeg(name);
        let picture = [&picture[..2], adobe, &picture[2..]].concat();
        let masked = apply(&mask(""), &picture).unwrap();
        assert!(!masked.windows(6).any(|bytes| bytes == b"SECRET"), "{name}");
        assert!(is_black(&see(name, &masked), PIXELS), "{name}");
    }
}

#[test]
fn a_turned_picture_is_masked_as_people_see_it() {
    let exif = |orientation: u8| {
        let tiff = [
            &b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
            &[orientation, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        [&[0xff, 0xe1, 0, tiff.len() as u8 + 2][..], &tiff].concat()
    };
    for name in ["420.jpg", "progressive.jpg"] {
        for (orientation, stored) in [
            (1, (0, 0, 60, 40)),
            (2, (143, 0, 60, 40)),
            (3, (143, 109, 60, 40)),
            (4, (0, 109, 60, 40)),
            (5, (0, 0, 60, 40)),
            (6, (0, 109, 60, 40)),
            (7, (143, 109, 60, 40)),
            (8, (143, 0, 60, 40)),
        ] {
            let picture = jpeg(name);
            let turned = [&picture[..20], &exif(orientation), &picture[20..]].concat();
            let corner = "{ name: c, area: \"0,0,0.3,0,0.3,0.3,0,0.3\" }";
            let masked = apply(corner, &turned).unwrap();
            let tells = masked.windows(13).any(|it| {
                it[..9] == *b"\x12\x01\x03\0\x01\0\0\0\x01" && orientation == 1
                    || it[..8] == *b"\x12\x01\x03\0\x01\0\0\0" && it[8] == orientation
            });
            assert!(tells || orientation == 1, "{name}: {orientation}");
            assert!(is_black(&djpeg(&masked), stored), "{name}: {orientation}");
        }
    }
}

#[test]
fn a_picture_that_cant_be_masked_is_not_shown() {
    let mut twelve_bits = jpeg("420.jpg");
    let sof = twelve_bits.windows(2).position(|it| it == [0xff, 0xc0]);
    twelve_bits[sof.unwrap() + 4] = 12;
    let error = apply(&mask(""), &twelve_bits).unwrap_err();
    assert!(error.contains("bits"), "{error}");

    let camera = HttpCamera::new(move |_, socket| {
        stream_head(socket)?;
        loop {
            part(socket, &twelve_bits)?;
        }
    });
    let server = Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: 'http://{}/', masks: [{}] }} }} }}",
        camera.address,
        mask("")
    )));
    let _viewer = server.watch("s");
    let report = server.until("s", |it| it["frames_broken"].as_u64() > Some(3));
    assert_eq!(report["frames_in"], 0, "{report}");
    let report = server.until("s", |it| it["state"] == "failing");
    let error = report["error"].to_string();
    assert!(
        error.contains("can't be masked, and is not shown"),
        "{error}"
    );
}

const TOKEN: &str = "admin-token: { env: TEST_TOKEN }";

fn files(masks: &str, rest: &str) -> Folder {
    let folder = Folder::with(&format!(
        "{TOKEN}
streams:
  s:
    source: {{ driver: files, path: 'frames/*.jpg', fps: 20, masks: [{masks}] }}
{rest}"
    ));
    folder.write("frames/a.jpg", jpeg("420.jpg"));
    folder.write("frames/b.jpg", jpeg("progressive.jpg"));
    folder
}

#[test]
fn every_way_out_is_masked() {
    let others = "  raw: { source: { stream: s } }
  filtered: { source: { stream: s, frames: filtered }, filters: [{ use: timestamp, \
        with: { position: bottom-right } }] }
  more:
    source: { stream: s, masks: [{ name: left, area: '0,0,0.2,0,0.2,1,0,1' }] }
";
    let server = Server::start(files(&mask(""), others));
    for name in ["s", "raw", "filtered", "more"] {
        let mut viewer = server.watch(name);
        for _ in 0..4 {
            let frame = decode(&viewer.next().unwrap().jpeg);
            assert!(is_black(&frame, PIXELS), "{name}");
            assert_eq!(is_black(&frame, (0, 0, 40, 149)), name == "more");
        }
        let snapshot = decode(&server.get(&format!("/{name}.jpg")).bytes());
        assert!(is_black(&snapshot, PIXELS), "{name}");
    }
    let report = server.report("s");
    assert_eq!(
        report["masks"],
        json!([{ "name": "middle", "is_on": true }])
    );
    assert!(["splice", "recode"].contains(&report["mask_path"].as_str().unwrap()));
}

fn patch(server: &Server, masks: &Value) -> u16 {
    let body = json!({ "source": { "masks": masks } });
    server.change("PATCH", "/api/v1/streams/s", &body).status
}

/// Whether the picture that is served now is masked.
fn is_masked(server: &Server) -> bool {
    let snapshot = get(server.address, "/s.jpg");
    assert_eq!(
        snapshot.status,
        200,
        "{:?}",
        snapshot.header("x-mattebox-error")
    );
    is_black(&decode(&snapshot.bytes()), PIXELS)
}

#[test]
fn from_its_answer_on_a_new_mask_covers_and_the_camera_goes_on() {
    let server = Server::start(files("", ""));
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    let opened = server.report("s")["frames_in"].as_u64().unwrap();
    let mask = json!([{ "name": "middle", "area": AREA }]);
    for _ in 0..10 {
        assert_eq!(patch(&server, &mask), 200);
        assert!(is_masked(&server));
        assert_eq!(patch(&server, &json!([])), 200);
        until(|| json!(is_masked(&server)), |it| it == &json!(false));
    }
    let report = server.report("s");
    assert!(report["frames_in"].as_u64().unwrap() > opened);
    assert_eq!(report["last_error"], Value::Null);
    assert_eq!(viewer.next().map(|_| ()), Some(()));
}

#[test]
fn an_old_picture_of_a_slow_camera_is_not_shown_once_it_has_to_be_masked() {
    // One picture whenever the test says so.
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let camera = HttpCamera::new(move |_, socket| {
        stream_head(socket)?;
        while released.lock().unwrap().recv().is_ok() {
            // A part is whole when the next one begins.
            part(socket, &jpeg("420.jpg"))?;
            part(socket, &jpeg("420.jpg"))?;
        }
        Ok(())
    });
    // Dropped before the camera, which ends with it.
    let release = release;
    let server = Server::start(Folder::with(&format!(
        "{TOKEN}\nstreams: {{ s: {{ source: {{ driver: http, url: 'http://{}/', \
         stall-timeout: 1h }} }} }}",
        camera.address
    )));
    release.send(()).unwrap();
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    assert!(!is_masked(&server));
    assert_eq!(patch(&server, &json!([{ "name": "m", "area": AREA }])), 200);
    thread::scope(|scope| {
        let asking = scope.spawn(|| is_masked(&server));
        while !asking.is_finished() {
            release.send(()).unwrap();
            tick();
        }
        assert!(asking.join().unwrap());
    });
    assert!(is_black(&decode(&viewer.next().unwrap().jpeg), PIXELS));
}

#[test]
fn a_mask_covers_while_the_filters_of_its_change_are_compiled() {
    let folder = files("", "");
    folder.write("slow.wasm", slow_to_compile(std::process::id()));
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    let file = server.folder().join("pipeline.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("masks: []", &format!("masks: [{}]", mask("")));
    std::fs::write(
        &file,
        format!("{text}    filters: [{{ use: ./slow.wasm }}]\n"),
    )
    .unwrap();
    until(|| json!(is_masked(&server)), |it| it == &json!(true));
    assert_eq!(server.report("s")["masks"], json!([]));
    // A change that does not come to pass leaves things as they were.
    std::fs::write(&file, text.replace("filters", "filtres")).unwrap();
    std::fs::write(&file, format!("{text}    filtres: []\n")).unwrap();
    until(|| json!(is_masked(&server)), |it| it == &json!(false));
}

#[test]
fn a_variable_switches_a_mask() {
    let server = Server::start(files(&mask(", when: 'owner = away'"), ""));
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    assert!(is_masked(&server));
    for _ in 0..5 {
        let set = |text| server.change("PUT", "/api/v1/variables/owner", &json!({ "text": text }));
        assert!(set("home").status < 300);
        until(|| json!(is_masked(&server)), |it| it == &json!(false));
        assert_eq!(server.report("s")["masks"][0]["is_on"], false);
        assert!(set("away").status < 300);
        assert!(is_masked(&server));
    }
}

#[test]
fn a_condition_that_never_comes_true_is_refused() {
    for (when, told) in [
        ("owner == away", "write `owner = away`"),
        ("owner = \"away\"", "write `owner = away`"),
        ("the owner = away", "a variable's name has 1 to 64 letters"),
    ] {
        let error = apply(&mask(&format!(", when: '{when}'")), &jpeg("420.jpg")).unwrap_err();
        let place = "pipeline.yaml:1:";
        assert!(error.starts_with(place) && error.contains(told), "{error}");
    }
}

#[test]
fn masks_stay_when_the_command_line_sets_the_source() {
    let server = Server::start_with(files(&mask(""), ""), |command| {
        command.args(["--source", "files:frames/a.jpg"]);
    });
    let _viewer = server.watch("s");
    assert!(is_masked(&server));
}

#[test]
fn another_camera_comes_with_its_own_masks_and_none_shows_what_either_hides() {
    let other = "{ name: top, area: '0,0,1,0,1,0.3,0,0.3' }";
    let folder = files(&mask(""), "");
    let (_, picture) = coded(&scene(|_, _| [250, 10, 200])).remove(0);
    folder.write("frames/other.mjpeg", picture);
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    let file = server.folder().join("pipeline.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace("frames/*.jpg", "frames/other.mjpeg")
        .replace(&mask(""), other);
    std::fs::write(&file, text).unwrap();
    loop {
        let frame = decode(&viewer.next().unwrap().jpeg);
        if frame.width() == 320 {
            assert!(is_black(&frame, (0, 0, 320, 70)));
            break;
        }
        assert!(is_black(&frame, PIXELS));
    }
}

#[test]
fn a_stream_that_was_never_masked_passes_as_it_is() {
    let camera = HttpCamera::new(|_, socket| stream(socket, &[jpeg("comment.jpg")]));
    let server = Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: 'http://{}/' }} }} }}",
        camera.address
    )));
    let frame = server.watch("s").next().unwrap().jpeg;
    assert!(frame == jpeg("comment.jpg"));
}
