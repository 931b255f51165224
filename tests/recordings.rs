//! The driver `files`: folders, numbered patterns, files that come and go, and wrong paths.

use crate::support::picture::{number, numbered};
use crate::support::server::Server;
use crate::support::{Folder, stderr};

fn source(path: &str) -> String {
    format!("streams: {{ s: {{ source: {{ driver: files, path: '{path}', fps: 50 }} }} }}")
}

#[test]
fn folders_and_numbered_patterns_are_played_in_natural_order() {
    for path in ["frames", "frames/", "frames/img%d.jpg", "frames/*.jpg"] {
        let folder = Folder::with(&source(path));
        for frame in 1..=12 {
            folder.write(&format!("frames/img{frame}.jpg"), numbered(frame, 0));
        }
        folder.write("frames/notes.txt", "no picture");
        let server = Server::start(folder);
        let mut viewer = server.watch("s");
        let mut last = number(&viewer.next().unwrap().jpeg);
        for _ in 0..30 {
            let next = number(&viewer.next().unwrap().jpeg);
            // A slow viewer may miss some, which then are more than one on.
            assert!((next + 12 - last) % 12 < 6, "{path}: {last} {next}");
            last = next;
        }
    }
}

#[test]
fn files_that_come_and_go_are_seen() {
    for path in ["frames", "frames/%04d.jpg", "frames/*.jpg"] {
        let folder = Folder::with(&source(path));
        folder.write("frames/0001.jpg", numbered(1, 0));
        let server = Server::start(folder);
        let mut viewer = server.watch("s");
        assert_eq!(number(&viewer.next().unwrap().jpeg), 1);
        std::fs::write(server.folder().join("frames/0002.jpg"), numbered(2, 0)).unwrap();
        while number(&viewer.next().unwrap().jpeg) != 2 {}
        std::fs::remove_file(server.folder().join("frames/0001.jpg")).unwrap();
        let mut in_a_row = 0;
        while in_a_row < 5 {
            let is_second = number(&viewer.next().unwrap().jpeg) == 2;
            in_a_row = if is_second { in_a_row + 1 } else { 0 };
        }
        assert_eq!(server.report("s")["state"], "running");
        drop(viewer);
        let log = server.log();
        assert!(!log.contains("WARN"), "{log}");
    }
}

#[test]
fn a_wrong_path_says_why() {
    for (path, words) in [
        ("empty", "the folder has no JPEG files"),
        ("empty/*.jpg", "none matches this pattern"),
        ("empty/img%03d.jpg", "none is called like `img001.jpg`"),
        ("gone/*.jpg", "there is no folder `"),
        ("empty/a.jpg", "no such file"),
    ] {
        let folder = Folder::with(&source(path));
        folder.write("empty/a.png", "");
        let output = folder.run(&["check", "pipeline.yaml"]);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_recording_that_is_not_there_is_its_streams_failure_alone_until_it_comes() {
    for (path, words) in [
        ("frames", "no such file"),
        ("frames/*.jpg", "there is no folder `"),
        ("frames/[1].jpg", "there is no folder `"),
    ] {
        let source = format!("{{ driver: files, path: '{path}', fps: 50 }}");
        let server = Server::start(Folder::with(&format!(
            "streams: {{ s: {{ source: {source} }}, other: {{}} }}"
        )));
        server.watch("other").next().unwrap();
        let mut viewer = server.watch("s");
        let report = server.until("s", |report| report["state"] == "failing");
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
        let frames = server.folder().join("frames");
        std::fs::create_dir(&frames).unwrap();
        std::fs::write(frames.join("[1].jpg"), numbered(7, 0)).unwrap();
        std::fs::write(frames.join("1.jpg"), numbered(7, 0)).unwrap();
        server.until("s", |report| report["state"] == "running");
        viewer.next().unwrap();
        drop(viewer);
        let log = server.log();
        assert!(
            log.contains("a stream fails until its recording is there"),
            "{log}"
        );
    }
}

#[test]
fn links_to_nothing_are_told_of() {
    let folder = Folder::with(&source("frames"));
    folder.write("frames/a.txt", "");
    let link = folder.path().join("frames/a.jpg");
    std::os::unix::fs::symlink("gone.jpg", link).unwrap();
    let words = "a.jpg is a link to gone.jpg, which is not there";
    let output = folder.run(&["check", "pipeline.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
    // Beside others it is left out.
    folder.write("frames/b.jpg", numbered(1, 0));
    let output = folder.run(&["check", "pipeline.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
    let server = Server::start(folder);
    server.watch("s").next().unwrap();
    let log = server.log();
    assert!(log.contains(words), "{log}");
}
