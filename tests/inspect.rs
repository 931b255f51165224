//! Filters that inspect: what they find, what they tell, and who sees it.

use std::fmt::Write as _;

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::events::list;
use crate::support::picture::{decode, is_near, jpeg, mean};
use crate::support::server::{Server, until};
use crate::support::sse::Events;
use crate::support::{Folder, repository, stderr, stdout};

/// A yard of 640 × 480 pixels with a bright square of 80 at `x`.
pub fn yard(x: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(640, 480, |column, row| {
        let is_inside = (x..x + 80).contains(&column) && (200..280).contains(&row);
        Rgb(if is_inside {
            [230, 220, 40]
        } else {
            [90, 95, 90]
        })
    });
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 85);
    encoder.encode_image(&image).unwrap();
    bytes
}

/// A recording in which the square stands still and then walks to the left.
fn recording() -> Folder {
    let folder = Folder::new();
    for frame in 0..40 {
        let x = 520 - 8 * u32::saturating_sub(frame, 20) * 2;
        folder.write(&format!("f{frame:02}.jpg"), yard(x));
    }
    folder
}

fn server(filters: &str, rest: &str) -> Server {
    server_in(recording(), filters, rest)
}

/// A server of the recording in `folder`, with these filters, and `rest` in its source.
fn server_in(folder: Folder, filters: &str, rest: &str) -> Server {
    folder.write(
        "pipeline.yaml",
        format!(
            "admin-token: {{ env: TEST_TOKEN }}
streams:
  yard:
    source: {{ driver: files, path: 'f*.jpg', fps: 20, loop: true{rest} }}
    filters: [{filters}]
"
        ),
    );
    Server::start(folder)
}

const MOTION: &str = "{ use: motion, every: 50ms, with: { event-gap: 1s } }";

fn regions(server: &Server, is_it: impl Fn(&Value) -> bool) -> Value {
    server.until_get("/api/v1/streams/yard/regions", |found| {
        found["regions"]
            .as_array()
            .is_some_and(|all| all.iter().any(&is_it))
    })
}

/// The events of this kind, once they are so.
fn events_of(server: &Server, kind: &str, condition: impl Fn(&Value) -> bool) -> Value {
    until(|| list(server, &format!("?kind={kind}")), condition)
}

#[test]
fn what_moves_is_a_region_a_variable_an_event_and_a_box() {
    let server = server(
        &format!("{MOTION}, {{ use: boxes, with: {{ color: '#ff0000' }} }}"),
        "",
    );
    let mut viewer = server.watch("yard");
    let found = regions(&server, |it| it["label"] == "motion");
    let region = &found["regions"][0];
    assert_eq!(region["found_by"], "motion");
    assert_eq!(
        (
            region["picture_width"].as_u64(),
            region["picture_height"].as_u64()
        ),
        (Some(640), Some(480))
    );
    let edge = |key: &str| region["area"][key].as_u64().unwrap();
    assert!(
        (184..=200).contains(&edge("y")) && edge("height") >= 72,
        "{found:#}"
    );
    assert!(region["track"].is_u64(), "{found:#}");
    server.until_get("/api/v1/variables", |it| it["variables"]["motion"] == "on");
    let events = events_of(&server, "motion", |it| it["events"][0].is_object());
    let event = &events["events"][0];
    assert_eq!(
        (&event["stream"], &event["filter"]),
        (&json!("yard"), &json!("motion"))
    );
    let id = event["id"].as_str().unwrap();
    let picture = decode(&server.get(&format!("/api/v1/events/{id}/picture")).bytes());
    assert_eq!(picture.dimensions(), (640, 480));
    // A frame with a box.
    let is_red = |frame: &RgbImage| {
        let red = frame
            .pixels()
            .filter(|it| it[0] > 180 && it[1] < 80 && it[2] < 80);
        red.count() > 300
    };
    let mut frames = (0..400).map(|_| decode(&viewer.next().unwrap().jpeg));
    assert!(frames.any(|frame| is_red(&frame)));
    let report = server.report("yard");
    let step = &report["filters"][0];
    assert_eq!(
        (&step["kind"], &step["state"]),
        (&json!("inspect"), &json!("running"))
    );
    assert_eq!(step["every_seconds"], 0.05);
    // What the filter thinks, for whoever tunes it: the small picture twice.
    let id = step["id"].as_u64().unwrap();
    let shown = server.get(&format!("/api/v1/streams/yard/steps/{id}/picture"));
    assert_eq!(decode(&shown.bytes()).dimensions(), (160, 60));
}

