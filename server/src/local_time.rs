//! The time zone of this machine, in which people read times on pictures.
//!
//! Of `TZ` as glibc reads it, else of `/etc/localtime`. Zones are looked up in the machine's
//! database, else in the one that is built in, so that names also hold in containers without
//! tzdata.

use std::ffi::OsStr;
use std::sync::OnceLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

static LOCAL: OnceLock<(TimeZone, Option<UnknownZone>)> = OnceLock::new();

/// The reason why times are shown in UTC although another zone may be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownZone {
    /// The value of `TZ` names none.
    #[error(
        "no time zone is called `{0}`, as the environment variable `TZ` says; times are shown in \
         UTC: set it to a name such as `Europe/Berlin`"
    )]
    Variable(String),
    /// `TZ` names one that counts leap seconds, which the machine's clock does not.
    #[error(
        "the time zone `right/{0}`, as the environment variable `TZ` says, counts leap seconds, as \
         this machine's clock does not; times are shown in UTC: set it to `{0}`"
    )]
    LeapSeconds(String),
    /// `/etc/localtime` leads to none.
    #[error(
        "the time zone in `/etc/localtime` can't be read; times are shown in UTC: set `TZ` to a \
         name such as `Europe/Berlin`, or install tzdata"
    )]
    File,
}

/// The time zone of this machine, looked up once.
pub fn zone() -> TimeZone {
    looked_up().0.clone()
}

/// Tells the log if the zone can't be found.
pub fn warn_of_unknown_zone() {
    if let Some(unknown) = &looked_up().1 {
        tracing::warn!(error = %unknown, "the time zone is unknown");
    }
}

fn looked_up() -> &'static (TimeZone, Option<UnknownZone>) {
    LOCAL.get_or_init(|| match of_system(std::env::var_os("TZ").as_deref()) {
        Ok(zone) => (zone, None),
        Err(unknown) => (TimeZone::UTC, Some(unknown)),
    })
}

fn of_system(variable: Option<&OsStr>) -> Result<TimeZone, UnknownZone> {
    let Some(text) = variable.map(OsStr::to_string_lossy) else {
        return TimeZone::try_system().or_else(|_| of_file("/etc/localtime"));
    };
    if let Some(name) = name(&text).strip_prefix("right/") {
        return Err(UnknownZone::LeapSeconds(short(name)));
    }
    TimeZone::try_system().or_else(|_| of_variable(&text))
}

/// The zone that `text`, the value of `TZ`, names where the machine's database does not have it.
fn of_variable(text: &str) -> Result<TimeZone, UnknownZone> {
    let name = name(text);
    let name = name.strip_prefix("posix/").unwrap_or(name);
    let known = TimeZoneDatabase::bundled().get(name);
    // A zone in POSIX's words that tells no days of change has those of the USA, in glibc.
    let of_posix = |_| TimeZone::posix(&format!("{name},M3.2.0,M11.1.0"));
    let known = known.or_else(of_posix);
    known.map_err(|_| UnknownZone::Variable(short(text)))
}

/// The zone's name in `text`, the value of `TZ`: without a colon, or the folder of the zones.
fn name(text: &str) -> &str {
    let name = text.strip_prefix(':').unwrap_or(text);
    name.rsplit_once("zoneinfo/").map_or(name, |(_, name)| name)
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The zone that the link at `path` names, also where what it leads to is missing. Without such a
/// file it is UTC.
fn of_file(path: &str) -> Result<TimeZone, UnknownZone> {
    let Ok(target) = std::fs::read_link(path) else {
        return match std::fs::exists(path) {
            Ok(false) => Ok(TimeZone::UTC),
            _ => Err(UnknownZone::File),
        };
    };
    let target = target.to_string_lossy();
    let name = target.rsplit_once("zoneinfo/").map(|(_, name)| name);
    let known = name.and_then(|name| TimeZoneDatabase::bundled().get(name).ok());
    known.ok_or(UnknownZone::File)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn minutes(zone: &TimeZone, at: &str) -> i32 {
        let at: Timestamp = at.parse().unwrap();
        zone.to_offset(at).seconds() / 60
    }

    #[test]
    fn names_are_known_without_the_machines_database() {
        for (name, winter, summer) in [
            ("Europe/Berlin", 60, 120),
            (":Europe/Berlin", 60, 120),
            ("America/New_York", -300, -240),
            ("Asia/Kolkata", 330, 330),
            ("/usr/share/zoneinfo/Europe/Berlin", 60, 120),
            // In no database but the whole one.
            ("US/Eastern", -300, -240),
            ("posix/Europe/Berlin", 60, 120),
            ("CET-1CEST", 60, 120),
            ("EST5EDT4", -300, -240),
        ] {
            let zone = of_variable(name).unwrap();
            assert_eq!(minutes(&zone, "2026-01-01T12:00:00Z"), winter, "{name}");
            assert_eq!(minutes(&zone, "2026-07-01T12:00:00Z"), summer, "{name}");
        }
        let unknown = of_variable("Europe/Berln").unwrap_err();
        assert!(unknown.to_string().contains("`Europe/Berln`"), "{unknown}");
        for text in ["CET", "CET-1CEST,", "CET-1CEST,M3", "Nowhere"] {
            let is_zone = TimeZoneDatabase::bundled().get(text).is_ok();
            assert_eq!(of_variable(text).is_ok(), is_zone, "{text}");
        }
        // The days are those of the USA.
        let zone = of_variable("CET-1CEST").unwrap();
        assert_eq!(minutes(&zone, "2026-03-20T12:00:00Z"), 120);
        let right = of_system(Some("right/Europe/Berlin".as_ref())).unwrap_err();
        assert!(
            right.to_string().ends_with("set it to `Europe/Berlin`"),
            "{right}"
        );
    }

    #[test]
    fn daylight_saving_begins_and_ends_by_itself() {
        let zone = of_variable("Europe/Berlin").unwrap();
        assert_eq!(minutes(&zone, "2026-03-29T00:59:59Z"), 60);
        assert_eq!(minutes(&zone, "2026-03-29T01:00:00Z"), 120);
        assert_eq!(minutes(&zone, "2026-10-25T00:59:59Z"), 120);
        assert_eq!(minutes(&zone, "2026-10-25T01:00:00Z"), 60);
    }

    #[test]
    fn a_missing_file_is_utc_and_a_wrong_one_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        assert_eq!(of_file(&at("none")), Ok(TimeZone::UTC));
        std::fs::write(at("garbage"), "x").unwrap();
        assert_eq!(of_file(&at("garbage")), Err(UnknownZone::File));
        #[cfg(unix)]
        {
            let link = |name: &str, to: &str| std::os::unix::fs::symlink(to, at(name)).unwrap();
            link("dangling", "/none/zoneinfo/Europe/Berlin");
            let zone = of_file(&at("dangling")).unwrap();
            assert_eq!(minutes(&zone, "2026-07-01T12:00:00Z"), 120);
            link("wrong", "/none/zoneinfo/Europe/Berln");
            assert_eq!(of_file(&at("wrong")), Err(UnknownZone::File));
        }
    }
}
