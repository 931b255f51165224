//! The names under which the server may be reached, and the pages that may use it.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use url::Url;

use super::super::problem::ProblemDetails;
use super::super::scheme::has_tls;
use super::client::{forwarded_values, texts};
use super::machine::MachineNames;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Names below these are never public: by RFC 6761, RFC 6762 and RFC 8375, `internal` and `home` by
/// ICANN's resolutions; `lan` and `localdomain`, which routers and resolvers use, are no top-level
/// domains.
const LOCAL: [&str; 7] = [
    "localhost",
    "local",
    "home.arpa",
    "internal",
    "home",
    "lan",
    "localdomain",
];

/// Checks a `Host` header: an address can't be rebound, and the name of a machine on this network
/// neither.
///
/// # Errors
/// It is a name that anybody may have point here.
pub fn check_host(
    host: &str,
    allowed: &[String],
    machine: &MachineNames,
) -> Result<(), ProblemDetails> {
    // With a user's name before an `@`, it would be an address in what is made of it.
    let authority = host.parse::<Authority>().ok();
    let authority = authority.filter(|it| !it.as_str().contains('@'));
    let Some(authority) = authority else {
        return Err(ProblemDetails::bad_request("the `Host` header is no host"));
    };
    let name = authority.host();
    if is_local(name) || is_allowed(name, allowed) || machine.has(name) {
        return Ok(());
    }
    let why = format!(
        "the server does not know itself as `{name}`; if that is its name, add it to \
         `allowed-hosts` in the pipeline file"
    );
    let line = format!("allowed-hosts: [{name}]");
    Err(ProblemDetails::new(StatusCode::MISDIRECTED_REQUEST, why).with_line(line))
}

/// The refusal of a page from elsewhere.
pub fn foreign_page() -> ProblemDetails {
    ProblemDetails::forbidden("pages from elsewhere may not use this server")
}

/// The site that a page belongs to, as seen from the server (HTML standard, "same site"); the
/// nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// The server gave it out, under this name or an allowed one.
    Own,
    /// It comes from another port of the same host, or from a domain above or below it.
    Same,
    /// It comes from elsewhere.
    Other,
}

/// The names by which a browser may have asked for something.
pub struct Names<'a> {
    /// The one that the request names, and those that it had before by the word of proxies; with
    /// ports.
    hosts: Vec<&'a str>,
    /// The ports that proxies tell beside the hosts, which may be of those without one.
    ports: Vec<&'a str>,
    /// The scheme of the connection if it has TLS, or those that proxies tell; any may be if there
    /// are none.
    schemes: Vec<&'a str>,
    /// Names that the pipeline file allows.
    allowed: &'a [String],
}

impl<'a> Names<'a> {
    /// Those of `request`. What it says to have been before counts `if_forwarded` by a trusted
    /// proxy.
    pub fn of(request: &'a Request, allowed: &'a [String], if_forwarded: bool) -> Self {
        let mut names = Self {
            hosts: host(request).into_iter().collect(),
            ports: Vec::new(),
            schemes: Vec::new(),
            allowed,
        };
        if if_forwarded {
            let headers = request.headers();
            names.hosts.extend(listed(headers, &X_FORWARDED_HOST));
            names.hosts.extend(forwarded_values(headers, "host"));
            names.ports.extend(listed(headers, &X_FORWARDED_PORT));
            names.schemes.extend(listed(headers, &X_FORWARDED_PROTO));
            names.schemes.extend(forwarded_values(headers, "proto"));
        } else if has_tls(request) {
            names.schemes.push("https");
        }
        names
    }

