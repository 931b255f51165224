//! Hostile filters beside other people's streams: what becomes of the filter, of the others, of
//! memory and of changes.
//!
//! | attack | the attacker | the others | the server's memory | changes of others |
//! | --- | --- | --- | --- | --- |
//! | a module that is too much for the compiler | refused when it is uploaded | see their frames | stays | are made meanwhile |
//! | a schema that is too much for its checker | refused when it is uploaded | see their frames | stays | are made meanwhile |
//! | `describe` without end | refused when it is uploaded | see their frames | stays | are made meanwhile |
//! | `configure` without end | its step is refused | see their frames | stays | are made meanwhile |
//! | ten slow modules at once, edits of the file (`pending_changes.rs`) | refused | go on | stays | are made meanwhile |
//! | functions and globals without end (`pending_changes.rs`) | beyond its limit, or that of all, its step is refused | go on | counts | are made |
//! | a module that is cut off | refused when it is uploaded | see their frames | stays | are made meanwhile |
//! | calls that fail, loop, grow, flood | its step is bypassed | see their frames | stays | are made meanwhile |

use std::io::Write;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::crowd::Crowd;
use crate::support::hostile::{
    LOG, READ_ASSET, UNCHANGED, configure, describe, overlay, overlay_with, with_schema,
};
use crate::support::http::{Response, connect_from, get, read_response};
use crate::support::picture::{jpeg, numbered};
use crate::support::server::{Server, TOKEN};
use crate::support::{Folder, load, repository};

const FRAMES: u32 = 200;
const VIEWERS: usize = 5;
/// The longest wait for the check of a module, by a machine that has other things to do.
const LONGEST_CHECK: Duration = Duration::from_secs(170);
/// The most that the server may take more, in KiB.
const GROWTH: u64 = 64 << 10;

/// Two streams: that of the attacked, which plays numbered frames, and that of the attacker.
fn server() -> Server {
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
filter-folder: uploaded
streams:
  s: { source: { driver: files, path: 'f*.jpg', fps: 20 } }
  attacker: { source: { driver: files, path: plain.jpg, fps: 20 } }
",
    );
    for index in 0..FRAMES {
        folder.write(&format!("f{index:03}.jpg"), numbered(index, 0));
    }
    folder.write("plain.jpg", jpeg("420.jpg"));
    Server::start(folder)
}

/// The memory that the server has now, its child processes not included, in KiB.
#[cfg(target_os = "linux")]
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[cfg(not(target_os = "linux"))]
fn memory(_: &Server) -> u64 {
    0
}

/// A change of the others' stream, which must be made.
fn change_of_others(server: &Server, round: usize) {
    let step = json!({ "use": "text", "with": { "format": format!("round {round}") } });
    let added = server.change("POST", "/api/streams/s/steps", &step);
    assert_eq!(added.status, 201);
    let step = format!("/api/streams/s/steps/{}", added.json()["id"]);
    let removed = server.change("DELETE", &step, &Value::Null);
    assert_eq!(removed.status, 204);
}

/// Does `attack` on another thread while changes of others are made, of which at least one must be
/// done before it is over if it `takes_long`. Gives what it was answered.
fn while_others_change(
    server: &Server,
    takes_long: bool,
    attack: impl FnOnce() -> Response + Send,
) -> (u16, String) {
    thread::scope(|scope| {
        let attack = scope.spawn(move || {
            let answer = attack();
            (answer.status, answer.text())
        });
        let mut round = 0;
        while !attack.is_finished() || round == 0 {
            change_of_others(server, round);
            round += 1;
            if takes_long && round == 1 {
                assert!(!attack.is_finished(), "the others' change came later");
            }
        }
        attack.join().unwrap()
    })
}

