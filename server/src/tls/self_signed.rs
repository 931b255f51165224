//! A certificate that the server makes and signs itself.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::kept::write;
use super::{Pair, TlsError};
use crate::files::AtPath;
use crate::private_folder::{FolderChoice, of_state};

/// The file with the certificate and its key, in the folder `tls` of the server's state.
const FILE: &str = "self-signed.pem";
/// Its name in errors while it is in memory only.
const UNKEPT: &str = "(made for this run)";
/// The days for which it is valid. Apple's systems take none that is valid for more than 398.
const DAYS: i64 = 397;
/// It is made anew when no more than this is left of them.
const RENEWAL: Duration = Duration::from_secs(30 * 86_400);

/// The reason why no certificate can be made.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    /// One of its names is none.
    #[error("no certificate can be made: {0}")]
    Made(#[from] rcgen::Error),
    /// It can't be kept.
    #[error(transparent)]
    Kept(#[from] AtPath<io::Error>),
    /// What was made can't be read.
    #[error(transparent)]
    Read(#[from] TlsError),
    /// The clock shows no date that a certificate can have.
    #[error("this machine's clock shows no date that a certificate can have")]
    Date,
}

/// The place for the certificate.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    folder: Option<PathBuf>,
}

impl SelfSigned {
    /// In the state folder that `place` says, for the server with the pipeline file `file`. Where
    /// there is none, it is made for each run.
    pub fn open(place: &FolderChoice, file: &Path) -> Self {
        let folder = of_state(place, "tls", file).unwrap_or_else(|error| {
            tracing::warn!(%error, "certificates can't be kept");
            None
        });
        Self { folder }
    }

    /// Whether it is kept.
    pub fn is_kept(&self) -> bool {
        self.folder.is_some()
    }

    /// The certificate that is kept, if it has all of `names` and some of its time left at `now`;
    /// else a new one. Blocks on files.
    ///
    /// # Errors
    /// It can't be made, or not be kept.
    pub fn get(&self, names: &[String], now: SystemTime) -> Result<Pair, SelfSignedError> {
        let path = self.folder.as_ref().map(|folder| folder.join(FILE));
        if let Some(pair) = path.as_ref().and_then(|path| Pair::read(path, path).ok())
            && pair.is_fine(names, now)
        {
            return Ok(pair);
        }
        let pem = make(names, now)?;
        let Some(path) = path else {
            return Ok(Pair::from_pem(pem.as_bytes(), Path::new(UNKEPT))?);
        };
        write(&path, pem.as_bytes()).map_err(|error| AtPath::new(&path, error))?;
        tracing::info!(path = %path.display(), ?names, "made a self-signed certificate");
        Ok(Pair::read(&path, &path)?)
    }
}

/// The names of a server with these `allowed_hosts`: those by which this machine knows itself.
pub fn names(allowed_hosts: &[String]) -> Vec<String> {
    let host = hostname::get().unwrap_or_default();
    let host = host.to_string_lossy().to_ascii_lowercase();
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_name = !host.is_empty() && host.chars().all(is_fine);
    let mut own = Vec::new();
    if is_name {
        own.extend((!host.contains('.')).then(|| format!("{host}.local")));
        own.push(host);
    }
    let fixed = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let all = fixed.into_iter().chain(own).chain(allowed_hosts.to_vec());
    let mut known = BTreeSet::new();
    all.filter(|name| known.insert(name.clone())).collect()
}

impl Pair {
    /// Whether it is for all of `names`, and will be valid for some time after `now`.
    pub fn is_fine(&self, names: &[String], now: SystemTime) -> bool {
        let left = self.until().duration_since(now).unwrap_or_default();
        left > RENEWAL && self.check_time(now).is_ok() && self.has(names)
    }

    /// Whether it is for all of `names`.
    pub fn has(&self, names: &[String]) -> bool {
        let own = names_in(self.certificate());
        names.iter().all(|name| own.contains(name))
    }
}

/// The names that the certificate in `der` is for.
fn names_in(der: &[u8]) -> BTreeSet<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return BTreeSet::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return BTreeSet::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// A certificate for `names` from yesterday on, since clients' clocks may be behind, and its key,
/// in PEM.
fn make(names: &[String], now: SystemTime) -> Result<String, SelfSignedError> {
    let date = |days: i64| {
        let now = Timestamp::try_from(now).ok()?;
        let today = now.to_zoned_datetime(TimeZone::UTC).date();
        today.checked_add(days.days()).ok()
    };
    let moment = |date: Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(date.year().into(), month, day)
    };
    let (Some(from), Some(until)) = (date(-1), date(DAYS - 1)) else {
        return Err(SelfSignedError::Date);
    };
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    (params.not_before, params.not_after) = (moment(from), moment(until));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Mattebox");
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    let certificate = params.self_signed(&key)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn it_is_kept_and_made_anew_for_other_names_and_when_it_ends_soon() {
        let folder = tempfile::tempdir().unwrap();
        let place = FolderChoice::Folder(folder.path().to_owned());
        let kept = SelfSigned::open(&place, Path::new("pipeline.yaml"));
        let names = names(&["cam.example.org".to_owned()]);
        let first = kept.get(&names, now()).unwrap();
        assert_eq!(
            names_in(first.certificate()),
            names.iter().cloned().collect()
        );
        assert!(kept.get(&names, now() + 300 * DAY).unwrap() == first);
        // Its names are enough.
        assert!(kept.get(&names[..1], now()).unwrap() == first);
        let late = kept.get(&names, now() + 370 * DAY).unwrap();
        assert!(late != first);
        let more = [&names[..], &["nas.example.org".to_owned()]].concat();
        assert!(kept.get(&more, now() + 370 * DAY).unwrap() != late);
    }

    #[cfg(unix)]
    #[test]
    fn its_file_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let place = FolderChoice::Folder(folder.path().to_owned());
        let kept = SelfSigned::open(&place, Path::new("pipeline.yaml"));
        kept.get(&names(&[]), now()).unwrap();
        let path = kept.folder.unwrap().join(FILE);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn without_a_folder_each_is_another() {
        let unkept = SelfSigned { folder: None };
        let [one, other] = [(); 2].map(|()| unkept.get(&names(&[]), now()).unwrap());
        assert!(one != other);
        assert!(one.check_time(now()).is_ok());
        assert!(one.check_time(now() + 400 * DAY).is_err());
    }
}