    /// The host that the request itself names. No browser leaves it out.
    pub fn host(&self) -> Option<&'a str> {
        self.hosts.first().copied()
    }

    /// Whether a proxy tells that its client's connection is encrypted.
    pub fn is_https(&self) -> bool {
        let mut schemes = self.schemes.iter();
        schemes.any(|scheme| scheme.eq_ignore_ascii_case("https"))
    }

    /// All of the hosts, without their ports.
    pub fn without_ports(&self) -> Vec<&'a str> {
        self.hosts.iter().map(|host| without_port(host)).collect()
    }

    /// The site of the page at `address` (a URL, or an origin).
    pub fn site_of(&self, address: &str) -> Site {
        let Ok(page) = Url::parse(address) else {
            return Site::Other;
        };
        if page
            .host_str()
            .is_some_and(|name| is_allowed(name, self.allowed))
        {
            return Site::Own;
        }
        let bare = self
            .hosts
            .iter()
            .filter(|host| without_port(host) == **host);
        let with_port = |host| self.ports.iter().map(move |port| format!("{host}:{port}"));
        let told = bare.flat_map(with_port);
        let hosts = self.hosts.iter().map(ToString::to_string).chain(told);
        let sites = hosts.map(|host| site(&page, &host));
        match sites.min() {
            Some(Site::Own) if !self.may_have(page.scheme()) => Site::Same,
            site => site.unwrap_or(Site::Other),
        }
    }

    fn may_have(&self, scheme: &str) -> bool {
        let is_told = |told: &&str| told.eq_ignore_ascii_case(scheme);
        self.schemes.is_empty() || self.schemes.iter().any(is_told)
    }
}

/// The values that proxies have put into the header `name`, one behind the other.
fn listed<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines = texts(headers, name).into_iter().flatten();
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The host that `request` names: in its first line, else in `Host` (RFC 9112, 3.2.2).
fn host(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::HOST);
    let header = header.map(|host| host.to_str().unwrap_or_default());
    request.uri().authority().map(Authority::as_str).or(header)
}

/// Whether `request` names a host, in `:authority` or `Host`, and no other in the second than in
/// the first (RFC 9113, 8.3.1).
pub fn is_consistent(request: &Request) -> bool {
    let header = request.headers().get(header::HOST);
    let authority = request.uri().authority().map(Authority::as_str);
    match (authority, header) {
        (Some(authority), Some(host)) => {
            let host = host.as_bytes();
            host.eq_ignore_ascii_case(authority.as_bytes())
        }
        (one, other) => one.is_some() || other.is_some(),
    }
}

/// The name in `host`, without its port.
pub fn without_port(host: &str) -> &str {
    let end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']').map(|at| at + 2),
        None => host.find(':'),
    };
    &host[..end.unwrap_or(host.len())]
}

/// The site of `page` as seen from `host`. Their origins are compared (RFC 6454, section 5), where
/// `host` has the page's scheme: a proxy may have changed that, and a host without a port has the
/// scheme's own.
fn site(page: &Url, host: &str) -> Site {
    let Ok(own) = Url::parse(&format!("{}://{host}", page.scheme())) else {
        return Site::Other;
    };
    let is_same_host = page.host().is_some() && page.host() == own.host();
    match (page.domain(), own.domain()) {
        _ if is_same_host && page.port_or_known_default() == own.port_or_known_default() => {
            Site::Own
        }
        _ if is_same_host => Site::Same,
        (Some(one), Some(other)) if is_below(one, other) || is_below(other, one) => Site::Same,
        _ => Site::Other,
    }
}

/// Whether `name` is a name below `domain`, which is no top-level domain.
fn is_below(name: &str, domain: &str) -> bool {
    let rest = name.strip_suffix(domain);
    domain.contains('.') && rest.is_some_and(|rest| rest.ends_with('.'))
}

fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_below = |local: &str| {
        let rest = name.strip_suffix(local);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    // A name without a dot can't be had by a stranger either.
    bare.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || LOCAL.iter().any(|local| is_below(local))
}

