//! Filters that fail in every way: the stream goes on, the API says what happened.

use crate::support::Folder;
use crate::support::hostile::{configure, image, one_layer, overlay, transform};
use crate::support::picture::{decode, jpeg};
use crate::support::server::Server;

/// A stream whose only filter is `wasm`; gives the server when frames have come through.
fn serve(wasm: &[u8], settings: &str) -> Server {
    let folder = Folder::with(&format!(
        "streams:
  s:
    source: {{ driver: files, path: 'f.jpg', fps: 50 }}
    filters:
      - use: ./hostile.wasm
        time-limit: 50ms
        memory-limit: 8MiB
{settings}"
    ));
    folder.write("hostile.wasm", wasm);
    folder.write("f.jpg", jpeg("420.jpg"));
    Server::start(folder)
}

/// The stream goes on with the camera's own picture, and the API and the log say why, once.
fn is_contained(wasm: &[u8], why: &str) {
    let server = serve(wasm, "");
    let mut viewer = server.watch("s");
    for _ in 0..10 {
        assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"));
    }
    let report = server.report("s");
    assert_eq!(report["state"], "running", "{report:#}");
    let step = &report["filters"][0];
    assert_eq!(step["state"], "failing", "{report:#}");
    assert!(step["errors"].as_u64() >= Some(1), "{report:#}");
    let error = step["last_error"].as_str().unwrap();
    assert!(error.contains(why), "{error}");
    let log = server.log();
    assert_eq!(log.matches(why).count(), 1, "{log}");
    assert!(log.contains("frames go on without it"), "{log}");
}

#[test]
fn one_that_loops_for_ever() {
    is_contained(
        &overlay("(loop $l (br $l)) unreachable"),
        "time limit of 50ms",
    );
}

#[test]
fn one_that_traps() {
    is_contained(&overlay("unreachable"), "unreachable");
    is_contained(&transform("unreachable"), "unreachable");
}

#[test]
fn one_that_allocates_without_end() {
    let grow =
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    is_contained(&overlay(grow), "memory limit of 8 MiB");
}

#[test]
fn one_that_recurses_without_end() {
    let draw = "(call $draw (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6))";
    // The function is the module's fourth.
    is_contained(
        &overlay(&draw.replace("$draw", "3")),
        "call stack exhausted",
    );
}

#[test]
fn one_that_returns_garbage_for_layers() {
    for (draw, why) in [
        (one_layer(0, 0, 2, 2, 0, 15), "needs 16 bytes, it has 15"),
        (one_layer(0, 0, 0, 5, 0, 0), "its size is 0×5"),
        (
            one_layer(0, 0, u32::MAX, u32::MAX, 0, 4),
            "each side must be 1 to 16384",
        ),
        (one_layer(0, 0, 16384, 16384, 0, 4), "is more than"),
        (one_layer(0, 0, 2, 2, 0xffff_fff0, 16), "out of bounds"),
        ("(i32.const 0x7ffffff0)".to_owned(), "out of bounds"),
        // A result that is neither `ok` nor `err`.
        (
            "(i32.store (i32.const 1024) (i32.const 9)) (i32.const 1024)".to_owned(),
            "discriminant",
        ),
    ] {
        is_contained(&overlay(&draw), why);
    }
}

/// A list of many layers that are all the same megabyte: small inside, gigabytes for whoever copies it.
#[test]
fn one_whose_layers_overlap_to_gigabytes() {
    let draw = "(local $i i32) (local $at i32)
        (loop $l
            (local.set $at (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 24))))
            (i32.store offset=8 (local.get $at) (i32.const 512))
            (i32.store offset=12 (local.get $at) (i32.const 100))
            (i32.store offset=16 (local.get $at) (i32.const 0))
            (i32.store offset=20 (local.get $at) (i32.const 204800))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 5000))))
        (i32.store (i32.const 1024) (i32.const 0))
        (i32.store offset=4 (i32.const 1024) (i32.const 1))
        (i32.store offset=8 (i32.const 1024) (i32.const 65536))
        (i32.store offset=12 (i32.const 1024) (i32.const 5000))
        (i32.const 1024)";
    is_contained(&overlay(draw), "failed");
}

