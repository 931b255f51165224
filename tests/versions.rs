//! Earlier versions of the pipeline file: every change can be undone, and nothing of others is lost
//! by that.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::http::{Response, send};
use crate::support::server::Server;
use crate::support::{Folder, mattebox, stderr, stdout};

const FILE: &str = "# of the house
admin-token: { env: TEST_TOKEN }
streams:
  s:
    source: { driver: http, url: 'http://127.0.0.1:9/', user: me, password: pl4nted-secret }
    filters:
      - { use: timestamp, with: { size: 20 } }   # above
      - { use: watermark, with: { image: logo.png } }
";

fn folder() -> Folder {
    let folder = Folder::with(FILE);
    folder.write(
        "logo.png",
        crate::support::picture::png(8, 8, [255, 0, 0, 255]),
    );
    folder
}

/// A server that keeps versions in the folder `state`.
fn serve(folder: Folder) -> Server {
    let state = folder.path().join("state");
    Server::start_with(folder, |command| {
        command.env("MATTEBOX_STATE", state);
    })
}

fn text(server: &Server) -> String {
    std::fs::read_to_string(server.folder().join("pipeline.yaml")).unwrap()
}

fn step(server: &Server, at: usize) -> String {
    let id = &server.report("s")["filters"][at]["id"];
    format!("/api/streams/s/steps/{id}")
}

/// Sets the timestamp's size; gives the versions before and after.
fn resize(server: &Server, size: u32) -> (String, String) {
    let path = step(server, 0);
    let answer = server.change("PATCH", &path, &json!({ "with": { "size": size } }));
    assert_eq!(answer.status, 200);
    ids(&answer)
}

fn ids(answer: &Response) -> (String, String) {
    let id = |name| answer.header(name).unwrap().to_owned();
    (id("x-mattebox-previous"), id("x-mattebox-revision"))
}

fn restore(server: &Server, id: &str, body: &Value) -> Response {
    let path = format!("/api/pipeline/versions/{id}/restore");
    server.change("POST", &path, body)
}

/// Runs `mattebox` beside the server, whose token its environment doesn't have.
fn command(server: &Server, arguments: &[&str]) -> Output {
    let mut command = mattebox();
    command.env("MATTEBOX_STATE", server.folder().join("state"));
    command.current_dir(server.folder());
    command.args(arguments).output().unwrap()
}

fn versions(server: &Server) -> Vec<Value> {
    let all = server.get("/api/pipeline/versions").json();
    all["versions"].as_array().unwrap().clone()
}

#[test]
fn every_change_can_be_undone_and_done_again_and_the_list_says_who_made_it() {
    let server = serve(folder());
    let (first, second) = resize(&server, 30);
    let changed = text(&server);
    let (_, third) = resize(&server, 40);
    let all = versions(&server);
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["id"], third.as_str());
    assert_eq!(all[0]["is_current"], true);
    assert_eq!(all[0]["by"]["kind"], "api");
    assert_eq!(all[0]["by"]["method"], "PATCH");
    assert_eq!(all[0]["by"]["path"], step(&server, 0));
    assert_eq!(all[0]["by"]["peer"], "127.0.0.1");
    assert_eq!(all[2]["by"]["kind"], "file");
    // One after the other, each only from where it led to.
    let undone = restore(&server, &second, &json!({ "revision": third }));
    assert_eq!(undone.status, 200);
    assert_eq!(undone.json()["revision"], second.as_str());
    assert_eq!(text(&server), changed);
    assert_eq!(
        restore(&server, &first, &json!({ "revision": second })).status,
        200
    );
    assert_eq!(text(&server), FILE);
    assert_eq!(server.report("s")["filters"][0]["settings"]["size"], 20);
    assert_eq!(
        restore(&server, &third, &json!({ "revision": first })).status,
        200
    );
    assert_eq!(server.report("s")["filters"][0]["settings"]["size"], 40);
    // What was restored is the newest, and each text is there once.
    let all = versions(&server);
    assert_eq!(all.len(), 3);
    assert_eq!(
        all[0]["by"]["path"],
        format!("/api/pipeline/versions/{third}/restore")
    );
    assert!(server.log().contains(&format!("revision=\"{third}\"")));
}

