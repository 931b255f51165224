//! Bytes that arrive over time, for code that blocks: a command's output, an answer's body.

use std::io::{self, BufReader, Read};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jpeg_splice::{InvalidJpeg, Splitter};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::FRAME_BYTES;
use crate::clock::StopToken;

const BUFFER: usize = 64 << 10;
/// So long a wait shows that nothing lay in a buffer: what came then has not been there before.
const WAIT: Duration = Duration::from_millis(2);

/// Gives bytes as they come.
pub trait Chunks {
    /// The next ones; none at the end.
    ///
    /// # Errors
    /// Those of reading.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>>;
}

impl<R: AsyncRead + Unpin> Chunks for R {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut buffer = bytes::BytesMut::with_capacity(BUFFER);
        let read = self.read_buf(&mut buffer).await?;
        Ok((read > 0).then(|| buffer.freeze()))
    }
}

/// JPEGs, one behind the other with anything between them.
///
/// Anything between is passed over, so that this reads a bare row of JPEGs as well as
/// `multipart/x-mixed-replace` with any boundary and with or without lengths.
pub struct MjpegReader<C> {
    splitter: Splitter<BufReader<ChunkReader<C>>>,
}

impl<C: Chunks> MjpegReader<C> {
    /// Reads from `chunks` until a stop is requested.
    pub fn new(chunks: C, stop: &StopToken) -> Self {
        Self {
            splitter: Splitter::new(ChunkReader::buffered(chunks, stop), FRAME_BYTES),
        }
    }

    /// The next picture, or the reason why it is broken; `None` at the end.
    ///
    /// # Errors
    /// Those of reading.
    pub fn next(&mut self) -> io::Result<Option<Result<Bytes, InvalidJpeg>>> {
        Ok(self.splitter.next_jpeg()?.picture())
    }
}

/// Chunks as one reader, which blocks until bytes are there.
pub struct ChunkReader<C> {
    chunks: C,
    rest: Bytes,
    arrived: Option<Instant>,
    stop: StopToken,
}

/// A reader that knows when bytes came.
pub trait Arrival {
    /// A moment that the last bytes that were read surely came at or after; none if that is not
    /// known.
    fn arrived(&self) -> Option<Instant>;
}

impl<C> Arrival for BufReader<ChunkReader<C>> {
    fn arrived(&self) -> Option<Instant> {
        self.get_ref().arrived
    }
}

#[cfg(test)]
impl Arrival for BufReader<&[u8]> {
    fn arrived(&self) -> Option<Instant> {
        None
    }
}

impl<C: Chunks> ChunkReader<C> {
    /// Reads from `chunks` until a stop is requested, which ends them.
    pub fn buffered(chunks: C, stop: &StopToken) -> BufReader<Self> {
        let mjpeg_reader = Self {
            chunks,
            rest: Bytes::new(),
            arrived: None,
            stop: stop.clone(),
        };
        BufReader::with_capacity(BUFFER, mjpeg_reader)
    }
}

impl<C: Chunks> Read for ChunkReader<C> {
    /// Once a stop is requested, the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let asked = self.stop.clock().now();
            match self.stop.wait_for(self.chunks.next()) {
                Some(Ok(Some(chunk))) => self.rest = chunk,
                Some(Err(error)) => return Err(error),
                Some(Ok(None)) | None => return Ok(0),
            }
            let now = self.stop.clock().now();
            if now.saturating_duration_since(asked) >= WAIT {
                self.arrived = Some(now);
            }
        }
        let length = self.rest.len().min(into.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}
