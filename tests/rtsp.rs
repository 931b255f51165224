//! The driver `rtsp` with a real RTSP server (GStreamer's) and the real ffmpeg.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::picture::{decode, psnr};
use crate::support::server::Server;
use crate::support::{Folder, repository};

/// A camera that shows a moving ball, 320 × 240 at 20 fps in H.264.
struct RtspCamera {
    child: Child,
    port: u16,
}

impl RtspCamera {
    fn start(port: u16, login: &[&str]) -> Self {
        // Debian's, which has its packages.
        let mut child = Command::new("/usr/bin/python3")
            .arg(repository("tests/support/rtsp_server.py"))
            .arg(port.to_string())
            .args(login)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn server(camera: &RtspCamera, settings: &str) -> Server {
    let port = camera.port;
    Server::start(Folder::with(&format!(
        "streams:
  s:
    source: {{ driver: rtsp, url: 'rtsp://127.0.0.1:{port}/live'{settings} }}
    idle-timeout: 50ms
    filters: [{{ use: timestamp }}]
"
    )))
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn a_camera_is_seen_goes_and_comes_back() {
    let camera = RtspCamera::start(0, &[]);
    let port = camera.port;
    let server = server(&camera, ", stall-timeout: 2s");
    let mut viewer = server.watch("s");
    server.until("s", |report| report["state"] == "running");
    let first = decode(&viewer.next().unwrap().jpeg);
    while decode(&viewer.next().unwrap().jpeg).dimensions() != (320, 240) {}
    let later = decode(&viewer.next().unwrap().jpeg);
    assert!(first.dimensions() != later.dimensions() || psnr(&first, &later) < 60.0);
    // Its pictures have the standard tables, so that drawing on them is cheap.
    assert_eq!(server.report("s")["path"], "splice");
    drop(camera);
    server.until("s", |report| report["state"] == "failing");
    let _camera = RtspCamera::start(port, &[]);
    server.until("s", |report| report["state"] == "running");
    drop(viewer);
    server.until("s", |report| report["state"] == "resting");
    // ffmpeg was a child of the server's.
    let children = format!("/proc/{0}/task/{0}/children", server.pid());
    assert_eq!(std::fs::read_to_string(children).unwrap(), "");
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn size_rate_and_transport_are_as_asked_for() {
    for transport in ["tcp", "udp"] {
        let camera = RtspCamera::start(0, &[]);
        let server = server(
            &camera,
            &format!(", transport: {transport}, size: 160x120, fps: 5, hardware: auto"),
        );
        let mut viewer = server.watch("s");
        while decode(&viewer.next().unwrap().jpeg).dimensions() != (160, 120) {}
        for _ in 0..6 {
            viewer.next().unwrap();
        }
        let rate = server.report("s")["fps_in"].as_f64().unwrap();
        assert!(rate < 7.0, "{transport}: {rate}");
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn a_password_opens_the_camera_and_shows_nowhere() {
    let camera = RtspCamera::start(0, &["me:s3cret"]);
    let right = server(&camera, ", user: me, password: s3cret");
    let _viewer = right.watch("s");
    right.until("s", |report| report["state"] == "running");
    let wrong = server(&camera, ", user: me, password: gu3ss");
    let _viewer = wrong.watch("s");
    let report = wrong.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap();
    assert!(error.contains("401"), "{error}");
    for told in [error.to_owned(), wrong.log(), right.log()] {
        assert!(
            !told.contains("gu3ss") && !told.contains("s3cret"),
            "{told}"
        );
    }
}
