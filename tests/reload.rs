//! The pipeline is changed by its files while people watch.

use std::fs;
use std::io::Write;
use std::process::Command;

use serde_json::Value;

use crate::support::crowd::Crowd;
use crate::support::hostile::{UNCHANGED, configure, overlay, slow_to_compile};
use crate::support::picture::{decode, is_near, jpeg, mean, numbered, png};
use crate::support::server::{Server, until};
use crate::support::{Folder, load, repository};

const RED: [u8; 4] = [255, 0, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const FRAMES: u32 = 100;

/// `s` plays numbered frames; `filters` is its chain.
fn pipeline(filters: &str) -> String {
    format!(
        "streams:
  s:
    source: {{ driver: files, path: 'f*.jpg', fps: 20 }}
    filters: {filters}
  other: {{ source: {{ driver: demo }}, filters: [{{ use: timestamp }}] }}
admin-token: {{ env: TEST_TOKEN }}
"
    )
}

fn folder(filters: &str) -> Folder {
    let folder = Folder::with(&pipeline(filters));
    for index in 0..FRAMES {
        folder.write(&format!("f{index:03}.jpg"), numbered(index, 0));
    }
    folder
}

/// A watermark in the corner, which is of this colour at first.
fn with_logo(colour: [u8; 4]) -> (Folder, &'static str) {
    let filters = "[{ use: watermark, with: { image: logo.png, margin: 0, position: top-left } }]";
    let folder = folder(filters);
    folder.write("logo.png", png(64, 64, colour));
    (folder, filters)
}

fn corner(server: &Server) -> [f64; 3] {
    let picture = decode(&server.get("/s.jpg").bytes());
    mean(&picture, 16, 16, 16, 16)
}

/// Watches until the corner is of this colour.
fn until_corner(server: &Server, colour: [u8; 4]) {
    let wanted = [colour[0], colour[1], colour[2]].map(f64::from);
    let mut viewer = server.watch("s");
    for _ in 0..400 {
        let part = viewer.next().unwrap();
        if is_near(mean(&decode(&part.jpeg), 16, 16, 16, 16), wanted) {
            return;
        }
    }
    panic!("never {wanted:?}, but {:?}", corner(server));
}

/// As the admin sees it, who is told what is wrong.
fn reloads(server: &Server) -> Value {
    server.change_by("GET", "/api/pipeline", b"").json()
}

fn until_reload(server: &Server, condition: impl Fn(&Value) -> bool) -> Value {
    until(|| reloads(server), condition)
}

fn until_error(server: &Server, words: &str) {
    until_reload(server, |report| {
        let message = report["error"]["message"].as_str();
        message.is_some_and(|message| message.contains(words))
    });
}

fn save(server: &Server, text: &str) {
    fs::write(server.folder().join("pipeline.yaml"), text).unwrap();
}

#[test]
fn filters_come_and_go_while_twenty_people_watch() {
    let server = Server::start(folder("[]"));
    fs::write(server.folder().join("logo.png"), png(64, 64, RED)).unwrap();
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    assert_eq!(
        server.until("s", |s| s["viewers"] == 20)["filters"],
        serde_json::json!([])
    );
    let logo = "{ use: watermark, with: { image: logo.png, margin: 0, position: top-left } }";
    // One more step.
    save(&server, &pipeline(&format!("[{logo}]")));
    until_corner(&server, RED);
    // Another setting.
    let other = logo.replace("top-left", "bottom-right");
    save(&server, &pipeline(&format!("[{other}]")));
    server.until("s", |s| {
        s["filters"][0]["settings"]["position"] == "bottom-right"
    });
    // Another asset.
    save(&server, &pipeline(&format!("[{logo}]")));
    until_corner(&server, RED);
    fs::write(server.folder().join("logo.png"), png(64, 64, BLUE)).unwrap();
    until_corner(&server, BLUE);
    // Switched off, and gone.
    let off = logo.replace("use: watermark,", "use: watermark, enabled: false,");
    save(&server, &pipeline(&format!("[{off}]")));
    let report = server.until("s", |s| s["filters"][0]["state"] == "off");
    assert_eq!(report["filters"][0]["use"], "watermark");
    server.until("s", |s| s["path"] == "passthrough");
    save(&server, &pipeline("[]"));
    server.until("s", |s| s["filters"] == serde_json::json!([]));
    crowd.saw_everything();
    let report = server.report("s");
    assert_eq!(
        (&report["frames_dropped"], &report["frames_skipped"]),
        (&0.into(), &0.into())
    );
    let failed = reloads(&server)["failed_reloads"].clone();
    let log = server.log();
    assert_eq!(failed, 0, "{log}");
}

#[test]
fn a_module_is_replaced_by_a_better_one() {
    let folder = folder("[{ use: ./label.wasm, with: { format: label } }]");
    let prebuilt = |name: &str| fs::read(repository("filters/prebuilt").join(name)).unwrap();
    folder.write("label.wasm", prebuilt("timestamp.wasm"));
    let server = Server::start(folder);
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    assert_eq!(server.report("s")["filters"][0]["name"], "timestamp");
    // As compilers do it: a new file in the old one's place.
    let (new, path) = (
        server.folder().join("new"),
        server.folder().join("label.wasm"),
    );
    fs::write(&new, prebuilt("text.wasm")).unwrap();
    fs::rename(&new, &path).unwrap();
    server.until("s", |s| s["filters"][0]["name"] == "text");
    // Half a module changes nothing.
    let whole = prebuilt("timestamp.wasm");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let report = until_reload(&server, |report| !report["error"].is_null());
    let problem = &report["error"]["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&4.into(), &22.into())
    );
    assert!(
        problem["message"].as_str().unwrap().contains("label.wasm"),
        "{problem}"
    );
    assert_eq!(server.report("s")["filters"][0]["name"], "text");
    // The rest of it comes.
    fs::write(&path, &whole).unwrap();
    server.until("s", |s| s["filters"][0]["name"] == "timestamp");
    until_reload(&server, |report| report["error"].is_null());
    crowd.saw_everything();
}

#[test]
fn a_new_build_has_none_of_the_old_ones_errors() {
    let folder = folder("[{ use: ./label.wasm }]");
    folder.write("label.wasm", overlay("unreachable"));
    let server = Server::start(folder);
    let module = server.folder().join("label.wasm");
    let _viewer = server.watch("s");
    let step = |report: &Value| report["filters"][0].clone();
    let is_failing = |step: &Value| {
        let error = step["last_error"].as_str().unwrap_or_default();
        step["state"] == "failing" && error.contains("unreachable")
    };
    server.until("s", |report| is_failing(&step(report)));
    // One that can't be started leaves the old one, which still fails.
    fs::write(&module, configure("unreachable")).unwrap();
    until_reload(&server, |report| !report["error"].is_null());
    let report = server.report("s");
    assert!(is_failing(&step(&report)), "{report:#}");
    fs::write(&module, overlay(UNCHANGED)).unwrap();
    let report = server.until("s", |report| step(report)["state"] == "running");
    let step = step(&report);
    assert_eq!(step["last_error"], Value::Null, "{step:#}");
    assert!(step["errors"].as_u64() >= Some(1), "{step:#}");
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told_of() {
    let (folder, filters) = with_logo(RED);
    let server = Server::start(folder);
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    save(&server, &pipeline("[{ use: watermrk }]"));
    let report = until_reload(&server, |report| !report["error"].is_null());
    let error = &report["error"];
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("did you mean `watermark`?"),
        "{error}"
    );
    assert_eq!(error["problems"][0]["line"], 4);
    assert_eq!(error["problems"][0]["column"], 22);
    // A file that is no YAML, an empty one, none at all.
    for (text, words) in [
        ("streams: [", "pipeline.yaml:1:"),
        ("", "the file is empty"),
    ] {
        save(&server, text);
        until_error(&server, words);
    }
    fs::remove_file(server.folder().join("pipeline.yaml")).unwrap();
    until_error(&server, "no such file");
    until_corner(&server, RED);
    save(&server, &pipeline(filters));
    let report = until_reload(&server, |now| now["error"].is_null());
    // A file that is read while it is being written is one more.
    assert!(report["failed_reloads"].as_u64() >= Some(4), "{report}");
    crowd.saw_everything();
    let log = server.log();
    assert!(log.contains("pipeline.yaml:4:22"), "{log}");
    assert!(log.contains("the old pipeline goes on"), "{log}");
}

#[test]
fn what_is_not_changed_goes_on_with_its_state() {
    // Fails at the first call of each instance, so that its errors count instances.
    let first_fails = overlay(&format!(
        "(if (i32.eqz (i32.load (i32.const 512)))
            (then (i32.store (i32.const 512) (i32.const 1))
                  (i32.store (i32.const 1024) (i32.const 1))
                  (i64.store offset=4 (i32.const 1024) (i64.const 0))
                  (return (i32.const 1024))))
         {UNCHANGED}"
    ));
    let counting = "{ use: ./counting.wasm }";
    let folder = folder(&format!("[{counting}]"));
    folder.write("counting.wasm", first_fails);
    let server = Server::start(folder);
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    let first = server.until("s", |s| s["filters"][0]["errors"] == 1);
    let id = &first["filters"][0]["id"];
    let time = "{ use: timestamp, with: { format: \"%H\" } }";
    for (chain, index) in [
        (format!("[{time}, {counting}]"), 1),
        (format!("[{counting}, {time}]"), 0),
        (format!("[{time}, {counting}, {time}]"), 1),
        (format!("[{counting}]"), 0),
    ] {
        save(&server, &pipeline(&chain));
        let steps = chain.matches("use").count();
        let report = server.until("s", |s| {
            let is_there = s["filters"][index]["use"] == "./counting.wasm";
            is_there && s["filters"].as_array().unwrap().len() == steps
        });
        assert_eq!(report["filters"][index]["id"], *id, "{report}");
        let calls = report["filters"][index]["calls"].as_u64().unwrap();
        // It is called again in its new place.
        let report = server.until("s", |s| {
            s["filters"][index]["calls"].as_u64().unwrap() > calls + 1
        });
        assert_eq!(report["filters"][index]["errors"], 1, "{report}");
    }
    // With another limit it is a new instance, known by the old id.
    save(
        &server,
        &pipeline("[{ use: ./counting.wasm, time-limit: 2s }]"),
    );
    let report = server.until("s", |s| s["filters"][0]["errors"] == 2);
    assert_eq!(report["filters"][0]["id"], *id);
    crowd.saw_everything();
}

