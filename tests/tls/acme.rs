//! A certificate that an authority signs: Pebble (Let's Encrypt's server for tests).

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::Folder;
use crate::support::server::{Server, until};
use crate::support::tls::{Ca, shown, try_shown};

/// Debian's `pebble`, which asks servers on the port that it is given.
struct Pebble {
    process: Child,
    directory: String,
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

impl Pebble {
    /// Asks on the port of `server`; its own files lie in `folder`.
    fn start(folder: &Folder, server: SocketAddr) -> Self {
        let (address, management, ca) = (free(), free(), Ca::new());
        let own = ca.issue("localhost");
        folder.write("pebble.pem", &own.cert);
        folder.write("pebble.key", &own.key);
        folder.write("ca.pem", &ca.pem);
        let config = json!({ "pebble": {
            "listenAddress": address,
            "managementListenAddress": management,
            "certificate": "pebble.pem",
            "privateKey": "pebble.key",
            "httpPort": free().port(),
            "tlsPort": server.port(),
        }});
        folder.write("pebble.json", config.to_string());
        let mut process = Command::new("pebble")
            .current_dir(folder.path())
            .args(["-config", "pebble.json"])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "5")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let listens = lines.find(|line| line.as_ref().is_ok_and(|it| it.contains("Listening on")));
        assert!(listens.is_some(), "pebble ended");
        // It goes on talking.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            directory: format!("https://{address}/dir"),
        }
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        // It may have ended already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
#[ignore = "needs pebble"]
fn an_authority_signs_the_certificate_and_it_is_kept() {
    let (folder, state, address) = (Folder::new(), Folder::new(), free());
    let pebble = Pebble::start(&folder, address);
    folder.write(
        "pipeline.yaml",
        format!(
            "listen: {address}
tls:
  acme:
    domains: [localhost]
    email: me@example.org
    directory: {}
    ca: ca.pem
streams: {{ s: }}
",
            pebble.directory
        ),
    );
    let start = || {
        Server::start_unprepared(Folder::with(&format!("listen: {address}\n")), |command| {
            command.current_dir(folder.path());
            command.env("MATTEBOX_STATE", state.path());
        })
    };
    let server = start();
    // Nobody is served before it is signed.
    until(|| json!(shows(address)), |it| it == true);
    let first = shown(address);
    let log = server.log();
    assert!(log.contains("there is no certificate yet"), "{log}");
    assert!(log.contains("the certificate is signed"), "{log}");
    drop(pebble);
    // Without the authority it is still there.
    let server = start();
    assert!(shown(address) == first);
    let log = server.log();
    assert!(!log.contains("asking for a certificate"), "{log}");
}

/// Whether the server at `address` shows a certificate.
fn shows(address: SocketAddr) -> bool {
    try_shown(address).is_some()
}
