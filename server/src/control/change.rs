//! Changes that come by the API: made in the pipeline file's text, checked like the file, written
//! back, and put in force.

use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::commit::{Commit, Draft, Edited, LONGEST_WAIT};
use super::edit::{Edit, EditError};
use super::edit_rights::EditRights;
use super::file_replace::put_in_place;
use super::report::revision;
use super::stream_locks::StreamGuard;
use super::versions::{Author, Version};
use super::{Controller, Plans, Snapshot};
use crate::chain::{Check, Unchanged};
use crate::config::Config;
use crate::filter::{LoadError, Module, Wanted};
use crate::local_time;
use crate::sync::IgnorePoison;

/// The time for which somebody may take to save the file.
const SAVING: Duration = Duration::from_secs(1);
/// The time for which a change waits for the filters of other streams that the file has just been
/// changed to.
const OTHERS: Duration = Duration::from_millis(250);
/// A restored version, for [`Controller::turn`]: no stream can be called so.
const ALL_STREAMS: &str = "all streams";

/// The state of things that a change stands on.
struct Base {
    /// The file; none if it says what runs.
    on_disk: Option<Config>,
    snapshot: Arc<Snapshot>,
}

impl Base {
    /// Whether the file says of the stream `name` what runs.
    fn is_same_in(&self, name: &str) -> bool {
        let on_disk = self.on_disk.as_ref();
        on_disk.is_none_or(|it| it.stream(name) == self.snapshot.config.stream(name))
    }
}

impl Controller {
    /// Makes `edit` in the pipeline file, for `author`, who has these `rights`, and puts it in
    /// force.
    ///
    /// # Errors
    /// See [`EditError`]. Nothing has changed then.
    pub async fn edit(
        &self,
        edit: Edit,
        author: Author,
        rights: EditRights,
    ) -> Result<Edited, EditError> {
        let name = edit.stream().unwrap_or(ALL_STREAMS).to_owned();
        let by = (author, rights);
        self.in_turn(&name, move |controller| controller.edit_now(&edit, &by))
            .await
    }

    /// Makes the file again what it was in the version `id`, for `author`; if `revision` is given,
    /// only if that is the file's. What the file says until then is kept as a version, also if it
    /// is wrong.
    ///
    /// # Errors
    /// See [`EditError`]. Nothing has changed then.
    pub async fn restore(
        &self,
        id: String,
        revision: Option<String>,
        author: Author,
        rights: EditRights,
    ) -> Result<Edited, EditError> {
        let find = move |controller: &Self| {
            let version = controller.0.versions.find(&id);
            version.ok_or(EditError::UnknownVersion(id))
        };
        let version = self.at_work(find).await?;
        let text = version.text.expose().to_owned();
        self.edit(Edit::ReplaceText { text, revision }, author, rights)
            .await
    }

    /// Opens the camera of the stream `name` anew, with its filters started again.
    ///
    /// # Errors
    /// There is no such stream, or its filters can't be started any more.
    pub async fn restart(&self, name: String) -> Result<(), EditError> {
        let of = name.clone();
        self.in_turn(&of, move |controller| controller.restart_now(&name))
            .await
    }

