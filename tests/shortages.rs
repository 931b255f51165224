//! A machine that is short of something while filters are compiled:
//!
//! | kind | the stream | changes | afterwards |
//! |---|---|---|---|
//! | files can't be written | says so; its old filters go on | 503 with `Retry-After` | has its filters, with nobody doing anything |
//! | a child process is killed | says so | are made | the same |
//!
//! Where the pipeline file itself can't be written, a change gets 503 with `Retry-After`; where its
//! versions can't, it is made.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};

use crate::support::Folder;
use crate::support::picture::jpeg;
use crate::support::server::Server;

const PIPELINE: &str = "admin-token: { env: TEST_TOKEN }
streams:
  s: { source: { driver: files, path: plain.jpg }, filters: [{ use: timestamp }] }
  other: { source: { driver: files, path: plain.jpg }, filters: [] }
";

fn folder(pipeline: &str) -> Folder {
    let folder = Folder::with(pipeline);
    folder.write("plain.jpg", jpeg("420.jpg"));
    folder
}

/// A server in which no file can have more than 4 KiB, such as compiled code, until
/// [`end_shortage`].
fn short_of_space(pipeline: &str) -> Server {
    Server::start_unprepared(folder(pipeline), |command| {
        by_shell(command, "ulimit -S -f 8");
        command.env("MATTEBOX_CACHE", "off");
    })
}

/// Runs `command` after these words of a shell.
fn by_shell(command: &mut Command, words: &str) {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("{words} && exec \"$@\""), "sh"]);
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.current_dir(command.get_current_dir().unwrap());
    *command = limited;
}

/// A server with a step to change, and versions in a folder, that lives through [`begin_shortage`].
/// Its pipeline file ends with `more`.
fn editable(more: &str) -> (Server, String) {
    let text = "[{ use: text, with: { format: hello } }]";
    let pipeline = PIPELINE.replace("[{ use: timestamp }]", text) + more;
    let folder = folder(&pipeline);
    let state = folder.path().join("state");
    let server = Server::start_with(folder, |command| {
        by_shell(command, "trap '' XFSZ");
        command.env("MATTEBOX_STATE", state);
    });
    let id = server.report("s")["filters"][0]["id"].to_string();
    (server, format!("/api/streams/s/steps/{id}"))
}

