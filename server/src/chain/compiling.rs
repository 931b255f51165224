//! The modules that are being compiled: for which streams, and since when.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::clock::Clock;
use crate::sync::IgnorePoison;

/// The filters that streams wait for. Clones share it.
#[derive(Clone, Default)]
pub struct Compiling(Arc<Mutex<Vec<Wait>>>);

#[derive(Clone, PartialEq)]
struct Wait {
    stream: String,
    filter: String,
    since: Instant,
}

/// A filter that is being compiled.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct CompilingReport {
    /// Its name in the pipeline file.
    #[serde(rename = "use")]
    pub filter: String,
    /// The whole seconds that it has taken so far.
    pub seconds: u64,
}

/// A stream's wait for a filter, which is over when it is dropped.
pub struct Compilation {
    all: Compiling,
    wait: Wait,
    clock: Arc<dyn Clock>,
}

impl Compiling {
    /// The stream `stream` waits from now on for `filter`, whose module has `bytes` bytes.
    pub fn begin(
        &self,
        (stream, filter): (&str, &str),
        bytes: usize,
        clock: &Arc<dyn Clock>,
    ) -> Compilation {
        tracing::info!(stream, filter, bytes, "filter compiling");
        let wait = Wait {
            stream: stream.to_owned(),
            filter: filter.to_owned(),
            since: clock.now(),
        };
        self.0.lock().ignore_poison().push(wait.clone());
        Compilation {
            all: self.clone(),
            wait,
            clock: clock.clone(),
        }
    }

    /// The filter that the stream `stream` waits for the longest, at the time `now`.
    pub fn of(&self, stream: &str, now: Instant) -> Option<CompilingReport> {
        let waits = self.0.lock().ignore_poison();
        let first = waits.iter().find(|wait| wait.stream == stream)?;
        Some(CompilingReport {
            filter: first.filter.clone(),
            seconds: now.saturating_duration_since(first.since).as_secs(),
        })
    }
}

impl Compilation {
    /// The filter can be used.
    pub fn succeed(self) {
        let Wait {
            stream,
            filter,
            since,
        } = &self.wait;
        let took = self.clock.now().saturating_duration_since(*since);
        let seconds = took.as_millis() as f64 / 1000.0;
        tracing::info!(stream, filter, seconds, "filter compiled");
    }
}

impl Drop for Compilation {
    fn drop(&mut self) {
        let mut waits = self.all.0.lock().ignore_poison();
        if let Some(at) = waits.iter().position(|wait| *wait == self.wait) {
            waits.remove(at);
        }
    }
}