#[test]
fn one_that_returns_garbage_for_a_picture() {
    for (apply, why) in [
        (image(10, 10, 0, 299), "needs 300 bytes, it has 299"),
        (image(0, 0, 0, 0), "its size is 0×0"),
        (image(70000, 1, 0, 210_000), "each side must be 1 to 16384"),
    ] {
        is_contained(&transform(&apply), why);
    }
}

#[test]
fn one_that_refuses_a_frame_goes_on_with_the_next() {
    // err("no"), on every second frame.
    let draw = "(i32.store (i32.const 1024) (i32.const 0))
        (i32.store offset=4 (i32.const 1024) (i32.const 0))
        (if (i64.eqz (i64.and (local.get $sequence) (i64.const 1))) (then
            (i32.store (i32.const 1024) (i32.const 1))
            (i32.store offset=4 (i32.const 1024) (i32.const 512))
            (i32.store offset=8 (i32.const 1024) (i32.const 2))
            (i32.store16 (i32.const 512) (i32.const 0x6f6e))))
        (i32.const 1024)";
    let server = serve(&overlay(draw), "");
    let mut viewer = server.watch("s");
    for _ in 0..10 {
        viewer.next().unwrap();
    }
    let step = &server.report("s")["filters"][0];
    assert_eq!(step["last_error"], "no");
    assert_eq!(step["restarts"], 0);
    let (calls, errors) = (
        step["calls"].as_u64().unwrap(),
        step["errors"].as_u64().unwrap(),
    );
    assert!(errors.abs_diff(calls / 2) <= 1, "{step:#}");
}

#[test]
fn on_error_drop_serves_nothing_rather_than_the_bare_picture() {
    let server = serve(&overlay("unreachable"), "        on-error: drop\n");
    let mut viewer = std::thread::scope(|scope| {
        let viewer = scope.spawn(|| server.watch("s"));
        server.until("s", |report| report["frames_dropped"].as_u64() > Some(5));
        viewer.join().unwrap()
    });
    let report = server.report("s");
    assert_eq!(report["state"], "failing");
    assert_eq!(report["paths"]["passthrough"], 0);
    assert!(report["error"].as_str().unwrap().contains("set to `drop`"));
    server.terminate();
    assert!(viewer.next().is_none(), "a frame was served");
}

#[test]
fn one_that_works_sometimes_is_restarted() {
    // Traps on the third frame.
    let draw = format!(
        "(if (i64.eq (local.get $sequence) (i64.const 2)) (then unreachable)) {}",
        crate::support::hostile::UNCHANGED
    );
    let server = serve(&overlay(&draw), "");
    let _viewer = server.watch("s");
    let works = |report: &serde_json::Value| {
        report["filters"][0]["restarts"] == 1 && report["filters"][0]["state"] == "running"
    };
    server.until("s", works);
    assert!(server.log().contains("works again"));
}

#[test]
fn one_that_never_finishes_its_settings_is_refused() {
    let folder = Folder::with("streams:\n  s:\n    filters:\n      - use: ./hostile.wasm\n");
    folder.write("hostile.wasm", configure("unreachable"));
    let output = folder.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let error = crate::support::stderr(&output);
    assert!(
        error.contains("pipeline.yaml:4:14") && error.contains("unreachable"),
        "{error}"
    );
}

#[test]
fn a_transform_that_swaps_nothing_still_gives_a_good_picture() {
    // Hands the picture back as it came.
    let apply = "(i32.store (i32.const 1024) (i32.const 0))
        (i32.store offset=4 (i32.const 1024) (local.get $w))
        (i32.store offset=8 (i32.const 1024) (local.get $h))
        (i32.store offset=12 (i32.const 1024) (local.get $rgb))
        (i32.store offset=16 (i32.const 1024) (local.get $length))
        (i32.const 1024)";
    let server = serve(&transform(apply), "");
    let served = server.get("/s.jpg").bytes();
    let (served, source) = (decode(&served), decode(&jpeg("420.jpg")));
    let psnr = crate::support::picture::psnr(&served, &source);
    assert!(psnr > 35.0, "{psnr} dB");
    assert_eq!(server.report("s")["path"], "recode");
}
