//! TLS: certificates that are watched, made and asked for, and what goes by it.

mod acme;
mod clients;
mod http2;

use std::io::{Read, Write};
use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::http::{Mjpeg, get as get_plainly, read_response, send_raw};
use crate::support::picture::{number, numbered};
use crate::support::server::{Server, TOKEN, until};
use crate::support::tls::{
    Ca, Issued, TlsStream, ask, connect, connect_slowly, get, shown, watch, who_trusts_everybody,
};
use crate::support::{Folder, stderr, stdout};

const FRAMES: u32 = 100;

/// `s` plays numbered frames; `more` are other keys.
fn folder(tls: &str, padding: usize) -> Folder {
    let folder = Folder::with(&format!(
        "tls: {tls}
admin-token: {{ env: TEST_TOKEN }}
streams:
  s: {{ source: {{ driver: files, path: 'f*.jpg', fps: 20 }} }}
"
    ));
    for index in 0..FRAMES {
        folder.write(&format!("f{index:03}.jpg"), numbered(index, padding));
    }
    folder
}

const FILES: &str = "{ cert: cert.pem, key: key.pem }";

fn write(folder: &std::path::Path, issued: &Issued) {
    std::fs::write(folder.join("key.pem"), &issued.key).unwrap();
    std::fs::write(folder.join("cert.pem"), &issued.cert).unwrap();
}

fn server_of(tls: &str, ca: &Ca, padding: usize) -> Server {
    let folder = folder(tls, padding);
    write(folder.path(), &ca.issue("cam.example.org"));
    start(folder)
}

fn start(folder: Folder) -> Server {
    Server::start_unprepared(folder, |_| {})
}

fn server(ca: &Ca) -> Server {
    server_of(FILES, ca, 0)
}

/// The number of the next frame that has one: the first may be a notice.
fn next<S: Read>(viewer: &mut Mjpeg<S>) -> u32 {
    loop {
        let jpeg = viewer.next().unwrap().jpeg;
        if jpeg.windows(6).any(|it| it == b"frame ") {
            return number(&jpeg);
        }
    }
}

/// What the admin learns of the pipeline.
pub fn report(address: SocketAddr, ca: &Ca) -> Value {
    let mut stream = connect(address, &ca.client());
    let request = format!(
        "GET /api/pipeline HTTP/1.0\r\nHost: {address}\r\nX-Mattebox-Token: {TOKEN}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    read_response(stream).json()
}

#[test]
fn pictures_come_by_both_versions_of_tls() {
    let ca = Ca::new();
    let server = server_of("{ cert: cert.pem, key: key.pem, hsts: 365d }", &ca, 0);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = ca.client_of(version);
        let picture = get(server.address, &config, "/s.jpg?fresh");
        assert_eq!(picture.status, 200);
        let hsts = picture.header("strict-transport-security");
        assert_eq!(hsts, Some("max-age=31536000"));
        assert!(picture.bytes().starts_with(b"\xff\xd8"));
        let mut viewer = watch(server.address, &config, "/s.mjpeg");
        let first = next(&mut viewer);
        assert!(next(&mut viewer) != first);
    }
}

