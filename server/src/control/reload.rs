//! Reloads: the pipeline file is read again, the filters that it changes are readied, and it is put
//! in force.
//!
//! A newer version of the file doesn't wait for an older one whose filters take long: it takes its
//! place. Streams of which the file says nothing new are none of a reload's business; their filters
//! are readied again by themselves (see `renewal`).

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::watch::Sender;
use tokio_util::sync::CancellationToken;

use super::commit::{Commit, Draft};
use super::edit::EditError;
use super::{Author, Controller, Credentials, FileRead, Plans, Snapshot};
use crate::config::{Config, ConfigError, StreamConfig};
use crate::files::FileState;
use crate::panics::catch;
use crate::sync::IgnorePoison;

/// Attempts at once: a newer one, beside older ones that take until the filter at hand is started
/// to notice that they are abandoned.
const ATTEMPTS: usize = 4;

/// The attempts to put the file in force.
pub struct Attempts {
    state: Mutex<State>,
    places: Semaphore,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Attempt>>,
    /// The streams that were to change, and what was wrong with their filters.
    failed: Option<(Vec<StreamConfig>, ConfigError)>,
    /// Chains that were ready when the file turned out to be another by then.
    leftover: Plans,
}

/// An attempt to put the file in force.
pub struct Attempt {
    /// The streams that are added or changed.
    changed: Vec<StreamConfig>,
    abandoned: CancellationToken,
    /// The reading to go on with in the end, since the file has been read once more.
    again: Mutex<Option<Arc<FileRead>>>,
    rounds: Sender<Option<Result<(), ConfigError>>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            places: Semaphore::new(ATTEMPTS),
        }
    }
}

impl Attempts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().ignore_poison()
    }

    /// Joins the attempt that changes the same streams, or abandons it and begins another. Gives
    /// the attempt, and whether it is a new one.
    fn begin(&self, changed: Vec<StreamConfig>, reading: &Arc<FileRead>) -> (Arc<Attempt>, bool) {
        let mut state = self.state();
        if let Some(current) = &state.current {
            if !changed.is_empty() && current.changed == changed {
                current.read_again(reading);
                return (current.clone(), false);
            }
            current.abandoned.cancel();
            state.leftover = Plans::default();
        }
        let attempt = Arc::new(Attempt {
            changed,
            abandoned: CancellationToken::new(),
            again: Mutex::default(),
            rounds: Sender::default(),
        });
        state.current = Some(attempt.clone());
        (attempt, true)
    }

    /// Ends a round of `attempt`; gives what to go on with if the file has been read once more
    /// meanwhile.
    fn end_round(
        &self,
        attempt: &Arc<Attempt>,
        result: Result<(), ConfigError>,
    ) -> Option<Arc<FileRead>> {
        let mut state = self.state();
        let is_final = |error: &&ConfigError| !error.may_pass();
        let failed = result.as_ref().err().filter(is_final).cloned();
        attempt.rounds.send_replace(Some(result));
        let is_current = |current: &Arc<Attempt>| Arc::ptr_eq(current, attempt);
        if !state.current.as_ref().is_some_and(is_current) {
            return None;
        }
        state.failed = failed.map(|error| (attempt.changed.clone(), error));
        let again = attempt.again.lock().ignore_poison().take();
        if again.is_none() {
            state.current = None;
        }
        again
    }

    /// Whether nothing of the file is yet to be put in force.
    fn are_over(&self) -> bool {
        self.state().current.is_none()
    }

    /// The error that the last attempt to change the same streams ended with, unless another has
    /// begun.
    fn failure_of(&self, changed: &[StreamConfig]) -> Option<ConfigError> {
        let state = self.state();
        let failed = state.failed.as_ref().filter(|_| state.current.is_none());
        failed
            .filter(|(streams, _)| streams == changed)
            .map(|(_, error)| error.clone())
    }
}

