//! Retries of what failed since the machine was short of something, after pauses that grow from a
//! second to a minute: the filters of one stream, or the pipeline file.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::{Controller, FileRead};
use crate::backoff::Backoff;
use crate::sync::IgnorePoison;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Things that failed last, and have not succeeded since.
#[derive(Default)]
pub struct Retries {
    /// By the stream's name; the pipeline file has none.
    failed: Mutex<HashMap<Option<String>, Failure>>,
    file: Notify,
}

struct Failure {
    backoff: Backoff,
    /// The number of its failures in a row.
    count: u64,
}

impl Retries {
    fn failed(&self) -> MutexGuard<'_, HashMap<Option<String>, Failure>> {
        self.failed.lock().ignore_poison()
    }

    /// Counts a failure of the stream `name`, or of the file; gives the pause before the next try,
    /// and the count.
    fn count(&self, name: Option<&str>) -> (Duration, u64) {
        let mut failed = self.failed();
        let failure = failed.entry(name.map(str::to_owned));
        let failure = failure.or_insert_with(|| Failure {
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            count: 0,
        });
        failure.count += 1;
        (failure.backoff.pause(), failure.count)
    }

    /// Whether nothing has become of another try since the failure of this `count`.
    fn is_last(&self, name: Option<&str>, count: u64) -> bool {
        let failed = self.failed();
        let failure = failed.get(&name.map(str::to_owned));
        failure.is_some_and(|failure| failure.count == count)
    }

    /// The stream `name`, or the file, is not to be tried again.
    pub fn forget(&self, name: Option<&str>) {
        self.failed().remove(&name.map(str::to_owned));
    }

    /// Waits until the file is to be tried again.
    pub async fn file_is_due(&self) {
        self.file.notified().await;
    }
}

impl Controller {
    /// Readies the filters of the stream `name`, or reads the file, once more after a pause, which
    /// it gives. Must be called on a runtime.
    pub(super) fn try_again(&self, name: Option<&str>) -> Duration {
        let (pause, count) = self.0.retries.count(name);
        let until = self.0.clock.sleep_until(self.0.clock.now() + pause);
        let (controller, name) = (self.clone(), name.map(str::to_owned));
        Handle::current().spawn(async move {
            let is_time = controller.0.end.run_until_cancelled(until).await.is_some();
            if !is_time || !controller.0.retries.is_last(name.as_deref(), count) {
                return;
            }
            match name {
                Some(name) => controller.renew_all(&FileRead::unwatched(), |it| it.name == name),
                None => controller.0.retries.file.notify_one(),
            }
        });
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_themselves_for_each_until_it_is_forgotten() {
        let retries = Retries::default();
        let seconds = |name| retries.count(name).0.as_secs();
        let pauses: Vec<_> = (0..8).map(|_| seconds(Some("a"))).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((seconds(Some("b")), seconds(None)), (1, 1));
        retries.forget(Some("a"));
        assert_eq!(seconds(Some("a")), 1);
    }

    #[test]
    fn only_the_last_failure_is_tried_again() {
        let retries = Retries::default();
        let (_, first) = retries.count(None);
        assert!(retries.is_last(None, first));
        let (_, second) = retries.count(None);
        assert!(!retries.is_last(None, first) && retries.is_last(None, second));
        retries.forget(None);
        assert!(!retries.is_last(None, second));
    }
}
