//! Changes that come by the API: made in the pipeline file's text, checked like the file, written back, and put in force.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::claim::claim;
use super::workshop::Checked;
use super::{ChangedBy, Live, Plans, Running};
use crate::chain::{Check, Unchanged};
use crate::config::{Change, ConfigError, Pipeline, edit};
use crate::filter::{Module, Wanted};

/// The longest time that a change tries to come before others.
const LONGEST_WAIT: Duration = Duration::from_secs(130);
/// How long somebody may take to save the file.
const SAVING: Duration = Duration::from_secs(1);
/// How long a change waits for the filters of other streams that the file has just been changed to.
const OTHERS: Duration = Duration::from_millis(250);

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
    /// Makes the changes of the stream `name` that `wanted` says of what runs then. Gives what `look` sees right after them,
    /// before any other change.
    ///
    /// # Errors
    /// See [`ChangeError`]. Nothing has changed then.
    pub async fn change<T: Send + 'static>(
        &self,
        name: &str,
        wanted: impl Fn(&Running) -> Result<Vec<Change>, ChangeError> + Send + 'static,
        look: impl FnOnce(&Running) -> T + Send + 'static,
    ) -> Result<T, ChangeError> {
        let name = name.to_owned();
        self.at_work(move |live| {
            let turns = &live.0.turns;
            turns.take(&name, || live.change_now(&name, wanted, look))
        })
        .await
    }

    /// Opens the camera of the stream `name` anew, with its filters started again.
    ///
    /// # Errors
    /// There is no such stream, or its filters can't be started any more.
    pub async fn restart(&self, name: String) -> Result<(), ChangeError> {
        self.at_work(move |live| live.0.turns.take(&name, || live.restart_now(&name)))
            .await
    }

    fn restart_now(&self, name: &str) -> Result<(), ChangeError> {
        let running = self.now();
        let (Some(stream), Some(config)) = (running.find(name), running.pipeline.stream(name))
        else {
            return Err(ChangeError::NotFound(format!(
                "no stream is called `{name}`"
            )));
        };
        tracing::info!(stream = name, "is restarted, as the server was told to");
        let mut plans = Plans::default();
        let wanted = (&*running.pipeline, config);
        let steps = stream.steps();
        let old = (steps.as_slice(), Unchanged::StartAgain);
        let check = Check::new(&*self.0.clock, Wanted::ByChange);
        plans
            .ready_one(&self.0.loader, wanted, old, &check)
            .map_err(ChangeError::Wrong)?;
        self.workshop().restart(name, &mut plans);
        self.0
            .reloads
            .send_if_modified(|reloads| reloads.forget(name));
        Ok(())
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
            let module = Module::read(upload.path())
                .map_err(|why| ChangeError::Invalid(format!("`{name}` {why}")))?;
            let compiler = live.0.loader.compiler();
            tokio::runtime::Handle::current()
                .block_on(compiler.compile(&module, Wanted::ByUpload))
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
        name: &str,
        wanted: impl Fn(&Running) -> Result<Vec<Change>, ChangeError>,
        look: impl FnOnce(&Running) -> T,
    ) -> Result<T, ChangeError> {
        let Some(file) = &self.0.file else {
            return Err(ChangeError::Refused(
                "the server runs without a pipeline file, so there is none to write the change to; start it with one".to_owned(),
            ));
        };
        let mut plans = Plans::default();
        let mut look = Some(look);
        let give_up = self.0.clock.now() + LONGEST_WAIT;
        while self.0.clock.now() < give_up {
            self.wait_for_writers(file)?;
            let on_disk = self.take_up_file(file, name)?;
            let running = self.now();
            let changes = wanted(&running)?;
            let pipeline = changed(&running.pipeline, &changes)?;
            let text = changed(&on_disk, &changes)?.file.text;
            let check = Check::new(&*self.0.clock, Wanted::ByChange);
            let checked = self
                .check(pipeline, &running, plans, &check)
                .map_err(ChangeError::Wrong)?;
            let write = (file.as_path(), &*on_disk.file.text, &*text);
            match self.write_and_make(write, &running, checked, &mut look)? {
                Ok(seen) => return Ok(seen),
                // Another change came first: what it left is what this one has to stand on.
                Err(unmade) => plans = unmade,
            }
        }
        let why = "other changes keep coming before this one; try again";
        Err(ChangeError::Busy(why.to_owned()))
    }

    /// Writes `text` to the file in the place of the `old` one and makes the change, if the file and what runs are what they were;
    /// else gives its chains back.
    fn write_and_make<T, L: FnOnce(&Running) -> T>(
        &self,
        (file, old, text): (&Path, &str, &str),
        running: &Arc<Running>,
        checked: Checked,
        look: &mut Option<L>,
    ) -> Result<Result<T, Plans>, ChangeError> {
        let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut workshop = self.workshop();
        let _claim = claim(&real).map_err(ChangeError::Busy)?;
        let on_disk = Pipeline::load(file).map_err(ChangeError::FileIsWrong)?;
        if *on_disk.file.text != *old || !Arc::ptr_eq(running, &self.now()) {
            return Ok(Err(checked.plans));
        }
        let Some(look) = look.take() else {
            return Ok(Err(checked.plans));
        };
        write(&real, text.as_bytes())
            .map_err(|error| ChangeError::Unwritable(format!("{}: {error}", file.display())))?;
        let made = self.make(&mut workshop, running, (checked, ChangedBy::Api));
        Ok(made
            .map(|()| look(&self.now()))
            .map_err(|unmade| unmade.plans))
    }

    /// The file as it is on the disk, put in force if somebody has written to it a moment ago, since the change is to stand on it.
    /// A change of the stream `name` doesn't wait for the filters of others, and goes by what is wrong with them.
    fn take_up_file(&self, file: &Path, name: &str) -> Result<Pipeline, ChangeError> {
        let mut on_disk = Pipeline::load(file).map_err(ChangeError::FileIsWrong)?;
        self.take_source(&mut on_disk);
        let running = self.now();
        if on_disk.file.text == running.pipeline.file.text {
            return Ok(on_disk);
        }
        let is_of_others = on_disk.stream(name) == running.pipeline.stream(name);
        let patience = if is_of_others { OTHERS } else { SAVING };
        match self.take_up(file, patience) {
            Some(Ok(())) => Pipeline::load(file).map_err(ChangeError::FileIsWrong),
            _ if is_of_others => Ok(on_disk),
            Some(Err(error)) => Err(ChangeError::FileIsWrong(error)),
            None => {
                let why = "the pipeline file was changed, and its filters are still being readied; try again";
                Err(ChangeError::Busy(why.to_owned()))
            }
        }
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

/// The pipeline with `changes` made in its text.
fn changed(pipeline: &Pipeline, changes: &[Change]) -> Result<Pipeline, ChangeError> {
    let old = &pipeline.file;
    let text = edit(&old.text, changes).map_err(ChangeError::Refused)?;
    Pipeline::parse(&text, &old.name, &pipeline.folder).map_err(ChangeError::Wrong)
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
            crate::files::write(path, bytes)
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
