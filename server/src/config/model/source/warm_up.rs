//! `warm-up`: how much of a camera's start is left out.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::super::units;
use super::super::super::value_error::ValueError;

/// The most frames that may be left out.
const MOST_FRAMES: u32 = 1000;

/// The frames that are left out after a camera was opened, since its first pictures are dark or
/// blurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, with = "String", extend(
    "type" = ["string", "integer"],
    "x-check" = "warm-up",
    "x-expected" = "a time such as `2s`, up to 60s, or a number of frames, up to 1000",
    "minimum" = 0,
    "maximum" = MOST_FRAMES,
    "default" = 0,
    "examples" = ["2s", 10],
))]
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

/// A duration such as `2s`, or a number of frames.
///
/// # Errors
/// It is something else.
pub fn parse_warm_up(text: &str) -> Result<WarmUp, ValueError> {
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        let frames = text.parse().ok().filter(|frames| *frames <= MOST_FRAMES);
        return frames.map(WarmUp::Frames).ok_or_else(|| {
            let expected = format!("a whole number from 0 to {MOST_FRAMES}");
            ValueError::unexpected(expected, text)
        });
    }
    units::within(text, ["0s", "60s"], units::duration).map(WarmUp::Time)
}

impl TryFrom<String> for WarmUp {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        parse_warm_up(&text)
    }
}
