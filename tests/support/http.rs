//! HTTP as a client sees it, with the raw socket at hand, since tests read slowly or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// Long enough for a busy machine, short enough to fail.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No test watches for longer: what it waits for will never come.
const LONGEST_WATCH: Duration = Duration::from_secs(180);

pub struct Response<S: Read = TcpStream> {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: BufReader<S>,
}

impl<S: Read> Response<S> {
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    pub fn bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes).unwrap();
        bytes
    }

    pub fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub fn json(self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap()
    }
}

/// Sends a request as HTTP/1.0, so that the answer comes without chunks and ends with the
/// connection.
pub fn request(address: SocketAddr, method: &str, target: &str) -> Response {
    send(
        address,
        method,
        target,
        &[("Host", &address.to_string())],
        b"",
    )
}

/// The same with these headers and this body.
pub fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    send_from(from, address, method, target, headers, body)
}

/// Connects from the address `from` of this machine: on Linux all of 127.0.0.0/8 are.
pub fn connect_from(from: IpAddr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.into()
}

/// Connects with a system that keeps about so many bytes for the client.
pub fn connect_keeping(bytes: usize, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    // Before it connects, since that tells the server how much it may send.
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.into()
}

/// The same as [`send`], from the address `from` of this machine.
pub fn send_from(
    from: IpAddr,
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut socket = connect_from(from, address);
    let mut head = format!(
        "{method} {target} HTTP/1.0\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    // A server that refuses a large body may close before it has read all of it.
    socket.write_all(body).ok();
    read_response(socket)
}

/// Sends `bytes` as they are, and gives the answer to them.
pub fn send_raw(address: SocketAddr, bytes: &str) -> Response {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.write_all(bytes.as_bytes()).unwrap();
    read_response(socket)
}

/// Waits for the head of an answer that comes by `socket`.
pub fn read_response<S: Read>(socket: S) -> Response<S> {
    let mut body = BufReader::new(socket);
    let status = line(&mut body);
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    Response {
        status,
        headers: self::headers(&mut body),
        body,
    }
}

pub fn get(address: SocketAddr, target: &str) -> Response {
    request(address, "GET", target)
}

fn line(body: &mut impl BufRead) -> String {
    let mut line = String::new();
    body.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn headers(body: &mut impl BufRead) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    loop {
        let line = line(body);
        let Some((name, value)) = line.split_once(':') else {
            return headers;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
}

/// One part of a Motion JPEG stream.
pub struct Part {
    pub headers: Vec<(String, String)>,
    pub jpeg: Vec<u8>,
}

impl Part {
    pub fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(known, _)| known == name);
        &header.unwrap().1
    }
}

/// A viewer of a Motion JPEG stream.
pub struct Mjpeg<S: Read = TcpStream> {
    pub response: Response<S>,
    boundary: String,
    give_up: Instant,
}

impl Mjpeg {
    pub fn open(address: SocketAddr, target: &str) -> Self {
        Self::of(get(address, target))
    }

    /// The same of a viewer whose system keeps about so many bytes for it.
    pub fn open_keeping(bytes: usize, address: SocketAddr, target: &str) -> Self {
        let mut socket = connect_keeping(bytes, address);
        let request = format!("GET {target} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        Self::of(read_response(socket))
    }
}

impl<S: Read> Mjpeg<S> {
    /// The viewer whose request has this answer.
    pub fn of(response: Response<S>) -> Self {
        assert_eq!(response.status, 200);
        let content_type = response.header("content-type").unwrap();
        let (kind, boundary) = content_type.split_once("; boundary=").unwrap();
        assert_eq!(kind, "multipart/x-mixed-replace");
        let boundary = format!("--{boundary}");
        Self {
            response,
            boundary,
            give_up: Instant::now() + LONGEST_WATCH,
        }
    }

    /// `None` after the closing boundary.
    pub fn next(&mut self) -> Option<Part> {
        assert!(
            Instant::now() < self.give_up,
            "the picture that is waited for never comes"
        );
        let body = &mut self.response.body;
        let mut boundary = line(body);
        while boundary.is_empty() {
            boundary = line(body);
        }
        assert!(boundary.starts_with(&self.boundary), "{boundary}");
        let headers = headers(body);
        // The last part is an empty one, closed at once.
        let length = headers.iter().find(|(name, _)| name == "content-length")?;
        let mut jpeg = vec![0; length.1.parse().unwrap()];
        body.read_exact(&mut jpeg).unwrap();
        assert_eq!(line(body), "");
        Some(Part { headers, jpeg })
    }
}
