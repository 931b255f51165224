//! The client of a request: the one at the other end of the connection, or the one that a trusted
//! proxy forwards.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::config::ClientRules;
use crate::control::Snapshot;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// At this address.
    Tcp(SocketAddr),
    /// A program of this machine that may use the server's Unix domain socket, which is a proxy.
    Unix,
}

impl Peer {
    /// One of whom nothing is known.
    pub const UNKNOWN: Self = Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));

    /// Its address; that of this machine if it has none of its own.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Tcp(address) => address.ip().to_canonical(),
            Self::Unix => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// Whether `peer` is a proxy whose word for whom it forwards counts.
pub fn is_proxy(peer: Peer, rules: &ClientRules) -> bool {
    match peer {
        Peer::Tcp(_) => rules.trusts(peer.address()),
        Peer::Unix => true,
    }
}

/// The client that a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// For limits, throttling and logs.
    pub address: IpAddr,
    /// The kind, which decides the limits.
    pub kind: ClientKind,
}

/// The way a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// By a connection of its own.
    Direct,
    /// Through a trusted proxy.
    Forwarded,
    /// It is a trusted proxy, and asks for itself.
    Proxy,
}

impl Client {
    /// The address that is this client's own for certain, behind the connection from `peer`: not
    /// that of a proxy, which stands for clients of whom nothing is known.
    pub fn own_address(&self, peer: Peer, snapshot: &Snapshot) -> Option<IpAddr> {
        let is_own = match self.kind {
            ClientKind::Direct => true,
            ClientKind::Proxy => peer != Peer::Unix,
            ClientKind::Forwarded => {
                let is_proxys = snapshot.config.clients.trusts(self.address);
                !is_proxys && self.address != peer.address()
            }
        };
        is_own.then_some(self.address)
    }

    /// The client of a request with these `headers` that came in by a connection from `peer`.
    ///
    /// From the right, the first address that is no trusted proxy's counts: what stands left of it
    /// anybody may have written. If a proxy tells something else, or `X-Forwarded-For` and
    /// `Forwarded` disagree (one of them came from outside then), all clients of that proxy count
    /// as one.
    pub fn of(peer: Peer, headers: &HeaderMap, rules: &ClientRules) -> Self {
        let client = |address, kind| Self { address, kind };
        let is_proxy = is_proxy(peer, rules);
        let peer = peer.address();
        if !is_proxy {
            return client(peer, ClientKind::Direct);
        }
        let listed = texts(headers, &X_FORWARDED_FOR).map(|texts| {
            furthest(
                peer,
                texts.flat_map(|text| text.split(',')).map(address),
                rules,
            )
        });
        let elements = texts(headers, &header::FORWARDED)
            .map(|texts| furthest(peer, texts.flat_map(elements).map(forwarded_for), rules));
        let address = match (listed, elements) {
            (None, None) => return client(peer, ClientKind::Proxy),
            (Some(address), None) | (None, Some(address)) => address,
            (Some(one), Some(other)) if one == other => one,
            (Some(_), Some(_)) => peer,
        };
        client(address, ClientKind::Forwarded)
    }
}

/// The values of the header `name`, if there is one.
pub fn texts<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
    let values = headers.get_all(name);
    let is_there = headers.contains_key(name);
    is_there.then(|| {
        values
            .into_iter()
            .map(|value| value.to_str().unwrap_or_default())
    })
}

/// The first address from the right that is no trusted proxy's; the last known one where nothing
/// more is told.
fn furthest(
    peer: IpAddr,
    hops: impl Iterator<Item = Option<IpAddr>>,
    rules: &ClientRules,
) -> IpAddr {
    let hops: Vec<_> = hops.collect();
    let mut known = peer;
    for hop in hops.into_iter().rev() {
        match hop {
            Some(hop) => known = hop,
            None => return known,
        }
        if !rules.trusts(known) {
            return known;
        }
    }
    known
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let alone = bare.parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    alone
        .or_else(|_| with_port())
        .ok()
        .map(|address| address.to_canonical())
}

