//! Clients: how many connections each may have, through which proxies they come, and which pages
//! may show pictures.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::super::suggest::quote;
use super::super::value_error::ValueError;
use super::read_each;
use super::schemas::origins;

/// The rules for clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct ClientRules {
    /// The limits of one client.
    pub limits: Limits,
    /// The proxies, as addresses or networks (`10.0.0.0/8`), that tell whom they forward
    /// (`X-Forwarded-For`, `Forwarded`).
    #[serde(deserialize_with = "networks")]
    #[schemars(schema_with = "super::schemas::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The pages that may show pictures and streams.
    pub embedding: Embedding,
    /// The pages whose scripts may read pictures, streams and the API (CORS).
    #[schemars(schema_with = "origins")]
    pub cors: Cors,
}

/// The limits of one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "`limits`")]
pub struct Limits {
    /// The most connections of one address (IPv6: of one network of 64 bits).
    #[schemars(range(min = 1, max = 10_000))]
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_address: 64,
        }
    }
}

/// Pages by their origins (RFC 6454).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
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

impl TryFrom<Vec<String>> for Cors {
    type Error = ValueError;

    fn try_from(texts: Vec<String>) -> Result<Self, ValueError> {
        let origins = texts.iter().map(|text| read_origin(text));
        let origins: Vec<_> = origins.collect::<Result<_, _>>()?;
        Ok(Self {
            any: origins.iter().any(|origin| origin == "*"),
            origins: origins.into_iter().filter(|it| it != "*").collect(),
        })
    }
}

/// The pages that may show pictures and streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Embedding {
    /// All pages.
    #[default]
    Any,
    /// Those of the same site: of the same host on any port, or of the same domain.
    SameSite,
    /// The server's own page only.
    None,
}

impl ClientRules {
    /// Whether `address` is a proxy that tells whom it forwards.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }
}

pub fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    read_each(from, read_network)
}

/// An origin, or `*`.
///
/// # Errors
/// It is something else.
pub fn read_origin(text: &str) -> Result<String, ValueError> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    if text.contains('*') {
        let found = quote(text);
        return Err(format!(
            "`*` stands for nothing but all pages, alone: `\"*\"`; name each origin \
            whole instead of {found}"
        )
        .into());
    }
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && is_bare(url));
    let origin = url.map(|url| url.origin().ascii_serialization());
    origin.ok_or_else(|| {
        ValueError::unexpected(
            "a scheme, a host and perhaps a port, such as \
            `https://ha.example.org`, or `\"*\"` for all pages",
            text,
        )
    })
}

/// Whether `url` is an origin and nothing more.
fn is_bare(url: &Url) -> bool {
    let has_login = !url.username().is_empty() || url.password().is_some();
    url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !has_login
}

/// An address, or a network in CIDR notation (RFC 4632, RFC 4291).
///
/// # Errors
/// It is something else.
pub fn read_network(text: &str) -> Result<IpNet, ValueError> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    network.ok_or_else(|| {
        let expected = "an address such as `127.0.0.1` or a network such as `10.0.0.0/8`";
        ValueError::unexpected(expected, text)
    })
}
