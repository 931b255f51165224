//! A camera that sends JPEG: its own pictures.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::session::{Frame, Frames, SessionError};
use super::{RtspError, RtspFault};
use crate::clock::StopToken;
use crate::source::{Camera, CapturedFrame, SourceError};

/// Pictures that may wait for whoever takes them.
const WAITING: usize = 2;

/// The pictures of a camera, which are read on the runtime.
pub struct Passing {
    address: String,
    pictures: mpsc::Receiver<Frame>,
    reading: AbortOnDropHandle<SessionError>,
}

impl Passing {
    /// Reads `frames` of the camera at `address`.
    pub fn new(address: &str, mut frames: Frames, stop: &StopToken) -> Self {
        let (sender, pictures) = mpsc::channel(WAITING);
        let reading = stop.runtime().spawn(async move {
            loop {
                let frame = match frames.next().await {
                    Ok(frame) => frame,
                    Err(error) => return error,
                };
                // The receiver goes only with this task.
                if sender.send(frame).await.is_err() {
                    return SessionError::Ended;
                }
            }
        });
        Self {
            address: address.to_owned(),
            pictures,
            reading: AbortOnDropHandle::new(reading),
        }
    }

    async fn next(&mut self) -> Result<Frame, RtspError> {
        match self.pictures.recv().await {
            Some(frame) => Ok(frame),
            None => {
                let fault = (&mut self.reading)
                    .await
                    .map_or_else(RtspFault::from, RtspFault::from);
                Err(fault.at(&self.address))
            }
        }
    }
}

impl Camera for Passing {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let frame = stop.wait_for(self.next()).transpose()?;
        Ok(frame.map(|frame| CapturedFrame::at(frame.data, frame.captured_at)))
    }
}