/// Uploads a module, whose check may take its whole time.
fn upload(server: &Server, wasm: &[u8]) -> Response {
    let mut socket = connect_from(Ipv4Addr::LOCALHOST.into(), server.address);
    socket.set_read_timeout(Some(LONGEST_CHECK)).unwrap();
    let head = format!(
        "PUT /api/filters/hostile.wasm HTTP/1.0\r\nContent-Length: {}\r\n\
         Authorization: Bearer {TOKEN}\r\n\r\n",
        wasm.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(wasm).unwrap();
    read_response(socket)
}

/// The module is refused when it is uploaded, with these words, and nobody else notices.
fn is_refused(name: &str, wasm: &[u8], takes_long: bool, words: &str) {
    let _busy = load::busy();
    let server = server();
    let others = Crowd::new(&server, VIEWERS, FRAMES);
    change_of_others(&server, 0);
    let before = memory(&server);
    let (status, answer) = while_others_change(&server, takes_long, || upload(&server, wasm));
    assert_eq!(status, 422, "{name}: {answer}");
    assert!(answer.contains(words), "{name}: {answer}");
    assert!(memory(&server) < before + GROWTH, "{name}");
    assert_eq!(get(server.address, "/healthz").status, 200, "{name}");
    others.saw_nearly_everything();
}

#[test]
fn a_module_that_is_too_much_for_the_compiler() {
    // As many loops in each other as there are variables that change in them: each variable is
    // another one in each loop.
    const LOOPS: usize = 400;
    const VARIABLES: usize = 10_000;
    let first = 7;
    let variables = "i32 ".repeat(VARIABLES);
    let moved = |index: usize| {
        let (to, from) = (first + index, first + (index + 1) % VARIABLES);
        format!("local.get {from} i32.const {index} i32.add local.set {to} ")
    };
    let moves: String = (0..VARIABLES).map(moved).collect();
    let ends = format!("local.get {first} br_if 0 end ").repeat(LOOPS);
    let body = format!(
        "(local {variables}) {} {moves} {ends} {UNCHANGED}",
        "loop ".repeat(LOOPS)
    );
    let wasm = overlay(&body);
    is_refused("bomb", &wasm, true, "to be compiled");
}

#[test]
fn schemas_that_are_too_much_for_their_checker() {
    let doubling = |level: usize| {
        let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
        let schema = json!({ "unevaluatedProperties": false, "allOf": [next, next] });
        (format!("d{level}"), schema)
    };
    let chain = |level: usize| {
        let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
        (format!("d{level}"), json!({ "allOf": [next] }))
    };
    let definitions = |levels: usize, definition: &dyn Fn(usize) -> (String, Value)| {
        let mut all: serde_json::Map<_, _> = (0..levels).map(definition).collect();
        all.insert(format!("d{levels}"), json!({ "type": "object" }));
        all
    };
    let pattern = |index: usize| {
        let pattern =
            json!({ "type": "string", "pattern": format!("^(\\w{{1,100}}){{1,9}}{index}$") });
        (format!("p{index}"), pattern)
    };
    let patterns: serde_json::Map<_, _> = (0..2_000).map(pattern).collect();
    let below = json!({ "$ref": "#/$defs/d0", "unevaluatedProperties": false });
    for (name, schema, words) in [
        (
            "doubling",
            json!({ "properties": { "x": below }, "$defs": definitions(22, &doubling) }),
            "processor time",
        ),
        (
            "chain",
            json!({ "properties": { "x": below }, "$defs": definitions(4_500, &chain) }),
            "can't be used",
        ),
        (
            "patterns",
            json!({ "properties": patterns }),
            "can't be used",
        ),
    ] {
        let wasm = with_schema(&schema.to_string());
        is_refused(name, &wasm, false, words);
    }
}

#[test]
fn one_that_describes_itself_without_end() {
    let wasm = describe("(loop $l (br $l)) unreachable");
    is_refused("describe", &wasm, true, "time limit");
}

#[test]
fn one_that_takes_its_settings_without_end() {
    let _busy = load::busy();
    let server = server();
    let others = Crowd::new(&server, VIEWERS, FRAMES);
    let kept = upload(&server, &configure("(loop $l (br $l)) unreachable"));
    assert_eq!(kept.status, 201);
    let before = memory(&server);
    let step = json!({ "use": "./uploaded/hostile.wasm" });
    let add = || server.change("POST", "/api/streams/attacker/steps", &step);
    let (status, answer) = while_others_change(&server, true, add);
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("time limit"), "{answer}");
    assert!(memory(&server) < before + GROWTH);
    others.saw_nearly_everything();
}

#[test]
fn a_module_that_is_cut_off_anywhere() {
    let _busy = load::busy();
    let module = std::fs::read(repository("filters/prebuilt/resize.wasm")).unwrap();
    let server = server();
    let others = Crowd::new(&server, VIEWERS, FRAMES);
    let cuts = (0..40).map(|part| module.len() * part / 40);
    // Near the start, section by section.
    for cut in cuts.chain(1..24) {
        let refused = upload(&server, &module[..cut]);
        assert_eq!(refused.status, 422, "{cut}");
        let problem = refused.json();
        let why = problem["detail"].as_str().unwrap();
        assert!(
            why.starts_with("`hostile.wasm`: ") && !why.contains("panicked"),
            "{why}"
        );
    }
    assert_eq!(get(server.address, "/readyz").status, 200);
    others.saw_nearly_everything();
}