#[test]
fn streams_come_and_go() {
    let folder = folder("[]");
    let server = Server::start(folder);
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    let mut other = server.watch("other");
    other.next().unwrap();
    // `other` goes, and with it its viewer; two come, one of which takes the other's frames.
    let text = pipeline("[]").replace(
        "  other: { source: { driver: demo }",
        "  shares: { source: { stream: new } }\n  new: { source: { driver: demo }",
    );
    save(&server, &text);
    while other.next().is_some() {}
    assert_eq!(server.get("/other.jpg").status, 404);
    assert_eq!(server.get("/shares.jpg").status, 200);
    let names: Vec<_> = server.get("/api/streams").json()["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| stream["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["s", "shares", "new"]);
    crowd.saw_everything();
}

#[test]
fn another_camera_takes_over_without_losing_anybody() {
    let folder = folder("[]");
    folder.write("only.jpg", jpeg("420.jpg"));
    let server = Server::start(folder);
    let mut viewers: Vec<_> = (0..20).map(|_| server.watch("s")).collect();
    for viewer in &mut viewers {
        viewer.next().unwrap();
    }
    save(&server, &pipeline("[]").replace("f*.jpg", "only.jpg"));
    for viewer in &mut viewers {
        let mut frames = (0..400).map(|_| viewer.next().expect("nobody is disconnected").jpeg);
        assert!(frames.any(|frame| frame == jpeg("420.jpg")));
    }
    let report = server.report("s");
    assert_eq!(
        (&report["state"], &report["viewers"]),
        (&"running".into(), &20.into())
    );
    assert_eq!(report["last_error"], Value::Null);
}

