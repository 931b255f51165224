//! Places for everybody: one client's connections, wrong tokens and silence keep nobody else out.

use std::io::{BufRead, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::http::{Response, connect_from, read_response, send_from};
use crate::support::server::{Server, TOKEN};
use crate::support::{Folder, load};

/// The time in which others must be answered.
const SOON: Duration = Duration::from_secs(1);

fn server(lines: &str) -> Server {
    Server::start(Folder::with(&format!(
        "admin-token: {{ env: TEST_TOKEN }}\n{lines}"
    )))
}

/// The address 127.0.`a`.`b`. The tests' own, 127.0.0.1, may still have connections that are being
/// closed.
fn address(a: u8, b: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, a, b).into()
}

/// Asks from `from`, with these headers beside `Host`.
fn ask(server: &Server, from: IpAddr, target: &str, headers: &[(&str, &str)]) -> Response {
    let host = server.address.to_string();
    let mut all = vec![("Host", host.as_str())];
    all.extend(headers);
    send_from(from, server.address, "GET", target, &all, b"")
}

/// The same, soon.
fn ask_soon(server: &Server, from: IpAddr, target: &str, headers: &[(&str, &str)]) -> Response {
    let start = Instant::now();
    let response = ask(server, from, target, headers);
    let took = start.elapsed();
    assert!(took < SOON, "{target} took {took:?}");
    response
}

fn change_soon(server: &Server, from: IpAddr) {
    let host = server.address.to_string();
    let token = format!("Bearer {TOKEN}");
    let headers = [("Host", host.as_str()), ("Authorization", &token)];
    let body = json!({"text": "x"}).to_string();
    let start = Instant::now();
    let target = "/api/variables/v";
    let body = body.as_bytes();
    let response = send_from(from, server.address, "PUT", target, &headers, body);
    assert_eq!(response.status, 204);
    let took = start.elapsed();
    assert!(took < SOON, "a change took {took:?}");
}

/// Connections from `from` that send nothing.
fn idle(server: &Server, from: IpAddr, count: usize) -> Vec<TcpStream> {
    let connections = (0..count).map(|_| connect_from(from, server.address));
    connections.collect()
}

/// Connections from `from` that watch the stream `s`: silent ones would be cut in time, and make
/// room.
fn watching(server: &Server, from: IpAddr, count: usize) -> Vec<Response> {
    let watch = format!("GET /s.mjpeg HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    let watching = idle(server, from, count).into_iter().map(|mut socket| {
        socket.write_all(watch.as_bytes()).unwrap();
        let response = read_response(socket);
        assert_eq!(response.status, 200);
        response
    });
    watching.collect()
}

/// The test holds more connections than a process usually may.
fn raise_limit_of_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// Waits until `from` is answered: so many connections at once have to be closed first.
fn settle(server: &Server, from: IpAddr) {
    let request = format!("GET /healthz HTTP/1.0\r\nHost: {}\r\n\r\n", server.address);
    let is_answered = || -> std::io::Result<bool> {
        let mut socket = connect_from(from, server.address);
        socket.write_all(request.as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.0 200"))
    };
    let give_up = Instant::now() + Duration::from_secs(30);
    while !is_answered().unwrap_or(false) {
        assert!(Instant::now() < give_up);
    }
}

fn is_refused(response: &Response) {
    assert_eq!(response.status, 503);
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn an_address_has_64_connections_and_the_reserve() {
    let _busy = load::busy();
    let server = server("streams: { s: }\n");
    let [crowd, other] = [address(0, 3), address(0, 2)];
    let token = format!("Bearer {TOKEN}");
    let mut held = watching(&server, crowd, 64);
    for target in [
        "/",
        "/s.jpg",
        "/s.mjpeg",
        "/api/streams",
        "/static/app.js",
        "/x",
    ] {
        is_refused(&ask_soon(&server, crowd, target, &[]));
        // The picture waits for the camera.
        assert_ne!(ask(&server, other, target, &[]).status, 503);
    }
    is_refused(&ask_soon(
        &server,
        crowd,
        "/api/streams",
        &[("Authorization", "Bearer wrong")],
    ));
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask_soon(&server, crowd, target, &[]).status, 200);
    }
    let admin = [("Authorization", token.as_str())];
    assert_eq!(ask_soon(&server, crowd, "/api/streams", &admin).status, 200);
    change_soon(&server, crowd);
    let metrics = ask(&server, other, "/metrics", &[]).text();
    assert!(
        metrics.contains("mattebox_connections_refused_total{limit=\"address\"}"),
        "{metrics}"
    );
    // One that ends makes room, as soon as the server has seen it.
    held.pop();
    let give_up = Instant::now() + Duration::from_secs(30);
    while ask(&server, crowd, "/api/streams", &[]).status != 200 {
        assert!(Instant::now() < give_up);
    }
    drop(held);
    let log = server.log();
    let told = log.matches("an address has all the connections").count();
    assert_eq!(told, 1, "{log}");
}

