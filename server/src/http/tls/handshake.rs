//! Handshakes: who speaks no TLS is told where to go, and who speaks it is heard in time.

use std::io;
use std::time::Duration;

use rustls::server::{Acceptor, ClientHello};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::settings::{Chosen, HTTP2};
use super::{Settings, TlsSocket};
use crate::tls::{ACME_ALPN, ClientCa};

/// The type of the record that a handshake begins with (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// A connection to a port of TLS.
pub enum Opened {
    /// With TLS.
    Secured(Box<Secured>),
    /// Its client speaks something else, as plain HTTP is.
    Plain(TcpStream),
}

/// A connection with TLS.
pub struct Secured {
    /// The connection.
    pub socket: TlsSocket,
    /// Whether both sides speak HTTP/2.
    pub is_http2: bool,
    /// The name in the client's certificate.
    pub client: Option<ClientCertificate>,
}

/// What a client has shown in the handshake. An extension of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The name in its certificate, if there is one: its common name, else the first of its
    /// alternative names (RFC 5280, 4.1.2.6 and 4.2.1.6).
    pub name: Option<String>,
    /// The certificates of `client-ca` then, by which it is signed.
    pub ca: ClientCa,
}

/// Makes the handshake of the connection `socket`, which takes no longer than `most`. With
/// `is_http1`, HTTP/2 is not offered.
///
/// # Errors
/// It failed, or took too long, or there is no certificate yet.
pub async fn open(
    socket: TcpStream,
    settings: &Settings,
    is_http1: bool,
    most: Duration,
) -> io::Result<Opened> {
    let opened = timeout(most, handshake(socket, settings, is_http1)).await;
    opened.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn handshake(socket: TcpStream, settings: &Settings, is_http1: bool) -> io::Result<Opened> {
    let mut first = [0];
    if socket.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if first != [HANDSHAKE] {
        return Ok(Opened::Plain(socket));
    }
    let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
    let chosen = choose(&start.client_hello(), settings, is_http1);
    let chosen = chosen.map_err(io::Error::other)?;
    let (config, ca) = chosen.ok_or_else(|| io::Error::other("there is no certificate yet"))?;
    let mut stream = start.into_stream(config).await?;
    let (_, connection) = stream.get_ref();
    let protocol = connection.alpn_protocol();
    if protocol == Some(ACME_ALPN) {
        // That was the answer (RFC 8737, 3); nobody has shown a certificate of `client-ca`.
        stream.shutdown().await?;
        return Err(io::Error::other("it was an authority's question"));
    }
    let is_http2 = protocol == Some(HTTP2);
    Ok(Opened::Secured(Box::new(Secured {
        is_http2,
        client: ca.and_then(|ca| certificate(&stream, ca)),
        socket: TlsSocket::new(stream, is_http2),
    })))
}

/// The settings for a client that says `hello`, which may be an authority's question, and by what
/// its certificate is checked.
fn choose(
    hello: &ClientHello<'_>,
    settings: &Settings,
    is_http1: bool,
) -> Result<Option<Chosen>, rustls::Error> {
    let mut protocols = hello.alpn().into_iter().flatten();
    match protocols.any(|it| it == ACME_ALPN) {
        true => {
            let answer = settings.challenge(hello.server_name().unwrap_or_default())?;
            Ok(answer.map(|config| (config, None)))
        }
        false => settings.current(is_http1),
    }
}

/// The certificate of the client at the other end of `stream`, which has been verified by `ca`.
fn certificate(stream: &TlsStream<TcpStream>, ca: ClientCa) -> Option<ClientCertificate> {
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates()?.first()?;
    let name = name_in(certificate);
    Some(ClientCertificate { name, ca })
}

fn name_in(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = certificate.subject().iter_common_name();
    if let Some(name) = names.find_map(|name| name.as_str().ok()) {
        return Some(name.to_owned());
    }
    let names = certificate.subject_alternative_name().ok()??;
    names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        })
}
