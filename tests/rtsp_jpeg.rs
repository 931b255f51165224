//! The driver `rtsp` with cameras that send JPEG, where there is no ffmpeg.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use image::RgbImage;
use serde_json::Value;

use crate::support::Folder;
use crate::support::picture::{decode, jpeg};
use crate::support::rtsp::{Manner, RtspCamera, Scheme};
use crate::support::server::Server;

/// A server with the stream `s` from the camera at `address`, which is asked with `login`.
fn server(address: SocketAddr, login: &str, path: &str, settings: &str) -> Server {
    let pipeline = format!(
        "streams:
  s:
    source: {{ driver: rtsp, url: 'rtsp://{login}{address}{path}'{settings} }}
    idle-timeout: 50ms
"
    );
    Server::start_with(Folder::with(&pipeline), |command| {
        command.env("PATH", "/nonexistent");
    })
}

fn error(server: &Server, words: &str) -> String {
    let report = server.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap().to_owned();
    assert!(error.contains(words), "{error}");
    error
}

/// A description with what stands in `rest`.
fn described(rest: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n{rest}")
}

/// What is on the picture as it was before it was filled up to whole blocks.
fn visible(served: &[u8]) -> RgbImage {
    let mut picture = decode(served);
    assert_eq!(picture.dimensions(), (208, 160));
    image::imageops::crop(&mut picture, 0, 0, 203, 149).to_image()
}

