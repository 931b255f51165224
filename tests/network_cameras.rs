//! The driver `http`: cameras in the network, from the best to the worst.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::Folder;
use crate::support::camera::{HttpCamera, Request, part, plain, stream, stream_head, tick};
use crate::support::http::Mjpeg;
use crate::support::picture::{jpeg, resized};
use crate::support::server::Server;

/// A server with the stream `s` from `camera` at `path`, and some more settings.
fn server(camera: &HttpCamera, path: &str, settings: &str) -> Server {
    let address = camera.address;
    watch_address(&format!("http://{address}{path}"), settings)
}

fn watch_address(url: &str, settings: &str) -> Server {
    Server::start(Folder::with(&format!(
        "streams:
  s:
    source: {{ driver: http, url: '{url}'{settings} }}
    idle-timeout: 50ms
"
    )))
}

/// Reads frames until one is `wanted`.
fn until_frame(viewer: &mut Mjpeg, wanted: &[u8]) {
    while viewer.next().unwrap().jpeg != wanted {}
}

fn error(server: &Server, words: &str) {
    let report = server.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap();
    assert!(error.contains(words), "{error}");
}

#[test]
fn streams_of_every_shape_pass_untouched() {
    let with_length = |socket: &mut dyn Write, jpeg: &[u8]| {
        let length = jpeg.len();
        write!(
            socket,
            "\r\n--=_odd'b()\r\nX-Time: 1\r\nContent-Length: {length}\r\n\r\n"
        )?;
        socket.write_all(jpeg)
    };
    let chunked = |socket: &mut dyn Write, jpeg: &[u8]| {
        for chunk in [b"--b\r\ncontent-type: image/jpeg\r\n\r\n", jpeg, b"\r\n"] {
            for piece in chunk.chunks(1000) {
                write!(socket, "{:x}\r\n", piece.len())?;
                socket.write_all(piece)?;
                socket.write_all(b"\r\n")?;
            }
        }
        Ok(())
    };
    let bare = |socket: &mut dyn Write, jpeg: &[u8]| socket.write_all(jpeg);
    type Part = fn(&mut dyn Write, &[u8]) -> std::io::Result<()>;
    let shapes: [(&str, Part); 3] = [
        (
            "Content-Type: multipart/x-mixed-replace;boundary=\"=_odd'b()\"\r\n\r\n",
            with_length,
        ),
        (
            "Content-Type: multipart/x-mixed-replace; boundary=--b\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            chunked,
        ),
        ("Content-Type: video/x-motion-jpeg\r\n\r\n", bare),
    ];
    for (head, part) in shapes {
        let camera = HttpCamera::new(move |_, socket| {
            write!(socket, "HTTP/1.1 200 OK\r\n{head}")?;
            loop {
                for name in ["420.jpg", "comment.jpg"] {
                    part(socket, &jpeg(name))?;
                    tick();
                }
            }
        });
        let server = server(&camera, "/video", "");
        let mut viewer = server.watch("s");
        until_frame(&mut viewer, &jpeg("420.jpg"));
        until_frame(&mut viewer, &jpeg("comment.jpg"));
        drop(viewer);
        // Nobody watches, so nothing is fetched.
        server.until("s", |report| report["state"] == "resting");
        while camera.open() > 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_snapshots_address_is_asked_again_and_again() {
    let camera = HttpCamera::new(|_, socket| {
        plain(
            socket,
            "200 OK",
            "Content-Type: image/jpeg\r\n",
            &jpeg("420.jpg"),
        )
    });
    let server = server(&camera, "/snap?channel=1", ", fps: 10");
    let mut viewer = server.watch("s");
    for _ in 0..5 {
        assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"));
    }
    let requests = camera.requests();
    assert!(requests.len() >= 5);
    assert!(
        requests
            .iter()
            .all(|request| request.target == "/snap?channel=1")
    );
    // By one connection.
    assert_eq!(camera.open(), 1);
}

#[test]
fn basic_and_digest_logins() {
    let basic = |request: &Request| {
        // RFC 7617: user:password in base64.
        request.header("authorization") == Some("Basic bWU6cDpzcyB3b3Jk")
    };
    // RFC 7616: MD5(MD5(user:realm:password):nonce:nc:cnonce:qop:MD5(method:uri)).
    let digest = |request: &Request| {
        let Some(text) = request.header("authorization") else {
            return false;
        };
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("{name}=")).unwrap_or_default();
            let value = rest.split(',').next().unwrap_or_default();
            value.trim_matches('"').to_owned()
        };
        let md5 = |text: String| format!("{:x}", md5::compute(text));
        let secret = md5("me:cam:p:ss word".to_owned());
        let what = md5("GET:/video?x=1".to_owned());
        let (nonce, count, own) = (field("nonce"), field("nc"), field("cnonce"));
        text.starts_with("Digest ")
            && nonce == "4711"
            && field("response") == md5(format!("{secret}:{nonce}:{count}:{own}:auth:{what}"))
    };
    type Check = fn(&Request) -> bool;
    let schemes: [(&'static str, Check); 2] = [
        ("Basic realm=\"cam\"", basic),
        (
            "Digest realm=\"cam\", nonce=\"4711\", qop=\"auth\", algorithm=MD5",
            digest,
        ),
    ];
    for (challenge, is_right) in schemes {
        let camera = HttpCamera::new(move |request, socket| {
            if is_right(request) {
                stream(socket, &[jpeg("420.jpg")])
            } else {
                plain(
                    socket,
                    "401 Unauthorized",
                    &format!("WWW-Authenticate: {challenge}\r\n"),
                    b"",
                )
            }
        });
        let path = "/video?x=1";
        let right = server(&camera, path, ", user: me, password: 'p:ss word'");
        assert_eq!(right.watch("s").next().unwrap().jpeg, jpeg("420.jpg"));
        let wrong = server(&camera, path, ", user: me, password: {file: secret}");
        std::fs::write(wrong.folder().join("secret"), "guess\n").unwrap();
        let _viewer = wrong.watch("s");
        error(&wrong, "does not accept this user and password");
        let log = wrong.log();
        assert!(log.contains(r#"reason="login""#), "{log}");
        let none = server(&camera, path, "");
        let _viewer = none.watch("s");
        error(&none, "wants a `user` and a `password`");
    }
}

#[test]
fn redirects_are_followed_but_no_password_goes_elsewhere() {
    let elsewhere = HttpCamera::new(|_, socket| {
        plain(
            socket,
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"x\"\r\n",
            b"",
        )
    });
    let to = format!("Location: http://{}/phish\r\n", elsewhere.address);
    let camera = HttpCamera::new(move |request, socket| match request.target.as_str() {
        "/moved" => plain(socket, "302 Found", "Location: /video\r\n", b""),
        "/circle" => plain(socket, "302 Found", "Location: /circle\r\n", b""),
        "/away" => plain(socket, "302 Found", &to, b""),
        _ => stream(socket, &[jpeg("420.jpg")]),
    });
    let moved = server(&camera, "/moved", "");
    assert_eq!(moved.watch("s").next().unwrap().jpeg, jpeg("420.jpg"));
    let circle = server(&camera, "/circle", "");
    let _viewer = circle.watch("s");
    error(&circle, "too many redirects");
    let away = server(&camera, "/away", ", user: me, password: secret");
    let _viewer = away.watch("s");
    error(&away, "sends us on to 127.0.0.1, which wants a password");
    let told = elsewhere.requests();
    assert!(
        told.iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_certificate_must_be_known_unless_told_otherwise() {
    let camera = HttpCamera::with_tls(|_, socket| stream(socket, &[jpeg("420.jpg")]));
    let url = format!("https://localhost:{}/video", camera.address.port());
    let careful = watch_address(&url, "");
    let _viewer = careful.watch("s");
    error(&careful, "`verify-tls: false` takes any certificate");
    let careless = watch_address(&url, ", verify-tls: false");
    assert_eq!(careless.watch("s").next().unwrap().jpeg, jpeg("420.jpg"));
}

#[test]
fn what_is_no_picture_is_told() {
    let camera = HttpCamera::new(|request, socket| match request.target.as_str() {
        "/page" => plain(socket, "200 OK", "Content-Type: text/html\r\n", b"<html>"),
        "/ended" => plain(
            socket,
            "200 OK",
            "Content-Type: multipart/x-mixed-replace\r\n",
            b"--b\r\n",
        ),
        _ => plain(socket, "404 Not Found", "", b""),
    });
    for (path, words) in [
        ("/page", "answers `text/html` and no pictures"),
        ("/ended", "the camera ended its stream"),
        ("/gone?password=x", "the camera answers 404 Not Found"),
    ] {
        let server = server(&camera, path, "");
        let _viewer = server.watch("s");
        error(&server, words);
        // A query may hold a password.
        assert!(!server.report("s").to_string().contains("password"));
    }
}

/// A camera that answers well, until it does `fault`; what the API then says has `words` in it. Its
/// viewer stays, sees that there is no signal, and pictures again when the camera is well.
fn survives(
    fault: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static,
    words: &str,
) {
    let bad = HttpCamera::new(move |_, socket| fault(socket));
    let address = bad.address;
    let server = server(&bad, "/", ", stall-timeout: 300ms");
    let mut viewer = server.watch("s");
    error(&server, words);
    // Something that is no picture of any camera.
    let known = [jpeg("420.jpg"), jpeg("nodht.jpg"), jpeg("cut.jpg")];
    let no_signal = viewer.next().unwrap().jpeg;
    assert!(!known.contains(&no_signal));
    drop(bad);
    let _well = HttpCamera::at(address, |_, socket| stream(socket, &[jpeg("420.jpg")]));
    until_frame(&mut viewer, &jpeg("420.jpg"));
    let report = server.until("s", |report| report["state"] == "running");
    assert!(report["error"].is_null(), "{report:#}");
    let log = server.log();
    assert_eq!(
        log.matches("the camera gives pictures again").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_camera_that_hangs() {
    let hang = |socket: &mut dyn Write| {
        loop {
            socket.flush()?;
            tick();
        }
    };
    survives(hang, "gave no picture for 10 s");
}

#[test]
fn a_camera_that_freezes_in_mid_stream() {
    survives(
        |socket| {
            stream_head(socket)?;
            part(socket, &jpeg("comment.jpg"))?;
            loop {
                // It is still there, it only has nothing to show.
                socket.write_all(b"\r\n")?;
                tick();
            }
        },
        "gave no picture for 0.3 s",
    );
}

#[test]
fn a_camera_that_sends_half_frames() {
    survives(
        |socket| {
            stream_head(socket)?;
            part(socket, &jpeg("comment.jpg"))?;
            loop {
                part(socket, &jpeg("cut.jpg"))?;
                tick();
            }
        },
        "gave no whole picture for 0.3 s: the JPEG is broken: it is cut off",
    );
}

#[test]
fn a_camera_that_sends_endless_headers() {
    survives(
        |socket| {
            write!(socket, "HTTP/1.1 200 OK\r\n")?;
            for number in 0u64.. {
                write!(socket, "X-Header-{number}: {number:0>1000}\r\n")?;
            }
            Ok(())
        },
        "message head is too large",
    );
}

#[test]
fn a_camera_that_sends_an_endless_frame() {
    let endless = |socket: &mut dyn Write| {
        stream_head(socket)?;
        let picture = jpeg("420.jpg");
        // Ten gigabytes of a picture that does not end.
        write!(socket, "--b\r\nContent-Length: 10000000000\r\n\r\n")?;
        socket.write_all(&picture[..picture.len() - 2])?;
        for _ in 0..10_000 {
            socket.write_all(&[0x55; 1_000_000])?;
        }
        Ok(())
    };
    survives(endless, "s: the JPEG is broken: it is too large");
}

#[test]
fn a_camera_that_refuses() {
    // A port that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = watch_address(&format!("http://{address}/"), "");
    let mut viewer = server.watch("s");
    error(&server, "Connection refused");
    viewer.next().unwrap();
    let refused = server.get("/s.jpg");
    assert_eq!(refused.status, 503);
    let why = refused.header("x-mattebox-error").unwrap();
    assert!(why.contains("Connection refused"), "{why}");
    let _well = HttpCamera::at(address, |_, socket| stream(socket, &[jpeg("420.jpg")]));
    until_frame(&mut viewer, &jpeg("420.jpg"));
}

#[test]
fn odd_pictures_are_served_as_they_should_be() {
    let odd = [
        jpeg("cut.jpg"),
        jpeg("grey.jpg"),
        jpeg("nodht.jpg"),
        jpeg("422.jpg"),
    ];
    let camera = HttpCamera::new(move |_, socket| stream(socket, &odd));
    let server = server(&camera, "/", "");
    let mut viewer = server.watch("s");
    let frames: Vec<_> = (0..8).map(|_| viewer.next().unwrap().jpeg).collect();
    // The one without Huffman tables gets the standard ones; nothing of the broken one is seen.
    let completed = frames
        .iter()
        .find(|frame| ![jpeg("grey.jpg"), jpeg("422.jpg")].contains(frame));
    let completed = completed.expect("the one without tables");
    let tables = completed
        .windows(2)
        .filter(|pair| *pair == [0xff, 0xc4])
        .count();
    assert_eq!(tables, 1);
    assert_eq!(
        crate::support::picture::decode(completed),
        crate::support::picture::decode(&jpeg("422.jpg"))
    );
    let report = server.report("s");
    assert!(report["frames_dropped"].as_u64() >= Some(1), "{report:#}");
    assert_eq!(report["state"], "running");
    let log = server.log();
    assert_eq!(
        log.matches("pictures of the camera are left out").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_camera_that_changes_its_size_in_mid_stream_keeps_its_filters() {
    let small = jpeg("420.jpg");
    let large = {
        let picture = crate::support::picture::decode(&small);
        let picture =
            image::imageops::resize(&picture, 640, 360, image::imageops::FilterType::Nearest);
        let mut jpeg = std::io::Cursor::new(Vec::new());
        picture
            .write_to(&mut jpeg, image::ImageFormat::Jpeg)
            .unwrap();
        jpeg.into_inner()
    };
    let sizes = [small, large];
    let camera = HttpCamera::new(move |_, socket| stream(socket, &sizes));
    let address = camera.address;
    let server = Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: 'http://{address}/' }}, \
         filters: [{{ use: timestamp }}] }} }}"
    )));
    let mut viewer = server.watch("s");
    let mut widths = std::collections::BTreeSet::new();
    while widths.len() < 2 {
        widths.insert(crate::support::picture::decode(&viewer.next().unwrap().jpeg).width());
    }
    assert_eq!(Vec::from_iter(widths), [203, 640]);
    assert_eq!(server.report("s")["state"], "running");
}

