//! Addresses: those that clients of other servers ask for, and those that the server listens on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::http::{Mjpeg, request};
use crate::support::picture::{decode, jpeg};
use crate::support::server::Server;
use crate::support::{Folder, mattebox, stderr};

/// Two cameras whose pictures are of different sizes, and one that fails.
fn server() -> Server {
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
streams:
  front: { title: Einfahrt Süd, source: { driver: files, path: front.jpg, fps: 50 } }
  back: { source: { driver: demo } }
  gone: { source: { driver: exec, command: [sh, -c, 'echo unplugged >&2; exit 1'] } }
",
    );
    folder.write("front.jpg", jpeg("420.jpg"));
    Server::start(folder)
}

#[test]
fn clients_write_addresses_in_many_ways() {
    let server = server();
    let front = decode(&jpeg("420.jpg")).dimensions();
    let back = (1280, 720);
    assert_ne!(front, back);
    for (target, expected) in [
        ("/front.mjpeg", front),
        ("/front.mjpg", front),
        ("//front.mjpeg", front),
        ("/?action=stream?", front),
        ("/?action=stream?1700000000", front),
        ("/?action=stream&n=1", front),
        ("//?action=stream", front),
        ("/?action=stream_0", front),
        ("/?action=stream_1", back),
        ("/?action=stream_1?x", back),
        ("/back.mjpg", back),
        ("/back.mjpeg/", back),
        ("/back.mjpeg&n=1", back),
        ("/stream/", front),
        ("/video_feed/?x", front),
    ] {
        let part = Mjpeg::open(server.address, target).next().unwrap();
        assert_eq!(decode(&part.jpeg).dimensions(), expected, "{target}");
    }
    for (target, expected) in [
        ("/front.jpeg", front),
        ("//front.jpg", front),
        ("/?action=snapshot/", front),
        ("/?action=snapshot_1", back),
        ("/back.jpeg?fresh", back),
        ("/back.jpg/", back),
        ("/back.jpg&t=1", back),
        ("/snapshot/", front),
    ] {
        let answer = server.get(target);
        assert_eq!(
            answer.header("content-type"),
            Some("image/jpeg"),
            "{target}"
        );
        assert_eq!(decode(&answer.bytes()).dimensions(), expected, "{target}");
    }
    for (target, status) in [
        ("/?action=stream_7", 404),
        ("/?action=stream1", 400),
        ("/front.gif", 404),
        ("//api//streams", 200),
        ("//static/app.js", 200),
        ("//", 200),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
    // A page's way leads to where its own addresses start, below any path.
    let page = server.get("/back/?x=1");
    assert_eq!(page.status, 308);
    assert_eq!(page.header("location"), Some("../back?x=1"));
    assert_eq!(server.get("/nobody/").status, 404);
    // As a proxy asks that leaves its own path there.
    let lost = server.get("/webcam/front.jpg").text();
    assert!(lost.contains("docs/guide/reverse-proxy.md"), "{lost}");
}

#[test]
fn head_tells_what_get_would_as_far_as_no_camera_has_to_be_opened() {
    let server = server();
    let answer = request(server.address, "HEAD", "/front.jpg");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("image/jpeg"));
    assert_eq!(server.report("front")["state"], "resting");
    let _viewer = server.watch("front");
    server.until("front", |it| it["state"] == "running");
    let (head, get) = (
        request(server.address, "HEAD", "/front.jpg"),
        server.get("/front.jpg"),
    );
    for header in [
        "content-type",
        "content-length",
        "content-disposition",
        "last-modified",
        "x-timestamp",
        "cache-control",
    ] {
        assert!(head.header(header).is_some(), "{header}");
    }
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(
        request(server.address, "HEAD", "/front.jpg?fresh").header("x-timestamp"),
        None
    );
    let _viewer = server.watch("gone");
    server.until("gone", |it| it["state"] == "failing");
    let head = request(server.address, "HEAD", "/gone.jpg");
    assert_eq!(head.status, 503);
    let why = head.header("x-mattebox-error").unwrap();
    assert!(why.contains("unplugged"), "{why}");
}

