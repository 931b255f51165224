//! The pipeline is changed by the API while people watch.

use std::io::{BufRead, Write};
use std::thread;

use serde_json::{Value, json};

use crate::support::http::send;
use crate::support::picture::{decode, is_near, mean, png};
use crate::support::server::{Server, TOKEN};
use crate::support::{Folder, mattebox, repository, stdout};

const FILE: &str = "# The cameras of the house.
admin-token: { env: TEST_TOKEN }   # who may change it
filter-folder: uploaded
streams:
  front:      # the door
    source: { driver: demo }
    filters:
      # the time, for the police
      - use: timestamp      # built-in
        with: { format: \"%H:%M\" }
      # our logo
      - use: watermark
        with:
          image: logo.png   # in the corner
          margin: 0
          position: top-left
          opacity: 1.0
  # the other one
  back: { source: { stream: front } }
";

fn server() -> Server {
    let folder = Folder::with(FILE);
    folder.write("logo.png", png(64, 64, [255, 0, 0, 255]));
    Server::start(folder)
}

fn file(server: &Server) -> String {
    std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap()
}

/// The address of a step of `front`.
fn step(server: &Server, at: usize) -> String {
    let id = &server.report("front")["filters"][at]["id"];
    format!("/api/streams/front/steps/{id}")
}

fn done(response: crate::support::http::Response, status: u16) -> Value {
    let got = response.status;
    let body = response.bytes();
    assert_eq!(got, status, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap_or_default()
}

#[test]
fn a_slider_moves() {
    let server = server();
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    let logo = step(&server, 1);
    for opacity in [0.5, 0.25, 1.0] {
        let patch = json!({"with": {"opacity": opacity}});
        let report = done(server.change("PATCH", &logo, &patch), 200);
        assert_eq!(report["settings"]["opacity"], opacity);
    }
    let red = (0..100).any(|_| {
        let picture = decode(&viewer.next().unwrap().jpeg);
        is_near(mean(&picture, 16, 16, 16, 16), [255.0, 0.0, 0.0])
    });
    assert!(red);
    assert_eq!(file(&server), FILE);
}

#[test]
fn what_is_written_back_keeps_the_rest() {
    let server = server();
    let (time, logo) = (step(&server, 0), step(&server, 1));
    let change = |method, target: &str, body| server.change(method, target, &body);
    // Switched off, with another setting, and one that is not there goes without a word.
    done(
        change(
            "PATCH",
            &logo,
            json!({"enabled": false, "with": {"opacity": 0.5, "margin": null}, "assets": null}),
        ),
        200,
    );
    // Moved before the time.
    done(change("PATCH", &logo, json!({"position": 0})), 200);
    let added = done(
        change(
            "POST",
            "/api/streams/front/steps?position=1",
            json!({"use": "text", "with": {"format": "Nozzle {nozzle}"}}),
        ),
        201,
    );
    assert_eq!(added["use"], "text");
    done(
        change(
            "PUT",
            "/api/streams/yard",
            json!({"source": {"driver": "demo"}, "quality": 70}),
        ),
        201,
    );
    done(change("DELETE", "/api/streams/back", Value::Null), 204);
    done(change("DELETE", &time, Value::Null), 204);
    let text = file(&server);
    assert!(text.starts_with(WRITTEN_BACK), "{text}");
    let checked = mattebox()
        .current_dir(server.folder())
        .args(["check", "--cache", "off"])
        .env("TEST_TOKEN", TOKEN)
        .output()
        .unwrap();
    assert!(stdout(&checked).contains("yard: no filters"), "{checked:?}");
    assert_eq!(server.get("/back.jpg").status, 404);
    assert_eq!(server.get("/yard.jpg").status, 200);
    let report = server.report("front");
    assert_eq!(report["filters"][0]["state"], "off");
    assert_eq!(report["filters"].as_array().unwrap().len(), 2);
}

/// The beginning of [`FILE`] after the changes of the test above.
const WRITTEN_BACK: &str = "# The cameras of the house.
admin-token: { env: TEST_TOKEN }   # who may change it
filter-folder: uploaded
streams:
  front:      # the door
    source: { driver: demo }
    filters:
      # our logo
      - use: watermark
        with:
          image: logo.png   # in the corner
          position: top-left
          opacity: 0.5
        enabled: false
      # the time, for the police
      - use: text
        with:
          format: \"Nozzle {nozzle}\"
  # the other one
  yard:
";

/// A change that is refused: method, target, body, the status of the answer, and words in it.
type Mistake<'a> = (&'a str, &'a str, Value, u16, &'a str);

fn check_mistakes(server: &Server, mistakes: &[Mistake<'_>]) {
    for (method, target, body, status, words) in mistakes {
        let response = server.change(method, target, body);
        assert_eq!(response.status, *status, "{method} {target} {body}");
        let answer = response.text();
        assert!(answer.contains(words), "{method} {target} {body}: {answer}");
    }
    assert_eq!(file(server), FILE);
    assert!(!server.folder().join("uploaded").exists());
}

#[test]
fn mistakes_in_steps_change_nothing() {
    let server = server();
    let logo = step(&server, 1);
    let mistakes = [
        (
            "PATCH",
            logo.as_str(),
            json!({"with": {"opacity": 2}}),
            422,
            "opacity",
        ),
        (
            "PATCH",
            &logo,
            json!({"with": {"opacty": 1}}),
            422,
            "did you mean `opacity`?",
        ),
        (
            "PATCH",
            &logo,
            json!({"colour": 1}),
            422,
            "`colour` is not a key of a filter",
        ),
        (
            "PATCH",
            &logo,
            json!({"position": "first"}),
            400,
            "`position`",
        ),
        ("PATCH", &logo, json!([]), 400, "the body is wrong"),
        (
            "PATCH",
            "/api/streams/front/steps/999",
            json!({}),
            404,
            "no step 999",
        ),
        (
            "PATCH",
            "/api/streams/gone/steps/1",
            json!({}),
            404,
            "no stream is called `gone`",
        ),
        (
            "POST",
            "/api/streams/front/steps",
            json!({"use": "timestmp"}),
            422,
            "did you mean `timestamp`?",
        ),
        (
            "POST",
            "/api/streams/front/steps",
            json!({"use": "../evil.wasm"}),
            422,
            "evil.wasm",
        ),
    ];
    check_mistakes(&server, &mistakes);
}

#[test]
fn mistakes_in_streams_variables_and_filters_change_nothing() {
    let mistakes = [
        (
            "PUT",
            "/api/streams/x",
            json!({"source": {"driver": "demo", "fsp": 3}}),
            422,
            "fsp",
        ),
        ("PUT", "/api/streams/a b", json!({}), 400, ""),
        (
            "PUT",
            "/api/streams/a%20b",
            json!({}),
            422,
            "can't be a stream's name",
        ),
        ("DELETE", "/api/streams/gone", json!({}), 404, "gone"),
        // `back` shares its camera.
        (
            "DELETE",
            "/api/streams/front",
            json!({}),
            422,
            "no stream is called `front`",
        ),
        (
            "PUT",
            "/api/variables/a%20b",
            json!({"text": "x"}),
            400,
            "name",
        ),
        (
            "PUT",
            "/api/variables/a",
            json!({"txt": "x"}),
            400,
            "unknown field `txt`",
        ),
        (
            "PUT",
            "/api/variables/a",
            json!({"text": "x", "ttl_seconds": -1}),
            400,
            "ttl_seconds",
        ),
        ("PUT", "/api/filters/a.exe", json!({}), 400, ".wasm"),
        (
            "PUT",
            "/api/filters/a.wasm",
            json!({}),
            422,
            "is not a WebAssembly file",
        ),
    ];
    check_mistakes(&server(), &mistakes);
}

#[test]
fn a_file_that_is_wrong_already_is_not_changed() {
    let server = server();
    let logo = step(&server, 1);
    let broken = FILE.replace("driver: demo", "driver: dem");
    std::fs::write(server.folder().join("pipeline.yaml"), &broken).unwrap();
    // Somebody is at it with an editor.
    let answer = done(
        server.change("PATCH", &logo, &json!({"enabled": false})),
        409,
    );
    assert_eq!(answer["problems"][0]["line"], 6);
    assert_eq!(file(&server), broken);
}

#[cfg(target_os = "linux")]
#[test]
fn what_somebody_is_writing_is_not_written_over() {
    let server = server();
    let mut viewer = server.watch("front");
    let path = server.folder().join("pipeline.yaml");
    // It watches the file from its start on, but not from the first moment.
    std::fs::write(&path, FILE.replace("opacity: 1.0", "opacity: 0.9")).unwrap();
    server.until_get("/api/pipeline", |report| report["reloads"] == 1);
    let (half, rest) = FILE.split_at(FILE.find("  # the other one").unwrap());
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(half.as_bytes()).unwrap();
    // Until the server has heard of it.
    for _ in 0..5 {
        viewer.next().unwrap();
    }
    let logo = step(&server, 1);
    let patch = json!({"enabled": false});
    let response = server.change("PATCH", &logo, &patch);
    assert_eq!(response.header("retry-after"), Some("1"));
    let problem = done(response, 503);
    let why = problem["detail"].as_str().unwrap();
    assert!(why.contains("somebody is writing"), "{why}");
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    done(server.change("PATCH", &logo, &patch), 200);
    let text = self::file(&server);
    assert!(text.contains("enabled: false") && text.contains("  # the other one"));
}

#[test]
fn what_the_framework_refuses_is_a_problem_too() {
    let server = server();
    for (method, target, length, status) in [
        ("GET", "/api/streams/front/steps/first", 0, 400),
        ("POST", "/api/streams/front/steps?position=x", 2, 400),
        ("PUT", "/api/variables/a", 300_000, 413),
        ("DELETE", "/api/streams", 0, 405),
    ] {
        let response = server.change_by(method, target, &vec![b'{'; length]);
        assert_eq!(response.status, status, "{method} {target}");
        let kind = response.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{method} {target}");
        assert_eq!(response.json()["status"], status);
    }
}

#[test]
fn the_api_is_described() {
    let server = server();
    let document = server.get("/api/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut operations: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |of| (path, of)))
        .collect();
    assert_eq!(operations.len(), 46);
    for (path, (method, operation)) in &operations {
        let refusal = &operation["responses"]["default"]["content"];
        assert!(refusal["application/problem+json"].is_object(), "{path}");
        // Whatever changes something takes a login but logging in, and what only admins see.
        let is_open = path.starts_with("/session");
        let is_for_admins = operation["x-role"] == "admin";
        let takes_login = method.as_str() != "get" && !is_open || is_for_admins;
        assert_eq!(operation["security"].is_array(), takes_login, "{path}");
        assert_eq!(
            operation["x-role"].is_null(),
            is_open || path.as_str() == "/access",
            "{path}"
        );
    }
    let id = |of: &(&String, (&String, &Value))| of.1.1["operationId"].to_string();
    operations.sort_by_key(id);
    operations.dedup_by_key(|of| id(of));
    assert_eq!(operations.len(), 46, "each has a name of its own");
    // What undoes a change comes with it.
    let patched = "/paths/~1streams~1{stream}~1steps~1{step}/patch/responses/200/headers";
    let headers = document.pointer(patched).unwrap();
    assert!(headers["x-mattebox-previous"].is_object(), "{headers}");
}

/// Every route, and what it gives to the admin who sends nothing with it.
const ROUTES: [(&str, &str, u16); 31] = [
    ("GET", "/access", 200),
    ("GET", "/actions", 200),
    ("HEAD", "/events", 200),
    ("GET", "/events/x", 404),
    ("GET", "/events/x/picture", 404),
    ("DELETE", "/events/x", 404),
    ("GET", "/openapi.json", 200),
    ("GET", "/pipeline", 200),
    ("GET", "/pipeline/versions", 200),
    ("GET", "/pipeline/versions/x", 404),
    ("POST", "/pipeline/versions/x/restore", 404),
    ("GET", "/streams", 200),
    ("GET", "/streams/front", 200),
    ("GET", "/streams/front/config", 200),
    ("PATCH", "/streams/front", 400),
    ("PUT", "/streams/t", 400),
    ("DELETE", "/streams/t", 404),
    ("POST", "/streams/front/restart", 204),
    ("GET", "/streams/front/steps", 200),
    ("POST", "/streams/front/steps", 400),
    ("GET", "/streams/front/steps/1", 200),
    ("PATCH", "/streams/front/steps/1", 400),
    ("DELETE", "/streams/front/steps/99", 404),
    ("GET", "/variables", 200),
    ("GET", "/variables/none", 404),
    ("PUT", "/variables/v", 400),
    ("DELETE", "/variables/v", 404),
    ("PUT", "/filters/f.wasm", 422),
    ("GET", "/wall", 426),
    ("HEAD", "/wall/stream", 200),
    ("GET", "/nothing", 404),
];
/// Where they are.
const PREFIXES: [&str; 2] = ["/api/v1", "/api"];
/// What browsers and clients go by.
const HEADERS: [&str; 7] = [
    "access-control-allow-methods",
    "access-control-allow-origin",
    "cache-control",
    "content-type",
    "cross-origin-resource-policy",
    "vary",
    "www-authenticate",
];

#[test]
fn every_route_answers_the_same_with_and_without_the_version() {
    let folder = Folder::with(&format!("cors: [https://ha.example.org]\n{FILE}"));
    folder.write("logo.png", png(64, 64, [255, 0, 0, 255]));
    let server = Server::start(folder);
    let host = server.address.to_string();
    let ask = |method: &str, target: &str, more: &[(&str, &str)]| {
        let mut headers = more.to_vec();
        if !more.iter().any(|(name, _)| *name == "Host") {
            headers.push(("Host", &host));
        }
        let answer = send(server.address, method, target, &headers, b"");
        let seen = HEADERS.map(|name| answer.header(name).map(str::to_owned));
        (answer.status, seen)
    };
    let named = ("Origin", "https://ha.example.org");
    let clients: [&[(&str, &str)]; 5] = [
        &[("X-Mattebox-Token", TOKEN)],
        &[],
        &[named],
        &[
            ("Origin", "https://evil.example"),
            ("Sec-Fetch-Site", "cross-site"),
        ],
        &[("Host", "evil.example")],
    ];
    for (method, route, status) in ROUTES {
        let targets = PREFIXES.map(|prefix| format!("{prefix}{route}"));
        for client in clients {
            let [new, old] = targets.each_ref().map(|target| ask(method, target, client));
            assert_eq!(new, old, "{method} {route} {client:?}");
            if client.starts_with(&[("X-Mattebox-Token", TOKEN)]) {
                assert_eq!(new.0, status, "{method} {route}");
            }
        }
        let preflight = [named, ("Access-Control-Request-Method", method)];
        let [new, old] = targets
            .each_ref()
            .map(|target| ask("OPTIONS", target, &preflight));
        assert_eq!(new, old, "OPTIONS {route}");
    }
    // So does all that is described.
    let document = server.get("/api/v1/openapi.json").json();
    for (route, operations) in document["paths"].as_object().unwrap() {
        let route = ["stream", "step", "variable", "version", "file", "session"]
            .iter()
            .fold(route.clone(), |route, name| {
                route.replace(&format!("{{{name}}}"), "1")
            });
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let [new, old] = PREFIXES.map(|prefix| ask(&method, &format!("{prefix}{route}"), &[]));
            assert_eq!(new, old, "{method} {route}");
            assert_ne!(new.0, 405, "{method} {route}");
        }
    }
    // Those who guess are slowed down together.
    let wrong = [("X-Mattebox-Token", "wrong")];
    let restart = |prefix| ask("POST", &format!("{prefix}/streams/t/restart"), &wrong).0;
    let guesses = PREFIXES.iter().cycle().take(5).map(restart);
    assert_eq!(guesses.collect::<Vec<_>>(), [401; 5]);
    assert_eq!(PREFIXES.each_ref().map(restart), [429; 2]);
}

#[test]
fn links_in_answers_hold_with_and_without_the_version() {
    let server = server();
    let root = url::Url::parse(&format!("http://{}/", server.address)).unwrap();
    for prefix in PREFIXES {
        for target in ["/streams/front", "/streams"] {
            let target = format!("{prefix}{target}");
            let report = server.get(&target).json();
            let report = report["streams"].get(0).unwrap_or(&report);
            let told = report["snapshot_url"].as_str().unwrap();
            let snapshot = root.join(&target).unwrap().join(told).unwrap();
            assert_eq!(snapshot.path(), "/front.jpg", "{target}: {told}");
        }
        let steps = format!("{prefix}/streams/front/steps");
        let added = server.change(
            "POST",
            &steps,
            &json!({"use": "resize", "with": {"width": 64}}),
        );
        assert_eq!(added.status, 201);
        let location = added.header("location").unwrap().to_owned();
        assert!(
            location.starts_with("/api/v1/streams/front/steps/"),
            "{location}"
        );
        assert_eq!(server.get(&location).json()["use"], "resize");
        // An upload may be larger than other bodies.
        let large = vec![0; 300_000];
        let upload = server.change_by("PUT", &format!("{prefix}/filters/large.wasm"), &large);
        assert_eq!(upload.status, 422, "{prefix}");
    }
}

/// Adds steps to `front`, changes each, and takes all but the first away again.
fn change_much(server: &Server, name: &str) {
    for turn in 0..5 {
        let format = format!("{name}.{turn}");
        let add = json!({"use": "text", "with": {"format": format}});
        let steps = "/api/streams/front/steps";
        let added = done(
            server.change("POST", &format!("{steps}?position=0"), &add),
            201,
        );
        assert_eq!(added["settings"]["format"], format);
        let target = format!("{steps}/{}", added["id"]);
        let patch = json!({"with": {"size": 20 + turn}});
        let changed = done(server.change("PATCH", &target, &patch), 200);
        assert_eq!(
            changed["settings"],
            json!({"format": format, "size": 20 + turn})
        );
        if turn > 0 {
            done(server.change("DELETE", &target, &Value::Null), 204);
        }
    }
}

/// What the steps of `front` are set to, in order.
fn settings(server: &Server) -> Vec<Value> {
    let report = server.report("front");
    let filters = report["filters"].as_array().unwrap().iter();
    filters.map(|filter| filter["settings"].clone()).collect()
}

/// Of `names`, those that [`change_much`] had leave one step each.
fn left(server: &Server, names: &[&str]) {
    let settings = settings(server);
    assert_eq!(settings.len(), names.len() + 2);
    let mut left: Vec<_> = settings[..names.len()]
        .iter()
        .map(|settings| settings["format"].as_str().unwrap())
        .collect();
    left.sort();
    let expected: Vec<_> = names.iter().map(|name| format!("{name}.0")).collect();
    assert_eq!(left, expected);
    let file = file(server);
    assert!(file.contains("# the time, for the police"), "{file}");
    assert_eq!(file.matches("- use: text").count(), names.len(), "{file}");
}

#[test]
fn many_change_at_once() {
    let server = server();
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    thread::scope(|scope| {
        for name in names {
            let server = &server;
            scope.spawn(move || change_much(server, name));
        }
    });
    left(&server, &names);
    viewer.next().unwrap();
}

#[test]
fn of_many_streams_that_change_at_once_none_is_overtaken_again_and_again() {
    const STREAMS: usize = 30;
    let streams = (0..STREAMS).map(|at| {
        format!(
            "  s{at}:\n    source: {{ driver: demo }}\n    \
            filters: [{{ use: text, with: {{ format: a }} }}]\n"
        )
    });
    let streams: String = streams.collect();
    let folder = Folder::with(&format!(
        "admin-token: {{ env: TEST_TOKEN }}\nstreams:\n{streams}"
    ));
    let server = Server::start_with(folder, |command| {
        command.env("MATTEBOX_LOG", "info,mattebox::control::change=debug");
    });
    thread::scope(|scope| {
        for at in 0..STREAMS {
            let (server, name) = (&server, format!("s{at}"));
            scope.spawn(move || {
                let id = server.report(&name)["filters"][0]["id"].clone();
                let target = format!("/api/streams/{name}/steps/{id}");
                let patch = json!({"with": {"format": "b"}});
                done(server.change("PATCH", &target, &patch), 200);
            });
        }
    });
    let changed = file(&server).matches("format: b").count();
    assert_eq!(changed, STREAMS);
    let log = server.log();
    let overtaken = log.matches("another change came first").count();
    assert!(overtaken <= STREAMS, "{overtaken} times:\n{log}");
}

#[test]
fn two_servers_of_one_file_lose_nothing() {
    let first = server();
    let second = Server::start_with(Folder::new(), |command| {
        command.current_dir(first.folder());
    });
    let mut viewers = [&first, &second].map(|server| server.watch("front"));
    thread::scope(|scope| {
        for (name, server) in [
            ("a", &first),
            ("b", &second),
            ("c", &first),
            ("d", &second),
            ("e", &first),
            ("f", &second),
        ] {
            scope.spawn(move || change_much(server, name));
        }
    });
    let names = ["a", "b", "c", "d", "e", "f"];
    // Each hears of the other's last change by way of the file.
    for server in [&first, &second] {
        server.until("front", |report| {
            let filters = report["filters"].as_array().unwrap();
            filters.len() == names.len() + 2
        });
    }
    left(&first, &names);
    assert_eq!(settings(&first), settings(&second));
    for viewer in &mut viewers {
        viewer.next().expect("nobody is disconnected");
    }
}

#[test]
fn a_filter_is_uploaded_and_used() {
    let server = server();
    let wasm = std::fs::read(repository("filters/prebuilt/text.wasm")).unwrap();
    let kept = done(
        server.change_by("PUT", "/api/filters/label.wasm", &wasm),
        201,
    );
    assert_eq!(kept, json!({"use": "./uploaded/label.wasm"}));
    assert_eq!(
        std::fs::read(server.folder().join("uploaded/label.wasm")).unwrap(),
        wasm
    );
    done(
        server.change_by("PUT", "/api/filters/label.wasm", &wasm),
        200,
    );
    // Somebody has put another file there by hand.
    let folder = server.folder().join("uploaded");
    std::fs::write(folder.join("torn.wasm"), &wasm[..999]).unwrap();
    let catalog = server.get("/api/filters").json();
    let unusable = catalog["unusable"].as_array().unwrap();
    assert_eq!(unusable.len(), 1);
    assert_eq!(unusable[0]["use"], "./uploaded/torn.wasm");
    let why = unusable[0]["error"].as_str().unwrap();
    assert!(why.starts_with("`./uploaded/torn.wasm`: "), "{why}");
    let entries = catalog["filters"].as_array().unwrap();
    let names: Vec<_> = entries
        .iter()
        .map(|entry| entry["use"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "boxes",
            "motion",
            "resize",
            "text",
            "timestamp",
            "watermark",
            "./uploaded/label.wasm"
        ]
    );
    assert_eq!(entries[6]["name"], "text");
    assert!(entries[6]["schema"]["properties"]["format"].is_object());
    let step = json!({"use": "./uploaded/label.wasm", "with": {"format": "hello"}});
    let added = done(
        server.change("POST", "/api/streams/front/steps", &step),
        201,
    );
    assert_eq!(added["name"], "text");
    // 64 MiB and one byte.
    let large = vec![0; (64 << 20) + 1];
    assert_eq!(
        server
            .change_by("PUT", "/api/filters/large.wasm", &large)
            .status,
        413
    );
}

#[test]
fn variables_come_and_go() {
    let server = server();
    let put = |name: &str, body| {
        done(
            server.change("PUT", &format!("/api/variables/{name}"), &body),
            204,
        )
    };
    put("nozzle", json!({"text": "210"}));
    put("bed", json!({"text": "60", "ttl_seconds": 0.001}));
    assert_eq!(
        server.get("/api/variables/nozzle").json(),
        json!({"text": "210"})
    );
    server.until_get("/api/variables", |all| {
        *all == json!({"variables": {"nozzle": "210"}})
    });
    done(
        server.change("DELETE", "/api/variables/nozzle", &Value::Null),
        204,
    );
    assert_eq!(server.get("/api/variables/nozzle").status, 404);
}

#[test]
fn what_the_server_measures_cant_be_set() {
    let server = server();
    for (method, name, body) in [
        ("PUT", "gpio.door", json!({"text": "closed"})),
        ("PUT", "gpio.", json!({"text": "closed", "ttl_seconds": 1})),
        ("DELETE", "gpio.door", Value::Null),
    ] {
        let target = format!("/api/variables/{name}");
        let problem = done(server.change(method, &target, &body), 409);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the server itself measures"), "{detail}");
    }
    let all = server.get("/api/variables").json();
    assert_eq!(all, json!({"variables": {}}));
}

#[test]
fn a_variable_is_seen_until_its_time_is_over() {
    let server = Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }
streams:
  front:
    filters:
      - use: text
        with: { format: 'Nozzle {nozzle} °C', size: 60, position: top-left, margin: 0, \
         background: red }
",
    ));
    let mut viewer = server.watch("front");
    // The box behind the text is wider while there is something to show.
    let mut is_wide = || {
        let picture = decode(&viewer.next().unwrap().jpeg);
        is_near(mean(&picture, 600, 0, 32, 4), [255.0, 0.0, 0.0])
    };
    assert!(!is_wide());
    let text = json!({"text": "210 and rising", "ttl_seconds": 1});
    done(server.change("PUT", "/api/variables/nozzle", &text), 204);
    while !is_wide() {}
    while is_wide() {}
    assert_eq!(server.get("/api/variables/nozzle").status, 404);
}

