//! Renewals: the filters of a stream of which the file says nothing new are readied again, since their files may have changed, or
//! for the first time after the start. Each stream's by themselves: none waits for another's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::runtime::Handle;

use super::workshop::Completed;
use super::{Live, Plans, Reading};
use crate::chain::{Check, Unchanged};
use crate::config::{ConfigError, StreamConfig};
use crate::events::Event;
use crate::filter::Wanted;
use crate::panics::catch;
use crate::sync::IgnorePoison;

/// The streams whose filters are being readied again, each with what asks for another time after this one.
#[derive(Default)]
pub struct Renewals(Mutex<HashMap<String, Option<Arc<Reading>>>>);

impl Renewals {
    fn streams(&self) -> MutexGuard<'_, HashMap<String, Option<Arc<Reading>>>> {
        self.0.lock().ignore_poison()
    }

    /// Whether the stream `name` is to be renewed now. If that is being done, it will be done once more.
    fn begin(&self, name: &str, reading: &Arc<Reading>) -> bool {
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

    /// What asks for the stream `name` to be renewed once more.
    fn next(&self, name: &str) -> Option<Arc<Reading>> {
        let mut streams = self.streams();
        let next = streams.get_mut(name).and_then(Option::take);
        if next.is_none() {
            streams.remove(name);
        }
        next
    }
}

impl Live {
    /// Readies the filters of all streams. What is wrong with them is told like a wrong file; the streams without filters of
    /// theirs say so. Must be called on a runtime; doesn't wait.
    pub fn prepare(&self) {
        self.renew_all(&Reading::unwatched(), |_| true);
    }

    /// Readies the filters of those streams again that `is_wanted` says.
    pub(super) fn renew_all(
        &self,
        reading: &Arc<Reading>,
        is_wanted: impl Fn(&StreamConfig) -> bool,
    ) {
        let pipeline = self.now().pipeline.clone();
        for config in pipeline.streams.iter().filter(|config| is_wanted(config)) {
            if !self.0.renewals.begin(&config.name, reading) {
                continue;
            }
            let (live, name, reading) = (self.clone(), config.name.clone(), reading.clone());
            Handle::current().spawn_blocking(move || live.renew(&name, reading));
        }
    }

    fn renew(&self, name: &str, reading: Arc<Reading>) {
        let mut next = Some(reading);
        while let Some(reading) = next {
            if let Err(panicked) = catch(|| self.renew_once(name, &reading)) {
                tracing::error!(stream = name, "preparing filters panicked: {panicked}");
                if let Some(stream) = self.now().find(name) {
                    let why = format!("its filters can't be used: preparing them {panicked}");
                    stream.cannot_prepare(&why);
                }
            }
            drop(reading);
            next = self.0.renewals.next(name);
        }
    }

    fn renew_once(&self, name: &str, reading: &Reading) {
        let running = self.now();
        let (Some(stream), Some(config)) = (running.find(name), running.pipeline.stream(name))
        else {
            return;
        };
        let mut plans = Plans::default();
        let steps = stream.steps();
        let check = Check::new(&*self.0.clock, Wanted::ByRenewal);
        let ready = plans.ready_one(
            &self.0.loader,
            (&running.pipeline, config),
            (&steps, Unchanged::GoOn),
            &check,
        );
        if !reading.is_whole() {
            return;
        }
        match ready {
            Ok(()) => self.complete(name, &mut plans),
            Err(error) => self.keep_old_filters(config, &error),
        }
    }

    fn complete(&self, name: &str, plans: &mut Plans) {
        let workshop = self.workshop();
        let completed = workshop.complete(name, plans);
        let mut was_wrong = false;
        if completed != Completed::Stale {
            self.0.reloads.send_if_modified(|reloads| {
                was_wrong = reloads.forget(name);
                was_wrong
            });
        }
        let message = match completed {
            Completed::Replaced => format!("`{name}` has another chain"),
            Completed::Prepared if was_wrong => format!("`{name}` has its chain"),
            Completed::Kept if was_wrong => format!("the filters of `{name}` can be used again"),
            Completed::Prepared | Completed::Kept | Completed::Stale => return,
        };
        self.0.reloads.send_modify(|reloads| reloads.succeeded += 1);
        drop(workshop);
        tracing::info!("the pipeline changes: {message}");
        self.0.events.tell(Event::Reload {
            message,
            succeeded: true,
        });
    }

    /// Tells that the filters of the stream can't be used, unless it is another stream by now.
    fn keep_old_filters(&self, config: &StreamConfig, error: &ConfigError) {
        // Held, so that no change comes between.
        let _workshop = self.workshop();
        let running = self.now();
        let Some(stream) = running.find(&config.name) else {
            return;
        };
        if running.pipeline.stream(&config.name) != Some(config) {
            return;
        }
        let told = match stream.is_prepared() {
            true => "its old filters go on, since the new ones can't be used",
            false => "its filters can't be used, and it serves no pictures",
        };
        stream.cannot_prepare(&cannot_be_used(error));
        let told = format!("stream `{}`: {told}", config.name);
        self.refuse(Some(&config.name), error, &told);
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
    format!("its filters can't be used: wrong at {}", places.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_being_renewed_is_renewed_once_more_however_often_that_is_asked_for() {
        let renewals = Renewals::default();
        let reading = Reading::unwatched();
        assert!(renewals.begin("s", &reading) && renewals.begin("other", &reading));
        assert!(!renewals.begin("s", &reading) && !renewals.begin("s", &reading));
        assert!(renewals.next("s").is_some());
        assert!(renewals.next("s").is_none());
        assert!(renewals.begin("s", &reading));
    }
}
