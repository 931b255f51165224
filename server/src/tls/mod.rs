//! Certificates: what `tls` of the pipeline file names, read and checked.

mod acme;
mod kept;
mod pair;
mod self_signed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::{CertificateSource, ClientCertificates, TlsConfig};
use crate::files::{self, AtPath, FileError};
pub use acme::{ACME_ALPN, Acme, AcmeError, Challenges};
pub use pair::Pair;
pub use self_signed::{SelfSigned, SelfSignedError, names};

/// The most bytes of a file with certificates or a key.
const PEM_BYTES: u64 = 1 << 20;

/// The cryptography that all TLS of the server is done with.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What `tls` says, with the files that it names read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate; none where the server makes it.
    pub pair: Option<Pair>,
    /// The certificates that those of clients must be signed by.
    pub client_ca: Option<ClientCa>,
    /// The days for which browsers are to use nothing but TLS.
    pub hsts: Option<u64>,
}

/// The certificates that those of clients must be signed by.
#[derive(Clone, Debug)]
pub struct ClientCa {
    /// The certificates.
    pub roots: Arc<RootCertStore>,
    /// Whether clients without one are served.
    pub is_optional: bool,
}

impl PartialEq for ClientCa {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, other): (&_, &_)| one == other;
        self.is_optional == other.is_optional
            && self.roots.roots.len() == other.roots.roots.len()
            && self.roots.roots.iter().zip(&other.roots.roots).all(same)
    }
}

impl Eq for ClientCa {}

/// The reason why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error(transparent)]
    Unreadable(#[from] AtPath<FileError>),
    /// There is no certificate in a file.
    #[error("{0} has no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")]
    NoCertificate(PathBuf),
    /// What stands there as a certificate is none.
    #[error("{path}: the certificate can't be read: {why}")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// The words of the reader.
        why: String,
    },
    /// There is no key in a file.
    #[error("{0} has no private key in PEM (`-----BEGIN PRIVATE KEY-----`)")]
    NoKey(PathBuf),
    /// The key takes a passphrase.
    #[error(
        "the key in {0} is encrypted, and nobody is there to give its passphrase; \
         `openssl pkey -in KEY -out NEW` writes it without one"
    )]
    EncryptedKey(PathBuf),
    /// The key is of another certificate, or of a kind that isn't known.
    #[error("{key} is no key of the certificate in {cert}: {why}")]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        cert: PathBuf,
        /// The words of rustls.
        why: rustls::Error,
    },
    /// It is too late for the certificate.
    #[error("the certificate in {0} was valid until {1}")]
    Expired(PathBuf, Timestamp),
    /// It is too early for it.
    #[error("the certificate in {0} is valid from {1} on; is this machine's clock right?")]
    Early(PathBuf, Timestamp),
}

impl TlsError {
    /// The key of `tls` that names what is wrong.
    pub fn key(&self, config: &TlsConfig, folder: &Path) -> &'static str {
        let of = |name: &Option<String>, path: &Path| {
            name.as_ref().is_some_and(|name| folder.join(name) == path)
        };
        let path = match self {
            Self::NoKey(_) | Self::EncryptedKey(_) | Self::Mismatch { .. } => return "key",
            Self::Unreadable(error) => error.path(),
            Self::NoCertificate(path) | Self::BadCertificate { path, .. } => path,
            Self::Expired(path, _) | Self::Early(path, _) => path,
        };
        match path {
            path if of(&config.cert, path) => "cert",
            path if of(&config.key, path) => "key",
            _ => "client-ca",
        }
    }
}

impl TlsFiles {
    /// Reads what `config` names; relative paths start at `folder`.
    ///
    /// # Errors
    /// A file can't be read, or key and certificate don't belong together.
    pub fn read(config: &TlsConfig, folder: &Path) -> Result<Self, TlsError> {
        let pair = match config.source(folder) {
            CertificateSource::Files { cert, key } => Some(Pair::read(&cert, &key)?),
            CertificateSource::SelfSigned | CertificateSource::Acme(_) => None,
        };
        let is_optional = config.client_certificates == ClientCertificates::Optional;
        let client_ca = config.client_ca.as_ref().map(|name| {
            let roots = Arc::new(read_roots(&folder.join(name))?);
            Ok::<_, TlsError>(ClientCa { roots, is_optional })
        });
        Ok(Self {
            pair,
            client_ca: client_ca.transpose()?,
            hsts: config.hsts,
        })
    }

    /// Checks that the certificate is valid at `now`.
    ///
    /// # Errors
    /// It is not.
    pub fn check_time(&self, now: SystemTime) -> Result<(), TlsError> {
        self.pair.as_ref().map_or(Ok(()), |it| it.check_time(now))
    }
}

/// Reads the file at `path`, which has certificates or a key in PEM.
fn read_pem(path: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(path, PEM_BYTES).map_err(|why| AtPath::new(path, why).into())
}

/// The certificates in the `pem` of the file at `path`, at least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsError::NoCertificate(path.to_owned()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(bad_certificate(path, &error)),
    }
}

fn bad_certificate(path: &Path, why: &dyn ToString) -> TlsError {
    TlsError::BadCertificate {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, &read_pem(path)?)? {
        let added = roots.add(certificate);
        added.map_err(|error| bad_certificate(path, &error))?;
    }
    Ok(roots)
}