#[test]
fn a_thousand_idle_connections_of_one_address_cost_others_nothing() {
    let _busy = load::busy();
    raise_limit_of_files();
    let server = server("streams: { s: }\n");
    let [crowd, other] = [address(0, 3), address(0, 2)];
    let _held = idle(&server, crowd, 1024);
    assert_eq!(ask_soon(&server, other, "/healthz", &[]).status, 200);
    assert_eq!(ask_soon(&server, other, "/api/streams", &[]).status, 200);
    change_soon(&server, other);
    // Not even the address itself is without help, once those that had to make room are closed.
    settle(&server, crowd);
    assert_eq!(ask_soon(&server, crowd, "/healthz", &[]).status, 200);
    change_soon(&server, crowd);
    is_refused(&ask_soon(&server, crowd, "/s.jpg", &[]));
}

#[test]
fn silence_does_not_fill_the_reserve() {
    let _busy = load::busy();
    raise_limit_of_files();
    let server = server("limits: { connections-per-address: 1 }\nstreams: { s: }\n");
    let all = (0..200).map(|n| idle(&server, address(1, n), 5));
    let _held: Vec<_> = all.collect();
    settle(&server, address(1, 0));
    for n in [0, 100, 199] {
        assert_eq!(
            ask_soon(&server, address(1, n), "/healthz", &[]).status,
            200
        );
        change_soon(&server, address(1, n));
    }
    assert_eq!(
        ask_soon(&server, address(0, 2), "/api/streams", &[]).status,
        200
    );
}

