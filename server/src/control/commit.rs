//! Commits: changes by the API and those of the pipeline file come into force here, each in its
//! turn.

use std::io;
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::diff::Diff;
use super::edit::EditError;
use super::file_lock::lock;
use super::file_replace::{Written, unwritable, write};
use super::file_writes::FileWrites;
use super::report::revision;
use super::timed_lock::TimedGuard;
use super::topology::{Applied, ValidatedConfig};
use super::{Author, Controller, Credentials, Plans, Snapshot, tell_of_override, warn_of_comments};
use crate::chain::{Check, StepStatus};
use crate::config::{Config, ConfigError};
use crate::filter::Wanted;
use crate::log::recurring::Recurring;
use crate::notifications::Notification;
use crate::sync::IgnorePoison;

/// The longest time that a change tries to come before others.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(130);

/// A change that is to come into force.
pub(super) struct Commit<'c> {
    pub author: &'c Author,
    /// The stream that it changes, while the file may still be wrong in others; none if it is of
    /// all of the file, which is checked as a whole.
    pub stream: Option<&'c str>,
    /// Cancelled when nobody waits for it any more.
    pub abandoned: &'c CancellationToken,
    /// Chains that are ready.
    pub plans: Plans,
}

/// A change that is not checked yet.
pub(super) struct Draft {
    /// The text that the file has.
    pub old: Arc<str>,
    /// The text that the file is to have.
    pub new: Arc<str>,
    pub config: Config,
    /// The pipeline that it stands on.
    pub snapshot: Arc<Snapshot>,
}

/// A change that is in force.
pub struct Edited {
    /// The pipeline that came into force with it.
    pub snapshot: Arc<Snapshot>,
    /// The steps of the stream that it changed, as no other change has changed them yet.
    pub steps: Vec<StepStatus>,
    /// The file's revision after it.
    pub revision: String,
    /// The version to restore to undo it; none if the file was as it was to be.
    pub previous: Option<String>,
}

/// The right to put the next change in force. The lock is given back before the queue moves on.
pub(super) type CommitTurn<'l> = (TimedGuard<'l, ()>, tokio::sync::MutexGuard<'l, ()>);

impl Controller {
    /// Readies the filters of what `draft` makes, and then, when it is this change's turn, writes
    /// it and puts it in force. A draft that another change has overtaken is made again: `draft` is
    /// told whether this one comes next, when it must not wait for anything, and gives nothing then
    /// if it would have to. Gives nothing once the change `is_stopped`.
    pub(super) fn commit(
        &self,
        commit: &mut Commit<'_>,
        mut draft: impl FnMut(bool) -> Result<Option<Draft>, EditError>,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Option<Edited>, EditError> {
        let mut place = None;
        let give_up = self.0.clock.now() + LONGEST_WAIT;
        while self.0.clock.now() < give_up {
            let is_next = place.is_some();
            let drafted = match draft(is_next) {
                Err(_) if is_stopped() => return Ok(None),
                drafted => drafted?,
            };
            let is_ready = |it: &Draft| commit.plans.are_ready(&it.config, &it.snapshot);
            let Some(draft) = drafted.filter(|it| !is_next || is_ready(it)) else {
                // Nobody else waits for what this one has to wait for.
                place = None;
                continue;
            };
            let checked = self.check(&draft, commit);
            if is_stopped() {
                return Ok(None);
            }
            let credentials = checked?;
            let next = match place.take() {
                Some(place) => place,
                None => self.wait_for_commit()?,
            };
            if let Some(edited) = self.put_in_force(commit, draft, credentials)? {
                return Ok(Some(edited));
            }
            tracing::debug!("another change came first; this one is made anew");
            place = Some(next);
        }
        Err(EditError::Outrun)
    }

    /// Checks a draft and readies the chains that it changes; gives who may do what.
    fn check(
        &self,
        draft: &Draft,
        commit: &mut Commit<'_>,
    ) -> Result<Arc<Credentials>, ConfigError> {
        // Filters that start now may need the larger budget that comes with them.
        let budget = self.0.cache.engine().budget();
        let _coming = budget.expect_limit(draft.config.filters_memory);
        let check = Check::new(&*self.0.clock, Wanted::ByChange).unless(commit.abandoned);
        let (config, snapshot) = (&draft.config, &draft.snapshot);
        let plans = &mut commit.plans;
        plans.ready(&self.0.cache, config, snapshot, &check)?;
        let credentials = Credentials::read(config).map_err(|wrong| config.error(wrong))?;
        Ok(Arc::new(credentials))
    }

    /// Waits until all changes that were ready before are in force.
    fn wait_for_commit(&self) -> Result<CommitTurn<'_>, EditError> {
        let queue = self.0.end.run_until_cancelled(self.0.commit_queue.lock());
        let queue = Handle::current().block_on(queue).ok_or(EditError::Ending)?;
        Ok((self.0.commit.lock(), queue))
    }

