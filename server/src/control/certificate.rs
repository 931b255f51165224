//! The files that `tls` names: read at the start, with each change, and when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Controller, EditError, Snapshot};
use crate::config::{Config, ConfigError, Diagnostic};
use crate::tls::{TlsError, TlsFiles};

/// Checks the files that `tls` names, by the time `now`.
///
/// # Errors
/// They can't be read, don't belong together, or the certificate isn't valid now.
pub fn check_tls(config: &Config, now: SystemTime) -> Result<(), Diagnostic> {
    match read(config)? {
        None => Ok(()),
        Some(files) => files.check_time(now).map_err(|why| wrong(config, &why)),
    }
}

/// The files that `tls` names.
pub fn files_of_tls(config: &Config) -> impl Iterator<Item = PathBuf> {
    let tls = config.tls.iter();
    tls.flat_map(|tls| tls.files(&config.folder))
}

/// What `tls` says at the start, when a certificate whose time is over is told of only: better a
/// camera that browsers warn of than none.
pub(super) fn at_start(
    config: &Config,
    now: SystemTime,
) -> Result<Option<Arc<TlsFiles>>, ConfigError> {
    let files = read(config).map_err(|wrong| config.error(vec![wrong]))?;
    if let Some(Err(error)) = files.as_ref().map(|files| files.check_time(now)) {
        tracing::warn!(%error, "clients won't trust the server");
    }
    Ok(files.map(Arc::new))
}

fn read(config: &Config) -> Result<Option<TlsFiles>, Diagnostic> {
    let read = |tls| TlsFiles::read(tls, &config.folder);
    let files = config.tls.as_ref().map(read).transpose();
    files.map_err(|why| wrong(config, &why))
}

fn wrong(config: &Config, why: &TlsError) -> Diagnostic {
    let tls = config.tls.as_ref();
    let key = tls.map_or("cert", |tls| why.key(tls, &config.folder));
    config.error_at("/tls", &[key], format!("`tls`: {why}"))
}

impl Controller {
    /// What `tls` of `config` says. A certificate that is in force already is let be, however old
    /// it is.
    pub(super) fn read_tls(&self, config: &Config) -> Result<Option<Arc<TlsFiles>>, EditError> {
        let error = |wrong| EditError::Wrong(config.error(vec![wrong]));
        let snapshot = self.current();
        let Some(files) = read(config).map_err(error)? else {
            // The ports speak TLS until the restart that its removal takes.
            return Ok(snapshot.tls.clone());
        };
        if let Some(current) = &snapshot.tls {
            if **current == files {
                return Ok(Some(current.clone()));
            }
            if current.pair == files.pair {
                return Ok(Some(Arc::new(files)));
            }
        }
        let valid = files.check_time(self.0.clock.unix());
        valid.map_err(|why| error(wrong(config, &why)))?;
        Ok(Some(Arc::new(files)))
    }

    /// Takes the certificate that the file in force names, if it is another by now: it waits for no
    /// filters, since the old one may be about to end.
    pub(super) fn renew_certificate(&self) {
        let _topology = self.topology();
        let snapshot = self.current();
        match self.read_tls(&snapshot.config) {
            Ok(tls) if tls != snapshot.tls => {
                tracing::info!("certificate changed");
                self.0.current.send_replace(Arc::new(Snapshot {
                    tls,
                    ..(*snapshot).clone()
                }));
            }
            Ok(_) => {}
            // Told with the file, whose check reads it as well.
            Err(error) => tracing::debug!(%error, "the certificate can't be read again"),
        }
    }
}
