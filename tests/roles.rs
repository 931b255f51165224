//! Users, roles, tokens, sessions, links and proxies: who may do what.

mod attacks;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Folder;
use crate::support::http::{Response, send, send_from};
use crate::support::server::{Server, TOKEN};

/// `user:password` of each, as HTTP Basic has them (RFC 7617).
const VERA: &str = "Basic dmVyYTp2aWV3ZXIgMTIz";
const OTTO: &str = "Basic b3R0bzpvdGhlciAxMjM0";
const OLGA: &str = "Basic b2xnYTpvcGVyYXRvciAx";
const ADA: &str = "Basic YWRhOmFkbWluIDEyMzQ1";
const WRONG: &str = "Basic dmVyYTp3cm9uZyAxMjM0";

const USERS: &str = r#"admin-token: { env: TEST_TOKEN }
users:
  - { name: vera, password: viewer 123 }
  - { name: otto, password: other 1234, streams: [other*] }
  - { name: olga, password: operator 1, role: operator }
  - { name: ada, password: admin 12345, role: admin }
tokens:
  - { name: grafana, token: { file: token } }
trusted-proxies: [127.0.0.9]
auth-headers: { user: Remote-User, role: Remote-Groups, map: { staff: operator } }
streams:
  front: { filters: [{ use: timestamp }] }
  other1: {}
"#;
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
const VIEWERS_TOKEN: &str = "a token of twenty letters";

fn server() -> Server {
    let folder = Folder::with(USERS);
    folder.write("token", VIEWERS_TOKEN);
    Server::start(folder)
}

/// Sends a request with these headers, and a body if it is a change.
fn ask(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
    let body = if method == "GET" { "" } else { "{}" };
    with_body(server, (method, target), headers, body)
}

fn with_body(
    server: &Server,
    (method, target): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let host = server.address.to_string();
    let headers = [&[("Host", host.as_str())], headers].concat();
    send(server.address, method, target, &headers, body.as_bytes())
}

fn login(authorization: &str) -> [(&str, &str); 1] {
    [("Authorization", authorization)]
}

/// What a request takes.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Takes {
    Nothing,
    Viewer,
    Operator,
    Admin,
}
use Takes::{Admin, Nothing, Operator, Viewer};

/// Every route: what it takes, whether that is on the stream `front`, and what somebody gets who
/// may.
const ROUTES: &[(&str, &str, Takes, bool, u16)] = &[
    ("GET", "/", Nothing, false, 200),
    ("GET", "/static/style.css", Nothing, false, 200),
    ("GET", "/favicon.ico", Nothing, false, 200),
    ("GET", "/healthz", Nothing, false, 200),
    ("GET", "/readyz", Operator, false, 200),
    ("GET", "/metrics", Operator, false, 200),
    ("GET", "/front", Viewer, true, 200),
    ("GET", "/front/", Viewer, true, 308),
    ("GET", "/front.jpg", Viewer, true, 200),
    ("HEAD", "/front.mjpeg", Viewer, true, 200),
    ("GET", "/?action=snapshot", Viewer, true, 200),
    ("GET", "/?action=other", Viewer, false, 400),
    ("HEAD", "/stream", Viewer, false, 200),
    ("HEAD", "/video_feed", Viewer, false, 200),
    ("GET", "/snapshot", Viewer, false, 200),
    ("GET", "/nothing.txt", Viewer, true, 404),
    ("GET", "/a/b", Viewer, false, 404),
    ("GET", "/api/access", Nothing, false, 200),
    ("GET", "/api/openapi.json", Viewer, false, 200),
    ("GET", "/api/pipeline", Operator, false, 200),
    ("GET", "/api/pipeline/schema", Viewer, false, 200),
    ("GET", "/api/pipeline/versions", Operator, false, 200),
    ("GET", "/api/pipeline/versions/x", Admin, false, 404),
    (
        "POST",
        "/api/pipeline/versions/x/restore",
        Admin,
        false,
        404,
    ),
    ("GET", "/api/streams", Viewer, false, 200),
    ("GET", "/api/streams/front", Viewer, true, 200),
    ("PUT", "/api/streams/front", Admin, true, 200),
    ("PATCH", "/api/streams/front", Operator, true, 200),
    ("GET", "/api/streams/front/config", Admin, true, 200),
    ("POST", "/api/streams/front/restart", Operator, true, 204),
    ("POST", "/api/streams/front/links", Operator, true, 400),
    ("GET", "/api/streams/front/regions", Viewer, true, 200),
    ("GET", "/api/streams/front/steps", Operator, true, 200),
    ("POST", "/api/streams/front/steps", Admin, true, 422),
    ("GET", "/api/streams/front/steps/99", Operator, true, 404),
    ("PATCH", "/api/streams/front/steps/99", Operator, true, 404),
    ("DELETE", "/api/streams/front/steps/99", Admin, true, 404),
    (
        "GET",
        "/api/streams/front/steps/99/picture",
        Operator,
        true,
        404,
    ),
    ("DELETE", "/api/links", Admin, false, 204),
    ("HEAD", "/api/events", Viewer, false, 200),
    ("GET", "/api/events/x", Viewer, false, 404),
    ("GET", "/api/events/x/picture", Viewer, false, 404),
    ("DELETE", "/api/events/x", Admin, false, 404),
    ("GET", "/api/actions", Operator, false, 200),
    ("GET", "/api/variables", Operator, false, 200),
    ("GET", "/api/variables/x", Operator, false, 404),
    ("PUT", "/api/variables/x", Operator, false, 400),
    ("DELETE", "/api/variables/x", Operator, false, 404),
    ("GET", "/api/filters", Operator, false, 200),
    ("PUT", "/api/filters/x.wasm", Admin, false, 409),
    ("GET", "/api/wall", Viewer, false, 426),
    ("HEAD", "/api/wall/stream", Viewer, false, 200),
    ("GET", "/api/wall/stream/x?message={}", Viewer, false, 404),
    ("GET", "/api/viewers", Admin, false, 200),
    ("DELETE", "/api/viewers/99", Admin, false, 404),
    ("GET", "/api/users", Admin, false, 200),
    ("PUT", "/api/users/otto", Admin, false, 204),
    ("DELETE", "/api/users/nobody", Admin, false, 404),
    ("GET", "/api/audit", Admin, false, 200),
    ("GET", "/api/nothing", Viewer, false, 404),
    ("POST", "/api/nothing", Admin, false, 404),
    // Nobody is logged in by a session there, and the body says nothing.
    ("POST", "/api/session", Nothing, false, 400),
    ("DELETE", "/api/session", Nothing, false, 204),
    // Last, since it can't be undone.
    ("DELETE", "/api/streams/front", Admin, true, 204),
];

