//! The driver `http`: what bug reports tell of cameras' own web servers. curl is the judge of
//! headers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::Folder;
use crate::support::camera::{HttpCamera, plain, stream_head, tick};
use crate::support::picture::{jpeg, png};
use crate::support::server::Server;

fn server(camera: &HttpCamera, settings: &str) -> Server {
    let address = camera.address;
    Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: 'http://{address}/x'{settings} }}, \
         idle-timeout: 50ms }} }}"
    )))
}

/// A camera that answers every request with `head`, a picture, and the end of the connection.
fn snapshots(head: &'static str) -> HttpCamera {
    HttpCamera::new(move |_, socket| {
        let picture = jpeg("420.jpg");
        let head = head.replace("LENGTH", &picture.len().to_string());
        socket.write_all(head.as_bytes())?;
        socket.write_all(&picture)?;
        Err(std::io::ErrorKind::ConnectionReset.into())
    })
}

/// Sees that three pictures come, each by a request of its own, and nobody is told of anything.
fn is_a_snapshot_camera(camera: &HttpCamera) {
    let server = server(camera, ", fps: 50");
    let mut viewer = server.watch("s");
    for _ in 0..3 {
        assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"));
    }
    assert!(camera.requests().len() >= 3);
    drop(viewer);
    let log = server.log();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn headers_are_taken_as_curl_takes_them() {
    for head in [
        // GoAhead.
        "HTTP/1.1 200 OK\r\nServer: GoAhead\r\nTue, 12 Jun 2012 01:56:34 GMT\r\n\
         Content-Type:image/jpeg\r\nContent-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type : image/jpeg\r\nContent-Length\t : LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\n\tc\r\nContent-Type: image/jpeg\r\n\
         Content-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type:\r\n image/jpeg\r\nContent-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n: no name\r\nA B: c\r\nContent-Type: image/jpeg\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Type: image/jpeg\nContent-Length: LENGTH\n\n",
        "HTTP/1.1 200\r\nContent-Type: image/jpeg\r\nContent-Length: LENGTH\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\nContent-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 Fine \u{e9}\r\nServer: \u{fc}\r\nContent-Type: image/jpeg\r\n\r\n",
    ] {
        is_a_snapshot_camera(&snapshots(head));
    }
}

#[test]
fn lengths_that_cant_be_read_are_told() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: LENGTH\r\n\
         Content-Length: 17\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: LENGTH bytes\r\n\r\n",
    ] {
        let camera = snapshots(head);
        let server = server(&camera, ", fps: 50");
        let _viewer = server.watch("s");
        let report = server.until("s", |report| report["state"] == "failing");
        let error = report["error"].as_str().unwrap();
        assert!(
            error.contains("invalid content-length"),
            "{head:?}: {error}"
        );
    }
}

#[test]
fn parts_with_a_wrong_length_are_taken_by_their_own_end() {
    for lengths in [
        "Content-Length: 17\r\nContent-Length: 4985\r\n",
        "Content-Length: 4985 bytes\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: -1\r\n",
    ] {
        let camera = HttpCamera::new(move |_, socket| {
            stream_head(socket)?;
            loop {
                write!(socket, "--b\r\nContent-Type: image/jpeg\r\n{lengths}\r\n")?;
                socket.write_all(&jpeg("420.jpg"))?;
                socket.write_all(b"\r\n")?;
                tick();
            }
        });
        let server = server(&camera, "");
        let mut viewer = server.watch("s");
        for _ in 0..3 {
            assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"), "{lengths}");
        }
    }
}

#[test]
fn chunks_in_an_answer_of_http_1_0_are_told() {
    let camera = HttpCamera::new(|_, socket| {
        let picture = jpeg("420.jpg");
        let head =
            "HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n";
        write!(socket, "{head}{:x}\r\n", picture.len())?;
        socket.write_all(&picture)?;
        socket.write_all(b"\r\n0\r\n\r\n")?;
        Err(std::io::ErrorKind::ConnectionReset.into())
    });
    let server = server(&camera, ", fps: 50");
    let _viewer = server.watch("s");
    let report = server.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap();
    assert!(error.contains("unexpected transfer-encoding"), "{error}");
}

