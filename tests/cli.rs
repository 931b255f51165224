//! The command line: what it prints, and how it ends.

use crate::support::hostile::{UNCHANGED, overlay};
use crate::support::picture::{jpeg, resized};
use crate::support::{Folder, mattebox, repository, stderr, stdout};

#[test]
fn the_repositorys_own_pipeline_is_fine() {
    let output = mattebox()
        .arg("check")
        .arg(repository("pipeline.yaml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("is fine"));
}

#[test]
fn filters_lists_what_is_built_in() {
    let output = mattebox().arg("filters").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "timestamp 0.1.0 (overlay",
        "watermark 0.1.0 (overlay",
        "resize 0.1.0 (transform",
        "opacity: a number from 0 to 1",
        "fit: contain | cover | stretch; default \"contain\"",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn filters_describes_a_file() {
    let folder = Folder::new();
    folder.write("mine.wasm", overlay(UNCHANGED));
    let output = folder.run(&["filters", "mine.wasm"]);
    assert!(
        stdout(&output).starts_with("hostile 1 (overlay"),
        "{}",
        stderr(&output)
    );
    let output = folder.run(&["filters", "gone.wasm"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "gone.wasm: no such file\n");
}

#[test]
fn apply_counts_and_measures() {
    let folder =
        Folder::with("streams:\n  a: {}\n  b:\n    filters: [{use: resize, with: {width: 9}}]\n");
    folder.write("1.jpg", jpeg("420.jpg"));
    folder.write("2.jpg", jpeg("444.jpg"));
    let output = folder.run(&[
        "apply", "--json", "--stream", "b", "--repeat", "3", "1.jpg", "2.jpg",
    ]);
    let numbers: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(numbers["frames"], 6);
    assert_eq!(numbers["paths"]["recode"], 6);
    assert!(numbers["cpu_ms_per_frame"].as_f64().unwrap() > 0.0);
    let output = folder.run(&["apply", "-o", "out", "1.jpg", "2.jpg"]);
    assert!(stdout(&output).starts_with("frames: 2 (2 passthrough, 0 splice, 0 recode); "));
    assert_eq!(folder.read("out/2.jpg"), jpeg("444.jpg"));
    assert!(!folder.path().join("out/out").exists());
}

#[test]
fn apply_leaves_out_what_the_server_would() {
    let folder =
        Folder::with("streams:\n  a: {}\n  b: { source: { driver: demo, max-megapixels: 42 } }\n");
    folder.write("large.jpg", resized(8000, 5200));
    let output = folder.run(&["apply", "large.jpg"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(
        errors.contains("large.jpg: the picture is too large: 8000×5200"),
        "{errors}"
    );
    let output = folder.run(&["apply", "--stream", "b", "large.jpg"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn apply_never_overwrites_an_input() {
    let folder = Folder::with("streams:\n  a: {}\n");
    folder.write("1.jpg", jpeg("420.jpg"));
    folder.write("sub/1.jpg", jpeg("444.jpg"));
    for arguments in [
        ["-o", ".", "1.jpg", "1.jpg"],
        ["-o", "out", "1.jpg", "sub/1.jpg"],
    ] {
        let output = folder.run(&[&["apply"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
    assert_eq!(folder.read("1.jpg"), jpeg("420.jpg"));
}

#[test]
fn wrong_usage_ends_with_2_and_a_failed_run_with_1() {
    let folder = Folder::with("listen: 127.0.0.1:0\nstreams:\n  a: {}\n");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--nonsense"], 2, "--nonsense"),
        (&["serve", "--listen", "here"], 2, "IP address and a port"),
        (&["check", "gone.yaml"], 2, "gone.yaml: no such file"),
        (
            &["apply", "--stream", "b", "x.jpg"],
            2,
            "no stream is called `b`",
        ),
        (&["apply"], 2, "INPUT.jpg"),
        (&["apply", "gone.jpg"], 1, "gone.jpg"),
        (
            &["serve", "--listen", "192.0.2.1:80"],
            1,
            "can't listen on 192.0.2.1:80",
        ),
    ];
    for (arguments, code, why) in cases {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}");
        assert!(
            stderr(&output).contains(why),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn without_a_pipeline_file_the_demo_is_served() {
    let server = crate::support::server::Server::start(Folder::new());
    assert_eq!(server.report("demo")["driver"], "demo");
    assert_eq!(server.report("demo")["state"], "resting");
}

/// `mattebox filters | head -1`, whose reader goes away before all is written.
#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    for arguments in [&["filters"][..], &["--help"][..]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = mattebox();
        let output = command.args(arguments).stdout(writer).output().unwrap();
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert!(
            output.status.success(),
            "{arguments:?}: {:?}",
            output.status
        );
    }
}