#[test]
fn plain_http_is_redirected_to_tls() {
    let ca = Ca::new();
    let tls = "{ cert: cert.pem, key: key.pem, redirect-from: '127.0.0.1:0' }";
    let folder = folder(tls, 0);
    write(folder.path(), &ca.issue("cam.example.org"));
    let server = start(folder);
    let address = server.address;
    let answer = get_plainly(address, "/s.jpg?fresh");
    assert_eq!(answer.status, 308);
    let location = format!("https://{address}/s.jpg?fresh");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    // Nobody is sent elsewhere.
    let foreign = send_raw(address, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_eq!(foreign.status, 421);
    let nameless = send_raw(address, "GET / HTTP/1.0\r\n\r\n");
    assert_eq!(nameless.status, 400);
    assert_eq!(get(address, &ca.client(), "/healthz").status, 200);
}

#[test]
fn a_port_of_its_own_redirects() {
    let ca = Ca::new();
    // The port that it gets is told on the second line only, which the log doesn't have.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = free.local_addr().unwrap();
    drop(free);
    let tls = format!("{{ cert: cert.pem, key: key.pem, redirect-from: '{plain}' }}");
    let server = server_of(&tls, &ca, 0);
    let answer = get_plainly(plain, "/");
    assert_eq!(answer.status, 308);
    let location = format!("https://{}/", server.address);
    assert_eq!(answer.header("location"), Some(location.as_str()));
}

#[test]
fn a_certificate_is_replaced_while_somebody_watches() {
    let ca = Ca::new();
    let server = server(&ca);
    let address = server.address;
    let mut viewer = watch(address, &ca.client(), "/s.mjpeg");
    viewer.next().unwrap();
    let before = shown(address);
    let second = ca.issue("cam.example.org");
    write(server.folder(), &second);
    until(|| json!(shown(address) == second.der), |it| it == true);
    assert!(before != second.der);
    // What doesn't belong together, and what is over, is told, and the good one stays.
    for (wrong, words) in [
        (
            Issued {
                key: ca.issue("x").key,
                ..ca.issue("x")
            },
            "is no key of the certificate",
        ),
        (
            ca.issue_with("x", |it| it.not_after = rcgen::date_time_ymd(2020, 1, 1)),
            "was valid until 2020-01-01",
        ),
    ] {
        write(server.folder(), &wrong);
        until(
            || report(address, &ca),
            |it| {
                let message = it["error"]["message"].as_str();
                message.is_some_and(|message| message.contains(words))
            },
        );
        assert!(shown(address) == second.der);
    }
    write(server.folder(), &second);
    until(|| report(address, &ca), |it| it["error"].is_null());
    for _ in 0..3 {
        viewer.next().unwrap();
    }
}

#[test]
fn a_wrong_certificate_is_told_before_the_start() {
    let folder = Folder::with(&format!("tls: {FILES}\nstreams: {{ s: }}\n"));
    let ca = Ca::new();
    let told = |folder: &Folder| {
        let output = folder.run(&["check", "pipeline.yaml"]);
        (output.status.success(), stderr(&output))
    };
    let (is_fine, words) = told(&folder);
    assert!(
        !is_fine && words.contains("pipeline.yaml:1:14: `tls`:"),
        "{words}"
    );
    assert!(words.contains("cert.pem: no such file"), "{words}");
    write(folder.path(), &ca.issue("x"));
    assert!(told(&folder).0);
    folder.write("key.pem", ca.issue("x").key);
    let (is_fine, words) = told(&folder);
    assert!(
        !is_fine && words.contains("pipeline.yaml:1:29: `tls`:"),
        "{words}"
    );
    folder.write("key.pem", "nothing");
    assert!(told(&folder).1.contains("has no private key in PEM"));
    let serve = folder.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!serve.status.success() && stdout(&serve).is_empty());
}

#[test]
fn a_certificate_that_ends_soon_or_has_ended_is_told_of() {
    let ca = Ca::new();
    let told = |last: (i32, u8, u8)| {
        let folder = folder(FILES, 0);
        let issued = ca.issue_with("x", |it| {
            let (year, month, day) = last;
            it.not_before = rcgen::date_time_ymd(2000, 1, 1);
            it.not_after = rcgen::date_time_ymd(year, month, day);
        });
        write(folder.path(), &issued);
        let server = start(folder);
        // Once its filters are prepared.
        let ready = || json!(get(server.address, &who_trusts_everybody(), "/readyz").text());
        let ready = until(ready, |it| !it.to_string().contains("prepares"));
        (ready.to_string(), server.log())
    };
    let (words, log) = told((2020, 1, 1));
    assert!(log.contains("clients won't trust"), "{log}");
    assert!(
        words.contains("cert.pem was valid until 2020-01-01"),
        "{words}"
    );
    // Of a hundred years less than a sixth is left.
    let (words, log) = told((2030, 1, 1));
    assert_eq!(words, "\"ready\\n\"");
    assert!(log.contains("the certificate ends soon"), "{log}");
    let (_, log) = told((2100, 1, 1));
    assert!(!log.contains("the certificate ends soon"), "{log}");
}

#[test]
fn who_stops_and_goes_on_gets_one_old_frame_and_then_the_newest_with_tls() {
    let ca = Ca::new();
    // Of the small ones, one more may lie at its end of the connection.
    for (padding, most) in [(0, 2), (240_000, 1)] {
        let server = server_of(FILES, &ca, padding);
        let stream = connect_slowly(4096, server.address, &ca.client());
        let mut slow = Mjpeg::of(ask(stream, "/s.mjpeg"));
        let first = next(&mut slow);
        let mut fast = watch(server.address, &ca.client(), "/s.mjpeg");
        let mut newest = first;
        while newest < first + 30 {
            newest = next(&mut fast);
        }
        let mut old = 0;
        while next(&mut slow) < newest {
            old += 1;
        }
        assert!(old <= most, "{padding}: {old}");
    }
}