#[test]
fn a_change_is_not_undone_over_what_others_have_changed_since() {
    let server = serve(folder());
    let (before, after) = resize(&server, 30);
    let off = server.change("PATCH", &step(&server, 1), &json!({ "enabled": false }));
    assert_eq!(off.status, 200);
    let now = text(&server);
    let refused = restore(&server, &before, &json!({ "revision": after }));
    assert_eq!(refused.status, 409);
    let why = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        why.contains("was changed meanwhile: from 127.0.0.1 at 20"),
        "{why}"
    );
    // By hand, too, also where that is not in force yet.
    let edited = now.replace("# of the house", "# of the garden");
    std::fs::write(server.folder().join("pipeline.yaml"), &edited).unwrap();
    let refused = restore(&server, &before, &json!({ "revision": after }));
    assert_eq!(refused.status, 409);
    assert_eq!(text(&server), edited);
    // Without a revision it goes back all the same, and what was written by hand is a version.
    let restored = restore(&server, &before, &json!({}));
    assert_eq!(restored.status, 200);
    assert_eq!(text(&server), FILE);
    let id = ids(&restored).0;
    assert_eq!(restore(&server, &id, &json!({})).status, 200);
    assert_eq!(text(&server), edited);
}

#[test]
fn a_wrong_file_is_replaced_by_an_earlier_version_and_kept() {
    let server = serve(folder());
    let revision = server.get("/api/pipeline").json()["revision"].clone();
    let wrong = FILE.replace("size: 20", "size: [");
    std::fs::write(server.folder().join("pipeline.yaml"), &wrong).unwrap();
    server.until_get("/api/pipeline", |pipeline| !pipeline["error"].is_null());
    let restored = restore(&server, revision.as_str().unwrap(), &json!({}));
    assert_eq!(restored.status, 200);
    let (before, _) = ids(&restored);
    assert_eq!(restored.json()["error"], Value::Null);
    assert_eq!(text(&server), FILE);
    // It is as wrong as it was.
    let refused = restore(&server, &before, &json!({}));
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["problems"][0]["line"], 8);
    assert_eq!(text(&server), FILE);
}

#[test]
fn a_version_whose_filters_are_gone_is_refused_like_any_change() {
    let server = serve(folder());
    let removed = server.change("DELETE", &step(&server, 1), &Value::Null);
    assert_eq!(removed.status, 204);
    let (before, after) = ids(&removed);
    std::fs::remove_file(server.folder().join("logo.png")).unwrap();
    let refused = restore(&server, &before, &json!({ "revision": after }));
    assert_eq!(refused.status, 422);
    let refused = refused.json();
    assert_eq!(refused["problems"][0]["line"], 8);
    assert!(refused["detail"].as_str().unwrap().contains("logo.png"));
    let refused = command(&server, &["restore", &before]);
    assert_eq!(refused.status.code(), Some(2));
    let why = stderr(&refused);
    assert!(
        why.contains("pipeline.yaml:8:") && why.contains("logo.png"),
        "{why}"
    );
    assert!(!text(&server).contains("watermark"));
}

