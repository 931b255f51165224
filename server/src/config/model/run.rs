//! The time at which a stream's camera is on though nobody watches.

use jiff::civil::Time;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::value_error::ValueError;

/// When the camera is on though nobody watches, so that what inspects goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, with = "String", extend(
    "x-check" = "run",
    "examples" = ["on-demand", "always", "20:00-06:30"],
))]
pub enum RunMode {
    /// Never.
    #[default]
    OnDemand,
    /// At all times.
    Always,
    /// At these hours of the day.
    Hours(Hours),
}

/// The time from one moment of the day to another, which may be of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first moment.
    pub from: Time,
    /// The moment that is no part of it any more.
    pub to: Time,
}

impl RunMode {
    /// Whether the camera is to be on at `now`.
    pub fn holds(self, now: Time) -> bool {
        match self {
            Self::OnDemand => false,
            Self::Always => true,
            Self::Hours(hours) => hours.contain(now),
        }
    }
}

impl Hours {
    /// `20:00-06:30`; none if it is something else.
    ///
    /// # Errors
    /// They begin and end at the same time.
    pub fn parse(text: &str) -> Result<Option<Self>, ValueError> {
        let time = |text: &str| text.trim().parse::<Time>().ok();
        let times = text.split_once('-');
        let times = times.and_then(|(from, to)| time(from).zip(time(to)));
        match times {
            Some((from, to)) if from == to => {
                Err("these hours begin and end at the same time".into())
            }
            times => Ok(times.map(|(from, to)| Self { from, to })),
        }
    }

    /// Whether `now` is one of them.
    pub fn contain(self, now: Time) -> bool {
        match self.from < self.to {
            true => (self.from..self.to).contains(&now),
            false => now >= self.from || now < self.to,
        }
    }
}

impl TryFrom<String> for RunMode {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        parse_run(&text)
    }
}

/// `on-demand`, `always`, or hours such as `20:00-06:30`.
///
/// # Errors
/// It is something else.
pub fn parse_run(text: &str) -> Result<RunMode, ValueError> {
    match (text, Hours::parse(text)?) {
        ("on-demand", _) => Ok(RunMode::OnDemand),
        ("always", _) => Ok(RunMode::Always),
        (_, Some(hours)) => Ok(RunMode::Hours(hours)),
        (_, None) => {
            let expected = "`on-demand`, `always`, or hours such as `20:00-06:30`";
            Err(ValueError::unexpected(expected, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_on_always_never_or_at_hours() {
        for (mode, now, is_on) in [
            ("on-demand", "12:00", false),
            ("always", "12:00", true),
            ("08:00-17:30", "12:00", true),
            ("20:00-06:30", "12:00", false),
            ("20:00-06:30", "03:00", true),
        ] {
            let found = parse_run(mode).unwrap().holds(now.parse().unwrap());
            assert_eq!(found, is_on, "{mode} at {now}");
        }
        for wrong in ["", "never", "20:00", "25:00-06:00"] {
            let error = parse_run(wrong).unwrap_err().to_string();
            assert!(error.contains("`on-demand`, `always`"), "{error}");
        }
    }
}
