//! The same with mosquitto, by TLS and with a login.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::check_discovery;
use crate::inspect::yard;
use crate::support::Folder;
use crate::support::camera::{HttpCamera, Switched, part, plain, stream_head, tick};
use crate::support::picture::{decode, jpeg};
use crate::support::server::{Server, until};
use crate::support::sse::Events;

/// A running mosquitto with a login, a certificate of its own, and a port without TLS.
struct Mosquitto {
    child: Child,
    folder: Folder,
    port: u16,
    tls_port: u16,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Makes a certificate, `ca.pem`, which is its own authority's, too, and `key.pem`.
fn certify(folder: &Folder) {
    let openssl = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "ca.pem"])
        .current_dir(folder.path())
        .output();
    assert!(openssl.unwrap().status.success());
}

impl Mosquitto {
    fn start() -> Self {
        let folder = Folder::new();
        let (port, tls_port) = (free_port(), free_port());
        certify(&folder);
        let path = folder.path().display().to_string();
        folder.write(
            "mosquitto.conf",
            format!(
                "allow_anonymous false\npassword_file {path}/users\nuser root\n\
                 listener {port} 127.0.0.1\nlistener {tls_port} 127.0.0.1\ncertfile {path}/ca.pem\n\
                 keyfile {path}/key.pem\n"
            ),
        );
        let users = Command::new("mosquitto_passwd")
            .args(["-c", "-b", "users", "me", "hush"])
            .current_dir(folder.path())
            .status();
        assert!(users.unwrap().success());
        let child = Self::run(&folder);
        let mosquitto = Self {
            child,
            folder,
            port,
            tls_port,
        };
        mosquitto.until_it_listens();
        mosquitto
    }

