//! From a frame's time to the text that shows it.

use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ZonedDateTime};
use mattebox_filter::{FrameInfo, variable};

/// Lines longer than this show nothing that a picture has room for.
const TEXT_CHARS: usize = 500;

/// A checked format in a time zone.
pub struct Formatter {
    format: String,
    /// `None` for the server's local time, which comes with each frame.
    zone: Option<TimeZone>,
    /// The time in which the text can't change, in milliseconds: 1 or 1000.
    unit_ms: u64,
}

impl Formatter {
    /// # Errors
    /// `format` has a directive that there is not, or `timezone` is unknown.
    pub fn new(format: &str, timezone: &str) -> Result<Self, String> {
        let zone = match timezone {
            "local" => None,
            "UTC" => Some(TimeZone::UTC),
            name => Some(TimeZoneDatabase::bundled().get(name).map_err(|_| {
                format!(
                    "`timezone`: there is no time zone `{name}`; it is `local`, `UTC` or an IANA \
                     name such as `Europe/Berlin`"
                )
            })?),
        };
        let mut formatter = Self {
            format: format.to_owned(),
            zone,
            unit_ms: 1,
        };
        let at = |captured_at_ms| FrameInfo {
            captured_at_ms,
            ..FrameInfo::default()
        };
        // Two moments of one second tell whether the text shows parts of it.
        if formatter.format(&at(1_000))? == formatter.format(&at(1_999))? {
            formatter.unit_ms = 1_000;
        }
        Ok(formatter)
    }

    /// What the text depends on: while this is the same, the text is.
    pub fn moment(&self, frame: &FrameInfo) -> (u64, i32) {
        (
            frame.captured_at_ms / self.unit_ms,
            frame.utc_offset_minutes,
        )
    }

    /// The text for `frame`.
    ///
    /// # Errors
    /// The format or the frame's time is out of range.
    pub fn format(&self, frame: &FrameInfo) -> Result<String, String> {
        let at = self.local_time(frame)?;
        let text =
            strtime::format(&self.format, &at).map_err(|error| format!("`format`: {error}"))?;
        if text.chars().count() > TEXT_CHARS {
            return Err(format!(
                "`format`: the text is longer than {TEXT_CHARS} characters"
            ));
        }
        Ok(text)
    }

    fn local_time(&self, frame: &FrameInfo) -> Result<ZonedDateTime, String> {
        let time = i64::try_from(frame.captured_at_ms)
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .ok_or("the frame's time is out of range")?;
        let zone = match &self.zone {
            Some(zone) => zone.clone(),
            None => local_zone(frame)?,
        };
        Ok(time.to_zoned_datetime(zone))
    }
}

/// The server's zone as it is at the time of `frame`, with its abbreviation, which `%Z` shows.
fn local_zone(frame: &FrameInfo) -> Result<TimeZone, String> {
    let minutes = frame.utc_offset_minutes;
    let named = variable("time.zone").and_then(|name| {
        // POSIX counts to the west.
        let sign = if minutes > 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
        TimeZone::posix(&format!("<{name}>{sign}{hours}:{minutes:02}")).ok()
    });
    match named {
        Some(zone) => Ok(zone),
        None => Offset::from_seconds(minutes.saturating_mul(60))
            .map(TimeZone::fixed)
            .map_err(|error| error.to_string()),
    }
}
