//! Secrets stay secret: planted ones are looked for in every answer, event and log line, in every
//! state of failure.

use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::support::camera::{HttpCamera, plain};
use crate::support::hostile::{UNCHANGED, configure, overlay};
use crate::support::http::send;
use crate::support::picture::jpeg;
use crate::support::server::{Server, TOKEN, until};
use crate::support::{Folder, mattebox, stderr, stdout};

/// In every planted secret but the admin token.
const PLANTED: &str = "pl4nted";

/// Addresses that anybody may read, but the streams' pictures.
const ADDRESSES: [&str; 12] = [
    "/",
    "/static/app.js",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/access",
    "/api/openapi.json",
    "/api/pipeline",
    "/api/streams",
    "/api/variables",
    "/api/filters",
    "/nothing",
];

const STREAMS: [&str; 6] = ["refused", "env", "moved", "rtsp", "command", "filtered"];

/// A filter whose error is the settings that it was given.
const ECHO: &str = "(i32.store (i32.const 1024) (i32.const 1))
    (i32.store offset=4 (i32.const 1024) (local.get 0))
    (i32.store offset=8 (i32.const 1024) (local.get 1))
    (i32.const 1024)";

/// A pipeline with secrets everywhere, none of whose cameras gives a picture; `rest` is added to
/// it.
fn pipeline(camera: SocketAddr, rest: &str) -> String {
    format!(
        "admin-token: {{ env: TEST_TOKEN }}
streams:
  refused:
    source: {{ driver: http, url: 'http://{camera}/refuse?pwd=pl4nted-query', user: me, \
         password: pl4nted-in-file }}
  env:
    source: {{ driver: http, url: 'http://{camera}/refuse', user: me, \
         password: {{ env: DOOR_PASSWORD }} }}
  moved:
    source: {{ driver: http, url: 'http://me:pl4nted-login@{camera}/moved?token=pl4nted-param' }}
  rtsp:
    source: {{ driver: rtsp, url: 'rtsp://me:pl4nted%2Frtsp@127.0.0.1:1/x' }}
  command:
    source:
      driver: exec
      command: [sh, -c, 'env > environment; echo \"$@\" >&2; exit 1', x, -u, 'me:pl4nted-command', \
         --token, pl4nted-option,
        'http://me:pl4nted-argument@cam/?auth=pl4nted-auth']
  filtered:
    source: {{ driver: files, path: f.jpg }}
    filters:
      - use: ./fine.wasm
        with: {{ password: pl4nted-setting, url: 'http://me:pl4nted-url@host/', text: shown }}
{rest}"
    )
}

/// A camera that refuses everybody, repeats what it was asked, and sends on to where nothing is.
fn camera() -> HttpCamera {
    HttpCamera::new(|request, socket| {
        let asked = &request.target;
        match request.target.split('?').next() {
            Some("/refuse") => {
                let login = "WWW-Authenticate: Basic realm=\"x\"\r\n";
                plain(socket, "401 Unauthorized", login, b"")
            }
            Some("/moved") => {
                let to = "Location: /repeat?token=pl4nted-param\r\n";
                plain(socket, "302 Found", to, b"")
            }
            _ => {
                let kind = format!("Content-Type: text/plain; asked={asked}\r\n");
                plain(socket, "200 OK", &kind, b"")
            }
        }
    })
}

