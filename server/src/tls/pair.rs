//! A certificate and its private key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{TlsError, bad_certificate, certificates, provider, read_pem};

/// A certificate, those that it is signed by, and its private key. Clones share it; two with the
/// same certificates are equal.
#[derive(Clone)]
pub struct Pair {
    path: PathBuf,
    certified: Arc<CertifiedKey>,
    from: Timestamp,
    until: Timestamp,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }
}

impl Eq for Pair {}

impl fmt::Debug for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pair({})", self.path.display())
    }
}

impl Pair {
    /// Reads the certificates in the file `cert` and the key in `key`; both may be one.
    ///
    /// # Errors
    /// A file can't be read, or the key is no key of the certificate.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::new((cert, &read_pem(cert)?), (key, &read_pem(key)?))
    }

    /// The same in one `pem`, which is called `name` in errors.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn from_pem(pem: &[u8], name: &Path) -> Result<Self, TlsError> {
        Self::new((name, pem), (name, pem))
    }

    fn new((cert, pem): (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Self, TlsError> {
        let certificates = certificates(cert, pem)?;
        let first = certificates.first().map_or(&[][..], |it| it.as_ref());
        let (from, until) = validity(first).map_err(|why| bad_certificate(cert, &why))?;
        let private = private_key(key)?;
        let certified = CertifiedKey::from_der(certificates, private, &provider());
        let certified = certified.map_err(|why| TlsError::Mismatch {
            key: key.0.to_owned(),
            cert: cert.to_owned(),
            why,
        })?;
        Ok(Self {
            path: cert.to_owned(),
            certified: Arc::new(certified),
            from,
            until,
        })
    }

    /// Both, as rustls takes them.
    pub fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// The first certificate, in DER.
    pub fn certificate(&self) -> &[u8] {
        self.certified.cert.first().map_or(&[], |it| it.as_ref())
    }

    /// The last moment at which it is valid.
    pub fn last_moment(&self) -> Timestamp {
        self.until
    }

    /// The end of its validity.
    pub fn until(&self) -> SystemTime {
        let seconds = u64::try_from(self.until.as_second()).unwrap_or_default();
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The time for which it is valid.
    pub fn lifetime(&self) -> Duration {
        let seconds = self.until.as_second() - self.from.as_second();
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    /// Checks that it is valid at `now`.
    ///
    /// # Errors
    /// It is not.
    pub fn check_time(&self, now: SystemTime) -> Result<(), TlsError> {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX);
        let path = || self.path.clone();
        if seconds > self.until.as_second() {
            return Err(TlsError::Expired(path(), self.until));
        }
        if seconds < self.from.as_second() {
            return Err(TlsError::Early(path(), self.from));
        }
        Ok(())
    }
}

/// The first and the last moment at which the certificate in `der` is valid.
fn validity(der: &[u8]) -> Result<(Timestamp, Timestamp), String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    let validity = certificate.validity();
    let moment = |at: i64| Timestamp::from_second(at).map_err(|error| error.to_string());
    Ok((
        moment(validity.not_before.timestamp())?,
        moment(validity.not_after.timestamp())?,
    ))
}

/// The first private key in the `pem` of the file at `path`.
fn private_key((path, pem): (&Path, &[u8])) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| match is_encrypted(pem) {
        true => TlsError::EncryptedKey(path.to_owned()),
        false => TlsError::NoKey(path.to_owned()),
    })
}

/// Whether a key in `pem` takes a passphrase (RFC 7468, 11; RFC 1421, 4.6.1.1).
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(cert: &[u8], key: &[u8]) -> String {
        let (at, of) = (Path::new("c.pem"), Path::new("k.pem"));
        Pair::new((at, cert), (of, key)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_told() {
        let [one, other] = [(); 2].map(|()| {
            let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
            (made.cert.pem(), made.signing_key.serialize_pem())
        });
        assert!(Pair::from_pem((one.0.clone() + &one.1).as_bytes(), Path::new("x")).is_ok());
        let mismatch = error(one.0.as_bytes(), other.1.as_bytes());
        assert!(mismatch.starts_with("k.pem is no key of the certificate in c.pem"));
        assert!(error(one.1.as_bytes(), b"").starts_with("c.pem has no certificate in PEM"));
        assert!(error(one.0.as_bytes(), b"").starts_with("k.pem has no private key in PEM"));
        let encrypted = other.1.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert!(error(one.0.as_bytes(), encrypted.as_bytes()).contains("passphrase"));
        let torn = one.0.replace("MII", "MIII");
        assert!(error(torn.as_bytes(), one.1.as_bytes()).starts_with("c.pem: the certificate"));
    }
}