/// Somebody, the role that they have, and whether they see `front`.
struct Somebody<'a> {
    name: &'a str,
    headers: Vec<(&'a str, String)>,
    role: Takes,
    sees_front: bool,
}

impl<'a> Somebody<'a> {
    fn new(name: &'a str, headers: &[(&'a str, &str)], role: Takes) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            name,
            headers: headers.collect(),
            role,
            sees_front: true,
        }
    }

    fn ask(&self, server: &Server, method: &str, target: &str) -> u16 {
        let mut headers: Vec<_> = self.headers.iter().map(|(a, b)| (*a, b.as_str())).collect();
        headers.push(("X-Requested-With", "test"));
        ask(server, method, target, &headers).status
    }
}

#[test]
fn every_route_as_everybody() {
    let server = server();
    let (cookie, _) = log_in(&server, json!({"user": "vera", "password": "viewer 123"}));
    let ended = [("Cookie", cookie.as_str()), ("X-Requested-With", "test")];
    assert_eq!(ask(&server, "DELETE", "/api/session", &ended).status, 204);
    let fresh = log_in(&server, json!({"user": "olga", "password": "operator 1"})).0;
    let bearer = format!("Bearer {TOKEN}");
    let everybody = [
        Somebody::new("nobody", &[], Nothing),
        Somebody::new("ended session", &[("Cookie", &cookie)], Nothing),
        Somebody::new(
            "no proxy",
            &[("Remote-User", "ada"), ("Remote-Groups", "staff")],
            Nothing,
        ),
        Somebody {
            sees_front: false,
            ..Somebody::new("viewer of another stream", &login(OTTO), Viewer)
        },
        Somebody::new("viewer", &login(VERA), Viewer),
        Somebody::new("operator", &login(OLGA), Operator),
        Somebody::new("operator by a session", &[("Cookie", &fresh)], Operator),
        Somebody::new("admin", &login(ADA), Admin),
        Somebody::new("admin token", &[("Authorization", &bearer)], Admin),
    ];
    for (method, target, takes, is_of_front, usual) in ROUTES {
        for who in &everybody {
            let sees = who.sees_front || !is_of_front;
            let expected = match () {
                () if *takes == Nothing || who.role >= *takes && sees => *usual,
                () if who.role == Nothing => 401,
                () => 403,
            };
            // What was removed, or changed by the one before, is put back.
            if who.role == Admin && *method == "DELETE" && *target == "/api/streams/front" {
                let front = json!({"filters": [{"use": "timestamp"}]});
                server.change("PUT", "/api/streams/front", &front);
            }
            // The one who has logged out shows no session any more.
            if who.name.ends_with("session") && *target == "/api/session" {
                continue;
            }
            let status = who.ask(&server, method, target);
            assert_eq!(status, expected, "{method} {target} as {}", who.name);
        }
    }
}