fn folder(pipeline: &str) -> Folder {
    let folder = Folder::with(pipeline);
    folder.write("f.jpg", jpeg("420.jpg"));
    folder.write("fine.wasm", overlay(UNCHANGED));
    folder.write("echo.wasm", configure(ECHO));
    let ffmpeg = "#!/bin/sh\necho \"$@\" >&2\necho \"$@\" | sed 's,%2F,/,g' >&2\nexit 1\n";
    let path = folder.write("bin/ffmpeg", ffmpeg);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn start(pipeline: &str) -> Server {
    let folder = folder(pipeline);
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    Server::start_with(folder, |command| {
        command.env("PATH", path);
        command.env("DOOR_PASSWORD", "pl4nted-in-env");
        // What no pipeline file names is the commands' own.
        command.env("OTHER", "for commands");
        // The same once more, for another program.
        command.env("DATABASE", "postgres://me:pl4nted-in-env@db/x");
        command.env("DOOR", "pl4nted-in-env");
        command.env(
            "MATTEBOX_LOG",
            "debug,hyper=trace,hyper_util=trace,reqwest=trace,mattebox=trace",
        );
    })
}

/// Fails if a secret is in `text`.
fn holds_none(what: &str, text: &str) {
    for secret in [PLANTED, TOKEN, "correct%20horse", "cGw0bnRlZ"] {
        let found = text.find(secret).map(|at| {
            let start = text[..at]
                .char_indices()
                .rev()
                .nth(60)
                .map_or(0, |(at, _)| at);
            text[start..].chars().take(160).collect::<String>()
        });
        assert_eq!(found, None, "{what}");
    }
}

/// Every answer, to nobody and to the admin.
fn search(server: &Server, pictures: bool) {
    let mut targets: Vec<_> = ADDRESSES.map(str::to_owned).into();
    for stream in STREAMS {
        targets.push(format!("/api/streams/{stream}"));
        targets.push(format!("/api/streams/{stream}/steps"));
        if pictures {
            targets.push(format!("/{stream}.jpg"));
        }
    }
    for target in targets {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        holds_none(&target, &text(server.get(&target).bytes()));
        holds_none(
            &target,
            &text(server.change_by("GET", &target, b"").bytes()),
        );
    }
}

/// Hears all events until the server ends.
fn listen(server: &Server, token: Option<&str>) -> JoinHandle<String> {
    let host = server.address.to_string();
    let token = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("Host", host.as_str())];
    headers.extend(token.as_deref().map(|token| ("Authorization", token)));
    let mut events = send(server.address, "GET", "/api/events", &headers, b"");
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // The server's end may come as an error.
        events.body.read_to_end(&mut text).ok();
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Pipelines that are wrong around a secret: each is added to the good one.
const WRONG: [&str; 20] = [
    "  a: { source: { driver: http, url: x, user: me, password: pl4nted-a } }",
    "  a: { source: { driver: http, url: 'rtp://me:pl4nted-a@cam/' } }",
    "  a: { source: { driver: http, url: 'http://me:pl4nted/a@cam/' } }",
    "  a: { source: 'http://me:pl4nted-a@cam/' }",
    "  a: { source: { driver: 'http://me:pl4nted-a@cam/' } }",
    "  a: { source: { driver: http, password: pl4nted-a } }",
    "  a: { source: { driver: http, url: 'http://cam', user: me, password: [pl4nted-a] } }",
    "  a: { source: { driver: http, url: 'http://cam', user: me, pasword: pl4nted-a } }",
    "  a: { source: { driver: http, url: 'http://cam', user: me, password:pl4nted-a } }",
    "  a:\n    source:\n      driver: http\n      user: me\n      password: pl4nted-a\n      \
     password: pl4nted-b",
    "  a:\n    source:\n      driver: http\n      password: |\n        pl4nted-a\n       pl4nted-b",
    "  a:\n    source:\n      driver: http\n      password: pl4nted-a\n       user: me",
    "  a:\n    source:\n      password: \"pl4nted-a",
    "  a:\n    source: { password: pl4nted-a, user: [ }",
    "  a:\n\tpassword: pl4nted-a",
    "  a: { source: { driver: exec, command: 'curl -u me:pl4nted-a http://x' } }",
    "  a: { source: { driver: exec, command: [curl, --password, pl4nted-a], fps: 0 } }",
    "  a: { filters: [{ use: timestamp, with: { password: pl4nted-a } }] }",
    "  a: { filters: [{ use: ./echo.wasm, with: { text: x, password: pl4nted-a } }] }",
    "admin-token: pl4nted-a",
];

#[test]
fn no_answer_event_or_log_line_holds_a_secret() {
    let camera = camera();
    let good = pipeline(camera.address, "");
    let server = start(&good);
    let heard = [listen(&server, None), listen(&server, Some(TOKEN))];
    let viewers: Vec<_> = STREAMS.iter().map(|name| server.watch(name)).collect();
    for name in STREAMS.iter().filter(|name| **name != "filtered") {
        server.until(name, |report| report["state"] == "failing");
    }
    search(&server, true);
    // Settings are shown without what is secret in them.
    let step = &server.report("filtered")["filters"][0];
    let shown = json!({"password": "***", "url": "http://***@host/", "text": "shown"});
    assert_eq!(step["settings"], shown);

    for wrong in WRONG {
        let failed = |server: &Server| server.get("/api/pipeline").json();
        let before = failed(&server)["failed_reloads"].clone();
        std::fs::write(
            server.folder().join("pipeline.yaml"),
            format!("{good}{wrong}\n"),
        )
        .unwrap();
        until(
            || failed(&server),
            |report| report["failed_reloads"] != before,
        );
        search(&server, false);
    }
    std::fs::write(server.folder().join("pipeline.yaml"), &good).unwrap();
    server.until_get("/api/pipeline", |report| report["error"].is_null());
    check_refusals(&server);
    drop(viewers);
    let seen = std::fs::read_to_string(server.folder().join("environment")).unwrap();
    assert!(seen.contains("OTHER=for commands"), "{seen}");
    for name in ["TEST_TOKEN", "DOOR", "DATABASE", "MATTEBOX_", PLANTED] {
        assert!(!seen.contains(name), "{name}");
    }
    let log = server.log();
    assert!(log.contains("the command says line=-u ***"), "{log}");
    holds_none("the log", &log);
    for heard in heard {
        let events = heard.join().unwrap();
        assert!(events.contains("event: reload"), "{events}");
        holds_none("the events", &events);
    }
}

/// Checks that changes which are refused don't come back with their secrets.
fn check_refusals(server: &Server) {
    let wrong = [
        (
            "PUT",
            "/api/streams/b",
            json!({"source": {"driver": "http", "url": "x", "password": "pl4nted-b"}}),
        ),
        (
            "PUT",
            "/api/streams/b",
            json!({"source": {"driver": "rtsp", "url": "http://me:pl4nted-b@cam"}}),
        ),
        (
            "PUT",
            "/api/streams/b",
            json!({"source": {"driver": "exec", "command": "x --token pl4nted-b"}}),
        ),
        ("PUT", "/api/streams/b", json!({"password": "pl4nted-b"})),
        (
            "POST",
            "/api/streams/env/steps",
            json!({"use": "timestamp", "with": {"token": "pl4nted-b"}}),
        ),
        (
            "POST",
            "/api/streams/env/steps",
            json!({"use": "./echo.wasm", "with": {"token": "pl4nted-b"}}),
        ),
        (
            "PATCH",
            "/api/streams/filtered/steps/1",
            json!({"with": {"password": {"a": "pl4nted-b"}}, "use": "x"}),
        ),
    ];
    for (method, target, body) in wrong {
        let refused = server.change(method, target, &body);
        assert_eq!(refused.status, 422, "{method} {target} {body}");
        holds_none(&body.to_string(), &refused.text());
    }
}

#[test]
fn the_command_line_shows_none() {
    let camera = camera();
    for wrong in WRONG {
        let folder = folder(&format!("{}{wrong}\n", pipeline(camera.address, "")));
        for arguments in [
            ["check", "pipeline.yaml"],
            ["serve", "--listen=127.0.0.1:0"],
        ] {
            let output = folder.run(&arguments);
            assert_eq!(output.status.code(), Some(2), "{wrong}");
            let error = stderr(&output);
            assert!(error.contains("pipeline.yaml:"), "{error}");
            holds_none(wrong, &(error + &stdout(&output)));
        }
    }
    let refused = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let error = stderr(&output);
        assert!(error.contains("***"), "{error}");
        holds_none("the command line", &error);
    };
    for source in [
        "rtsp://me:pl4nted-a@",
        "rtp://me:pl4nted-a@cam/x",
        "http:/me:pl4nted a@:x",
    ] {
        refused(mattebox().args(["--source", source]));
        refused(mattebox().env("MATTEBOX_SOURCE", source));
        refused(mattebox().arg(source));
    }
}