#[test]
fn an_inspecting_filter_alone_leaves_the_cameras_bytes_as_they_are() {
    let server = server(MOTION, "");
    let mut viewer = server.watch("yard");
    let frame = viewer.next().unwrap().jpeg;
    let files =
        (0..40).map(|at| std::fs::read(server.folder().join(format!("f{at:02}.jpg"))).unwrap());
    assert!(files.into_iter().any(|file| file == frame));
    assert_eq!(server.report("yard")["path"], "passthrough");
}

#[test]
fn an_event_ends_when_nothing_moves_or_nobody_watches() {
    let server = server(MOTION, "");
    let viewer = server.watch("yard");
    let ended = |events: &Value| events["events"][0]["end"].is_string();
    events_of(&server, "motion", |it| it["events"][0].is_object());
    drop(viewer);
    // The camera is off after `idle-timeout`.
    server.until("yard", |report| report["state"] == "resting");
    let events = events_of(&server, "motion", ended);
    assert!(ended(&events));
    let found = server.get("/api/v1/streams/yard/regions").json();
    assert_eq!(found["regions"], json!([]));
}

#[test]
fn nothing_of_what_a_mask_covers_moves() {
    let masks = ", masks: [{ name: all, area: '0,0.3,1,0.3,1,0.7,0,0.7' }]";
    let server = server(MOTION, masks);
    let mut viewer = server.watch("yard");
    for _ in 0..100 {
        viewer.next().unwrap();
    }
    let calls = |report: &Value| report["filters"][0]["calls"].as_u64();
    server.until("yard", |report| calls(report) > Some(20));
    assert_eq!(
        server.get("/api/v1/streams/yard/regions").json()["regions"],
        json!([])
    );
    assert_eq!(list(&server, "?kind=motion")["events"], json!([]));
}

#[test]
fn an_event_begins_with_what_was_found() {
    let server = server(MOTION, "");
    let mut events = Events::new(server.get("/api/v1/events?kind=motion"));
    let _viewer = server.watch("yard");
    let begun = events.until(|event| event.data["end"].is_null());
    assert_eq!(
        begun.data["regions"][0]["label"], "motion",
        "{:#}",
        begun.data
    );
}

#[test]
fn a_mask_that_is_switched_is_no_motion() {
    let folder = Folder::new();
    folder.write("f0.jpg", yard(200));
    let area = "0,0,0.6,0,0.6,1,0,1";
    let mask =
        format!(", masks: [{{ name: m, area: '{area}', fill: white, when: 'owner = away' }}]");
    let server = server_in(folder, MOTION, &mask);
    let _viewer = server.watch("yard");
    let has_looked = || {
        let calls = || server.report("yard")["filters"][0]["calls"].clone();
        let before = calls().as_u64().unwrap();
        // More than two seconds of looks, of which the first are for learning.
        until(calls, |it| it.as_u64() >= Some(before + 45));
    };
    has_looked();
    for owner in ["home", "away", "home"] {
        set(&server, "owner", owner);
        has_looked();
    }
    assert_eq!(list(&server, "?kind=motion")["events"], json!([]));
}

#[test]
fn a_chain_changes_while_its_filters_inspect() {
    let server = server(MOTION, "");
    let _viewer = server.watch("yard");
    regions(&server, |_| true);
    let id = server.report("yard")["filters"][0]["id"].as_u64().unwrap();
    let step = format!("/api/v1/streams/yard/steps/{id}");
    let off = server.change("PATCH", &step, &json!({"enabled": false}));
    assert_eq!(off.status, 200);
    server.until_get("/api/v1/streams/yard/regions", |it| {
        it["regions"] == json!([])
    });
    let zones = json!({"enabled": true, "with": {"zones": {"left-side": "0,0,0.7,0,0.7,1,0,1"}}});
    assert_eq!(server.change("PATCH", &step, &zones).status, 200);
    regions(&server, |it| it["label"] == "left-side");
    let zones = json!({"with": {"zones": {"left-side": null, "near": "0,0,0.7,0,0.7,1,0,1"}}});
    assert_eq!(server.change("PATCH", &step, &zones).status, 200);
    regions(&server, |it| it["label"] == "near");
    assert_eq!(server.change("DELETE", &step, &json!({})).status, 204);
    server.until_get("/api/v1/streams/yard/regions", |it| {
        it["regions"] == json!([])
    });
}

