//! What a browser, a script, or an old client gets.

use std::time::{Duration, Instant};

use crate::support::http::{Mjpeg, request};
use crate::support::picture::{decode, jpeg, png, veil};
use crate::support::server::Server;
use crate::support::{Folder, load};

/// Frames of different content; an empty chain.
fn recording(extra: &str) -> Server {
    let folder = Folder::with(&format!(
        "streams:
  front:
    source: {{ driver: files, path: 'frames/*.jpg', fps: 50 }}
    idle-timeout: 100ms
{extra}  back: {{}}
"
    ));
    for (index, name) in ["420.jpg", "422.jpg", "444.jpg"].iter().enumerate() {
        folder.write(&format!("frames/{index}.jpg"), jpeg(name));
    }
    Server::start(folder)
}

#[test]
fn an_empty_chain_passes_the_cameras_bytes() {
    let server = recording("");
    let sources = ["420.jpg", "422.jpg", "444.jpg"].map(jpeg);
    let mut viewer = server.watch("front");
    for _ in 0..6 {
        assert!(sources.contains(&viewer.next().unwrap().jpeg));
    }
    assert!(sources.contains(&server.get("/front.jpg").bytes()));
    let report = server.report("front");
    assert_eq!(report["path"], "passthrough");
    assert_eq!(report["path_reason"], "the chain is empty");
    assert_eq!(report["restart_markers"], false);
    assert_eq!(
        (&report["width"], &report["height"]),
        (&203.into(), &149.into())
    );
}

#[test]
fn every_part_says_what_it_is() {
    let server = recording("");
    let mut viewer = server.watch("front");
    let cache = viewer.response.header("cache-control").unwrap();
    assert!(cache.contains("no-store"));
    // It ends with the connection.
    assert_eq!(viewer.response.header("content-length"), None);
    assert_eq!(viewer.response.header("connection"), Some("close"));
    let mut last = 0.0;
    for _ in 0..3 {
        let part = viewer.next().unwrap();
        assert_eq!(part.header("content-type"), "image/jpeg");
        let timestamp: f64 = part.header("x-timestamp").parse().unwrap();
        assert!(timestamp > last && timestamp > 1.7e9);
        last = timestamp;
    }
}

#[test]
fn addresses_that_clients_know_serve_the_first_stream() {
    let server = recording("");
    for target in ["/stream", "/?action=stream", "/video_feed", "/front.mjpeg"] {
        let mut viewer = Mjpeg::open(server.address, target);
        assert_eq!(
            decode(&viewer.next().unwrap().jpeg).dimensions(),
            (203, 149),
            "{target}"
        );
    }
    for target in ["/snapshot", "/?action=snapshot", "/front.jpg"] {
        let response = server.get(target);
        assert_eq!(
            response.header("content-type"),
            Some("image/jpeg"),
            "{target}"
        );
        assert_eq!(
            decode(&response.bytes()).dimensions(),
            (203, 149),
            "{target}"
        );
    }
}

#[test]
fn unknown_names_get_the_list() {
    let server = recording("");
    for target in ["/font.mjpeg", "/nothing", "/static/nothing"] {
        let response = server.get(target);
        assert_eq!(response.status, 404, "{target}");
        let text = response.text();
        assert!(
            text.contains("/front.mjpeg") && text.contains("/back.jpg"),
            "{text}"
        );
    }
    let response = server.get("/?action=dance");
    assert_eq!(response.status, 400);
    assert!(response.text().contains("`dance`"));
    // Whatever isn't reading is for admins alone, of whom there are none.
    assert_eq!(request(server.address, "POST", "/front.jpg").status, 403);
}

#[test]
fn head_tells_and_starts_nothing() {
    let server = recording("");
    for (target, content_type) in [
        (
            "/front.mjpeg",
            "multipart/x-mixed-replace; boundary=mattebox-frame",
        ),
        ("/front.jpg", "image/jpeg"),
        ("/", "text/html; charset=utf-8"),
        ("/api/streams", "application/json"),
    ] {
        let response = request(server.address, "HEAD", target);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-type"), Some(content_type));
        assert_eq!(response.bytes(), b"");
    }
    let report = server.report("front");
    assert_eq!(
        (&report["state"], &report["frames_in"]),
        (&"resting".into(), &0.into())
    );
}

#[test]
fn nobody_watching_stops_the_camera_and_the_next_viewer_starts_it() {
    let server = recording("");
    assert_eq!(server.report("front")["state"], "resting");
    for _ in 0..2 {
        let mut viewer = server.watch("front");
        viewer.next().unwrap();
        let report = server.report("front");
        assert_eq!(
            (&report["state"], &report["viewers"]),
            (&"running".into(), &1.into())
        );
        drop(viewer);
        let report = server.until("front", |report| report["state"] == "resting");
        assert_eq!(report["viewers"], 0);
        assert_eq!(server.report("front")["frames_in"], report["frames_in"]);
    }
    let log = server.log();
    assert_eq!(log.matches("stream idle: no viewers").count(), 2, "{log}");
}

