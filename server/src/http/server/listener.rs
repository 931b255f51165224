//! Listening sockets: of TCP, and in the file system.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, SockRef, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::either::Either;

use super::super::auth::Peer;
use super::super::tls::TlsSocket;
use super::STALL_TIME;
#[cfg(unix)]
use super::unix::{UnixSocket, check_path};
use crate::config::ListenAddress;

/// Connections that wait to be accepted, as many as in tokio's own listeners.
const BACKLOG: i32 = 1024;

/// A connection to a client, or to a proxy.
#[cfg(unix)]
pub type Socket = Either<TcpStream, tokio::net::UnixStream>;
/// A connection to a client, or to a proxy.
#[cfg(not(unix))]
pub type Socket = TcpStream;

/// A connection, perhaps with TLS.
pub type Channel = Either<Socket, TlsSocket>;

/// What is spoken on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTP with TLS; who speaks plain HTTP is redirected to it.
    Https,
    /// HTTP that redirects to this port.
    Redirect(u16),
}

/// A socket that takes connections.
pub enum Listener {
    /// Of an address and a port.
    Tcp(TcpListener, SocketAddr, Protocol),
    /// In the file system.
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl Protocol {
    /// The scheme of its addresses.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Http | Self::Redirect(_) => "http",
            Self::Https => "https",
        }
    }
}

/// The line that scripts read from standard output: an address to ask, or `unix:` and a path.
impl fmt::Display for Listener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, bound, protocol) => {
                let scheme = protocol.scheme();
                write!(out, "{scheme}://{bound}/")?;
                if let Some(host) = local_host(*bound) {
                    write!(out, ", on this machine {scheme}://{host}/")?;
                }
                match protocol {
                    Protocol::Redirect(_) => write!(out, ", and redirects to https"),
                    _ => Ok(()),
                }
            }
            #[cfg(unix)]
            Self::Unix(socket) => write!(out, "unix:{}", socket.path().display()),
        }
    }
}

/// The host and port to ask on this machine for what listens on all of its addresses (`bound`);
/// none for one of a single address.
pub fn local_host(bound: SocketAddr) -> Option<String> {
    let is_all = bound.ip().is_unspecified();
    is_all.then(|| format!("localhost:{}", bound.port()))
}

impl Listener {
    /// Checks what can be known of `address` without taking it.
    ///
    /// # Errors
    /// The machine has no such address, or there can be no such socket.
    pub fn check(address: &ListenAddress) -> io::Result<()> {
        match address {
            // Any port tells whether there is such an address.
            ListenAddress::Tcp(address) => std::net::TcpListener::bind((address.ip(), 0)).map(drop),
            ListenAddress::AllInterfaces(_) => Ok(()),
            #[cfg(unix)]
            ListenAddress::Unix(path) => check_path(path),
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Listens on `address`, and speaks `protocol` if it is no Unix domain socket.
    ///
    /// # Errors
    /// It is in use, there is no such address, or this user may not have it.
    pub async fn bind(address: &ListenAddress, protocol: Protocol) -> io::Result<Self> {
        let listener = match address {
            ListenAddress::Tcp(address) => TcpListener::bind(address).await?,
            ListenAddress::AllInterfaces(port) => bind_all(*port).await?,
            #[cfg(unix)]
            ListenAddress::Unix(path) => return UnixSocket::bind(path).map(Self::Unix),
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let bound = listener.local_addr()?;
        Ok(Self::Tcp(listener, bound, protocol))
    }

    /// Its address, if it is one of TCP.
    pub fn bound(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, bound, _) => Some(*bound),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// What is spoken on it.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Tcp(_, _, protocol) => *protocol,
            #[cfg(unix)]
            Self::Unix(_) => Protocol::Http,
        }
    }

    /// Whether others than programs of this machine can reach it.
    pub fn is_reached_from_elsewhere(&self) -> bool {
        match self {
            Self::Tcp(_, _, Protocol::Redirect(_)) => false,
            Self::Tcp(_, bound, _) => !bound.ip().to_canonical().is_loopback(),
            #[cfg(unix)]
            Self::Unix(_) => false,
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// There are no file descriptors left, or the client has gone already.
    pub async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener, ..) => {
                let (socket, peer) = listener.accept().await?;
                if let Err(error) = tune(&socket) {
                    tracing::debug!(%error, "a socket keeps its defaults");
                }
                Ok((of_tcp(socket), Peer::Tcp(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let socket = listener.accept().await?;
                if let Err(error) = SockRef::from(&socket).set_send_buffer_size(BUFFER_BYTES) {
                    tracing::debug!(%error, "a socket keeps its defaults");
                }
                Ok((Socket::Right(socket), Peer::Unix))
            }
        }
    }
}

#[cfg(unix)]
pub fn of_tcp(socket: TcpStream) -> Socket {
    Socket::Left(socket)
}

/// The socket of TCP that `socket` is; else itself.
#[cfg(unix)]
pub fn as_tcp(socket: Socket) -> Result<TcpStream, Socket> {
    match socket {
        Socket::Left(socket) => Ok(socket),
        socket => Err(socket),
    }
}

#[cfg(not(unix))]
pub fn as_tcp(socket: Socket) -> Result<TcpStream, Socket> {
    Ok(socket)
}

#[cfg(not(unix))]
pub fn of_tcp(socket: TcpStream) -> Socket {
    socket
}

/// Listens on all addresses, of IPv6 and IPv4; where there is no IPv6, of IPv4.
async fn bind_all(port: u16) -> io::Result<TcpListener> {
    match bind_both(port) {
        Ok(listener) => Ok(listener),
        // The port being in use is found here again.
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

fn bind_both(port: u16) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(false)?;
    // As in tokio's own: a server that is started anew gets its address at once. On Windows it
    // would be another's.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// A socket that has so many bytes or more to send takes no others (`TCP_NOTSENT_LOWAT`): none
/// while any are left. A viewer who is slow, or has stopped for a while, so gets the rest of one
/// old frame and then the newest. Fast ones cost no further calls: what is written is sent at once.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 1;
/// The same for a Unix domain socket, which has no other buffer.
#[cfg(unix)]
const BUFFER_BYTES: usize = 64 << 10;

fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    let keepalive = TcpKeepalive::new().with_time(STALL_TIME / 2);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(STALL_TIME))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}