#[test]
fn versions_outlive_the_server_and_the_newest_twenty_are_kept() {
    let server = serve(folder());
    for size in 20..43 {
        resize(&server, size + 1);
    }
    let before = versions(&server);
    assert_eq!(before.len(), 20);
    // The command sees them, without a server as well.
    let listed = stdout(&command(&server, &["versions"]));
    assert_eq!(listed.lines().count(), 20);
    let current = listed.lines().next().unwrap();
    assert!(current.ends_with("  (current)"), "{current}");
    assert_eq!(listed.matches("(current)").count(), 1);
    let id = before[1]["id"].as_str().unwrap();
    let line = listed.lines().nth(1).unwrap();
    assert!(
        line.starts_with(id) && line.contains("PATCH") && line.contains("127.0.0.1"),
        "{line}"
    );
    let shown = stdout(&command(&server, &["versions", id]));
    assert!(
        shown.contains("size: 42") && !shown.contains("pl4nted"),
        "{shown}"
    );
    // The beginning of an id is enough where it is of one alone.
    assert_eq!(stdout(&command(&server, &["versions", &id[..12]])), shown);
    let ambiguous = command(&server, &["versions", ""]);
    assert!(stderr(&ambiguous).contains("20 versions' ids"));
    let restored = command(&server, &["restore", id]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert!(text(&server).contains("size: 42"));
    // The running server takes it up, and knows who it was.
    let pipeline = server.until_get("/api/pipeline", |pipeline| pipeline["revision"] == id);
    assert_eq!(pipeline["error"], Value::Null);
    assert_eq!(versions(&server)[0]["by"]["kind"], "command");
    let unknown = command(&server, &["restore", "0123456789abcdef"]);
    assert_eq!(unknown.status.code(), Some(2));
    server.terminate();
    let kept = stdout(&command(&server, &["versions"])).lines().count();
    assert_eq!(kept, 20);
}

#[test]
fn their_texts_are_for_the_admin_and_without_secrets_and_nobody_elses_to_read() {
    let server = serve(folder());
    let (before, _) = resize(&server, 30);
    let path = format!("/api/pipeline/versions/{before}");
    assert_eq!(server.get(&path).status, 401);
    let shown = server.change_by("GET", &path, b"");
    assert_eq!(shown.status, 200);
    let shown = shown.json();
    let text = shown["text"].as_str().unwrap();
    assert!(
        text.contains("size: 20") && text.contains("password: ***"),
        "{text}"
    );
    assert!(!text.contains("pl4nted"));
    assert!(!server.get("/api/pipeline/versions").text().contains("size"));
    assert_eq!(
        server
            .change_by("GET", "/api/pipeline/versions/x", b"")
            .status,
        404
    );
    // Restoring takes the token as well.
    let host = server.address.to_string();
    let headers = [("Host", host.as_str())];
    let path = format!("{path}/restore");
    assert_eq!(
        send(server.address, "POST", &path, &headers, b"").status,
        401
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let state = server.folder().join("state");
        let mode = state.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn where_they_cant_be_kept_changes_go_on_and_can_be_undone_until_the_end() {
    let folder = folder();
    let state = folder.write("state", "a file, and no folder");
    let server = Server::start_with(folder, |command| {
        command.env("MATTEBOX_STATE", &state);
    });
    let (before, after) = resize(&server, 30);
    assert_eq!(
        restore(&server, &before, &json!({ "revision": after })).status,
        200
    );
    assert_eq!(text(&server), FILE);
    assert!(server.log().contains("kept until the server ends only"));
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let server = serve(folder());
    let path = step(&server, 0);
    let state = |server: &Server| {
        let file = server.folder().join("pipeline.yaml");
        file.metadata().unwrap().modified().unwrap()
    };
    let before = state(&server);
    let same = server.change("PATCH", &path, &json!({ "with": { "size": 20 } }));
    assert_eq!(same.status, 200);
    assert_eq!(same.header("x-mattebox-previous"), None);
    assert_eq!(state(&server), before);
    assert_eq!(versions(&server).len(), 1);
}

#[test]
fn a_pipeline_file_that_is_made_after_the_start_is_taken_up() {
    let server = serve(Folder::new());
    assert_eq!(server.get("/api/pipeline").json()["file"], Value::Null);
    assert_eq!(server.report("demo")["name"], "demo");
    let file = server.folder().join("pipeline.yaml");
    std::fs::write(&file, "streams: [").unwrap();
    server.until_get("/api/pipeline", |pipeline| !pipeline["error"].is_null());
    assert_eq!(server.report("demo")["name"], "demo");
    std::fs::remove_file(&file).unwrap();
    server.until_get("/api/pipeline", |pipeline| {
        pipeline["error"].is_null() && pipeline["file"].is_null()
    });
    std::fs::write(
        &file,
        "admin-token: { env: TEST_TOKEN }\nstreams: { front: }\n",
    )
    .unwrap();
    server.until_get("/api/streams", |all| all["streams"][0]["name"] == "front");
    assert_eq!(server.get("/api/pipeline").json()["file"], "pipeline.yaml");
    let added = server.change(
        "PUT",
        "/api/streams/back",
        &json!({ "source": { "stream": "front" } }),
    );
    assert_eq!(added.status, 201);
    assert!(text(&server).contains("back"));
}

#[test]
fn what_keeps_a_server_from_starting_is_told_by_check_in_the_same_words() {
    for (file, why) in [
        (
            "admin-token: { env: NOT_SET }\nstreams: { s: }\n",
            "`NOT_SET` is not set",
        ),
        ("admin-token: { file: gone }\nstreams: { s: }\n", "gone"),
    ] {
        let folder = Folder::with(file);
        let checked = folder.run(&["check"]);
        let served = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
        let (checked, served) = (
            (checked.status.code(), stderr(&checked)),
            (served.status.code(), stderr(&served)),
        );
        assert_eq!(checked, served);
        assert_eq!(checked.0, Some(2));
        assert!(checked.1.contains(why), "{}", checked.1);
    }
    // A warning, too.
    let folder = Folder::with("admin-token: { file: token }\nstreams: { s: }\n");
    folder.write("token", "short");
    assert!(stderr(&folder.run(&["check"])).contains("shorter than 16 characters"));
    let server = Server::start(folder);
    assert!(server.log().contains("shorter than 16 characters"));
}