#[test]
fn check_tells_of_addresses_that_can_not_be_listened_on() {
    let folder = Folder::new();
    folder.write("file", "no socket");
    let long = format!("unix:{}", "x".repeat(120));
    for (listen, why) in [
        (
            "['127.0.0.1:8', '127.0.0.1:8']",
            "`127.0.0.1:8` stands twice",
        ),
        ("[':8', '127.0.0.1:8']", "of the same port"),
        ("['0.0.0.0:8', '127.0.0.1:8']", "of the same port"),
        ("['[::]:8', '127.0.0.1:8']", "of the same port"),
        (
            "['127.0.0.1:8', '[::ffff:127.0.0.1]:8']",
            "of the same port",
        ),
        ("['unix:m.sock', 'unix:./m.sock']", "are one socket"),
        ("192.0.2.1:80", "can't listen on 192.0.2.1:80"),
        ("unix:nofolder/m.sock", "there is no folder"),
        ("unix:file", "something else than a socket"),
        ("unix:.", "something else than a socket"),
        (&long, "a socket's may have 107"),
    ] {
        folder.write(
            "pipeline.yaml",
            format!("listen: {listen}\nstreams: {{ s: }}\n"),
        );
        for (command, code) in [("check", 2), ("serve", 1)] {
            let output = folder.run(&[command]);
            let log = stderr(&output);
            assert!(log.contains(why), "{command} {listen}: {log}");
            let code = if listen.starts_with('[') { 2 } else { code };
            assert_eq!(output.status.code(), Some(code), "{command} {listen}");
        }
    }
    let twice = ["--listen", "127.0.0.1:8", "--listen", "127.0.0.1:8"];
    folder.write("pipeline.yaml", "streams: { s: }\n");
    let log = stderr(&folder.run(&twice));
    assert!(log.contains("`127.0.0.1:8` stands twice"), "{log}");
    // One that a server listens on is what the next one has.
    let listen = format!("unix:{}/m.sock", folder.path().display());
    folder.write(
        "pipeline.yaml",
        format!("listen: '{listen}'\nstreams: {{ s: }}\n"),
    );
    let _server = Server::start_with(Folder::with("streams: { s: }\n"), |command| {
        command.args(["--listen", "127.0.0.1:0", "--listen", &listen]);
    });
    let output = folder.run(&["check"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_picture_is_saved_by_its_name_and_time() {
    let answer = server().get("/front.jpg");
    let told = answer.header("content-disposition").unwrap();
    let name = told.strip_prefix("inline; filename=\"front-").unwrap();
    let pattern = "0000-00-00_00-00-00.jpg\"";
    assert_eq!(name.len(), pattern.len(), "{told}");
    let fits = |(found, wanted): (char, char)| match wanted {
        '0' => found.is_ascii_digit(),
        wanted => found == wanted,
    };
    assert!(name.chars().zip(pattern.chars()).all(fits), "{told}");
}

#[test]
fn a_camera_that_fails_gives_a_picture_that_says_so() {
    let server = server();
    let answer = server.get("/gone.jpg");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("image/jpeg"));
    let policy = answer.header("cross-origin-resource-policy");
    assert_eq!(policy, Some("cross-origin"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    let why = answer.header("x-mattebox-error").unwrap();
    assert!(why.contains("unplugged"), "{why}");
    assert_eq!(decode(&answer.bytes()).dimensions(), (1280, 720));
}

#[test]
fn what_browsers_ask_for_beside_a_picture_is_there() {
    let server = server();
    let icon = server.get("/favicon.ico");
    assert_eq!(icon.status, 200);
    assert_eq!(icon.header("content-type"), Some("image/png"));
    // A page that may never come out of a cache has nothing to ask by whether it is new.
    assert_eq!(server.get("/front").header("etag"), None);
}

#[test]
fn a_stream_has_a_title_for_people_and_relative_addresses() {
    let server = server();
    let all = server.get("/api/streams").json();
    let told = |stream: usize, key: &str| all["streams"][stream][key].clone();
    assert_eq!(told(0, "name"), "front");
    assert_eq!(told(0, "title"), "Einfahrt Süd");
    assert_eq!(told(1, "title"), "back");
    assert_eq!(told(0, "stream_url"), "../front.mjpeg");
    assert_eq!(told(0, "snapshot_url"), "../front.jpg");
    let one = server.get("/api/streams/back").json();
    assert_eq!(one["stream_url"], "../../back.mjpeg");
    let page = server.get("/front").text();
    assert!(page.contains("<title>Einfahrt Süd</title>"), "{page}");
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("stream=\"front\"") && !metrics.contains("Einfahrt"));
    // It can be changed while people watch.
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    let config =
        json!({"title": "<Tor>", "source": {"driver": "files", "path": "front.jpg", "fps": 50}});
    let changed = server.change("PUT", "/api/streams/front", &config);
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["title"], "<Tor>");
    viewer.next().unwrap();
    let page = server.get("/front").text();
    assert!(page.contains("<title>&lt;Tor&gt;</title>"), "{page}");
    for (at, base) in [
        ("/api/v1/openapi.json", "../v1"),
        ("/api/openapi.json", "v1"),
    ] {
        assert_eq!(server.get(at).json()["servers"][0]["url"], base, "{at}");
    }
}

#[test]
fn a_server_listens_on_several_addresses() {
    let folder = Folder::with("listen: ['127.0.0.1:0', ':0', 'unix:m.sock']\nstreams: { s: }\n");
    let mut command = mattebox();
    let mut child = command
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines = out.lines().take(3);
    let told: Vec<_> = lines
        .map(|line| line.unwrap().replace("Mattebox listens on ", ""))
        .collect();
    assert!(
        told[2].starts_with("unix:") && told[2].ends_with("m.sock"),
        "{told:?}"
    );
    // One that can be opened is told, too.
    let (all, local) = told[1].split_once(", on this machine ").unwrap();
    assert!(all.starts_with("http://"), "{all}");
    assert!(local.starts_with("http://localhost:"), "{local}");
    let port = |address: &str| -> u16 {
        let port = address.trim_end_matches('/').rsplit(':').next();
        port.unwrap().parse().unwrap()
    };
    let is_healthy = |socket: &mut dyn ReadWrite| {
        write!(socket, "GET /healthz HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    };
    is_healthy(&mut TcpStream::connect(("127.0.0.1", port(&told[0]))).unwrap());
    is_healthy(&mut TcpStream::connect(("127.0.0.1", port(&told[1]))).unwrap());
    if let Ok(mut socket) = TcpStream::connect(("::1", port(&told[1]))) {
        is_healthy(&mut socket);
    }
    let path = folder.path().join("m.sock");
    is_healthy(&mut UnixStream::connect(&path).unwrap());
    let pid = child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!path.exists());
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn a_socket_in_the_file_system_is_a_proxys_and_is_not_taken_from_another_server() {
    let folder = Folder::with("admin-token: { env: TEST_TOKEN }\nstreams: { s: }\n");
    let path = folder.path().join("m.sock");
    let listen = format!("unix:{}", path.display());
    let server = Server::start_with(folder, |command| {
        command.args(["--listen", "127.0.0.1:0", "--listen", &listen]);
    });
    let refused = Folder::with("streams: { s: }\n").run(&["--listen", &listen]);
    assert_eq!(refused.status.code(), Some(1));
    let log = stderr(&refused);
    assert!(log.contains("another server listens there"), "{log}");
    // What a program there forwards counts as of the address that it tells.
    let mut socket = UnixStream::connect(&path).unwrap();
    let request = "GET /api/access HTTP/1.0\r\nHost: cam.lan\r\nX-Forwarded-For: 192.0.2.7\r\n\
                   X-Mattebox-Token: wrong\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 401"), "{answer}");
    // Pictures come that way, too.
    let mut socket = UnixStream::connect(&path).unwrap();
    socket.write_all(b"GET /s.jpg HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let start = answer.windows(2).position(|it| it == [0xff, 0xd8]).unwrap();
    assert_eq!(decode(&answer[start..]).dimensions(), (1280, 720));
    let log = server.log();
    assert!(log.contains("wrong token peer=192.0.2.7"), "{log}");
}