/// The elements of a `Forwarded` header (RFC 7239, section 4), split at commas outside of quotes.
fn elements(text: &str) -> Vec<&str> {
    split(text, ',')
}

/// The node that `for` names in an element of `Forwarded` (RFC 7239, section 6).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    address(parameter(element, "for")?)
}

/// The values of the parameter `name` in all elements of `Forwarded`.
pub fn forwarded_values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = texts(headers, &header::FORWARDED).into_iter().flatten();
    let elements = lines.flat_map(elements);
    elements.filter_map(move |element| parameter(element, name))
}

fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = split(element, ';').into_iter();
    pairs.find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let is_it = key.trim().eq_ignore_ascii_case(name);
        is_it.then(|| value.trim().trim_matches('"'))
    })
}

fn split(text: &str, at: char) -> Vec<&str> {
    let mut is_quoted = false;
    let is_end = |c: char| {
        is_quoted ^= c == '"';
        c == at && !is_quoted
    };
    text.split(is_end).collect()
}

/// The address that counts as one client: an IPv4 address, or the network of 64 bits that one
/// customer has in IPv6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn rules() -> ClientRules {
        ClientRules {
            trusted_proxies: ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
                .map(|network| network.parse().unwrap())
                .into(),
            ..ClientRules::default()
        }
    }

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = Peer::Tcp((peer.parse::<IpAddr>().unwrap(), 0).into());
        let client = Client::of(peer, &map, &rules());
        format!("{:?} {}", client.kind, client.address)
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_counts() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1,10.1.2.3 , 127.0.0.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            // All are proxies: the furthest.
            ("10.0.0.5, 10.0.0.6", "10.0.0.5"),
            // Nothing that can be read: the last one known.
            ("1.1.1.1, unknown", "127.0.0.1"),
            ("1.1.1.1, unknown, 10.0.0.6", "10.0.0.6"),
            ("", "127.0.0.1"),
        ] {
            let found = client("127.0.0.1", &[("x-forwarded-for", value)]);
            assert_eq!(found, format!("Forwarded {expected}"), "{value}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (value, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=1.1.1.1, proto=https; FOR=192.0.2.43:80", "192.0.2.43"),
            ("for=192.0.2.1;host=\"a,b;for=1.1.1.1\"", "192.0.2.1"),
            ("for=192.0.2.1, for=\"10.0.0.3\"", "192.0.2.1"),
            ("for=192.0.2.1, for=_hidden", "127.0.0.1"),
            ("proto=https", "127.0.0.1"),
        ] {
            let found = client("127.0.0.1", &[("forwarded", value)]);
            assert_eq!(found, format!("Forwarded {expected}"), "{value}");
        }
    }

    #[test]
    fn who_is_no_trusted_proxy_can_tell_nothing() {
        let told = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
        ];
        assert_eq!(client("192.0.2.9", &told), "Direct 192.0.2.9");
        assert_eq!(client("::ffff:127.0.0.1", &told), "Forwarded 192.0.2.1");
        assert_eq!(client("127.0.0.1", &[]), "Proxy 127.0.0.1");
    }

    #[test]
    fn a_program_at_the_unix_socket_is_a_proxy() {
        let mut headers = HeaderMap::new();
        let alone = Client::of(Peer::Unix, &headers, &rules());
        assert_eq!(alone.kind, ClientKind::Proxy);
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        let forwarded = Client::of(Peer::Unix, &headers, &rules());
        assert_eq!(forwarded.kind, ClientKind::Forwarded);
        assert_eq!(forwarded.address.to_string(), "192.0.2.1");
    }

    #[test]
    fn headers_that_disagree_count_for_nothing() {
        let disagreeing = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=1.1.1.1"),
        ];
        assert_eq!(client("127.0.0.1", &disagreeing), "Forwarded 127.0.0.1");
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        assert_eq!(client("127.0.0.1", &lines), "Forwarded 192.0.2.1");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let [a, b, c] = ["2001:db8::1", "2001:db8::2:0:1", "2001:db8:0:1::1"]
            .map(|text| network(text.parse().unwrap()));
        assert_eq!(a, b);
        assert_ne!(a, c);
        let mapped = network("::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(mapped, "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
