//! A camera in the network, as good or as bad as a test wants it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::listener::Listener;
use super::picture::jpeg;

/// What a camera is asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }
}

pub trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

/// What it answers; an error ends the connection, as does a client that has gone.
pub type Answer = dyn Fn(&Request, &mut dyn Write) -> io::Result<()> + Send + Sync;

/// An HTTP server that lives as long as this does.
pub struct HttpCamera {
    pub address: SocketAddr,
    state: Arc<State>,
    listener: Listener,
}

struct State {
    answer: Box<Answer>,
    tls: Option<Arc<ServerConfig>>,
    requests: Mutex<Vec<Request>>,
}

impl HttpCamera {
    pub fn new(
        answer: impl Fn(&Request, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start("127.0.0.1:0".parse().unwrap(), Box::new(answer), None)
    }

    /// One that comes back where it was.
    pub fn at(
        address: SocketAddr,
        answer: impl Fn(&Request, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start(address, Box::new(answer), None)
    }

    /// One with a certificate that nobody knows.
    pub fn with_tls(
        answer: impl Fn(&Request, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key =
            rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start(
            "127.0.0.1:0".parse().unwrap(),
            Box::new(answer),
            Some(Arc::new(tls)),
        )
    }

    fn start(address: SocketAddr, answer: Box<Answer>, tls: Option<Arc<ServerConfig>>) -> Self {
        let state = Arc::new(State {
            answer,
            tls,
            requests: Mutex::default(),
        });
        let shared = state.clone();
        // The client's going is how a connection ends.
        let listener = Listener::start(address, move |socket, is_over| {
            drop(shared.talk(socket, is_over))
        });
        Self {
            address: listener.address,
            state,
            listener,
        }
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.listener.open()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl State {
    fn talk(&self, socket: &TcpStream, is_over: &AtomicBool) -> io::Result<()> {
        let socket = socket.try_clone()?;
        let socket: Box<dyn Connection> = match &self.tls {
            None => Box::new(socket),
            Some(tls) => {
                let connection = ServerConnection::new(tls.clone()).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(connection, socket))
            }
        };
        let mut socket = BufReader::new(socket);
        while let Some(request) = read(&mut socket)? {
            self.requests.lock().unwrap().push(request.clone());
            let mut writer = Until {
                socket: socket.get_mut(),
                is_over,
            };
            (self.answer)(&request, &mut writer)?;
        }
        Ok(())
    }
}

/// Writes until the camera is switched off.
struct Until<'a> {
    socket: &'a mut Box<dyn Connection>,
    is_over: &'a AtomicBool,
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_over.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_over.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.socket.flush()
    }
}

fn read(socket: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if socket.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line)?;
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut request = Request {
        target,
        headers,
        body: Vec::new(),
    };
    let length = request.header("content-length");
    request.body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
    socket.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// A camera takes its time from one picture to the next; this one little.
pub fn tick() {
    thread::sleep(Duration::from_millis(20));
}

/// A short answer.
pub fn plain(socket: &mut dyn Write, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    write!(
        socket,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n"
    )?;
    socket.write_all(body)?;
    socket.flush()
}

/// The head of a stream.
pub fn stream_head(socket: &mut dyn Write) -> io::Result<()> {
    socket.write_all(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: multipart/x-mixed-replace; \
         boundary=b\r\n\r\n",
    )
}

/// A part of a stream.
pub fn part(socket: &mut dyn Write, jpeg: &[u8]) -> io::Result<()> {
    socket.write_all(b"--b\r\nContent-Type: image/jpeg\r\n\r\n")?;
    socket.write_all(jpeg)?;
    socket.write_all(b"\r\n")?;
    socket.flush()
}

/// `pictures` over and over.
pub fn stream(socket: &mut dyn Write, pictures: &[Vec<u8>]) -> io::Result<()> {
    stream_head(socket)?;
    for picture in pictures.iter().cycle() {
        part(socket, picture)?;
        tick();
    }
    Ok(())
}

/// A camera that can be switched off.
pub struct Switched {
    camera: HttpCamera,
    is_on: Arc<AtomicBool>,
}

impl Switched {
    pub fn new() -> Self {
        let is_on = Arc::new(AtomicBool::new(true));
        let on = is_on.clone();
        let picture = jpeg("420.jpg");
        let camera = HttpCamera::new(move |_, socket| {
            if !on.load(Ordering::SeqCst) {
                return plain(socket, "503 Service Unavailable", "", b"");
            }
            stream_head(socket)?;
            while on.load(Ordering::SeqCst) {
                part(socket, &picture)?;
                tick();
            }
            Err(io::ErrorKind::BrokenPipe.into())
        });
        Self { camera, is_on }
    }

    /// Switches it on or off.
    pub fn set(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }

    /// A pipeline with it as the stream `front`.
    pub fn pipeline(&self) -> String {
        let address = self.camera.address;
        format!(
            "admin-token: {{ env: TEST_TOKEN }}\nstreams:\n  \
             front: {{ source: {{ driver: http, url: \"http://{address}/\" }} }}\n"
        )
    }
}
