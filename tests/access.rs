//! Who may do what: every address, as everybody.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::Folder;
use crate::support::http::{Response, read_response, send};
use crate::support::server::{Server, TOKEN};

const READING: [(&str, &str, u16); 23] = [
    ("GET", "/", 200),
    ("GET", "/s.jpg", 200),
    ("HEAD", "/s.mjpeg", 200),
    ("HEAD", "/stream", 200),
    ("HEAD", "/video_feed", 200),
    ("GET", "/snapshot", 200),
    ("GET", "/static/style.css", 200),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/api/access", 200),
    ("HEAD", "/api/events", 200),
    ("GET", "/api/openapi.json", 200),
    ("GET", "/api/pipeline", 200),
    ("GET", "/api/pipeline/schema", 200),
    ("GET", "/api/streams", 200),
    ("GET", "/api/streams/s", 200),
    ("GET", "/api/streams/s/steps", 200),
    ("GET", "/api/streams/s/steps/1", 200),
    ("GET", "/api/variables", 200),
    ("GET", "/api/variables/none", 404),
    ("GET", "/api/filters", 200),
    ("GET", "/api/nothing", 404),
];

/// What each change gives to one who may make it, and sends nothing with it.
const CHANGING: [(&str, &str, u16); 10] = [
    ("PUT", "/api/streams/t", 400),
    ("POST", "/api/streams/s/restart", 204),
    ("POST", "/api/streams/s/steps", 400),
    ("PATCH", "/api/streams/s/steps/1", 400),
    ("PUT", "/api/variables/v", 400),
    ("DELETE", "/api/variables/v", 404),
    ("PUT", "/api/filters/f.wasm", 409),
    ("DELETE", "/api/streams/s/steps/1", 204),
    // The last stream stays.
    ("DELETE", "/api/streams/s", 422),
    ("POST", "/api/nothing", 404),
];

fn server(token: &str) -> Server {
    Server::start(Folder::with(&format!(
        "{token}allowed-hosts: [cam.example.org]
streams:
  s: {{ filters: [{{ use: timestamp }}] }}
"
    )))
}

struct Client<'a> {
    server: &'a Server,
    host: String,
    token: Option<&'a str>,
    origin: Option<&'a str>,
}

impl Client<'_> {
    fn send(&self, method: &str, target: &str) -> Response {
        let token = self.token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Host", self.host.as_str())];
        headers.extend(token.as_deref().map(|token| ("Authorization", token)));
        headers.extend(self.origin.map(|origin| ("Origin", origin)));
        send(self.server.address, method, target, &headers, b"")
    }

    /// Every change gives this status, and nothing changes.
    fn changes_nothing(&self, status: u16) {
        let streams = || {
            let mut all = self.server.get("/api/pipeline").json();
            all["revision"].take()
        };
        let before = streams();
        for (method, target, _) in CHANGING {
            let response = self.send(method, target);
            assert_eq!(response.status, status, "{method} {target}");
            assert_eq!(
                response.header("content-type"),
                Some("application/problem+json")
            );
            let problem = response.json();
            assert_eq!(problem["status"], status);
            assert!(problem["detail"].as_str().unwrap().len() > 20, "{problem}");
        }
        assert_eq!(streams(), before);
    }

    fn reads(&self, status: Option<u16>) {
        for (method, target, usual) in READING {
            let response = self.send(method, target);
            assert_eq!(
                response.status,
                status.unwrap_or(usual),
                "{method} {target}"
            );
        }
    }
}