#[test]
fn keys_that_mean_nothing_to_a_filter_are_refused_where_they_stand() {
    for (filter, why) in [
        (
            "{ use: timestamp, every: 1s }",
            "4:26: `every`: only for filters that inspect",
        ),
        (
            "{ use: motion, sees: all }",
            "4:23: `sees`: only for overlays",
        ),
        (
            "{ use: motion, on-error: drop }",
            "4:23: `on-error`: only for filters on the frames' way",
        ),
        ("{ use: motion, every: 1ms }", "10ms to 1h"),
    ] {
        let folder = Folder::with(&format!("streams:\n  s:\n    filters:\n     - {filter}\n"));
        let output = folder.run(&["check"]);
        assert_eq!(output.status.code(), Some(2), "{filter}");
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
}

#[test]
fn apply_inspects_by_the_times_of_the_pictures() {
    let folder = recording();
    let mut names = String::new();
    for at in 0..40 {
        let name = format!("f{at:02}.jpg");
        let taken =
            std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_795_437_296_000 + at * 200);
        let file = std::fs::File::options()
            .write(true)
            .open(folder.path().join(&name))
            .unwrap();
        file.set_modified(taken).unwrap();
        write!(names, "{name} ").unwrap();
    }
    folder.write(
        "pipeline.yaml",
        format!(
            "streams: {{ yard: {{ filters: [{MOTION}, {{ use: boxes, with: {{ color: '#ff0000', \
         text: '' }} }}] }} }}"
        ),
    );
    let mut arguments = vec!["apply", "-o", "out"];
    arguments.extend(names.split_whitespace());
    let output = folder.run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("frames: 40"));
    let last = decode(&folder.read("out/f39.jpg"));
    // The line of the box, round the square at 520 - 19 * 16.
    let is_red = |x: u32, y: u32| {
        let pixel = last.get_pixel(x, y);
        pixel[0] > 150 && pixel[1] < 110 && pixel[2] < 110
    };
    let red = (0..640)
        .flat_map(|x| (0..480).map(move |y| (x, y)))
        .filter(|(x, y)| is_red(*x, *y));
    let places: Vec<_> = red.collect();
    let near = places
        .iter()
        .filter(|(x, y)| (150..400).contains(x) && (170..310).contains(y));
    assert!(near.count() > 200, "{places:?}");
}

/// Modules that were built for 0.2.0 when that was the newest.
fn old(name: &str) -> Vec<u8> {
    std::fs::read(repository("tests/modules").join(name)).unwrap()
}

#[test]
fn an_overlay_sees_the_picture_only_where_the_pipeline_file_says_so() {
    let folder = Folder::new();
    folder.write("see.wasm", old("contract-0.2.0-overlay.wasm"));
    folder.write("in.jpg", jpeg("420.jpg"));
    let run = |step: &str| {
        folder.write(
            "pipeline.yaml",
            format!("streams: {{ s: {{ filters: [{step}] }} }}"),
        );
        folder.run(&["apply", "-o", "out", "in.jpg"])
    };
    let refused = run("{ use: ./see.wasm }");
    assert_eq!(refused.status.code(), Some(2));
    let told = stderr(&refused);
    assert!(
        told.contains("wants to see the picture; allow it with `sees: eighth`"),
        "{told}"
    );
    assert!(told.contains("`publish: true`"), "{told}");
    let allowed = run("{ use: ./see.wasm, sees: all, publish: true, on-error: drop }");
    assert!(allowed.status.success(), "{}", stderr(&allowed));
    // It fills the picture's left half with the average colour of the right one.
    let (before, after) = (decode(&jpeg("420.jpg")), decode(&folder.read("out/in.jpg")));
    let (width, height) = before.dimensions();
    let average = mean(&before, width / 2, 0, width - width / 2, height);
    assert!(is_near(mean(&after, 0, 0, width / 2 - 4, height), average));
    let eighth = run("{ use: ./see.wasm, sees: eighth, publish: true, on-error: drop }");
    assert_eq!(eighth.status.code(), Some(1));
    let told = stderr(&eighth);
    assert!(
        told.contains("may see the picture at an eighth of its size only"),
        "{told}"
    );
}

