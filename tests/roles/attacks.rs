//! Somebody who wants more than they may, or who has lost what they had.

use serde_json::json;

use super::{ADA, OLGA, OTTO, PROXY, USERS, VERA, ask, log_in, login, server, with_body};
use crate::support::Folder;
use crate::support::http::{Mjpeg, send, send_from};
use crate::support::server::{Server, until};
use crate::support::tls::{Ca, get};

fn write(server: &Server, text: &str) {
    std::fs::write(server.folder().join("pipeline.yaml"), text).unwrap();
}

/// Puts `text` in the place of the pipeline file's, and waits until that is in force.
fn rewrite(server: &Server, text: &str) {
    let before = ask(server, "GET", "/api/pipeline", &login(ADA)).json()["reloads"].clone();
    write(server, text);
    let now = || ask(server, "GET", "/api/pipeline", &login(ADA)).json()["reloads"].clone();
    until(now, |reloads| *reloads != before);
}

#[test]
fn a_right_login_of_ones_own_forgives_no_guess_at_anothers() {
    let server = server();
    let wrong = |name: &str| {
        let guess = json!({"user": name, "password": "a guess"}).to_string();
        let scripted = [("X-Requested-With", "test")];
        with_body(&server, ("POST", "/api/session"), &scripted, &guess).status
    };
    for _ in 0..5 {
        assert_eq!(wrong("ada"), 401);
        assert_eq!(ask(&server, "GET", "/front.jpg", &login(VERA)).status, 200);
        let token = [("X-Mattebox-Token", super::VIEWERS_TOKEN)];
        assert_eq!(ask(&server, "GET", "/front.jpg", &token).status, 200);
    }
    assert_eq!(wrong("ada"), 429);
}

#[test]
fn wrong_tokens_hold_up_no_login() {
    let server = server();
    let wrong = [("X-Mattebox-Token", "a guess")];
    let first = ask(&server, "GET", "/api/users", &wrong);
    assert_eq!(first.status, 401);
    let mut guesses = (0..100).map(|_| ask(&server, "GET", "/api/users", &wrong).status);
    assert!(guesses.any(|status| status == 429));
    assert_eq!(ask(&server, "GET", "/front.jpg", &login(VERA)).status, 200);
}

#[test]
fn a_session_that_has_ended_does_not_come_back_with_its_user() {
    let server = server();
    let (cookie, _) = log_in(&server, json!({"user": "vera", "password": "viewer 123"}));
    let status = || ask(&server, "GET", "/front.jpg", &[("Cookie", cookie.as_str())]).status;
    assert_eq!(status(), 200);
    rewrite(&server, &USERS.replace("viewer 123", "viewer 456"));
    until(|| json!(status()), |status| *status == 401);
    rewrite(&server, USERS);
    assert_eq!(ask(&server, "GET", "/front.jpg", &login(VERA)).status, 200);
    assert_eq!(status(), 401);
}

#[test]
fn who_watches_by_a_proxys_word_is_cut_off_with_the_user_and_with_the_proxy() {
    for (known, change) in [
        (
            "vera",
            USERS.replace("viewer 123 }", "viewer 123, streams: [other1] }"),
        ),
        ("tim", USERS.replace("[127.0.0.9]", "[127.0.0.8]")),
    ] {
        let server = server();
        let host = server.address.to_string();
        let headers = [
            ("Host", host.as_str()),
            ("Remote-User", known),
            ("Remote-Groups", "staff"),
        ];
        let target = "/front.mjpeg";
        let watched = send_from(PROXY, server.address, "GET", target, &headers, b"");
        let mut watched = Mjpeg::of(watched);
        assert!(watched.next().is_some());
        rewrite(&server, &change);
        while watched.next().is_some() {}
    }
}

#[test]
fn a_proxys_own_token_is_none_of_the_servers() {
    let server = server();
    let host = server.address.to_string();
    let headers = [
        ("Host", host.as_str()),
        ("Remote-User", "ada"),
        ("Authorization", "Bearer of another system"),
    ];
    let asked = |from| {
        let target = "/api/users";
        send_from(from, server.address, "GET", target, &headers, b"").status
    };
    assert_eq!(asked(PROXY), 200);
    assert_eq!(asked(server.address.ip()), 401);
}

