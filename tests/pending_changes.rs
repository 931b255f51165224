//! Changes while the filters of other streams take long: none waits for another's.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::hostile::{configure, describe, overlay, overlay_with};
use crate::support::picture::jpeg;
use crate::support::server::{Server, TOKEN, until};
use crate::support::{Folder, load, repository};

/// The body of a function that takes its whole time, which is 10 s.
const LOOP: &str = "(loop $l (br $l)) unreachable";

fn pipeline(slow: &str, quick: &str) -> String {
    format!(
        "admin-token: {{ env: TEST_TOKEN }}
filter-folder: uploaded
streams:
  slow: {{ source: {{ driver: files, path: plain.jpg }}, filters: {slow} }}
  quick: {{ source: {{ driver: files, path: plain.jpg }}, filters: {quick} }}
"
    )
}

fn folder(slow: &str, quick: &str) -> Folder {
    let folder = Folder::with(&pipeline(slow, quick));
    folder.write("plain.jpg", jpeg("420.jpg"));
    folder.write("slow.wasm", configure(LOOP));
    folder.write(
        "fine.wasm",
        overlay("(i64.store (i32.const 1024) (i64.const 0)) (i32.const 1024)"),
    );
    folder
}

fn save(server: &Server, text: &str) {
    fs::write(server.folder().join("pipeline.yaml"), text).unwrap();
}

fn saved(server: &Server) -> String {
    fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap()
}

/// The text of an answer, which has this status.
fn answers(server: &Server, method: &str, target: &str, body: &Value, status: u16) -> String {
    let answer = server.change(method, target, body);
    let seen = answer.status;
    let text = answer.text();
    assert_eq!(seen, status, "{method} {target}: {text}");
    text
}

/// As the admin sees it.
fn pipeline_report(server: &Server) -> Value {
    server.change_by("GET", "/api/pipeline", b"").json()
}

fn until_error(server: &Server, words: &str) -> Value {
    until(
        || pipeline_report(server),
        |report| {
            report["error"]["message"]
                .as_str()
                .is_some_and(|message| message.contains(words))
        },
    )
}

fn until_chain(server: &Server, stream: &str, uses: &[&str]) {
    server.until(stream, |report| {
        let filters = report["filters"].as_array().unwrap().iter();
        filters
            .map(|it| it["use"].as_str().unwrap())
            .eq(uses.iter().copied())
    });
}

#[test]
fn an_edit_is_made_while_the_filters_of_another_stream_are_prepared() {
    let server = Server::start_unprepared(folder("[{ use: ./slow.wasm }]", "[]"), |_| {});
    save(
        &server,
        &pipeline("[{ use: ./slow.wasm }]", "[{ use: timestamp }]"),
    );
    until_chain(&server, "quick", &["timestamp"]);
    assert_eq!(server.report("slow")["state"], "preparing");
}

#[test]
fn an_edit_is_made_while_a_module_of_another_stream_is_unusable() {
    let folder = folder("[{ use: ./broken.wasm }]", "[]");
    folder.write("broken.wasm", "no module");
    let server = Server::start(folder);
    assert_eq!(server.report("slow")["state"], "failing");
    until_error(&server, "broken.wasm");
    save(
        &server,
        &pipeline("[{ use: ./broken.wasm }]", "[{ use: timestamp }]"),
    );
    until_chain(&server, "quick", &["timestamp"]);
    // It is wrong still, and told so until it is mended.
    until_error(&server, "broken.wasm");
    fs::copy(
        server.folder().join("fine.wasm"),
        server.folder().join("broken.wasm"),
    )
    .unwrap();
    server.until("slow", |report| {
        report["filters"][0]["use"] == "./broken.wasm"
    });
    until(
        || pipeline_report(&server),
        |report| report["error"].is_null(),
    );
    assert_eq!(server.get("/slow.jpg").status, 200);
}

