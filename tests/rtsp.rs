//! The driver `rtsp` with a real RTSP server (GStreamer's) and the real ffmpeg.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::picture::{decode, jpeg, psnr};
use crate::support::rtsp::{self, Manner, Scheme};
use crate::support::server::Server;
use crate::support::{Folder, repository};

const CODINGS: [&str; 3] = ["h264", "h265", "jpeg"];

/// A camera that shows a moving ball, 320 × 240 at 20 fps.
struct RtspCamera {
    child: Child,
    port: u16,
}

impl RtspCamera {
    fn start(port: u16, coding: &str) -> Self {
        Self::with_login(port, "", coding, "")
    }

    fn with_login(port: u16, login: &str, coding: &str, scheme: &str) -> Self {
        // Debian's, which has its packages.
        let mut child = Command::new("/usr/bin/python3")
            .arg(repository("tests/support/rtsp_server.py"))
            .arg(port.to_string())
            .args([login, coding, scheme])
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
#[ignore = "needs ffmpeg"]
fn logins_that_only_ffmpeg_understands_are_answered_by_it() {
    for (scheme, challenge, is_answered) in [
        (Scheme::Basic, "Basic charset=\"UTF-8\"", true),
        (
            Scheme::Digest,
            "Digest realm=\"cam\", nonce=\"4711\", qop=\"\"",
            true,
        ),
        (
            Scheme::Quality,
            "Digest realm=\"cam\", nonce=\"4711\", qop=\"auth,auth-int\"",
            true,
        ),
        // ffmpeg 5.1 sends nothing.
        (Scheme::Basic, "Basic", false),
        (
            Scheme::Digest,
            "Digest realm=\"cam\", nonce=\"4711\", algorithm=md5",
            false,
        ),
    ] {
        let camera = rtsp::RtspCamera::new(Manner {
            scheme: Some(scheme),
            challenge: Some(format!("WWW-Authenticate: {challenge}\r\n").leak()),
            description: Some(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n\
                 a=control:v\r\n"
                    .to_owned(),
            ),
            ..Manner::good(&[jpeg("420.jpg")])
        });
        let address = camera.address;
        let server = Server::start(Folder::with(&format!(
            "streams: {{ s: {{ source: {{ driver: rtsp, url: 'rtsp://{address}/live', user: me, \
             password: 'p@ss word', via: ffmpeg }} }} }}"
        )));
        let _viewer = server.watch("s");
        let state = if is_answered { "running" } else { "failing" };
        let report = server.until("s", |report| {
            ["running", "failing"].contains(&report["state"].as_str().unwrap())
        });
        assert_eq!(report["state"], state, "{challenge}: {report:#}");
    }
}

/// The command lines of the server's children.
fn children(server: &Server) -> Vec<String> {
    let pid = server.pid();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = tasks.filter_map(|task| {
        // A thread may have ended by now.
        std::fs::read_to_string(task.unwrap().path().join("children")).ok()
    });
    let children: String = children.collect();
    let line = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok();
    children.split_whitespace().filter_map(line).collect()
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn a_camera_is_seen_goes_and_comes_back() {
    for coding in CODINGS {
        for (transport, via) in [("tcp", ""), ("udp", ""), ("tcp", ", via: ffmpeg")] {
            let camera = RtspCamera::start(0, coding);
            let port = camera.port;
            let server = server(
                &camera,
                &format!(", stall-timeout: 2s, transport: {transport}{via}"),
            );
            let mut viewer = server.watch("s");
            server.until("s", |report| report["state"] == "running");
            let first = decode(&viewer.next().unwrap().jpeg);
            while decode(&viewer.next().unwrap().jpeg).dimensions() != (320, 240) {}
            let later = decode(&viewer.next().unwrap().jpeg);
            assert!(first.dimensions() != later.dimensions() || psnr(&first, &later) < 60.0);
            // Its pictures have the standard tables, so that drawing on them is cheap.
            assert_eq!(server.report("s")["path"], "splice");
            let ffmpegs = children(&server);
            let told = ffmpegs.iter().any(|line| line.contains("127.0.0.1"));
            match (coding, via) {
                ("jpeg", "") => assert_eq!(ffmpegs, [""; 0]),
                (_, "") => assert!(ffmpegs.len() == 1 && !told, "{ffmpegs:?}"),
                _ => assert!(told, "{ffmpegs:?}"),
            }
            drop(camera);
            server.until("s", |report| report["state"] == "failing");
            let _camera = RtspCamera::start(port, coding);
            server.until("s", |report| report["state"] == "running");
            drop(viewer);
            server.until("s", |report| report["state"] == "resting");
            // ffmpeg was a child of the server's.
            assert_eq!(children(&server), [""; 0]);
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn size_rate_and_transport_are_as_asked_for() {
    for coding in CODINGS {
        for transport in ["tcp", "udp"] {
            let camera = RtspCamera::start(0, coding);
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
            assert!(rate < 7.0, "{coding} by {transport}: {rate}");
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn only_key_frames_are_decoded_for_two_frames_a_second() {
    for coding in ["h264", "h265"] {
        let camera = RtspCamera::start(0, coding);
        // Shorter than the second from one key frame to the next.
        let server = server(&camera, ", fps: 2, stall-timeout: 300ms");
        let mut viewer = server.watch("s");
        while decode(&viewer.next().unwrap().jpeg).dimensions() != (320, 240) {}
        let start = std::time::Instant::now();
        for _ in 0..5 {
            let picture = decode(&viewer.next().unwrap().jpeg);
            assert_eq!(picture.dimensions(), (320, 240), "the camera stalled");
        }
        let seconds = start.elapsed().as_secs_f64();
        assert!((3.5..9.0).contains(&seconds), "{coding}: {seconds}");
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn an_analysis_is_given_no_more_frames_than_it_looks_at() {
    for coding in CODINGS {
        // Key frames come once a second.
        for (every, most) in [("250ms", 5.0), ("1500ms", 1.2)] {
            let camera = RtspCamera::start(0, coding);
            let port = camera.port;
            let server = Server::start(Folder::with(&format!(
                "streams:
  s:
    source: {{ driver: rtsp, url: 'rtsp://127.0.0.1:{port}/live', size: 160x120, \
                 stall-timeout: 800ms }}
    run: always
    filters: [{{ use: motion, every: {every} }}]
"
            )));
            let frames = |least: u64| {
                let report = server.until("s", |it| it["frames_in"].as_u64() >= Some(least));
                (
                    report["frames_in"].as_u64().unwrap(),
                    std::time::Instant::now(),
                )
            };
            let ((first, start), (last, end)) = (frames(2), frames(7));
            let rate = (last - first) as f64 / (end - start).as_secs_f64();
            assert!(rate <= most, "{coding}, {every}: {rate}");
            let mut viewer = server.watch("s");
            while decode(&viewer.next().unwrap().jpeg).dimensions() != (160, 120) {}
            server.until("s", |it| it["fps_in"].as_f64() > Some(6.0));
            assert_eq!(server.report("s")["last_error"], serde_json::Value::Null);
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn frames_that_are_sent_before_those_they_follow_come_in_their_order() {
    let camera = RtspCamera::start(0, "h264-b");
    for (settings, least) in [("", 20), (", fps: 2", 3)] {
        let server = server(&camera, settings);
        let mut viewer = server.watch("s");
        while decode(&viewer.next().unwrap().jpeg).dimensions() != (320, 240) {}
        let mut last = 0.0;
        for _ in 0..least {
            let part = viewer.next().unwrap();
            let time: f64 = part.header("x-timestamp").parse().unwrap();
            assert!(time > last, "{time} after {last}");
            last = time;
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer's RTSP server"]
fn a_password_opens_the_camera_and_shows_nowhere() {
    for coding in CODINGS {
        for scheme in ["basic", "digest"] {
            let camera = RtspCamera::with_login(0, "me:s3cret", coding, scheme);
            let right = server(&camera, ", user: me, password: s3cret");
            let _viewer = right.watch("s");
            right.until("s", |report| report["state"] == "running");
            let shown = children(&right).concat();
            assert!(!shown.contains("s3cret"), "{shown}");
            let wrong = server(&camera, ", user: me, password: gu3ss");
            let _viewer = wrong.watch("s");
            let report = wrong.until("s", |report| report["state"] == "failing");
            let error = report["error"].as_str().unwrap();
            let expected = "/live: the camera does not accept this user and password";
            assert!(error.contains(expected), "{error}");
            for told in [error.to_owned(), wrong.log(), right.log()] {
                assert!(
                    !told.contains("gu3ss") && !told.contains("s3cret"),
                    "{told}"
                );
            }
        }
    }
}