#[test]
fn a_cameras_own_pictures_pass() {
    for name in ["420.jpg", "422.jpg", "restart.jpg"] {
        let camera = RtspCamera::new(Manner::good(&[jpeg(name)]));
        let server = server(camera.address, "", "/live", "");
        let mut viewer = server.watch("s");
        let first = viewer.next_camera_picture();
        // Decoded, the last column and row are filled from what is beyond them in the coded blocks,
        // so that chroma may differ there.
        let (seen, sent) = (visible(&first), decode(&jpeg(name)));
        let inner = |picture: &RgbImage| {
            let part = image::imageops::crop_imm(picture, 0, 0, 200, 144);
            part.to_image()
        };
        assert_eq!(inner(&seen), inner(&sent), "{name}");
        assert_eq!(viewer.next_camera_picture(), first);
        assert_eq!(server.report("s")["path"], "passthrough");
        drop(viewer);
        // Nobody watches, so nothing is fetched.
        server.until("s", |report| report["state"] == "resting");
        while camera.open() > 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn basic_and_digest_logins() {
    for scheme in [Scheme::Basic, Scheme::Digest] {
        let camera = RtspCamera::new(Manner {
            scheme: Some(scheme),
            ..Manner::good(&[jpeg("420.jpg")])
        });
        let right = server(camera.address, "me:p%40ss%20word@", "/live", "");
        visible(&right.watch("s").next_camera_picture());
        let own = server(
            camera.address,
            "",
            "/live",
            ", user: me, password: 'p@ss word'",
        );
        visible(&own.watch("s").next_camera_picture());
        let wrong = server(camera.address, "me:gu3ss@", "/live", "");
        let _viewer = wrong.watch("s");
        let told = error(
            &wrong,
            "/live: the camera does not accept this user and password; if they are right, try \
             `via: ffmpeg`",
        );
        let none = server(camera.address, "", "/live", "");
        let _viewer = none.watch("s");
        error(&none, "/live: the camera wants a `user` and a `password`");
        for told in [told, wrong.log(), right.log()] {
            assert!(
                !told.contains("gu3ss") && !told.contains("ss word"),
                "{told}"
            );
        }
    }
}

#[test]
fn logins_are_answered_however_they_are_asked_for() {
    for (scheme, challenge) in [
        (
            Scheme::Quality,
            "WWW-Authenticate: digest \
             realm=\"cam\",nonce=\"4711\",qop=\"auth\",algorithm=\"MD5\"\r\n",
        ),
        (
            Scheme::Digest,
            "WWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\", algorithm=MD5\r\n",
        ),
        (
            Scheme::Digest,
            "WWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\"\r\n\
             WWW-Authenticate: Basic realm=\"cam\"\r\n",
        ),
        (
            Scheme::Basic,
            "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm=\"cam\"\r\n",
        ),
        (
            Scheme::Digest,
            "WWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\", algorithm=SHA-512\r\n\
             WWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\"\r\n",
        ),
    ] {
        let camera = RtspCamera::new(Manner {
            scheme: Some(scheme),
            challenge: Some(challenge),
            ..Manner::good(&[jpeg("420.jpg")])
        });
        let server = server(camera.address, "me:p%40ss%20word@", "/live", "");
        let mut viewer = server.watch("s");
        let report = server.until("s", |report| {
            report["state"] == "running" || report["state"] == "failing"
        });
        assert_eq!(report["error"], Value::Null, "{challenge}");
        visible(&viewer.next_camera_picture());
    }
}

#[test]
fn a_login_that_is_asked_for_in_an_unknown_way_says_what_to_try() {
    for challenge in [
        "WWW-Authenticate: Basic\r\n",
        "WWW-Authenticate: Negotiate\r\n",
        "WWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\", algorithm=md5\r\n",
        "WWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\", qop=\"\"\r\n",
    ] {
        let camera = RtspCamera::new(Manner {
            scheme: Some(Scheme::Basic),
            challenge: Some(challenge),
            ..Manner::good(&[jpeg("420.jpg")])
        });
        let server = server(camera.address, "me:p%40ss%20word@", "/live", "");
        let _viewer = server.watch("s");
        error(&server, "not understood here: try `via: ffmpeg`");
    }
    let camera = RtspCamera::new(Manner {
        scheme: Some(Scheme::Basic),
        challenge: Some(""),
        ..Manner::good(&[jpeg("420.jpg")])
    });
    let server = server(camera.address, "me:p%40ss%20word@", "/live", "");
    let _viewer = server.watch("s");
    error(
        &server,
        "doesn't say of what kind, so that none can be sent",
    );
}

#[test]
fn a_camera_goes_and_comes_back() {
    let camera = RtspCamera::new(Manner::good(&[jpeg("420.jpg")]));
    let address = camera.address;
    let server = server(address, "", "/live", "");
    let mut viewer = server.watch("s");
    visible(&viewer.next_camera_picture());
    drop(camera);
    let report = server.until("s", |report| report["state"] == "failing");
    let told = report["error"].as_str().unwrap().to_owned();
    assert!(
        told.starts_with(&format!("rtsp://{address}/live: ")),
        "{told}"
    );
    server.until("s", |report| {
        report["error"]
            .as_str()
            .unwrap_or_default()
            .contains("refused")
    });
    let _camera = RtspCamera::at(address, Manner::good(&[jpeg("420.jpg")]));
    server.until("s", |report| report["state"] == "running");
    visible(&viewer.next_camera_picture());
}

#[test]
fn what_is_no_camera_is_told() {
    let camera = RtspCamera::new(Manner::good(&[jpeg("420.jpg")]));
    let wrong = server(camera.address, "", "/other?token=s3cret", "");
    let _viewer = wrong.watch("s");
    let told = error(&wrong, "/other: the camera answers 404 Not Found");
    assert!(!told.contains("s3cret"), "{told}");
    let video = |media: &str| {
        RtspCamera::new(Manner {
            description: Some(described(media)),
            ..Manner::good(&[])
        })
    };
    let old = video("m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\na=control:v\r\n");
    let old = server(old.address, "", "/live", "");
    let _viewer = old.watch("s");
    error(
        &old,
        "/live: the camera sends `mp4v-es`, which is not read here",
    );
    let deaf = video("m=audio 0 RTP/AVP 0\r\na=control:a\r\n");
    let deaf = server(deaf.address, "", "/live", "");
    let _viewer = deaf.watch("s");
    error(&deaf, "/live: the camera's address has no video");
}

#[test]
fn without_ffmpeg_the_old_way_and_tls_say_so() {
    let camera = RtspCamera::new(Manner::good(&[jpeg("420.jpg")]));
    for settings in [", via: ffmpeg", ", size: 100x100"] {
        let server = server(camera.address, "", "/live", settings);
        let _viewer = server.watch("s");
        error(&server, "there is no ffmpeg");
    }
}

#[test]
fn video_needs_ffmpeg_and_the_camera_is_asked_again() {
    let camera = RtspCamera::new(Manner {
        description: Some(described(
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n",
        )),
        ..Manner::good(&[jpeg("420.jpg")])
    });
    let server = server(camera.address, "", "/live", "");
    let viewer = server.watch("s");
    error(
        &server,
        "there is no ffmpeg, which the driver `rtsp` decodes video with: install it (Debian: \
         `apt install ffmpeg`)",
    );
    while camera.sessions() < 3 {
        std::thread::yield_now();
    }
    drop(viewer);
    let log = server.log();
    assert!(!log.contains("panic"), "{log}");
}

#[test]
#[cfg(target_os = "linux")]
fn an_endless_description_is_given_up() {
    let camera = RtspCamera::new(Manner {
        is_endless: true,
        ..Manner::good(&[])
    });
    let server = server(camera.address, "", "/live", "");
    let _viewer = server.watch("s");
    error(&server, "/live: there is no answer within 8 s");
    // What comes in 8 s, twice while the buffer grows, which doubles: memory is bounded by time and
    // the network alone.
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    let peak = kilobytes.parse::<u64>().unwrap() >> 10;
    assert!(peak < 400, "{peak} MiB");
}

#[test]
fn few_sessions_are_asked_to_end_again_and_again() {
    // Of a version for which each session is ended for as long as the camera says that it lasts.
    let old = "a=tool:LIVE555 Streaming Media v2013.04.01\r\n";
    let video = "m=video 0 RTP/AVP 26\r\na=control:v\r\n";
    let camera = RtspCamera::new(Manner {
        description: Some(described(&format!("{old}{video}"))),
        hangs_up: true,
        ..Manner::good(&[jpeg("420.jpg")])
    });
    let server = server(camera.address, "", "/live", "");
    let _viewer = server.watch("s");
    while camera.sessions() < 9 {
        std::thread::yield_now();
    }
    let ended = camera.ended();
    assert!((1..=4).contains(&ended), "{ended}");
}

#[test]
fn whoever_answers_something_else_is_no_camera() {
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x01\x02\n\n\n\xff\xff\n",
        b"$\x00\xff\xff",
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                // It may have gone already.
                drop(socket.read(&mut [0; 4096]));
                socket.write_all(answer).ok();
            }
        });
        let server = server(address, "", "/live", "");
        let _viewer = server.watch("s");
        error(&server, "/live: ");
    }
}