#[test]
fn the_page_brings_all_its_parts() {
    let server = recording("");
    let page = server.get("/").text();
    let mut parts = 0;
    for attribute in ["href=\"", "src=\""] {
        for rest in page.split(attribute).skip(1) {
            let target = rest.split('"').next().unwrap();
            if target == "#" {
                continue;
            }
            let is_relative = !target.starts_with('/') && !target.contains(':');
            assert!(is_relative, "{target} does not hold below a path");
            assert_eq!(server.get(&format!("/{target}")).status, 200, "{target}");
            parts += 1;
        }
    }
    assert!(parts >= 3, "{page}");
    assert_eq!(server.get("/healthz").text(), "ok\n");
}

#[test]
fn sigterm_ends_streams_cleanly_and_soon() {
    let server = recording("    quality: 90\n");
    let mut viewers: Vec<_> = (0..5).map(|_| server.watch("front")).collect();
    for viewer in &mut viewers {
        viewer.next().unwrap();
    }
    // One that has stopped reading must not hold the others up.
    let _stalled = server.watch("back");
    let start = Instant::now();
    server.terminate();
    for viewer in &mut viewers {
        while viewer.next().is_some() {}
    }
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_recording_that_ends_keeps_its_last_picture() {
    let _quiet = load::quiet();
    let folder = Folder::with(
        "streams:
  s:
    source: { driver: files, path: all.mjpeg, fps: 50, loop: false }
",
    );
    let all = [
        jpeg("420.jpg"),
        b"noise".to_vec(),
        jpeg("cut.jpg"),
        jpeg("422.jpg"),
        jpeg("444.jpg"),
    ];
    folder.write("all.mjpeg", all.concat());
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    while viewer.next().unwrap().jpeg != jpeg("444.jpg") {}
    server.until("s", |report| report["state"] == "ended");
    assert_eq!(server.get("/s.jpg").bytes(), jpeg("444.jpg"));
}

#[test]
fn files_come_in_natural_order_and_a_bad_one_is_told_of_once() {
    let _quiet = load::quiet();
    let folder = Folder::with(
        "streams:
  s:
    source: { driver: files, path: '*.jpg', fps: 20 }
",
    );
    for (name, picture) in [
        ("f2.jpg", "420.jpg"),
        ("f10.jpg", "422.jpg"),
        ("f11.jpg", "444.jpg"),
    ] {
        folder.write(name, jpeg(picture));
    }
    folder.write("f3.jpg", "GIF89a");
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    let frames: Vec<_> = (0..12).map(|_| viewer.next().unwrap().jpeg).collect();
    let order = ["420.jpg", "422.jpg", "444.jpg"].map(jpeg);
    let place = |frame| order.iter().position(|known| known == frame).unwrap();
    for pair in frames.windows(2) {
        assert_eq!(place(&pair[1]), (place(&pair[0]) + 1) % 3);
    }
    let log = server.log();
    assert_eq!(
        log.matches("f3.jpg: this is not a JPEG").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_camera_that_fails_is_tried_again() {
    let folder =
        Folder::with("streams:\n  s:\n    source: { driver: files, path: f.jpg, fps: 50 }\n");
    let path = folder.write("f.jpg", jpeg("420.jpg"));
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    std::fs::write(&path, "gone").unwrap();
    let report = server.until("s", |report| report["state"] == "failing");
    assert!(
        report["error"].as_str().unwrap().contains("no JPEG"),
        "{report:#}"
    );
    std::fs::write(&path, jpeg("422.jpg")).unwrap();
    while viewer.next().unwrap().jpeg != jpeg("422.jpg") {}
    assert_eq!(server.report("s")["state"], "running");
}

#[test]
fn a_stream_tells_which_path_it_takes_and_why() {
    let folder = Folder::with(
        "streams:
  camera:
    source: { driver: files, path: 420.jpg, fps: 50 }
    filters: [{ use: timestamp }]
  odd:
    source: { driver: files, path: progressive.jpg, fps: 50 }
    filters: [{ use: timestamp }]
  masked:
    source: { driver: files, path: 420.jpg, fps: 50 }
    filters: [{ use: watermark, with: { image: mask.png, position: top-left, margin: 0 } }]
  veiled:
    source: { driver: files, path: 444.jpg, fps: 50 }
    filters: [{ use: watermark, with: { image: veil.png, position: top-left, margin: 0 } }]
",
    );
    folder.write("mask.png", png(203, 100, [0, 0, 0, 255]));
    folder.write("veil.png", veil(203, 149));
    for name in ["420.jpg", "444.jpg", "progressive.jpg"] {
        folder.write(name, jpeg(name));
    }
    let server = Server::start(folder);
    for (name, path, why) in [
        ("camera", "splice", "only drew"),
        ("odd", "recode", "the JPEG is progressive"),
        ("masked", "splice", "only drew"),
        ("veiled", "recode", "would cost 1."),
    ] {
        let mut viewer = server.watch(name);
        for _ in 0..3 {
            viewer.next().unwrap();
        }
        let report = server.report(name);
        assert_eq!(report["path"], path, "{report:#}");
        assert!(report["paths"][path].as_u64() >= Some(3), "{report:#}");
        let reason = report["path_reason"].as_str().unwrap();
        assert!(reason.contains(why), "{reason}");
    }
}
