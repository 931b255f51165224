//! HTTP/2: many streams by one connection.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{FILES, server, server_of};
use crate::support::picture::number;
use crate::support::tls::{Ca, connect};

const PATIENCE: Duration = Duration::from_secs(60);
/// What a stream may be sent before its client takes something.
const WINDOW: u32 = 64 << 10;

/// A client of HTTP/2.
struct Client {
    address: SocketAddr,
    requests: SendRequest<Bytes>,
    connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    async fn connect(address: SocketAddr, ca: &Ca) -> Self {
        let mut config = ca.client();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config));
        let stream = stream.connect(name, socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(64 << 20)
            .handshake(stream)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        Self {
            address,
            requests,
            connection,
        }
    }

    /// Asks for `target`, and doesn't wait for the answer.
    async fn send(&self, target: &str) -> ResponseFuture {
        let uri = format!("https://{}{target}", self.address);
        let request = Request::get(uri).body(()).unwrap();
        let mut ready = self.requests.clone().ready().await.unwrap();
        ready.send_request(request, true).unwrap().0
    }

    /// The status of `target`, and its body.
    async fn get(&self, target: &str) -> (u16, RecvStream) {
        let answer = timeout(PATIENCE, self.send(target).await).await;
        let (head, body) = answer.unwrap().unwrap().into_parts();
        (head.status.as_u16(), body)
    }

    async fn watch(&self, target: &str) -> Parts {
        let (status, body) = self.get(target).await;
        assert_eq!(status, 200);
        Parts {
            body,
            bytes: Vec::new(),
        }
    }
}

/// The parts of a Motion JPEG answer.
struct Parts {
    body: RecvStream,
    bytes: Vec<u8>,
}

impl Parts {
    async fn fill(&mut self) {
        let piece = timeout(PATIENCE, self.body.data()).await;
        let piece = piece.unwrap().expect("the stream ended").unwrap();
        self.bytes.extend_from_slice(&piece);
        let flow = self.body.flow_control();
        flow.release_capacity(piece.len()).unwrap();
    }

    /// The number of the next frame that has one: the first may be a notice.
    async fn next(&mut self) -> u32 {
        loop {
            let jpeg = self.jpeg().await;
            if jpeg.windows(6).any(|it| it == b"frame ") {
                return number(&jpeg);
            }
        }
    }

    /// The next picture.
    async fn jpeg(&mut self) -> Vec<u8> {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        let find = |bytes: &[u8]| bytes.windows(4).position(|it| it == HEAD_END);
        let head = loop {
            match find(&self.bytes) {
                Some(end) => break end,
                None => self.fill().await,
            }
        };
        let text = String::from_utf8(self.bytes[..head].to_vec()).unwrap();
        let (_, length) = text.split_once("Content-Length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let end = head + HEAD_END.len() + length;
        while self.bytes.len() < end {
            self.fill().await;
        }
        self.bytes.drain(..end).skip(head + 4).collect()
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_holds_no_other_up_and_skips_to_the_newest() {
    let ca = Ca::new();
    // Each frame is larger than a stream's window.
    let server = server_of(FILES, &ca, 240_000);
    let client = Client::connect(server.address, &ca).await;
    let mut slow = client.watch("/s.mjpeg").await;
    let first = slow.next().await;
    let mut fast = client.watch("/s.mjpeg").await;
    let mut newest = first;
    while newest < first + 30 {
        newest = fast.next().await;
    }
    // The one that it was at, and one that was asked for beside it.
    let mut old = 0;
    while slow.next().await < newest {
        old += 1;
    }
    assert!(old <= 2, "{old}");
}

#[tokio::test]
async fn each_answer_that_goes_on_takes_a_place_of_its_client() {
    let ca = Ca::new();
    let server = server(&ca);
    let client = Client::connect(server.address, &ca).await;
    let mut watching = Vec::new();
    // One of 64 is the connection's.
    for _ in 0..63 {
        watching.push(client.watch("/s.mjpeg").await);
    }
    assert_eq!(client.get("/s.mjpeg").await.0, 503);
    assert_eq!(client.get("/healthz").await.0, 200);
    let mut last = watching.pop().unwrap();
    last.next().await;
    drop(last);
    let mut status = 503;
    while status == 503 {
        status = client.get("/s.mjpeg").await.0;
    }
    assert_eq!(status, 200);
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let ca = Ca::new();
    let server = server(&ca);
    let client = Client::connect(server.address, &ca).await;
    let mut parts = client.watch("/s.mjpeg").await;
    parts.next().await;
    server.terminate();
    while timeout(PATIENCE, parts.body.data())
        .await
        .unwrap()
        .is_some_and(|it| it.is_ok())
    {}
    assert!(timeout(PATIENCE, client.connection).await.is_ok());
    assert!(server.wait().0.success());
}

#[tokio::test]
async fn names_and_bodies_are_checked_as_by_http_1() {
    let ca = Ca::new();
    let server = server(&ca);
    let client = Client::connect(server.address, &ca).await;
    let send = async |request: Request<()>| {
        let mut ready = client.requests.clone().ready().await.unwrap();
        let answer = ready.send_request(request, true).unwrap().0.await;
        answer.map(|answer| answer.status().as_u16())
    };
    let foreign = Request::get("https://evil.example/s.jpg").body(());
    assert_eq!(send(foreign.unwrap()).await.unwrap(), 421);
    let address = format!("https://{}/s.jpg", server.address);
    let twice = Request::get(&address).header("host", "cam.local").body(());
    assert_eq!(send(twice.unwrap()).await.unwrap(), 400);
    let page = Request::post(&address)
        .header("origin", "http://evil.example")
        .body(());
    assert_eq!(send(page.unwrap()).await.unwrap(), 403);
    // The page of a server with TLS can't have come without it.
    let plain = format!("http://{}", server.address);
    let downgraded = Request::put(&address).header("origin", plain).body(());
    assert_eq!(send(downgraded.unwrap()).await.unwrap(), 403);
    let large = Request::get(&address)
        .header("x-large", "x".repeat(20_000))
        .body(());
    let refused = send(large.unwrap()).await;
    let is_refused = match refused {
        Ok(status) => status == 431,
        Err(error) => error.reason().is_some_and(|it| it != Reason::NO_ERROR),
    };
    assert!(is_refused);
}

#[test]
fn http_1_is_spoken_where_the_client_wants_it() {
    let ca = Ca::new();
    let server = server(&ca);
    for (offered, version) in [(&[][..], "HTTP/1.1"), (&["http/1.1"][..], "HTTP/1.1")] {
        let mut config = ca.client();
        config.alpn_protocols = offered.iter().map(|it| it.as_bytes().to_vec()).collect();
        let mut stream = connect(server.address, &config);
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            server.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("{version} 200")), "{answer}");
    }
}
