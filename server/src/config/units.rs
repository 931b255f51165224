//! Durations and sizes as people write them.

use std::time::Duration;

use jiff::SignedDuration;

/// `10s`, `200ms`, `1m 30s`.
///
/// # Errors
/// A text that says what was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!(
            "a duration needs a unit; write `{text}s` for {text} seconds"
        ));
    }
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| {
            format!("expected a duration such as `10s`, `200ms` or `1m 30s`, found `{text}`")
        })
}

const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// `256MiB`, `1 GB`, or plain bytes.
///
/// # Errors
/// A text that says what was expected.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .unwrap_or((text, 1));
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("expected a size such as `256MiB` or `1GiB`, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert!(duration("10").unwrap_err().contains("write `10s`"));
        assert!(duration("-1s").is_err());
        assert!(duration("soon").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("2 GB"), Ok(2_000_000_000));
        assert_eq!(bytes("4096"), Ok(4096));
        assert!(bytes("much").is_err());
        assert!(bytes("99999999999GiB").is_err());
    }
}