#[test]
fn a_link_that_is_of_no_use_opens_no_route() {
    let server = server();
    let short = link(&server, "stream", "1s");
    let until = Instant::now() + Duration::from_secs(30);
    while ask(&server, "HEAD", &short, &[]).status == 200 {
        assert!(Instant::now() < until, "the link does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    let expired = short.split_once('?').unwrap().1;
    let wrong = "expires=9999999999&signature=AAAA";
    for (method, target, takes, _, usual) in ROUTES {
        for query in [expired, wrong] {
            let joint = if target.contains('?') { '&' } else { '?' };
            let address = format!("{target}{joint}{query}");
            let path = target.split('?').next().unwrap();
            let is_snapshot = path.ends_with(".jpg") || target.ends_with("snapshot");
            let is_stream = path.ends_with(".mjpeg") || ["/stream", "/video_feed"].contains(&path);
            let expected = match () {
                () if *takes == Nothing => *usual,
                // A link is looked at where there are pictures, and refused for what it is.
                () if is_snapshot || is_stream => 403,
                () => 401,
            };
            let headers = [("X-Requested-With", "test")];
            let status = ask(&server, method, &address, &headers).status;
            assert_eq!(status, expected, "{method} {address}");
        }
    }
}

#[test]
fn pages_from_elsewhere_change_nothing_whoever_is_logged_in() {
    let server = server();
    let (cookie, _) = log_in(&server, json!({"user": "ada", "password": "admin 12345"}));
    let foreign = ("Origin", "http://evil.example");
    for proof in [("Authorization", ADA), ("Cookie", cookie.as_str())] {
        for (method, target, takes, _, _) in ROUTES {
            if matches!(*method, "GET" | "HEAD") || *takes == Nothing {
                continue;
            }
            let headers = [proof, foreign];
            let status = ask(&server, method, target, &headers).status;
            assert_eq!(status, 403, "{method} {target}");
        }
        // A WebSocket, which browsers let all pages open.
        let upgrade = [
            proof,
            foreign,
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
        ];
        assert_eq!(ask(&server, "GET", "/api/wall", &upgrade).status, 403);
    }
    // A session's cookie, which browsers send by themselves, is not enough for a change.
    let restart = "/api/streams/front/restart";
    let bare = [("Cookie", cookie.as_str())];
    assert_eq!(ask(&server, "POST", restart, &bare).status, 403);
    let scripted = [bare[0], ("X-Requested-With", "fetch")];
    assert_eq!(ask(&server, "POST", restart, &scripted).status, 204);
}

/// Over plain HTTP a browser doesn't tell that a script asks.
#[test]
fn no_browser_asks_for_a_login_in_the_middle_of_the_page() {
    let server = server();
    let challenge = |headers: &[(&str, &str)]| {
        let response = ask(&server, "GET", "/api/wall/stream", headers);
        assert_eq!(response.status, 401);
        response.header("www-authenticate").unwrap().to_owned()
    };
    let basic = "Basic realm=\"Mattebox\", charset=\"UTF-8\"";
    assert_eq!(challenge(&[]), basic);
    assert_eq!(challenge(&[("Sec-Fetch-Dest", "document")]), basic);
    for scripted in [
        ("Sec-Fetch-Dest", "empty"),
        ("X-Requested-With", "mattebox"),
        ("Upgrade", "websocket"),
    ] {
        assert_eq!(challenge(&[scripted]), "Bearer", "{scripted:?}");
    }
}

/// Logs in; gives the cookie, and what the answer says.
fn log_in(server: &Server, by: Value) -> (String, Value) {
    let headers = [("X-Requested-With", "test")];
    let response = with_body(server, ("POST", "/api/session"), &headers, &by.to_string());
    assert_eq!(response.status, 200);
    let cookie = response.header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    (pair, response.json())
}

fn access(server: &Server, headers: &[(&str, &str)]) -> Value {
    ask(server, "GET", "/api/access", headers).json()
}

#[test]
fn a_session_is_somebody_until_it_ends() {
    let server = server();
    let (cookie, report) = log_in(&server, json!({"user": "olga", "password": "operator 1"}));
    assert_eq!(
        (&report["user"], &report["role"]),
        (&json!("olga"), &json!("operator"))
    );
    let session = [("Cookie", cookie.as_str()), ("X-Requested-With", "test")];
    let (user, proof) = (json!("olga"), json!("session"));
    let now = access(&server, &session);
    assert_eq!((&now["user"], &now["proof"]), (&user, &proof));
    // A second login ends the first session: the cookie is another.
    let by = json!({"token": TOKEN}).to_string();
    let again = with_body(&server, ("POST", "/api/session"), &session, &by);
    let second = again
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_ne!(second, cookie);
    assert_eq!(access(&server, &session)["proof"], "anonymous");
    let second = [("Cookie", second.as_str()), ("X-Requested-With", "test")];
    assert_eq!(access(&server, &second)["role"], "admin");
    assert_eq!(ask(&server, "DELETE", "/api/session", &second).status, 204);
    assert_eq!(access(&server, &second)["proof"], "anonymous");
    // Without the header that a form of another page can't send.
    let by = json!({"user": "olga", "password": "operator 1"}).to_string();
    let response = with_body(&server, ("POST", "/api/session"), &[], &by);
    assert_eq!(response.status, 403);
    for wrong in [
        json!({"user": "olga", "password": "viewer 123"}),
        json!({"user": "nobody", "password": "operator 1"}),
        json!({"token": "wrong"}),
    ] {
        let headers = [("X-Requested-With", "test")];
        let response = with_body(
            &server,
            ("POST", "/api/session"),
            &headers,
            &wrong.to_string(),
        );
        assert_eq!(response.status, 401, "{wrong}");
        assert_eq!(response.header("set-cookie"), None);
    }
}

#[test]
fn sessions_and_links_outlast_the_server_and_what_is_kept_logs_nobody_in() {
    let folder = Folder::with(USERS);
    folder.write("token", VIEWERS_TOKEN);
    let state = tempfile::tempdir().unwrap();
    let with_state = |command: &mut std::process::Command| {
        command
            .arg("--config")
            .arg(folder.path().join("pipeline.yaml"));
        command.arg("--state").arg(state.path());
    };
    let start = || Server::start_with(Folder::with(""), with_state);
    let server = start();
    let (cookie, _) = log_in(&server, json!({"user": "vera", "password": "viewer 123"}));
    let link = link(&server, "snapshot", "1h");
    until_kept(state.path(), "sessions.json");
    server.log();
    let kept = std::fs::read_dir(state.path()).unwrap().flatten();
    let kept = kept
        .map(|it| it.path().join("sessions.json"))
        .find(|it| it.exists())
        .unwrap();
    let text = std::fs::read_to_string(kept).unwrap();
    let secret = cookie.split('=').nth(1).unwrap();
    assert!(text.contains("vera") && !text.contains(secret), "{text}");
    let server = start();
    let session = [("Cookie", cookie.as_str())];
    assert_eq!(access(&server, &session)["user"], "vera");
    assert_eq!(ask(&server, "GET", &link, &[]).status, 200);
}

fn until_kept(state: &std::path::Path, name: &str) {
    let give_up = Instant::now() + Duration::from_secs(30);
    let is_there = || {
        let folders = std::fs::read_dir(state).unwrap().flatten();
        folders.map(|it| it.path().join(name)).any(|it| it.exists())
    };
    while !is_there() {
        assert!(Instant::now() < give_up, "{name} is not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A link to `front`, as an operator makes it.
fn link(server: &Server, kind: &str, time: &str) -> String {
    let body = json!({"for": time, "kind": kind}).to_string();
    let target = ("POST", "/api/v1/streams/front/links");
    let response = with_body(server, target, &login(OLGA), &body);
    assert_eq!(response.status, 201);
    let url = response.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix("../../../..").unwrap().to_owned()
}

#[test]
fn a_link_shows_one_streams_pictures_until_it_ends() {
    let server = server();
    let snapshot = link(&server, "snapshot", "1h");
    let stream = link(&server, "stream", "30d");
    assert!(snapshot.starts_with("/front.jpg?expires="), "{snapshot}");
    assert_eq!(ask(&server, "GET", &snapshot, &[]).status, 200);
    assert_eq!(ask(&server, "HEAD", &stream, &[]).status, 200);
    // For the other kind, another stream, a longer time, and anything else.
    let query = snapshot.split_once('?').unwrap().1;
    let later = query.replacen("expires=1", "expires=2", 1);
    for target in [
        format!("/front.mjpeg?{query}"),
        format!("/other1.jpg?{query}"),
        format!("/front.jpg?{later}"),
        format!("/front.jpg?{}", query.replace("signature=", "signature=A")),
        "/front.jpg?signature=A".to_owned(),
    ] {
        assert_eq!(ask(&server, "GET", &target, &[]).status, 403, "{target}");
    }
    for target in [
        "/front",
        "/api/streams/front",
        "/metrics",
        "/api/wall/stream",
    ] {
        let target = format!("{target}?{query}");
        assert_eq!(ask(&server, "GET", &target, &[]).status, 401, "{target}");
    }
    for wrong in ["", "0s", "-1h", "400d", "soon"] {
        let body = json!({"for": wrong}).to_string();
        let target = ("POST", "/api/streams/front/links");
        let response = with_body(&server, target, &login(OLGA), &body);
        assert_eq!(response.status, 400, "{wrong}");
    }
    // One who watches by a link is cut off when it ends.
    let short = link(&server, "stream", "2s");
    let watched = ask(&server, "GET", &short, &[]);
    assert_eq!(watched.status, 200);
    assert!(watched.bytes().len() > 1000);
    assert_eq!(ask(&server, "GET", &short, &[]).status, 403);
    // And when all are revoked.
    let watched = ask(&server, "GET", &stream, &[]);
    assert_eq!(
        ask(&server, "DELETE", "/api/links", &login(ADA)).status,
        204
    );
    assert!(watched.bytes().ends_with(b"--mattebox-frame--\r\n"));
    assert_eq!(ask(&server, "GET", &snapshot, &[]).status, 403);
}

#[test]
fn a_proxys_word_counts_if_it_is_a_trusted_one() {
    let server = server();
    let ask = |from: IpAddr, headers: &[(&str, &str)]| {
        let host = server.address.to_string();
        let headers = [&[("Host", host.as_str())], headers].concat();
        let target = "/api/access";
        send_from(from, server.address, "GET", target, &headers, b"").json()
    };
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let user = |name| [("Remote-User", name)];
    // One of the file's users has the role that stands there.
    let known = ask(PROXY, &user("ada"));
    assert_eq!(
        (&known["user"], &known["role"]),
        (&json!("ada"), &json!("admin"))
    );
    assert_eq!(known["proof"], "proxy");
    assert_eq!(ask(here, &user("ada"))["proof"], "anonymous");
    // Another that of the group.
    let staff = [("Remote-User", "tim"), ("Remote-Groups", "guests, staff")];
    assert_eq!(ask(PROXY, &staff)["role"], "operator");
    let guest = [("Remote-User", "tim"), ("Remote-Groups", "guests")];
    assert_eq!(ask(PROXY, &guest)["proof"], "anonymous");
    // Of two headers, one could be the client's own.
    let two = [("Remote-User", "ada"), ("Remote-User", "tim")];
    assert_eq!(ask(PROXY, &two)["proof"], "anonymous");
}

#[test]
fn a_secret_tells_the_proxy_from_others_of_its_machine() {
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }
trusted-proxies: [127.0.0.1]
auth-headers: { user: X-User, role: X-Groups, secret: { env: TEST_TOKEN } }
streams: { s: }
",
    ));
    let user = [("X-User", "tim"), ("X-Groups", "admin")];
    assert_eq!(access(&server, &user)["role"], Value::Null);
    let wrong = [user[0], user[1], ("X-Proxy-Secret", "wrong")];
    assert_eq!(access(&server, &wrong)["role"], Value::Null);
    let right = [user[0], user[1], ("X-Proxy-Secret", TOKEN)];
    assert_eq!(access(&server, &right)["role"], "admin");
}

#[test]
fn a_viewer_sees_the_own_streams_and_no_settings() {
    let server = server();
    let streams = ask(&server, "GET", "/api/streams", &login(OTTO)).json();
    let streams = streams["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 1);
    assert_eq!(streams[0]["name"], "other1");
    let missing = ask(&server, "GET", "/a/b", &login(OTTO)).text();
    assert!(
        missing.contains("other1") && !missing.contains("front"),
        "{missing}"
    );
    let front = ask(&server, "GET", "/api/streams/front", &login(VERA)).json();
    assert_eq!(front["filters"], json!([]));
    let front = ask(&server, "GET", "/api/streams/front", &login(OLGA)).json();
    assert_eq!(front["filters"][0]["use"], "timestamp");
    // The first stream is the first that one sees.
    let first = ask(&server, "GET", "/snapshot", &login(OTTO));
    let name = first.header("content-disposition").unwrap();
    assert!(name.contains("other1"), "{name}");
}

#[test]
fn a_token_of_a_viewer_reads_metrics_and_no_user_does() {
    let server = server();
    let token = [("X-Mattebox-Token", VIEWERS_TOKEN)];
    assert_eq!(ask(&server, "GET", "/metrics", &token).status, 200);
    assert_eq!(ask(&server, "GET", "/api/streams", &token).status, 200);
    assert_eq!(ask(&server, "GET", "/api/variables", &token).status, 403);
    assert_eq!(ask(&server, "GET", "/metrics", &login(VERA)).status, 403);
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }\nanonymous: none\nmetrics-from: [127.0.0.0/8]\n\
         streams: { s: }\n",
    ));
    assert_eq!(server.get("/metrics").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get("/s.jpg").status, 401);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn an_operator_switches_and_changes_nothing_else() {
    let server = server();
    let front = ask(&server, "GET", "/api/streams/front/steps", &login(OLGA)).json();
    let step = format!("/api/streams/front/steps/{}", front["steps"][0]["id"]);
    let patch = |target: &str, body: Value| {
        with_body(&server, ("PATCH", target), &login(OLGA), &body.to_string())
    };
    assert_eq!(patch(&step, json!({"enabled": false})).status, 200);
    for body in [
        json!({"with": {"format": "%H"}}),
        json!({"enabled": true, "use": "text"}),
        json!({"on-error": "drop"}),
    ] {
        assert_eq!(patch(&step, body.clone()).status, 403, "{body}");
    }
    assert_eq!(
        patch("/api/streams/front", json!({"title": "Mine"})).status,
        403
    );
    let variable = ("PUT", "/api/variables/owner");
    let set = with_body(&server, variable, &login(OLGA), r#"{"text": "away"}"#);
    assert_eq!(set.status, 204);
    // When a mask covers, but not where.
    let mask = |area: &str, when: &str| {
        let masks = json!([{"name": "a", "area": area, "when": when}]);
        json!({"source": {"driver": "demo", "masks": masks}})
    };
    let area = "0,0,0.5,0,0.5,0.5";
    let put = mask(area, "owner = here").to_string();
    let made = with_body(&server, ("PATCH", "/api/streams/front"), &login(ADA), &put);
    assert_eq!(made.status, 200);
    let switched = patch("/api/streams/front", mask(area, "owner = away"));
    assert_eq!(switched.status, 200);
    let moved = mask("0,0,0.1,0,0.1,0.1", "owner = away");
    assert_eq!(patch("/api/streams/front", moved).status, 403);
}

#[test]
fn commands_come_by_the_file_unless_it_says_otherwise() {
    let exec = json!({"source": {"driver": "exec", "command": ["true"]}});
    for (line, status) in [("", 403), ("allow-commands-by-api: true\n", 201)] {
        let text = format!("{line}admin-token: {{ env: TEST_TOKEN }}\nstreams: {{ s: }}\n");
        let server = Server::start(Folder::with(&text));
        let made = server.change("PUT", "/api/streams/command", &exec);
        assert_eq!(made.status, status);
    }
}

#[test]
fn an_admin_manages_users_in_the_file_and_nobody_locks_everybody_out_or_in() {
    let server = server();
    let put = |name: &str, body: Value| {
        let target = format!("/api/users/{name}");
        with_body(&server, ("PUT", &target), &login(ADA), &body.to_string()).status
    };
    let file = || std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    let new = json!({"password": "a new password", "role": "operator", "streams": ["front"]});
    assert_eq!(put("nina", new), 201);
    assert!(
        file().contains("nina") && file().contains("$argon2id$"),
        "{}",
        file()
    );
    assert!(!file().contains("a new password"));
    let nina = [("Authorization", "Basic bmluYTphIG5ldyBwYXNzd29yZA==")];
    assert_eq!(access(&server, &nina)["role"], "operator");
    assert_eq!(put("nina", json!({"role": "viewer"})), 204);
    assert_eq!(access(&server, &nina)["role"], "viewer");
    for wrong in [
        json!({"password": "short"}),
        json!({"role": "king"}),
        json!({"name": "x"}),
    ] {
        assert_eq!(put("nina", wrong.clone()), 400, "{wrong}");
    }
    assert_eq!(put("nina", json!({"streams": ["gone"]})), 422);
    assert_eq!(put("a:b", json!({"password": "a new password"})), 422);
    assert_eq!(
        ask(&server, "DELETE", "/api/users/nina", &login(ADA)).status,
        204
    );
    assert_eq!(ask(&server, "GET", "/api/access", &nina).status, 401);
    let users = ask(&server, "GET", "/api/users", &login(ADA)).json();
    let names: Vec<_> = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["vera", "otto", "olga", "ada"]);
}

#[test]
fn the_own_password_is_changed_by_who_knows_it() {
    let server = server();
    let (cookie, _) = log_in(&server, json!({"user": "vera", "password": "viewer 123"}));
    let (other, _) = log_in(&server, json!({"user": "vera", "password": "viewer 123"}));
    let session = [("Cookie", cookie.as_str()), ("X-Requested-With", "test")];
    let change = |old: &str, new: &str| {
        let body = json!({"old": old, "new": new}).to_string();
        with_body(&server, ("PUT", "/api/session/password"), &session, &body).status
    };
    assert_eq!(change("wrong", "another password"), 401);
    assert_eq!(change("viewer 123", "short"), 400);
    assert_eq!(change("viewer 123", "another password"), 204);
    // This session goes on, others have ended, and so has the old password.
    assert_eq!(access(&server, &session)["user"], "vera");
    assert_eq!(
        access(&server, &[("Cookie", other.as_str())])["user"],
        Value::Null
    );
    assert_eq!(ask(&server, "GET", "/api/access", &login(VERA)).status, 401);
    let by = json!({"user": "vera", "password": "another password"});
    assert_eq!(log_in(&server, by).1["role"], "viewer");
}

#[test]
fn whoever_loses_the_right_to_watch_is_cut_off() {
    let server = server();
    let watched = ask(&server, "GET", "/front.mjpeg", &login(VERA));
    let events = ask(&server, "GET", "/api/events", &login(VERA));
    assert_eq!(
        ask(&server, "DELETE", "/api/users/vera", &login(ADA)).status,
        204
    );
    assert!(watched.bytes().ends_with(b"--mattebox-frame--\r\n"));
    events.bytes();
    assert_eq!(ask(&server, "GET", "/front.jpg", &login(VERA)).status, 401);
}

#[test]
fn an_admin_sees_who_watches_and_ends_one() {
    let server = server();
    let watched = ask(&server, "GET", "/front.mjpeg", &login(VERA));
    let list = || ask(&server, "GET", "/api/viewers", &login(ADA)).json();
    let viewers = list();
    let viewer = &viewers["viewers"][0];
    assert_eq!(viewer["user"], "vera");
    assert_eq!(viewer["stream"], "front");
    assert_eq!(
        (&viewer["address"], &viewer["by"]),
        (&json!("127.0.0.1"), &json!("mjpeg"))
    );
    let target = format!("/api/viewers/{}", viewer["id"]);
    assert_eq!(ask(&server, "DELETE", &target, &login(ADA)).status, 204);
    assert!(watched.bytes().ends_with(b"--mattebox-frame--\r\n"));
    assert_eq!(ask(&server, "DELETE", &target, &login(ADA)).status, 404);
    let audit = ask(&server, "GET", "/api/audit", &login(ADA)).json();
    let ended = &audit["entries"][0];
    assert_eq!(
        (&ended["action"], &ended["user"]),
        (&json!("viewer-ended"), &json!("ada"))
    );
    assert_eq!(ended["detail"], "vera at 127.0.0.1");
}

#[test]
fn logins_and_changes_are_told_and_passwords_are_not() {
    let server = server();
    let ada = login(ADA);
    let events = ask(&server, "GET", "/api/events?kind=audit", &ada);
    let viewers = ask(&server, "GET", "/api/events?kind=audit", &login(VERA));
    log_in(&server, json!({"user": "olga", "password": "operator 1"}));
    assert_eq!(
        ask(&server, "GET", "/api/access", &login(WRONG)).status,
        401
    );
    assert_eq!(
        ask(&server, "POST", "/api/streams/front/restart", &ada).status,
        204
    );
    let audit = ask(&server, "GET", "/api/audit", &ada).json();
    let entries = audit["entries"].as_array().unwrap();
    let change = (&entries[0]["stream"], &entries[0]["proof"]);
    assert_eq!(change, (&json!("front"), &json!("password")));
    let told: Vec<_> = entries
        .iter()
        .map(|it| (&it["action"], &it["user"]))
        .collect();
    let expected = [
        (&json!("change"), &json!("ada")),
        (&json!("login-failed"), &json!("vera")),
        (&json!("login"), &json!("olga")),
    ];
    assert_eq!(told, expected);
    assert_eq!(ask(&server, "DELETE", "/api/users/vera", &ada).status, 204);
    assert!(!viewers.text().contains("event: audit"));
    drop(events);
    let log = server.log();
    assert!(
        log.contains("access action=\"login\" user=\"olga\" peer=\"127.0.0.1\""),
        "{log}"
    );
    assert!(
        log.contains("wrong password peer=127.0.0.1 user=\"vera\""),
        "{log}"
    );
    for secret in ["operator 1", "viewer 123", "wrong 1234", "admin 12345"] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.contains("the password is kept as it is"), "{log}");
}