#[test]
fn many_at_once_are_all_answered() {
    let _busy = load::busy();
    let server = server("limits: { connections-per-address: 8 }\nstreams: { s: }\n");
    let crowd = address(0, 3);
    let host = server.address;
    let _held = watching(&server, crowd, 8);
    let request = format!("GET /api/streams HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut asking = idle(&server, crowd, 100);
    for socket in &mut asking {
        // Those that had to make room before they could ask are closed.
        socket.write_all(request.as_bytes()).ok();
    }
    let later: Vec<_> = (0..100)
        .map(|_| {
            let mut socket = connect_from(crowd, server.address);
            socket.write_all(request.as_bytes()).unwrap();
            socket
        })
        .collect();
    for socket in later {
        is_refused(&read_response(socket));
    }
}

#[test]
fn thousands_of_wrong_tokens_cost_others_nothing() {
    let _busy = load::busy();
    const ADDRESSES: usize = 1_100;
    const TOKENS: usize = 15;
    let server = server("streams: { s: }\n");
    let host = server.address;
    let wrong = format!(
        "PUT /api/variables/v HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer wrong\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let guess = |n: usize| {
        let from = address(10 + (n / 200) as u8, (n % 200) as u8);
        let mut socket = connect_from(from, host);
        socket.write_all(wrong.repeat(TOKENS).as_bytes()).unwrap();
        let mut reader = std::io::BufReader::new(socket);
        let mut statuses = Vec::new();
        let mut line = String::new();
        while statuses.len() < TOKENS {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0);
            // The body before it has no line break at its end.
            if let Some((_, status)) = line.split_once("HTTP/1.1 ") {
                statuses.push(status[..3].to_owned());
            }
        }
        statuses
    };
    let start = Instant::now();
    let statuses: Vec<String> = std::thread::scope(|scope| {
        let guessing: Vec<_> = (0..4)
            .map(|part| {
                scope.spawn(move || {
                    (part..ADDRESSES)
                        .step_by(4)
                        .flat_map(guess)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        while guessing.iter().any(|it| !it.is_finished()) {
            assert_eq!(
                ask_soon(&server, address(0, 2), "/healthz", &[]).status,
                200
            );
            change_soon(&server, address(0, 2));
            // The right one is let in from an address that guesses, too.
            change_soon(&server, address(10, 0));
            assert!(start.elapsed() < Duration::from_secs(120));
        }
        guessing
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let count = |wanted: &str| statuses.iter().filter(|status| *status == wanted).count();
    assert_eq!(count("401") + count("429"), ADDRESSES * TOKENS);
    // A hundred at once, and ten a second.
    let most = 110 + start.elapsed().as_secs() as usize * 10;
    assert!((100..=most).contains(&count("401")), "{}", count("401"));
    let log = server.log();
    let lines = log.matches(" WARN wrong token peer=127.0.1").count();
    assert_eq!(lines, ADDRESSES * TOKENS);
    assert!(log.len() < 2_000_000, "{} bytes", log.len());
}

#[test]
fn a_stream_has_so_many_viewers() {
    let server = server("streams: { s: { max-viewers: 2, idle-timeout: 0s }, t: }\n");
    let mut viewers = vec![server.watch("s"), server.watch("s")];
    let from = address(0, 3);
    for target in ["/s.mjpeg", "/s.jpg", "/stream", "/?action=snapshot"] {
        let refused = ask_soon(&server, from, target, &[]);
        assert_eq!(refused.status, 503, "{target}");
        assert_eq!(refused.header("retry-after"), Some("5"));
    }
    assert_eq!(ask(&server, from, "/t.jpg", &[]).status, 200);
    let token = format!("Bearer {TOKEN}");
    let admin = [("Authorization", token.as_str())];
    assert_eq!(ask(&server, from, "/s.jpg", &admin).status, 200);
    viewers.pop();
    server.until("s", |report| report["viewers"] == 1);
    viewers.push(server.watch("s"));
    assert!(viewers[1].next().is_some());
}

#[test]
fn clients_behind_a_trusted_proxy_count_one_by_one() {
    let server = server(
        "trusted-proxies: [127.0.0.1, 10.0.0.0/8]\nlimits: { connections-per-address: 2 }\n\
         streams: { s: }\n",
    );
    let proxy = address(0, 1);
    let watch = |headers: &[(&str, &str)]| ask_soon(&server, proxy, "/s.mjpeg", headers);
    let held = [
        watch(&[("X-Forwarded-For", "192.0.2.1")]),
        watch(&[("Forwarded", "for=192.0.2.1;proto=https")]),
    ];
    assert!(held.iter().all(|response| response.status == 200));
    for headers in [
        [("X-Forwarded-For", "192.0.2.1")],
        [("X-Forwarded-For", "192.0.2.9, 192.0.2.1")],
        [("X-Forwarded-For", "192.0.2.1, 10.1.2.3")],
        [("Forwarded", "for=192.0.2.9, for=\"192.0.2.1:4711\"")],
    ] {
        let refused = watch(&headers);
        assert_eq!(refused.status, 503, "{headers:?}");
        assert_eq!(refused.header("retry-after"), Some("5"));
        assert_eq!(ask_soon(&server, proxy, "/healthz", &headers).status, 200);
    }
    assert_eq!(watch(&[("X-Forwarded-For", "192.0.2.2")]).status, 200);
    // The proxy itself has no limit.
    let own: Vec<_> = (0..5).map(|_| watch(&[])).collect();
    assert!(own.iter().all(|response| response.status == 200));
    // An answer that has ended gives its place back.
    drop(held);
    let give_up = Instant::now() + Duration::from_secs(30);
    while watch(&[("X-Forwarded-For", "192.0.2.1")]).status != 200 {
        assert!(Instant::now() < give_up);
    }
    let wrong = ("Authorization", "Bearer wrong");
    ask(
        &server,
        proxy,
        "/api/access",
        &[wrong, ("X-Forwarded-For", "1.1.1.1, 192.0.2.3")],
    );
    ask(
        &server,
        address(0, 3),
        "/api/access",
        &[wrong, ("X-Forwarded-For", "192.0.2.4")],
    );
    let log = server.log();
    for peer in ["192.0.2.3", "127.0.0.3"] {
        let line = format!(" WARN wrong token peer={peer}\n");
        assert_eq!(log.matches(&line).count(), 1, "{log}");
    }
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let server = server("streams: { s: }\n");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<u64> = line
        .unwrap()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(numbers[0] >= numbers[1].min(10_000), "{limits}");
}
