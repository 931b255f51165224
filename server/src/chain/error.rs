//! Errors of a chain.

use tokio::task::JoinError;

use crate::codec::{DecodeError, EncodeError};
use crate::filter::{CallError, StartError};
use crate::panics::Panicked;

/// The reason why a frame is dropped.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A step that must not be left out fails.
    #[error("`{0}` fails and is set to `drop`")]
    Step(String),
    /// A step that must not be left out can't have the picture.
    #[error("{1}, and `{0}` is set to `drop`")]
    Undrawn(String, RecodeError),
    /// The picture that a transform gave can't be had as a JPEG.
    #[error(transparent)]
    Recode(#[from] RecodeError),
    /// The server itself has a fault.
    #[error("the chain panicked: {0}")]
    Panicked(#[from] Panicked),
}

/// The reason why a picture can't be decoded or encoded.
#[derive(Debug, thiserror::Error)]
pub enum RecodeError {
    /// The camera's picture can't be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The new picture can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The reason why the drawings are not drawn on the blocks of the camera's JPEG.
#[derive(Debug, thiserror::Error)]
pub enum SpliceError {
    /// It has no planes for colours.
    #[error("the camera's picture is grey and the drawing is not")]
    Grey,
    /// Recoding is cheaper; splicing would cost so many times as much.
    #[error("drawing on the picture's blocks would cost {0:.1} times what recoding does")]
    Cost(f64),
    /// The drawings would take too much memory.
    #[error("preparing the drawings would take too much memory")]
    Memory,
    /// The JPEG is of a kind that can't be drawn on, or damaged.
    #[error(transparent)]
    Jpeg(#[from] jpeg_splice::Error),
    /// The splicer has a fault.
    #[error("drawing on the picture's blocks panicked: {0}")]
    Panicked(#[from] Panicked),
}

/// The reason why a step fails.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Its filter's call fails.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Its filter can't be started again.
    #[error("the filter can't be restarted: {0}")]
    Restart(#[from] StartError),
    /// The system has no thread for starting it again.
    #[error("there is no thread to restart the filter on: {0}")]
    NoThread(#[from] Panicked),
    /// Starting it again panicked.
    #[error("restarting the filter broke down: {0}")]
    Start(#[from] JoinError),
}
