//! Changes that come by the API: made in the pipeline file's text, checked like the file, written
//! back, and put in force.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio::sync::{MutexGuard, OwnedSemaphorePermit};

use super::file_lock::lock;
use super::file_writes::FileWrites;
use super::report::revision;
use super::stream_locks::StreamGuard;
use super::timed_lock::TimedGuard;
use super::topology::ValidatedConfig;
use super::versions::{Author, Version, Versions};
use super::{ChangedBy, Controller, Plans, Snapshot};
use crate::chain::{Check, Unchanged};
use crate::clock::Clock;
use crate::config::{Cause, Change, Config, ConfigError, edit};
use crate::files;
use crate::filter::{Module, Wanted};
use crate::local_time;
use crate::log::recurring::Recurring;
use crate::sync::IgnorePoison;

/// The longest time that a change tries to come before others.
const LONGEST_WAIT: Duration = Duration::from_secs(130);
/// The time for which somebody may take to save the file.
const SAVING: Duration = Duration::from_secs(1);
/// The time for which a change waits for the filters of other streams that the file has just been
/// changed to.
const OTHERS: Duration = Duration::from_millis(250);

/// The reason why a change was not made.
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
    /// It can't be written just now: the disk is full.
    NoSpace(String),
}

/// The pipeline file after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revisions {
    /// The file's revision after it.
    pub now: String,
    /// The version to restore to undo it; none if the file was as it was to be.
    pub before: Option<String>,
}

impl Base {
    /// Whether the file says of the stream `name` what runs.
    fn is_same_in(&self, name: &str) -> bool {
        let on_disk = self.on_disk.as_ref();
        on_disk.is_none_or(|it| it.stream(name) == self.running.pipeline.stream(name))
    }
}

impl Revisions {
    fn of(edit: &Edit<'_>) -> Self {
        Self {
            now: revision(&edit.new),
            before: (edit.old != edit.new).then(|| revision(&edit.old)),
        }
    }
}

/// A change of the pipeline file's text.
struct Edit<'e> {
    old: Arc<str>,
    new: Arc<str>,
    author: &'e Author,
    by: ChangedBy,
}

/// What a change stands on.
struct Base {
    /// The file; none if it says what runs.
    on_disk: Option<Config>,
    running: Arc<Snapshot>,
}

/// A change that is not checked yet.
struct Draft<'e> {
    edit: Edit<'e>,
    pipeline: Config,
    /// What it stands on.
    running: Arc<Snapshot>,
}

/// The right to put the next change in force. The lock is given back before the queue moves on.
pub(super) type CommitTurn<'l> = (TimedGuard<'l, ()>, MutexGuard<'l, ()>);

/// A restored version, for [`Controller::turn`]: no stream can be called so.
const ALL_STREAMS: &str = "all streams";