/// Lines below `source:` that a slip of the pen has made of a secret with `hunter`; `~` stands for
/// the indentation.
const MALFORMED: [&str; 34] = [
    "url: http://admin:hun #terhunter@cam/",
    "url: http://admin:hunter #x@cam/",
    "url: http://admin:hunter",
    "url: rtsp://admin:12 #hunter@cam/",
    "url: \"http://admin:\"hunter@cam/\"",
    "url: \"http://admin:hunter\"x@cam/\"",
    "url: 'http://admin:hunter'x@cam/'",
    "url: http://admin: hunter@cam/",
    "url: [http://admin:hunter, x]",
    "url: &x http://admin:hunter",
    "url: \"http://admin:hunter\n~  x\"",
    "url: http:/admin:hunter@cam",
    "user: [hunter]",
    "user: me:hunter@",
    "user: { me: hunter }",
    "password: &hunter",
    "password: &hunter x",
    "password: *hunter",
    "password: !hunter x",
    "password: !tag hunter",
    "password: !<hunter> x",
    "password: [hunter]",
    "password: {hunter}",
    "password: { file: a, hunter: b }",
    "password: { env: A }hunter",
    "password: { hunter: 1, hunter: 2 }",
    "password: |\n~  hunter\n~ hunter",
    "password: >\n~  x\n~hunter",
    "password: \"hunter\"2",
    "password: 'hunter'2'",
    "password: \"\\hunter\"",
    "password: hunter: x",
    "password hunter",
    "pass word: hunter",
];

