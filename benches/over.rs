//! What the fan-out is measured over: TCP, TLS, or TLS with HTTP/2.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;

const REQUEST: &[u8] = b"GET /s.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// What a browser lets a stream send before it takes something.
const WINDOW: u32 = 6 << 20;

/// The way that `OVER` says.
pub fn chosen() -> String {
    std::env::var("OVER").unwrap_or_else(|_| "tcp".to_owned())
}

fn is_tls() -> bool {
    chosen() != "tcp"
}

/// Makes a certificate in `folder`, if one is needed; gives the line of the pipeline file.
pub fn prepare(folder: &Path) -> &'static str {
    if !is_tls() {
        return "";
    }
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
    let write = |name: &str, pem: String| std::fs::write(folder.join(name), pem).expect("a file");
    write("cert.pem", made.cert.pem());
    write("key.pem", made.signing_key.serialize_pem());
    // For the viewers, which are in this process.
    std::env::set_current_dir(folder).expect("a folder");
    "tls: { cert: cert.pem, key: key.pem }\n"
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_file("cert.pem").expect("a certificate")
}

/// Reads and discards what the server at `address` sends.
pub async fn view(address: SocketAddr, received: Arc<AtomicU64>) -> io::Result<()> {
    let socket = tokio::net::TcpStream::connect(address).await?;
    if !is_tls() {
        return read(socket, &received).await;
    }
    let is_http2 = chosen() == "h2";
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // The loop that only writes knows nothing of protocols.
    config.alpn_protocols = if is_http2 {
        vec![b"h2".to_vec()]
    } else {
        Vec::new()
    };
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await?;
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => read_http2(stream, &received)
            .await
            .map_err(io::Error::other),
        _ => read(stream, &received).await,
    }
}

async fn read(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    received: &AtomicU64,
) -> io::Result<()> {
    stream.write_all(REQUEST).await?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        received.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn read_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    received: &AtomicU64,
) -> Result<(), h2::Error> {
    let (requests, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake::<_, bytes::Bytes>(stream)
        .await?;
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/s.mjpeg");
    let request = request.body(()).expect("a request");
    let (answer, _) = requests.ready().await?.send_request(request, true)?;
    let mut body = answer.await?.into_body();
    while let Some(piece) = body.data().await {
        let count = piece?.len();
        received.fetch_add(count as u64, Ordering::Relaxed);
        body.flow_control().release_capacity(count)?;
    }
    Ok(())
}

/// A viewer of the loop that does nothing but write.
pub struct Writer {
    socket: TcpStream,
    tls: Option<ServerConnection>,
    /// The bytes of the part that the socket has, without TLS.
    sent: usize,
}

impl Writer {
    /// The viewer at the other end of `socket`.
    ///
    /// # Errors
    /// It is gone.
    pub fn accept(mut socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        let mut tls = is_tls().then(connection).transpose()?;
        if let Some(tls) = &mut tls {
            tls.set_buffer_limit(None);
            while tls.is_handshaking() {
                tls.complete_io(&mut socket)?;
            }
        }
        const HEAD: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n--mattebox-frame\r\n";
        match &mut tls {
            None => socket.write_all(HEAD)?,
            Some(tls) => tls.writer().write_all(HEAD)?,
        }
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            tls,
            sent: 0,
        })
    }

    /// Writes what is not sent yet of `part`, as far as the socket takes it.
    ///
    /// # Errors
    /// The viewer is gone.
    pub fn write(&mut self, part: [&[u8]; 3]) -> io::Result<()> {
        let written = match &mut self.tls {
            None => {
                let whole: usize = part.iter().map(|piece| piece.len()).sum();
                let mut slices = part.map(IoSlice::new);
                let mut left = slices.as_mut_slice();
                IoSlice::advance_slices(&mut left, self.sent);
                let written = self.socket.write_vectored(left);
                written.map(|count| self.sent = (self.sent + count) % whole)
            }
            Some(tls) => {
                if !tls.wants_write() {
                    part.iter()
                        .try_for_each(|piece| tls.writer().write_all(piece))?;
                }
                send(tls, &mut self.socket)
            }
        };
        match written {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            written => written,
        }
    }
}

/// Sends what is encrypted, as far as the socket takes it.
fn send(tls: &mut ServerConnection, socket: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(socket)?;
    }
    Ok(())
}

fn connection() -> io::Result<ServerConnection> {
    let key = PrivateKeyDer::from_pem_file("key.pem").map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key)
        .map_err(io::Error::other)?;
    ServerConnection::new(Arc::new(config)).map_err(io::Error::other)
}