impl Controller {
    /// Makes the changes of the stream `name` that `wanted` says of what runs then, for `author`.
    /// Gives what `look` sees right after them, before any other change.
    ///
    /// # Errors
    /// See [`ChangeError`]. Nothing has changed then.
    pub async fn change<T: Send + 'static>(
        &self,
        name: &str,
        author: Author,
        wanted: impl Fn(&Snapshot) -> Result<Vec<Change>, ChangeError> + Send + 'static,
        look: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) -> Result<(T, Revisions), ChangeError> {
        let name = name.to_owned();
        let turn = self.turn(&name).await?;
        self.at_work(move |controller| {
            let changed = controller.change_now(&name, &author, wanted, look);
            drop(turn);
            changed
        })
        .await
    }

    /// Makes the file again what it was in the version `id`, for `author`; if `expected` is given,
    /// only if that is the file's revision. What the file says until then is kept as a version,
    /// also if it is wrong.
    ///
    /// # Errors
    /// See [`ChangeError`]. Nothing has changed then.
    pub async fn restore(
        &self,
        id: String,
        expected: Option<String>,
        author: Author,
    ) -> Result<Revisions, ChangeError> {
        let turn = self.turn(ALL_STREAMS).await?;
        self.at_work(move |controller| {
            let restored = controller.restore_version_now(&id, expected.as_deref(), &author);
            drop(turn);
            restored
        })
        .await
    }

    /// Opens the camera of the stream `name` anew, with its filters started again.
    ///
    /// # Errors
    /// There is no such stream, or its filters can't be started any more.
    pub async fn restart(&self, name: String) -> Result<(), ChangeError> {
        let turn = self.turn(&name).await?;
        self.at_work(move |controller| {
            let restarted = controller.restart_now(&name);
            drop(turn);
            restarted
        })
        .await
    }

    /// Waits until no other change of the stream `name` is being made, and not too many of all
    /// streams are: those that wait take no threads.
    async fn turn(&self, name: &str) -> Result<(StreamGuard, OwnedSemaphorePermit), ChangeError> {
        let turn = async {
            let turn = self.0.stream_locks.wait(name).await;
            let place = self.0.changing.clone().acquire_owned().await;
            place
                .map(|place| (turn, place))
                .map_err(|closed| closed.to_string())
        };
        let turn = tokio::time::timeout(LONGEST_WAIT, turn);
        match self.0.end.run_until_cancelled(turn).await {
            None => Err(ending()),
            Some(Ok(turn)) => turn.map_err(ChangeError::Busy),
            Some(Err(_)) => {
                let why = format!("other changes of `{name}` take too long; try again");
                Err(ChangeError::Busy(why))
            }
        }
    }

    fn restart_now(&self, name: &str) -> Result<(), ChangeError> {
        let running = self.current();
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
            .ready_one(&self.0.cache, wanted, old, &check)
            .map_err(ChangeError::Wrong)?;
        self.topology().restart(name, &mut plans);
        self.0
            .reloads
            .send_if_modified(|reloads| reloads.forget(name));
        Ok(())
    }

    /// Keeps `upload`, which lies in the folder that the pipeline file names for uploads, as the
    /// file `name` there, once it has been found to be a filter. Gives the path by which a step can
    /// `use` it; and whether it is new.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn keep_filter(
        &self,
        name: String,
        upload: NamedTempFile,
    ) -> Result<(String, bool), ChangeError> {
        self.at_work(move |controller| {
            let pipeline = controller.current().pipeline.clone();
            let Some(folder) = &pipeline.filter_folder else {
                return Err(ChangeError::Refused(
                    "uploads are off: name a folder for them in the pipeline file, such as `filter-folder: filters`".to_owned(),
                ));
            };
            let wrong = |why: &dyn std::fmt::Display, is_machine| {
                let why = format!("`{name}` {why}");
                match is_machine {
                    true => ChangeError::Busy(why),
                    false => ChangeError::Invalid(why),
                }
            };
            let module = Module::read(upload.path());
            let module = module.map_err(|why| wrong(&why, why.is_passing()))?;
            let compiler = controller.0.cache.compiler();
            Handle::current()
                .block_on(compiler.compile(&module, Wanted::ByUpload))
                .map_err(|why| wrong(&why, why.cause() == Cause::Machine))?;
            let path = pipeline.folder.join(folder).join(&name);
            let is_new = !path.exists();
            put_in_place(upload, &path).map_err(|error| controller.unwritable(&path, &error))?;
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
        let controller = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&controller)).await;
        done.unwrap_or_else(|error| {
            Err(ChangeError::Unwritable(format!(
                "the change broke down: {error}"
            )))
        })
    }

    fn change_now<T>(
        &self,
        name: &str,
        author: &Author,
        wanted: impl Fn(&Snapshot) -> Result<Vec<Change>, ChangeError>,
        look: impl FnOnce(&Snapshot) -> T,
    ) -> Result<(T, Revisions), ChangeError> {
        let mut patience = OTHERS;
        self.commit(look, |is_next| {
            let base = match is_next {
                true => self.base_as_it_is(name)?,
                false => Some(self.take_up_file(name, std::mem::take(&mut patience))?),
            };
            let Some(Base { on_disk, running }) = base else {
                return Ok(None);
            };
            let changes = wanted(&running)?;
            let pipeline = changed(&running.pipeline, &changes)?;
            let (old, new) = match &on_disk {
                None => (
                    running.pipeline.file.text.clone(),
                    pipeline.file.text.clone(),
                ),
                Some(on_disk) => (
                    on_disk.file.text.clone(),
                    changed(on_disk, &changes)?.file.text,
                ),
            };
            let by = ChangedBy::Api;
            let edit = Edit {
                old,
                new,
                author,
                by,
            };
            Ok(Some(Draft {
                edit,
                pipeline,
                running,
            }))
        })
    }

    fn restore_version_now(
        &self,
        id: &str,
        expected: Option<&str>,
        author: &Author,
    ) -> Result<Revisions, ChangeError> {
        let file = &self.0.file;
        let ((), revisions) = self.commit(
            |_: &Snapshot| (),
            |_| {
                let old = Config::read_text(file).map_err(ChangeError::FileIsWrong)?;
                self.check_revision(&old, expected)?;
                let version = self.0.versions.find(id).ok_or_else(|| unknown(id))?;
                let running = self.current();
                let (name, folder) = (file.display().to_string(), &running.pipeline.folder);
                let pipeline = Config::parse(version.text.expose(), &name, folder);
                let edit = Edit {
                    old: old.into(),
                    new: version.text.expose().into(),
                    author,
                    by: ChangedBy::File,
                };
                let pipeline = pipeline.map_err(ChangeError::Wrong)?;
                Ok(Some(Draft {
                    edit,
                    pipeline,
                    running,
                }))
            },
        )?;
        Ok(revisions)
    }

    /// Readies the filters of what `draft` makes, and then, when it is this change's turn, writes
    /// it and puts it in force. A draft that another change has overtaken is made again: `draft` is
    /// told whether this one comes next, when it must not wait for anything, and gives nothing then
    /// if it would have to.
    fn commit<'e, T>(
        &self,
        look: impl FnOnce(&Snapshot) -> T,
        mut draft: impl FnMut(bool) -> Result<Option<Draft<'e>>, ChangeError>,
    ) -> Result<(T, Revisions), ChangeError> {
        let (mut plans, mut look) = (Plans::default(), Some(look));
        let mut place = None;
        let give_up = self.0.clock.now() + LONGEST_WAIT;
        while self.0.clock.now() < give_up {
            if self.is_written_to() {
                // Not for all others as well.
                place = None;
                self.wait_for_writers()?;
            }
            let is_next = place.is_some();
            let ready = draft(is_next)?;
            let ready = ready.filter(|it| !is_next || plans.are_ready(&it.pipeline, &it.running));
            let Some(Draft {
                edit,
                pipeline,
                running,
            }) = ready
            else {
                // Nobody else waits for what this one has to wait for.
                place = None;
                continue;
            };
            let check = Check::new(&*self.0.clock, Wanted::ByChange).unless(&self.0.end);
            let validated = self.check(pipeline, &running, plans, &check);
            let validated = validated.map_err(|error| self.wrong(error))?;
            let next = match place.take() {
                Some(place) => place,
                None => self.wait_for_commit()?,
            };
            match self.write_and_make(&edit, &running, validated, &mut look)? {
                Ok(seen) => return Ok((seen, Revisions::of(&edit))),
                // What the other one left is what this one has to stand on.
                Err(unmade) => plans = unmade,
            }
            tracing::debug!("another change came first; this one is made anew");
            place = Some(next);
        }
        Err(outrun())
    }

    fn wrong(&self, error: ConfigError) -> ChangeError {
        match self.0.end.is_cancelled() {
            true => ending(),
            false => ChangeError::Wrong(error),
        }
    }

    /// Waits until all changes that were ready before are in force.
    pub(super) fn wait_for_commit(&self) -> Result<CommitTurn<'_>, ChangeError> {
        let queue = self.0.end.run_until_cancelled(self.0.commit_queue.lock());
        let queue = Handle::current().block_on(queue).ok_or_else(ending)?;
        Ok((self.0.commit.lock(), queue))
    }

    /// Whether the file, which has the text `on_disk`, is still at the revision `expected`.
    fn check_revision(&self, on_disk: &str, expected: Option<&str>) -> Result<(), ChangeError> {
        let Some(expected) = expected.filter(|it| *it != revision(on_disk)) else {
            return Ok(());
        };
        let since = self.0.versions.since(expected);
        let changes: Vec<_> = since.iter().rev().take(TOLD).map(told).collect();
        let more = match since.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!("; and {more} before"),
        };
        let what = match changes.as_slice() {
            // Nobody has noted it as a version yet.
            [] => ": by hand just now".to_owned(),
            changes => format!(": {}{more}", changes.join("; ")),
        };
        Err(ChangeError::Refused(format!(
            "nothing is restored, since the pipeline file was changed meanwhile{what}"
        )))
    }

    /// Writes the new text to the file in the place of the old one and makes the change, if the
    /// file and what runs are what they were; else gives its chains back.
    fn write_and_make<T, L: FnOnce(&Snapshot) -> T>(
        &self,
        edit: &Edit<'_>,
        running: &Arc<Snapshot>,
        validated: ValidatedConfig,
        look: &mut Option<L>,
    ) -> Result<Result<T, Plans>, ChangeError> {
        let file = &*self.0.file;
        let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut topology = self.topology();
        let _lock = lock(&real, &*self.0.clock).map_err(ChangeError::Busy)?;
        let mut writes = FileWrites::of(&real, self.0.clock.now());
        let on_disk = Config::read_text(file).map_err(ChangeError::FileIsWrong)?;
        let is_same = *on_disk == *edit.old && Arc::ptr_eq(running, &self.current());
        if !is_same || self.is_written_to() {
            return Ok(Err(validated.plans));
        }
        let written = self.write_version(&real, edit, &mut writes);
        if written.map_err(|error| self.unwritable(file, &error))? == Written::SavedMeanwhile {
            *self.0.saving.lock().ignore_poison() = Some(writes);
            return Ok(Err(validated.plans));
        }
        if let Some(recovery) = self.write_failures().worked(self.0.clock.now()) {
            tracing::info!("writing files {recovery}");
        }
        if let Err(unmade) = self.make(&mut topology, running, (validated, edit.by)) {
            return Ok(Err(unmade.plans));
        }
        let look = look.take().ok_or_else(|| {
            let why = "the change was made before";
            ChangeError::Busy(why.to_owned())
        })?;
        Ok(Ok(look(&self.current())))
    }

    /// The error of writing to the file or folder at `path`, which is told in the log as well, but
    /// not for each change.
    pub fn unwritable(&self, path: &Path, error: &io::Error) -> ChangeError {
        // Without what stands around the system's error: the name of a temporary file tells nobody
        // anything.
        let why = match error.raw_os_error() {
            Some(_) => error.to_string(),
            None => error.kind().to_string(),
        };
        let path = path.display();
        let is_short = files::is_passing(error) || error.kind() == io::ErrorKind::FileTooLarge;
        let error = match is_short {
            true => ChangeError::NoSpace(format!("{path} can't be written just now: {why}")),
            false => ChangeError::Unwritable(format!("{path} can't be written: {why}")),
        };
        if let ChangeError::NoSpace(told) | ChangeError::Unwritable(told) = &error
            && let Some(notice) = self.write_failures().failed(self.0.clock.now())
        {
            tracing::warn!("{}", notice.word(told));
        }
        error
    }

    fn write_failures(&self) -> std::sync::MutexGuard<'_, Recurring> {
        self.0.write_failures.lock().ignore_poison()
    }

    /// Writes the new text to the file at `real`, if it is another than the old one, and keeps both
    /// as versions.
    fn write_version(
        &self,
        real: &Path,
        edit: &Edit<'_>,
        writes: &mut FileWrites,
    ) -> std::io::Result<Written> {
        if edit.old == edit.new {
            return Ok(Written::Replaced);
        }
        // What nobody has put in force yet must not be lost either.
        self.0.versions.note(&edit.old, &Author::File);
        let written = write(real, edit.old.as_bytes(), edit.new.as_bytes(), writes)?;
        if written == Written::Replaced {
            self.0.versions.note(&edit.new, edit.author);
        }
        Ok(written)
    }

    /// The file as it is on the disk, and what runs: the same, after a moment's waiting if somebody
    /// has just written to it, since the change is to stand on it. Or they differ in other streams
    /// than `name` only, whose filters are waited for no longer than `patience` says, and whose
    /// mistakes are none of this change's business.
    fn take_up_file(&self, name: &str, patience: Duration) -> Result<Base, ChangeError> {
        let give_up = self.0.clock.now() + SAVING;
        let mut patience = patience;
        loop {
            let base = self.base()?;
            let is_of_others = base.is_same_in(name);
            if base.on_disk.is_none() {
                return Ok(base);
            }
            let left = give_up.saturating_duration_since(self.0.clock.now());
            let wait = if is_of_others { patience } else { left };
            match self.take_up(&self.0.file, wait) {
                // Looked at again, since it may be another by now.
                Some(Ok(())) if !left.is_zero() => patience = Duration::ZERO,
                _ if is_of_others => return Ok(base),
                Some(Err(error)) => return Err(ChangeError::FileIsWrong(error)),
                Some(Ok(())) | None => {
                    let why = "the pipeline file was changed, and its filters are still being readied; try again";
                    return Err(ChangeError::Busy(why.to_owned()));
                }
            }
        }
    }

    /// The same without waiting: none if the stream `name` is not what the file says.
    fn base_as_it_is(&self, name: &str) -> Result<Option<Base>, ChangeError> {
        let base = self.base()?;
        Ok(Some(base).filter(|base| base.is_same_in(name)))
    }

    fn base(&self) -> Result<Base, ChangeError> {
        let file = &*self.0.file;
        let mut text = Config::read_text(file);
        // Half a file may be a right one.
        if self.is_written_to() {
            self.wait_for_writers()?;
            text = Config::read_text(file);
        }
        let text = text.map_err(ChangeError::FileIsWrong)?;
        let running = self.current();
        if text == *running.pipeline.file.text {
            let on_disk = None;
            return Ok(Base { on_disk, running });
        }
        let (name, folder) = (file.display().to_string(), Config::folder_of(file));
        let on_disk = Config::parse(&text, &name, folder);
        let mut on_disk = on_disk.map_err(ChangeError::FileIsWrong)?;
        self.take_source(&mut on_disk);
        let on_disk = Some(on_disk);
        Ok(Base { on_disk, running })
    }

    /// Whether somebody is writing to the file.
    pub(super) fn is_written_to(&self) -> bool {
        let mut saving = self.0.saving.lock().ignore_poison();
        let is_saved = saving
            .as_mut()
            .is_some_and(|it| it.are_under_way(self.0.clock.now()));
        is_saved || self.0.open_writes.have_any([&self.0.file])
    }

    /// Whoever is saving the file is done in a moment.
    fn wait_for_writers(&self) -> Result<(), ChangeError> {
        let give_up = self.0.clock.now() + SAVING;
        while self.is_written_to() {
            if self.0.clock.now() >= give_up {
                let why = "somebody is writing to the pipeline file; try again when it is saved";
                return Err(ChangeError::Busy(why.to_owned()));
            }
            self.0.clock.block(SAVING / 100);
        }
        Ok(())
    }
}

