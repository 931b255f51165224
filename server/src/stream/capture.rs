//! The capture thread: keeps the camera open and hands on its newest frame.

use std::time::Duration;

use tokio::sync::watch;

use super::status::{State, Status};
use crate::chain::RawFrame;
use crate::clock::Stop;
use crate::source::{Source, SourceError};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where the newest raw frame lies.
pub type Newest = watch::Sender<Option<RawFrame>>;

/// How an opened camera ended.
enum End {
    Stopped,
    Over,
}

/// Runs until `stop`. A camera that fails is closed, told of once, and opened again with growing pauses.
pub fn run(stream: &str, source: &mut dyn Source, newest: &Newest, status: &Status, stop: &Stop) {
    let mut pause = FIRST_PAUSE;
    while !stop.is_requested() {
        let mut frames = 0;
        match film(source, newest, status, stop, &mut frames) {
            Ok(End::Stopped) => return,
            Ok(End::Over) => {
                tracing::info!(stream, "the recording is over");
                status.set(State::Ended);
                // The last picture stays until nobody watches any more.
                stop.wait_for(std::future::pending::<()>());
                return;
            }
            Err(error) => {
                if status.fail(&error.0) {
                    tracing::warn!(stream, "the camera fails: {error}");
                }
                if frames > 0 {
                    pause = FIRST_PAUSE;
                }
                stop.sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn film(
    source: &mut dyn Source,
    newest: &Newest,
    status: &Status,
    stop: &Stop,
    frames: &mut u64,
) -> Result<End, SourceError> {
    let mut camera = source.open(stop)?;
    loop {
        let capture = camera.next_frame(stop)?;
        if stop.is_requested() {
            return Ok(End::Stopped);
        }
        let Some(capture) = capture else {
            return Ok(End::Over);
        };
        status.frame_in();
        newest.send_replace(Some(RawFrame {
            jpeg: capture.jpeg,
            sequence: *frames,
            captured_at: capture.captured_at,
        }));
        *frames += 1;
    }
}
