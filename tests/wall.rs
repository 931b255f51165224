//! The wall: frames of many streams and the server's state by one connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::support::http::{get, send};
use crate::support::picture::{jpeg, number, numbered};
use crate::support::server::{Server, TOKEN, until};
use crate::support::wall::{FRAME, Received, STATE, Socket, Streamed, WallClient, say_to};
use crate::support::{Folder, load};

/// The longest time for which a tile may stand still.
const STANDSTILL: Duration = Duration::from_secs(2);
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A client by each way.
fn both(server: &Server) -> [Box<dyn WallClient>; 2] {
    [
        Box::new(Socket::open(server)),
        Box::new(Streamed::open(server)),
    ]
}

/// Streams of one small picture, ten times a second.
fn small(names: &[String], more: &str) -> Server {
    let mut pipeline = format!("{more}streams:\n");
    for name in names {
        pipeline += &format!(
            "  {name}: {{ source: {{ driver: files, path: '*.jpg', fps: 10 }}, \
             idle-timeout: 100ms }}\n"
        );
    }
    let folder = Folder::with(&pipeline);
    folder.write("a.jpg", jpeg("420.jpg"));
    Server::start(folder)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("s{number}")).collect()
}

/// Numbered frames of 240 KB, ten a second.
fn large(names: &[String]) -> Server {
    let mut pipeline = "streams:\n".to_owned();
    for name in names {
        pipeline += &format!(
            "  {name}: {{ source: {{ driver: files, path: 'f*.jpg', fps: 10 }}, \
             idle-timeout: 100ms }}\n"
        );
    }
    let folder = Folder::with(&pipeline);
    for index in 0..300 {
        folder.write(&format!("f{index}.jpg"), numbered(index, 240_000));
    }
    Server::start(folder)
}

/// Receives states until there have been so many without a frame between.
fn only_states(client: &mut dyn WallClient, count: usize) {
    for _ in 0..count {
        let received = client.receive();
        assert_eq!(received.kind, STATE, "{received:?}");
    }
}

#[test]
fn both_ways_bring_frames_for_credit_and_the_state() {
    let server = small(&names(3), "admin-token: { env: TEST_TOKEN }\n");
    for mut client in both(&server) {
        let state = client.state(&|_| true);
        let listed: Vec<_> = state["streams"].as_array().unwrap().iter().collect();
        assert_eq!(listed.len(), 3);
        assert_eq!(state["access"]["changing"], "token-needed");
        assert_eq!(state["pipeline"]["error"], json!(null));
        // More than there may be under way.
        client.say(&json!({ "credit": { "s0": 100, "s2": 1 } }));
        let mut frames: Vec<Received> = (0..3).map(|_| client.frame()).collect();
        frames.sort_by_key(|frame| (frame.name.clone(), frame.number));
        let numbers = frames.iter().map(|frame| (&*frame.name, frame.number));
        assert_eq!(
            numbers.collect::<Vec<_>>(),
            [("s0", 1), ("s0", 2), ("s2", 1)]
        );
        for frame in frames {
            assert_eq!(frame.body, jpeg("420.jpg"));
            let age = SystemTime::now().duration_since(frame.captured_at);
            assert!(age.unwrap() < Duration::from_secs(60));
        }
        only_states(&mut *client, 3);
        client.credit("s0", 3);
        let next = client.frame();
        assert_eq!((&*next.name, next.number), ("s0", 3));
        client.say(&json!({ "refresh": 7 }));
        client.state(&|state| state["refresh"] == 7);
    }
}

#[test]
fn a_stream_without_credit_has_no_viewer_and_its_camera_rests() {
    let server = small(&names(2), "");
    for mut client in both(&server) {
        client.say(&json!({ "credit": { "s0": 2, "s1": 2 } }));
        client.frame();
        server.until("s0", |stream| {
            stream["viewers"] == 1 && stream["state"] == "running"
        });
        client.credit("s0", 0);
        server.until("s0", |stream| {
            stream["viewers"] == 0 && stream["state"] == "resting"
        });
        assert_eq!(server.report("s1")["viewers"], 1);
        // It comes back where it was.
        client.credit("s0", 4);
        let back = client.until(&|received| received.name == "s0" && received.number > 2);
        assert_eq!(back.number, 3);
        // So does one that was forgotten: without a word, but without credit, nobody watches for
        // long.
        server.until("s1", |stream| {
            stream["viewers"] == 0 && stream["state"] == "resting"
        });
        client.credit("s1", 4);
        let back = client.until(&|received| received.name == "s1" && received.number > 2);
        assert_eq!(back.number, 3);
        drop(client);
        server.until("s0", |stream| stream["viewers"] == 0);
    }
}

#[test]
fn who_reads_slowly_gets_the_newest_frame_behind_what_was_under_way() {
    let server = large(&names(1));
    for mut client in both(&server) {
        client.credit("s0", 2);
        let first = number(&client.frame().body);
        // Another viewer tells how far the stream has come, without a sleep.
        let mut fast = server.watch("s0");
        let mut newest = first;
        while newest < first + 30 {
            newest = number(&fast.next().unwrap().jpeg);
        }
        let late = client.frame();
        assert_eq!((number(&late.body), late.number), (first + 1, 2));
        client.credit("s0", 4);
        assert!(number(&client.frame().body) >= newest);
    }
}