/// Changes that a refusal tells of.
const TOLD: usize = 3;

fn told(version: &Version) -> String {
    let time = local_time::zone().to_datetime(version.at);
    let time = time.strftime("%Y-%m-%d %H:%M:%S");
    match &version.by {
        Author::Api { peer, .. } => format!("from {peer} at {time}"),
        Author::Command => format!("by `mattebox restore` at {time}"),
        Author::File => format!("by hand at {time}"),
    }
}

fn unknown(id: &str) -> ChangeError {
    ChangeError::NotFound(format!(
        "no version of the pipeline file is called `{id}`; the newest are kept"
    ))
}

fn ending() -> ChangeError {
    ChangeError::Busy("the server is ending".to_owned())
}

fn outrun() -> ChangeError {
    ChangeError::Busy("other changes keep coming before this one; try again".to_owned())
}

/// The pipeline with `changes` made in its text.
fn changed(pipeline: &Config, changes: &[Change]) -> Result<Config, ChangeError> {
    let old = &pipeline.file;
    let text = edit(&old.text, changes).map_err(ChangeError::Refused)?;
    Config::parse(&text, &old.name, &pipeline.folder).map_err(ChangeError::Wrong)
}

/// What became of a text that was to take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// It did.
    Replaced,
    /// Somebody has saved the file meanwhile, and it is as they left it.
    SavedMeanwhile,
}