/// A picture that a step of the overlay for 0.2.0 drew on, in this mode.
fn drawn(mode: &str) -> RgbImage {
    let folder = Folder::new();
    folder.write("old.wasm", old("contract-0.2.0-overlay.wasm"));
    folder.write("in.jpg", yard(300));
    folder.write("pipeline.yaml", format!(
        "streams: {{ s: {{ filters: [{{ use: ./old.wasm, sees: all, publish: true, on-error: drop, \
         with: {{ mode: {mode} }} }}] }} }}"
    ));
    let output = folder.run(&["apply", "-o", "out", "in.jpg"]);
    assert!(output.status.success(), "{}", stderr(&output));
    decode(&folder.read("out/in.jpg"))
}

#[test]
fn the_server_draws_every_kind_of_layer() {
    let image = drawn("layers");
    let near = |x, y, width, height, color| is_near(mean(&image, x, y, width, height), color);
    assert!(near(10, 10, 28, 28, [0.0, 255.0, 1.0]), "fill");
    for (x, y, width, height) in [
        (66, 10, 44, 4),
        (66, 50, 44, 4),
        (66, 10, 4, 44),
        (106, 10, 4, 44),
    ] {
        assert!(
            near(x, y, width, height, [254.0, 0.0, 0.0]),
            "box at {x}, {y}"
        );
    }
    let grey = [90.0, 95.0, 90.0];
    assert!(near(76, 20, 24, 24, grey), "inside of the box");
    assert!(
        near(9, 66, 13, 28, [0.0, 0.0, 254.0]) && near(26, 66, 14, 28, grey),
        "mask"
    );
    // The text's box lies in the corner, with letters of all scripts in it.
    let corner = image.view_text();
    assert!(corner.0 > 90 && corner.1 > 200, "{corner:?}");
}

/// Bright pixels in the box of a text in the lower right corner, and dark ones.
trait TextBox {
    fn view_text(&self) -> (usize, usize);
}

impl TextBox for RgbImage {
    fn view_text(&self) -> (usize, usize) {
        let pixels = (440..640).flat_map(|x| (448..480).map(move |y| (x, y)));
        let pixels: Vec<u8> = pixels.map(|(x, y)| self.get_pixel(x, y)[1]).collect();
        let bright = pixels.iter().filter(|it| **it > 200).count();
        (bright, pixels.iter().filter(|it| **it < 40).count())
    }
}

#[test]
fn an_overlay_that_says_until_when_is_not_called_before() {
    let server =
        server_with("{ use: ./old.wasm, sees: all, publish: true, with: { mode: until } }");
    let mut viewer = server.watch("yard");
    for _ in 0..60 {
        viewer.next().unwrap();
    }
    let step = &server.report("yard")["filters"][0];
    // At most once a second, for three seconds and what a busy machine adds.
    assert_eq!(step["state"], "running", "{step:#}");
    let calls = step["calls"].as_u64().unwrap();
    assert!((2..=20).contains(&calls), "{step:#}");
}

/// A server whose stream `yard` has these filters, with the modules for 0.2.0.
fn server_with(filters: &str) -> Server {
    let folder = recording();
    folder.write("old.wasm", old("contract-0.2.0-overlay.wasm"));
    folder.write("inspect.wasm", old("contract-0.2.0-inspect.wasm"));
    server_in(folder, filters, "")
}

fn set(server: &Server, name: &str, text: &str) {
    let set = server.change(
        "PUT",
        &format!("/api/v1/variables/{name}"),
        &json!({ "text": text }),
    );
    assert_eq!(set.status, 204);
}

#[test]
fn filters_know_their_stream_variables_and_regions_and_publish_where_they_may() {
    let server = server_with(
        "{ use: ./inspect.wasm, every: 50ms, with: {} }, { use: resize, with: { width: 320 } },
         { use: ./old.wasm, sees: all, publish: true, with: { mode: context } }",
    );
    let _viewer = server.watch("yard");
    set(&server, "door", "open");
    let told = |expected: &str| {
        server.until_get("/api/v1/variables", |it| {
            it["variables"]["told"] == expected
        })
    };
    // The region in pixels of the picture behind `resize`, cut off at its edge.
    let variables = told("yard open ./inspect.wasm:spot@80,120,240,4");
    assert_eq!(variables["variables"]["seen"], "(80, 60) (320, 240)");
    let refused = variables["variables"]["refused"].as_str().unwrap();
    assert!(
        refused.contains("1 to 32 of `a-z 0-9 -`") && refused.contains("`gpio.`"),
        "{refused}"
    );
    set(&server, "event", "now");
    let events = events_of(&server, "told", |it| it["events"][0].is_object());
    // What could be a login in an address is masked, as everywhere.
    assert_eq!(events["events"][0]["text"], "yard open ***@80,120,240,4");
    assert_eq!(events["events"][0]["start"], events["events"][0]["end"]);
    let events = events_of(&server, "seen", |it| it["events"][0].is_object());
    assert_eq!(events["events"][0]["end"], Value::Null);
    assert_eq!(events["events"][0]["regions"][0]["label"], "spot");
}