/// From now on, no file can have more than 4 KiB.
fn begin_shortage(server: &Server) {
    limit_files(server, Some(4096));
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

fn end_shortage(server: &Server) {
    limit_files(server, None);
}

fn limit_files(server: &Server, most: Option<u64>) {
    let limit = Rlimit {
        current: most,
        maximum: None,
    };
    prlimit(Some(pid(server.pid())), Resource::Fsize, limit).unwrap();
}

fn says(report: &Value, words: &str) -> bool {
    report["error"]
        .as_str()
        .is_some_and(|error| error.contains(words))
}

#[test]
fn filters_that_cant_be_compiled_for_want_of_space_are_tried_again() {
    let server = short_of_space(PIPELINE);
    server.until("s", |report| says(report, "just now; the next try is in "));
    let listed = server.get("/api/filters").json();
    let unusable = listed["unusable"].as_array().unwrap();
    assert!(!unusable.is_empty());
    let is_passing = |it: &Value| says(it, "can't be compiled just now");
    assert!(unusable.iter().all(is_passing), "{listed:#}");

    let step = json!({ "use": "text", "with": { "format": "hello" } });
    let refused = server.change("POST", "/api/streams/other/steps", &step);
    assert_eq!(refused.status, 503);
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    let why = refused.text();
    assert!(why.contains("can't be compiled just now"), "{why}");
    assert_eq!(server.get("/other.jpg").status, 200);

    end_shortage(&server);
    server.until("s", |report| report["state"] != "failing");
    assert_eq!(server.get("/s.jpg").status, 200);
    let pipeline = server.get("/api/pipeline").json();
    assert!(pipeline["error"].is_null(), "{pipeline:#}");
    let listed = server.get("/api/filters").json();
    assert_eq!(listed["unusable"], json!([]));
    let made = server.change("POST", "/api/streams/other/steps", &step);
    assert_eq!(made.status, 201);
    let log = server.log();
    assert_eq!(log.matches("retry_in=1s").count(), 1, "{log}");
    assert!(!log.contains("retry_in=2s"), "{log}");
}

#[test]
fn a_file_whose_filters_cant_be_compiled_for_want_of_space_is_put_in_force_later() {
    let none = PIPELINE.replace("[{ use: timestamp }]", "[]");
    let server = short_of_space(&none);
    server.until("s", |report| report["state"] != "preparing");
    fs::write(server.folder().join("pipeline.yaml"), PIPELINE).unwrap();
    server.until_get("/api/pipeline", |report| !report["error"].is_null());
    // Nothing is wrong with the file.
    let why = server.get("/readyz").text();
    assert!(
        why.contains("just now, since the machine is short of something that"),
        "{why}"
    );
    let why = server.change_by("GET", "/readyz", b"").text();
    assert!(why.contains("can't be put in force just now: "), "{why}");
    assert_eq!(server.get("/s.jpg").bytes(), jpeg("420.jpg"));
    assert_eq!(server.report("s")["filters"], json!([]));
    end_shortage(&server);
    server.until("s", |report| report["filters"] != json!([]));
    server.until_get("/api/pipeline", |report| report["error"].is_null());
    let log = server.log();
    assert!(log.contains("can't be used just now retry_in=1s"), "{log}");
}

#[test]
fn filters_whose_compiler_is_killed_are_compiled_again() {
    let server = Server::start_unprepared(folder(PIPELINE), |command| {
        command.env("MATTEBOX_CACHE", "off");
    });
    let child = loop {
        if let Some(child) = server.children().first() {
            break *child;
        }
        let report = server.report("s");
        assert_eq!(report["state"], "preparing", "{report:#}");
    };
    kill_process(pid(child), Signal::KILL).unwrap();
    server.until("s", |report| says(report, "just now; the next try is in "));
    server.until("s", |report| report["state"] != "failing");
    assert_eq!(server.get("/s.jpg").status, 200);
    let log = server.log();
    assert!(log.contains("signal: 9"), "{log}");
}

#[test]
fn a_change_that_cant_be_written_for_want_of_space_can_be_made_later() {
    let (server, step) = editable(&"# a line that makes the file longer\n".repeat(200));
    begin_shortage(&server);
    let change = json!({ "with": { "format": "good bye" } });
    for _ in 0..3 {
        let refused = server.change("PATCH", &step, &change);
        assert_eq!(refused.status, 503);
        assert!(refused.header("retry-after").is_some());
        let why = refused.text();
        assert!(
            why.contains("pipeline.yaml can't be written just now"),
            "{why}"
        );
        assert!(!why.contains(".tmp"), "{why}");
    }
    assert_eq!(
        server.report("s")["filters"][0]["settings"]["format"],
        "hello"
    );
    end_shortage(&server);
    assert_eq!(server.change("PATCH", &step, &change).status, 200);
    let log = server.log();
    let told = log
        .matches("pipeline.yaml can't be written just now")
        .count();
    assert_eq!(told, 1, "{log}");
    assert!(log.contains("works again failures=3"), "{log}");
}

#[test]
fn changes_whose_versions_cant_be_kept_for_want_of_space_are_made_and_told_of_once() {
    // As JSON, it is half as long again.
    let (server, step) = editable(&"#\n".repeat(1700));
    begin_shortage(&server);
    for number in 0..5 {
        let change = json!({ "with": { "format": format!("number {number}") } });
        assert_eq!(server.change("PATCH", &step, &change).status, 200);
    }
    let log = server.log();
    let told = log.matches("kept until the server ends only").count();
    assert_eq!(told, 1, "{log}");
}
