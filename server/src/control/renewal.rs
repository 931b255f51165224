//! Renewals: the filters of a stream of which the file says nothing new are readied again, since
//! their files may have changed, or for the first time after the start. Each stream's by
//! themselves: none waits for another's.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use tokio::runtime::Handle;

use super::topology::Completed;
use super::watch::files_of;
use super::{Controller, FileRead, Plans};
use crate::chain::{Check, Unchanged};
use crate::config::{Cause, ConfigError, StreamConfig};
use crate::filter::Wanted;
use crate::notifications::Notification;
use crate::panics::{Panicked, catch};
use crate::sync::IgnorePoison;

/// The streams whose filters are being readied again, each with what asks for another time after
/// this one.
#[derive(Default)]
pub struct Renewals(Mutex<HashMap<String, Option<Arc<FileRead>>>>);

impl Renewals {
    fn streams(&self) -> MutexGuard<'_, HashMap<String, Option<Arc<FileRead>>>> {
        self.0.lock().ignore_poison()
    }

    /// Whether the stream `name` is to be renewed now. If that is being done, it will be done once
    /// more.
    fn begin(&self, name: &str, reading: &Arc<FileRead>) -> bool {
        match self.streams().entry(name.to_owned()) {
            Entry::Occupied(mut next) => {
                next.insert(Some(reading.clone()));
                false
            }
            Entry::Vacant(entry) => {
                entry.insert(None);
                true
            }
        }
    }

    /// The reading that asks for the stream `name` to be renewed once more.
    fn next(&self, name: &str) -> Option<Arc<FileRead>> {
        let mut streams = self.streams();
        let next = streams.get_mut(name).and_then(Option::take);
        if next.is_none() {
            streams.remove(name);
        }
        next
    }
}

impl Controller {
    /// Readies the filters of those streams again that `is_wanted` says. What is wrong with them is
    /// told like a wrong file; streams that have none yet say so. Must be called on a runtime;
    /// doesn't wait.
    pub(super) fn renew_all(
        &self,
        reading: &Arc<FileRead>,
        is_wanted: impl Fn(&StreamConfig) -> bool,
    ) {
        let config = self.current().config.clone();
        for stream in config.streams.iter().filter(|stream| is_wanted(stream)) {
            if !self.0.renewals.begin(&stream.name, reading) {
                continue;
            }
            let (controller, name, reading) = (self.clone(), stream.name.clone(), reading.clone());
            let runtime = Handle::current();
            // A thread of its own, as the stream has: all of the runtime's may wait for filters.
            let renew = move || {
                let _context = runtime.enter();
                controller.renew(&name, reading);
            };
            let thread = thread::Builder::new().name("renewal".to_owned());
            if let Err(error) = thread.spawn(renew) {
                self.0.renewals.streams().remove(&stream.name);
                let pause = self.try_again(Some(&stream.name));
                tracing::error!(
                    stream = stream.name,
                    retry_in = ?pause,
                    %error,
                    "no thread to ready filters on"
                );
                self.give_up(&stream.name, &format!("no thread: {error}"));
            }
        }
    }

    fn renew(&self, name: &str, reading: Arc<FileRead>) {
        let mut next = Some(reading);
        while let Some(reading) = next {
            if let Err(panicked) = catch(|| self.renew_once(name, &reading)) {
                self.tell_of_panic(&panicked);
                self.give_up(name, &panicked.to_string());
            }
            drop(reading);
            next = self.0.renewals.next(name);
        }
    }

    /// Readies the filters again of streams that could not have enough memory, if there is more by
    /// now.
    pub(super) fn renew_if_more_memory(&self) {
        let left = self.0.cache.engine().budget().left();
        let short = self.0.reloads.borrow().short_of_memory.clone();
        let has_more = |name: &str| short.get(name).is_some_and(|then| left > *then);
        if short.keys().any(|name| has_more(name)) {
            self.renew_all(&FileRead::unwatched(), |config| has_more(&config.name));
        }
    }

    fn give_up(&self, name: &str, why: &str) {
        if let Some(stream) = self.current().find(name) {
            stream.cannot_prepare(&format!(
                "the stream's filters can't be used: preparing them failed: {why}"
            ));
        }
    }

    /// Tells of a panic while filters were readied. At the end of the server, the runtime panics in
    /// those who wait on it.
    pub(super) fn tell_of_panic(&self, panicked: &Panicked) {
        match self.0.end.is_cancelled() {
            true => tracing::debug!(error = %panicked, "the server ends while filters are readied"),
            false => tracing::error!(error = %panicked, "readying filters panicked"),
        }
    }

