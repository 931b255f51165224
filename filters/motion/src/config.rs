//! The settings of `motion`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::polygon::Polygon;

/// The most zones, and the most areas to ignore.
const AREAS: usize = 32;
/// The longest gap between two events.
const LONGEST_GAP: Duration = Duration::from_secs(3600);
/// The most characters of a variable's name.
const VARIABLE_CHARS: usize = 64;
/// The prefixes of variables that the server sets itself.
const MEASURED: [&str; 2] = ["gpio.", "time."];

/// The settings of `motion`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// How much brighter or darker than its average a pixel must become, of 255 and after the
    /// contrast is stretched. Lower finds more. Where the picture is noisy, the filter asks for
    /// more by itself.
    #[schemars(range(min = 1, max = 255))]
    pub threshold: u8,
    /// The least size of what moves, as a part of the picture: 0.001 is 46 × 45 pixels of 1080p.
    #[schemars(range(min = 0, max = 1))]
    pub min_area: f64,
    /// Areas with names in which motion counts, and nowhere else. Something is in a zone with half
    /// of what moves of it, or with the middle of its lower edge. Without any, the whole picture
    /// counts.
    #[schemars(extend("maxProperties" = AREAS))]
    pub zones: BTreeMap<String, Polygon>,
    /// Areas in which nothing counts, such as trees, flags and the camera's clock.
    #[schemars(length(max = AREAS))]
    pub ignore: Vec<Polygon>,
    /// The part of the picture that changes at once when the light does: lamps, lightning, a camera
    /// that switches to infrared. This is no motion, and the average is taken over anew. 1 for
    /// never.
    #[schemars(range(min = 0.1, max = 1))]
    pub lightning_threshold: f64,
    /// How long nothing must move for an event to end, such as `10s`.
    #[serde(deserialize_with = "event_gap")]
    #[schemars(with = "String", extend("default" = "10s", "examples" = ["10s", "1m 30s"]))]
    pub event_gap: Duration,
    /// The variable that is `on` from the first motion until nothing has moved for `event-gap`, and
    /// else `off`; for each zone there is one more, with a dot and the zone's name behind it.
    /// `{stream}` stands for the stream's name. Give each stream one of its own.
    #[schemars(length(min = 1, max = VARIABLE_CHARS))]
    pub variable: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threshold: 16,
            min_area: 0.000_6,
            zones: BTreeMap::new(),
            ignore: Vec::new(),
            lightning_threshold: 0.8,
            event_gap: Duration::from_secs(10),
            variable: "motion".to_owned(),
        }
    }
}

impl Config {
    /// Itself, if every setting is within its range.
    ///
    /// # Errors
    /// One is not: its name and its range.
    pub fn checked(self) -> Result<Self, String> {
        let rules = [
            (self.threshold > 0, "`threshold` is 1 to 255"),
            (
                (0.0..=1.0).contains(&self.min_area),
                "`min-area` is a part of the picture, 0 to 1",
            ),
            (
                (0.1..=1.0).contains(&self.lightning_threshold),
                "`lightning-threshold` is a part of the picture, 0.1 to 1",
            ),
            (self.event_gap <= LONGEST_GAP, "`event-gap` is at most `1h`"),
            (self.zones.len() <= AREAS, "`zones` are at most 32"),
            (self.ignore.len() <= AREAS, "`ignore` has at most 32 areas"),
            (
                self.zones.keys().all(|name| is_name(name)),
                "the names of `zones` have 1 to 32 of `a-z`, `A-Z`, `0-9`, `-` and `_`",
            ),
            (
                self.has_variable_names(),
                "`variable` and the zones' are variables' names: 1 to 64 letters, digits, `_`, \
                 `-` and `.`, and `{stream}`; the server sets those in `gpio.` and `time.` itself",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(rule.to_owned()),
            None => Ok(self),
        }
    }

    /// Whether there can be variables by these names, whatever the stream's is, if that is short.
    fn has_variable_names(&self) -> bool {
        let name = self.variable.replace("{stream}", "s");
        let is_part = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        let longest_zone = self.zones.keys().map(|zone| zone.len() + 1).max();
        (1..=VARIABLE_CHARS.saturating_sub(longest_zone.unwrap_or(0))).contains(&name.len())
            && name.chars().all(is_part)
            && !MEASURED.iter().any(|start| name.starts_with(start))
    }
}

/// Whether `name` can be a part of a variable's name.
fn is_name(name: &str) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
    (1..=32).contains(&name.len()) && name.chars().all(is_part)
}

fn event_gap<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let duration = text.parse::<SignedDuration>().ok();
    let duration = duration.and_then(|it| Duration::try_from(it).ok());
    duration.ok_or_else(|| {
        D::Error::custom(format!(
            "`event-gap` is a duration such as `10s` or `1m 30s`, and not {text:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
        config.checked()
    }

    #[test]
    fn all_settings_are_read() {
        let config = parse(
            r#"{"threshold": 30, "min-area": 0.002, "zones": {"drive": "0,0,1,0,1,1"},
            "ignore": ["0,0,0.2,0,0.2,0.1"], "lightning-threshold": 0.6, "event-gap": "1m 30s"}"#,
        )
        .unwrap();
        assert_eq!(config.event_gap, Duration::from_secs(90));
        assert!(config.zones.contains_key("drive"));
        assert_eq!(config.ignore.len(), 1);
        parse(r#"{"variable": "{stream}.motion"}"#).unwrap();
    }

    #[test]
    fn wrong_settings_are_named() {
        for (json, words) in [
            (r#"{"threshold": 0}"#, "`threshold`"),
            (r#"{"min-area": 2}"#, "`min-area`"),
            (r#"{"lightning-threshold": 0.01}"#, "`lightning-threshold`"),
            (r#"{"event-gap": "10"}"#, "`event-gap`"),
            (r#"{"event-gap": "-10s"}"#, "`event-gap`"),
            (r#"{"event-gap": "2h"}"#, "`event-gap`"),
            (r#"{"zones": {"": "0,0,1,0,1,1"}}"#, "`zones`"),
            (r#"{"zones": {"Tür": "0,0,1,0,1,1"}}"#, "`zones`"),
            (r#"{"min-size": 2}"#, "`min-size`"),
            (
                r#"{"zones": {"a-name-that-is-longer-than-any-variable-may-be-in-all-of-the-file":
                "0,0,1,0,1,1"}}"#,
                "`zones`",
            ),
            (r#"{"variable": "a b"}"#, "`variable`"),
            (r#"{"variable": "{nix}"}"#, "`variable`"),
            (r#"{"variable": "gpio.door"}"#, "`gpio.`"),
            (r#"{"variable": ""}"#, "`variable`"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