#[test]
fn every_address_as_everybody() {
    let server = server("admin-token: { env: TEST_TOKEN }\n");
    let client = Client {
        server: &server,
        host: server.address.to_string(),
        token: None,
        origin: None,
    };
    let own = format!("http://{}", server.address);
    // Nobody.
    client.reads(None);
    client.changes_nothing(401);
    elsewhere_changes_nothing(&client);
    // Names that are allowed, and the server's own page.
    for (host, origin) in [
        ("cam.example.org", "https://cam.example.org"),
        ("raspberrypi.local:8080", "http://raspberrypi.local:8080"),
        (client.host.as_str(), own.as_str()),
    ] {
        let fine = Client {
            host: host.to_owned(),
            origin: Some(origin),
            ..client
        };
        fine.reads(None);
    }
    let admin = Client {
        host: client.host.clone(),
        token: Some(TOKEN),
        origin: Some(&own),
        ..client
    };
    // Somebody with a wrong token may do no more. Forgiven each time, so that it isn't the throttle
    // that refuses.
    let wrong = Client {
        host: client.host.clone(),
        token: Some("wrong"),
        ..client
    };
    for (method, target, usual) in READING {
        let checks_it = target == "/api/access";
        let status = if checks_it { 401 } else { usual };
        assert_eq!(wrong.send(method, target).status, status, "{target}");
    }
    for (method, target, _) in CHANGING {
        assert_eq!(admin.send("GET", "/api/access").status, 200);
        let response = wrong.send(method, target);
        assert_eq!(response.status, 401, "{method} {target}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    }
    // The admin.
    admin.reads_for_admin();
    for (method, target, status) in CHANGING {
        assert_eq!(
            admin.send(method, target).status,
            status,
            "{method} {target}"
        );
    }
    guessing_shuts_nobody_out(&wrong, &admin);
}

/// Checks somebody who came by another name, or from another page, even with the token. What
/// everybody may read, browsers keep from other pages: no answer allows it.
fn elsewhere_changes_nothing(client: &Client<'_>) {
    for token in [None, Some(TOKEN)] {
        let elsewhere = Client {
            host: "evil.example".to_owned(),
            token,
            ..*client
        };
        elsewhere.reads(Some(421));
        elsewhere.changes_nothing(421);
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
            let from_page = Client {
                host: client.host.clone(),
                token,
                origin: Some(origin),
                ..*client
            };
            for (method, target, usual) in READING {
                let response = from_page.send(method, target);
                assert_eq!(response.status, usual, "{method} {target}");
                let allowed = response.header("access-control-allow-origin");
                assert_eq!(allowed, None, "{method} {target}");
            }
            from_page.changes_nothing(403);
        }
    }
}

fn guessing_shuts_nobody_out(wrong: &Client<'_>, admin: &Client<'_>) {
    assert_eq!(admin.send("GET", "/api/access").status, 200);
    for _ in 0..5 {
        assert_eq!(wrong.send("POST", "/api/streams/s/restart").status, 401);
    }
    let refused = wrong.send("POST", "/api/streams/s/restart");
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    // The right one is let in all the same: who guesses shuts nobody out.
    assert_eq!(admin.send("POST", "/api/streams/t/restart").status, 404);
    assert_eq!(wrong.send("GET", "/api/streams").status, 200);
}

/// Restarts the stream with these headers beside `Host`.
fn restart(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let host = server.address.to_string();
    let mut all = vec![("Host", host.as_str())];
    all.extend(headers);
    send(server.address, "POST", "/api/streams/s/restart", &all, b"").status
}

#[test]
fn the_token_has_a_header_of_its_own() {
    let server = server("admin-token: { env: TEST_TOKEN }\n");
    let right = ("X-Mattebox-Token", TOKEN);
    let wrong = ("X-Mattebox-Token", "wrong");
    let bearer = format!("Bearer {TOKEN}");
    let bearer = ("Authorization", bearer.as_str());
    // The login of a proxy in front: user `user`, password `password`.
    let login = ("Authorization", "Basic dXNlcjpwYXNzd29yZA==");
    for (headers, status) in [
        (&[right] as &[_], 204),
        (&[right, login], 204),
        (&[right, ("Authorization", "Bearer wrong")], 204),
        (&[bearer], 204),
        (&[wrong], 401),
        (&[wrong, bearer], 401),
        (&[login], 401),
    ] {
        assert_eq!(restart(&server, headers), status, "{headers:?}");
    }
    // A login is no wrong token, however often it is sent: it says nothing, and shuts nobody out.
    assert_eq!(restart(&server, &[right]), 204);
    for _ in 0..20 {
        assert_eq!(restart(&server, &[login]), 401);
    }
    let host = server.address.to_string();
    let headers = [("Host", host.as_str()), login];
    let access = send(server.address, "GET", "/api/access", &headers, b"");
    assert_eq!(access.json()["changing"], "token-needed");
    let log = server.log();
    assert_eq!(log.matches("wrong token").count(), 2, "{log}");
}

#[test]
fn a_change_comes_through_proxies_that_change_the_name_and_from_no_other_page() {
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }\ntrusted-proxies: [127.0.0.1]\nstreams: { s: }\n",
    ));
    let own = ("X-Mattebox-Token", TOKEN);
    let bearer = format!("Bearer {TOKEN}");
    let bearer = ("Authorization", bearer.as_str());
    let elsewhere = ("Origin", "http://nas.lan");
    let told = |site| ("Sec-Fetch-Site", site);
    for (headers, status) in [
        // A plain proxy names the server by its address.
        (&[elsewhere, own] as &[_], 204),
        (&[elsewhere, bearer], 403),
        // One that tells the name.
        (&[elsewhere, bearer, ("X-Forwarded-Host", "nas.lan")], 204),
        (&[elsewhere, bearer, ("X-Forwarded-Host", "other.lan")], 403),
        (
            &[elsewhere, bearer, ("Forwarded", "host=nas.lan;proto=http")],
            204,
        ),
        (
            &[elsewhere, bearer, ("Forwarded", "host=nas.lan;proto=https")],
            403,
        ),
        // The port may stand by itself.
        (
            &[
                ("Origin", "https://web.lan:8443"),
                bearer,
                ("X-Forwarded-Host", "web.lan"),
                ("X-Forwarded-Port", "8443"),
            ],
            204,
        ),
        (
            &[
                ("Origin", "https://web.lan:8444"),
                bearer,
                ("X-Forwarded-Host", "web.lan"),
                ("X-Forwarded-Port", "8443"),
            ],
            403,
        ),
        // The browser's own word counts before all.
        (&[elsewhere, own, told("same-origin")], 204),
        (&[elsewhere, bearer, told("same-origin")], 204),
        (&[elsewhere, own, told("cross-site")], 403),
        (&[elsewhere, own, told("same-site")], 403),
        (&[own, told("cross-site")], 403),
    ] {
        assert_eq!(restart(&server, headers), status, "{headers:?}");
    }
    // Of one that isn't trusted nothing counts.
    let untrusted = self::server("admin-token: { env: TEST_TOKEN }\n");
    let forwarded = [elsewhere, bearer, ("X-Forwarded-Host", "nas.lan")];
    assert_eq!(restart(&untrusted, &forwarded), 403);
    // A socket that a page could open anywhere is for the own page alone.
    for (origin, status) in [("http://nas.lan", 403), ("null", 403)] {
        let host = untrusted.address.to_string();
        let headers = [
            ("Host", host.as_str()),
            ("Origin", origin),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
        ];
        let answer = send(untrusted.address, "GET", "/api/streams", &headers, b"");
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[test]
fn a_token_may_have_any_characters_in_utf_8_or_latin_1() {
    let serve = |token| {
        let lines = "admin-token: { env: TEST_TOKEN }\nstreams: { s: }\n";
        Server::start_with(Folder::with(lines), |command| {
            command.env("TEST_TOKEN", token);
        })
    };
    let status = |server: &Server, token: &[u8]| {
        let head = b"GET /api/access HTTP/1.0\r\nHost: cam.lan\r\nX-Mattebox-Token: ";
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket
            .write_all(&[head, token, b"\r\n\r\n"].concat())
            .unwrap();
        read_response(socket).status
    };
    let server = serve("schl\u{fc}ssel und mehr davon");
    assert_eq!(status(&server, "schlüssel und mehr davon".as_bytes()), 200);
    assert_eq!(status(&server, b"schl\xfcssel und mehr davon"), 200);
    assert_eq!(status(&server, b"schl\xfbssel und mehr davon"), 401);
    let server = serve("zehn – elf – zwölf €");
    assert_eq!(status(&server, "zehn – elf – zwölf €".as_bytes()), 200);
    assert_eq!(status(&server, b"zehn - elf - zw\xf6lf \x80"), 401);
}

/// Sends the head of a change without a token, and then `body`, as many proxies do it.
fn refused(mut socket: &TcpStream, length: usize, body: &[u8]) -> Response {
    let head = format!(
        "PUT /api/variables/v HTTP/1.1\r\nHost: cam.lan\r\nContent-Length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut response = read_response(socket.try_clone().unwrap());
    assert_eq!(response.status, 401);
    let length = response.header("content-length").unwrap().parse();
    let mut why = vec![0; length.unwrap()];
    response.body.read_exact(&mut why).unwrap();
    response
}

#[test]
fn the_connection_of_a_refused_change_takes_the_next_request_or_is_told_to_end() {
    let server = server("admin-token: { env: TEST_TOKEN }\n");
    let socket = TcpStream::connect(server.address).unwrap();
    for _ in 0..10 {
        let response = refused(&socket, 12, b"{\"text\":\"x\"}");
        assert_eq!(response.header("connection"), None);
    }
    // More than is read in vain: the client may not have sent it.
    let response = refused(&socket, 100_000, b"");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn an_address_that_is_no_text_is_refused_in_words() {
    let server = server("");
    for target in ["/%ff", "/static/%ff", "/api/streams/%ff"] {
        let refused = server.get(target);
        assert_eq!(refused.status, 400, "{target}");
        let why = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(why.starts_with("the address is not UTF-8"), "{why}");
    }
}

#[test]
fn a_browser_that_is_refused_sees_the_line_to_add() {
    let server = server("");
    let ask = |accept: &str| {
        let headers = [("Host", "cam.example.net:8080"), ("Accept", accept)];
        send(server.address, "GET", "/", &headers, b"")
    };
    let page = ask("text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!(page.status, 421);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let text = page.text();
    assert!(
        text.contains("<pre>allowed-hosts: [cam.example.net]</pre>"),
        "{text}"
    );
    let problem = ask("*/*");
    assert_eq!(problem.status, 421);
    assert!(
        problem.json()["detail"]
            .as_str()
            .unwrap()
            .contains("allowed-hosts")
    );
    // Names that only this network can give away.
    for host in [
        "nas.lan",
        "cam.home:8080",
        "pi.localdomain",
        "cam.home.arpa",
    ] {
        let answer = send(server.address, "GET", "/healthz", &[("Host", host)], b"");
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[test]
fn changes_and_wrong_tokens_are_logged_with_the_address() {
    let server = server("admin-token: { env: TEST_TOKEN }\n");
    let events = server.get("/api/events");
    assert_eq!(
        server
            .change("POST", "/api/streams/s/restart?x=1", &json!({}))
            .status,
        204
    );
    assert_eq!(
        server
            .change("POST", "/api/streams/none/restart", &json!({}))
            .status,
        404
    );
    let line = events
        .body
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("POST"));
    let expected = concat!(
        r#"data: {"method":"POST","path":"/api/streams/s/restart?x=1","#,
        r#""peer":"127.0.0.1","user":"admin-token","revision":null,"previous":null}"#
    );
    assert_eq!(line.as_deref(), Some(expected));
    for token in ["wrong", "wrong\tpeer=192.0.2.1"] {
        let client = Client {
            server: &server,
            host: server.address.to_string(),
            token: Some(token),
            origin: None,
        };
        assert_eq!(client.send("GET", "/api/access").status, 401);
    }
    let log = server.log();
    let lines = |text: &str| log.lines().filter(|line| line.ends_with(text)).count();
    assert_eq!(lines(" WARN wrong token peer=127.0.0.1"), 2, "{log}");
    let change = " INFO changed over the API peer=127.0.0.1 user=\"admin-token\" method=POST \
         path=\"/api/streams/s/restart?x=1\"";
    assert_eq!(lines(change), 1, "{log}");
    assert!(!log.contains("none/restart"), "{log}");
}

impl Client<'_> {
    fn reads_for_admin(&self) {
        self.reads(None);
        let access = self.send("GET", "/api/access").json();
        assert_eq!(access["changing"], "allowed");
        assert_eq!(access["role"], "admin");
    }
}

#[test]
fn without_a_token_nothing_can_be_changed() {
    let server = server("");
    let client = Client {
        server: &server,
        host: server.address.to_string(),
        token: Some(TOKEN),
        origin: None,
    };
    client.reads(None);
    client.changes_nothing(403);
    let why = client.send("POST", "/api/streams/s/restart").json();
    assert!(
        why["detail"].as_str().unwrap().contains("admin-token"),
        "{why}"
    );
    assert_eq!(server.get("/api/access").json()["changing"], "off");
}

#[test]
fn the_token_may_lie_in_a_file_and_be_changed() {
    let folder = Folder::with("admin-token: { file: token }\nstreams: { s: }\n");
    folder.write("token", "first\n");
    let server = Server::start(folder);
    let admin = |token| Client {
        server: &server,
        host: server.address.to_string(),
        token: Some(token),
        origin: None,
    };
    assert_eq!(admin("first").send("GET", "/api/access").status, 200);
    std::fs::write(server.folder().join("token"), "second\n").unwrap();
    server.until_get("/api/pipeline", |_| {
        admin("second").send("GET", "/api/access").status == 200
    });
    assert_eq!(admin("first").send("GET", "/api/access").status, 401);
}

#[test]
fn a_short_token_is_warned_of() {
    const WARNING: &str = "the token is shorter than 16 characters";
    let folder = || Folder::with("admin-token: { file: token }\nstreams: { s: }\n");
    for (token, is_short) in [("fifteen letters", true), ("sixteen letters!", false)] {
        let folder = folder();
        folder.write("token", token);
        let checked = folder.run(&["check"]);
        assert_eq!(checked.status.code(), Some(0));
        let log = crate::support::stderr(&checked);
        assert_eq!(log.contains(WARNING), is_short, "{log}");
        let log = Server::start(folder).log();
        assert_eq!(log.matches(WARNING).count(), usize::from(is_short), "{log}");
    }
}

#[test]
fn wrong_tokens_in_the_file_are_told() {
    for (line, why) in [
        (
            "admin-token: secret",
            "1:14: `admin-token`: expected `{env: NAME}`, `{file: PATH}` or `{credential: NAME}`",
        ),
        (
            "admin-token: { env: NOT_SET_ANYWHERE }",
            "`NOT_SET_ANYWHERE` is not set",
        ),
        ("admin-token: { file: gone }", "gone"),
        ("allowed-hosts: [\"http://x\"]", "expected a host's name"),
        ("filter-folder: ../x", "below the pipeline file's folder"),
        (
            "filter-folder-limit: 1KiB",
            "1:22: `filter-folder-limit`: expected 1MiB to 1TiB, found the text `1KiB`",
        ),
        (
            "limits: { connections-per-address: 0 }",
            "`connections-per-address`: expected a whole number from 1 to 10000, found `0`",
        ),
        (
            "limits: { connections: 5 }",
            "`connections` is not a key of `limits`",
        ),
        (
            "trusted-proxies: 127.0.0.1",
            "1:18: `trusted-proxies`: expected a list such as `[127.0.0.1]`",
        ),
        (
            "trusted-proxies: [10.0.0.0/33]",
            "expected an address such as `127.0.0.1` or a network such as `10.0.0.0/8`, found \
             `10.0.0.0/33`",
        ),
        (
            "cors: \"*\"",
            "`cors`: expected a list such as `[https://ha.example.org]` or `[\"*\"]`",
        ),
        ("listen: 18081", "found `18081`; did you mean `:18081`?"),
        (
            "embedding: sometimes",
            "1:12: `embedding`: expected `any`, `same-site` or `none`, found the text `sometimes`",
        ),
    ] {
        let folder = Folder::with(&format!("{line}\nstreams: {{ s: }}\n"));
        let output = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(output.status.code(), Some(2), "{line}");
        let log = crate::support::stderr(&output);
        assert!(log.contains(why), "{log}");
    }
}
