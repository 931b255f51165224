//! The drivers that run commands: `exec`, `rtsp`, `pi-camera`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::Folder;
use crate::support::picture::{decode, jpeg};
use crate::support::server::Server;

/// Writes one picture after the other.
const CAMERA: &str = "while :; do cat a.jpg; sleep 0.03; done";

fn exec(shell: &str) -> Server {
    // A single quote ends a YAML text.
    let shell = shell.replace('\'', "''");
    let folder = Folder::with(&format!(
        "streams:
  s:
    source: {{ driver: exec, command: [sh, -c, '{shell}'] }}
    idle-timeout: 50ms
"
    ));
    folder.write("a.jpg", jpeg("420.jpg"));
    Server::start(folder)
}

fn wait_for(path: &Path) -> String {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => std::thread::yield_now(),
        }
        assert!(Instant::now() < give_up, "{} never comes", path.display());
    }
}

fn lives(pid: &str) -> bool {
    // A dead one that nobody has asked for yet is none.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

#[test]
fn a_commands_pictures_pass_untouched_while_somebody_watches() {
    let server = exec(&format!("echo $$ > pid; echo it films >&2; {CAMERA}"));
    let pid_file = server.folder().join("pid");
    assert!(!pid_file.exists());
    let mut viewer = server.watch("s");
    for _ in 0..3 {
        assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"));
    }
    let pid = wait_for(&pid_file);
    assert!(lives(&pid));
    drop(viewer);
    server.until("s", |report| report["state"] == "resting");
    assert!(!lives(&pid));
    let log = server.log();
    assert!(log.contains("the command says line=it films"), "{log}");
}

#[test]
fn a_command_that_does_not_obey_is_killed_with_all_its_children() {
    let child = "sh -c 'trap : TERM; echo $$ > child; while :; do sleep 0.05; done'";
    let server = exec(&format!("trap : TERM; {child} & {CAMERA}"));
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    let child = wait_for(&server.folder().join("child"));
    drop(viewer);
    server.until("s", |report| report["state"] == "resting");
    assert!(!lives(&child));
}

#[test]
fn a_server_that_is_stopped_leaves_no_command() {
    let server = exec(&format!("trap : TERM; echo $$ > pid; {CAMERA}"));
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    let pid = wait_for(&server.folder().join("pid"));
    server.terminate();
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(!lives(&pid), "{log}");
}

#[test]
fn a_command_that_ends_is_told_of_and_started_again() {
    let server = exec("cat a.jpg; echo out of film >&2; exit 3");
    let mut viewer = server.watch("s");
    let report = server.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap();
    assert_eq!(error, "`sh` ended (exit status: 3): out of film");
    std::fs::write(server.folder().join("a.jpg"), jpeg("422.jpg")).unwrap();
    while viewer.next().unwrap().jpeg != jpeg("422.jpg") {}
}

#[test]
fn a_command_that_fails_again_and_again_is_told_of_once() {
    let server = exec("echo run >> runs; echo no film >&2; exit 3");
    let _viewer = server.watch("s");
    let runs = server.folder().join("runs");
    while std::fs::read_to_string(&runs)
        .unwrap_or_default()
        .lines()
        .count()
        < 3
    {
        std::thread::yield_now();
    }
    let log = server.log();
    assert_eq!(
        log.matches("the command says line=no film").count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches("the camera fails").count(), 1, "{log}");
    assert!(log.contains(r#"reason="command""#), "{log}");
}

#[test]
fn a_camera_that_flaps_is_told_of_once() {
    let server = exec("echo run >> runs; cat a.jpg; exit 3");
    let _viewer = server.watch("s");
    let runs = server.folder().join("runs");
    let count = || std::fs::read_to_string(&runs).unwrap_or_default();
    while count().lines().count() < 4 {
        std::thread::yield_now();
    }
    let log = server.log();
    assert_eq!(log.matches("the camera fails").count(), 1, "{log}");
    let again = log.matches("the camera gives pictures again").count();
    assert_eq!(again, 1, "{log}");
}

#[test]
fn a_command_that_says_much_is_told_of_in_part() {
    let server = exec(&format!(
        "n=0; while [ $n -lt 500 ]; do n=$((n+1)); echo late $n >&2; done; {CAMERA}"
    ));
    let mut viewer = server.watch("s");
    // What it says is read beside its pictures.
    for _ in 0..10 {
        viewer.next().unwrap();
    }
    let log = server.log();
    assert_eq!(
        log.matches("the command says line=late").count(),
        20,
        "{log}"
    );
    assert_eq!(log.matches("the command says much").count(), 1, "{log}");
}

#[test]
fn a_program_that_is_not_there_is_told_of() {
    let sources = [
        (
            "driver: exec, command: [no-such-program, x]",
            "there is no program `no-such-program`",
        ),
        (
            "driver: rtsp, via: ffmpeg, url: 'rtsp://127.0.0.1:1/x'",
            "there is no ffmpeg",
        ),
        ("driver: pi-camera", "neither rpicam-vid nor libcamera-vid"),
    ];
    for (source, words) in sources {
        let folder = Folder::with(&format!("streams: {{ s: {{ source: {{ {source} }} }} }}"));
        let server = Server::start_with(folder, |command| {
            command.env("PATH", "/nowhere");
        });
        let _viewer = server.watch("s");
        let report = server.until("s", |report| report["state"] == "failing");
        assert!(
            report["error"].as_str().unwrap().contains(words),
            "{report:#}"
        );
    }
}

#[test]
fn a_raspberry_pis_camera_is_asked_for_what_the_file_says() {
    for program in ["rpicam-vid", "libcamera-vid"] {
        let folder = Folder::with(
            "streams: { s: { source: { driver: pi-camera, camera: 1, size: 640x480, fps: 12, \
             rotation: 180 } } }",
        );
        folder.write("a.jpg", jpeg("420.jpg"));
        let path = folder.write(program, format!("#!/bin/sh\necho \"$@\" > asked\n{CAMERA}"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let programs = format!("{}:/usr/bin:/bin", folder.path().display());
        let server = Server::start_with(folder, |command| {
            command.env("PATH", programs);
        });
        assert_eq!(server.watch("s").next().unwrap().jpeg, jpeg("420.jpg"));
        let asked = wait_for(&server.folder().join("asked"));
        for argument in [
            "--codec mjpeg",
            "--camera 1",
            "--width 640",
            "--height 480",
            "--framerate 12",
            "--rotation 180",
            "--output -",
        ] {
            assert!(asked.contains(argument), "{asked}");
        }
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_as_a_camera() {
    let server = Server::start(Folder::with(
        "streams:
  s:
    source:
      driver: exec
      command: [ffmpeg, -loglevel, error, -re, -f, lavfi, -i, testsrc=size=320x240:rate=20, -f, \
         mjpeg, \"-\"]
",
    ));
    let mut viewer = server.watch("s");
    let mut next = || viewer.next().unwrap().jpeg;
    // While ffmpeg starts, viewers may be told that there is no signal.
    let mut first = next();
    while decode(&first).dimensions() != (320, 240) {
        first = next();
    }
    let rest: Vec<_> = (0..4).map(|_| next()).collect();
    assert!(
        rest.iter()
            .all(|frame| decode(frame).dimensions() == (320, 240))
    );
    assert_ne!(first, rest[3]);
}
