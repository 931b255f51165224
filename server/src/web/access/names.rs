//! Under which names the server may be reached, and from which pages.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::uri::Authority;
use url::Url;

use super::super::problem::ProblemDetails;

/// Names below these are never public (RFC 6761, RFC 6762, RFC 8375, and `internal` by ICANN's resolution).
const LOCAL: [&str; 4] = ["localhost", "local", "home.arpa", "internal"];

/// Checks a `Host` header: an address can't be rebound, and the name of a machine on this network neither.
///
/// # Errors
/// It is a name that anybody may have point here.
pub fn check_host(host: &str, allowed: &[String]) -> Result<(), ProblemDetails> {
    let Ok(authority) = host.parse::<Authority>() else {
        return Err(ProblemDetails::bad_request("the `Host` header is no host"));
    };
    let name = authority.host();
    if is_local(name) || is_allowed(name, allowed) {
        return Ok(());
    }
    let why = format!(
        "the server does not know itself as `{name}`; if that is its name, add it to `allowed-hosts` in the pipeline file"
    );
    Err(ProblemDetails::new(StatusCode::MISDIRECTED_REQUEST, why))
}

/// Checks an `Origin` header of a request to `host`.
///
/// # Errors
/// It is that of a page from elsewhere.
pub fn check_origin(
    origin: &str,
    host: Option<&str>,
    allowed: &[String],
) -> Result<(), ProblemDetails> {
    match site_of(origin, host, allowed) {
        Site::Own => Ok(()),
        Site::Same | Site::Other => Err(foreign_page()),
    }
}

/// The refusal of a page from elsewhere.
pub fn foreign_page() -> ProblemDetails {
    let why = "pages from elsewhere may not use this server";
    ProblemDetails::new(StatusCode::FORBIDDEN, why)
}

/// The site that a page belongs to, as seen from the server (HTML standard, "same site").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// The server gave it out, under this name or an allowed one.
    Own,
    /// It comes from another port of the same host, or from a domain above or below it.
    Same,
    /// It comes from elsewhere.
    Other,
}

/// The site of the page at `address` (a URL, or an origin), which asks for something of `host`.
pub fn site_of(address: &str, host: Option<&str>, allowed: &[String]) -> Site {
    let url = Url::parse(address).ok();
    let name = url.as_ref().and_then(Url::host_str);
    if name.is_some_and(|name| is_allowed(name, allowed)) {
        return Site::Own;
    }
    // A proxy may have changed the scheme, never the name.
    let own = host.and_then(|host| Url::parse(&format!("http://{host}")).ok());
    let (Some(url), Some(own)) = (url, own) else {
        return Site::Other;
    };
    let is_default = url.port().is_none() && own.port().is_none();
    match (url.domain(), own.domain()) {
        _ if url.host() == own.host() && (is_default || url.port() == own.port()) => Site::Own,
        _ if url.host().is_some() && url.host() == own.host() => Site::Same,
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
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.trim_end_matches('.').to_ascii_lowercase();
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
    use super::*;

    #[test]
    fn hosts() {
        let allowed = ["cam.example.org".to_owned()];
        for fine in [
            "127.0.0.1",
            "192.168.1.5:8080",
            "[::1]:8080",
            "localhost:80",
            "raspberrypi",
            "raspberrypi.local:8080",
            "cam.home.arpa",
            "CAM.example.org:443",
            "cam.example.org.",
        ] {
            assert!(check_host(fine, &allowed).is_ok(), "{fine}");
        }
        for foreign in [
            "example.org",
            "evil.cam.example.org",
            "notlocal.example",
            "127.0.0.1.evil.example",
            "evillocal.com",
            "",
            "a b",
        ] {
            assert!(check_host(foreign, &allowed).is_err(), "{foreign}");
        }
    }

    #[test]
    fn origins() {
        let allowed = ["cam.example.org".to_owned()];
        let check = |origin, host| check_origin(origin, Some(host), &allowed).is_ok();
        assert!(check("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(check("http://cam.local", "cam.local"));
        assert!(check("https://cam.local", "cam.local"));
        assert!(check("https://cam.example.org", "127.0.0.1:8080"));
        assert!(!check("http://127.0.0.1:8081", "127.0.0.1:8080"));
        assert!(!check("http://evil.example", "127.0.0.1:8080"));
        assert!(!check("null", "127.0.0.1:8080"));
        assert!(!check("http://127.0.0.1", "127.0.0.1:8080"));
    }
    #[test]
    fn sites() {
        let allowed = ["cam.example.org".to_owned()];
        let site = |address, host| site_of(address, Some(host), &allowed);
        for (address, host, expected) in [
            ("http://127.0.0.1:8080/a?b", "127.0.0.1:8080", Site::Own),
            ("https://cam.example.org/x", "127.0.0.1:8080", Site::Own),
            ("http://127.0.0.1:3000/", "127.0.0.1:8080", Site::Same),
            ("http://nas.lan/", "cam.nas.lan:8080", Site::Same),
            ("http://grafana.nas.lan:1/", "nas.lan", Site::Same),
            ("http://other.lan/", "nas.lan", Site::Other),
            ("http://xnas.lan/", "nas.lan", Site::Other),
            ("http://a.local/", "local", Site::Other),
            ("http://1.127.0.0.1/", "127.0.0.1", Site::Other),
            ("http://127.0.0.2/", "127.0.0.1", Site::Other),
            ("null", "nas.lan", Site::Other),
            ("about:blank", "nas.lan", Site::Other),
        ] {
            assert_eq!(site(address, host), expected, "{address} {host}");
        }
        assert_eq!(site_of("http://a.example/", None, &allowed), Site::Other);
    }
}