#[test]
fn one_picture_is_a_snapshot_by_any_name() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\
         Content-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n\
         Content-Type: image/jpeg\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n\
         Content-Length: LENGTH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n\r\n",
    ] {
        is_a_snapshot_camera(&snapshots(head));
    }
}

#[test]
fn an_endless_stream_is_one_by_any_name() {
    for label in ["image/jpeg", "text/html", "application/octet-stream", ""] {
        let camera = HttpCamera::new(move |_, socket| {
            write!(socket, "HTTP/1.1 200 OK\r\nContent-Type: {label}\r\n\r\n")?;
            loop {
                for name in ["420.jpg", "comment.jpg"] {
                    socket.write_all(&jpeg(name))?;
                    tick();
                }
            }
        });
        let server = server(&camera, "");
        let mut viewer = server.watch("s");
        let mut seen = [false, false];
        while seen != [true, true] {
            let frame = viewer.next().unwrap().jpeg;
            seen[0] |= frame == jpeg("420.jpg");
            seen[1] |= frame == jpeg("comment.jpg");
        }
        assert_eq!(camera.requests().len(), 1, "{label}");
    }
}

#[test]
fn pictures_of_several_are_one_frame() {
    let several = [jpeg("420.jpg"), jpeg("comment.jpg")].concat();
    let (in_part, in_answer) = (several.clone(), several.clone());
    let stream = HttpCamera::new(move |_, socket| {
        stream_head(socket)?;
        loop {
            let length = in_part.len();
            write!(socket, "--b\r\nContent-Length: {length}\r\n\r\n")?;
            socket.write_all(&in_part)?;
            socket.write_all(b"\r\n")?;
            tick();
        }
    });
    let snapshot = HttpCamera::new(move |_, socket| {
        plain(socket, "200 OK", "Content-Type: image/jpeg\r\n", &in_answer)
    });
    for camera in [stream, snapshot] {
        let server = server(&camera, ", fps: 50");
        let mut viewer = server.watch("s");
        for _ in 0..3 {
            assert!(viewer.next().unwrap().jpeg == several);
        }
    }
}

#[test]
fn a_png_says_that_it_is_one() {
    let camera = HttpCamera::new(|_, socket| {
        let picture = png(64, 64, [1, 2, 3, 255]);
        plain(socket, "200 OK", "Content-Type: image/jpeg\r\n", &picture)
    });
    let server = server(&camera, "");
    let _viewer = server.watch("s");
    let report = server.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap();
    assert!(
        error.contains("answers a PNG picture, and only JPEG"),
        "{error}"
    );
}

#[test]
fn one_bad_answer_is_one_missed_picture() {
    let asked = AtomicU64::new(0);
    let camera = HttpCamera::new(move |_, socket| {
        let (head, picture) = ("Content-Type: image/jpeg\r\n", jpeg("420.jpg"));
        match asked.fetch_add(1, Ordering::SeqCst) % 6 {
            2 => plain(socket, "503 Service Unavailable", "", b"busy"),
            3 => {
                let length = picture.len();
                write!(
                    socket,
                    "HTTP/1.1 200 OK\r\n{head}Content-Length: {length}\r\n\r\n"
                )?;
                socket.write_all(&picture[..2000])?;
                Err(std::io::ErrorKind::ConnectionReset.into())
            }
            4 => plain(socket, "200 OK", head, &picture[..2000]),
            5 => plain(socket, "200 OK", head, b""),
            _ => plain(socket, "200 OK", head, &picture),
        }
    });
    let server = server(&camera, ", fps: 50");
    let mut viewer = server.watch("s");
    while camera.requests().len() < 20 {
        assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"));
        assert_eq!(server.report("s")["state"], "running");
    }
    drop(viewer);
    let log = server.log();
    assert!(!log.contains("the camera fails"), "{log}");
    assert_eq!(log.matches("can't be had").count(), 1, "{log}");
}

