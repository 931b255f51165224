//! Events: what happens to a camera is kept, served and sent.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::Folder;
use crate::support::camera::Switched;
use crate::support::http::{Response, send};
use crate::support::picture::jpeg;
use crate::support::server::{Server, until};
use crate::support::sse::Events;

/// Two streams that fail whenever they are looked at.
const FAILING: &str = "admin-token: { env: TEST_TOKEN }
streams:
  door: { idle-timeout: 0s, source: { driver: exec, command: [\"false\"] } }
  back: { idle-timeout: 0s, source: { driver: exec, command: [\"false\"] } }
";

fn get(server: &Server, target: &str, headers: &[(&str, &str)]) -> Response {
    let host = server.address.to_string();
    let headers: Vec<_> = [("Host", host.as_str())]
        .into_iter()
        .chain(headers.iter().copied())
        .collect();
    send(server.address, "GET", target, &headers, b"")
}

/// The events that `query` chooses.
pub fn list(server: &Server, query: &str) -> Value {
    let target = format!("/api/v1/events{query}");
    let response = get(server, &target, &[("Accept", "application/json")]);
    assert_eq!(response.status, 200);
    response.json()
}

fn streams(list: &Value) -> Vec<&str> {
    let events = list["events"].as_array().unwrap().iter();
    events
        .map(|event| event["stream"].as_str().unwrap())
        .collect()
}

fn listen(server: &Server, query: &str) -> Events {
    Events::new(server.get(&format!("/api/v1/events{query}")))
}

/// Looks at the stream `name`, which fails, and waits until that is over.
fn fail(server: &Server, name: &str) {
    let mut events = listen(server, &format!("?kind=camera-failed&stream={name}"));
    assert_eq!(server.get(&format!("/{name}.jpg")).status, 503);
    events.until(|event| event.data["end"].is_string());
}

/// A server with the pipeline file of `home`, where it keeps its events, too.
fn serve_in(home: &Folder) -> Server {
    let home = home.path().to_owned();
    Server::start_with(Folder::new(), |command| {
        command
            .current_dir(&home)
            .env("MATTEBOX_STATE", home.join("state"));
    })
}

/// The file that the event `id` is kept in.
fn file(home: &Folder, id: &str) -> PathBuf {
    let folders = home.path().join("state").read_dir().unwrap().flatten();
    let mut folders = folders.map(|it| it.path());
    let is_of_events = |it: &PathBuf| it.to_string_lossy().contains("events-");
    let folder = folders.find(is_of_events).unwrap();
    folder.join(format!("{id}.json"))
}

#[test]
fn a_camera_that_fails_and_works_again_is_an_event_with_its_last_picture() {
    let camera = Switched::new();
    let server = Server::start(Folder::with(&camera.pipeline()));
    let mut live = listen(&server, "");
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    camera.set(false);
    let start = live.until(|event| event.name == "camera-failed");
    assert_eq!(start.id.as_deref(), start.data["id"].as_str());
    assert_eq!(start.data["stream"], "front");
    assert_eq!(start.data["end"], Value::Null);
    assert!(start.data["text"].as_str().unwrap().len() > 5);
    let open = "mattebox_events_open{kind=\"camera-failed\"}";
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains(&format!("{open} 1")), "{metrics}");

    camera.set(true);
    let end = live.until(|event| event.name == "camera-failed");
    assert_eq!(end.id, start.id);
    assert!(end.data["end"].as_str() > end.data["start"].as_str());
    let list = list(&server, "");
    assert_eq!(list["events"], json!([end.data]));
    assert_eq!(list["next"], Value::Null);
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains(&format!("{open} 0")), "{metrics}");
    assert!(metrics.contains("mattebox_events_total{kind=\"camera-failed\"} 1"));

    let address = end.data["picture_url"].as_str().unwrap();
    let address = address.strip_prefix("../..").unwrap();
    let picture = server.get(address);
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    assert!(
        picture
            .header("cache-control")
            .unwrap()
            .contains("no-cache")
    );
    let tag = picture.header("etag").unwrap().to_owned();
    assert_eq!(picture.bytes(), jpeg("420.jpg"));
    let again = get(&server, address, &[("If-None-Match", &tag)]);
    assert_eq!((again.status, again.bytes().len()), (304, 0));
}

#[test]
fn an_event_ends_when_nobody_watches_or_the_stream_is_removed() {
    let server = Server::start(Folder::with(FAILING));
    fail(&server, "door");
    let mut live = listen(&server, "?kind=camera-failed");
    let viewer = server.watch("back");
    live.until(|event| event.data["stream"] == "back");
    assert_eq!(
        server
            .change("DELETE", "/api/v1/streams/back", &json!({}))
            .status,
        204
    );
    live.until(|event| event.data["stream"] == "back" && event.data["end"].is_string());
    drop(viewer);
}

#[test]
fn events_are_found_by_stream_kind_and_time_page_by_page() {
    let server = Server::start(Folder::with(FAILING));
    for name in ["door", "back", "door", "door"] {
        fail(&server, name);
    }
    let all = list(&server, "");
    assert_eq!(streams(&all), ["door", "door", "back", "door"]);
    assert_eq!(streams(&list(&server, "?stream=back")), ["back"]);
    assert_eq!(streams(&list(&server, "?kind=motion")).len(), 0);
    let page = list(&server, "?limit=3");
    assert_eq!(streams(&page), ["door", "door", "back"]);
    let rest = list(
        &server,
        &format!("?before={}", page["next"].as_str().unwrap()),
    );
    assert_eq!(
        (streams(&rest), &rest["next"]),
        (vec!["door"], &Value::Null)
    );
    let third = all["events"][1]["start"].as_str().unwrap();
    let since = list(&server, &format!("?since={third}"));
    assert_eq!(streams(&since), ["door", "door"]);
    let until = list(&server, &format!("?until={third}"));
    assert_eq!(streams(&until), ["back", "door"]);
    for wrong in [
        "?limit=0",
        "?limit=x",
        "?since=today",
        "?kind=No",
        "?before=1",
    ] {
        let response = get(
            &server,
            &format!("/api/v1/events{wrong}"),
            &[("Accept", "application/json")],
        );
        assert_eq!(response.status, 400, "{wrong}");
        assert!(response.json()["detail"].as_str().unwrap().len() > 10);
    }
    let id = all["events"][0]["id"].as_str().unwrap();
    let one = format!("/api/v1/events/{id}");
    assert_eq!(server.get(&one).json(), all["events"][0]);
    // It never had one.
    assert_eq!(server.get(&format!("{one}/picture")).status, 404);
    for unknown in [
        "20200101T000000000Z-00000000",
        "..%2f..%2fetc%2fpasswd",
        "x",
    ] {
        assert_eq!(server.get(&format!("/api/v1/events/{unknown}")).status, 404);
    }
}

#[test]
fn who_comes_back_gets_the_events_that_were_missed() {
    let server = Server::start(Folder::with(FAILING));
    for name in ["door", "back", "back"] {
        fail(&server, name);
    }
    let all = list(&server, "");
    let last = all["events"][1]["id"].as_str().unwrap();
    let response = get(&server, "/api/v1/events", &[("Last-Event-ID", last)]);
    let mut missed = Events::new(response);
    let newest = &all["events"][0]["id"];
    let seen = missed.until(|event| event.id.as_deref() == newest.as_str());
    assert_eq!(seen.data, all["events"][0]);
}

#[test]
fn only_the_admin_removes_events() {
    let server = Server::start(Folder::with(FAILING));
    fail(&server, "door");
    let all = list(&server, "");
    let one = format!(
        "/api/v1/events/{}",
        all["events"][0]["id"].as_str().unwrap()
    );
    let host = server.address.to_string();
    let refused = send(server.address, "DELETE", &one, &[("Host", &host)], b"");
    assert_eq!(refused.status, 401);
    assert_eq!(server.change("DELETE", &one, &json!({})).status, 204);
    assert_eq!(server.change("DELETE", &one, &json!({})).status, 404);
    assert_eq!(list(&server, "")["events"], json!([]));
}

#[test]
fn events_outlive_the_server_and_its_being_killed() {
    let camera = Switched::new();
    let home = Folder::with(&camera.pipeline());
    let server = serve_in(&home);
    assert_eq!(list(&server, "")["store"]["exists"], true);
    let mut live = listen(&server, "?kind=camera-failed");
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    camera.set(false);
    live.until(|_| true);
    camera.set(true);
    let first = live.until(|event| event.data["end"].is_string());
    camera.set(false);
    let lasting = live.until(|_| true).id.unwrap();
    // Written soon.
    let written = file(&home, &lasting);
    until(|| json!(written.exists()), |it| it == true);
    kill(&server);
    // What another program has broken is left out.
    let broken = file(&home, "20990101T000000000Z-00000000");
    std::fs::write(broken, "{\"id\":").unwrap();

    let again = serve_in(&home);
    let kept = list(&again, "");
    let ids: Vec<_> = kept["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&json!(lasting), &first.data["id"]]);
    assert_eq!(kept["events"][1], first.data);
    assert!(kept["events"][0]["end"].is_string());
    let address = kept["events"][1]["picture_url"].as_str().unwrap();
    let picture = again.get(address.strip_prefix("../..").unwrap());
    assert_eq!(picture.bytes(), jpeg("420.jpg"));
    let log = again.log();
    assert!(log.contains("can't be read are left out"), "{log}");
}

fn kill(server: &Server) {
    let pid = server.pid().to_string();
    let killed = Command::new("kill").args(["-KILL", &pid]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn an_event_that_lasts_ends_with_the_server() {
    let home = Folder::with(FAILING);
    let server = serve_in(&home);
    let mut live = listen(&server, "?kind=camera-failed");
    let viewer = server.watch("door");
    live.until(|_| true);
    let log = server.log();
    drop(viewer);
    assert!(!log.contains("panicked"), "{log}");
    let kept = list(&serve_in(&home), "");
    assert_eq!(streams(&kept), ["door"]);
    assert!(kept["events"][0]["end"].is_string());
}
