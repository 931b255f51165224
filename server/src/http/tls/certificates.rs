//! The certificates that the server makes, or has signed.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::{AcmeConfig, CertificateSource, Config};
use crate::control::{Controller, Snapshot};
use crate::private_folder::FolderChoice;
use crate::sync::IgnorePoison;
use crate::tls::{Acme, AcmeError, Challenges, Pair, SelfSigned, SelfSignedError, names};

/// The interval at which is looked whether a certificate ends soon.
const INTERVAL: Duration = Duration::from_secs(3600);
/// A certificate ends soon if less than this part of its time is left: 15 days of 90. Programs that
/// renew certificates do so when a third is left.
const SOON: u32 = 6;
/// The pauses after failures. Let's Encrypt takes five wrong tries for a name an hour.
const PAUSES: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(12 * 3600));

/// The certificates that the server makes itself, or has signed. Clones share them.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    self_signed: SelfSigned,
    acme: Acme,
    clock: Arc<dyn Clock>,
    made: Mutex<Option<Pair>>,
    /// The reason why the last order or renewal failed; none if it did not.
    failure: Mutex<Option<String>>,
    /// The certificate of which was told that it ends soon.
    ending: Mutex<Option<Pair>>,
}

/// The reason why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// None can be made.
    #[error(transparent)]
    SelfSigned(#[from] SelfSignedError),
    /// None was signed.
    #[error("no certificate was signed: {0}")]
    Acme(#[from] AcmeError),
    /// The work on it broke down.
    #[error("the renewal broke down: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl Certificates {
    /// Those that are kept in the state folder that `place` says, for the server with the pipeline
    /// file `file`. None is there before [`Self::prepare`].
    pub fn open(place: &FolderChoice, file: &Path, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            self_signed: SelfSigned::open(place, file),
            acme: Acme::open(place, file),
            clock,
            made: Mutex::default(),
            failure: Mutex::default(),
            ending: Mutex::default(),
        }))
    }

    /// The certificate that was made or signed last.
    pub fn made(&self) -> Option<Pair> {
        self.0.made.lock().ignore_poison().clone()
    }

    /// The certificate that the server shows, with the files of `snapshot`; none while there is
    /// none, or without TLS.
    pub fn shown(&self, snapshot: &Snapshot) -> Option<Pair> {
        let files = snapshot.tls.as_ref()?;
        files.pair.clone().or_else(|| self.made())
    }

    /// What keeps clients from trusting the server, with the files of `snapshot`: there is no
    /// certificate, or it isn't valid now. A failed renewal of one that is valid is logged alone.
    pub fn problem(&self, snapshot: &Snapshot) -> Option<String> {
        snapshot.tls.as_ref()?;
        let problem = match self.shown(snapshot) {
            Some(shown) => shown.check_time(self.0.clock.unix()).err()?.to_string(),
            None => "there is no certificate yet".to_owned(),
        };
        let failure = self.0.failure.lock().ignore_poison();
        Some(match failure.as_deref() {
            Some(failure) => format!("{problem}: {failure}"),
            None => problem,
        })
    }

    /// Tells, once, of a certificate that ends soon although somebody should have renewed it.
    fn tell_of_end(&self, snapshot: &Snapshot) {
        let Some(shown) = self.shown(snapshot) else {
            return;
        };
        let left = shown.until().duration_since(self.0.clock.unix());
        let ends_soon = left.is_ok_and(|left| left < shown.lifetime() / SOON);
        let mut told = self.0.ending.lock().ignore_poison();
        if ends_soon && told.as_ref() != Some(&shown) {
            let until = shown.last_moment();
            tracing::warn!(%until, "the certificate ends soon: renew it");
            *told = Some(shown);
        }
    }

    /// The answers to the questions of an authority.
    pub fn challenges(&self) -> &Challenges {
        self.0.acme.challenges()
    }

    /// Makes the certificate that `config` wants, or takes the one that is kept. One that has to be
    /// signed comes later. Blocks on files.
    ///
    /// # Errors
    /// It can't be made.
    pub fn prepare(&self, config: &Config) -> Result<(), SelfSignedError> {
        let tls = config.tls.as_ref();
        match tls.map(|tls| tls.source(&config.folder)) {
            Some(CertificateSource::SelfSigned) => {
                self.renew_self_signed(&names(&config.allowed_hosts))
            }
            Some(CertificateSource::Acme(acme)) => {
                match self.0.acme.kept(&acme) {
                    Some(kept) => self.put(kept),
                    None => tracing::warn!(
                        domains = ?acme.domains,
                        "there is no certificate yet: nobody is served before it is signed"
                    ),
                }
                Ok(())
            }
            Some(CertificateSource::Files { .. }) | None => Ok(()),
        }
    }

    fn put(&self, pair: Pair) {
        *self.0.made.lock().ignore_poison() = Some(pair);
    }

    fn renew_self_signed(&self, names: &[String]) -> Result<(), SelfSignedError> {
        let now = self.0.clock.unix();
        let is_kept = self.0.self_signed.is_kept();
        let current = self.made();
        if let Some(current) = current.as_ref().filter(|_| !is_kept)
            && current.is_fine(names, now)
        {
            return Ok(());
        }
        let pair = self.0.self_signed.get(names, now)?;
        if current.as_ref() == Some(&pair) {
            return Ok(());
        }
        let fingerprint = fingerprint(pair.certificate());
        tracing::info!(%fingerprint, "self-signed certificate (SHA-256)");
        if !is_kept {
            tracing::warn!(
                "there is no state folder: the certificate is another one after each start"
            );
        }
        self.put(pair);
        Ok(())
    }

    async fn renew_signed(&self, config: &AcmeConfig) -> Result<(), AcmeError> {
        let (this, wanted) = (self.clone(), config.clone());
        let kept = tokio::task::spawn_blocking(move || this.0.acme.kept(&wanted)).await;
        if let Some(kept) = kept.ok().flatten() {
            let is_due = Acme::is_due(&kept, self.0.clock.unix());
            self.put(kept);
            if !is_due {
                return Ok(());
            }
        }
        let domains = &config.domains;
        tracing::info!(
            ?domains,
            directory = config.directory,
            "asking for a certificate"
        );
        self.put(self.0.acme.order(config).await?);
        tracing::info!(?domains, "the certificate is signed");
        Ok(())
    }

    async fn renew(&self, config: &Arc<Config>) -> Result<(), RenewError> {
        let tls = config.tls.as_ref();
        match tls.map(|tls| tls.source(&config.folder)) {
            Some(CertificateSource::Acme(acme)) => Ok(self.renew_signed(&acme).await?),
            Some(CertificateSource::SelfSigned) => {
                let (this, config) = (self.clone(), config.clone());
                let prepared = tokio::task::spawn_blocking(move || this.prepare(&config));
                Ok(prepared.await??)
            }
            Some(CertificateSource::Files { .. }) | None => Ok(()),
        }
    }

    /// Renews the certificate whenever it ends soon or the pipeline wants another.
    pub async fn run(&self, controller: &Controller) {
        let mut changes = controller.changes();
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        loop {
            let snapshot = changes.borrow_and_update().clone();
            let config = &snapshot.config;
            let renewed = self.renew(config).await;
            *self.0.failure.lock().ignore_poison() =
                renewed.as_ref().err().map(ToString::to_string);
            let pause = match renewed {
                Ok(()) => {
                    backoff.reset();
                    INTERVAL
                }
                Err(error) => {
                    let retry_in = backoff.pause();
                    tracing::error!(?retry_in, %error, "the certificate can't be renewed");
                    retry_in
                }
            };
            self.tell_of_end(&snapshot);
            let wants = |config: &Config| (config.tls.clone(), config.allowed_hosts.clone());
            let wanted = wants(config);
            let clock = &self.0.clock;
            tokio::select! {
                changed = changes.wait_for(|it| wants(&it.config) != wanted) => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = clock.sleep_until(clock.now() + pause) => {}
            }
        }
    }
}

/// The SHA-256 of a certificate, as browsers and `openssl x509 -fingerprint` show it.
fn fingerprint(certificate: &[u8]) -> String {
    let bytes = Sha256::digest(certificate);
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
