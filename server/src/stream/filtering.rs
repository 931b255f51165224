//! The chain thread: takes the newest raw frame through the chain and hands on the result.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::watch;

use super::status::Status;
use crate::chain::{Chain, RawFrame};
use crate::clock::Stop;

/// A frame as viewers get it. All of them share its bytes.
#[derive(Clone, Debug)]
pub struct ServedFrame {
    /// The whole JPEG.
    pub jpeg: Bytes,
    /// When the camera took it.
    pub captured_at: SystemTime,
}

/// Where the newest served frame lies.
pub type Newest = watch::Sender<Option<Arc<ServedFrame>>>;

/// Runs until `stop`, or until the capture thread is gone.
pub fn run(
    stream: &str,
    chain: &mut Chain,
    mut raw: watch::Receiver<Option<RawFrame>>,
    served: &Newest,
    status: &Status,
    stop: &Stop,
) {
    let _active = chain.activate();
    let mut next = 0;
    while let Some(Ok(())) = stop.wait_for(raw.changed()) {
        let Some(frame) = raw.borrow_and_update().clone() else {
            continue;
        };
        // A camera that was opened again counts from 0.
        status.frames_skipped(frame.sequence.saturating_sub(next));
        next = frame.sequence + 1;
        match chain.process(&frame) {
            Ok(filtered) => {
                status.frame_out(&filtered);
                served.send_replace(Some(Arc::new(ServedFrame {
                    jpeg: filtered.jpeg,
                    captured_at: frame.captured_at,
                })));
            }
            Err(why) => {
                if status.frame_dropped(&why) {
                    tracing::warn!(stream, "frames are dropped: {why}");
                }
            }
        }
    }
}
