//! The settings that handshakes are made with, made anew when the certificate is another.

use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::Certificates;
use crate::control::{Controller, Snapshot};
use crate::sync::IgnorePoison;
use crate::tls::{ACME_ALPN, ClientCa, TlsFiles, provider};

/// HTTP/2 and HTTP/1.1 as ALPN has them (RFC 7301, RFC 9113, 3.2).
pub const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The settings of handshakes. Clones share them.
#[derive(Clone)]
pub struct Settings {
    controller: Controller,
    certificates: Certificates,
    made: Arc<Mutex<Option<Made>>>,
}

/// What was made of this.
struct Made {
    files: Arc<TlsFiles>,
    certified: Arc<CertifiedKey>,
    configs: Configs,
}

/// The settings of a handshake, and by what the client's certificate is checked.
pub type Chosen = (Arc<ServerConfig>, Option<ClientCa>);

/// The settings of one certificate.
#[derive(Clone)]
struct Configs {
    /// With HTTP/2.
    all: Arc<ServerConfig>,
    /// With HTTP/1.1 alone.
    http1: Arc<ServerConfig>,
}

impl Settings {
    /// Those of the pipeline that `controller` runs, with the server's own `certificates`.
    pub fn new(controller: Controller, certificates: Certificates) -> Self {
        Self {
            controller,
            certificates,
            made: Arc::default(),
        }
    }

    /// The settings by which the authority's question for `name` is answered (RFC 8737, 3); none if
    /// nothing is asked.
    ///
    /// # Errors
    /// rustls can't use them.
    pub fn challenge(&self, name: &str) -> Result<Option<Arc<ServerConfig>>, rustls::Error> {
        let Some(answer) = self.certificates.challenges().find(name) else {
            return Ok(None);
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
            .with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(answer)));
        config.alpn_protocols = vec![ACME_ALPN.to_vec()];
        Ok(Some(Arc::new(config)))
    }

    /// The settings of the certificate that is in force, for HTTP/1.1 alone if `is_http1`, and by
    /// what those of clients are checked; none while there is no certificate.
    ///
    /// # Errors
    /// rustls can't use it.
    pub fn current(&self, is_http1: bool) -> Result<Option<Chosen>, rustls::Error> {
        let snapshot = self.controller.current();
        let Some((files, certified)) = self.certificate(&snapshot) else {
            return Ok(None);
        };
        let ca = files.client_ca.clone();
        let mut made = self.made.lock().ignore_poison();
        let is_same =
            |it: &&Made| Arc::ptr_eq(&it.files, &files) && Arc::ptr_eq(&it.certified, &certified);
        let configs = match made.as_ref().filter(is_same) {
            Some(made) => made.configs.clone(),
            None => {
                let configs = Configs::new(&files, certified.clone())?;
                *made = Some(Made {
                    files,
                    certified,
                    configs: configs.clone(),
                });
                configs
            }
        };
        let chosen = if is_http1 { configs.http1 } else { configs.all };
        Ok(Some((chosen, ca)))
    }

    fn certificate(&self, snapshot: &Snapshot) -> Option<(Arc<TlsFiles>, Arc<CertifiedKey>)> {
        let shown = self.certificates.shown(snapshot)?;
        Some((snapshot.tls.clone()?, shown.certified().clone()))
    }
}

impl Configs {
    fn new(files: &TlsFiles, certified: Arc<CertifiedKey>) -> Result<Self, rustls::Error> {
        // TLS 1.2 and 1.3 are all that rustls has.
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => builder.with_client_cert_verifier(verifier(ca)?),
        };
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = vec![HTTP1.to_vec()];
        let http1 = Arc::new(config.clone());
        config.alpn_protocols.insert(0, HTTP2.to_vec());
        Ok(Self {
            all: Arc::new(config),
            http1,
        })
    }
}

fn verifier(
    ca: &ClientCa,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, rustls::Error> {
    let builder = WebPkiClientVerifier::builder_with_provider(ca.roots.clone(), provider());
    let builder = match ca.is_optional {
        true => builder.allow_unauthenticated(),
        false => builder,
    };
    builder
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}