#[test]
fn the_time_is_the_cameras_where_its_clock_was_set() {
    // Seconds from our time: what the camera says, and what is believed.
    for (clock, expected) in [(-100, -100), (60, 60), (-1_700_000_000, 0)] {
        let camera = RtspCamera::new(Manner {
            clock: Some(clock),
            ..Manner::good(&[jpeg("420.jpg")])
        });
        let server = server(camera.address, "", "/live", "");
        let mut viewer = server.watch("s");
        viewer.next_camera_picture();
        let part = viewer.next().unwrap();
        let told: f64 = part.header("x-timestamp").parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let offset = told - now.as_secs_f64();
        let distance = (offset - f64::from(expected)).abs();
        assert!(distance < 10.0, "{clock}: {offset}");
    }
}

#[test]
fn a_picture_that_misses_packets_is_left_out() {
    let camera = RtspCamera::new(Manner {
        loses: true,
        ..Manner::good(&[jpeg("420.jpg")])
    });
    let server = server(camera.address, "", "/live", "");
    let mut viewer = server.watch("s");
    let first = viewer.next_camera_picture();
    let start = std::time::Instant::now();
    while server.report("s")["frames_broken"].as_u64() < Some(3) {
        assert_eq!(viewer.next_camera_picture(), first);
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

/// Skips the picture of no signal, which has another size.
trait Pictures {
    fn next_camera_picture(&mut self) -> Vec<u8>;
}

impl Pictures for crate::support::http::Mjpeg {
    fn next_camera_picture(&mut self) -> Vec<u8> {
        loop {
            let jpeg = self.next().unwrap().jpeg;
            if decode(&jpeg).dimensions() == (208, 160) {
                return jpeg;
            }
        }
    }
}
