//! The difference between two configurations, as a value: what a change adds, removes and changes.

use std::fmt;

use crate::config::{Config, ListenAddress, StreamConfig};

/// A key, and whether it is the same in two configurations of this kind.
type Key<T> = (&'static str, fn(&T, &T) -> bool);

/// A key that is the same if these fields are.
macro_rules! key {
    ($name:expr, $($field:ident),+) => {
        ($name, |old, new| $(old.$field == new.$field)&&+)
    };
}

/// Keys of the server whose change takes a restart.
const AT_START: [Key<Config>; 3] = [
    key!("listen", listen),
    ("tls", |old, new| listeners(old) == listeners(new)),
    key!("gpio", gpio),
];

/// Whether there is TLS, and the addresses from which is redirected to it.
fn listeners(config: &Config) -> Option<&[ListenAddress]> {
    config.tls.as_ref().map(|tls| &*tls.redirect_from)
}

/// The other keys of the server.
const AT_ONCE: [Key<Config>; 10] = [
    ("tls", |old, new| {
        old.tls == new.tls || listeners(old) != listeners(new)
    }),
    key!("filters-memory", filters_memory),
    key!("admin-token", admin_token),
    key!("allowed-hosts", allowed_hosts),
    key!("filter-folder", filter_folder),
    key!("filter-folder-limit", filter_folder_limit),
    key!("mqtt", mqtt),
    key!("on", on),
    key!("rules for clients", clients),
    key!("access", access),
];

/// Keys of a stream.
const OF_STREAM: [Key<StreamConfig>; 6] = [
    key!(CHAIN, filters, quality),
    key!("idle-timeout", idle_timeout),
    key!("title", title),
    key!("max-viewers", max_viewers),
    key!("source", source),
    (
        "source in the file, where --source is in force",
        |old, new| match (&old.file_source, &new.file_source) {
            (Some(old), Some(new)) => old == new,
            _ => true,
        },
    ),
];

/// A stream's filters, and how its frames are recoded.
const CHAIN: &str = "chain";

/// The difference between an old configuration and a new one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Keys of the server.
    pub keys: Vec<&'static str>,
    /// Streams, by their names.
    pub streams: Vec<(String, StreamDiff)>,
}

/// The difference in one stream.
#[derive(Debug, PartialEq, Eq)]
pub enum StreamDiff {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// These parts of it are others.
    Changed(Vec<&'static str>),
}

impl Diff {
    /// Compares `new` with `old`. Streams that are gone come first, then those of `new` in its
    /// order.
    pub fn between(old: &Config, new: &Config) -> Self {
        let is_gone = |it: &&StreamConfig| new.stream(&it.name).is_none();
        let removed = old.streams.iter().filter(is_gone);
        let removed = removed.map(|it| (it.name.clone(), StreamDiff::Removed));
        let others = new.streams.iter().filter_map(|it| {
            let diff = StreamDiff::between(old.stream(&it.name), it)?;
            Some((it.name.clone(), diff))
        });
        Self {
            keys: differing(&AT_START, old, new)
                .chain(differing(&AT_ONCE, old, new))
                .collect(),
            streams: removed.chain(others).collect(),
        }
    }

    /// Notes that the stream `name` has another chain: the files of its filters may be others while
    /// the configuration says the same.
    pub fn note_chain(&mut self, name: &str) {
        match self.streams.iter_mut().find(|(of, _)| of == name) {
            Some((_, StreamDiff::Changed(parts))) if !parts.contains(&CHAIN) => {
                parts.insert(0, CHAIN);
            }
            Some(_) => {}
            None => {
                let changed = StreamDiff::Changed(vec![CHAIN]);
                self.streams.push((name.to_owned(), changed));
            }
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.streams.is_empty()
    }
}

impl StreamDiff {
    fn between(old: Option<&StreamConfig>, new: &StreamConfig) -> Option<Self> {
        let Some(old) = old else {
            return Some(Self::Added);
        };
        let parts: Vec<_> = differing(&OF_STREAM, old, new).collect();
        (!parts.is_empty()).then_some(Self::Changed(parts))
    }
}

/// The keys of `new` that come into force with a restart only, since they are others than those the
/// server was `started` with.
pub fn needs_restart(started: &Config, new: &Config) -> impl Iterator<Item = &'static str> {
    differing(&AT_START, started, new)
}

fn differing<T>(keys: &[Key<T>], old: &T, new: &T) -> impl Iterator<Item = &'static str> {
    let differ = keys.iter().filter(|(_, is_same)| !is_same(old, new));
    differ.map(|(key, _)| *key)
}