#[test]
fn the_texts_of_failures_and_lines_of_the_file_take_more_than_watching() {
    let folder = Folder::with(&USERS.replace(
        "other1: {}",
        "other1: { run: always, source: { driver: files, path: secret-folder } }",
    ));
    folder.write("token", super::VIEWERS_TOKEN);
    let server = Server::start(folder);
    let events = |who: &str| {
        let headers = [("Authorization", who), ("Accept", "application/json")];
        ask(&server, "GET", "/api/events", &headers).text()
    };
    until(
        || json!(events(OLGA)),
        |text| text.to_string().contains("secret-folder"),
    );
    let seen = events(OTTO);
    assert!(
        seen.contains("camera-failed") && !seen.contains("secret-folder"),
        "{seen}"
    );
    // An operator sends nonsense, or somebody else has written some.
    let patched = || {
        let target = ("PATCH", "/api/streams/front");
        with_body(&server, target, &login(OLGA), r#"{"sourc": 1}"#)
    };
    let refused = patched();
    assert_eq!(refused.status, 422);
    let text = refused.text();
    assert!(
        text.contains("sourc") && !text.contains("timestamp"),
        "{text}"
    );
    let wrong = USERS.replace("role: admin", "role: admim");
    write(&server, &wrong);
    let broken = patched();
    let (status, text) = (broken.status, broken.text());
    assert!(status == 409 && !text.contains("ada"), "{text}");
}

#[test]
fn what_tells_of_all_streams_takes_them_all() {
    let users = USERS.replace("role: operator }", "role: operator, streams: [other*] }");
    let folder = Folder::with(&users);
    folder.write("token", super::VIEWERS_TOKEN);
    let server = Server::start(folder);
    for target in ["/metrics", "/api/pipeline/versions"] {
        let refused = ask(&server, "GET", target, &login(OLGA));
        assert_eq!(refused.status, 403);
        assert!(refused.text().contains("all streams"));
        assert_eq!(ask(&server, "GET", target, &login(ADA)).status, 200);
    }
    let nobody = ask(&server, "GET", "/static/nothing", &[]).text();
    assert!(!nobody.contains("front"), "{nobody}");
}

#[test]
fn monitoring_is_open_to_addresses_that_are_certain() {
    let folder = Folder::with(&format!("{USERS}metrics-from: [127.0.0.0/8]\n"));
    folder.write("token", super::VIEWERS_TOKEN);
    let server = Server::start(folder);
    let host = server.address.to_string();
    let asked = |more: &[(&str, &str)]| {
        let headers = [&[("Host", host.as_str())], more].concat();
        send_from(PROXY, server.address, "GET", "/metrics", &headers, b"").status
    };
    assert_eq!(asked(&[]), 200);
    assert_eq!(asked(&[("X-Forwarded-For", "127.0.0.44")]), 200);
    let outside = ("X-Forwarded-For", "192.0.2.1");
    assert_eq!(asked(&[outside]), 401);
    assert_eq!(asked(&[outside, ("Forwarded", "for=1.2.3.4")]), 401);
    assert_eq!(asked(&[("X-Forwarded-For", "192.0.2.1, unknown")]), 401);
}

#[test]
fn guesses_do_not_push_changes_out_of_the_audit_list() {
    let server = server();
    ask(&server, "POST", "/api/streams/front/restart", &login(ADA));
    let wrong = [("X-Mattebox-Token", "a guess")];
    for _ in 0..300 {
        ask(&server, "GET", "/api/users", &wrong);
    }
    let audit = ask(&server, "GET", "/api/audit", &login(ADA)).json();
    let entries = audit["entries"].as_array().unwrap();
    assert!(entries.len() < 100, "{}", entries.len());
    assert!(entries.iter().any(|it| it["action"] == "change"));
}

#[test]
fn without_tls_in_the_file_it_stays_until_the_restart() {
    let ca = Ca::new();
    let folder = Folder::new();
    let issued = ca.issue("x");
    folder.write("cert.pem", &issued.cert);
    folder.write("key.pem", &issued.key);
    let plain = "admin-token: { env: TEST_TOKEN }\nstreams: { s: }\n";
    folder.write(
        "pipeline.yaml",
        format!("tls: {{ cert: cert.pem, key: key.pem }}\n{plain}"),
    );
    let server = Server::start_unprepared(folder, |_| {});
    let reloads = || crate::tls::report(server.address, &ca);
    let before = reloads()["reloads"].clone();
    write(&server, plain);
    until(reloads, |report| report["reloads"] != before);
    let picture = get(server.address, &ca.client(), "/s.jpg");
    assert_eq!(picture.status, 200);
}

#[test]
fn a_host_with_a_users_name_is_none() {
    let server = server();
    let host = [("Host", "evil.example:80@127.0.0.1")];
    let sent = send(server.address, "GET", "/healthz", &host, b"");
    assert_eq!(sent.status, 400);
}