#[test]
fn a_recording_that_is_over_is_drawn_on_again() {
    let folder = Folder::with(
        "streams:
  s: { source: { driver: files, path: one.jpg, loop: false }, filters: [] }
",
    );
    folder.write("one.jpg", jpeg("420.jpg"));
    folder.write("logo.png", png(64, 64, RED));
    let server = Server::start(folder);
    let mut viewer = server.watch("s");
    viewer.next().unwrap();
    server.until("s", |s| s["state"] == "ended");
    save(
        &server,
        "streams:
  s:
    source: { driver: files, path: one.jpg, loop: false }
    filters: [{ use: watermark, with: { image: logo.png, margin: 0, position: top-left } }]
",
    );
    let picture = decode(&viewer.next().unwrap().jpeg);
    assert!(is_near(mean(&picture, 16, 16, 16, 16), [255.0, 0.0, 0.0]));
}

#[cfg(unix)]
#[test]
fn sighup_reloads_and_links_are_followed() {
    let folder = folder("[]");
    // As orchestrators mount files: a link to a link, of which the middle one is replaced.
    fs::create_dir(folder.path().join("v1")).unwrap();
    fs::create_dir(folder.path().join("v2")).unwrap();
    fs::rename(
        folder.path().join("pipeline.yaml"),
        folder.path().join("v1/pipeline.yaml"),
    )
    .unwrap();
    folder.write("v2/pipeline.yaml", pipeline("[{ use: timestamp }]"));
    let link =
        |to: &str, from: &str| std::os::unix::fs::symlink(to, folder.path().join(from)).unwrap();
    link("v1", "current");
    link("current/pipeline.yaml", "pipeline.yaml");
    let server = Server::start(folder);
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    std::os::unix::fs::symlink("v2", server.folder().join("next")).unwrap();
    fs::rename(
        server.folder().join("next"),
        server.folder().join("current"),
    )
    .unwrap();
    server.until("s", |s| s["filters"][0]["use"] == "timestamp");
    let hangup = Command::new("kill")
        .args(["-HUP", &server.pid().to_string()])
        .status();
    assert!(hangup.unwrap().success());
    crowd.saw_everything();
    let log = server.log();
    assert!(log.contains("as it was told to"), "{log}");
}