    fn run(folder: &Folder) -> Child {
        Command::new("mosquitto")
            .args(["-c", "mosquitto.conf"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn until_it_listens(&self) {
        let connects = || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        until(|| json!(connects()), |it| it == true);
    }

    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::run(&self.folder);
        self.until_it_listens();
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let port = self.port.to_string();
        command.args(["-h", "127.0.0.1", "-p", &port, "-u", "me", "-P", "hush"]);
        command
    }

    /// All that it retains below `mattebox` and `homeassistant`, with payloads in hexadecimal
    /// digits.
    fn retained(&self) -> BTreeMap<String, String> {
        let mut command = self.client("mosquitto_sub");
        command.args([
            "-t",
            "mattebox/#",
            "-t",
            "homeassistant/#",
            "-F",
            "%r %t %x",
            "-W",
            "1",
        ]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let retained = text.lines().filter_map(|line| line.strip_prefix("1 "));
        let parts = retained.filter_map(|line| line.rsplit_once(' '));
        parts
            .map(|(topic, hex)| (topic.to_owned(), hex.to_owned()))
            .collect()
    }

    fn text(&self, topic: &str) -> Value {
        match self.retained().get(topic) {
            Some(hex) => String::from_utf8(bytes(hex)).unwrap().into(),
            None => Value::Null,
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let digits = digits.map(|it| std::str::from_utf8(it).unwrap());
    digits
        .map(|it| u8::from_str_radix(it, 16).unwrap())
        .collect()
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A camera whose picture stands still until something moves in it.
fn street(moves: &Arc<AtomicBool>) -> HttpCamera {
    let moves = moves.clone();
    HttpCamera::new(move |_, socket| {
        stream_head(socket)?;
        for at in 0.. {
            let x = if moves.load(Ordering::SeqCst) {
                at * 12 % 500
            } else {
                500
            };
            part(socket, &yard(x))?;
            tick();
        }
        Ok(())
    })
}

/// A receiver that is there at the second try only.
fn late_receiver() -> HttpCamera {
    let is_first = AtomicBool::new(true);
    HttpCamera::new(move |_, socket| {
        let status = match is_first.swap(false, Ordering::SeqCst) {
            true => "503 Service Unavailable",
            false => "200 OK",
        };
        plain(socket, status, "", b"")
    })
}

#[test]
#[ignore = "needs mosquitto, mosquitto-clients and openssl"]
fn what_moves_is_told_to_mosquitto_a_webhook_that_fails_at_first_and_listeners() {
    let (moves, mosquitto) = (Arc::default(), Mosquitto::start());
    let (camera, receiver) = (street(&moves), late_receiver());
    let (mqtt, camera, post) = (mosquitto.port, camera.address, receiver.address);
    let server = Server::start(Folder::with(&format!(
        "mqtt: {{ broker: \"mqtt://me:hush@127.0.0.1:{mqtt}\" }}
on: [{{ event: motion, post: \"http://{post}/\", with: {{ message: \"{{kind}} at {{stream}}\" }} }}]
streams:
  front:
    source: {{ driver: http, url: \"http://{camera}/\" }}
    run: always
    filters: [{{ use: motion, with: {{ event-gap: 1s }} }}]
"
    )));
    until(|| mosquitto.text("mattebox/front/motion"), |it| it == "OFF");
    let looks = |it: &Value| it["filters"][0]["calls"].as_u64() > Some(10);
    server.until("front", looks);
    let mut sub = mosquitto.client("mosquitto_sub");
    sub.args(["-t", "mattebox/front/events", "-C", "2", "-W", "60"]);
    let sub = sub.stdout(Stdio::piped()).spawn().unwrap();
    let mut live = Events::new(server.get("/api/v1/events?kind=motion"));
    moves.store(true, Ordering::SeqCst);
    let seen = live.until(|event| event.name == "motion");
    assert_eq!(
        (&seen.data["stream"], &seen.data["end"]),
        (&json!("front"), &Value::Null)
    );
    until(|| mosquitto.text("mattebox/front/motion"), |it| it == "ON");
    let picture = bytes(&mosquitto.retained()["mattebox/front/picture"]);
    assert_eq!(decode(&picture).dimensions(), (640, 480));
    until(|| json!(receiver.requests().len()), |it| it == 2);
    let posted = receiver.requests().into_iter().map(|it| it.body);
    let posted: Vec<Value> = posted
        .map(|it| serde_json::from_slice(&it).unwrap())
        .collect();
    assert_eq!(posted[0], posted[1]);
    assert_eq!(
        (&posted[0]["id"], &posted[0]["message"]),
        (&seen.data["id"], &json!("motion at front"))
    );
    moves.store(false, Ordering::SeqCst);
    let end = live.until(|event| event.data["end"].is_string());
    assert_eq!(end.id, seen.id);
    until(|| mosquitto.text("mattebox/front/motion"), |it| it == "OFF");
    let told = sub.wait_with_output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let phases: Vec<_> = told.iter().map(|it| (&it["phase"], &it["id"])).collect();
    let id = &seen.data["id"];
    assert_eq!(phases, [(&json!("start"), id), (&json!("end"), id)]);
}

#[test]
#[ignore = "needs mosquitto, mosquitto-clients and openssl"]
fn mosquitto_has_it_all_by_tls_and_after_a_restart() {
    let (camera, mut mosquitto) = (Switched::new(), Mosquitto::start());
    let port = mosquitto.tls_port;
    let folder = Folder::with(&format!(
        "mqtt: {{ broker: \"mqtts://me@localhost:{port}\", user: me, \
         password: {{ file: password }}, ca: ca.pem, \
         subscribe: {{ house/temperature: outside }} }}\n{}",
        camera.pipeline()
    ));
    folder.write("password", "hush\n");
    folder.write("ca.pem", mosquitto.folder.read("ca.pem"));
    let server = Server::start(folder);
    until(|| mosquitto.text("mattebox/status"), |it| it == "online");
    let mut viewer = server.watch("front");
    viewer.next().unwrap();
    camera.set(false);
    until(
        || mosquitto.text("mattebox/front/camera-failed"),
        |it| it == "ON",
    );
    let retained = mosquitto.retained();
    assert_eq!(bytes(&retained["mattebox/front/picture"]), jpeg("420.jpg"));
    let discovery = retained
        .iter()
        .filter(|(it, _)| it.starts_with("homeassistant/"));
    let discovery: Vec<_> = discovery.collect();
    assert_eq!(discovery.len(), 3);
    for (topic, payload) in discovery {
        check_discovery(topic, &String::from_utf8(bytes(payload)).unwrap());
    }
    let sent = mosquitto
        .client("mosquitto_pub")
        .args(["-t", "house/temperature", "-m", "21"])
        .status();
    assert!(sent.unwrap().success());
    let variables = || server.get("/api/v1/variables").json()["variables"]["outside"].clone();
    until(variables, |it| it == "21");

    // It keeps nothing on disk.
    mosquitto.restart();
    until(
        || mosquitto.text("mattebox/front/camera-failed"),
        |it| it == "ON",
    );
    let pid = server.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    until(|| mosquitto.text("mattebox/status"), |it| it == "offline");
}
