//! What a filter says goes to the server's log: cut to a sane length, and thinned out when it floods.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::contract::Level;

const LINE_CHARS: usize = 2_000;
const LINES_PER_PERIOD: u32 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// The log of one step. Clones share the flood gate.
#[derive(Clone)]
pub struct StepLog {
    label: Arc<str>,
    gate: Arc<Mutex<Gate>>,
}

struct Gate {
    since: Instant,
    lines: u32,
}

impl StepLog {
    /// `label` names stream and step in each line.
    pub fn new(label: &str) -> Self {
        Self {
            label: label.into(),
            gate: Arc::new(Mutex::new(Gate {
                since: Instant::now(),
                lines: 0,
            })),
        }
    }

    /// Writes one line, unless there were too many of late.
    pub fn line(&self, level: Level, message: &str) {
        let filter = &*self.label;
        let Some(is_last) = self.admit(Instant::now()) else {
            return;
        };
        let message = shorten(message);
        match level {
            Level::Debug => tracing::debug!(filter, "{message}"),
            Level::Info => tracing::info!(filter, "{message}"),
            Level::Warn => tracing::warn!(filter, "{message}"),
            Level::Error => tracing::error!(filter, "{message}"),
        }
        if is_last {
            tracing::warn!(
                filter,
                "says too much: its lines are left out for up to {} s",
                PERIOD.as_secs()
            );
        }
    }

    /// `None` when the line must be left out; else whether it is the last one for now.
    fn admit(&self, now: Instant) -> Option<bool> {
        let mut gate = self.gate.lock().expect("no panic while it is held");
        if now.duration_since(gate.since) >= PERIOD {
            *gate = Gate {
                since: now,
                lines: 0,
            };
        }
        gate.lines = gate.lines.saturating_add(1);
        (gate.lines <= LINES_PER_PERIOD).then_some(gate.lines == LINES_PER_PERIOD)
    }
}

/// At most [`LINE_CHARS`] characters, with control characters (terminal escapes, line breaks) made
/// visible.
pub fn shorten(text: &str) -> String {
    let mut short = String::new();
    for (index, c) in text.trim_end().chars().enumerate() {
        if index == LINE_CHARS {
            short.push('…');
            break;
        }
        if c.is_control() && c != '\t' {
            short.extend(c.escape_default());
        } else {
            short.push(c);
        }
    }
    short
}

/// A filter's standard output or error, line by line into its log.
#[derive(Clone)]
pub struct LogStream {
    log: StepLog,
    level: Level,
    partial: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    /// Lines go to `log` at `level`.
    pub fn new(log: StepLog, level: Level) -> Self {
        Self {
            log,
            level,
            partial: Arc::default(),
        }
    }

    fn take(&self, bytes: &[u8]) {
        let mut partial = self.partial.lock().expect("no panic while it is held");
        for &byte in bytes {
            if byte != b'\n' {
                partial.push(byte);
            }
            // A line without an end must not grow for ever.
            if byte == b'\n' || partial.len() >= 4 * LINE_CHARS {
                let line = std::mem::take(&mut *partial);
                self.log.line(self.level, &String::from_utf8_lossy(&line));
            }
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_thinned_out_and_comes_back() {
        let log = StepLog::new("a/b");
        let start = Instant::now();
        let admitted = (0..1000).filter(|_| log.admit(start).is_some()).count();
        assert_eq!(admitted, LINES_PER_PERIOD as usize);
        assert_eq!(log.admit(start + PERIOD), Some(false));
    }

    #[test]
    fn control_characters_and_endless_lines_are_tamed() {
        assert_eq!(shorten("a\x1b[2Jb\n"), "a\\u{1b}[2Jb");
        assert_eq!(shorten(&"x".repeat(5000)).chars().count(), LINE_CHARS + 1);
    }
}
