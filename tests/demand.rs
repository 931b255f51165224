//! Who wants a camera, and how many of its frames.

use serde_json::{Value, json};

use crate::support::Folder;
use crate::support::camera::{HttpCamera, plain};
use crate::support::picture::jpeg;
use crate::support::server::Server;

/// A camera that gives a picture whenever it is asked for one.
fn snapshots() -> HttpCamera {
    HttpCamera::new(|_, socket| {
        plain(
            socket,
            "200 OK",
            "Content-Type: image/jpeg\r\n",
            &jpeg("420.jpg"),
        )
    })
}

const GPIO: &str = "gpio:
  backend: simulated
  folder: pins
  outputs:
    - { pin: 17, shows: analysis, stream: door }
    - { pin: 22, shows: viewers, stream: door }
    - { pin: 23, shows: streams, stream: door }
    - { pin: 27, shows: captures, stream: door }
";

/// The stream `door` of this camera, fifty times a second where it is watched, and `rest`.
fn server(camera: &HttpCamera, door: &str, rest: &str) -> Server {
    let address = camera.address;
    Server::start(Folder::with(&format!(
        "admin-token: {{ env: TEST_TOKEN }}
{GPIO}streams:
  door:
    source: {{ driver: http, url: 'http://{address}/', fps: 50, stall-timeout: 2s }}
    idle-timeout: 50ms
{door}{rest}"
    )))
}

/// Waits until the camera was asked `count` times more, and gives how often a second it was.
fn asked_per_second(camera: &HttpCamera, count: usize) -> f64 {
    let wait = |count: usize| {
        crate::support::server::until(
            || json!(camera.requests().len()),
            |it| it.as_u64() >= Some(count as u64),
        );
        std::time::Instant::now()
    };
    let now = camera.requests().len();
    let start = wait(now + 1);
    let end = wait(now + 1 + count);
    count as f64 / (end - start).as_secs_f64()
}

fn pins(server: &Server) -> Value {
    let level = |pin: u8| {
        let path = server.folder().join(format!("pins/gpio{pin}"));
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let levels = [17, 22, 23, 27].map(|pin| level(pin).trim() == "1");
    json!(levels)
}

fn until_pins(server: &Server, levels: [bool; 4]) {
    crate::support::server::until(|| pins(server), |it| *it == json!(levels));
}

fn metric(server: &Server, by: &str) -> bool {
    let line = format!("mattebox_stream_wanted{{stream=\"door\",by=\"{by}\"}} 1\n");
    server.get("/metrics").text().contains(&line)
}

#[test]
fn a_camera_is_asked_for_no_more_than_its_analysis_looks_at() {
    let camera = snapshots();
    let filters = "    run: always
    filters: [{ use: motion, every: 200ms }, { use: motion, every: 10ms, enabled: false }]
";
    let server = server(&camera, filters, "");
    let report = server.until("door", |it| it["wanted_fps"] == json!(5.0));
    assert_eq!(report["wanted_by"], json!(["analysis"]));
    let asked = asked_per_second(&camera, 10);
    assert!((3.0..6.0).contains(&asked), "{asked}");
    server.until("door", |it| {
        it["fps_in"].as_f64().is_some_and(|fps| fps <= 6.0)
    });
    until_pins(&server, [true, false, false, true]);
    assert!(metric(&server, "analysis") && !metric(&server, "viewers"));

    let viewer = server.watch("door");
    let report = server.until("door", |it| it["wanted_fps"].is_null());
    assert_eq!(report["wanted_by"], json!(["viewers", "analysis"]));
    let asked = asked_per_second(&camera, 20);
    assert!(asked > 10.0, "{asked}");
    until_pins(&server, [true, true, false, true]);
    assert!(metric(&server, "analysis") && metric(&server, "viewers"));
    drop(viewer);
    server.until("door", |it| it["wanted_fps"] == json!(5.0));

    let change = json!({ "run": "on-demand" });
    assert_eq!(
        server
            .change("PATCH", "/api/v1/streams/door", &change)
            .status,
        200
    );
    let report = server.until("door", |it| it["state"] == "resting");
    assert_eq!(
        (&report["wanted_by"], &report["wanted_fps"]),
        (&json!([]), &Value::Null)
    );
    until_pins(&server, [false; 4]);
    let log = server.log();
    assert!(
        log.contains("stream starting") && log.contains("wanted_by=\"analysis\""),
        "{log}"
    );
    // It was closed neither for a viewer nor by the watchdog.
    assert_eq!(log.matches("stream starting").count(), 1, "{log}");
    assert!(!log.contains("the camera fails"), "{log}");
}

#[test]
fn a_stream_asks_another_for_no_more_than_it_wants_itself() {
    let camera = snapshots();
    let rest = "  slow:
    source: { stream: door }
    idle-timeout: 50ms
    run: always
    filters: [{ use: motion, every: 4s }]
";
    let server = server(&camera, "", rest);
    let report = server.until("door", |it| it["wanted_fps"] == json!(0.25));
    assert_eq!(report["wanted_by"], json!(["streams"]));
    until_pins(&server, [false, false, true, true]);
    assert!(metric(&server, "streams"));
    // Longer than the camera's stall-timeout.
    let asked = asked_per_second(&camera, 2);
    assert!(asked < 0.35, "{asked}");
    assert_eq!(server.report("door")["state"], "running");
    // Whoever comes need not wait for the next picture of four seconds.
    let start = std::time::Instant::now();
    let mut viewer = server.watch("slow");
    viewer.next().unwrap();
    viewer.next().unwrap();
    assert!(start.elapsed().as_secs_f64() < 3.0);
    assert_eq!(server.report("door")["wanted_fps"], Value::Null);
}
