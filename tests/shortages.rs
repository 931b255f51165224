//! A machine that is short of something while filters are compiled:
//!
//! | kind | the stream | changes | afterwards |
//! |---|---|---|---|
//! | files can't be written | says so; its old filters go on | 503 with `Retry-After` | has its filters, with nobody doing anything |
//! | a child process is killed | says so | are made | the same |

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

/// A server in which no file can have more than 4 KiB, such as compiled code, until [`end_shortage`].
fn short_of_space(pipeline: &str) -> Server {
    Server::start_unprepared(folder(pipeline), |command| {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -S -f 8 && exec \"$@\"", "sh"]);
        limited.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        limited.env("MATTEBOX_CACHE", "off");
        limited.current_dir(command.get_current_dir().unwrap());
        *command = limited;
    })
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

fn end_shortage(server: &Server) {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(Some(pid(server.pid())), Resource::Fsize, unlimited).unwrap();
}

fn says(report: &Value, words: &str) -> bool {
    report["error"]
        .as_str()
        .is_some_and(|error| error.contains(words))
}

#[test]
fn filters_that_cant_be_compiled_for_want_of_space_are_tried_again() {
    let server = short_of_space(PIPELINE);
    server.until("s", |report| says(report, "just now; tried again in "));
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
    assert_eq!(log.matches("tried again in 1s").count(), 1, "{log}");
    assert!(!log.contains("tried again in 2s"), "{log}");
}

#[test]
fn a_file_whose_filters_cant_be_compiled_for_want_of_space_is_put_in_force_later() {
    let none = PIPELINE.replace("[{ use: timestamp }]", "[]");
    let server = short_of_space(&none);
    server.until("s", |report| report["state"] != "preparing");
    fs::write(server.folder().join("pipeline.yaml"), PIPELINE).unwrap();
    server.until_get("/api/pipeline", |report| !report["error"].is_null());
    assert_eq!(server.get("/s.jpg").bytes(), jpeg("420.jpg"));
    assert_eq!(server.report("s")["filters"], json!([]));
    end_shortage(&server);
    server.until("s", |report| report["filters"] != json!([]));
    server.until_get("/api/pipeline", |report| report["error"].is_null());
    let log = server.log();
    assert!(
        log.contains("can't be used just now; tried again in 1s"),
        "{log}"
    );
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
    server.until("s", |report| says(report, "just now; tried again in "));
    server.until("s", |report| report["state"] != "failing");
    assert_eq!(server.get("/s.jpg").status, 200);
    let log = server.log();
    assert!(log.contains("signal: 9"), "{log}");
}