/// Writes the text `new` to the file at `path` in the place of `old`, for a command beside a
/// server, and keeps both as versions.
///
/// # Errors
/// It can't be written, or somebody else has written to it meanwhile.
pub fn replace_file(
    path: &Path,
    (old, new): (&str, &str),
    versions: &Versions,
    clock: &dyn Clock,
) -> Result<(), String> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let _lock = lock(&real, clock)?;
    let mut writes = FileWrites::of(&real, clock.now());
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    versions.note(old, &Author::File);
    match write(&real, old.as_bytes(), new.as_bytes(), &mut writes).map_err(|error| told(&error))? {
        Written::Replaced => {
            versions.note(new, &Author::Command);
            Ok(())
        }
        Written::SavedMeanwhile => Err(told(&"somebody has just written to it; try again")),
    }
}

/// Puts a new file in the place of the one that has the text `old`, so that nobody ever sees half
/// of it; where that can't be done (a file mounted by itself, for instance), writes into the old
/// one.
fn write(path: &Path, old: &[u8], new: &[u8], writes: &mut FileWrites) -> std::io::Result<Written> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    match replace(path, old, new, writes) {
        // A full disk is none of these: writing into the old file would empty it.
        Err(error)
            if matches!(
                error.kind(),
                PermissionDenied | ReadOnlyFilesystem | ResourceBusy
            ) =>
        {
            crate::files::write(path, new).map(|()| Written::Replaced)
        }
        result => result,
    }
}

