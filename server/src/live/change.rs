//! Changes that come by the API: made in the pipeline file's text, checked like the file, written back, and put in force.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::claim::claim;
use super::{Live, Running};
use crate::config::{Change, ConfigError, Pipeline, edit};
use crate::filter::{Filter, Module};

/// How long somebody may take to save the file.
const SAVING: Duration = Duration::from_secs(1);

/// Why a change was not made.
#[derive(Debug)]
pub enum ChangeError {
    /// There is nothing that it could change.
    NotFound(String),
    /// The server runs without a pipeline file, or can't change it in place.
    Refused(String),
    /// The file is wrong as it is; changing it could lose what somebody is writing.
    FileIsWrong(ConfigError),
    /// The pipeline would be wrong.
    Wrong(ConfigError),
    /// What was sent is wrong.
    Invalid(String),
    /// Somebody else is changing the file just now.
    Busy(String),
    /// It can't be written.
    Unwritable(String),
}

impl Live {
    /// Makes the changes that `wanted` says of what runs then. Gives what `look` sees right after them, before any other change.
    ///
    /// # Errors
    /// See [`ChangeError`]. Nothing has changed then.
    pub async fn change<T: Send + 'static>(
        &self,
        wanted: impl FnOnce(&Running) -> Result<Vec<Change>, ChangeError> + Send + 'static,
        look: impl FnOnce(&Running) -> T + Send + 'static,
    ) -> Result<T, ChangeError> {
        self.at_work(move |live| live.change_now(wanted, look))
            .await
    }

    /// Opens the camera of the stream `name` anew, with its filters started again.
    ///
    /// # Errors
    /// There is no such stream, or its filters can't be started any more.
    pub async fn restart(&self, name: String) -> Result<(), ChangeError> {
        self.at_work(move |live| {
            let mut workshop = live.workshop();
            if live.now().find(&name).is_none() {
                return Err(ChangeError::NotFound(format!(
                    "no stream is called `{name}`"
                )));
            }
            tracing::info!(stream = name, "is restarted, as the server was told to");
            workshop.restart(&name).map_err(ChangeError::Wrong)
        })
        .await
    }

    /// Keeps `upload`, which lies in the folder that the pipeline file names for uploads, as the file `name` there, once it has
    /// been found to be a filter. Gives the path by which a step can `use` it; and whether it is new.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn keep_filter(
        &self,
        name: String,
        upload: NamedTempFile,
    ) -> Result<(String, bool), ChangeError> {
        self.at_work(move |live| {
            let pipeline = live.now().pipeline.clone();
            let Some(folder) = &pipeline.filter_folder else {
                return Err(ChangeError::Refused(
                    "uploads are off: name a folder for them in the pipeline file, such as `filter-folder: filters`".to_owned(),
                ));
            };
            let mut workshop = live.workshop();
            Module::read(upload.path())
                .and_then(|module| Filter::load(workshop.loader().engine(), module))
                .map_err(|why| ChangeError::Invalid(format!("`{name}` {why}")))?;
            let path = pipeline.folder.join(folder).join(&name);
            let is_new = !path.exists();
            let unwritable = |error| ChangeError::Unwritable(format!("{}: {error}", path.display()));
            put_in_place(upload, &path).map_err(unwritable)?;
            tracing::info!("the filter {} was uploaded", path.display());
            Ok((format!("./{}/{name}", folder.trim_end_matches('/')), is_new))
        })
        .await
    }

    /// Runs what blocks where blocking is allowed.
    pub(super) async fn at_work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, ChangeError> + Send + 'static,
    ) -> Result<T, ChangeError> {
        let live = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&live)).await;
        done.unwrap_or_else(|error| {
            Err(ChangeError::Unwritable(format!(
                "the change broke down: {error}"
            )))
        })
    }

    fn change_now<T>(
        &self,
        wanted: impl FnOnce(&Running) -> Result<Vec<Change>, ChangeError>,
        look: impl FnOnce(&Running) -> T,
    ) -> Result<T, ChangeError> {
        let Some(file) = &self.0.file else {
            return Err(ChangeError::Refused(
                "the server runs without a pipeline file, so there is none to write the change to; start it with one".to_owned(),
            ));
        };
        let mut workshop = self.workshop();
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        let _claim = claim(&real).map_err(ChangeError::Busy)?;
        self.wait_for_writers(file)?;
        // Somebody may have written to it a moment ago.
        let on_disk = Pipeline::load(file).map_err(ChangeError::FileIsWrong)?;
        if on_disk.file.text != self.now().pipeline.file.text {
            let checked = workshop.check(on_disk).map_err(ChangeError::FileIsWrong)?;
            let (running, changes) = workshop.apply(checked);
            self.publish(running, &changes);
        }
        let now = self.now();
        let changes = wanted(&now)?;
        let old = &now.pipeline.file;
        let text = edit(&old.text, &changes).map_err(ChangeError::Refused)?;
        let pipeline = Pipeline::parse(&text, &old.name, &now.pipeline.folder);
        let checked = pipeline.and_then(|pipeline| workshop.check(pipeline));
        let checked = checked.map_err(ChangeError::Wrong)?;
        write(&real, text.as_bytes())
            .map_err(|error| ChangeError::Unwritable(format!("{}: {error}", file.display())))?;
        let (running, changes) = workshop.apply(checked);
        self.publish(running, &changes);
        Ok(look(&self.now()))
    }

    /// Whoever is saving the file is done in a moment.
    fn wait_for_writers(&self, file: &PathBuf) -> Result<(), ChangeError> {
        let give_up = Instant::now() + SAVING;
        while self.0.writers.have_any([file]) {
            if Instant::now() >= give_up {
                let why = "somebody is writing to the pipeline file; try again when it is saved";
                return Err(ChangeError::Busy(why.to_owned()));
            }
            thread::sleep(SAVING / 100);
        }
        Ok(())
    }
}

/// Puts a new file in the old one's place, so that nobody ever sees half of it; where that can't be done (a file mounted by
/// itself, for instance), writes into the old one.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    match replace(path, bytes) {
        // A full disk is none of these: writing into the old file would empty it.
        Err(error)
            if matches!(
                error.kind(),
                PermissionDenied | ReadOnlyFilesystem | ResourceBusy
            ) =>
        {
            std::fs::write(path, bytes)
        }
        result => result,
    }
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    put_in_place(new, path)
}

fn put_in_place(new: NamedTempFile, path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path
            .metadata()
            .map_or(0o644, |old| old.permissions().mode());
        new.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    // Without this, a power cut can leave an empty file in the old one's place.
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}