#[cfg(unix)]
#[test]
fn a_change_that_nobody_tells_of_is_seen_too() {
    let folder = folder("[]");
    // By its other name a file is changed without a word in this folder, as one that is mounted is.
    let elsewhere = Folder::with(&pipeline("[]"));
    let (here, there) = (
        folder.path().join("pipeline.yaml"),
        elsewhere.path().join("pipeline.yaml"),
    );
    fs::remove_file(&here).unwrap();
    fs::hard_link(&there, &here).unwrap();
    let server = Server::start(folder);
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    fs::write(&there, pipeline("[{ use: timestamp }]")).unwrap();
    server.until("s", |s| s["filters"][0]["use"] == "timestamp");
    crowd.saw_everything();
}

#[test]
fn a_burst_of_saves_ends_with_the_last() {
    let server = Server::start(folder("[]"));
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    for quality in 1..=100 {
        let filters = format!("[{{ use: text, with: {{ format: \"number {quality}\" }} }}]");
        save(&server, &pipeline(&filters));
    }
    server.until("s", |s| {
        s["filters"][0]["settings"]["format"] == "number 100"
    });
    crowd.saw_everything();
    let reloads = reloads(&server);
    assert!(reloads["reloads"].as_u64().unwrap() < 100, "{reloads}");
}

/// A server whose modules are not compiled yet.
fn with_slow_modules(seeds: &[u32]) -> Server {
    let folder = folder("[]");
    for seed in seeds {
        folder.write(&format!("slow{seed}.wasm"), slow_to_compile(*seed));
    }
    Server::start_with(folder, |command| {
        command.env("MATTEBOX_CACHE", "off");
    })
}

/// The same as [`pipeline`], with a title of `s`.
fn entitled(title: &str, filters: &str) -> String {
    pipeline(filters).replace("  s:\n", &format!("  s:\n    title: {title}\n"))
}

