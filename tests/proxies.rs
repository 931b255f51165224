//! Behind the proxies that people have: Debian's, with the blocks of docs/guide/reverse-proxy.md
//! and as they come.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use crate::page::Browser;
use crate::support::Folder;
use crate::support::proxy::{LOGIN, NAME, Proxy, documented};
use crate::support::server::{Server, TOKEN};

const PATIENCE: Duration = Duration::from_secs(30);

/// The least that makes each of them a proxy, as in their own first examples.
const BARE: [(&str, &str); 4] = [
    (
        "nginx",
        "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }\n",
    ),
    (
        "apache",
        "<VirtualHost *:80>\nProxyPass / http://127.0.0.1:8080/\n\
         ProxyPassReverse / http://127.0.0.1:8080/\n</VirtualHost>\n",
    ),
    (
        "haproxy",
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    \
         timeout server 1m\nlisten l\n    bind :80\n    server s 127.0.0.1:8080\n",
    ),
    (
        "caddy",
        "http://cam.example.org {\n    reverse_proxy 127.0.0.1:8080\n}\n",
    ),
];

fn server() -> Server {
    Server::start(Folder::with(
        "admin-token: { env: TEST_TOKEN }
allowed-hosts: [cam.example.org]
trusted-proxies: [127.0.0.1]
streams:
  front: { filters: [{ use: timestamp }] }
",
    ))
}

/// A client behind a proxy.
struct Visitor {
    client: Client,
    /// Where the server's root is, as the browser has it.
    root: Url,
    login: Option<(&'static str, &'static str)>,
}

impl Visitor {
    fn new(proxy: &Proxy, kind: &str) -> Self {
        // Another test may have done so.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = ClientBuilder::new()
            .resolve(NAME, proxy.address)
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let scheme = if kind == "tls" { "https" } else { "http" };
        let path = if kind == "path" { "webcam/" } else { "" };
        let port = proxy.address.port();
        Self {
            client,
            root: format!("{scheme}://{NAME}:{port}/{path}").parse().unwrap(),
            login: (kind == "login").then_some(LOGIN),
        }
    }

    fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let request = self.client.request(method, self.root.join(target).unwrap());
        match self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    async fn get(&self, target: &str) -> Response {
        let answer = self.request(Method::GET, target).send();
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.unwrap().unwrap();
        assert_eq!(answer.status(), 200, "{target}");
        answer
    }

