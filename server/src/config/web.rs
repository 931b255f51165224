//! Clients: how many connections each may have, through which proxies they come, and which pages may show pictures.

use std::net::IpAddr;

use ipnet::IpNet;

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

/// Reads `limits`, `trusted-proxies` and `embedding`.
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
    }
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