#[test]
fn a_restart_keeps_viewers() {
    let server = server();
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    done(
        server.change("POST", "/api/streams/front/restart", &Value::Null),
        204,
    );
    for _ in 0..5 {
        viewer.next().unwrap();
    }
    done(
        server.change("POST", "/api/streams/gone/restart", &Value::Null),
        404,
    );
}

#[test]
fn events_tell_what_happens() {
    let server = server();
    let mut events = server.get("/api/events");
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let mut next = |name: &str| -> Value {
        loop {
            let mut lines = [String::new(), String::new(), String::new()];
            for line in &mut lines {
                assert_ne!(events.body.read_line(line).unwrap(), 0, "they end");
            }
            if lines[0] == format!("event: {name}\n") {
                return serde_json::from_str(lines[1].strip_prefix("data: ").unwrap()).unwrap();
            }
        }
    };
    let mut viewer = server.watch("front");
    assert_eq!(next("viewers"), json!({"stream": "front", "viewers": 1}));
    viewer.next().unwrap();
    let running = json!({"stream": "front", "state": "running", "error": null});
    while next("state") != running {}
    std::fs::write(server.folder().join("pipeline.yaml"), "streams: 5\n").unwrap();
    let reload = next("reload");
    assert_eq!(reload["succeeded"], false);
    assert!(
        reload["message"]
            .as_str()
            .unwrap()
            .contains("pipeline.yaml:1:10")
    );
    std::fs::write(server.folder().join("pipeline.yaml"), FILE).unwrap();
    assert_eq!(next("reload")["succeeded"], true);
}

#[test]
fn without_a_file_there_is_nothing_to_write_to() {
    let folder = Folder::new();
    let server = Server::start(folder);
    let host = server.address.to_string();
    let response = send(
        server.address,
        "DELETE",
        "/api/streams/demo",
        &[("Host", &host)],
        b"",
    );
    assert_eq!(response.status, 403);
    assert_eq!(server.get("/api/pipeline").json()["file"], Value::Null);
}
