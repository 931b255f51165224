//! Filters that fail in every way: the stream goes on, the API says what happened.

use crate::support::Folder;
use crate::support::hostile::{
    FD_WRITE, LOG, READ_ASSET, UNCHANGED, configure, configure_with, image, one_layer, overlay,
    overlay_with, transform,
};
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
    let draw = "(call $draw (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) \
        (local.get 5) (local.get 6))";
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
        (one_layer(0, 0, 0, 5, 0, 0), "the size is 0×5"),
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

/// A list of many layers that are all the same megabyte: small inside, gigabytes for whoever copies
/// it.
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
    is_contained(
        &overlay(draw),
        "may have 1048576 pixels in all, 4 bytes each",
    );
}

#[test]
fn one_that_returns_garbage_for_a_picture() {
    for (apply, why) in [
        (image(10, 10, 0, 299), "needs 300 bytes, it has 299"),
        (image(0, 0, 0, 0), "the size is 0×0"),
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
        UNCHANGED
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

/// Tables that grow: three, each of which would be small enough alone.
#[test]
fn one_whose_tables_grow_without_end() {
    let tables = "(table $a 0 funcref) (table $b 0 funcref) (table $c 0 funcref)";
    let grow = |table: &str| format!("(table.grow ${table} (ref.null func) (i32.const 500000))");
    let (a, b, c) = (grow("a"), grow("b"), grow("c"));
    let draw = format!(
        "(loop $l (br_if $l (i32.ne (i32.and {a} (i32.and {b} {c})) (i32.const -1)))) unreachable"
    );
    is_contained(&overlay_with("", tables, &draw), "memory limit of 8 MiB");
}

/// Refused where it is named, with the limit that it goes beyond.
fn is_refused(module: &[u8], why: &str) {
    let folder = Folder::with(
        "streams:
  s:
    filters:
      - use: ./hostile.wasm
        memory-limit: 8MiB
",
    );
    folder.write("hostile.wasm", module);
    let output = folder.run(&["check"]);
    let error = crate::support::stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("pipeline.yaml:4:14"), "{error}");
    assert!(error.contains(why), "{error}");
}

#[test]
fn one_that_declares_more_than_it_may_have_is_refused() {
    let refused = |fields: &str, why: &str| {
        is_refused(&overlay_with("", fields, UNCHANGED), why);
    };
    // Half of it in a memory, half of it in a table, at 8 bytes an element.
    refused(
        "(memory 64) (table 500000 funcref)",
        "memory limit of 8 MiB",
    );
    refused("(table 2000000 funcref)", "memory limit of 8 MiB");
    refused("(memory 200)", "memory limit of 8 MiB");
    // More than any filter gets to introduce itself.
    refused("(memory 65536)", "memory limit of 256 MiB");
    refused("(memory i64 0x100000000)", "memory limit of 256 MiB");
    refused("(table 4000000000 funcref)", "memory limit of 256 MiB");
    refused(&"(memory 0)".repeat(40), "memory count too high");
    refused(&"(table 0 funcref)".repeat(99), "table count too high");
}

#[test]
fn one_that_goes_beyond_the_budget_of_all_filters_is_refused() {
    let folder = Folder::with("");
    let write = |budget: &str, streams: &str| {
        let mut text = format!("filters-memory: {budget}\nstreams:\n");
        for name in streams.chars() {
            text +=
                &format!("  {name}:\n    filters: [{{use: ./large.wasm, memory-limit: 60MiB}}]\n");
        }
        folder.write("pipeline.yaml", text);
    };
    folder.write("large.wasm", overlay_with("", "(memory 640)", UNCHANGED));
    let check = || folder.run(&["check"]);
    write("64MiB", "ab");
    let output = check();
    let error = crate::support::stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("pipeline.yaml:6:"), "{error}");
    assert!(error.contains("budget of 64 MiB"), "{error}");
    assert!(error.contains("raise `filters-memory`"), "{error}");
    write("128MiB", "ab");
    assert_eq!(check().status.code(), Some(0));
}

/// A budget that is changed while the server runs counts from then on, in both directions.
#[test]
fn the_budget_of_all_filters_follows_the_file() {
    let text = |budget: &str, streams: &str| {
        let mut text = format!("filters-memory: {budget}\nstreams:\n");
        for name in streams.chars() {
            text +=
                &format!("  {name}:\n    filters: [{{use: ./large.wasm, memory-limit: 60MiB}}]\n");
        }
        text
    };
    let folder = Folder::with(&text("64MiB", "a"));
    folder.write("large.wasm", overlay_with("", "(memory 640)", UNCHANGED));
    let server = Server::start(folder);
    let write = |text: &str| std::fs::write(server.folder().join("pipeline.yaml"), text).unwrap();
    let streams = |count: usize| {
        server.until_get("/api/streams", |seen| {
            seen["streams"].as_array().map(Vec::len) == Some(count)
        });
    };
    let refused = || {
        server.until_get("/api/pipeline", |seen| !seen["error"].is_null());
    };
    write(&text("64MiB", "ab"));
    refused();
    write(&text("128MiB", "ab"));
    streams(2);
    // What was taken away counts no more.
    write(&text("64MiB", "b"));
    streams(1);
    write(&text("64MiB", "bc"));
    refused();
    let log = server.log();
    assert!(log.matches("budget of 64 MiB").count() >= 2, "{log}");
    assert!(
        log.contains("pipeline changed keys=filters-memory"),
        "{log}"
    );
}