fn is_allowed(name: &str, allowed: &[String]) -> bool {
    let name = name.trim_end_matches('.');
    allowed
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn allowed() -> [String; 1] {
        ["cam.example.org".to_owned()]
    }

    #[test]
    fn hosts() {
        let machine = MachineNames::fixed(&["nas.example.net"]);
        let check = |host| check_host(host, &allowed(), &machine);
        for fine in [
            "127.0.0.1",
            "127.0.0.1.:8080",
            "192.168.1.5:8080",
            "[::1]:8080",
            "localhost:80",
            "raspberrypi",
            "raspberrypi.local:8080",
            "cam.home.arpa",
            "cam.lan",
            "nas.home:8080",
            "cam.localdomain",
            "NAS.example.net:8080",
            "CAM.example.org:443",
            "cam.example.org.",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for foreign in [
            "example.org",
            "evil.cam.example.org",
            "notlocal.example",
            "127.0.0.1.evil.example",
            "evillocal.com",
            "evil.atlan",
            "lan.example",
            "example.net",
            "x.nas.example.net",
            "",
            "a b",
        ] {
            assert!(check(foreign).is_err(), "{foreign}");
        }
    }

    /// The site of a page, by a request with these headers.
    fn site_by(headers: &[(&str, &str)], is_forwarded: bool, page: &str) -> Site {
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let allowed = allowed();
        Names::of(&request, &allowed, is_forwarded).site_of(page)
    }

    #[test]
    fn sites() {
        for (page, host, expected) in [
            ("http://127.0.0.1:8080/a?b", "127.0.0.1:8080", Site::Own),
            ("https://cam.example.org/x", "127.0.0.1:8080", Site::Own),
            ("http://cam.local", "cam.local", Site::Own),
            // The scheme's own port may be written or not, and a proxy may have changed the scheme.
            ("https://cam.local", "cam.local", Site::Own),
            ("https://cam.local", "cam.local:443", Site::Own),
            ("http://cam.local:80", "CAM.local", Site::Own),
            ("https://cam.local", "cam.local:80", Site::Same),
            ("http://127.0.0.1:8081", "127.0.0.1:8080", Site::Same),
            ("http://127.0.0.1", "127.0.0.1:8080", Site::Same),
            ("http://127.0.0.1:3000/", "127.0.0.1:8080", Site::Same),
            ("http://nas.lan/", "cam.nas.lan:8080", Site::Same),
            ("http://grafana.nas.lan:1/", "nas.lan", Site::Same),
            ("http://evil.example", "127.0.0.1:8080", Site::Other),
            ("http://other.lan/", "nas.lan", Site::Other),
            ("http://xnas.lan/", "nas.lan", Site::Other),
            ("http://a.local/", "local", Site::Other),
            ("http://1.127.0.0.1/", "127.0.0.1", Site::Other),
            ("http://127.0.0.2/", "127.0.0.1", Site::Other),
            ("null", "nas.lan", Site::Other),
            ("about:blank", "nas.lan", Site::Other),
        ] {
            assert_eq!(
                site_by(&[("host", host)], false, page),
                expected,
                "{page} {host}"
            );
        }
        assert_eq!(site_by(&[], false, "http://a.example/"), Site::Other);
    }

    #[test]
    fn what_a_proxy_tells_of_the_name_counts_if_it_is_trusted() {
        const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
        for (told, page, expected) in [
            (
                ("x-forwarded-host", "nas.lan:8443"),
                "https://nas.lan:8443",
                Site::Own,
            ),
            (
                ("x-forwarded-host", "nas.lan"),
                "https://nas.lan",
                Site::Own,
            ),
            (
                ("x-forwarded-host", "nas.lan, inner"),
                "http://nas.lan",
                Site::Own,
            ),
            (
                ("x-forwarded-host", "nas.lan"),
                "http://nas.lan:81",
                Site::Same,
            ),
            (
                ("forwarded", "for=1.1.1.1;host=\"nas.lan:81\""),
                "http://nas.lan:81",
                Site::Own,
            ),
            (
                ("forwarded", "for=1.1.1.1;host=nas.lan;proto=https"),
                "https://nas.lan",
                Site::Own,
            ),
            (
                ("forwarded", "for=1.1.1.1;host=nas.lan;proto=https"),
                "http://nas.lan",
                Site::Same,
            ),
            (
                ("x-forwarded-host", "nas.lan"),
                "http://evil.example",
                Site::Other,
            ),
        ] {
            assert_eq!(
                site_by(&[HOST, told], true, page),
                expected,
                "{told:?} {page}"
            );
            assert_ne!(
                site_by(&[HOST, told], false, page),
                Site::Own,
                "{told:?} {page}"
            );
        }
        let scheme = [
            HOST,
            ("x-forwarded-host", "nas.lan"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(site_by(&scheme, true, "https://nas.lan"), Site::Own);
        assert_eq!(site_by(&scheme, true, "http://nas.lan"), Site::Same);
    }
}
