//! A camera that speaks RTSP by TCP and sends JPEG, as good or as bad as a test wants it.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::listener::Listener;

/// How the camera wants to be told who asks for it: `me` with the password `p@ss word`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Basic,
    Digest,
    /// Digest with `qop` (RFC 7616).
    Quality,
}

/// What it is like.
#[derive(Clone)]
pub struct Manner {
    /// JPEGs with the standard Huffman tables, sent over and over.
    pub pictures: Vec<Vec<u8>>,
    pub scheme: Option<Scheme>,
    /// The headers of 401 instead of its scheme's own.
    pub challenge: Option<&'static str>,
    /// What its clock says, in seconds from ours; none if it tells no time.
    pub clock: Option<i64>,
    /// Sends all packets but the second of each second picture.
    pub loses: bool,
    /// Instead of its own.
    pub description: Option<String>,
    /// Ends the connection after a picture, and never a session.
    pub hangs_up: bool,
    /// Never ends its description.
    pub is_endless: bool,
}

impl Manner {
    pub fn good(pictures: &[Vec<u8>]) -> Self {
        Self {
            pictures: pictures.to_vec(),
            scheme: None,
            challenge: None,
            clock: None,
            loses: false,
            description: None,
            hangs_up: false,
            is_endless: false,
        }
    }
}

/// A camera that lives as long as this does.
pub struct RtspCamera {
    pub address: SocketAddr,
    state: Arc<State>,
    listener: Listener,
}

struct State {
    manner: Manner,
    sessions: AtomicUsize,
    ended: Mutex<HashSet<String>>,
}

impl RtspCamera {
    pub fn new(manner: Manner) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), manner)
    }

    /// One that comes back where it was.
    pub fn at(address: SocketAddr, manner: Manner) -> Self {
        let state = Arc::new(State {
            manner,
            sessions: AtomicUsize::new(0),
            ended: Mutex::default(),
        });
        let shared = state.clone();
        // The client's going is how a connection ends.
        let listener = Listener::start(address, move |socket, _| drop(shared.talk(socket)));
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

    /// Sessions that there have been.
    pub fn sessions(&self) -> usize {
        self.state.sessions.load(Ordering::SeqCst)
    }

    /// Sessions that it was asked to end.
    pub fn ended(&self) -> usize {
        self.state.ended.lock().unwrap().len()
    }
}

/// What it is asked.
struct Request {
    method: String,
    url: String,
    cseq: String,
    authorization: Option<String>,
    session: String,
}

impl State {
    fn talk(&self, socket: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(socket.try_clone()?);
        let mut writer = socket;
        while let Some(request) = read(&mut reader)? {
            let cseq = &request.cseq;
            let mut answer = |status: &str, headers: &str, body: &str| {
                let length = body.len();
                write!(
                    writer,
                    "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n\
                     {body}"
                )
            };
            if let Some(challenge) = self.challenge(&request) {
                let own = format!("WWW-Authenticate: {challenge}\r\n");
                let headers = self.manner.challenge.unwrap_or(&own);
                answer("401 Unauthorized", headers, "")?;
                continue;
            }
            if !request.url.contains("/live") {
                answer("404 Not Found", "", "")?;
                continue;
            }
            match request.method.as_str() {
                "DESCRIBE" if self.manner.is_endless => return endless(socket, cseq),
                "DESCRIBE" => {
                    let own = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n\
                        m=audio 0 RTP/AVP 0\r\na=control:a\r\n\
                        m=video 0 RTP/AVP 26\r\na=control:v\r\n";
                    let body = self.manner.description.as_deref().unwrap_or(own);
                    let base = format!("{}/", request.url);
                    let headers =
                        format!("Content-Base: {base}\r\nContent-Type: application/sdp\r\n");
                    answer("200 OK", &headers, body)?;
                }
                "SETUP" => {
                    let number = self.sessions.fetch_add(1, Ordering::SeqCst);
                    let transport = "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000001";
                    let session = format!("{number};timeout={}", u32::MAX);
                    let headers = format!("Transport: {transport}\r\nSession: {session}\r\n");
                    answer("200 OK", &headers, "")?;
                }
                "PLAY" => {
                    answer("200 OK", &format!("Session: {}\r\n", request.session), "")?;
                    return self.play(socket);
                }
                "OPTIONS" => answer("200 OK", "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", "")?,
                "TEARDOWN" => {
                    self.ended.lock().unwrap().insert(request.session);
                    return Ok(());
                }
                _ => answer("501 Not Implemented", "", "")?,
            }
        }
        Ok(())
    }

