//! The standard error of a command, which goes into the log line by line.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::process::Invocation;
use crate::clock::Clock;
use crate::log::recurring::{Notice, PERIOD, Recurring};
use crate::log::{LINE_CHARS, sanitize};
use crate::panics::catch_async;
use crate::secret::mask_foreign;
use crate::sync::IgnorePoison;

/// The time for which the rest of what an ended command wrote is waited for; somebody else may hold
/// the pipe.
const REST: Duration = Duration::from_secs(1);
/// The most lines that are told, each once, before the rest are only counted.
const KNOWN: usize = 20;

/// Lines that a command has said already, over all its runs: one that says the same again and
/// again, or always something else, doesn't fill the log.
#[derive(Clone, Default)]
pub struct SeenLines(Arc<Mutex<SeenState>>);

#[derive(Default)]
struct SeenState {
    known: HashSet<String>,
    /// The lines that were not told.
    rest: Recurring,
    last: Option<Instant>,
}

impl SeenLines {
    fn lock(&self) -> MutexGuard<'_, SeenState> {
        self.0.lock().ignore_poison()
    }

    /// The log's line on this line, if it is to have one.
    fn note(&self, line: &str, now: Instant) -> Option<LogLine> {
        self.lock().note(line, now)
    }

    /// It works: what it says is news again once it has been quiet for a while. Gives what the log
    /// is to say of that, if anything.
    pub fn works(&self, now: Instant) -> Option<LogLine> {
        self.lock().works(now)
    }
}

impl SeenState {
    fn note(&mut self, line: &str, now: Instant) -> Option<LogLine> {
        self.last = Some(now);
        if self.known.len() < KNOWN && self.known.insert(line.to_owned()) {
            return Some(LogLine::Said(line.to_owned()));
        }
        match self.rest.failed(now)? {
            // What was told already is no reason to say that there is more.
            Notice::Started if self.known.contains(line) => None,
            Notice::Started => Some(LogLine::Many),
            Notice::Again { failures, over } => Some(LogLine::More {
                lines: failures,
                seconds: over.as_secs(),
                last: line.to_owned(),
            }),
        }
    }

    fn works(&mut self, now: Instant) -> Option<LogLine> {
        if now.duration_since(self.last?) < PERIOD {
            return None;
        }
        let recovery = self.rest.worked(now);
        *self = Self::default();
        let lines = recovery?.failures;
        Some(LogLine::Quiet { lines })
    }
}

/// A line of the log on what a command says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLine {
    /// The line itself.
    Said(String),
    /// From now on lines are counted.
    Many,
    /// Lines that were counted, and the last of them.
    More {
        /// Their number.
        lines: u64,
        /// The time that they took, in seconds.
        seconds: u64,
        /// The last of them.
        last: String,
    },
    /// It has been quiet for long.
    Quiet {
        /// The number of lines that were counted.
        lines: u64,
    },
}

impl LogLine {
    /// Writes it.
    pub fn write(&self) {
        match self {
            Self::Said(line) => tracing::info!(%line, "the command says"),
            Self::Many => {
                tracing::info!("the command says much; from now on its lines are counted");
            }
            Self::More {
                lines,
                seconds,
                last,
            } => tracing::info!(lines, seconds, line = %last, "the command said more"),
            Self::Quiet { lines } => tracing::info!(lines, "the command is quiet again"),
        }
    }
}

/// Listens to a command for as long as it lives.
pub struct StderrLog {
    last: Arc<Mutex<String>>,
    task: AbortOnDropHandle<()>,
}

impl StderrLog {
    /// Listens to `errors`, of the command that `invocation` started. Must be called on a runtime.
    pub fn listen(
        errors: impl AsyncRead + Unpin + Send + 'static,
        invocation: &Invocation<'_>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let last = Arc::new(Mutex::new(String::new()));
        let mut lines = Lines {
            last: last.clone(),
            partial: Vec::new(),
            clock,
            seen: invocation.seen.clone(),
        };
        let read = async move {
            let mut errors = errors;
            // One whose output nobody reads any more would hang.
            while let Err(panicked) = catch_async(lines.read(&mut errors)).await {
                tracing::error!(error = %panicked, "reading a command's errors panicked");
            }
        };
        // In the stream's span.
        let task = AbortOnDropHandle::new(tokio::spawn(read.in_current_span()));
        Self { last, task }
    }