#[test]
fn extra_frames_are_dropped_before_any_work() {
    let camera = HttpCamera::new(|_, socket| stream(socket, &[jpeg("420.jpg")]));
    let server = server(&camera, "/", ", fps: 5");
    let mut viewer = server.watch("s");
    for _ in 0..6 {
        viewer.next().unwrap();
    }
    let report = server.report("s");
    let rate = report["fps_in"].as_f64().unwrap();
    assert!(rate < 7.0, "{report:#}");
    assert_eq!(report["frames_skipped"], 0);
}

#[test]
fn without_a_rate_no_more_frames_are_taken_than_anybody_sees() {
    let camera = HttpCamera::new(|_, socket| {
        stream_head(socket)?;
        let picture = jpeg("420.jpg");
        loop {
            part(socket, &picture)?;
        }
    });
    let server = server(&camera, "/", "");
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    let start = std::time::Instant::now();
    for _ in 0..240 {
        viewer.next().unwrap();
    }
    // At 120 a second, with a little grace for the first ones.
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds > 1.9, "240 frames in {seconds} s");
    let rate = server.report("s")["fps_in"].as_f64().unwrap();
    assert!(rate < 126.0, "{rate}");
}

#[test]
fn too_large_pictures_are_left_out() {
    let large = resized(8000, 5001);
    let served = |settings: &str| {
        let pictures = [resized(8000, 5001), jpeg("420.jpg")];
        let camera = HttpCamera::new(move |_, socket| stream(socket, &pictures));
        let server = server(&camera, "/", settings);
        let mut viewer = server.watch("s");
        let frames: Vec<_> = (0..6).map(|_| viewer.next().unwrap().jpeg).collect();
        (frames.contains(&large), server.report("s"), server.log())
    };
    let (is_there, report, log) = served("");
    assert!(!is_there);
    assert!(report["frames_broken"].as_u64() >= Some(1), "{report:#}");
    assert_eq!(report["state"], "running");
    let words = "pictures of the camera are left out error=the picture is too large: 8000×5001 \
        are 40.01 megapixels, and `max-megapixels` of the source is 40";
    assert_eq!(log.matches(words).count(), 1, "{log}");
    let (is_there, ..) = served(", max-megapixels: 40.1");
    assert!(is_there);
}