    fn renew_once(&self, name: &str, reading: &FileRead) {
        let snapshot = self.current();
        let (Some(stream), Some(config)) = (snapshot.find(name), snapshot.config.stream(name))
        else {
            self.0.retries.forget(Some(name));
            return;
        };
        // Before, so that a limit that is raised meanwhile counts as more.
        let left = self.0.cache.engine().budget().left();
        let mut plans = Plans::default();
        let steps = stream.steps();
        let check = Check::new(&*self.0.clock, Wanted::ByRenewal);
        let ready = plans.ready_one(
            &self.0.cache,
            (&snapshot.config, config),
            (&steps, Unchanged::GoOn),
            &check,
        );
        let mut files = BTreeSet::new();
        files_of(config, &snapshot.config.folder, &mut files);
        if !reading.is_whole_of(&files) {
            return;
        }
        match ready {
            Ok(()) => {
                self.0.retries.forget(Some(name));
                self.complete(name, &mut plans);
            }
            Err(error) => self.keep_old_filters(config, &error, left),
        }
    }

    fn complete(&self, name: &str, plans: &mut Plans) {
        let topology = self.topology();
        let completed = topology.complete(name, plans);
        let mut was_wrong = false;
        if completed != Completed::Stale {
            self.0.reloads.send_if_modified(|reloads| {
                was_wrong = reloads.forget(name);
                was_wrong
            });
        }
        let (log_line, message) = match completed {
            Completed::Replaced => (
                "stream changed: chain",
                format!("`{name}` has another chain"),
            ),
            Completed::Prepared if was_wrong => (
                "stream ready: it has its chain",
                format!("`{name}` has its chain"),
            ),
            Completed::Kept if was_wrong => (
                "the filters can be used again",
                format!("the filters of `{name}` can be used again"),
            ),
            Completed::Prepared | Completed::Kept | Completed::Stale => return,
        };
        self.0.reloads.send_modify(|reloads| reloads.succeeded += 1);
        drop(topology);
        tracing::info!(stream = name, "{log_line}");
        self.notifications().publish(Notification::Reload {
            message,
            succeeded: true,
        });
    }

    /// Tells that the filters of the stream can't be used, for which so many bytes were `left`,
    /// unless it is another stream by now.
    fn keep_old_filters(&self, config: &StreamConfig, error: &ConfigError, left: u64) {
        // Held, so that no change comes between.
        let _topology = self.topology();
        let snapshot = self.current();
        let Some(stream) = snapshot.find(&config.name) else {
            return;
        };
        if snapshot.config.stream(&config.name) != Some(config) {
            return;
        }
        let outcome = match stream.is_prepared() {
            true => "the stream's old filters go on, since the new ones can't be used",
            false => "the stream's filters can't be used, and it serves no pictures",
        };
        let mut retry_in = None;
        if error.may_pass() {
            let pause = self.try_again(Some(&config.name));
            retry_in = Some(pause);
            stream.cannot_prepare(&format!(
                "the stream's filters can't be compiled just now; the next try is in {pause:?}"
            ));
        } else {
            self.0.retries.forget(Some(&config.name));
            stream.cannot_prepare(&cannot_be_used(error));
        }
        self.0.reloads.send_modify(|reloads| {
            let short = &mut reloads.short_of_memory;
            match error.is_due_to(Cause::FiltersMemory) {
                true => short.insert(config.name.clone(), left),
                false => short.remove(&config.name),
            };
        });
        self.refuse(Some(&config.name), error, (outcome, retry_in));
    }
}

/// A sentence for everybody, without what the file says.
fn cannot_be_used(error: &ConfigError) -> String {
    let file = error.file_name();
    let places = error.diagnostics().iter().map(|it| {
        let span = it.span;
        format!("{file}:{}:{}", span.line, span.column)
    });
    let places: Vec<_> = places.collect();
    format!(
        "the stream's filters can't be used: wrong at {}",
        places.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_being_renewed_is_renewed_once_more_however_often_that_is_asked_for() {
        let renewals = Renewals::default();
        let reading = FileRead::unwatched();
        assert!(renewals.begin("s", &reading) && renewals.begin("other", &reading));
        assert!(!renewals.begin("s", &reading) && !renewals.begin("s", &reading));
        assert!(renewals.next("s").is_some());
        assert!(renewals.next("s").is_none());
        assert!(renewals.begin("s", &reading));
    }
}