#[test]
fn no_malformed_spelling_shows_a_part_of_a_secret() {
    let good = "admin-token: { env: TEST_TOKEN }\nstreams:\n  a:\n    source:\n      \
        driver: http\n      nothing: 1\n";
    let flow = [
        "{ password: x,hunter }",
        "{ nothing: 1, password: hun,hunter,2 }",
        "{ token: *hunter, password: hunter]",
    ];
    let block = MALFORMED.map(|line| format!("{good}      {}\n", line.replace('~', "      ")));
    let flow = flow.map(|source| {
        good.replace(
            "\n      driver: http\n      nothing: 1",
            &format!(" {source}"),
        )
    });
    let others = [
        "admin-token: &hunter\n",
        "admin-token: !hunter x\n",
        "admin-token: hunter #hunter\nx: [\n",
    ]
    .map(|line| good.replace("admin-token: { env: TEST_TOKEN }\n", line));
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }\nstreams: { a: }\n",
    ));
    let folder = Folder::new();
    for (number, wrong) in block.iter().chain(&flow).chain(&others).enumerate() {
        // Two errors in a row are never the same.
        let wrong = "\n".repeat(number) + wrong;
        let holds_no_part =
            |what: &str, text: &str| assert!(!text.contains("hun"), "{wrong}\n{what}: {text}");
        folder.write("pipeline.yaml", &wrong);
        for arguments in [
            &["check", "pipeline.yaml"][..],
            &["serve", "--listen=127.0.0.1:0"],
        ] {
            let output = folder.run(arguments);
            assert_eq!(output.status.code(), Some(2), "{wrong}");
            holds_no_part("said", &(stderr(&output) + &stdout(&output)));
        }
        let failed = || server.get("/api/pipeline").json();
        let before = failed()["failed_reloads"].clone();
        std::fs::write(server.folder().join("pipeline.yaml"), &wrong).unwrap();
        until(failed, |report| report["failed_reloads"] != before);
        for target in ["/api/pipeline", "/readyz"] {
            let told = server.change_by("GET", target, b"").bytes();
            holds_no_part(target, &String::from_utf8_lossy(&told));
        }
    }
    holds_no_hunter(&server.log());
}

fn holds_no_hunter(log: &str) {
    assert!(
        log.contains("pipeline.yaml:") && !log.contains("hun"),
        "{log}"
    );
}

