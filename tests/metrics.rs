//! Numbers for those who watch over the server.

use serde_json::Value;

use crate::support::server::Server;
use crate::support::{Folder, repository};

/// The value of a sample.
fn sample(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.trim().parse().unwrap()
}

#[test]
fn the_numbers_are_those_of_the_api() {
    let server = Server::start(Folder::with(
        "streams:\n  s: { filters: [{ use: timestamp }] }\n",
    ));
    let mut viewer = server.watch("s");
    for _ in 0..20 {
        viewer.next().unwrap();
    }
    check_running(&server);
    drop(viewer);
    server.until("s", |report| report["viewers"] == 0);
    let viewers = "mattebox_stream_viewers{stream=\"s\"}";
    assert_eq!(sample(&server.get("/metrics").text(), viewers), 0.0);
    check_wrong_file(&server);
}

/// Checks the numbers of a stream that somebody watches.
fn check_running(server: &Server) {
    let response = server.get("/metrics");
    let kind = response.header("content-type").unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = response.text();
    assert_eq!(sample(&text, "mattebox_stream_viewers{stream=\"s\"}"), 1.0);
    assert_eq!(
        sample(
            &text,
            "mattebox_stream_state{stream=\"s\",state=\"running\"}"
        ),
        1.0
    );
    assert_eq!(
        sample(
            &text,
            "mattebox_stream_state{stream=\"s\",state=\"failing\"}"
        ),
        0.0
    );
    let spliced = sample(
        &text,
        "mattebox_frames_served_total{stream=\"s\",path=\"splice\"}",
    );
    assert!(
        spliced >= 20.0 && spliced <= sample(&text, "mattebox_frames_received_total{stream=\"s\"}")
    );
    assert!(sample(&text, "mattebox_served_bytes_total{stream=\"s\"}") > 20.0 * 10_000.0);
    let sent = |kind: &str| {
        sample(
            &text,
            &format!("mattebox_sent_{kind}_total{{stream=\"s\"}}"),
        )
    };
    assert!(sent("frames") >= 20.0 && sent("bytes") > sent("frames") * 10_000.0);
    let camera = "mattebox_source_open{stream=\"s\",driver=\"demo\"}";
    assert_eq!(sample(&text, camera), 1.0);
    let step = "{stream=\"s\",step=\"1\",filter=\"timestamp\"";
    let calls = sample(
        &text,
        &format!("mattebox_step_duration_seconds_count{step}}}"),
    );
    assert!(calls >= spliced);
    let all = sample(
        &text,
        &format!("mattebox_step_duration_seconds_bucket{step},le=\"+Inf\"}}"),
    );
    assert_eq!(all, calls);
    assert!(
        sample(
            &text,
            &format!("mattebox_step_duration_seconds_sum{step}}}")
        ) > 0.0
    );
    assert_eq!(
        sample(&text, &format!("mattebox_step_errors_total{step}}}")),
        0.0
    );
    assert_eq!(sample(&text, "mattebox_pipeline_valid"), 1.0);
}

fn check_wrong_file(server: &Server) {
    assert_eq!(server.get("/readyz").status, 200);
    std::fs::write(server.folder().join("pipeline.yaml"), "streams: 5\n").unwrap();
    server.until_get("/api/pipeline", |report| !report["error"].is_null());
    let text = server.get("/metrics").text();
    assert_eq!(sample(&text, "mattebox_pipeline_valid"), 0.0);
    // A file that is read while it is being written is one more.
    assert!(sample(&text, "mattebox_reloads_total{result=\"failure\"}") >= 1.0);
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("pipeline.yaml:1:10"));
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let server = Server::start(Folder::with(
        "streams: { s: { filters: [{ use: timestamp }] } }\n",
    ));
    server.watch("s").next().unwrap();
    let text = server.get("/metrics").text();
    let dashboard = std::fs::read_to_string(repository("docs/grafana.json")).unwrap();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names = dashboard.match_indices("mattebox_").map(|(at, _)| {
        let rest = &dashboard[at..];
        &rest[..rest.find(|c| !is_name(c)).unwrap()]
    });
    let mut count = 0;
    for name in names {
        assert!(
            text.contains(&format!("\n{name}{{")) || text.contains(&format!("\n{name} ")),
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 10);
}

#[test]
fn a_failing_camera_is_not_ready() {
    let folder =
        Folder::with("streams: { s: { source: { driver: exec, command: [\"false\"] } } }\n");
    let server = Server::start(folder);
    assert_eq!(server.get("/readyz").status, 200);
    let _viewer = server.watch("s");
    server.until("s", |s| s["state"] == "failing");
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("the stream `s` fails"));
}

#[test]
fn the_log_can_be_read_by_programs() {
    let folder = Folder::with("streams: { s: }\n");
    let server = Server::start_with(folder, |command| {
        command.args(["--log-format", "json"]);
    });
    server.watch("s").next().unwrap();
    let log = server.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line["span"]["stream"] == "s" && line["level"] == "INFO"),
        "{log}"
    );
    // One line a change, never one a frame.
    assert!(lines.len() < 10, "{log}");
}
