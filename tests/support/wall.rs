//! Clients of the wall, by both ways, with the raw socket at hand.

use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use socket2::SockRef;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::{HandshakeError, Message, WebSocket};

use super::http::{connect_from, get};
use super::server::Server;

/// No test waits for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message of the server.
#[derive(Debug)]
pub struct Received {
    pub kind: u8,
    pub name: String,
    pub number: u64,
    pub captured_at: SystemTime,
    pub body: Vec<u8>,
}

pub const STATE: u8 = 1;
pub const FRAME: u8 = 2;

impl Received {
    fn read(from: &mut impl Read) -> std::io::Result<Self> {
        let mut header = [0; 22];
        from.read_exact(&mut header)?;
        let number = |at: usize| u64::from_be_bytes(header[at..at + 8].try_into().unwrap());
        let length = u32::from_be_bytes(header[18..].try_into().unwrap());
        let mut name = vec![0; header[1].into()];
        from.read_exact(&mut name)?;
        let mut body = vec![0; length as usize];
        from.read_exact(&mut body)?;
        Ok(Self {
            kind: header[0],
            name: String::from_utf8(name).unwrap(),
            number: number(2),
            captured_at: UNIX_EPOCH + Duration::from_micros(number(10)),
            body,
        })
    }
}

/// A client, whichever way it came.
pub trait WallClient: Send {
    fn say(&mut self, message: &Value);
    fn receive(&mut self) -> Received;

    fn credit(&mut self, stream: &str, until: u64) {
        self.say(&json!({ "credit": { stream: until } }));
    }

    /// The next frame.
    fn frame(&mut self) -> Received {
        self.until(&|received| received.kind == FRAME)
    }

    /// The first state for which `condition` holds; frames before it are passed over.
    fn state(&mut self, condition: &dyn Fn(&Value) -> bool) -> Value {
        let parse = |received: &Received| serde_json::from_slice(&received.body).unwrap();
        let is_it = |received: &Received| received.kind == STATE && condition(&parse(received));
        parse(&self.until(&is_it))
    }

    fn until(&mut self, condition: &dyn Fn(&Received) -> bool) -> Received {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let received = self.receive();
            if condition(&received) {
                return received;
            }
            assert!(Instant::now() < give_up, "it never comes");
        }
    }
}

/// A client by a WebSocket.
pub struct Socket(WebSocket<TcpStream>);

impl Socket {
    pub fn open(server: &Server) -> Self {
        let from = Ipv4Addr::LOCALHOST.into();
        Self::open_with(server, from, &[]).unwrap()
    }

    /// From this address of the machine, with these headers.
    ///
    /// # Errors
    /// The status with which the server refuses it.
    pub fn open_with(
        server: &Server,
        from: IpAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let socket = connect_from(from, server.address);
        // Who doesn't read is noticed soon.
        SockRef::from(&socket)
            .set_recv_buffer_size(64 << 10)
            .unwrap();
        let mut request = format!("ws://{}/api/wall", server.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(name, value);
        }
        match tungstenite::client(request, socket) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// Waits for the end, and gives what the server says of it.
    pub fn end(&mut self) -> CloseFrame {
        loop {
            if let Message::Close(frame) = self.0.read().unwrap() {
                return frame.unwrap();
            }
        }
    }
}

impl WallClient for Socket {
    fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string());
    }

    fn receive(&mut self) -> Received {
        let Message::Binary(bytes) = self.0.read().unwrap() else {
            panic!("the server sends binary messages only")
        };
        let mut rest = &bytes[..];
        let received = Received::read(&mut rest).unwrap();
        assert!(rest.is_empty(), "one at a time");
        received
    }
}

/// A client by a streamed answer.
pub struct Streamed {
    body: BufReader<TcpStream>,
    address: SocketAddr,
    pub session: String,
}

impl Streamed {
    pub fn open(server: &Server) -> Self {
        let response = server.get("/api/wall/stream");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("x-accel-buffering"), Some("no"));
        let mut body = response.body;
        let first = Received::read(&mut body).unwrap();
        assert_eq!(first.kind, 0);
        Self {
            body,
            address: server.address,
            session: String::from_utf8(first.body).unwrap(),
        }
    }

    /// Sends a text, and gives the status of the answer.
    pub fn say_text(&self, text: &str) -> u16 {
        say_to(self.address, &self.session, text)
    }
}

/// The same for the session called so.
pub fn say_to(address: SocketAddr, session: &str, text: &str) -> u16 {
    let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    get(
        address,
        &format!("/api/wall/stream/{session}?message={text}"),
    )
    .status
}

impl WallClient for Streamed {
    fn say(&mut self, message: &Value) {
        assert_eq!(self.say_text(&message.to_string()), 204);
    }

    fn receive(&mut self) -> Received {
        Received::read(&mut self.body).unwrap()
    }
}
