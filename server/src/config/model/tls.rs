//! `tls:`: the certificate that the server shows, and the clients that must have one.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::value_error::ValueError;
use super::ListenAddress;
use super::listen::read_listen;
use super::schemas;

/// The longest time for which browsers may be told to use TLS only, in days.
const MOST_DAYS: u64 = 2 * 365;

/// TLS on every IP address of `listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "`tls`")]
pub struct TlsConfig {
    /// A file with the server's certificate and those that it is signed by, in PEM, relative to
    /// this file. It is read again when it changes.
    #[schemars(length(min = 1), extend("examples" = ["/etc/letsencrypt/live/cam/fullchain.pem"]))]
    pub cert: Option<String>,
    /// A file with the certificate's private key, in PEM, without a passphrase.
    #[schemars(length(min = 1), extend("examples" = ["/etc/letsencrypt/live/cam/privkey.pem"]))]
    pub key: Option<String>,
    /// Whether the server makes a certificate that is signed by itself.
    #[serde(default)]
    pub self_signed: bool,
    /// An authority that signs certificates by ACME (RFC 8555), such as Let's Encrypt. It asks the
    /// server on port 443 of each domain (TLS-ALPN-01, RFC 8737). By this line you agree to its
    /// terms.
    pub acme: Option<AcmeConfig>,
    /// A file with the certificates, in PEM, that a client's must be signed by, relative to this
    /// file. Without it, clients need none.
    #[schemars(length(min = 1))]
    pub client_ca: Option<String>,
    /// Whether clients without a certificate are served, too.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// Addresses that plain HTTP is answered on, like those of `listen`: with a redirection to the
    /// first of these.
    #[serde(default, deserialize_with = "read_listen")]
    #[schemars(schema_with = "schemas::listen")]
    pub redirect_from: Vec<ListenAddress>,
    /// The time for which browsers are to use nothing but TLS with this host (HSTS, RFC 6797), in
    /// days, such as `365d`. Without it they are told nothing.
    #[serde(default, deserialize_with = "read_days")]
    #[schemars(with = "Option<String>", extend("x-check" = "days", "examples" = ["365d"]))]
    pub hsts: Option<u64>,
}

/// An authority that signs certificates by ACME.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "`acme`")]
pub struct AcmeConfig {
    /// The names that the certificate is for.
    #[serde(deserialize_with = "super::hosts")]
    #[schemars(schema_with = "schemas::domains")]
    pub domains: Vec<String>,
    /// The address that the authority writes to, if it writes at all.
    #[schemars(length(min = 3), extend("examples" = ["me@example.org"]))]
    pub email: Option<String>,
    /// The address of the authority's directory.
    #[serde(default = "directory")]
    #[schemars(length(min = 1), extend("x-check" = "https-url"))]
    pub directory: String,
    /// A file with the certificate, in PEM, that the directory's must be signed by, relative to
    /// this file, for an authority of one's own. Without it, those that this machine trusts.
    #[schemars(length(min = 1))]
    pub ca: Option<String>,
}

fn directory() -> String {
    "https://acme-v02.api.letsencrypt.org/directory".to_owned()
}

/// Whether clients need a certificate, where `client-ca` says whose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// Those without one are not served.
    #[default]
    Required,
    /// Those without one are served.
    Optional,
}

/// The origin of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// These files.
    Files {
        /// The certificate and those that it is signed by.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// The server itself.
    SelfSigned,
    /// This authority.
    Acme(AcmeConfig),
}

impl TlsConfig {
    /// The origin of the certificate; relative paths start at `folder`.
    pub fn source(&self, folder: &Path) -> CertificateSource {
        match (&self.cert, &self.key, &self.acme) {
            (Some(cert), Some(key), _) => CertificateSource::Files {
                cert: folder.join(cert),
                key: folder.join(key),
            },
            (_, _, Some(acme)) => CertificateSource::Acme(AcmeConfig {
                ca: acme
                    .ca
                    .as_ref()
                    .map(|ca| folder.join(ca).display().to_string()),
                ..acme.clone()
            }),
            // Nothing else is left by the file's checks.
            _ => CertificateSource::SelfSigned,
        }
    }

    /// The files that it names.
    pub fn files(&self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let names = [&self.cert, &self.key, &self.client_ca].into_iter();
        names.flatten().map(move |name| folder.join(name))
    }
}

/// Reads `self-signed`, or a mapping.
pub fn read_tls<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TlsConfig>, D::Error> {
    let written = Option::<Value>::deserialize(from)?;
    let read = |written| match written {
        // The schema allows one word only.
        Value::String(_) => Ok(TlsConfig {
            self_signed: true,
            ..TlsConfig::default()
        }),
        mapping => serde_json::from_value(mapping).map_err(Error::custom),
    };
    written.map(read).transpose()
}

fn read_days<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let days = text.map(|text| parse_days(&text)).transpose();
    days.map_err(Error::custom)
}

/// A number of days such as `365d`, from 1 to [`MOST_DAYS`].
///
/// # Errors
/// It is something else.
pub fn parse_days(text: &str) -> Result<u64, ValueError> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let days = days.filter(|days| (1..=MOST_DAYS).contains(days));
    days.ok_or_else(|| ValueError::unexpected("1 to 730 days, such as `365d`", text))
}