fn replace(
    path: &Path,
    old: &[u8],
    new: &[u8],
    writes: &mut FileWrites,
) -> std::io::Result<Written> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(new)?;
    prepare_for(&file, path)?;
    if let Some(written) = exchange(&file, path, old, writes)? {
        return Ok(written);
    }
    file.persist(path)?;
    Ok(Written::Replaced)
}

/// Exchanges `new` and the file at `path` in one step, and looks at what was there: if somebody has
/// saved the file since `old` was read, or is writing to it, theirs goes back into its place.
/// `None` where the file system can't do that (renameat2(2)).
#[cfg(target_os = "linux")]
fn exchange(
    new: &NamedTempFile,
    path: &Path,
    old: &[u8],
    writes: &mut FileWrites,
) -> std::io::Result<Option<Written>> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    let exchange = || renameat_with(CWD, new.path(), CWD, path, RenameFlags::EXCHANGE);
    if writes.have_come() {
        return Ok(Some(Written::SavedMeanwhile));
    }
    match exchange() {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let was_there = crate::files::read(new.path(), old.len() as u64 + BOM.len() as u64 + 1);
    let is_old = |text: &Vec<u8>| text.strip_prefix(BOM).unwrap_or(text) == old;
    if was_there.is_ok_and(|text| is_old(&text)) && !writes.have_come() {
        return Ok(Some(Written::Replaced));
    }
    exchange()?;
    Ok(Some(Written::SavedMeanwhile))
}

