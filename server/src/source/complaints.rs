//! What a command writes to its standard error: into the log, line by line.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

use super::process::Invocation;
use crate::log::{FloodGate, LINE_CHARS, shorten};
use crate::secret::mask_foreign;

/// How long the rest of what an ended command wrote is waited for; somebody else may hold the pipe.
const REST: Duration = Duration::from_secs(1);
/// The most lines that are kept to be told once only.
const KEPT: usize = 100;

/// What a command has said already, so that one that fails again and again is told of once.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<HashSet<String>>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().expect("no panic while it is held")
    }

    /// Whether this is news.
    fn note(&self, line: &str) -> bool {
        let mut lines = self.lock();
        lines.len() >= KEPT || lines.insert(line.to_owned())
    }

    /// It works; what it says from now on is news.
    pub fn forget(&self) {
        self.lock().clear();
    }
}

/// Listens to a command for as long as it lives.
pub struct Complaints {
    last: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Complaints {
    /// Listens to `errors`, of the command that `invocation` started. Must be called on a runtime.
    pub fn listen(
        errors: impl AsyncRead + Unpin + Send + 'static,
        invocation: &Invocation<'_>,
    ) -> Self {
        let last = Arc::new(Mutex::new(String::new()));
        let mut lines = Lines {
            stream: invocation.stream.to_owned(),
            last: last.clone(),
            partial: Vec::new(),
            told: invocation.told.clone(),
            gate: FloodGate::new(Instant::now()),
        };
        let task = tokio::spawn(async move { lines.read(errors).await });
        Self { last, task }
    }

    /// Resolves once all has been read, and soon in any case.
    pub async fn finish(&mut self) {
        tokio::time::timeout(REST, &mut self.task).await.ok();
    }

    /// Its last words.
    pub fn last(&self) -> String {
        self.last.lock().expect("no panic while it is held").clone()
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Lines {
    stream: String,
    last: Arc<Mutex<String>>,
    partial: Vec<u8>,
    told: Told,
    gate: FloodGate,
}

impl Lines {
    async fn read(&mut self, mut errors: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = errors.read(&mut buffer).await {
            for &byte in &buffer[..length] {
                // ffmpeg's progress ends in a carriage return; an endless line must not grow for ever, nor be cut
                // within a secret where it is shown.
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
        let line = without_addresses(&shorten(&line));
        if line.is_empty() {
            return;
        }
        if self.told.note(&line) {
            self.tell(&line);
        }
        *self.last.lock().expect("no panic while it is held") = line;
    }

    fn tell(&mut self, line: &str) {
        let stream = &self.stream;
        let Some(is_last) = self.gate.admit(Instant::now()) else {
            return;
        };
        tracing::info!(stream, "the command says: {line}");
        if is_last {
            tracing::info!(stream, "the command says too much; some lines are left out");
        }
    }
}

/// ffmpeg names its parts by their addresses in memory, ` @ 0x55d0c0ffee`, which differ from run to run.
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
    fn the_same_is_told_once_until_it_works() {
        let told = Told::default();
        assert!(told.note("a") && !told.note("a"));
        told.forget();
        assert!(told.note("a"));
    }
}
