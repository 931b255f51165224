//! Logins at cameras, as these ask for them, and as people write them.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::camera::{HttpCamera, Request, plain};
use crate::support::picture::jpeg;
use crate::support::server::Server;
use crate::support::{Folder, stderr, stdout};

/// A camera that answers `challenge` with 401 until a request `is_right`.
fn camera(
    challenge: &'static str,
    is_right: impl Fn(&Request) -> bool + Send + Sync + 'static,
) -> HttpCamera {
    HttpCamera::new(move |request, socket| {
        let picture = "Content-Type: image/jpeg\r\n";
        match is_right(request) {
            true => plain(socket, "200 OK", picture, &jpeg("420.jpg")),
            false => plain(socket, "401 Unauthorized", challenge, b""),
        }
    })
}

fn lets_in(camera: &HttpCamera, password: &str) {
    let address = camera.address;
    let folder = Folder::with(&format!(
        "streams: {{ s: {{ source: {{ driver: http, url: 'http://{address}/x', user: admin, \
         password: {password} }} }} }}"
    ));
    folder.write("bom.password", b"\xef\xbb\xbfsecret\r\n");
    let server = Server::start(folder);
    assert_eq!(server.watch("s").next().unwrap().jpeg, jpeg("420.jpg"));
}

#[test]
fn digests_are_answered_however_they_are_asked_for() {
    for (challenge, has_qop) in [
        (
            r#"Digest qop="auth,auth-int", realm="cam", nonce="abc""#,
            true,
        ),
        (
            r#"Digest qop=auth,auth-int, realm="cam", nonce="abc""#,
            true,
        ),
        (
            r#"Digest realm="cam", nonce="abc", qop="auth", algorithm="md5""#,
            true,
        ),
        (r#"digest realm="cam",nonce="abc",algorithm=Md5"#, false),
        (r#"Digest realm="cam", nonce="abc", qop="""#, false),
    ] {
        let challenge: &str = format!("WWW-Authenticate: {challenge}\r\n").leak();
        lets_in(
            &camera(challenge, move |request| digest_is_right(request, has_qop)),
            "secret",
        );
    }
}

/// RFC 7616, 3.4.1 for `admin` and `secret`; without `qop` RFC 2069, 2.1.2.
fn digest_is_right(request: &Request, has_qop: bool) -> bool {
    digest_is_right_by(request, if has_qop { "auth" } else { "" }, "GET:/x")
}

/// The same for this `qop` and what is asked for by it.
fn digest_is_right_by(request: &Request, qop: &str, asked: &str) -> bool {
    let Some(text) = request.header("authorization") else {
        return false;
    };
    let field = |name: &str| {
        let fields = text.trim_start_matches("Digest ").split(", ");
        let mut values = fields.filter_map(|field| field.strip_prefix(&format!("{name}=")));
        values
            .next()
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned()
    };
    let md5 = |text: String| format!("{:x}", md5::compute(text));
    let (secret, what) = (md5("admin:cam:secret".to_owned()), md5(asked.to_owned()));
    let (count, own) = (field("nc"), field("cnonce"));
    let expected = match qop {
        "" => md5(format!("{secret}:abc:{what}")),
        qop => md5(format!("{secret}:abc:{count}:{own}:{qop}:{what}")),
    };
    field("response") == expected && field("qop") == qop
}

#[test]
fn basic_is_answered_however_it_is_asked_for() {
    let is_right = |request: &Request| {
        // RFC 7617: admin:secret in base64.
        request.header("authorization") == Some("Basic YWRtaW46c2VjcmV0")
    };
    for challenge in [
        "WWW-Authenticate: Basic\r\n",
        "WWW-Authenticate: basic realm=cam\r\n",
        "WWW-Authenticate:\r\n",
        "",
    ] {
        lets_in(&camera(challenge, is_right), "secret");
    }
    // A file that an editor has written with a byte order mark.
    let basic = camera("WWW-Authenticate: Basic realm=\"x\"\r\n", is_right);
    lets_in(&basic, "{file: bom.password}");
}

/// What `check` says of a source with these lines, all below `source:`.
fn check(lines: &str) -> String {
    let folder = Folder::with(&format!("streams:\n  a:\n    source:\n{lines}"));
    let output = folder.run(&["check", "pipeline.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let said = stderr(&output);
    assert!(!said.contains("hunter"), "{said}");
    said
}

#[test]
fn a_password_that_is_none_is_told_of_and_never_shown() {
    let camera = "      driver: http\n      url: http://127.0.0.1:1/x\n      user: admin\n";
    for (line, words) in [
        ("password: #hunter2", "a `#` after a space starts a comment"),
        ("password: # hunter2", "found nothing"),
        ("password:", "`password`: expected a text, found nothing"),
    ] {
        let said = check(&format!("{camera}      {line}\n"));
        assert!(said.contains(words), "{said}");
        let camera = camera
            .replace("driver: http", "driver: rtsp")
            .replace("http:", "rtsp:");
        let said = check(&format!("{camera}      {line}\n"));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn passwords_that_an_address_cant_hold_are_told_of_and_never_shown() {
    for password in [
        "#hunter2",
        "hun#hunter2",
        "a/hunter2",
        "a?hunter2",
        "12/hunter2",
        "1#hunter2",
        "/hunter2",
    ] {
        for (driver, scheme) in [("http", "http"), ("http", "https"), ("rtsp", "rtsp")] {
            let said = check(&format!(
                "      driver: {driver}\n      url: {scheme}://admin:{password}@192.168.1.5/video\n"
            ));
            assert!(said.contains("write `%23`, `%2F` or `%3F`"), "{said}");
            let folder = Folder::new();
            let source = format!("{scheme}://admin:{password}@192.168.1.5/video");
            let output = folder.run(&["serve", "--source", &source]);
            assert_eq!(output.status.code(), Some(2));
            let said = stderr(&output);
            assert!(
                said.contains("write `%23`") && !said.contains("hunter"),
                "{said}"
            );
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn old_tls_says_what_to_do() {
    for options in [
        // RSA key exchange with CBC, CBC alone, TLS 1.1.
        ["-tls1_2", "-cipher", "AES128-SHA"],
        ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"],
        ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
    ] {
        let camera = OldCamera::start(&options);
        let folder = Folder::with(&format!(
            "streams: {{ s: {{ source: {{ driver: http, url: 'https://localhost:{}/x', \
             verify-tls: false }} }} }}",
            camera.port
        ));
        let server = Server::start(folder);
        let _viewer = server.watch("s");
        let report = server.until("s", |report| report["state"] == "failing");
        let error = report["error"].as_str().unwrap();
        assert!(
            error.contains("only speaks old TLS"),
            "{options:?}: {error}"
        );
        assert!(error.contains("put a proxy"), "{options:?}: {error}");
    }
}

/// OpenSSL's server.
struct OldCamera {
    port: u16,
    server: Child,
    _folder: Folder,
}

impl OldCamera {
    fn start(options: &[&str]) -> Self {
        let folder = Folder::new();
        let openssl = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            command
                .current_dir(folder.path())
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let certificate =
            "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem";
        let certificate: Vec<_> = certificate.split(' ').collect();
        assert!(openssl(&certificate).status().unwrap().success());
        let port = {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap().port()
        };
        let address = format!("127.0.0.1:{port}");
        let server = "s_server -key key.pem -cert cert.pem -www -quiet -accept";
        let server: Vec<_> = server.split(' ').collect();
        let server = [&server[..], &[address.as_str()], options].concat();
        let server = openssl(&server).spawn().unwrap();
        let give_up = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < give_up);
            std::thread::yield_now();
        }
        Self {
            port,
            server,
            _folder: folder,
        }
    }
}

impl Drop for OldCamera {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

#[test]
fn a_kept_connection_that_the_camera_closes_is_asked_once_more() {
    let is_right =
        |request: &Request| request.header("authorization") == Some("Basic YWRtaW46c2VjcmV0");
    for first in [
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
         Content-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n",
    ] {
        let camera = HttpCamera::new(move |request, socket| {
            if request.target == "/x" && !is_right(request) {
                // Closed without a word of it.
                socket.write_all(first.as_bytes())?;
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            plain(
                socket,
                "200 OK",
                "Content-Type: image/jpeg\r\n",
                &jpeg("420.jpg"),
            )
        });
        lets_in(&camera, "secret");
    }
}

#[test]
fn a_digest_of_auth_int_alone_is_answered() {
    let camera = camera(
        "WWW-Authenticate: Digest qop=\"auth-int\", realm=\"cam\", nonce=\"abc\"\r\n",
        |request| {
            digest_is_right_by(
                request,
                "auth-int",
                "GET:/x:d41d8cd98f00b204e9800998ecf8427e",
            )
        },
    );
    lets_in(&camera, "secret");
}

#[test]
fn a_digest_that_cant_be_read_is_never_answered_in_plain_text() {
    for challenge in [
        "Digest realm=\"K\u{fc}che\", nonce=\"y\"",
        "Digest realm=\"x\"",
        "Digest realm=\"x\", nonce=\"y\", algorithm=none",
    ] {
        let challenge: &str = format!("WWW-Authenticate: {challenge}\r\n").leak();
        let camera = camera(challenge, |_| false);
        let address = camera.address;
        let server = Server::start(Folder::with(&format!(
            "streams: {{ s: {{ source: {{ driver: http, url: 'http://{address}/x', user: admin, \
             password: secret }} }} }}"
        )));
        let _viewer = server.watch("s");
        let report = server.until("s", |report| report["state"] == "failing");
        let error = report["error"].as_str().unwrap();
        assert!(error.contains("a login of an unknown kind"), "{error}");
        for request in camera.requests() {
            assert_eq!(request.header("authorization"), None, "{challenge}");
        }
    }
}

#[test]
fn a_password_file_without_a_password_is_told_of() {
    for content in [
        None,
        Some(&b""[..]),
        Some(b"\xef\xbb\xbf"),
        Some(b"\nsecret\n"),
    ] {
        let folder = Folder::with(
            "streams: { s: { source: { driver: http, url: 'http://127.0.0.1:1/x', user: me, \
             password: { file: door.password } } } }",
        );
        if let Some(content) = content {
            folder.write("door.password", content);
        }
        let words = match content {
            None => "door.password: no such file",
            Some(_) => "door.password has no password in its first line",
        };
        let output = folder.run(&["check", "pipeline.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{content:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        let server = Server::start(folder);
        let _viewer = server.watch("s");
        let report = server.until("s", |report| report["state"] == "failing");
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_comment_behind_a_password_is_warned_of() {
    let source = |password: &str| {
        format!(
            "streams:\n  a:\n    source:\n      driver: http\n      \
             url: http://127.0.0.1:1/x\n      user: me\n      password: {password}\n"
        )
    };
    for (password, is_warned_of) in [
        ("hunter #2", true),
        ("hunter # the door", true),
        ("\"hunter\" # the door", false),
        ("'hunter #2'", false),
        ("hunter#2", false),
        ("{ env: DOOR } # the door", false),
    ] {
        let folder = Folder::with(&source(password));
        let output = folder.run(&["check", "pipeline.yaml"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let said = stderr(&output);
        let warned = said.contains("pipeline.yaml:7:17: a ` #` starts a comment");
        assert_eq!(warned, is_warned_of, "{password}: {said}");
        assert!(!said.contains("hunter"), "{said}");
        let log = Server::start(folder).log();
        assert_eq!(
            log.contains("a ` #` starts a comment"),
            is_warned_of,
            "{log}"
        );
    }
}