#[cfg(not(target_os = "linux"))]
fn exchange(
    _: &NamedTempFile,
    _: &Path,
    _: &[u8],
    _: &mut FileWrites,
) -> std::io::Result<Option<Written>> {
    Ok(None)
}

/// The byte order mark, which takes no part in the text (config/load.rs).
#[cfg(target_os = "linux")]
const BOM: &[u8] = "\u{feff}".as_bytes();

fn put_in_place(new: NamedTempFile, path: &Path) -> std::io::Result<()> {
    prepare_for(&new, path)?;
    new.persist(path)?;
    Ok(())
}

/// Gives a new file the mode of the one at `path`, and sees to it that it is on the disk.
fn prepare_for(new: &NamedTempFile, path: &Path) -> std::io::Result<()> {
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
    new.as_file().sync_all()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn put(path: &Path, old: &str, new: &str) -> std::io::Result<Written> {
        let mut writes = FileWrites::of(path, crate::clock::SystemClock.now());
        write(path, old.as_bytes(), new.as_bytes(), &mut writes)
    }

    #[test]
    fn what_somebody_has_saved_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipeline.yaml");
        std::fs::write(&path, "\u{feff}old").unwrap();
        assert_eq!(put(&path, "old", "new").unwrap(), Written::Replaced);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        std::fs::write(&path, "of somebody else").unwrap();
        assert_eq!(put(&path, "new", "newer").unwrap(), Written::SavedMeanwhile);
        assert_eq!(std::fs::read(&path).unwrap(), b"of somebody else");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(put(&path, "new", "newer").unwrap(), Written::Replaced);
        let left: Vec<_> = folder.path().read_dir().unwrap().collect();
        assert_eq!(
            (left.len(), std::fs::read(&path).unwrap()),
            (1, b"newer".to_vec())
        );
    }
}