    /// Reads from `target` until what came `holds`.
    async fn read_until(&self, mut answer: Response, holds: impl Fn(&[u8]) -> bool) {
        let mut bytes = Vec::new();
        let read = async {
            while !holds(&bytes) {
                bytes.extend(answer.chunk().await.unwrap().expect("it ended"));
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap();
    }

    /// Sets a variable, as the page would, or another one.
    async fn change(&self, headers: &[(&str, &str)]) -> u16 {
        let mut request = self.request(Method::PUT, "api/variables/v");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body("{\"text\":\"x\"}").send();
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.unwrap().unwrap().status().as_u16()
    }

    async fn everything_passes(&self, is_bare: bool) {
        assert!(
            self.get("")
                .await
                .text()
                .await
                .unwrap()
                .contains("<title>Mattebox")
        );
        for file in ["static/app.js", "static/style.css", "front"] {
            self.get(file).await;
        }
        let picture = self.get("front.jpg").await.bytes().await.unwrap();
        assert!(picture.starts_with(&[0xff, 0xd8]));
        // Several frames, as they come.
        let stream = self.get("front.mjpeg").await;
        let heads = |bytes: &[u8]| bytes.windows(11).filter(|it| it == b"X-Timestamp").count();
        self.read_until(stream, |bytes| {
            heads(&bytes.to_ascii_lowercase()) >= 4 || heads(bytes) >= 4
        })
        .await;
        // The API's addresses hold.
        let all = self.get("api/streams").await;
        let from = all.url().clone();
        let all: Value = serde_json::from_slice(&all.bytes().await.unwrap()).unwrap();
        let snapshot = all["streams"][0]["snapshot_url"].as_str().unwrap();
        self.get(from.join(snapshot).unwrap().as_str()).await;
        // A change, and the event that tells of it.
        let events = self.get("api/events").await;
        let origin = self.root.origin().ascii_serialization();
        let own = ("X-Mattebox-Token", TOKEN);
        assert_eq!(self.change(&[("Origin", &origin), own]).await, 204);
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("api/variables/v");
        self.read_until(events, told).await;
        // Nobody without the token, or from elsewhere.
        assert_eq!(self.change(&[("Origin", &origin)]).await, 401);
        let bearer = format!("Bearer {TOKEN}");
        let elsewhere = [
            ("Origin", "http://evil.example"),
            ("Authorization", &bearer),
        ];
        if self.login.is_none() {
            assert_eq!(self.change(&elsewhere).await, 403);
        }
        if self.login.is_none() && !is_bare {
            let bearer = [("Origin", origin.as_str()), ("Authorization", &bearer)];
            assert_eq!(self.change(&bearer).await, 204);
        }
    }
}

async fn blocks_work(proxy: &str) {
    let server = server();
    for kind in ["plain", "path", "login", "tls"] {
        eprintln!("{proxy} {kind}");
        let running = Proxy::start(proxy, &documented(proxy, kind), server.address);
        let mut visitor = Visitor::new(&running, kind);
        visitor.everything_passes(false).await;
        if visitor.login.take().is_some() {
            let refused = visitor.request(Method::GET, "").send().await.unwrap();
            assert_eq!(refused.status(), 401);
        }
        if kind == "path" {
            let to_path = visitor
                .request(Method::GET, "/webcam")
                .send()
                .await
                .unwrap();
            assert!(to_path.status().is_redirection(), "{}", to_path.status());
            let location = to_path.headers()["location"].to_str().unwrap();
            assert!(location.ends_with("/webcam/"), "{location}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx and openssl"]
async fn nginx_with_the_blocks_of_the_guide() {
    blocks_work("nginx").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs apache2 and openssl"]
async fn apache_with_the_blocks_of_the_guide() {
    blocks_work("apache").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs haproxy and openssl"]
async fn haproxy_with_the_blocks_of_the_guide() {
    blocks_work("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs caddy and openssl"]
async fn caddy_with_the_blocks_of_the_guide() {
    blocks_work("caddy").await;
}

/// Answers as Authelia does: who is logged in by the cookie `login`, and in which group.
async fn login_service() -> std::net::SocketAddr {
    use axum::http::{HeaderMap, StatusCode};
    let answer = async |headers: HeaderMap| {
        let cookie = headers.get("cookie").and_then(|it| it.to_str().ok());
        match cookie.and_then(|it| it.strip_prefix("login=")) {
            Some(group) => Ok([
                ("Remote-User", "tim".to_owned()),
                ("Remote-Groups", group.to_owned()),
            ]),
            None => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let router = axum::Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx"]
async fn nginx_tells_who_has_logged_in_at_a_service_beside_it() {
    const SECRET: &str = "the first line of proxy.secret";
    let folder = Folder::with(
        "admin-token: { env: TEST_TOKEN }
allowed-hosts: [cam.example.org]
trusted-proxies: [127.0.0.1]
auth-headers:
  user: Remote-User
  role: Remote-Groups
  map: { admins: admin, family: viewer }
  secret: { file: proxy.secret }
streams: { front: { filters: [{ use: timestamp }] } }
",
    );
    folder.write("proxy.secret", SECRET);
    let server = Server::start(folder);
    let service = login_service().await;
    let block = documented("nginx", "auth").replace("127.0.0.1:9091", &service.to_string());
    let proxy = Proxy::start("nginx", &block, server.address);
    let visitor = Visitor::new(&proxy, "auth");
    let ask = async |target: &str, headers: &[(&str, &str)]| {
        let mut request = visitor.request(Method::GET, target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = tokio::time::timeout(PATIENCE, request.send());
        answer.await.unwrap().unwrap()
    };
    let by = |group| [("Cookie", group), ("Remote-User", "root")];
    assert_eq!(ask("front.jpg", &[]).await.status(), 401);
    let forged = [("Remote-User", "ada"), ("Remote-Groups", "admins")];
    assert_eq!(ask("front.jpg", &forged).await.status(), 401);
    assert_eq!(ask("front.jpg", &by("login=family")).await.status(), 200);
    assert_eq!(
        ask("api/variables", &by("login=family")).await.status(),
        403
    );
    let access = ask("api/access", &by("login=admins"))
        .await
        .text()
        .await
        .unwrap();
    let access: Value = serde_json::from_str(&access).unwrap();
    assert_eq!(
        (&access["user"], &access["role"]),
        (&"tim".into(), &"admin".into())
    );
    // Without the proxy nobody is believed.
    assert_eq!(server.get("/front.jpg").status, 401);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx, apache2, haproxy, caddy and openssl"]
async fn proxies_as_they_come() {
    let server = server();
    for (proxy, block) in BARE {
        eprintln!("{proxy}");
        let running = Proxy::start(proxy, block, server.address);
        Visitor::new(&running, "plain")
            .everything_passes(true)
            .await;
    }
}

async fn the_page_works(server: &Server, address: &str) {
    assert_eq!(drive(server, address).await, Vec::<String>::new());
}

/// Switches the chain's filter off on the page at `address`, and on again. Gives what the browser
/// complains of.
async fn drive(server: &Server, address: &str) -> Vec<String> {
    let browser = Browser::open(address).await;
    browser
        .until(
            "document.querySelector('.picture img')?.naturalWidth === 1280 || \
            document.querySelector('.picture canvas:not([hidden])')?.width === 1280",
        )
        .await;
    browser
        .until("document.querySelector('.step .enabled')")
        .await;
    browser.click(".step .enabled").await;
    browser.give_token(TOKEN).await;
    let step = |state: &'static str| move |report: &Value| report["filters"][0]["state"] == state;
    server.until("front", step("off"));
    browser
        .until("document.querySelector('.step').dataset.state === 'off'")
        .await;
    browser.click(".step .enabled").await;
    server.until("front", |report| report["filters"][0]["state"] != "off");
    // Where a proxy passes no WebSocket on, the browser says so by itself.
    let mut errors = browser.console_errors().await;
    errors.retain(|text| !text.contains("WebSocket connection"));
    errors
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium, chromedriver, nginx, apache2, haproxy, caddy and openssl"]
async fn the_page_is_driven_through_each_proxy() {
    let server = server();
    let bare = BARE.map(|(proxy, block)| (proxy, "plain", block.to_owned()));
    let documented = ["nginx", "apache", "haproxy", "caddy"]
        .into_iter()
        .flat_map(|proxy| {
            ["path", "login", "tls"].map(|kind| (proxy, kind, documented(proxy, kind)))
        });
    for (proxy, kind, block) in bare.into_iter().chain(documented) {
        eprintln!("{proxy} {kind}");
        let running = Proxy::start(proxy, &block, server.address);
        let mut root = Visitor::new(&running, kind).root;
        if kind == "login" {
            root.set_username(LOGIN.0).unwrap();
            root.set_password(Some(LOGIN.1)).unwrap();
        }
        the_page_works(&server, root.as_str()).await;
    }
}

/// Three proxies that pass on what begins with a path, but for its slash.
const WITHOUT_SLASH: [(&str, &str); 3] = [
    (
        "nginx",
        "server { listen 80; location /webcam { proxy_pass http://127.0.0.1:8080/; } }\n",
    ),
    (
        "apache",
        "<VirtualHost *:80>\nProxyPass /webcam http://127.0.0.1:8080/\n</VirtualHost>\n",
    ),
    (
        "haproxy",
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    \
         timeout server 1m\nlisten l\n    bind :80\n    \
         http-request replace-path /webcam/?(.*) /\\1 if { path_beg /webcam }\n    \
         server s 127.0.0.1:8080\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium, chromedriver, nginx, apache2, haproxy and openssl"]
async fn the_page_finds_the_slash_that_its_address_lacks() {
    let server = server();
    for (proxy, block) in WITHOUT_SLASH {
        eprintln!("{proxy}");
        let running = Proxy::start(proxy, block, server.address);
        let root = format!("http://{NAME}:{}", running.address.port());
        // What it asks for until it has gone there is not found.
        let mut errors = drive(&server, &format!("{root}/webcam#front")).await;
        errors.retain(|text| !text.contains("404"));
        assert_eq!(errors, Vec::<String>::new());
        let browser = Browser::open(&format!("{root}/webcam/front")).await;
        browser
            .until(
                "document.querySelector('img')?.naturalWidth === 1280 && location.pathname === \
                '/webcam/front'",
            )
            .await;
    }
    // One that takes the slash away again is not asked for ever.
    let block = "server { listen 80; absolute_redirect off;
        location = /webcam { proxy_pass http://127.0.0.1:8080/; }
        location = /webcam/ { return 302 /webcam; } }\n";
    let running = Proxy::start("nginx", block, server.address);
    let address = format!("http://{NAME}:{}/webcam", running.address.port());
    let browser = Browser::open(&address).await;
    browser
        .until(
            "document.readyState === 'complete' && \
            performance.getEntriesByType('navigation')[0].redirectCount === 1",
        )
        .await;
    browser
        .until(
            "location.pathname === '/webcam' && \
            document.getElementById('not-started').offsetHeight > 0",
        )
        .await;
    // One that doesn't take its path away hears what is wrong.
    let block = "server { listen 80; location /webcam/ { proxy_pass http://127.0.0.1:8080; } }\n";
    let running = Proxy::start("nginx", block, server.address);
    let visitor = Visitor::new(&running, "plain");
    let answer = visitor
        .request(Method::GET, "/webcam/")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    let text = answer.text().await.unwrap();
    assert!(text.contains("reverse-proxy.md"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium, chromedriver, nginx and openssl"]
async fn the_page_tells_what_the_proxy_answers_for_the_server() {
    let server = server();
    let (proxy, block) = BARE[0];
    let running = Proxy::start(proxy, block, server.address);
    let browser = Browser::open(Visitor::new(&running, "plain").root.as_str()).await;
    browser.until("document.querySelector('.card')").await;
    drop(server);
    browser
        .until(
            "document.getElementById('trouble').textContent.includes('the proxy in front \
            answers 502 Bad Gateway')",
        )
        .await;
}
