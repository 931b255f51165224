//! `warm-up`: how much of a camera's start is left out.

use std::time::Duration;

use super::super::fields::{Errors, Fields};

/// The most frames that may be left out.
const MOST_FRAMES: u64 = 1000;
/// The longest time that may be left out.
const LONGEST: Duration = Duration::from_secs(60);

/// What is left out after a camera was opened, since its first pictures are dark or blurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// So many frames, up to 1000.
    Frames(u32),
    /// The frames of so much time from the first on, up to 60 s.
    Time(Duration),
}

impl Default for WarmUp {
    /// Nothing.
    fn default() -> Self {
        Self::Frames(0)
    }
}

impl WarmUp {
    /// The longest that it takes with `fps` frames per second.
    pub fn duration(self, fps: f64) -> Duration {
        match self {
            Self::Time(time) => time,
            Self::Frames(frames) => Duration::from_secs_f64(f64::from(frames) / fps.max(0.01)),
        }
    }
}

/// Reads `warm-up`: a duration such as `2s`, or a number of frames.
pub fn read_warm_up(fields: &Fields<'_>, errors: &mut Errors) -> Option<WarmUp> {
    let node = fields.get("warm-up")?;
    if node.scalar().is_some_and(|value| value.is_number()) {
        let frames = fields.whole("warm-up", 0..=MOST_FRAMES, errors)?;
        return Some(WarmUp::Frames(frames as u32));
    }
    let time = fields.duration("warm-up", Duration::ZERO..=LONGEST, errors)?;
    Some(WarmUp::Time(time))
}
