//! Actions: what is done when events happen, and what becomes of it where it can't be done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::camera::{HttpCamera, Request, Switched, plain};
use crate::support::picture::jpeg;
use crate::support::server::{Server, until};
use crate::support::sse::Events;
use crate::support::{Folder, stderr};

/// A stream that fails whenever it is looked at, and one that works.
const STREAMS: &str = "streams:
  door: { idle-timeout: 0s, source: { driver: exec, command: [\"false\"] } }
  demo: { source: { driver: demo } }
";

/// A receiver that answers the first requests with the `refused` status.
fn receiver(first: usize, refused: &'static str) -> HttpCamera {
    let count = AtomicUsize::new(0);
    HttpCamera::new(move |_, socket| {
        let status = match count.fetch_add(1, Ordering::SeqCst) < first {
            true => refused,
            false => "200 OK",
        };
        plain(socket, status, "", b"")
    })
}

/// One that never answers.
fn mute() -> HttpCamera {
    HttpCamera::new(|_, socket| {
        loop {
            // Nothing but the end of the test ends it.
            socket.flush()?;
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

fn serve(actions: &str) -> Server {
    Server::start(folder(actions))
}

fn folder(actions: &str) -> Folder {
    Folder::with(&format!(
        "admin-token: {{ env: TEST_TOKEN }}\non:\n{actions}{STREAMS}"
    ))
}

/// Looks at the stream `name`, which fails, and waits until that is over.
fn fail(server: &Server, name: &str) {
    let events = server.get(&format!("/api/v1/events?kind=camera-failed&stream={name}"));
    let mut events = Events::new(events);
    assert_eq!(server.get(&format!("/{name}.jpg")).status, 503);
    events.until(|event| event.data["end"].is_string());
}

/// Waits until the action `at` is so, and gives what the API says of it.
fn action(server: &Server, at: usize, is_so: impl Fn(&Value) -> bool) -> Value {
    let all = server.until_get("/api/v1/actions", |all| is_so(&all["actions"][at]));
    all["actions"][at].clone()
}

fn requests(receiver: &HttpCamera, count: usize) -> Vec<Request> {
    until(
        || receiver.requests().len().into(),
        |it| *it == json!(count),
    );
    receiver.requests()
}

fn body(request: &Request) -> Value {
    assert_eq!(request.header("content-type"), Some("application/json"));
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn an_event_is_posted_until_it_is_taken() {
    let receiver = receiver(2, "503 Service Unavailable");
    let address = receiver.address;
    let server = serve(&format!(
        "  - event: camera-failed
    streams: [door]
    post: http://me:pl4nted-secret@{address}/f0urth-secret?token=0ther-secret
    headers: {{ X-Key: th1rd-secret }}
    with: {{ content: \"{{kind}} at {{stream}}, {{phase}}\", priority: 5 }}
"
    ));
    fail(&server, "door");
    let requests = requests(&receiver, 3);
    let messages: Vec<_> = requests.iter().map(body).collect();
    assert!(messages.iter().all(|it| *it == messages[0]));
    let message = &messages[0];
    assert_eq!(message["content"], "camera-failed at door, start");
    assert_eq!(
        (&message["priority"], &message["end"]),
        (&json!(5), &Value::Null)
    );
    assert_eq!(message["has_picture"], false);
    let id = message["id"].as_str().unwrap();
    let event = server.get(&format!("/api/v1/events/{id}")).json();
    assert_eq!(message["text"], event["text"]);
    assert_eq!(requests[0].target, "/f0urth-secret?token=0ther-secret");
    assert_eq!(requests[0].header("x-key"), Some("th1rd-secret"));
    // me:pl4nted-secret
    let login = "Basic bWU6cGw0bnRlZC1zZWNyZXQ=";
    assert_eq!(requests[0].header("authorization"), Some(login));

    let report = action(&server, 0, |it| it["done"] == 1);
    assert_eq!(
        (&report["failed"], &report["error"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(report["target"], format!("http://{address}"));
    let metrics = server.get("/metrics").text();
    let done = "mattebox_actions_total{action=\"0\",does=\"post\",\
        event=\"camera-failed\",result=\"done\"} 1";
    assert!(metrics.contains(done), "{metrics}");
    let log = server.log();
    assert!(log.contains("an action fails"), "{log}");
    let again = log.lines().find(|it| it.contains("the action works again"));
    assert!(again.is_some_and(|it| it.ends_with(" failures=2")), "{log}");
    assert!(!log.contains("-secret"), "{log}");
}

#[test]
fn a_picture_goes_with_it_as_a_second_part() {
    let (camera, receiver) = (Switched::new(), receiver(0, ""));
    let address = receiver.address;
    let server = Server::start(Folder::with(&format!(
        "on: [{{ event: camera-failed, post: \"http://{address}/\", picture: true }}]\n{}",
        camera.pipeline()
    )));
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    camera.set(false);
    let request = requests(&receiver, 1).remove(0);
    let kind = request.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let parts = split(&request.body, format!("--{boundary}").as_bytes());
    assert_eq!(parts.len(), 4);
    let (head, event) = part(parts[1]);
    assert!(head.contains("name=\"event\"") && head.contains("application/json"));
    let event: Value = serde_json::from_slice(event).unwrap();
    assert_eq!(
        (&event["stream"], &event["has_picture"]),
        (&json!("front"), &json!(true))
    );
    let (head, picture) = part(parts[2]);
    assert!(head.contains("name=\"picture\"; filename=\"") && head.contains("image/jpeg"));
    assert_eq!(picture, jpeg("420.jpg"));
    assert_eq!(parts[3], b"--\r\n");
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Vec<&'b [u8]> {
    let found: Vec<_> = (0..bytes.len())
        .filter(|from| bytes[*from..].starts_with(at))
        .collect();
    let starts = std::iter::once(0).chain(found.iter().map(|it| it + at.len()));
    let ends = found.iter().copied().chain([bytes.len()]);
    starts
        .zip(ends)
        .map(|(start, end)| &bytes[start..end])
        .collect()
}

/// The head and the body of a part.
fn part(part: &[u8]) -> (String, &[u8]) {
    let end = part.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let body = part[end + 4..].strip_suffix(b"\r\n").unwrap();
    (String::from_utf8(part[..end].to_vec()).unwrap(), body)
}

#[test]
fn one_that_never_answers_holds_nothing_up_and_the_oldest_events_are_left_out() {
    let (mute, good) = (mute(), receiver(0, ""));
    let names: Vec<_> = (0..11).map(|number| format!("door{number}")).collect();
    let failing = "{ idle-timeout: 0s, source: { driver: exec, command: [\"false\"] } }";
    let failing: String = names
        .iter()
        .map(|it| format!("  {it}: {failing}\n"))
        .collect();
    let actions = format!(
        "  - {{ event: camera-failed, when: both, post: \"http://{}/\", time-limit: 10m }}
  - {{ event: camera-failed, when: end, post: \"http://{}/\" }}
",
        mute.address, good.address
    );
    let server = Server::start(Folder::with(&format!("on:\n{actions}{STREAMS}{failing}")));
    for _ in 0..5 {
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| fail(&server, name));
            }
        });
    }
    // 110 events, of which one is being posted and a hundred wait.
    let report = action(&server, 0, |it| it["dropped"] == 9);
    assert_eq!(
        (&report["waiting"], &report["done"]),
        (&json!(100), &json!(0))
    );
    let done = action(&server, 1, |it| it["done"] == 55);
    assert_eq!(done["dropped"], 0);
    assert!(
        requests(&good, 55)
            .iter()
            .all(|it| body(it)["phase"] == "end")
    );
    let mut viewer = server.watch("demo");
    let start = Instant::now();
    for _ in 0..15 {
        viewer.next().unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    let start = Instant::now();
    let log = server.log();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(log.contains("too many events wait"), "{log}");
}

#[test]
fn one_that_takes_too_long_is_tried_again_and_one_that_refuses_is_not() {
    let (mute, refusing) = (mute(), receiver(100, "400 Bad Request"));
    let server = serve(&format!(
        "  - {{ event: camera-failed, post: \"http://{}/\", time-limit: 100ms }}
  - {{ event: camera-failed, post: \"http://{}/\" }}
",
        mute.address, refusing.address
    ));
    fail(&server, "door");
    fail(&server, "door");
    let refused = action(&server, 1, |it| it["failed"] == 2);
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("400 Bad Request")
    );
    assert_eq!(refusing.requests().len(), 2);
    until(|| mute.requests().len().into(), |it| it.as_u64() >= Some(2));
    let report = action(&server, 0, |it| it["error"].is_string());
    assert!(
        report["error"].as_str().unwrap().contains("time-limit"),
        "{report}"
    );
    assert_eq!(
        (&report["failed"], &report["waiting"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn a_program_gets_the_event_by_its_input_and_its_environment() {
    let camera = Switched::new();
    let folder = Folder::with(&format!(
        "on:
  - event: camera-failed
    run: [sh, -c, 'cat > event.json; cp \"$MATTEBOX_EVENT_PICTURE\" picture.jpg; env > env.txt; \
         echo told >&2; mv env.txt done.txt']
    picture: true
    with: {{ place: house }}
{}",
        camera.pipeline()
    ));
    let server = Server::start(folder);
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    camera.set(false);
    action(&server, 0, |it| it["done"] == 1);
    let read = |name: &str| std::fs::read(server.folder().join(name)).unwrap();
    let event: Value = serde_json::from_slice(&read("event.json")).unwrap();
    assert_eq!(
        (&event["stream"], &event["place"]),
        (&json!("front"), &json!("house"))
    );
    assert_eq!(read("picture.jpg"), jpeg("420.jpg"));
    let environment = String::from_utf8(read("done.txt")).unwrap();
    for (name, text) in [
        ("ID", &event["id"]),
        ("KIND", &event["kind"]),
        ("PHASE", &json!("start")),
        ("STREAM", &event["stream"]),
        ("START", &event["start"]),
        ("END", &json!("")),
    ] {
        let line = format!("MATTEBOX_EVENT_{name}={}\n", text.as_str().unwrap());
        assert!(environment.contains(&line), "{line} {environment}");
    }
    assert!(!environment.contains("TEST_TOKEN"), "{environment}");
    let log = server.log();
    assert!(log.contains("told"), "{log}");
}

#[test]
fn a_program_that_fails_or_takes_too_long_is_told_of_and_leaves_nothing_behind() {
    let server = serve(
        "  - { event: camera-failed, run: [sh, -c, 'echo broken >&2; exit 3'] }
  - { event: camera-failed, run: [sh, -c, 'sleep 1000 & echo $! > child; sleep 1000'], \
         time-limit: 500ms }
  - { event: camera-failed, run: [./no-such-program] }
",
    );
    fail(&server, "door");
    let failed = |at| {
        let report = action(&server, at, |it| it["failed"] == 1);
        report["error"].as_str().unwrap().to_owned()
    };
    let error = failed(0);
    assert!(
        error.contains("exit status: 3") && error.contains("broken"),
        "{error}"
    );
    assert!(failed(1).contains("time-limit"));
    assert!(failed(2).contains("no program"));
    let child = std::fs::read_to_string(server.folder().join("child")).unwrap();
    let child = std::path::PathBuf::from(format!("/proc/{}", child.trim()));
    until(|| json!(child.exists()), |it| it == false);
}

#[test]
fn a_reload_changes_actions_and_loses_none_that_waits() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = is_up.clone();
    let receiver = || {
        let up = up.clone();
        HttpCamera::new(move |_, socket| match up.load(Ordering::SeqCst) {
            true => plain(socket, "204 No Content", "", b""),
            false => plain(socket, "503 Service Unavailable", "", b""),
        })
    };
    let (stays, goes, new) = (receiver(), receiver(), receiver());
    let to = |receiver: &HttpCamera| {
        let address = receiver.address;
        format!("  - {{ event: camera-failed, post: \"http://{address}/\" }}\n")
    };
    let server = serve(&(to(&stays) + &to(&goes)));
    fail(&server, "door");
    fail(&server, "door");
    let actions = to(&new) + &to(&stays);
    let text = format!("admin-token: {{ env: TEST_TOKEN }}\non:\n{actions}{STREAMS}");
    std::fs::write(server.folder().join("pipeline.yaml"), text).unwrap();
    let target = |receiver: &HttpCamera| json!(format!("http://{}", receiver.address));
    let all = server.until_get("/api/v1/actions", |all| {
        all["actions"][0]["target"] == target(&new)
    });
    assert_eq!(all["actions"].as_array().unwrap().len(), 2);
    assert_eq!(all["actions"][1]["target"], target(&stays));
    assert_ne!(all["actions"][1]["error"], Value::Null);
    is_up.store(true, Ordering::SeqCst);
    fail(&server, "door");
    let taken = |receiver: &HttpCamera| {
        let requests = receiver.requests();
        let ids = requests.iter().map(|it| body(it)["id"].to_string());
        ids.collect::<BTreeSet<_>>().len()
    };
    until(
        || json!([taken(&stays), taken(&goes), taken(&new)]),
        |it| *it == json!([3, 2, 1]),
    );
}

#[test]
fn mistakes_are_told_with_their_places() {
    for (action, told) in [
        ("{ post: \"http://a/\" }", "an action needs `event`"),
        ("{ event: motion }", "needs `post`, `mqtt` or `run`"),
        (
            "{ event: motion, post: \"http://a/\", run: [x] }",
            "takes only one of `post`, `mqtt` and `run`",
        ),
        (
            "{ event: Motion, post: \"http://a/\" }",
            "expected a kind of events such as `motion`",
        ),
        (
            "{ event: motion, post: \"ftp://a/\" }",
            "expected an address such as `https://example.org/hook`",
        ),
        (
            "{ event: motion, streams: [dor], run: [x] }",
            "no stream is called `dor`; did you mean `door`?",
        ),
        (
            "{ event: motion, run: [x], headers: { A: b } }",
            "`headers` is a key of `post` only",
        ),
        (
            "{ event: motion, post: \"http://a/\", headers: { Host: b } }",
            "is set by the server itself",
        ),
        (
            "{ event: motion, post: \"http://a/\", user: me, password: { file: missing } }",
            "missing: no such file",
        ),
        (
            "{ event: motion, run: x }",
            "expected a list of the program and its arguments",
        ),
        ("{ event: motion, run: [x], when: never }", "`start`, `end`"),
        ("{ event: motion, run: [x], time-limit: 1h }", "10m"),
    ] {
        let folder = folder(&format!("  - {action}\n"));
        let output = folder.run(&["check"]);
        assert_eq!(output.status.code(), Some(2), "{action}");
        let error = stderr(&output);
        assert!(
            error.starts_with("pipeline.yaml:") && error.contains(told),
            "{action}: {error}"
        );
    }
    let nothing = folder("  - { event: motion }\n").run(&["check"]);
    assert!(!stderr(&nothing).starts_with("pipeline.yaml:1:"));
    let right =
        format!("on: [{{ event: motion, run: [x, \"1\"], with: {{ a: [1] }} }}]\n{STREAMS}");
    assert_eq!(stderr(&Folder::with(&right).run(&["check"])), "");
}