#[test]
fn no_more_than_a_megabyte_is_under_way() {
    let names = names(10);
    let server = large(&names);
    // All have a frame.
    let mut running: Vec<_> = names.iter().map(|name| server.watch(name)).collect();
    for viewer in &mut running {
        viewer.next().unwrap();
    }
    for mut client in both(&server) {
        let all: HashMap<_, _> = names.iter().map(|name| (name, 2)).collect();
        client.say(&json!({ "credit": all }));
        // Five of 240 KB are more than 1 MiB.
        let frames: Vec<_> = (0..5).map(|_| client.frame()).collect();
        only_states(&mut *client, 3);
        // Those that have waited longest are next.
        for frame in &frames {
            client.credit(&frame.name, frame.number + 2);
        }
        let waited: Vec<_> = (0..5).map(|_| client.frame().name).collect();
        assert!(
            frames.iter().all(|frame| !waited.contains(&frame.name)),
            "{waited:?}"
        );
    }
}

/// Watches all of `names` until each has had thirty frames, none of which was long in coming.
fn watch_all(client: &mut dyn WallClient, names: &[String]) {
    let start = Instant::now();
    let mut seen: HashMap<_, _> = names
        .iter()
        .map(|name| (name.clone(), (0, start)))
        .collect();
    for name in names {
        client.credit(name, 2);
    }
    while seen.values().any(|(count, _)| *count < 30) {
        let frame = client.frame();
        let (count, last) = seen.get_mut(&frame.name).unwrap();
        let pause = last.elapsed();
        assert!(
            pause < STANDSTILL,
            "{} stood still for {pause:?}",
            frame.name
        );
        (*count, *last) = (*count + 1, Instant::now());
        client.credit(&frame.name, frame.number + 2);
    }
}

#[test]
fn twenty_streams_move_in_two_windows_by_each_way() {
    let _quiet = load::quiet();
    let names = names(20);
    let server = small(&names, "");
    let windows = both(&server).into_iter().chain(both(&server));
    let windows: Vec<_> = windows
        .map(|mut client| {
            let names = names.clone();
            std::thread::spawn(move || watch_all(&mut *client, &names))
        })
        .collect();
    for window in windows {
        window.join().unwrap();
    }
}

#[test]
fn a_connection_is_one_place() {
    let server = small(&names(5), "limits: { connections-per-address: 2 }\n");
    let is_answered = || json!(server.get("/api/access").status == 200);
    // What asked whether the server is ready has gone.
    until(is_answered, |is_answered| *is_answered == true);
    let mut clients = [(); 2].map(|()| {
        let open = || Socket::open_with(&server, LOCALHOST, &[]);
        (0..1000).find_map(|_| open().ok()).unwrap()
    });
    for client in &mut clients {
        for name in names(5) {
            client.credit(&name, 2);
        }
        client.frame();
    }
    assert_eq!(Socket::open_with(&server, LOCALHOST, &[]).err(), Some(503));
    assert_eq!(server.get("/api/access").status, 503);
    drop(clients);
    until(is_answered, |is_answered| *is_answered == true);
}

#[test]
fn a_connection_by_a_proxy_is_one_place_of_its_client() {
    let lines = "limits: { connections-per-address: 2 }\ntrusted-proxies: [127.0.0.1]\n";
    let server = small(&names(1), lines);
    let open = |client| Socket::open_with(&server, LOCALHOST, &[("x-forwarded-for", client)]);
    let mut clients = [open("192.0.2.1").unwrap(), open("192.0.2.1").unwrap()];
    clients[0].state(&|_| true);
    assert_eq!(open("192.0.2.1").err(), Some(503));
    assert!(open("192.0.2.2").is_ok());
    drop(clients);
    until(
        || json!(open("192.0.2.1").is_ok()),
        |is_open| *is_open == true,
    );
}

#[test]
fn each_stream_counts_its_viewers_and_refuses_more_with_a_reason() {
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
streams:
  one: { source: { driver: files, path: a.jpg, loop: true }, max-viewers: 1 }
",
    );
    folder.write("a.jpg", jpeg("420.jpg"));
    let server = Server::start(folder);
    for mut second in both(&server) {
        let mut first = Socket::open(&server);
        first.credit("one", 2);
        first.frame();
        second.say(&json!({ "credit": { "one": 2, "none": 2 } }));
        let state = second.state(&|state| state["refused"]["one"] != json!(null));
        let why = state["refused"]["one"].as_str().unwrap();
        assert!(why.contains("max-viewers"), "{why}");
        let why = state["refused"]["none"].as_str().unwrap();
        assert!(why.contains("no stream is called `none`"), "{why}");
        // The admin finds room.
        let token = format!("Bearer {TOKEN}");
        let headers = [("authorization", token.as_str())];
        let mut admin = Socket::open_with(&server, LOCALHOST, &headers).unwrap();
        admin.state(&|state| state["access"]["changing"] == "allowed");
        admin.credit("one", 1);
        admin.frame();
        drop(admin);
        // There is room for the other one without a word of it.
        drop(first);
        second.frame();
        let refused = second.state(&|state| state["refused"]["one"] == json!(null));
        assert_eq!(refused["streams"][0]["viewers"], 1);
    }
}