/// The server's own memory in bytes.
#[cfg(target_os = "linux")]
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() << 10
}

/// Names of 200 kB, a different one for each of thousands of calls.
#[cfg(target_os = "linux")]
#[test]
fn one_that_asks_for_any_number_of_assets() {
    let draw = format!(
        "(local $i i32)
        (global.set $next (i32.const 204800))
        (loop $l
            (call $read (i32.const 0) (i32.sub (i32.const 200000) (local.get $i)) (i32.const 1040))
            (global.set $next (i32.const 204800))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
        {UNCHANGED}"
    );
    let server = serve(&overlay_with(READ_ASSET, "", &draw), "");
    let before = resident(&server);
    let mut viewer = server.watch("s");
    for _ in 0..20 {
        assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"));
    }
    let more = resident(&server).saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more");
}

/// An error that is different for each frame: told of once.
#[test]
fn one_whose_errors_change() {
    let draw = "(i32.store (i32.const 1024) (i32.const 1))
        (i32.store offset=4 (i32.const 1024) (i32.const 512))
        (i32.store offset=8 (i32.const 1024) (i32.const 7))
        (i32.store (i32.const 512) (i32.const 0x6d617266)) ;; fram
        (i32.store16 offset=4 (i32.const 512) (i32.const 0x2065)) ;; e and a space
        (i32.store8 offset=6 (i32.const 512)
            (i32.add (i32.const 65) (i32.wrap_i64 (i64.rem_u (local.get $sequence) (i64.const \
        26)))))
        (i32.const 1024)";
    let server = serve(&overlay(draw), "");
    let mut viewer = server.watch("s");
    for _ in 0..40 {
        viewer.next().unwrap();
    }
    let step = server.report("s")["filters"][0].clone();
    assert!(step["errors"].as_u64() >= Some(40), "{step:#}");
    assert!(step["last_error"].as_str().unwrap().starts_with("frame "));
    let log = server.log();
    assert_eq!(log.matches("frames go on without it").count(), 1, "{log}");
    assert_eq!(log.matches("frame ").count(), 1, "{log}");
}

/// Says `count` times a frame, at `level`, "chatter"; and on frame 5, as an error, "no lens".
fn chatter(level: u8, count: u32) -> Vec<u8> {
    let fields = "(data (i32.const 512) \"chatter\") (data (i32.const 528) \"no lens\")
        (global $told (mut i32) (i32.const 0))";
    let draw = format!(
        "(local $i i32)
        (loop $l
            (call $log (i32.const {level}) (i32.const 512) (i32.const 7))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const {count}))))
        (if (i32.and (i64.ge_u (local.get $sequence) (i64.const 5)) (i32.eqz (global.get $told))) \
         (then
            (global.set $told (i32.const 1))
            (call $log (i32.const 3) (i32.const 528) (i32.const 7))))
        {UNCHANGED}"
    );
    overlay_with(LOG, fields, &draw)
}

#[test]
fn lines_that_nobody_sees_silence_nothing() {
    let (debug, info) = (0, 1);
    for (level, shown) in [(debug, 0), (info, 20)] {
        let server = serve(&chatter(level, 100), "");
        let mut viewer = server.watch("s");
        for _ in 0..20 {
            viewer.next().unwrap();
        }
        let log = server.log();
        assert_eq!(log.matches("no lens").count(), 1, "{log}");
        assert!(log.matches("chatter").count() <= 2 * shown, "{log}");
    }
}

#[test]
fn one_that_hands_over_too_much_is_told_so_in_the_contracts_words() {
    let grow = "(drop (memory.grow (i32.const 90)))";
    let log =
        format!("{grow} (call $log (i32.const 1) (i32.const 0) (i32.const 5900000)) {UNCHANGED}");
    is_contained(&overlay_with(LOG, "", &log), "MiB to the server at once");
    // A drawing that the contract allows, beside as much memory of its own.
    let layer = format!("{grow} {}", one_layer(0, 0, 1024, 1024, 65536, 4 << 20));
    is_contained(
        &overlay(&layer),
        "memory limit of 8 MiB with what it returned",
    );
    // An error's text of 2 MB.
    let error = format!(
        "{grow} (i32.store (i32.const 1024) (i32.const 1))
        (i32.store offset=4 (i32.const 1024) (i32.const 4096))
        (i32.store offset=8 (i32.const 1024) (i32.const 2000000))
        (i32.const 1024)"
    );
    is_refused(
        &configure(&error),
        "returned more than 1.0 MiB: only an error's text is expected",
    );
}

#[test]
fn what_it_said_and_where_it_failed_is_in_the_error() {
    let fields = r#"(func $focus_lens unreachable)
        (data (i32.const 512) "no \1b[31mlens\nat all")"#;
    let log =
        "(call $log (i32.const 3) (i32.const 512) (i32.const 19)) (call $focus_lens) unreachable";
    let why = "in `focus_lens`; it said: no \\u{1b}[31mlens";
    is_contained(&overlay_with(LOG, fields, log), why);
    let write =
        "(i32.store (i32.const 600) (i32.const 512)) (i32.store (i32.const 604) (i32.const 19))
        (drop (call $write (i32.const 2) (i32.const 600) (i32.const 1) (i32.const 608)))
        (call $focus_lens) unreachable";
    is_refused(
        &configure_with(FD_WRITE, fields, write),
        &format!("{why}; at all"),
    );
}