#[test]
fn a_change_by_the_api_goes_by_an_edit_whose_filters_take_long() {
    let server = Server::start(folder("[]", "[]"));
    save(&server, &pipeline("[{ use: ./slow.wasm }]", "[]"));
    let step = json!({ "use": "text", "with": { "format": "hello" } });
    // Several: each finds the edit where it was.
    for _ in 0..3 {
        answers(&server, "POST", "/api/streams/quick/steps", &step, 201);
    }
    until_chain(&server, "quick", &["text"; 3]);
    until_chain(&server, "slow", &[]);
    // Nothing is lost of either.
    let text = saved(&server);
    assert!(text.contains("slow.wasm"), "{text}");
    assert_eq!(text.matches("hello").count(), 3, "{text}");
    // A change of the stream itself is told to come again.
    answers(&server, "POST", "/api/streams/slow/steps", &step, 503);
    // The edit is refused in the end, and told of where it stands now.
    let report = until_error(&server, "time limit");
    let line = report["error"]["problems"][0]["line"].as_u64().unwrap() as usize;
    let text = saved(&server);
    assert!(
        text.lines().nth(line - 1).unwrap().contains("slow.wasm"),
        "{report}\n{text}"
    );
    // Known to be wrong, it holds nobody up.
    answers(&server, "POST", "/api/streams/quick/steps", &step, 201);
    until_chain(&server, "quick", &["text"; 4]);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn an_edit_that_is_taken_back_is_not_waited_for() {
    let server = Server::start(folder("[]", "[]"));
    save(&server, &pipeline("[{ use: ./slow.wasm }]", "[]"));
    // Until it is being readied: a change finds it so, and goes by it.
    let step = json!({ "use": "text", "with": { "format": "hello" } });
    answers(&server, "POST", "/api/streams/quick/steps", &step, 201);
    save(&server, &pipeline("[]", "[{ use: timestamp }]"));
    until_chain(&server, "quick", &["timestamp"]);
    let report = pipeline_report(&server);
    assert!(report["error"].is_null(), "{report}");
    let log = server.log();
    assert!(!log.contains("time limit"), "{log}");
}

#[test]
fn an_edit_of_a_module_and_one_of_another_stream() {
    let server = Server::start(folder("[{ use: ./fine.wasm }]", "[]"));
    // One that takes its whole time, in the place of a good one.
    fs::copy(
        server.folder().join("slow.wasm"),
        server.folder().join("fine.wasm"),
    )
    .unwrap();
    save(
        &server,
        &pipeline("[{ use: ./fine.wasm }]", "[{ use: timestamp }]"),
    );
    until_chain(&server, "quick", &["timestamp"]);
    let report = until_error(&server, "time limit");
    assert_eq!(report["error"]["problems"][0]["line"], 4, "{report}");
    // The old one goes on.
    assert_eq!(server.report("slow")["filters"][0]["state"], "running");
    assert_eq!(server.get("/slow.jpg").status, 200);
}

#[test]
fn a_module_is_taken_while_changes_of_another_stream_keep_coming() {
    let folder = folder(
        "[{ use: ./fine.wasm }]",
        "[{ use: text, with: { format: hello } }]",
    );
    // Takes a while, longer than the time between two changes.
    folder.write(
        "busy.wasm",
        configure(
            "(local $n i64) (local.set $n (i64.const 500000000))
         (loop $l (local.set $n (i64.sub (local.get $n) (i64.const 1))) (br_if $l (i64.ne \
         (local.get $n) (i64.const 0))))
         (i32.store (i32.const 1024) (i32.const 0)) (i32.const 1024)",
        ),
    );
    folder.write(
        "fine.wasm",
        fs::read(repository("filters/prebuilt/timestamp.wasm")).unwrap(),
    );
    let server = Server::start(folder);
    let id = &server.report("slow")["filters"][0]["id"];
    assert_eq!(server.report("slow")["filters"][0]["name"], "timestamp");
    fs::copy(
        server.folder().join("busy.wasm"),
        server.folder().join("fine.wasm"),
    )
    .unwrap();
    let size = Cell::new(20);
    let report = until(
        || {
            size.set(20 + (size.get() + 1) % 20);
            let patch = json!({ "with": { "size": size.get() } });
            let step = &server.report("quick")["filters"][0]["id"];
            answers(
                &server,
                "PATCH",
                &format!("/api/streams/quick/steps/{step}"),
                &patch,
                200,
            );
            server.report("slow")
        },
        |report| report["filters"][0]["name"] == "hostile",
    );
    assert_eq!(report["filters"][0]["id"], *id);
}

/// Writes `text` into the file in place, and the second half only once two more changes have been
/// answered.
fn edit_in_place(server: &Server, text: &str, answered: &AtomicUsize) {
    let mut file = fs::File::create(server.folder().join("pipeline.yaml")).unwrap();
    let half = text.find("  other:").unwrap();
    file.write_all(&text.as_bytes()[..half]).unwrap();
    let before = answered.load(Ordering::SeqCst);
    until(
        || json!(answered.load(Ordering::SeqCst)),
        |now| now.as_u64() > Some(before as u64 + 1),
    );
    file.write_all(&text.as_bytes()[half..]).unwrap();
}

#[test]
fn edits_in_place_are_not_lost_while_changes_keep_coming() {
    const EDITS: usize = 8;
    let text = "admin-token: { env: TEST_TOKEN }
streams:
  quick: { filters: [{ use: text, with: { format: hello, size: 20 } }] }
  other: { title: t }
";
    let server = Server::start(Folder::with(text));
    let (answered, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let change = || {
        for size in (20..40).cycle() {
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            let step = &server.report("quick")["filters"][0]["id"];
            let target = format!("/api/streams/quick/steps/{step}");
            server.change("PATCH", &target, &json!({ "with": { "size": size } }));
            answered.fetch_add(1, Ordering::SeqCst);
        }
    };
    let lost = thread::scope(|scope| {
        scope.spawn(change);
        scope.spawn(change);
        let lost = (0..EDITS).filter(|edit| {
            let title = format!("title: t{edit} }}");
            let old = saved(&server);
            let at = old.find("title:").unwrap();
            edit_in_place(&server, &format!("{}{title}\n", &old[..at]), &answered);
            let before = answered.load(Ordering::SeqCst);
            until(
                || json!(answered.load(Ordering::SeqCst)),
                |now| now.as_u64() > Some(before as u64 + 3),
            );
            let is_lost = !saved(&server).contains(&title);
            if is_lost {
                save(&server, &old);
            }
            is_lost
        });
        let lost = lost.count();
        is_over.store(true, Ordering::SeqCst);
        lost
    });
    // No system call tells that a file has been opened but not yet written to: that moment remains.
    assert!(lost <= 1, "{lost} of {EDITS} edits are lost");
}

#[test]
fn more_streams_than_the_runtime_has_threads() {
    const STREAMS: usize = 530;
    let _busy = load::busy();
    let mut text = "admin-token: { env: TEST_TOKEN }\nstreams:\n".to_owned();
    for index in 0..STREAMS {
        text += &format!("  s{index}: {{ filters: [{{ use: timestamp }}] }}\n");
    }
    let server = Server::start_with(Folder::with(&text), |command| {
        // Nothing is compiled yet.
        command.env("MATTEBOX_CACHE", "off");
    });
    let step = json!({ "use": "text", "with": { "format": "hello" } });
    answers(&server, "POST", "/api/streams/s1/steps", &step, 201);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn another_token_counts_at_once_whatever_the_file_waits_for() {
    let folder = folder("[]", "[]");
    let text = pipeline("[]", "[]").replace("{ env: TEST_TOKEN }", "{ file: token }");
    folder.write("pipeline.yaml", &text);
    folder.write("token", TOKEN);
    let server = Server::start(folder);
    answers(
        &server,
        "PUT",
        "/api/variables/a",
        &json!({ "text": "1" }),
        204,
    );
    save(
        &server,
        &text.replacen("filters: []", "filters: [{ use: ./slow.wasm }]", 1),
    );
    fs::write(server.folder().join("token"), "another and a longer one").unwrap();
    let changed = until(
        || {
            server
                .change("PUT", "/api/variables/a", &json!({ "text": "2" }))
                .status
                .into()
        },
        |status| *status == 401,
    );
    assert_eq!(changed, 401);
    let log = server.log();
    assert!(!log.contains("time limit"), "{log}");
}

#[test]
fn a_stream_has_its_filters_once_there_is_memory_for_them() {
    let folder = Folder::with(
        "filters-memory: 64MiB
streams: { s: { source: { driver: files, path: plain.jpg }, filters: [{ use: ./large.wasm }] } }
",
    );
    folder.write("plain.jpg", jpeg("420.jpg"));
    let grow = "(drop (memory.grow (i32.const 1600)))
        (if (i32.lt_u (memory.size) (i32.const 1600)) (then unreachable))
        (i32.store (i32.const 1024) (i32.const 0)) (i32.const 1024)";
    folder.write("large.wasm", configure(grow));
    let server = Server::start(folder);
    assert_eq!(server.report("s")["state"], "failing");
    let text = saved(&server);
    save(&server, &text.replace("64MiB", "1GiB"));
    server.until("s", |report| report["state"] != "failing");
    server.until_get("/api/pipeline", |report| report["error"].is_null());
    assert_eq!(server.get("/s.jpg").status, 200);
}

#[test]
fn ten_streams_whose_modules_take_long_keep_no_other_waiting() {
    const SLOW: usize = 10;
    let _busy = load::busy();
    let mut text = pipeline("[]", "[]");
    for index in 0..SLOW {
        text += &format!("  s{index}: {{ source: {{ driver: files, path: plain.jpg }} }}\n");
    }
    let folder = Folder::with(&text);
    folder.write("plain.jpg", jpeg("420.jpg"));
    for index in 0..SLOW {
        // Each another module, so that each has a child process of its own.
        let body = format!("(drop (i32.const {index})) {LOOP}");
        folder.write(&format!("slow{index}.wasm"), describe(&body));
    }
    let unknown = format!(
        "(drop (i32.const {})) (i64.store (i32.const 1024) (i64.const 0)) (i32.const 1024)",
        std::process::id()
    );
    folder.write("new.wasm", overlay(&unknown));
    let server = Server::start(folder);
    thread::scope(|scope| {
        let slow: Vec<_> = (0..SLOW)
            .map(|index| {
                let server = &server;
                scope.spawn(move || {
                    let step = json!({ "use": format!("./slow{index}.wasm") });
                    let answer =
                        server.change("POST", &format!("/api/streams/s{index}/steps"), &step);
                    (answer.status, answer.text())
                })
            })
            .collect();
        let step = json!({ "use": "./new.wasm" });
        answers(&server, "POST", "/api/streams/quick/steps", &step, 201);
        let done = slow.iter().filter(|slow| slow.is_finished()).count();
        assert_eq!(done, 0, "it waited");
        for slow in slow {
            let (status, answer) = slow.join().unwrap();
            assert_eq!(status, 422, "{answer}");
        }
    });
}

#[test]
fn functions_and_globals_count_in_the_budget_of_all_filters() {
    let globals = "(global i32 (i32.const 0))".repeat(400_000);
    let unchanged = "(i64.store (i32.const 1024) (i64.const 0)) (i32.const 1024)";
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
filters-memory: 64MiB
streams: { s: { source: { driver: files, path: plain.jpg } } }
",
    );
    folder.write("plain.jpg", jpeg("420.jpg"));
    folder.write("globals.wasm", overlay_with("", &globals, unchanged));
    let server = Server::start(folder);
    let step = json!({ "use": "./globals.wasm" });
    // The filter itself takes some, and each of its instances.
    for _ in 0..5 {
        answers(&server, "POST", "/api/streams/s/steps", &step, 201);
    }
    let why = answers(&server, "POST", "/api/streams/s/steps", &step, 422);
    assert!(
        why.contains("filters-memory") && why.contains("globals"),
        "{why}"
    );
    // A limit of its own is one, too.
    let step = json!({ "use": "./globals.wasm", "memory-limit": "4MiB" });
    let why = answers(&server, "POST", "/api/streams/s/steps", &step, 422);
    assert!(why.contains("its memory limit of 4 MiB"), "{why}");
}
