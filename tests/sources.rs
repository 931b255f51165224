//! Which source a stream has: chosen on the command line, or shared with another stream.

use serde_json::{Value, json};

use crate::support::picture::{decode, jpeg};
use crate::support::server::Server;
use crate::support::{Folder, mattebox, stderr};

const DEMO: &str = "streams: { first: { filters: [{ use: timestamp }] }, second: {} }";

fn with_pictures(pipeline: &str) -> Folder {
    let folder = Folder::with(pipeline);
    folder.write("frames/a.jpg", jpeg("420.jpg"));
    folder
}

#[test]
fn the_first_streams_source_is_chosen_without_a_file() {
    let by_argument = Server::start_with(with_pictures(DEMO), |command| {
        command.args(["--source", "files:frames/*.jpg"]);
    });
    let by_environment = Server::start_with(with_pictures(DEMO), |command| {
        command.env("MATTEBOX_SOURCE", "files:frames/*.jpg");
    });
    for server in [by_argument, by_environment] {
        assert_eq!(server.report("first")["driver"], "files");
        assert_eq!(server.report("second")["driver"], "demo");
        let frame = server.watch("first").next().unwrap().jpeg;
        assert_eq!(decode(&frame).dimensions(), (203, 149));
    }
}

#[test]
fn a_source_of_the_command_line_is_told_and_the_files_cant_be_changed_below_it() {
    let pipeline = format!("admin-token: {{ env: TEST_TOKEN }}\n{DEMO}\n");
    let server = Server::start_with(with_pictures(&pipeline), |command| {
        command.args(["--source", "files:frames/*.jpg"]);
    });
    assert_eq!(server.report("first")["source_set_by"], "command-line");
    assert_eq!(server.report("second")["source_set_by"], "pipeline-file");

    let file = || std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    let put = |config: &Value| server.change("PUT", "/api/v1/streams/first", config);
    let refused = put(&json!({"source": {"driver": "exec", "command": ["x"]}}));
    assert_eq!(refused.status, 409);
    let why = refused.json()["detail"].to_string();
    assert!(why.contains("--source") && why.contains("`first`"), "{why}");
    assert_eq!(file(), pipeline);

    assert_eq!(put(&json!({"title": "Door"})).status, 200);
    assert!(file().contains("title: Door"));
    let report = server.report("first");
    assert_eq!(
        (&report["driver"], &report["title"]),
        (&json!("files"), &json!("Door"))
    );

    let by_hand = file().replace("title: Door", "source: { driver: exec, command: [x] }");
    std::fs::write(server.folder().join("pipeline.yaml"), by_hand).unwrap();
    let by_hand = server.until("first", |report| report["title"] == "first");
    assert_eq!(by_hand["driver"], "files");
    let log = server.log();
    for words in [
        "the source is that of --source instead of the pipeline file's",
        "source in the file, where --source is in force",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[test]
fn a_wrong_source_is_refused() {
    let folder = Folder::with(DEMO);
    for (spec, words) in [
        ("webcam", "expected `demo`, `camera:0`"),
        ("files:none/*.jpg", "no such file"),
        (
            "http:/",
            "expected an address such as `http://camera/video`",
        ),
    ] {
        let output = folder.run(&["--source", spec]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    let output = mattebox()
        .current_dir(folder.path())
        .env("MATTEBOX_SOURCE", "rtsp:secret")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn streams_share_a_camera() {
    let server = Server::start(with_pictures(
        "streams:
  small: { source: { stream: front, frames: filtered }, idle-timeout: 50ms }
  plain: { source: { stream: front }, idle-timeout: 50ms }
  front:
    source: { driver: files, path: 'frames/*.jpg', fps: 50 }
    idle-timeout: 50ms
    filters: [{ use: resize, with: { width: 100 } }]
",
    ));
    let mut plain = server.watch("plain");
    assert_eq!(plain.next().unwrap().jpeg, jpeg("420.jpg"));
    let front = server.report("front");
    assert_eq!(
        (&front["viewers"], &front["sharers"]),
        (&0.into(), &1.into())
    );
    // Nobody sees the filters' work, so they have none.
    assert_eq!(front["paths"]["recode"], 0);
    let mut small = server.watch("small");
    assert_eq!(decode(&small.next().unwrap().jpeg).width(), 100);
    assert_eq!(server.report("small")["path"], "passthrough");
    assert_eq!(plain.next().unwrap().jpeg, jpeg("420.jpg"));
    drop(small);
    server.until("small", |report| report["state"] == "resting");
    assert_eq!(server.report("front")["state"], "running");
    drop(plain);
    server.until("front", |report| report["state"] == "resting");
}

#[test]
fn a_camera_must_not_be_its_own() {
    let folder = Folder::with(
        "streams:
  a: { source: { stream: b } }
  b: { source: { stream: c } }
  c: { source: { stream: a } }
  d: { source: { stream: a } }
  e: { source: { stream: frnt } }
  front: {}
",
    );
    let output = folder.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = stderr(&output);
    for line in 2..=4 {
        assert!(
            errors.contains(&format!("pipeline.yaml:{line}:26: the stream ")),
            "{errors}"
        );
    }
    assert!(
        errors.contains("6:26: no stream is called `frnt`; did you mean `front`?"),
        "{errors}"
    );
    assert!(!errors.contains("pipeline.yaml:5:"), "{errors}");
}