    /// The question who asks, if that was not told.
    fn challenge(&self, request: &Request) -> Option<&'static str> {
        let told = request.authorization.as_deref().unwrap_or_default();
        let scheme = self.manner.scheme?;
        match scheme {
            // RFC 7617: user:password in base64.
            Scheme::Basic => (told != "Basic bWU6cEBzcyB3b3Jk").then_some("Basic realm=\"cam\""),
            Scheme::Digest | Scheme::Quality => {
                let field = |name: &str| {
                    let (_, rest) = told.split_once(&format!("{name}=")).unwrap_or_default();
                    rest.split(',')
                        .next()
                        .unwrap_or_default()
                        .trim_matches('"')
                        .to_owned()
                };
                let md5 = |text: String| format!("{:x}", md5::compute(text));
                let secret = md5("me:cam:p@ss word".to_owned());
                let what = md5(format!("{}:{}", request.method, field("uri")));
                if scheme == Scheme::Quality {
                    let (count, own) = (field("nc"), field("cnonce"));
                    let expected = md5(format!("{secret}:4711:{count}:{own}:auth:{what}"));
                    let own = "Digest realm=\"cam\", nonce=\"4711\", qop=\"auth\"";
                    return (field("response") != expected).then_some(own);
                }
                // RFC 2069, as many cameras have it.
                (field("response") != md5(format!("{secret}:4711:{what}")))
                    .then_some("Digest realm=\"cam\", nonce=\"4711\"")
            }
        }
    }

    fn play(&self, mut socket: &TcpStream) -> io::Result<()> {
        let mut sequence = 0u16;
        for (number, picture) in (0u32..).zip(self.manner.pictures.iter().cycle()) {
            // 20 ms at 90 kHz.
            let timestamp = number.wrapping_mul(1800).wrapping_add(0xffff_0000);
            if let Some(offset) = self.manner.clock.filter(|_| number % 10 == 0) {
                interleaved(&mut socket, 1, &report(offset, timestamp))?;
            }
            for (n, payload) in packets(picture).iter().enumerate() {
                let is_last = n + 1 == packets(picture).len();
                let mut packet = vec![0x80, 26 | u8::from(is_last) << 7];
                packet.extend(sequence.to_be_bytes());
                packet.extend(timestamp.to_be_bytes());
                packet.extend(1u32.to_be_bytes());
                packet.extend(payload);
                sequence = sequence.wrapping_add(1);
                if !(self.manner.loses && n == 1 && number % 2 == 1) {
                    interleaved(&mut socket, 0, &packet)?;
                }
            }
            if self.manner.hangs_up {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// A description of a gigabyte, as fast as the client takes it, up to 8 MB a second.
fn endless(mut socket: &TcpStream, cseq: &str) -> io::Result<()> {
    write!(
        socket,
        "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: 1000000000\r\n\r\nv=0\r\n"
    )?;
    loop {
        socket.write_all(&[b'a'; 80_000])?;
        thread::sleep(Duration::from_millis(10));
    }
}

fn interleaved(socket: &mut impl Write, channel: u8, packet: &[u8]) -> io::Result<()> {
    let length = (packet.len() as u16).to_be_bytes();
    socket.write_all(&[&[b'$', channel], &length[..], packet].concat())
}

/// A sender report (RFC 3550, 6.4.1).
fn report(offset: i64, timestamp: u32) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seconds = (now.as_secs() as i64 + offset + 2_208_988_800) as u32;
    let fraction = ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000) as u32;
    let words = [0x80c8_0006, 1, seconds, fraction, timestamp, 0, 0];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A JPEG as the payloads of RTP packets (RFC 2435), whose sides are rounded up to whole blocks
/// of 16.
fn packets(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let (mut tables, mut size, mut sampling, mut interval) = (Vec::new(), [0; 2], 0, [0; 2]);
    let mut at = 2;
    let scan = loop {
        let (marker, length) = (
            jpeg[at + 1],
            usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]])),
        );
        let data = &jpeg[at + 4..at + 2 + length];
        at += 2 + length;
        match marker {
            0xdb => data.chunks(65).for_each(|table| tables.extend(&table[1..])),
            0xc0 => {
                let blocks = |at: usize| {
                    (u16::from_be_bytes([data[at], data[at + 1]]).div_ceil(16) * 2) as u8
                };
                (size, sampling) = ([blocks(3), blocks(1)], data[7]);
            }
            0xdd => interval = [data[0], data[1]],
            0xda => break &jpeg[at..],
            _ => {}
        }
    };
    let restarts = interval != [0; 2];
    let kind = u8::from(sampling == 0x22) + if restarts { 64 } else { 0 };
    let mut payloads = Vec::new();
    for (n, chunk) in scan.chunks(1000).enumerate() {
        let mut payload = (n as u32 * 1000).to_be_bytes().to_vec();
        payload.extend([kind, 255, size[0], size[1]]);
        if restarts {
            payload.extend([interval[0], interval[1], 0xff, 0xff]);
        }
        if n == 0 {
            payload.extend([0, 0]);
            payload.extend((tables.len() as u16).to_be_bytes());
            payload.extend(&tables);
        }
        payload.extend(chunk);
        payloads.push(payload);
    }
    payloads
}

fn read(socket: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if socket.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        url: words.next().unwrap_or_default(),
        cseq: String::new(),
        authorization: None,
        session: String::new(),
    };
    loop {
        let mut line = String::new();
        socket.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Some(request));
        };
        match name.to_lowercase().as_str() {
            "cseq" => request.cseq = value.trim().to_owned(),
            "session" => request.session = value.trim().to_owned(),
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
}