#[test]
fn calls_that_fail_loop_grow_and_flood() {
    let _busy = load::busy();
    let grow =
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let log = format!(
        "(local $n i32) (loop $l (call $log (i32.const 3) (i32.const 64) (i32.const 8))
         (local.set $n (i32.add (local.get $n) (i32.const 1)))
         (br_if $l (i32.lt_u (local.get $n) (i32.const 100000)))) {UNCHANGED}"
    );
    let names = "(local $n i32) (loop $l
         (i32.store (i32.const 2048) (local.get $n))
         (call $read (i32.const 2048) (i32.const 4) (i32.const 4096))
         (local.set $n (i32.add (local.get $n) (i32.const 1)))
         (br $l)) unreachable";
    for (name, wasm) in [
        ("traps", overlay("unreachable")),
        ("loops", overlay("(loop $l (br $l)) unreachable")),
        ("grows", overlay(grow)),
        ("floods the log", overlay_with(LOG, "", &log)),
        ("asks for many names", overlay_with(READ_ASSET, "", names)),
    ] {
        let server = server();
        let others = Crowd::new(&server, VIEWERS, FRAMES);
        assert_eq!(upload(&server, &wasm).status, 201, "{name}");
        let step = json!({
            "use": "./uploaded/hostile.wasm", "time-limit": "50ms", "memory-limit": "8MiB"
        });
        let added = server.change("POST", "/api/streams/attacker/steps", &step);
        assert_eq!(added.status, 201, "{name}");
        let before = memory(&server);
        let mut attacked = server.watch("attacker");
        for round in 0..5 {
            attacked.next().unwrap();
            change_of_others(&server, round);
        }
        assert!(memory(&server) < before + GROWTH, "{name}");
        others.saw_nearly_everything();
        let log = server.log();
        assert!(log.len() < 20_000, "{name}: {} bytes of log", log.len());
    }
}

#[test]
fn a_server_listens_before_its_filters_are_compiled_and_says_so() {
    let folder = Folder::with(
        "streams:
  slow: { filters: [{ use: ./slow.wasm, on-error: drop }] }
  quick: { source: { driver: files, path: plain.jpg } }
",
    );
    folder.write("plain.jpg", jpeg("420.jpg"));
    folder.write("slow.wasm", describe("(loop $l (br $l)) unreachable"));
    let server = Server::start_unprepared(folder, |_| {});
    let slow = server.until("slow", |report| report["compiling"]["use"] == "./slow.wasm");
    assert_eq!(slow["state"], "preparing");
    assert!(slow["compiling"]["seconds"].is_u64(), "{slow:#}");
    // The other stream waits for nothing.
    assert_eq!(server.get("/quick.jpg").bytes(), jpeg("420.jpg"));
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("`slow` prepares its filters"));
    // A picture that says so, and nothing of the camera.
    let shown = server.watch("slow").next().unwrap();
    let report = server.report("slow");
    assert_eq!(report["state"], "preparing");
    assert!(!shown.jpeg.is_empty());
    assert_eq!(report["paths"]["passthrough"], 0);
    // What is wrong is told in the end, without the other stream's noticing.
    let failed = server.until("slow", |report| report["state"] == "failing");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("pipeline.yaml:2:"), "{error}");
    assert_eq!(failed["paths"]["passthrough"], 0);
    assert_eq!(server.get("/quick.jpg").status, 200);
    let log = server.log();
    assert!(log.contains("time limit"), "{log}");
    assert!(log.contains("filter compiling stream="), "{log}");
}

#[test]
fn the_list_of_filters_holds_nobody_up() {
    let _busy = load::busy();
    let server = server();
    let folder = server.folder().join("uploaded");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("loop.wasm"),
        describe("(loop $l (br $l)) unreachable"),
    )
    .unwrap();
    let asked: Vec<_> = (0..40)
        .map(|_| ask_and_leave(&server, "/api/filters"))
        .collect();
    change_of_others(&server, 0);
    assert_eq!(server.get("/healthz").status, 200);
    drop(asked);
    let all = server.get("/api/filters").json();
    assert_eq!(all["unusable"][0]["use"], "./uploaded/loop.wasm");
    let why = all["unusable"][0]["error"].as_str().unwrap();
    assert!(why.contains("time limit"), "{why}");
    // What is known of the file is kept, bad as it is.
    let again = server.get("/api/filters").json();
    assert_eq!(again, all);
}

/// Sends a request and reads no answer.
fn ask_and_leave(server: &Server, target: &str) -> std::net::TcpStream {
    let mut socket = std::net::TcpStream::connect(server.address).unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
        server.address
    );
    socket.write_all(request.as_bytes()).unwrap();
    socket
}
