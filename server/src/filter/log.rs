//! The log of a filter: its lines by the contract's `log` and on its standard output and error.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::contract::Level;
use super::error_output::ErrorOutput;
use tracing::Span;

use crate::clock::Clock;
use crate::log::{LINE_CHARS, LogLimiter, PERIOD, sanitize};
use crate::secret::mask_foreign;
use crate::sync::IgnorePoison;

/// The log of one step. Clones share what it counts.
#[derive(Clone)]
pub struct StepLog {
    span: Span,
    clock: Arc<dyn Clock>,
    gates: Arc<Mutex<Gates>>,
    words: Arc<Mutex<ErrorOutput>>,
}

/// Errors have a budget of their own, so that nothing else that a filter says can silence them.
struct Gates {
    errors: LogLimiter,
    others: LogLimiter,
}

impl StepLog {
    /// Lines are written in `span`, which names stream and step, and counted by `clock`.
    pub fn new(span: Span, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        Self {
            span,
            clock,
            gates: Arc::new(Mutex::new(Gates {
                errors: LogLimiter::new(now),
                others: LogLimiter::new(now),
            })),
            words: Arc::default(),
        }
    }

    /// Whether a line of this level is of any use. One that nobody wants to see costs the filter
    /// nothing.
    pub fn wants(&self, level: Level) -> bool {
        matches!(level, Level::Error) || is_shown(level)
    }

    /// Writes one line, unless there were too many of late.
    pub fn line(&self, level: Level, message: &str) {
        // Before anything is done with it: what is masked here is not stopped by the filter's time
        // limit.
        let message = start_of(message, 4 * LINE_CHARS);
        if matches!(level, Level::Error) {
            let mut words = self.words();
            message.lines().for_each(|line| words.add(line));
        }
        if is_shown(level)
            && let Some(is_last) = self.admit(level)
        {
            self.write(level, &sanitize(&mask_foreign(message)), is_last);
        }
    }

    /// The filter's latest words on an error.
    pub fn words(&self) -> MutexGuard<'_, ErrorOutput> {
        self.words.lock().ignore_poison()
    }

    fn admit(&self, level: Level) -> Option<bool> {
        let mut gates = self.gates.lock().ignore_poison();
        let gate = match level {
            Level::Error => &mut gates.errors,
            _ => &mut gates.others,
        };
        gate.admit(self.clock.now())
    }

    fn write(&self, level: Level, message: &str, is_last: bool) {
        let _entered = self.span.enter();
        match level {
            Level::Debug => tracing::debug!("{message}"),
            Level::Info => tracing::info!("{message}"),
            Level::Warn => tracing::warn!("{message}"),
            Level::Error => tracing::error!("{message}"),
        }
        if is_last {
            let seconds = PERIOD.as_secs();
            tracing::warn!(
                seconds,
                "the filter says too much: its lines are left out for a while"
            );
        }
    }
}

/// Whether lines of this level are shown at all.
fn is_shown(level: Level) -> bool {
    match level {
        Level::Debug => tracing::enabled!(tracing::Level::DEBUG),
        Level::Info => tracing::enabled!(tracing::Level::INFO),
        Level::Warn => tracing::enabled!(tracing::Level::WARN),
        Level::Error => tracing::enabled!(tracing::Level::ERROR),
    }
}

/// At most so many bytes of `text`, whole characters.
fn start_of(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A filter's standard output or error, line by line into its log.
#[derive(Clone)]
pub struct LogStream {
    log: StepLog,
    level: Level,
    /// Whether its lines may tell of a failure.
    is_errors: bool,
    partial: Arc<Mutex<Vec<u8>>>,
}

impl LogStream {
    /// Lines go to `log` at `level`.
    pub fn new(log: StepLog, level: Level) -> Self {
        Self {
            log,
            level,
            is_errors: false,
            partial: Arc::default(),
        }
    }

    /// The standard error, which goes to `log` as warnings: not all that programs write there is an
    /// error.
    pub fn errors(log: StepLog) -> Self {
        Self {
            is_errors: true,
            ..Self::new(log, Level::Warn)
        }
    }

    /// Takes what was written of a line as the whole of it.
    pub fn end_line(&self) {
        let mut partial = self.partial();
        if !partial.is_empty() {
            self.tell(&mut partial);
        }
    }

    fn partial(&self) -> MutexGuard<'_, Vec<u8>> {
        self.partial.lock().ignore_poison()
    }

    fn take(&self, bytes: &[u8]) {
        let mut partial = self.partial();
        for &byte in bytes {
            if byte != b'\n' {
                partial.push(byte);
            }
            // A line without an end must not grow for ever.
            if byte == b'\n' || partial.len() >= 4 * LINE_CHARS {
                self.tell(&mut partial);
            }
        }
    }

    fn tell(&self, line: &mut Vec<u8>) {
        let line = std::mem::take(line);
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            return;
        }
        if self.is_errors {
            self.log.words().add(&line);
        }
        self.log.line(self.level, &line);
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
    fn only_the_start_of_a_long_text_is_worked_on_and_no_character_is_cut() {
        assert_eq!(start_of("short", 8), "short");
        assert_eq!(start_of("0123456789", 8), "01234567");
        assert_eq!(start_of("012345é789", 7), "012345");
        assert_eq!(start_of("é", 1), "");
    }
}
