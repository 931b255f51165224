//! Durations and sizes as people write them.

use std::time::Duration;

use jiff::SignedDuration;

use super::value_error::ValueError;
use super::yaml::describe_text;

/// `10s`, `200ms`, `1m 30s`.
///
/// # Errors
/// It is something else.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    if !text.is_empty() && text.parse::<f64>().is_ok_and(f64::is_finite) {
        let rule = format!("a duration needs a unit; write `{text}s` for {text} seconds");
        return Err(rule.into());
    }
    let duration = text.parse::<SignedDuration>().ok();
    duration
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| {
            ValueError::unexpected("a duration such as `10s`, `200ms` or `1m 30s`", text)
        })
}

/// The value in `text`, read by `parse` and checked against a range, both ends included.
///
/// # Errors
/// It can't be read, or lies outside.
pub fn within<T: PartialOrd>(
    text: &str,
    [least, most]: [&str; 2],
    parse: fn(&str) -> Result<T, ValueError>,
) -> Result<T, ValueError> {
    let found = parse(text)?;
    match (parse(least)?..=parse(most)?).contains(&found) {
        true => Ok(found),
        false => Err(ValueError::found(
            format!("{least} to {most}"),
            &describe_text(text),
        )),
    }
}

/// A duration in the largest unit that leaves no fraction.
pub fn show_duration(duration: &Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// `256MiB`, `1 GB`, or plain bytes.
///
/// # Errors
/// It is something else.
pub fn bytes(text: &str) -> Result<u64, ValueError> {
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((text, 1));
    let number = number.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| ValueError::unexpected("a size such as `256MiB` or `1GiB`", text))
}

/// A size in the largest binary unit that leaves no fraction.
pub fn show_bytes(bytes: &u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |(shift, _): &&(u32, &str)| *bytes > 0 && bytes.trailing_zeros() >= *shift;
    match units.iter().find(fits) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

/// Fields that are durations: `#[serde(with = "units::duration_text")]`,
/// `#[schemars(schema_with = "schemas::duration")]`.
pub mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::show_duration(duration))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        super::duration(&String::deserialize(from)?).map_err(Error::custom)
    }
}

/// Fields that are sizes in bytes, in the same way.
pub mod bytes_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::show_bytes(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        super::bytes(&String::deserialize(from)?).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        let error = |text| duration(text).unwrap_err().to_string();
        assert!(error("10").contains("write `10s` for 10 seconds"));
        assert!(error("2.5").contains("`2.5s`"));
        for text in ["-1s", "soon", "", "10s ago", "99999999999999999999h", "inf"] {
            assert!(error(text).contains("such as"), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("2 GB"), Ok(2_000_000_000));
        assert_eq!(bytes("3kB"), Ok(3_000));
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("1TiB"), Ok(1 << 40));
        for text in ["much", "", "MiB", "-1MiB", "99999999999GiB"] {
            let error = bytes(text).unwrap_err().to_string();
            assert!(error.contains("such as"), "{text}");
        }
    }

    #[test]
    fn limits_read_as_people_write_them() {
        assert_eq!(show_duration(&Duration::ZERO), "0s");
        assert_eq!(show_duration(&Duration::from_millis(10)), "10ms");
        assert_eq!(show_duration(&Duration::from_secs(60)), "60s");
        assert_eq!(show_duration(&Duration::from_secs(86_400)), "24h");
        assert_eq!(show_bytes(&(1 << 20)), "1MiB");
        assert_eq!(show_bytes(&(4 << 30)), "4GiB");
        assert_eq!(show_bytes(&(1 << 40)), "1TiB");
    }
}