impl fmt::Display for Diff {
    /// `stream front added; stream door changed: chain, source; changed: listen`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<_> = self.streams.iter().map(describe).collect();
        if !self.keys.is_empty() {
            parts.push(format!("changed: {}", self.keys.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

fn describe((name, diff): &(String, StreamDiff)) -> String {
    format!("stream {name} {diff}")
}

impl fmt::Display for StreamDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("added"),
            Self::Removed => f.write_str("removed"),
            Self::Changed(parts) => write!(f, "changed: {}", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, "pipeline.yaml", std::path::Path::new(".")).unwrap()
    }

    const OLD: &str =
        "streams: { door: { filters: [{ use: timestamp }] }, front: { title: Front } }";

    fn diff(new: &str) -> String {
        Diff::between(&config(OLD), &config(new)).to_string()
    }

    #[test]
    fn configurations_that_say_the_same_don_t_differ() {
        assert!(Diff::between(&config(OLD), &config(OLD)).is_empty());
        let spaced = OLD.replace("{ use", "\n{   use");
        assert_eq!(diff(&spaced), "");
    }

    #[test]
    fn each_stream_is_told_with_what_differs_in_it() {
        for (new, told) in [
            (
                "streams: { front: { title: Front } }",
                "stream door removed",
            ),
            (
                "streams: { door: { quality: 70, source: { driver: exec, command: [x] } }, \
                 back: {} }",
                "stream front removed; stream door changed: chain, source; stream back added",
            ),
            (
                "streams: { door: { filters: [{ use: timestamp }], idle-timeout: 1s, \
                 max-viewers: 2 }, front: {} }",
                "stream door changed: idle-timeout, max-viewers; stream front changed: title",
            ),
        ] {
            assert_eq!(diff(new), told, "{new}");
        }
    }

    #[test]
    fn keys_of_the_server_are_told_and_some_take_a_restart() {
        let new =
            format!("listen: 127.0.0.1:1\nfilters-memory: 1GiB\nadmin-token: {{ env: X }}\n{OLD}");
        assert_eq!(diff(&new), "changed: listen, filters-memory, admin-token");
        let restart: Vec<_> = needs_restart(&config(OLD), &config(&new)).collect();
        assert_eq!(restart, ["listen"]);
        assert_eq!(needs_restart(&config(&new), &config(&new)).count(), 0);
    }

    #[test]
    fn a_source_that_the_command_line_overrides_is_told_apart() {
        let overridden = |text: &str| {
            let mut config = config(text);
            let demo = config.streams[1].source.clone();
            config.streams[0].override_source(&demo);
            config
        };
        let new = OLD.replace("door: {", "door: { source: { driver: exec, command: [x] },");
        let diff = Diff::between(&overridden(OLD), &overridden(&new));
        assert_eq!(
            diff.to_string(),
            "stream door changed: source in the file, where --source is in force"
        );
        assert!(Diff::between(&config(OLD), &overridden(OLD)).is_empty());
    }

    #[test]
    fn a_chain_whose_files_are_others_is_noted_once() {
        let mut diff = Diff::between(&config(OLD), &config(OLD));
        diff.note_chain("door");
        diff.note_chain("door");
        assert_eq!(diff.to_string(), "stream door changed: chain");
        let titled = OLD.replace("title: Front", "title: F");
        let mut diff = Diff::between(&config(OLD), &config(&titled));
        diff.note_chain("front");
        assert_eq!(diff.to_string(), "stream front changed: chain, title");
    }
}