#[test]
fn pages_of_other_sites_get_neither_way() {
    let server = small(&names(1), "allowed-hosts: [cam.example.org]\n");
    let own = format!("http://{}", server.address);
    for (header, value, expected) in [
        ("origin", own.as_str(), None),
        ("origin", "https://cam.example.org", None),
        ("origin", "http://evil.example", Some(403)),
        ("origin", "null", Some(403)),
        ("sec-fetch-site", "cross-site", Some(403)),
        ("sec-fetch-site", "same-origin", None),
        ("host", "evil.example", Some(421)),
    ] {
        let opened = Socket::open_with(&server, LOCALHOST, &[(header, value)]);
        assert_eq!(opened.err(), expected, "{header}: {value}");
    }
    let host = server.address.to_string();
    let headers = [("Host", host.as_str()), ("Sec-Fetch-Site", "cross-site")];
    let streamed = send(server.address, "GET", "/api/wall/stream", &headers, b"");
    assert_eq!(streamed.status, 403);
    // Without a WebSocket the other way is named.
    let plain = server.get("/api/wall");
    assert_eq!(plain.status, 426);
    assert!(plain.text().contains("/api/v1/wall/stream"));
}

#[test]
fn a_session_is_known_to_its_client_alone_and_ends_with_its_answer() {
    let server = small(&names(1), "");
    let (client, other) = (Streamed::open(&server), Streamed::open(&server));
    assert_ne!(client.session, other.session);
    assert_eq!(client.session.len(), 32);
    let credit = r#"{"credit": {"s0": 2}}"#;
    for unknown in ["", "0", "s0", &"0".repeat(32)] {
        assert_eq!(say_to(server.address, unknown, credit), 404, "{unknown}");
    }
    let many: HashMap<_, _> = (0..257).map(|number| (number.to_string(), 1)).collect();
    for wrong in [
        "",
        "credit",
        "1",
        r#"{"credit": {"s0": "2"}}"#,
        r#"{"other": 1}"#,
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([json!({ "credit": many }).to_string()])
    {
        let status = client.say_text(&wrong);
        assert_eq!(status, 400, "{wrong}");
    }
    assert_eq!(
        get(
            server.address,
            &format!("/api/wall/stream/{}", client.session)
        )
        .status,
        400
    );
    let (address, session) = (server.address, client.session.clone());
    drop(client);
    until(
        || json!(say_to(address, &session, credit)),
        |status| *status == 404,
    );
    assert_eq!(other.say_text(credit), 204);
}

#[test]
fn a_wrong_message_ends_a_socket_and_says_why() {
    let server = small(&names(1), "");
    for (wrong, expected) in [
        ("{", "the message is wrong"),
        (r#"{"other": 1}"#, "other"),
        (r#"{"credit": {"s0": -1}}"#, "the message is wrong"),
    ] {
        let mut client = Socket::open(&server);
        client.say_text(wrong);
        let end = client.end();
        assert_eq!(u16::from(end.code), 1008);
        assert!(end.reason.contains(expected), "{}", end.reason);
    }
    // Too many streams, whether at once or one after the other.
    let mut client = Socket::open(&server);
    for number in 0..257 {
        client.credit(&number.to_string(), 1);
    }
    let end = client.end();
    assert!(end.reason.contains("256 streams"), "{}", end.reason);
}

#[test]
fn frames_go_on_when_a_stream_is_taken_out_and_put_back() {
    let server = small(&names(2), "admin-token: { env: TEST_TOKEN }\n");
    for mut client in both(&server) {
        client.credit("s0", 2);
        client.frame();
        assert_eq!(
            server
                .change("DELETE", "/api/streams/s0", &json!({}))
                .status,
            204
        );
        client.state(&|state| state["refused"]["s0"] != json!(null));
        let source = json!({ "driver": "files", "path": "*.jpg", "fps": 10 });
        let body = json!({ "source": source, "idle-timeout": "100ms" });
        assert_eq!(server.change("PUT", "/api/streams/s0", &body).status, 201);
        client.credit("s0", 4);
        client.until(&|received| received.kind == FRAME && received.number > 2);
    }
}

#[test]
fn a_server_that_stops_says_so_and_waits_for_nobody() {
    let names = names(5);
    let server = large(&names);
    let mut client = Socket::open(&server);
    // These take nothing.
    let mut stuck = [Socket::open(&server), Socket::open(&server)];
    let _streamed = Streamed::open(&server);
    for stuck in &mut stuck {
        for name in &names {
            stuck.credit(name, 2);
        }
    }
    client.credit("s0", 2);
    client.frame();
    let start = Instant::now();
    server.terminate();
    assert_eq!(u16::from(client.end().code), 1001);
    let (status, _) = server.wait();
    assert!(status.success());
    assert!(start.elapsed() < Duration::from_secs(5));
}
