//! Local time on pictures.

use crate::support::picture::jpeg;
use crate::support::{Folder, mattebox, stderr};

/// A picture with its time's zone and offset from UTC, by a server whose `TZ` is `variable`, and
/// what is said of it.
fn with_offset(variable: &str, timezone: &str) -> (Vec<u8>, String) {
    let folder = Folder::with(&format!(
        "streams: {{ s: {{ filters: [{{ use: timestamp, with: {{ format: '%Z %z', \
         timezone: {timezone} }} }}] }} }}"
    ));
    folder.write("in.jpg", jpeg("420.jpg"));
    let output = mattebox()
        .current_dir(folder.path())
        .env("TZ", variable)
        .args(["apply", "-o", "out", "in.jpg"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    (folder.read("out/in.jpg"), stderr(&output))
}

#[test]
fn local_time_is_that_of_the_environment() {
    let (utc, _) = with_offset("UTC", "local");
    for (variable, name) in [
        ("Asia/Kolkata", "Asia/Kolkata"),
        (":Asia/Kolkata", "Asia/Kolkata"),
        ("/usr/share/zoneinfo/Asia/Kolkata", "Asia/Kolkata"),
        ("IST-5:30", "Asia/Kolkata"),
        ("America/New_York", "America/New_York"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("posix/Europe/Berlin", "Europe/Berlin"),
        (":posix/Europe/Berlin", "Europe/Berlin"),
        ("America/Sao_Paulo", "America/Sao_Paulo"),
    ] {
        let (local, said) = with_offset(variable, "local");
        let (named, _) = with_offset("UTC", name);
        assert!(local == named && local != utc, "{variable}");
        assert!(!said.contains("time zone"), "{said}");
    }
}

#[test]
fn a_zone_in_posixs_words_needs_no_days_of_change() {
    let (local, said) = with_offset("EST5EDT4", "local");
    assert!(local == with_offset("UTC", "America/New_York").0, "{said}");
    assert!(!said.contains("time zone"), "{said}");
    let (local, said) = with_offset("right/Europe/Berlin", "local");
    assert!(
        said.contains("counts leap seconds") && said.contains("set it to `Europe/Berlin`"),
        "{said}"
    );
    assert!(local == with_offset("UTC", "local").0);
}

#[test]
fn a_zone_that_is_not_known_is_told_of() {
    let words = "no time zone is called `Europe/Berln`, as the environment variable `TZ` says; \
        times are shown in UTC";
    let (local, said) = with_offset("Europe/Berln", "local");
    assert!(said.contains(words), "{said}");
    assert!(local == with_offset("UTC", "local").0);
    let folder = Folder::with("streams: { s: {} }");
    let mut check = mattebox();
    check
        .current_dir(folder.path())
        .args(["check", "pipeline.yaml"]);
    let checked = check.env("TZ", "Europe/Berln").output().unwrap();
    assert!(stderr(&checked).contains(words), "{}", stderr(&checked));
    let checked = check.env("TZ", "Europe/Berlin").output().unwrap();
    assert!(!stderr(&checked).contains("time zone"));
    let server = crate::support::server::Server::start_with(folder, |command| {
        command.env("TZ", "Europe/Berln");
    });
    let log = server.log();
    assert!(log.contains(words), "{log}");
}