#[test]
fn a_camera_that_gives_nothing_else_fails_and_is_told_of_once() {
    let asked = AtomicU64::new(0);
    let camera = HttpCamera::new(move |_, socket| {
        let head = "Content-Type: image/jpeg\r\n";
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => plain(socket, "200 OK", head, &jpeg("420.jpg")),
            _ => plain(socket, "503 Service Unavailable", "", b"busy"),
        }
    });
    let server = server(&camera, ", fps: 50, stall-timeout: 500ms");
    let _viewer = server.watch("s");
    let report = server.until("s", |report| report["state"] == "failing");
    let error = report["error"].as_str().unwrap();
    assert!(
        error.contains("the camera answers 503 Service Unavailable"),
        "{error}"
    );
    drop(_viewer);
    let log = server.log();
    assert_eq!(log.matches("the camera fails").count(), 1, "{log}");
}

#[test]
fn a_picture_that_is_whole_is_taken_though_more_was_announced() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2130\r\n",
    ] {
        is_a_snapshot_camera(&snapshots(head));
    }
}

/// What is said of a camera that always answers `answer` and closes.
fn told_of(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> String {
    let camera = HttpCamera::new(move |_, socket| {
        socket.write_all(answer.as_ref())?;
        Err(std::io::ErrorKind::ConnectionReset.into())
    });
    let server = server(&camera, ", fps: 50");
    let _viewer = server.watch("s");
    let report = server.until("s", |report| report["state"] == "failing");
    report["error"].as_str().unwrap().to_owned()
}

#[test]
fn an_answer_without_a_picture_says_what_it_is() {
    let transport_stream = [[b'G'].as_slice(), &[0; 187]].concat().repeat(3);
    let bmp = [b"BM\x46\x00\x00\x00\0\0\0\0".as_slice(), &[0; 60]].concat();
    for (status, body, words) in [
        ("200 OK", &b""[..], "the camera's answer (200 OK) is empty"),
        ("204 No Content", b"", "(204 No Content) is empty"),
        ("200 OK", &bmp, "answers a BMP picture"),
        (
            "200 OK",
            &transport_stream,
            "answers an MPEG transport stream",
        ),
        ("200 OK", b"\x1f\x8b\x08\0\0\0", "compressed by gzip"),
        ("200 OK", b"II*\0\0\0\0\0", "answers a TIFF picture"),
        ("200 OK", &[0; 100], "which it calls `image/jpeg`"),
    ] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: image/jpeg\r\n\r\n");
        let said = told_of([head.as_bytes(), body].concat());
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn an_answer_that_is_cut_off_says_so() {
    let picture = jpeg("420.jpg");
    let length = picture.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let said = told_of([head.as_bytes(), &picture[..2000]].concat());
    let words = "closed the connection before its answer was whole";
    assert!(said.contains(words), "{said}");
}

#[test]
fn what_curl_reads_and_we_do_not_says_what_to_do() {
    for head in [
        "HTTP/2 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +17\r\n\r\n",
    ] {
        let said = told_of(head);
        assert!(said.contains("driver `exec` and `curl`"), "{head}: {said}");
    }
}

#[test]
fn one_error_between_pictures_is_one_missed_picture() {
    for status in [
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "500 Internal Server Error",
    ] {
        let asked = AtomicU64::new(0);
        let camera = HttpCamera::new(move |_, socket| {
            let (head, picture) = ("Content-Type: image/jpeg\r\n", jpeg("420.jpg"));
            match asked.fetch_add(1, Ordering::SeqCst) % 4 {
                2 => plain(socket, status, "", b"no"),
                _ => plain(socket, "200 OK", head, &picture),
            }
        });
        let server = server(&camera, ", fps: 50");
        let mut viewer = server.watch("s");
        while camera.requests().len() < 8 {
            assert_eq!(viewer.next().unwrap().jpeg, jpeg("420.jpg"), "{status}");
            assert_eq!(server.report("s")["state"], "running", "{status}");
        }
    }
}
