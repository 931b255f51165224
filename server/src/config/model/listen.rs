//! `listen`: the addresses to serve on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::super::suggest::quote;
use super::super::value_error::ValueError;

/// An address to serve on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A port on all addresses of the machine, of IPv6 and IPv4.
    AllInterfaces(u16),
    /// A Unix domain socket, by its path, relative to the pipeline file's folder.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The address that the server listens on unless the file or `--listen` names others.
    pub const DEFAULT: Self = Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080));

    /// The same address; a relative path starts at `folder`.
    pub fn below(&self, folder: &Path) -> Self {
        match self {
            Self::Unix(path) => Self::Unix(folder.join(path)),
            address => address.clone(),
        }
    }

    /// Whether one server can't listen on both.
    fn clashes_with(&self, other: &Self) -> bool {
        if let (Self::Unix(one), Self::Unix(two)) = (self, other) {
            let plain = |path: &Path| {
                path.components()
                    .filter(|it| *it != Component::CurDir)
                    .collect::<PathBuf>()
            };
            return plain(one) == plain(two);
        }
        let (Some(one), Some(two)) = (self.port(), other.port()) else {
            return false;
        };
        // Each that takes a free port gets another.
        one == two && one != 0 && (self.includes(other) || other.includes(self))
    }

    fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::AllInterfaces(port) => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// Whether the IP address of `other` is one of its own.
    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            // That of IPv6 takes IPv4, too.
            (Self::Tcp(all), Self::Tcp(one)) if all.ip().is_unspecified() => {
                all.is_ipv6() || one.ip().to_canonical().is_ipv4()
            }
            (Self::Tcp(one), Self::Tcp(other)) => {
                one.ip().to_canonical() == other.ip().to_canonical()
            }
            _ => matches!(self, Self::AllInterfaces(_)),
        }
    }
}

/// The first of `addresses` that can't be listened on beside one before it, by its place, and why
/// not.
pub fn find_clash(addresses: &[ListenAddress]) -> Option<(usize, String)> {
    addresses.iter().enumerate().find_map(|(at, address)| {
        let mut before = addresses[..at].iter();
        let other = before.find(|other| address.clashes_with(other))?;
        let why = match address {
            _ if other == address => format!("`{address}` stands twice"),
            ListenAddress::Unix(_) => format!("`{other}` and `{address}` are one socket"),
            _ => format!("`{other}` and `{address}` are of the same port; one of them will do"),
        };
        Some((at, why))
    })
}

/// As it is written in the pipeline file.
impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::AllInterfaces(port) => write!(out, ":{port}"),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

/// The address that the server listens on where the file names none.
pub fn default_listen() -> Vec<ListenAddress> {
    vec![ListenAddress::DEFAULT]
}

/// Reads one address, or a list of them.
pub fn read_listen<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ListenAddress>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Addresses {
        One(String),
        Several(Vec<String>),
    }
    let texts = match Addresses::deserialize(from)? {
        Addresses::One(text) => vec![text],
        Addresses::Several(texts) => texts,
    };
    let read = texts.iter().map(|text| parse_listen(text));
    read.collect::<Result<_, _>>().map_err(Error::custom)
}

/// An address to listen on: an IP address or `localhost`, and a port; a port alone, after a colon;
/// or `unix:` and a path.
///
/// # Errors
/// It is something else.
pub fn parse_listen(text: &str) -> Result<ListenAddress, ValueError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return parse_path(path);
    }
    let parsed = match text.rsplit_once(':') {
        Some(("", port)) => port.parse().ok().map(ListenAddress::AllInterfaces),
        Some(("localhost", port)) => {
            let port = port.parse().ok();
            port.map(|port| ListenAddress::Tcp((Ipv4Addr::LOCALHOST, port).into()))
        }
        _ => text.parse().ok().map(ListenAddress::Tcp),
    };
    let hint = match text.parse::<u16>() {
        Ok(port) => format!("; did you mean `:{port}`?"),
        Err(_) => String::new(),
    };
    parsed.ok_or_else(|| {
        let expected = "an IP address and a port, such as `127.0.0.1:8080`, a port of all \
            addresses, such as `:8080`, or `unix:/run/mattebox.sock`";
        ValueError::found(expected, &format!("{}{hint}", quote(text)))
    })
}

fn parse_path(path: &str) -> Result<ListenAddress, ValueError> {
    if !cfg!(unix) {
        return Err("this system has no Unix domain sockets".into());
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("`unix:` needs the path of a socket, such as `unix:/run/mattebox.sock`".into());
    }
    Ok(ListenAddress::Unix(path.into()))
}
