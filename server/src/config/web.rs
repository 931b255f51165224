//! Clients: how many connections each may have, through which proxies they come, and which pages may show pictures.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use super::fields::{Errors, Fields};
use super::read::read_list;
use super::suggest::quote;

/// The rules for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// The most connections of one address (IPv6: of one network of 64 bits), 1 to 10,000. Default 64.
    pub connections_per_address: usize,
    /// The proxies that tell whom they forward (`X-Forwarded-For`, `Forwarded`). Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// The pages that may show pictures and streams. Default: any.
    pub embedding: Embedding,
    /// The pages whose scripts may read pictures, streams and the API (CORS). Default: none.
    pub cors: Cors,
}

/// Pages by their origins (RFC 6454).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Whether all pages are meant (`*`).
    pub any: bool,
    /// The others, serialized (RFC 6454, 6.2).
    pub origins: Vec<String>,
}

impl Cors {
    /// Whether pages of `origin`, serialized, are among them.
    pub fn allows(&self, origin: &str) -> bool {
        self.any || self.origins.iter().any(|allowed| allowed == origin)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        !self.any && self.origins.is_empty()
    }
}

/// The pages that may show pictures and streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Embedding {
    /// All pages.
    #[default]
    Any,
    /// Those of the same site: of the same host on any port, or of the same domain.
    SameSite,
    /// The server's own page only.
    None,
}

impl WebConfig {
    /// Whether `address` is a proxy that tells whom it forwards.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// Reads `limits`, `trusted-proxies`, `embedding` and `cors`.
pub fn read_web(fields: &Fields<'_>, errors: &mut Errors) -> WebConfig {
    let embedding = [
        ("any", Embedding::Any),
        ("same-site", Embedding::SameSite),
        ("none", Embedding::None),
    ];
    WebConfig {
        connections_per_address: read_limits(fields, errors).unwrap_or(64),
        trusted_proxies: read_list(
            fields,
            "trusted-proxies",
            "[127.0.0.1]",
            read_network,
            errors,
        ),
        embedding: fields
            .choice("embedding", &embedding, errors)
            .unwrap_or_default(),
        cors: read_cors(fields, errors),
    }
}

fn read_cors(fields: &Fields<'_>, errors: &mut Errors) -> Cors {
    // For messages.
    let example = "[https://ha.example.org]` or `[\"*\"]";
    let origins = read_list(fields, "cors", example, read_origin, errors);
    Cors {
        any: origins.iter().any(|origin| origin == "*"),
        origins: origins.into_iter().filter(|it| it != "*").collect(),
    }
}

/// An origin, or `*`.
fn read_origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    if text.contains('*') {
        return Err(format!(
            "`*` stands for nothing but all pages, alone: `\"*\"`; name each origin whole instead of {}",
            quote(text)
        ));
    }
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && is_bare(url));
    let origin = url.map(|url| url.origin().ascii_serialization());
    origin.ok_or_else(|| {
        format!(
            "expected a scheme, a host and perhaps a port, such as `https://ha.example.org`, or `\"*\"` for all pages, found {}",
            quote(text)
        )
    })
}

/// Whether `url` is an origin and nothing more.
fn is_bare(url: &Url) -> bool {
    let has_login = !url.username().is_empty() || url.password().is_some();
    url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !has_login
}

fn read_limits(fields: &Fields<'_>, errors: &mut Errors) -> Option<usize> {
    const KEYS: &[&str] = &["connections-per-address"];
    let limits = Fields::new(fields.get("limits")?, "`limits`", KEYS, errors)?;
    let most = limits.whole("connections-per-address", 1..=10_000, errors)?;
    Some(most as usize)
}

/// An address, or a network in CIDR notation (RFC 4632, RFC 4291).
fn read_network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    network.ok_or_else(|| {
        format!(
            "expected an address such as `127.0.0.1` or a network such as `10.0.0.0/8`, found {}",
            quote(text)
        )
    })
}