impl Attempt {
    fn read_again(&self, reading: &Arc<FileRead>) {
        let mut again = self.again.lock().ignore_poison();
        if again.is_none() || reading.is_watched() {
            *again = Some(reading.clone());
        }
    }

    /// The result of its first round, if that comes in time.
    async fn round(&self, patience: Duration) -> Option<Result<(), ConfigError>> {
        let mut rounds = self.rounds.subscribe();
        let round = rounds.wait_for(Option::is_some);
        let round = tokio::time::timeout(patience, round).await.ok()?.ok()?;
        round.clone()
    }
}

/// The streams of `config` that are added or changed.
fn changed(config: &Config, snapshot: &Snapshot) -> Vec<StreamConfig> {
    let streams = config.streams.iter();
    let is_changed = |it: &&StreamConfig| snapshot.config.stream(&it.name) != Some(*it);
    streams.filter(is_changed).cloned().collect()
}

impl Controller {
    /// Reads the file again, with what it names, and makes the changes. What is wrong with the file
    /// changes nothing; what is wrong with the files of a stream's filters leaves that stream as it
    /// is.
    pub async fn reload(&self) {
        self.reload_as(FileRead::unwatched()).await;
    }

    /// The same, as long as what is read proves to be whole.
    pub(super) async fn reload_as(&self, reading: Arc<FileRead>) {
        let controller = self.clone();
        let reload = tokio::task::spawn_blocking(move || controller.reload_now(&reading));
        if let Err(error) = reload.await {
            tracing::error!(%error, "reloading broke down");
        }
    }

    /// Whether the file in this state is in force, and nothing is wrong with it or yet to be done.
    /// It need not be read if the server itself has written it so.
    pub(super) fn is_in_force(&self, file: &FileState) -> bool {
        let is_own = self.0.own_write.lock().ignore_poison().as_ref() == Some(file);
        (is_own || self.runs_what_the_file_says())
            && self.0.reloads.borrow().error.is_none()
            && self.0.attempts.are_over()
    }

    fn runs_what_the_file_says(&self) -> bool {
        // Held, since a change is in force only a moment after it is written.
        let _topology = self.topology();
        let text = self.0.file.read_text();
        text.is_ok_and(|text| text == *self.current().config.file.text)
    }

    fn reload_now(&self, reading: &Arc<FileRead>) {
        if self.is_without_file() {
            self.0.reloads.send_modify(|reloads| reloads.error = None);
            self.renew_all(reading, |_| true);
            reading.mark_read();
            return;
        }
        self.renew_credentials();
        self.renew_certificate();
        match self.read() {
            Ok(config) => {
                self.renew_all(reading, |stream| {
                    config.stream(&stream.name) == Some(stream)
                });
                let changed = changed(&config, &self.current());
                let (attempt, is_new) = self.0.attempts.begin(changed, reading);
                if is_new {
                    self.carry_out(&attempt, reading.clone());
                }
            }
            Err(error) => self.refuse_file(&error, reading),
        }
        reading.mark_read();
    }

    /// Takes the secrets of users and tokens that the file in force names, if they are others by
    /// now: that waits for no filters, since the old ones may have become known.
    fn renew_credentials(&self) {
        let _topology = self.topology();
        let snapshot = self.current();
        match Credentials::read(&snapshot.config) {
            Ok(credentials) if credentials != *snapshot.credentials => {
                tracing::info!("credentials changed");
                credentials.warn_of_weak(Some(&snapshot.credentials));
                self.0.current.send_replace(Arc::new(Snapshot {
                    credentials: Arc::new(credentials),
                    ..(*snapshot).clone()
                }));
            }
            Ok(_) => {}
            // Told with the file, whose check reads them as well.
            Err(errors) => {
                let errors: Vec<_> = errors.iter().map(|it| &it.message).collect();
                tracing::debug!(?errors, "users and tokens can't be read again");
            }
        }
    }