    /// Resolves once all has been read, and soon in any case.
    pub async fn finish(&mut self) {
        tokio::time::timeout(REST, &mut self.task).await.ok();
    }

    /// Its last words.
    pub fn last(&self) -> String {
        self.last.lock().ignore_poison().clone()
    }
}

struct Lines {
    last: Arc<Mutex<String>>,
    partial: Vec<u8>,
    clock: Arc<dyn Clock>,
    seen: SeenLines,
}

impl Lines {
    async fn read(&mut self, mut errors: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = errors.read(&mut buffer).await {
            for &byte in &buffer[..length] {
                // ffmpeg's progress ends in a carriage return; an endless line must not grow for
                // ever, nor be cut within a secret where it is shown.
                if matches!(byte, b'\n' | b'\r') {
                    self.end_line();
                } else if self.partial.len() < 4 * LINE_CHARS {
                    self.partial.push(byte);
                }
            }
        }
        self.end_line();
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.partial);
        // Masked before it is shortened, which could leave the start of a secret.
        let line = mask_foreign(&String::from_utf8_lossy(&bytes));
        let line = without_addresses(&sanitize(&line));
        if line.is_empty() {
            return;
        }
        if let Some(log_line) = self.seen.note(&line, self.clock.now()) {
            log_line.write();
        }
        *self.last.lock().ignore_poison() = line;
    }
}

/// ffmpeg names its parts by their addresses in memory, ` @ 0x55d0c0ffee`, which differ from run to
/// run.
fn without_addresses(line: &str) -> String {
    let mut parts = line.split(" @ 0x");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_left_out() {
        let line = "[tcp @ 0x55d0c0ffee00] Connection to tcp://cam:554 failed: refused";
        let clean = "[tcp] Connection to tcp://cam:554 failed: refused";
        assert_eq!(without_addresses(line), clean);
        assert_eq!(without_addresses(clean), clean);
    }

    #[test]
    fn the_same_is_told_once_until_it_has_been_quiet() {
        let (seen, start) = (SeenLines::default(), crate::clock::SystemClock.now());
        let said = LogLine::Said("a".to_owned());
        assert_eq!(seen.note("a", start).unwrap(), said);
        let again = (1..60).map(|second| start + Duration::from_secs(second));
        assert!(again.clone().all(|now| seen.note("a", now).is_none()));
        assert!(again.clone().all(|now| seen.works(now).is_none()));
        let summary = seen.note("a", start + Duration::from_secs(61)).unwrap();
        let more = LogLine::More {
            lines: 59,
            seconds: 60,
            last: "a".to_owned(),
        };
        assert_eq!(summary, more);
        let later = start + 3 * PERIOD;
        let quiet = seen.works(later).unwrap();
        assert_eq!(quiet, LogLine::Quiet { lines: 60 });
        assert_eq!(seen.works(later), None);
        assert_eq!(seen.note("a", later).unwrap(), said);
    }

    #[test]
    fn changing_lines_are_counted() {
        let (seen, start) = (SeenLines::default(), crate::clock::SystemClock.now());
        let lines = (0..100 * 600).map(|tenth| {
            let now = start + tenth * Duration::from_millis(100);
            seen.note(&format!("frame {tenth} is late"), now)
        });
        let told: Vec<_> = lines.flatten().collect();
        assert_eq!(told.len(), KNOWN + 1 + 99, "{told:?}");
        assert_eq!(told[KNOWN], LogLine::Many);
        let summary = LogLine::More {
            lines: 600,
            seconds: 60,
            last: "frame 620 is late".to_owned(),
        };
        assert_eq!(told[KNOWN + 1], summary);
    }
}
