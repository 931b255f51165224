//! An event: its name, kind and times.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::region::Region;

/// The most characters of a kind.
const KIND_CHARS: usize = 32;
/// The most characters of an event's text.
const TEXT_CHARS: usize = 1_000;
/// The most regions of an event.
const REGIONS: usize = 100;
/// The characters of an id: a time to the millisecond, and a random number in hexadecimal.
const ID_CHARS: usize = "20261129T021030123Z-9f3c2a1b".len();
const ID_TIME: &str = "%Y%m%dT%H%M%S%3fZ";
/// The names of server-sent events that are none of a camera's, and of a stream's other topics of
/// MQTT.
const TAKEN_KINDS: &[&str] = &[
    "audit",
    "change",
    "events",
    "filter-error",
    "filter-recovered",
    "lagged",
    "message",
    "picture",
    "reload",
    "state",
    "viewers",
];

/// The name of an event. Names sort by the time at which the events began, and are never used
/// again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9]{8}T[0-9]{9}Z-[0-9a-f]{8}$")]
pub struct EventId(String);

impl EventId {
    /// A new name at `time`, later than all before.
    pub(super) fn new(time: Timestamp, random: u32) -> Self {
        Self(format!("{}-{random:08x}", time.strftime(ID_TIME)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time in it, by which it sorts.
    pub fn time(&self) -> Timestamp {
        parse_id_time(&self.0).unwrap_or_default()
    }
}

fn parse_id_time(id: &str) -> Option<Timestamp> {
    let (time, _) = id.split_once('-')?;
    let (seconds, millis) = time.strip_suffix('Z')?.split_at_checked(15)?;
    let seconds = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", seconds).ok()?;
    let seconds = jiff::tz::TimeZone::UTC.to_timestamp(seconds).ok()?;
    let millis: i64 = millis.parse().ok()?;
    Timestamp::from_millisecond(seconds.as_millisecond() + millis).ok()
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that names no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no event's id, which looks like `20261129T021030123Z-9f3c2a1b`")]
pub struct InvalidId;

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_hex = |random: &str| {
            random
                .bytes()
                .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        };
        let random = text.split_once('-').map(|(_, random)| random);
        let is_id = text.len() == ID_CHARS
            && random.is_some_and(|random| random.len() == 8 && is_hex(random))
            && parse_id_time(text).is_some();
        is_id.then(|| Self(text.to_owned())).ok_or(InvalidId)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The kind of an event, such as `motion`: 1 to 32 of `a-z 0-9 -`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct EventKind(Cow<'static, str>);

/// A text that is no kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKind {
    /// It has other characters, or too many.
    #[error("a kind of event has 1 to 32 of `a-z 0-9 -`, a letter first")]
    Characters,
    /// It is the name of one of the server's own notifications.
    #[error("a kind of event can't be called as one of the server's own notifications")]
    Taken,
}

impl EventKind {
    /// Something moves.
    pub const MOTION: Self = Self(Cow::Borrowed("motion"));
    /// A stream fails.
    pub const CAMERA_FAILED: Self = Self(Cow::Borrowed("camera-failed"));

    /// The kind called `name`.
    ///
    /// # Errors
    /// It can't be called so.
    pub fn new(name: &str) -> Result<Self, InvalidKind> {
        let is_fine = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || name.len() > KIND_CHARS || !name.chars().all(is_fine) {
            return Err(InvalidKind::Characters);
        }
        match TAKEN_KINDS.contains(&name) {
            true => Err(InvalidKind::Taken),
            false => Ok(Self(Cow::Owned(name.to_owned()))),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Something that happened before a stream's camera, or to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its name, which sorts by time.
    pub id: EventId,
    /// Its kind, such as `motion` or `camera-failed`.
    pub kind: EventKind,
    /// The stream's name.
    pub stream: String,
    /// The filter that found it, as the pipeline file names it; none if the server did.
    pub filter: Option<String>,
    /// What is known of it in words, such as the reason of a failure.
    pub text: Option<String>,
    /// The time at which it began: RFC 3339, UTC.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// The time at which it ended; none while it lasts.
    #[serde(with = "rfc3339::optional")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end: Option<Timestamp>,
    /// What was found in the picture, the surest first, up to 100.
    pub regions: Vec<Region>,
}

impl Event {
    /// Adds `found` to the regions: the same thing (by its track) or place stands there once, as it
    /// was found most surely.
    pub(super) fn add_regions(&mut self, found: Vec<Region>) {
        for region in found {
            let known = self.regions.iter_mut().find(|it| is_same(it, &region));
            match known {
                Some(known) if known.score < region.score => *known = region,
                Some(_) => {}
                None => self.regions.push(region),
            }
        }
        self.regions.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.regions.truncate(REGIONS);
    }
}

fn is_same(a: &Region, b: &Region) -> bool {
    a.label == b.label
        && match (a.track, b.track) {
            (None, None) => a.area == b.area,
            (one, other) => one == other,
        }
}

/// `text`, cut to what an event may hold.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(TEXT_CHARS).collect()
}

/// `time` in milliseconds, as it is written.
pub(super) fn millis(time: SystemTime) -> Timestamp {
    let time = Timestamp::try_from(time).unwrap_or_default();
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or_default()
}

/// Times as RFC 3339 with milliseconds, UTC.
pub mod rfc3339 {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

    /// # Errors
    /// Those of `to`.
    pub fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&time.strftime(FORMAT))
    }

    /// # Errors
    /// It is no time of RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }

    pub mod optional {
        use super::{Deserialize, Deserializer, Error, FORMAT, Serializer, Timestamp};

        /// # Errors
        /// Those of `to`.
        pub fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => to.collect_str(&time.strftime(FORMAT)),
                None => to.serialize_none(),
            }
        }

        /// A time, if there is one.
        ///
        /// # Errors
        /// It is none of RFC 3339.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            let time = text.map(|text| text.parse().map_err(D::Error::custom));
            time.transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::Area;

    fn region(x: u32, score: f32, track: Option<u64>) -> Region {
        Region {
            area: Area {
                x,
                y: 0,
                width: 1,
                height: 1,
            },
            label: "person".to_owned(),
            score,
            track,
        }
    }

    fn event() -> Event {
        let start = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        Event {
            id: EventId::new(start, 7),
            kind: EventKind::MOTION,
            stream: "front".to_owned(),
            filter: None,
            text: None,
            start,
            end: None,
            regions: Vec::new(),
        }
    }

    #[test]
    fn an_id_holds_its_time_and_is_read_as_it_is_written() {
        let id = event().id;
        assert_eq!(id.as_str(), "20270115T080000123Z-00000007");
        assert_eq!(id.time().as_millisecond(), 1_800_000_000_123);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for wrong in [
            "",
            "../../x",
            "20270115T080000123Z-0000000G",
            "20271315T080000123Z-00000007",
        ] {
            assert_eq!(wrong.parse::<EventId>(), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_read_as_it_is_written() {
        let mut event = event();
        event.add_regions(vec![region(1, 0.5, Some(3))]);
        event.end = Some(event.start);
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["start"], "2027-01-15T08:00:00.123Z");
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }

    #[test]
    fn the_best_regions_are_kept_and_the_same_thing_once() {
        let mut event = event();
        event.add_regions(vec![region(1, 0.5, Some(3)), region(5, 0.4, None)]);
        event.add_regions(vec![region(2, 0.9, Some(3)), region(5, 0.2, None)]);
        assert_eq!(
            event.regions,
            [region(2, 0.9, Some(3)), region(5, 0.4, None)]
        );
        event.add_regions((10..200).map(|x| region(x, 0.6, None)).collect());
        assert_eq!(event.regions.len(), REGIONS);
        assert_eq!(event.regions[0], region(2, 0.9, Some(3)));
    }

    #[test]
    fn kinds_are_short_words_and_none_of_the_servers_own() {
        assert_eq!(EventKind::new("person-2").unwrap().as_str(), "person-2");
        for name in ["", "Motion", "2x", "a b", "é", &"x".repeat(33)] {
            assert_eq!(EventKind::new(name), Err(InvalidKind::Characters), "{name}");
        }
        assert_eq!(EventKind::new("state"), Err(InvalidKind::Taken));
    }
}
