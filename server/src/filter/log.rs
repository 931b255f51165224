//! What a filter says, by the contract's `log` or on its standard output and error.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::contract::Level;
use crate::log::{FloodGate, LINE_CHARS, PERIOD, shorten};
use crate::secret::mask_foreign;

/// The log of one step. Clones share the flood gate.
#[derive(Clone)]
pub struct StepLog {
    label: Arc<str>,
    gate: Arc<Mutex<FloodGate>>,
}

impl StepLog {
    /// `label` names stream and step in each line.
    pub fn new(label: &str) -> Self {
        Self {
            label: label.into(),
            gate: Arc::new(Mutex::new(FloodGate::new(Instant::now()))),
        }
    }

    /// Writes one line, unless there were too many of late.
    pub fn line(&self, level: Level, message: &str) {
        let filter = &*self.label;
        let admitted = self
            .gate
            .lock()
            .expect("no panic while it is held")
            .admit(Instant::now());
        let Some(is_last) = admitted else {
            return;
        };
        let message = shorten(&mask_foreign(message));
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