#[test]
fn those_who_guess_wait_and_hold_up_nobody() {
    let server = server();
    // Once right, a password is right without being computed again.
    assert_eq!(
        ask(&server, "GET", "/api/streams", &login(VERA)).status,
        200
    );
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(ask(&server, "GET", "/api/streams", &login(WRONG)).status);
    }
    assert_eq!(statuses[..5], [401; 5]);
    assert!(
        statuses[6..].iter().all(|status| *status == 429),
        "{statuses:?}"
    );
    assert_eq!(
        ask(&server, "GET", "/api/streams", &login(VERA)).status,
        200
    );
}

#[test]
fn clients_that_know_only_basic_are_asked_for_it_and_scripts_of_the_page_are_not() {
    let server = server();
    let challenge = |headers: &[(&str, &str)]| {
        let response = ask(&server, "GET", "/front.mjpeg", headers);
        assert_eq!(response.status, 401);
        response.header("www-authenticate").unwrap().to_owned()
    };
    assert!(challenge(&[]).starts_with("Basic realm="));
    assert!(challenge(&[("Sec-Fetch-Dest", "document")]).starts_with("Basic realm="));
    assert_eq!(challenge(&[("Sec-Fetch-Dest", "image")]), "Bearer");
}

#[test]
fn what_is_wrong_with_users_is_told_with_its_place() {
    for (text, why) in [
        (
            "users: [{ name: a, password: x }, { name: a, password: y }]",
            "another user is called `a`, too",
        ),
        ("users: [{ name: a }]", "the user `a` needs a `password`"),
        (
            "users: [{ name: 'a:b', password: x }]",
            "1:17: `name`: `a:b` can't be a name here",
        ),
        (
            "users: [{ name: a, password: x, streams: [fron] }]",
            "no stream is called `fron`; did you mean `front`?",
        ),
        (
            "users: [{ name: a, password: x, role: king }]",
            "`role`: expected `viewer`, `operator` or `admin`",
        ),
        (
            "users: [{ name: a, password: '$argon2id$v=19$m=1' }]",
            "1:30: `password`: the hash is wrong",
        ),
        (
            "tokens: [{ name: a, token: abc }]",
            "`token`: expected `{env: NAME}`, `{file: PATH}` or `{credential: NAME}`",
        ),
        ("tokens: [{ name: a, token: { file: gone } }]", "gone"),
        (
            "auth-headers: { user: Remote-User }",
            "`auth-headers` are believed of `trusted-proxies` only",
        ),
        (
            "anonymous: admin",
            "`anonymous`: expected `viewer` or `none`",
        ),
        (
            "admin-token: { credential: token }",
            "the credential `token` is not there",
        ),
    ] {
        let folder = Folder::with(&format!("{text}\nstreams: {{ front: }}\n"));
        let checked = folder.run(&["check"]);
        let told = crate::support::stderr(&checked);
        assert_eq!(checked.status.code(), Some(2), "{text}: {told}");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_password_is_hashed_by_a_command_for_the_file() {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = crate::support::mattebox()
        .args(["passwd", "vera"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"viewer 123\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let entry = String::from_utf8(output.stdout).unwrap();
    assert!(
        entry.starts_with("- { name: \"vera\", role: viewer, password: \"$argon2id$"),
        "{entry}"
    );
    let folder = Folder::with(&format!("users:\n  {entry}streams: {{ s: }}\n"));
    let checked = folder.run(&["check"]);
    assert!(checked.status.success());
    assert!(!crate::support::stderr(&checked).contains("kept as it is"));
    let server = Server::start_unprepared(folder, |_| {});
    assert_eq!(access(&server, &login(VERA))["user"], "vera");
}

#[test]
fn systemds_credentials_are_read_from_its_folder() {
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("token"), TOKEN).unwrap();
    let folder = Folder::with("admin-token: { credential: token }\nstreams: { s: }\n");
    let server = Server::start_with(folder, |command| {
        command.env("CREDENTIALS_DIRECTORY", credentials.path());
    });
    assert_eq!(
        server
            .change("POST", "/api/streams/s/restart", &json!({}))
            .status,
        204
    );
}

#[test]
fn a_server_that_others_reach_says_so_if_everybody_may_watch() {
    const WARNING: &str = "everybody who reaches this server sees its streams";
    for (line, listen, is_warned) in [
        ("", "127.0.0.1:0", false),
        ("", "0.0.0.0:0", true),
        ("anonymous: viewer\n", "0.0.0.0:0", false),
    ] {
        let folder = Folder::with(&format!("{line}streams: {{ s: }}\n"));
        let server = Server::start_unprepared(folder, |command| {
            command.args(["--listen", listen]);
        });
        assert_eq!(server.log().contains(WARNING), is_warned, "{line} {listen}");
    }
}