#[test]
fn a_camera_whose_pictures_all_are_too_large_fails() {
    let camera = HttpCamera::new(|_, socket| {
        stream_head(socket)?;
        let picture = resized(65_500, 65_500);
        // Many more than are taken.
        loop {
            part(socket, &picture)?;
        }
    });
    let server = server(&camera, "/", ", stall-timeout: 100ms");
    let _viewer = server.watch("s");
    error(&server, "s: the picture is too large: 65500×65500");
}

#[test]
fn a_chain_of_servers_starts_and_stops_together() {
    let far = Server::start(Folder::with(
        "streams: { s: { source: { driver: demo }, idle-timeout: 50ms } }",
    ));
    let near = watch_address(&format!("http://{}/s.mjpeg", far.address), "");
    assert_eq!(far.report("s")["state"], "resting");
    let mut viewer = near.watch("s");
    for _ in 0..3 {
        viewer.next().unwrap();
    }
    assert_eq!(far.report("s")["viewers"], 1);
    drop(viewer);
    near.until("s", |report| report["state"] == "resting");
    far.until("s", |report| report["state"] == "resting");
    // And once more.
    near.watch("s").next().unwrap();
    assert_ne!(far.report("s")["state"], "resting");
}

#[test]
fn a_server_that_ends_takes_its_viewers_to_no_signal_and_back() {
    let folder = "streams: { s: { source: { driver: demo } } }";
    let far = Server::start(Folder::with(folder));
    let address = far.address;
    let near = watch_address(&format!("http://{address}/s.mjpeg"), "");
    let mut viewer = near.watch("s");
    viewer.next().unwrap();
    drop(far);
    near.until("s", |report| report["state"] == "failing");
    let listen = address.to_string();
    let _far = Server::start_with(Folder::with(folder), |command| {
        command.args(["--listen", &listen]);
    });
    near.until("s", |report| report["state"] == "running");
    let mut byte = [0];
    viewer.response.body.read_exact(&mut byte).unwrap();
}