    /// Does `work` on the stream `name` once no other change of it is being made.
    async fn in_turn<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Self) -> Result<T, EditError> + Send + 'static,
    ) -> Result<T, EditError> {
        let turn = self.turn(name).await?;
        self.at_work(move |controller| {
            let done = work(controller);
            drop(turn);
            done
        })
        .await
    }

    /// Waits until no other change of the stream `name` is being made, and not too many of all
    /// streams are: those that wait take no threads.
    async fn turn(&self, name: &str) -> Result<(StreamGuard, OwnedSemaphorePermit), EditError> {
        let turn = async {
            let turn = self.0.stream_locks.wait(name).await;
            let place = self.0.changing.clone().acquire_owned().await;
            place
                .map(|place| (turn, place))
                .map_err(|closed| EditError::Broken(closed.to_string()))
        };
        let turn = tokio::time::timeout(LONGEST_WAIT, turn);
        match self.0.end.run_until_cancelled(turn).await {
            None => Err(EditError::Ending),
            Some(Ok(turn)) => turn,
            Some(Err(_)) => Err(EditError::Waiting(name.to_owned())),
        }
    }

    fn restart_now(&self, name: &str) -> Result<(), EditError> {
        let snapshot = self.current();
        let (Some(stream), Some(config)) = (snapshot.find(name), snapshot.config.stream(name))
        else {
            return Err(EditError::UnknownStream(name.to_owned()));
        };
        tracing::info!(
            stream = name,
            "stream restarting, as the server was told to"
        );
        let mut plans = Plans::default();
        let wanted = (&*snapshot.config, config);
        let steps = stream.steps();
        let old = (steps.as_slice(), Unchanged::StartAgain);
        let check = Check::new(&*self.0.clock, Wanted::ByChange);
        plans.ready_one(&self.0.cache, wanted, old, &check)?;
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
    /// See [`EditError`].
    pub async fn keep_filter(
        &self,
        name: String,
        upload: NamedTempFile,
    ) -> Result<(String, bool), EditError> {
        self.at_work(move |controller| {
            let config = controller.current().config.clone();
            let Some(folder) = &config.filter_folder else {
                return Err(EditError::UploadsOff);
            };
            let module = Module::read(upload.path());
            let module = module.map_err(|error| LoadError::from(error).of(&name))?;
            let compiler = controller.0.cache.compiler();
            Handle::current()
                .block_on(compiler.compile(&module, Wanted::ByUpload))
                .map_err(|error| error.of(&name))?;
            let path = config.folder.join(folder).join(&name);
            let is_new = !path.exists();
            put_in_place(upload, &path).map_err(|error| controller.unwritable(&path, &error))?;
            tracing::info!(path = %path.display(), "filter uploaded");
            Ok((format!("./{}/{name}", folder.trim_end_matches('/')), is_new))
        })
        .await
    }

    /// Runs what blocks where blocking is allowed.
    pub(super) async fn at_work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, EditError> + Send + 'static,
    ) -> Result<T, EditError> {
        let controller = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&controller)).await;
        done.unwrap_or_else(|error| Err(EditError::Broken(error.to_string())))
    }

    fn edit_now(
        &self,
        edit: &Edit,
        (author, rights): &(Author, EditRights),
    ) -> Result<Edited, EditError> {
        let stream = edit.stream();
        let mut commit = Commit {
            author,
            stream,
            abandoned: &self.0.end,
            plans: Plans::default(),
        };
        let mut patience = OTHERS;
        let draft = |is_next| {
            if self.is_written_to() {
                if is_next {
                    return Ok(None);
                }
                self.wait_for_writers()?;
            }
            let draft = match stream {
                Some(name) => {
                    let patience = (!is_next).then(|| std::mem::take(&mut patience));
                    self.draft_of_stream(edit, name, patience)?
                }
                None => Some(self.draft_of_all(edit)?),
            };
            if let Some(draft) = &draft {
                rights.check(&draft.snapshot.config, &draft.config)?;
            }
            Ok(draft)
        };
        let edited = self.commit(&mut commit, draft, || self.0.end.is_cancelled())?;
        edited.ok_or(EditError::Ending)
    }

    /// The draft of an edit of the stream `name`, made in the file and in what runs, which may
    /// differ in other streams. Without patience it must not wait, and is none if it would have to.
    fn draft_of_stream(
        &self,
        edit: &Edit,
        name: &str,
        patience: Option<Duration>,
    ) -> Result<Option<Draft>, EditError> {
        let base = match patience {
            None => Some(self.base()?).filter(|base| base.is_same_in(name)),
            Some(patience) => Some(self.take_up_file(name, patience)?),
        };
        let Some(Base { on_disk, snapshot }) = base else {
            return Ok(None);
        };
        let edited = |base: &Config| {
            let text = edit.apply(base, &|name| snapshot.step_ids(name))?;
            Ok::<_, EditError>(self.0.file.parse(&text)?)
        };
        let config = edited(&snapshot.config)?;
        check_source(name, &snapshot.config, &config)?;
        let new = on_disk.as_ref().map(edited).transpose()?;
        let new = new.as_ref().unwrap_or(&config).file.text.clone();
        let old = on_disk.as_ref().unwrap_or(&snapshot.config);
        Ok(Some(Draft {
            old: old.file.text.clone(),
            new,
            config,
            snapshot,
        }))
    }

    /// The draft of an edit of what is no stream's. One that replaces all of the file does so also
    /// where that is wrong as it is.
    fn draft_of_all(&self, edit: &Edit) -> Result<Draft, EditError> {
        let old = self.0.file.read_text().map_err(EditError::FileIsWrong)?;
        if let Edit::ReplaceText { revision, .. } = edit {
            self.check_revision(&old, revision.as_deref())?;
        }
        let snapshot = self.current();
        let base = match edit {
            // What it replaces may be wrong.
            Edit::ReplaceText { .. } => None,
            _ => Some(self.0.file.parse(&old).map_err(EditError::FileIsWrong)?),
        };
        let base = base.as_ref().unwrap_or(&snapshot.config);
        let new = edit.apply(base, &|name| snapshot.step_ids(name))?;
        let config = self.0.file.parse(&new)?;
        Ok(Draft {
            old: old.into(),
            new: new.into(),
            config,
            snapshot,
        })
    }

    /// Checks that the file, which has the text `on_disk`, is still at the revision `expected`.
    fn check_revision(&self, on_disk: &str, expected: Option<&str>) -> Result<(), EditError> {
        let Some(expected) = expected.filter(|it| *it != revision(on_disk)) else {
            return Ok(());
        };
        let since = self.0.versions.since(expected);
        let changes: Vec<_> = since.iter().rev().take(LISTED).map(in_words).collect();
        let more = match since.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!("; and {more} before"),
        };
        Err(EditError::OtherRevision(match changes.as_slice() {
            // Nobody has noted it as a version yet.
            [] => "by hand just now".to_owned(),
            changes => format!("{}{more}", changes.join("; ")),
        }))
    }

    /// The file as it is on the disk, and what runs: the same, after a moment's waiting if somebody
    /// has just written to it, since the change is to stand on it. Or they differ in other streams
    /// than `name` only, whose filters are waited for no longer than `patience` says, and whose
    /// mistakes are none of this change's business.
    fn take_up_file(&self, name: &str, patience: Duration) -> Result<Base, EditError> {
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
            match self.take_up(wait) {
                // Looked at again, since it may be another by now.
                Some(Ok(())) if !left.is_zero() => patience = Duration::ZERO,
                _ if is_of_others => return Ok(base),
                Some(Err(error)) => return Err(EditError::FileIsWrong(error)),
                Some(Ok(())) | None => return Err(EditError::Preparing),
            }
        }
    }

    fn base(&self) -> Result<Base, EditError> {
        let mut text = self.0.file.read_text();
        // Half a file may be a right one.
        if self.is_written_to() {
            self.wait_for_writers()?;
            text = self.0.file.read_text();
        }
        let text = text.map_err(EditError::FileIsWrong)?;
        let snapshot = self.current();
        let is_same = text == *snapshot.config.file.text;
        let on_disk = (!is_same).then(|| self.0.file.parse(&text)).transpose();
        Ok(Base {
            on_disk: on_disk.map_err(EditError::FileIsWrong)?,
            snapshot,
        })
    }

    /// Whether somebody is writing to the file.
    pub(super) fn is_written_to(&self) -> bool {
        let mut saving = self.0.saving.lock().ignore_poison();
        let is_saved = saving
            .as_mut()
            .is_some_and(|it| it.are_under_way(self.0.clock.now()));
        is_saved || self.0.open_writes.have_any([self.0.file.path()])
    }

    /// Waits for those who are saving the file, which takes them a moment.
    fn wait_for_writers(&self) -> Result<(), EditError> {
        let give_up = self.0.clock.now() + SAVING;
        while self.is_written_to() {
            if self.0.clock.now() >= give_up {
                return Err(EditError::BeingWritten);
            }
            self.0.clock.block(SAVING / 100);
        }
        Ok(())
    }
}

/// Checks that the edit of the stream `name` leaves its source as it is, if the command line sets
/// that.
fn check_source(name: &str, old: &Config, new: &Config) -> Result<(), EditError> {
    let in_file = |config: &Config| config.stream(name)?.file_source.clone();
    match (in_file(old), in_file(new)) {
        (Some(old), Some(new)) if old != new => Err(EditError::Overridden(name.to_owned())),
        _ => Ok(()),
    }
}

/// Changes that a refusal tells of.
const LISTED: usize = 3;

fn in_words(version: &Version) -> String {
    let time = local_time::zone().to_datetime(version.at);
    let time = time.strftime("%Y-%m-%d %H:%M:%S");
    match &version.by {
        Author::Api { peer, .. } => format!("from {peer} at {time}"),
        Author::Command => format!("by `mattebox restore` at {time}"),
        Author::File => format!("by hand at {time}"),
    }
}
