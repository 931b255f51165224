//! A stream's settings, as the API shows them and takes changes of them.

use serde_json::{Value, json};

use crate::support::Folder;
use crate::support::http::{Response, send};
use crate::support::server::{Server, TOKEN};

const FILE: &str = "admin-token: { env: TEST_TOKEN }
allow-commands-by-api: true
streams:
  front:                        # the door
    title: Front door
    source:                     # by the gate
      driver: http
      url: http://me:hush-url@127.0.0.1:1/video?pwd=hush-query   # its sub-stream
      fps: 5
  yard:
    source: { driver: rtsp, url: 'rtsp://127.0.0.1:1/1', user: me, password: hush-password }
  shed:
    source: { driver: http, url: 'http://127.0.0.1:1/', user: me, password: { env: SHED_PASSWORD } }
  gate:
    source:
      driver: exec
      command: [sh, -c, 'exit 1', grab, -u, 'me:hush-login', --token, hush-token, \
    'http://me:hush-word@127.0.0.1/']
    filters: [{ use: text, with: { format: hello } }]
  bare:
";

fn server() -> Server {
    Server::start(Folder::with(FILE))
}

fn file(server: &Server) -> String {
    std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap()
}

fn config(server: &Server, stream: &str) -> Value {
    let target = format!("/api/v1/streams/{stream}/config");
    server.change("GET", &target, &Value::Null).json()
}

fn patch(server: &Server, stream: &str, body: &Value) -> Response {
    server.change("PATCH", &format!("/api/v1/streams/{stream}"), body)
}

#[test]
fn the_settings_are_those_of_the_file_with_secrets_masked() {
    let server = server();
    let front = config(&server, "front");
    let source =
        json!({ "driver": "http", "url": "http://***@127.0.0.1:1/video?pwd=***", "fps": 5 });
    assert_eq!(front, json!({ "title": "Front door", "source": source }));
    let yard = config(&server, "yard");
    assert_eq!(yard["source"]["user"], "me");
    assert_eq!(yard["source"]["password"], "***");
    let shed = config(&server, "shed");
    assert_eq!(
        shed["source"]["password"],
        json!({ "env": "SHED_PASSWORD" })
    );
    let gate = config(&server, "gate");
    let (login, address) = ("***", "http://***@127.0.0.1/");
    let command = json!([
        "sh", "-c", "exit 1", "grab", "-u", login, "--token", "***", address
    ]);
    assert_eq!(gate["source"]["command"], command);
    assert_eq!(gate["filters"][0]["with"]["format"], "hello");
    assert_eq!(config(&server, "bare"), json!({}));
}

#[test]
fn only_the_admin_sees_them() {
    let server = server();
    let target = "/api/v1/streams/front/config";
    let host = server.address.to_string();
    for headers in [
        vec![("Host", host.as_str())],
        vec![("Host", host.as_str()), ("X-Mattebox-Token", "wrong")],
    ] {
        let response = send(server.address, "GET", target, &headers, b"");
        assert_eq!(response.status, 401);
        let text = response.text();
        assert!(!text.contains("127.0.0.1:1"), "{text}");
    }
    let unknown = server.change("GET", "/api/v1/streams/none/config", &Value::Null);
    assert_eq!(unknown.status, 404);
    // Without an admin token nobody is one.
    let open = Server::start(Folder::with("streams: { front: }\n"));
    assert_eq!(open.get(target).status, 403);
    let headers = [("Host", host.as_str()), ("X-Mattebox-Token", TOKEN)];
    assert_eq!(send(open.address, "GET", target, &headers, b"").status, 403);
}

#[test]
fn a_patch_changes_what_it_names_and_leaves_masked_secrets_and_comments() {
    let server = server();
    let first = file(&server);
    // All of it sent back as it was shown changes nothing.
    for stream in ["front", "yard", "shed", "gate"] {
        assert_eq!(
            patch(&server, stream, &config(&server, stream)).status,
            200,
            "{stream}"
        );
    }
    assert_eq!(file(&server), first);
    // An address that was changed around its secrets keeps them.
    let url = "http://***@127.0.0.1:2/video?pwd=***";
    let change = json!({ "title": null, "quality": 70, "source": { "url": url, "fps": null } });
    assert_eq!(patch(&server, "front", &change).status, 200);
    let text = file(&server);
    for kept in [
        "front:                        # the door\n",
        "    source:                     # by the gate\n",
        "      url: http://me:hush-url@127.0.0.1:2/video?pwd=hush-query   # its sub-stream\n",
        "    quality: 70\n",
    ] {
        assert!(text.contains(kept), "{kept}{text}");
    }
    assert!(!text.contains("fps") && !text.contains("title"), "{text}");
    // So do a command's words, and a password beside another key.
    let command = json!([
        "sh",
        "-c",
        "exit 2",
        "grab",
        "-v",
        "-u",
        "***",
        "--token",
        "***",
        "http://***@127.0.0.1/2"
    ]);
    let change = json!({ "source": { "command": command } });
    assert_eq!(patch(&server, "gate", &change).status, 200);
    let change = json!({ "source": { "password": "***", "transport": "udp" } });
    assert_eq!(patch(&server, "yard", &change).status, 200);
    let text = file(&server);
    for kept in [
        "-v",
        "me:hush-login",
        "hush-token",
        "http://me:hush-word@127.0.0.1/2",
        "password: hush-password",
        "transport: udp",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    // Another driver; and a stream of which the file said nothing.
    let source = json!({ "driver": "demo", "url": null, "user": null, "password": null });
    assert_eq!(
        patch(&server, "shed", &json!({ "source": source })).status,
        200
    );
    assert_eq!(
        config(&server, "shed"),
        json!({ "source": { "driver": "demo" } })
    );
    assert_eq!(
        patch(&server, "bare", &json!({ "title": "Bare" })).status,
        200
    );
    assert_eq!(config(&server, "bare"), json!({ "title": "Bare" }));
}

#[test]
fn a_wrong_patch_changes_nothing_and_says_at_which_key() {
    let server = server();
    let first = file(&server);
    for (stream, body, status, pointer, words) in [
        (
            "front",
            json!({ "quality": 0 }),
            422,
            "/streams/front/quality",
            "from 1 to 100",
        ),
        (
            "front",
            json!({ "source": { "url": "camera" } }),
            422,
            "/streams/front/source/url",
            "an address such as",
        ),
        (
            "front",
            json!({ "source": { "driver": "rtsq" } }),
            422,
            "/streams/front/source/driver",
            "did you mean `rtsp`?",
        ),
        (
            "gate",
            json!({ "source": { "command": ["***"] } }),
            422,
            "",
            "`***` stands for a secret",
        ),
        (
            "yard",
            json!({ "source": { "url": "rtsp://***@cam/" } }),
            422,
            "",
            "`***` stands for a secret",
        ),
        ("front", json!([]), 400, "", "the body is wrong"),
        (
            "none",
            json!({ "quality": 5 }),
            404,
            "",
            "no stream is called `none`",
        ),
    ] {
        let response = patch(&server, stream, &body);
        assert_eq!(response.status, status, "{body}");
        let problem = response.json();
        assert!(
            problem["detail"].as_str().unwrap().contains(words),
            "{problem}"
        );
        let found = problem["problems"][0]["pointer"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(found, pointer, "{problem}");
        assert!(!problem.to_string().contains("hush"), "{problem}");
    }
    assert_eq!(file(&server), first);
}