#[test]
fn a_file_that_is_saved_faster_than_its_module_compiles_is_put_in_force_meanwhile() {
    let _busy = load::busy();
    let server = with_slow_modules(&[0]);
    let mut viewer = server.watch("s");
    let is_in_force = |server: &Server| server.report("s")["filters"] != serde_json::json!([]);
    // The module alone takes longer than the time between two of them.
    for save_number in 0..100 {
        let title = format!("number {save_number}");
        save(&server, &entitled(&title, "[{ use: ./slow0.wasm }]"));
        for _ in 0..10 {
            viewer.next().unwrap();
            if is_in_force(&server) {
                return;
            }
        }
    }
    panic!("never in force: {}", server.log());
}

#[cfg(target_os = "linux")]
#[test]
fn modules_that_no_version_of_the_file_names_any_more_pile_up_nowhere() {
    let _busy = load::busy();
    let server = with_slow_modules(&[1, 2, 3]);
    for seed in 1..=3 {
        let before = server.children();
        let filters = format!("[{{ use: ./slow{seed}.wasm }}]");
        save(&server, &pipeline(&filters));
        let is_begun = |_: &Value| server.children().iter().any(|it| !before.contains(it));
        until(|| Value::Null, is_begun);
        // This one, and the one before it.
        until(|| Value::Null, |_| server.children().len() <= 2);
    }
    // The last one goes on for nobody, and ends with the server.
    save(&server, &entitled("none of them", "[]"));
    server.until("s", |s| s["title"] == "none of them");
    let children = server.children();
    let log = server.log();
    assert!(!children.is_empty(), "{log}");
    let is_gone = |child: &u32| !std::path::Path::new(&format!("/proc/{child}")).exists();
    until(|| Value::Null, |_| children.iter().all(is_gone));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let server = Server::start(folder("[]"));
    let _quiet = load::quiet();
    let crowd = Crowd::new(&server, 20, FRAMES);
    save(&server, &pipeline("[{ use: timestamp }]"));
    until_reload(&server, |report| report["reloads"] == 1);
    let whole = pipeline("[]");
    // Without `other` it would be a right pipeline too.
    let (half, rest) = whole.split_at(whole.find("  other:").unwrap());
    let mut file = fs::File::create(server.folder().join("pipeline.yaml")).unwrap();
    file.write_all(half.as_bytes()).unwrap();
    let mut viewer = server.watch("s");
    for _ in 0..30 {
        viewer.next().unwrap();
    }
    assert_eq!(reloads(&server)["reloads"], 1);
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    let report = until_reload(&server, |report| report["reloads"] == 2);
    assert_eq!(report["failed_reloads"], 0);
    assert_eq!(server.report("s")["filters"], serde_json::json!([]));
    assert_eq!(server.get("/other.jpg").status, 200);
    crowd.saw_everything();
    let log = server.log();
    assert!(!log.contains("stream removed"), "{log}");
}

#[test]
fn keys_that_take_a_restart_are_named() {
    let started = format!("listen: 127.0.0.1:0\n{}", pipeline("[]"));
    let files = folder("[]");
    files.write("pipeline.yaml", &started);
    let server = Server::start(files);
    save(&server, &format!("listen: 127.0.0.1:1\n{}", pipeline("[]")));
    let report = until_reload(&server, |report| report["reloads"] == 1);
    assert_eq!(report["needs_restart"], serde_json::json!(["listen"]));
    assert!(report["error"].is_null());
    // As long as it is another than at the start, whatever else changes.
    save(
        &server,
        &format!("listen: 127.0.0.1:1\n{}", pipeline("[{ use: timestamp }]")),
    );
    let report = until_reload(&server, |report| report["reloads"] == 2);
    assert_eq!(report["needs_restart"], serde_json::json!(["listen"]));
    save(&server, &started);
    let report = until_reload(&server, |report| report["reloads"] == 3);
    assert_eq!(report["needs_restart"], serde_json::json!([]));
    // Where the command line says where to listen, a restart changes nothing.
    let server = Server::start(folder("[]"));
    save(&server, &format!("listen: 127.0.0.1:1\n{}", pipeline("[]")));
    let report = until_reload(&server, |report| report["reloads"] == 1);
    assert_eq!(report["needs_restart"], serde_json::json!([]));
}