    /// Writes the new text to the file in the place of the old one and makes the change, if the
    /// file and what runs are what they were.
    fn put_in_force(
        &self,
        commit: &mut Commit<'_>,
        draft: Draft,
        credentials: Arc<Credentials>,
    ) -> Result<Option<Edited>, EditError> {
        let mut topology = self.topology();
        if !Arc::ptr_eq(&draft.snapshot, &self.current()) {
            return Ok(None);
        }
        let tls = self.read_tls(&draft.config)?;
        // Held until it is in force: another server's change comes only then.
        let is_written = draft.old != draft.new;
        let real = self.0.file.real_path();
        let _lock = is_written
            .then(|| lock(&real, &*self.0.clock))
            .transpose()?;
        if !self.write(&real, &draft, commit.author)? {
            return Ok(None);
        }
        let applied = topology.apply(ValidatedConfig {
            config: draft.config,
            plans: std::mem::take(&mut commit.plans),
            credentials,
            tls,
        });
        let snapshot = self.publish(applied, commit.stream.is_none());
        let steps = commit.stream.and_then(|name| snapshot.find(name));
        let steps = steps.map_or_else(Vec::new, |stream| stream.steps());
        Ok(Some(Edited {
            snapshot,
            steps,
            revision: revision(&draft.new),
            previous: is_written.then(|| revision(&draft.old)),
        }))
    }

    /// Writes the new text of `draft` to the file at `real`, if it is another than the old one, and
    /// keeps both as versions. `false` if the file is not what it was.
    fn write(&self, real: &Path, draft: &Draft, author: &Author) -> Result<bool, EditError> {
        let (file, old, new) = (&self.0.file, &*draft.old, &*draft.new);
        let is_old = || file.read_text().map(|text| text == old);
        if old == new {
            let is_same = is_old().map_err(EditError::FileIsWrong)?;
            if is_same {
                self.0.versions.note(new, &Author::File);
            }
            return Ok(is_same);
        }
        let mut writes = FileWrites::of(real, self.0.clock.now());
        if !is_old().map_err(EditError::FileIsWrong)? || self.is_written_to() {
            return Ok(false);
        }
        // What nobody has put in force yet must not be lost either.
        self.0.versions.note(old, &Author::File);
        let written = write(real, (old, new), &mut writes, &*self.0.clock);
        match written.map_err(|error| self.unwritable(file.path(), &error))? {
            Written::Replaced(state) => {
                // What others changed in the file may be in force only later.
                let is_all = *new == *draft.config.file.text;
                *self.0.own_write.lock().ignore_poison() = state.filter(|_| is_all);
            }
            Written::SavedMeanwhile => {
                *self.0.saving.lock().ignore_poison() = Some(writes);
                return Ok(false);
            }
        }
        self.0.versions.note(new, author);
        if let Some(recovery) = self.write_failures().worked(self.0.clock.now()) {
            tracing::info!(failures = recovery.failures, "writing files works again");
        }
        Ok(true)
    }

    /// The error of writing to the file or folder at `path`, which is told in the log as well, but
    /// not for each change.
    pub fn unwritable(&self, path: &Path, error: &io::Error) -> EditError {
        let error = unwritable(path, error);
        if let Some(notice) = self.write_failures().failed(self.0.clock.now()) {
            tracing::warn!(
                failures = notice.failures(),
                seconds = notice.seconds(),
                %error,
                "writing files fails"
            );
        }
        error
    }

    fn write_failures(&self) -> MutexGuard<'_, Recurring> {
        self.0.write_failures.lock().ignore_poison()
    }

    fn publish(&self, applied: Applied, is_whole_file: bool) -> Arc<Snapshot> {
        let snapshot = Arc::new(applied.snapshot);
        let old = self.0.current.send_replace(snapshot.clone());
        snapshot.credentials.warn_of_weak(Some(&old.credentials));
        // What the API writes is quoted where that is needed; both texts would be parsed for each
        // change.
        if is_whole_file {
            warn_of_comments(&snapshot.config, Some(&old.config));
        }
        for stream in &applied.ended {
            stream.end();
        }
        let is_unchanged = |name: &str| old.config.stream(name) == snapshot.config.stream(name);
        let mut was_wrong = false;
        self.0
            .reloads
            .send_modify(|reloads| was_wrong = reloads.settle(is_whole_file, is_unchanged));
        // Else it was saved as it was.
        if !applied.diff.is_empty() || was_wrong {
            self.tell_of_change(&applied.diff, &applied.needs_restart);
            let overridden = |of: &Snapshot| of.config.overridden().map(|it| it.name.clone());
            if is_whole_file || overridden(&old) != overridden(&snapshot) {
                tell_of_override(&snapshot.config);
            }
        }
        snapshot
    }

    fn tell_of_change(&self, diff: &Diff, needs_restart: &[&'static str]) {
        let message = match diff.is_empty() {
            true => "the pipeline file is right again; nothing has changed".to_owned(),
            false => diff.to_string(),
        };
        log_changes(diff, &message);
        let known = self.0.reloads.borrow().needs_restart.clone();
        for key in needs_restart
            .iter()
            .filter(|it| !known.contains(&it.to_string()))
        {
            tracing::warn!(key, "a change of this key takes a restart of the server");
        }
        self.0
            .reloads
            .send_modify(|reloads| reloads.succeed(needs_restart));
        self.notifications().publish(Notification::Reload {
            message,
            succeeded: true,
        });
    }
}

/// Logs a change: a line for each stream, and one for the rest.
fn log_changes(diff: &Diff, message: &str) {
    for (name, change) in &diff.streams {
        tracing::info!(stream = name, "stream {change}");
    }
    if !diff.keys.is_empty() {
        let keys = diff.keys.join(", ");
        tracing::info!(%keys, "pipeline changed");
    } else if diff.streams.is_empty() {
        tracing::info!("{message}");
    }
}