#[test]
fn a_filter_that_tells_of_too_many_events_pushes_out_no_others_and_is_told_of_once() {
    let server = server_with(
        "{ use: ./inspect.wasm, with: {} }, { use: ./old.wasm, sees: all, publish: true, \
         with: { mode: context } }",
    );
    let _viewer = server.watch("yard");
    set(&server, "event", "now");
    let dropped = |it: &Value| it["filters"][1]["events_dropped"].as_u64() > Some(100);
    let report = server.until("yard", dropped);
    assert_eq!(report["filters"][1]["state"], "running");
    assert_eq!(report["filters"][0]["events_dropped"], 0);
    // 30 at once, and 30 a minute.
    let told = list(&server, "?kind=told&limit=1000");
    let told = told["events"].as_array().unwrap().len();
    assert!((30..60).contains(&told), "{told}");
    assert!(list(&server, "?kind=seen")["events"][0].is_object());
    let metrics = server.get("/metrics").text();
    let line = "mattebox_step_events_dropped_total{stream=\"yard\",step=";
    let counts = metrics.lines().filter(|it| it.starts_with(line));
    assert!(
        counts.filter(|it| !it.ends_with(" 0")).count() == 1,
        "{metrics}"
    );
    let log = server.log();
    assert_eq!(log.matches("tells of too many events").count(), 1, "{log}");
}

#[test]
fn a_filter_that_inspects_wrongly_is_told_of_and_delays_no_frame() {
    let server = server_with("{ use: ./inspect.wasm, every: 20ms, with: {} }");
    let mut viewer = server.watch("yard");
    regions(&server, |it| it["label"] == "spot");
    let fails = |why: &str| {
        server.until("yard", |report| {
            let step = &report["filters"][0];
            let error = step["last_error"].as_str().unwrap_or_default();
            step["state"] == "failing" && error.contains(why)
        })
    };
    set(&server, "refuse", "it is too dark");
    fails("it is too dark");
    set(&server, "score", "7");
    server.change("DELETE", "/api/v1/variables/refuse", &json!({}));
    fails("found a wrong region 0: the score is 7, it must be 0 to 1");
    set(&server, "panic", "now");
    fails("the variable `panic` is set");
    // What a broken instance found is gone.
    server.until_get("/api/v1/streams/yard/regions", |it| {
        it["regions"] == json!([])
    });
    for _ in 0..20 {
        viewer.next().unwrap();
    }
    for name in ["panic", "score"] {
        server.change("DELETE", &format!("/api/v1/variables/{name}"), &json!({}));
    }
    regions(&server, |it| it["label"] == "spot");
}

#[test]
fn an_analysis_that_is_to_go_on_keeps_the_camera_on_with_nobody_watching() {
    let server = server(MOTION, "");
    let report = server.report("yard");
    assert_eq!(
        (&report["state"], &report["wanted_by"]),
        (&json!("resting"), &json!([]))
    );
    let run = |mode: &str| {
        let changed = server.change("PATCH", "/api/v1/streams/yard", &json!({ "run": mode }));
        assert_eq!(changed.status, 200);
    };
    run("always");
    events_of(&server, "motion", |it| it["events"][0].is_object());
    let report = server.report("yard");
    assert_eq!(report["wanted_by"], json!(["analysis"]));
    // No frame is drawn on or coded for nobody.
    assert_eq!(
        report["paths"],
        json!({"passthrough": 0, "splice": 0, "recode": 0})
    );
    let mut viewer = server.watch("yard");
    viewer.next().unwrap();
    server.until("yard", |report| {
        report["wanted_by"] == json!(["viewers", "analysis"])
    });
    drop(viewer);
    run("on-demand");
    server.until("yard", |report| report["state"] == "resting");
}