#[test]
fn whoever_has_no_certificate_of_the_client_ca_gets_nothing() {
    let (ca, clients) = (Ca::new(), Ca::new());
    let folder = folder(
        "{ cert: cert.pem, key: key.pem, client-ca: clients.pem }",
        0,
    );
    write(folder.path(), &ca.issue("cam.example.org"));
    folder.write("clients.pem", &clients.pem);
    let server = start(folder);
    let own = clients.issue("nvr");
    let picture = get(server.address, &ca.client_as(&own), "/s.jpg");
    assert_eq!(picture.status, 200);
    for stranger in [ca.client(), ca.client_as(&ca.issue("nvr"))] {
        let mut stream = connect(server.address, &stranger);
        let request = format!("GET /s.jpg HTTP/1.0\r\nHost: {}\r\n\r\n", server.address);
        let mut bytes = Vec::new();
        let sent = stream.write_all(request.as_bytes());
        let answer = sent.and_then(|()| stream.read_to_end(&mut bytes));
        assert!(answer.is_err() && bytes.is_empty(), "{bytes:?}");
    }
}

#[test]
fn a_certificate_has_the_role_of_the_user_that_it_names() {
    let (ca, clients) = (Ca::new(), Ca::new());
    let folder = Folder::with(
        "tls: { cert: cert.pem, key: key.pem, client-ca: clients.pem, \
         client-certificates: optional }
users: [{ name: nvr, role: operator, streams: [s] }]
streams: { s: , other: }
",
    );
    write(folder.path(), &ca.issue("cam.example.org"));
    folder.write("clients.pem", &clients.pem);
    let server = Server::start_unprepared(folder, |_| {});
    for (client, of_s, of_other) in [
        (ca.client_as(&clients.issue("nvr")), 200, 403),
        (ca.client_as(&clients.issue("stranger")), 401, 401),
        (ca.client(), 401, 401),
    ] {
        for (target, status) in [("/api/streams/s", of_s), ("/api/streams/other", of_other)] {
            assert_eq!(
                get(server.address, &client, target).status,
                status,
                "{target}"
            );
        }
    }
}

/// The status of a request of what an operator may read, by a connection that is kept.
fn status_of_read(stream: &mut TlsStream) -> u16 {
    let host = stream.sock.peer_addr().unwrap();
    let request = format!("GET /api/variables HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read_response(stream).status
}

#[test]
fn a_connection_does_not_outlast_the_client_ca_that_it_was_checked_by() {
    let (ca, clients) = (Ca::new(), Ca::new());
    let pipeline = |more: &str| {
        format!(
            "tls: {{ cert: cert.pem, key: key.pem{more} }}
admin-token: {{ env: TEST_TOKEN }}
users: [{{ name: nvr, role: operator, password: nvr 12345 }}]
streams: {{ s: }}
"
        )
    };
    let start = |more: &str| {
        let folder = Folder::with(&pipeline(more));
        write(folder.path(), &ca.issue("cam.example.org"));
        folder.write("clients.pem", &clients.pem);
        folder.write("others.pem", Ca::new().pem);
        start(folder)
    };
    let change = |server: &Server, more: &str| {
        std::fs::write(server.folder().join("pipeline.yaml"), pipeline(more)).unwrap();
    };
    let client = ca.client_as(&clients.issue("nvr"));

    let server = start(", client-ca: clients.pem, client-certificates: optional");
    let mut kept = connect(server.address, &client);
    assert_eq!(status_of_read(&mut kept), 200);
    let before = report(server.address, &ca)["reloads"].clone();
    change(
        &server,
        ", client-ca: others.pem, client-certificates: optional",
    );
    until(|| report(server.address, &ca), |it| it["reloads"] != before);
    assert_eq!(status_of_read(&mut kept), 401);

    let server = start("");
    let mut kept = connect(server.address, &client);
    assert_eq!(status_of_read(&mut kept), 401);
    change(&server, ", client-ca: clients.pem");
    let new = || json!(status_of_read(&mut connect(server.address, &client)));
    until(new, |status| *status == 200);
    assert_eq!(status_of_read(&mut kept), 403);
}

#[test]
fn a_self_signed_certificate_is_kept_and_its_fingerprint_told() {
    let (state, folder) = (Folder::new(), folder("self-signed", 0));
    let start = || {
        Server::start_unprepared(Folder::new(), |command| {
            command.current_dir(folder.path());
            command.env("MATTEBOX_STATE", state.path());
        })
    };
    let server = start();
    let first = shown(server.address);
    let picture = get(server.address, &client_of(&first), "/s.jpg");
    assert_eq!(picture.status, 200);
    let log = server.log();
    let digest = Sha256::digest(&first);
    let digest: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(
        log.contains(&format!("fingerprint={}", digest.join(":"))),
        "{log}"
    );
    assert!(shown(start().address) == first);
}

#[test]
fn without_a_state_folder_a_self_signed_certificate_is_another_each_time() {
    let server = start(folder("self-signed", 0));
    let first = shown(server.address);
    assert_eq!(
        get(server.address, &client_of(&first), "/healthz").status,
        200
    );
    assert!(server.log().contains("there is no state folder"));
}

fn client_of(certificate: &CertificateDer<'static>) -> rustls::ClientConfig {
    crate::support::tls::client(certificate, None, &[&rustls::version::TLS13])
}
