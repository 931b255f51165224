//! The names of the machine that the server runs on.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::files;
use crate::sync::IgnorePoison;

/// The time for which what is known holds: a machine may get its name after the server has started.
const FRESH: Duration = Duration::from_secs(10);
/// The most bytes that are read of a file. Lists against advertisements make for large ones.
const FILE_BYTES: u64 = 4 << 20;

/// The names of this machine: its host name, what `/etc/hosts` calls it beside, and its name in the
/// domains that are searched (`/etc/resolv.conf`), such as `nas.fritz.box`. Only whoever runs the
/// network can give these away.
pub struct MachineNames {
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    names: Vec<String>,
    read: Option<Instant>,
}

impl MachineNames {
    /// Looks them up when they are asked for.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            known: Mutex::default(),
        }
    }

    /// Whether `name` is one of them.
    pub fn has(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        let now = self.clock.now();
        let mut known = self.known.lock().ignore_poison();
        if known
            .read
            .is_none_or(|read| now.duration_since(read) >= FRESH)
        {
            *known = Known {
                names: look_up(),
                read: Some(now),
            };
        }
        known.names.iter().any(|it| it.eq_ignore_ascii_case(name))
    }

    /// These and no others.
    #[cfg(test)]
    pub fn fixed(names: &[&str]) -> Self {
        let clock = Arc::new(crate::clock::SystemClock);
        let known = Known {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            read: Some(clock.now()),
        };
        Self {
            clock,
            known: Mutex::new(known),
        }
    }
}

fn look_up() -> Vec<String> {
    let host = match hostname::get() {
        Ok(host) => host.to_string_lossy().into_owned(),
        Err(error) => {
            tracing::debug!(%error, "the machine's name is unknown");
            return Vec::new();
        }
    };
    names(&host, &read("/etc/hosts"), &read("/etc/resolv.conf"))
}

/// The text of a file; nothing where there is none, as on other systems.
fn read(path: &str) -> String {
    let bytes = files::read(Path::new(path), FILE_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names of a machine called `host`.
fn names(host: &str, hosts: &str, resolver: &str) -> Vec<String> {
    let mut names = vec![host.to_owned()];
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let aliases = line.split_whitespace().skip(1);
        if aliases
            .clone()
            .any(|alias| alias.eq_ignore_ascii_case(host))
        {
            names.extend(aliases.map(str::to_owned));
        }
    }
    let label = host.split('.').next().unwrap_or_default();
    for line in resolver.lines() {
        let mut words = line.split_whitespace();
        if matches!(words.next(), Some("search" | "domain")) {
            // A top-level domain is everybody's.
            let domains = words.filter(|domain| domain.trim_end_matches('.').contains('.'));
            names.extend(domains.map(|domain| format!("{label}.{}", domain.trim_end_matches('.'))));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_the_names_of_its_files() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tnas.example.net nas # by Debian\n\
            0.0.0.0 ads.example\n";
        let resolver = "# by hand\nnameserver 192.168.1.1\nsearch fritz.box com lan.example.org.\n";
        assert_eq!(
            names("nas", hosts, resolver),
            [
                "nas",
                "nas.example.net",
                "nas",
                "nas.fritz.box",
                "nas.lan.example.org"
            ]
        );
        assert_eq!(names("cam.example.org", "", ""), ["cam.example.org"]);
        assert_eq!(
            names("cam.example.org", "", "domain fritz.box"),
            ["cam.example.org", "cam.fritz.box"]
        );
    }

    #[test]
    fn they_are_compared_without_case_and_end() {
        let names = MachineNames::fixed(&["nas.example.net"]);
        assert!(names.has("NAS.example.net."));
        assert!(!names.has("nas.example") && !names.has(""));
    }
}