    fn read(&self) -> Result<Config, ConfigError> {
        let config = self.0.file.load()?;
        let attempted = Some(Arc::new(config.clone()));
        self.0
            .reloads
            .send_modify(|reloads| reloads.attempted = attempted);
        Ok(config)
    }

    fn carry_out(&self, attempt: &Arc<Attempt>, reading: Arc<FileRead>) {
        let place = Handle::current().block_on(self.0.attempts.places.acquire());
        let mut next = Some(reading);
        while let Some(reading) = next {
            let result = catch(|| self.try_to_commit(attempt, &reading));
            let result = result.unwrap_or_else(|panicked| {
                self.tell_of_panic(&panicked);
                Ok(())
            });
            match &result {
                Ok(()) => self.0.retries.forget(None),
                Err(error) => self.refuse_file(error, &reading),
            }
            reading.mark_read();
            next = self.0.attempts.end_round(attempt, result);
        }
        drop(place);
    }

    fn refuse_file(&self, error: &ConfigError, reading: &FileRead) {
        if !reading.is_whole() {
            return;
        }
        let outcome = if error.may_pass() {
            let outcome = "the old pipeline goes on, since the new one can't be used just now";
            (outcome, Some(self.try_again(None)))
        } else {
            self.0.retries.forget(None);
            ("the old pipeline goes on, since the new one is wrong", None)
        };
        self.refuse(None, error, outcome);
    }

    /// Reads the file, readies the filters that it changes, and makes the changes, unless what was
    /// read is not whole or `attempt` is abandoned.
    fn try_to_commit(&self, attempt: &Attempt, reading: &FileRead) -> Result<(), ConfigError> {
        let mut commit = Commit {
            author: &Author::File,
            stream: None,
            abandoned: &attempt.abandoned,
            plans: std::mem::take(&mut self.0.attempts.state().leftover),
        };
        let is_torn = || {
            // A change by the API has it read without watching it.
            let is_half = !reading.is_watched() && self.is_written_to();
            is_half || !reading.is_whole()
        };
        let is_abandoned = || attempt.abandoned.is_cancelled();
        let committed = self.commit(
            &mut commit,
            |_| self.draft_of_file().map(Some),
            || is_abandoned() || is_torn(),
        );
        match committed {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(EditError::FileIsWrong(error) | EditError::Wrong(error)) => return Err(error),
            Err(EditError::Ending) => tracing::debug!("the server ends before the file is taken"),
            Err(why) => {
                tracing::warn!(error = %why, "the pipeline file is read again");
                reading.mark_torn();
            }
        }
        if !is_abandoned() {
            // The next attempt may be in a while, and says itself what it masks.
            commit.plans.drop_masks();
            self.0.attempts.state().leftover = commit.plans;
        }
        Ok(())
    }

    fn draft_of_file(&self) -> Result<Draft, EditError> {
        let snapshot = self.current();
        let config = self.0.file.load().map_err(EditError::FileIsWrong)?;
        let text = &config.file.text;
        Ok(Draft {
            old: text.clone(),
            new: text.clone(),
            config,
            snapshot,
        })
    }

    /// Puts in force what somebody has written to the file, and waits for that for as long as
    /// `patience` says. `None`: its filters take longer.
    pub(super) fn take_up(&self, patience: Duration) -> Option<Result<(), ConfigError>> {
        let config = match self.read() {
            Ok(config) => config,
            Err(error) => return Some(Err(error)),
        };
        let changed = changed(&config, &self.current());
        let attempts = &self.0.attempts;
        if let Some(error) = attempts.failure_of(&changed) {
            return Some(Err(error));
        }
        let reading = FileRead::unwatched();
        let (attempt, is_new) = attempts.begin(changed, &reading);
        let runtime = Handle::current();
        if is_new {
            let (controller, attempt) = (self.clone(), attempt.clone());
            runtime.spawn_blocking(move || controller.carry_out(&attempt, reading));
        }
        runtime.block_on(attempt.round(patience))
    }
}