#[test]
fn what_is_wrong_takes_the_token_to_see() {
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }\nstreams: { s: }\n",
    ));
    let events = [
        listen(&server, None),
        listen(&server, Some(TOKEN)),
        listen(&server, Some("wrong")),
    ];
    std::fs::write(
        server.folder().join("pipeline.yaml"),
        "streams:\n  s: { visible: 1 }\n",
    )
    .unwrap();
    server.until_get("/api/pipeline", |report| !report["error"].is_null());
    let host = server.address.to_string();
    let ask = |target: &str, token: &str| {
        let token = format!("Bearer {token}");
        let headers = [("Host", host.as_str()), ("Authorization", &token)];
        send(server.address, "GET", target, &headers, b"").text()
    };
    for target in ["/api/pipeline", "/readyz"] {
        for answer in [server.get(target).text(), ask(target, "wrong")] {
            assert!(answer.contains("pipeline.yaml:2:8"), "{answer}");
            assert!(!answer.contains("visible"), "{answer}");
        }
        let answer = ask(target, TOKEN);
        assert!(
            answer.contains("`visible` is not a key of a stream"),
            "{answer}"
        );
    }
    let report: Value = serde_json::from_str(&server.get("/api/pipeline").text()).unwrap();
    let problem = &report["error"]["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(2), &json!(8))
    );
    drop(server);
    let [nobody, admin, wrong] = events.map(|heard| heard.join().unwrap());
    for heard in [nobody, wrong] {
        assert!(heard.contains("pipeline.yaml:2:8"), "{heard}");
        assert!(!heard.contains("visible"), "{heard}");
    }
    assert!(admin.contains("`visible` is not a key"), "{admin}");
}

#[test]
fn what_is_shown_of_a_secret_is_not_taken_for_it() {
    let file = "admin-token: { env: TEST_TOKEN }
streams:
  s:
    filters:
      - use: ./fine.wasm
        with: { password: pl4nted-setting, text: old }
";
    let server = Server::start(folder(file));
    let shown = json!({"with": {"password": "***", "text": "new"}});
    let changed = server.change("PATCH", "/api/streams/s/steps/1", &shown);
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["settings"], shown["with"]);
    let written = std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap();
    assert!(written.contains("password: pl4nted-setting"), "{written}");
    assert!(written.contains("new"), "{written}");
    // A stream or a step as a whole has to come with its secrets.
    let step = json!({"use": "./fine.wasm", "with": shown["with"]});
    let source = json!({"driver": "http", "url": "http://***@127.0.0.1/"});
    for (method, target, body) in [
        ("POST", "/api/streams/s/steps", &step),
        ("PUT", "/api/streams/s", &json!({"filters": [step]})),
        ("PUT", "/api/streams/s", &json!({"source": source})),
    ] {
        let refused = server.change(method, target, body);
        assert_eq!(refused.status, 422, "{body}");
        assert!(refused.text().contains("stands for a secret"), "{body}");
    }
}

#[test]
fn a_redirect_tells_another_server_nothing() {
    let elsewhere = HttpCamera::new(|_, socket| plain(socket, "404 Not Found", "", b""));
    let to = format!(
        "Location: http://me:pl4nted-a@{}/video?token=pl4nted-b&size=2\r\n",
        elsewhere.address
    );
    let camera = HttpCamera::new(move |request, socket| {
        if request.header("authorization").is_none() {
            let login = "WWW-Authenticate: Basic realm=\"x\"\r\n";
            return plain(socket, "401 Unauthorized", login, b"");
        }
        match request.target.split('?').next() {
            Some("/first") => plain(
                socket,
                "307 Temporary Redirect",
                "Location: /second?x=1\r\n",
                b"",
            ),
            _ => plain(socket, "302 Found", &to, b""),
        }
    });
    let address = camera.address;
    let server = Server::start(Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, \
         url: 'http://me:pl4nted-a@{address}/first?token=pl4nted-b' }} }} }}\n"
    )));
    let _viewer = server.watch("s");
    server.until("s", |report| report["state"] == "failing");
    let second = camera
        .requests()
        .into_iter()
        .find(|it| it.target == "/second?x=1")
        .unwrap();
    assert!(second.header("authorization").is_some());
    let told = elsewhere.requests();
    assert_eq!(told[0].target, "/video?size=2");
    for request in camera.requests().iter().chain(&told) {
        assert_eq!(request.header("referer"), None);
    }
    for request in told {
        assert_eq!(request.header("authorization"), None);
        holds_none("the other server", &format!("{request:?}"));
    }
}
