//! Files that are none: pipes, devices, sockets and folders in their place. Each is told of, and
//! nothing waits.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::hostile::{UNCHANGED, overlay};
use crate::support::picture::{jpeg, png};
use crate::support::server::{Server, until};
use crate::support::{Folder, mattebox, stderr};

/// More than a busy machine takes to start the server, far less than waiting for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts a pipe at `path`, in the place of what is there.
fn pipe(path: &Path) {
    let new = path.with_extension("new");
    let made = Command::new("mkfifo").arg(&new).status().unwrap();
    assert!(made.success());
    fs::rename(new, path).unwrap();
}

/// Runs `mattebox` in `folder` with this, which must end by itself, and gives how and what it
/// complains of.
fn run(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = mattebox();
    command.current_dir(folder.path()).args(arguments);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > give_up {
            child.kill().unwrap();
            panic!("{arguments:?} waits");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
fn none_of_them_is_read_at_the_start() {
    let streams = "streams: { s: { source: { driver: files, path: f.mjpeg },
  filters: [{ use: ./own.wasm }, { use: watermark, with: { image: logo.png } }] } }\n";
    let names = ["pipeline.yaml", "own.wasm", "logo.png", "f.mjpeg", "token"];
    for name in names {
        for kind in ["pipe", "socket", "folder", "device"] {
            let folder = Folder::with(&format!("admin-token: {{ file: token }}\n{streams}"));
            folder.write("own.wasm", overlay(UNCHANGED));
            folder.write("logo.png", png(4, 4, [0; 4]));
            folder.write("f.mjpeg", jpeg("420.jpg"));
            folder.write("token", "t");
            let path = folder.path().join(name);
            fs::remove_file(&path).unwrap();
            let _socket = match kind {
                "pipe" => {
                    pipe(&path);
                    None
                }
                "folder" => {
                    fs::create_dir(&path).unwrap();
                    None
                }
                "device" => {
                    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
                    None
                }
                _ => Some(UnixListener::bind(&path).unwrap()),
            };
            // A server whose filters or recordings can't be used runs on without them.
            let serve = &["serve", "--listen", "127.0.0.1:0"][..];
            let commands = match name {
                "own.wasm" | "logo.png" | "f.mjpeg" => &[&["check"][..]][..],
                _ => &[serve, &["check"]],
            };
            // A link to a device leads out of the folder.
            let is_outside = name == "logo.png" && kind == "device";
            let words = if is_outside {
                "leads out"
            } else {
                &format!("is a {kind}")
            };
            for arguments in commands {
                let (code, error) = run(&folder, arguments);
                assert_eq!(code, Some(2), "{name}, {kind}: {error}");
                assert!(error.contains(words), "{name}, {kind}: {error}");
            }
        }
    }
}

#[test]
fn pipes_that_come_while_it_runs_hold_nothing_up() {
    let file = "admin-token: { env: TEST_TOKEN }
streams:
  s:
    source: { driver: files, path: 'f*.jpg', fps: 50 }
    filters: [{ use: ./own.wasm }, { use: watermark, with: { image: logo.png } }]
  other: { source: { driver: demo } }
";
    let folder = Folder::with(file);
    folder.write("own.wasm", overlay(UNCHANGED));
    folder.write("logo.png", png(4, 4, [0; 4]));
    folder.write("f1.jpg", jpeg("420.jpg"));
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    let report = || server.change_by("GET", "/api/pipeline", b"").json();
    for name in ["own.wasm", "logo.png", "pipeline.yaml"] {
        let path = server.folder().join(name);
        let good = fs::read(&path).unwrap();
        pipe(&path);
        until(report, |report| {
            let message = report["error"]["message"].as_str();
            message.is_some_and(|it| it.contains("is a pipe, not a plain file"))
        });
        // All goes on: the stream, answers, and changes, which say what is wrong.
        for _ in 0..3 {
            viewer.next().unwrap();
        }
        assert_eq!(server.get("/healthz").status, 200);
        let changed = server.change("PUT", "/api/streams/b", &json!({}));
        if name == "pipeline.yaml" {
            assert_eq!(changed.status, 409);
            assert!(changed.text().contains("is a pipe"));
        } else {
            // Another stream's files are none of this change's business.
            assert_eq!(changed.status, 201);
            let removed = server.change("DELETE", "/api/streams/b", &json!({}));
            assert_eq!(removed.status, 204);
            assert!(!report()["error"].is_null(), "{name}");
        }
        let new = path.with_extension("new");
        fs::write(&new, good).unwrap();
        fs::rename(new, &path).unwrap();
        until(report, |report| report["error"].is_null());
    }
    server.change("PUT", "/api/streams/b", &json!({}));
    assert_eq!(server.get("/api/streams/b").status, 200);
    viewer.next().unwrap();
}

#[test]
fn pipes_among_a_recordings_pictures_are_left_out() {
    let folder = Folder::with(
        "streams:
  list: { source: { driver: files, path: 'f*.jpg', fps: 50 } }
  film: { source: { driver: files, path: f.mjpeg, fps: 50 }, idle-timeout: 0s }
  login: { source: { driver: http, url: 'http://127.0.0.1:1/', user: me, \
         password: { file: password } } }
",
    );
    for name in ["f1.jpg", "f2.jpg", "f3.jpg", "f.mjpeg"] {
        folder.write(name, jpeg("420.jpg"));
    }
    let server = Server::start(folder);
    let mut list = server.watch("list");
    list.next().unwrap();
    pipe(&server.folder().join("f2.jpg"));
    for _ in 0..10 {
        assert_eq!(list.next().unwrap().jpeg, jpeg("420.jpg"));
    }
    for (name, stream) in [("f.mjpeg", "film"), ("password", "login")] {
        pipe(&server.folder().join(name));
        let _viewer = server.watch(stream);
        let report = server.until(stream, |report| report["state"] == "failing");
        let error = report["error"].as_str().unwrap();
        assert!(
            error.contains(&format!("{name}: this is a pipe")),
            "{error}"
        );
    }
    let log = server.log();
    assert!(log.contains("f2.jpg: this is a pipe"), "{log}");
}

#[test]
fn pins_that_are_pipes_are_told_of() {
    for (pin, gpio) in [
        ("gpio5", "inputs: { door: { pin: 5 } }"),
        ("gpio17", "outputs: [{ pin: 17, shows: running }]"),
    ] {
        let folder = Folder::with(&format!(
            "streams: {{ s: }}\ngpio:\n  backend: simulated\n  folder: pins\n  {gpio}\n"
        ));
        fs::create_dir(folder.path().join("pins")).unwrap();
        pipe(&folder.path().join("pins").join(pin));
        let (code, error) = run(&folder, &["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("is a pipe"), "{error}");
    }
}
