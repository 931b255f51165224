//! Secrets: a type for them that can't be printed, and the masking of texts that may hold one.
//!
//! Two ways find a secret in a text. Its form: a login in an address, a query parameter called
//! `token`, a command's option `--password`. Its value: each password and token that was read is
//! kept in `known`, so that it is found in the words of others (ffmpeg, filters, HTTP libraries)
//! too.

mod form;
mod known;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use form::{TOKENS, Until, is_reference, is_secret_name, names_a_place, secrets_of_command};
pub use known::{environment, is_told_by, note, note_environment};

/// Stands for what is not shown. Of one length, so that it tells nothing of the secret's.
pub const MASK: &str = "***";

/// A text that can't be printed: a password, a token, or an address or a command that may hold one.
///
/// Of our own instead of the crate `secrecy`, whose gain is that memory is overwritten: these texts
/// also stand in the pipeline file's text, in requests and in arguments of commands, so that it
/// would promise too much.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<str>);

impl SecretText {
    /// A text that can't be printed.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// A password or token, which is also masked in all that is shown from now on.
    pub fn noted(text: impl Into<Arc<str>>) -> Self {
        let text = Self::new(text);
        note(text.expose());
        text
    }

    /// The text itself, for the one it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Masks logins and secret parameters of addresses, and known secrets that can't be taken for a
/// common word. For the server's own words.
pub fn mask(text: &str) -> String {
    replace(text, secrets_in(text))
}

/// The parts of `text` that [`mask`] masks, in bytes, sorted and apart.
pub fn secrets_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    form::logins(text, &mut found);
    form::open_logins(text, Until::Word, &mut found);
    form::queries(text, &mut found);
    known::find(text, known::Which::Telling, &mut found);
    merge(found)
}

/// The secret parts of the word at `at` in a command, in bytes, sorted and apart: what follows an
/// option such as `--password` is one as a whole.
pub fn secrets_in_word(words: &[String], at: usize) -> Vec<Range<usize>> {
    let word = &words[at];
    let option = at.checked_sub(1).map(|before| &words[before]);
    match option.is_some_and(|option| form::is_secret_option(option, word)) {
        true => merge(std::iter::once(0..word.len()).collect()),
        false => merge(written(word, Until::Word)),
    }
}

/// Masks besides those what follows a secret's name, as in `password=…` or `--token …`. For what
/// somebody wrote.
pub fn mask_written(text: &str) -> String {
    replace(text, written(text, Until::Word))
}

/// The same of a value or a name from a pipeline file, which may have been cut off within a secret.
pub fn mask_value(text: &str) -> String {
    let mut found = written(text, Until::Word);
    cut_off(text, &mut found);
    replace(text, found)
}

/// Adds what may be a part of a secret in a text that was cut off, or that a slip of the pen has
/// made of something else.
pub fn cut_off(text: &str, found: &mut Vec<Range<usize>>) {
    form::open_logins(text, Until::End, found);
    form::unmarked(text, found);
}

/// Masks besides those all known secrets, however common a word each is. For the words of filters
/// and commands, which were told some.
pub fn mask_foreign(text: &str) -> String {
    let mut found = written(text, Until::Word);
    known::find(text, known::Which::All, &mut found);
    replace(text, found)
}

/// The parts of `text` that [`mask_written`] masks, in bytes, in any order. A value goes up to
/// `until`.
pub fn written(text: &str, until: Until) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    form::logins(text, &mut found);
    form::open_logins(text, Until::Word, &mut found);
    form::queries(text, &mut found);
    form::settings(text, until, &mut found);
    form::options(text, &mut found);
    known::find(text, known::Which::Telling, &mut found);
    found
}

/// Adds where `value` stands in `text` as a whole word.
pub fn find_word(text: &str, value: &str, found: &mut Vec<Range<usize>>) {
    let matches = text.match_indices(value);
    let ranges = matches.map(|(start, value)| start..start + value.len());
    found.extend(ranges.filter(|range| known::is_word(text, range)));
}

/// Notes the logins and secret parameters of the addresses in `text`.
pub fn note_addresses(text: &str) {
    for secret in form::secrets_of_addresses(text) {
        note(&secret);
    }
}

/// Notes the secrets among the words of a command.
pub fn note_command(words: &[SecretText]) {
    let words: Vec<_> = words.iter().map(|word| word.expose().to_owned()).collect();
    let secrets = secrets_of_command(&words);
    secrets.iter().for_each(|it| note(it));
}

/// Sorted, and those that touch made one.
pub fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// `text` with masks in the places of `ranges`.
pub fn replace(text: &str, ranges: Vec<Range<usize>>) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for range in merge(ranges) {
        masked += &text[done..range.start];
        masked += MASK;
        done = range.end;
    }
    masked + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cant_be_printed() {
        let secret = SecretText::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
    }

    #[test]
    fn logins_in_addresses() {
        for (text, masked) in [
            ("rtsp://me:hunter2@cam/1", "rtsp://***@cam/1"),
            ("rtsp://token@cam", "rtsp://***@cam"),
            ("http://me:p@ss@cam/a", "http://***@cam/a"),
            ("http://me:p/ss@cam/a", "http://***@cam/a"),
            ("http://me:it's@cam/a", "http://***@cam/a"),
            ("http://me:pa ss@cam/a", "http://***@cam/a"),
            ("`http:/me:hunter2@cam`", "`http:/***@cam`"),
            ("see me:hunter2@cam now", "see ***@cam now"),
            (
                "'http://a/' 'http://me:x@b/'",
                "'http://a/' 'http://***@b/'",
            ),
            (
                "{\"a\":\"http://cam\",\"b\":\"c@d\"}",
                "{\"a\":\"http://cam\",\"b\":\"c@d\"}",
            ),
            (
                "[tcp @ 0x55] tcp://cam:554 failed",
                "[tcp @ 0x55] tcp://cam:554 failed",
            ),
            ("write to a@b.example", "write to a@b.example"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn logins_that_are_cut_off() {
        for (text, masked) in [
            ("http://me:hunter", "http://***"),
            ("http://me:hunter\"more", "http://***"),
            ("http://me: hunter@cam/", "http://***@cam/"),
            ("http://me:\"hunter", "http://***"),
            ("http://me:12 #3@cam/", "http://***@cam/"),
            ("password hunter", "password ***"),
            ("http://cam:8080", "http://cam:8080"),
            ("http://cam:", "http://cam:"),
            ("http://cam:/", "http://cam:/"),
            ("http://[::1]:80/", "http://[::1]:80/"),
        ] {
            assert_eq!(mask_value(text), masked);
        }
        let (said, masked) = ("found `http://me:hunter`", "found `http://***`");
        assert_eq!(mask(said), masked);
        let own = "http://cam:8080: refused, http://cam: gone";
        assert_eq!(mask(own), own);
    }

    #[test]
    fn secret_parameters_of_addresses() {
        for (text, masked) in [
            (
                "http://c/v?user=a&pwd=hunter2&x=1",
                "http://c/v?user=***&pwd=***&x=1",
            ),
            ("`http://c/?loginpas=hunter2`", "`http://c/?loginpas=***`"),
            (
                "http://c/#access_token=hunter2 failed",
                "http://c/#access_token=*** failed",
            ),
            ("http://c/?action=stream", "http://c/?action=stream"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn what_somebody_wrote() {
        for (text, masked) in [
            ("wrong password: hunter2", "wrong password: ***"),
            ("token=\"hunter 2\" x", "token=\"***\" x"),
            ("password:hunter2", "password:***"),
            ("curl -u me:hunter2 --fail", "curl -u *** --fail"),
            ("x --password hunter2 y", "x --password *** y"),
            ("[x, --token, hunter2, y]", "[x, --token, ***, y]"),
            (
                "-H 'Authorization: Basic aHVudGVyMg=='",
                "-H 'Authorization: ***'",
            ),
            ("password: { env: DOOR }", "password: { env: DOOR }"),
            ("password: {file: a.b}", "password: {file: a.b}"),
            ("password: {file: a.b}hunter2", "password: ***"),
            ("password: { envy: hunter2 }", "password: ***"),
            (
                "401 Unauthorized (authorization failed)",
                "401 Unauthorized (authorization failed)",
            ),
        ] {
            assert_eq!(mask_written(text), masked);
        }
        // The server's own words name settings.
        let own = "`password`: expected a text";
        assert_eq!(mask(own), own);
    }

    #[test]
    fn known_values_in_every_spelling() {
        note("s3/c \"ret");
        note("teapot");
        for text in [
            "s3/c \"ret",
            "s3%2Fc%20%22ret",
            "s3/c \\\"ret",
            "s3%2fc%20%22ret",
        ] {
            let said = format!("<{text}>");
            assert_eq!(mask(&said), "<***>", "{text}");
        }
        // A common word is masked only where others speak, and as a whole word.
        assert_eq!(mask("a teapot"), "a teapot");
        assert_eq!(mask_foreign("a teapot, teapots"), "a ***, teapots");
    }

    #[test]
    fn an_interface_with_its_version_is_no_login() {
        for text in [
            "not `mattebox:filter/lifecycle@0.1.0`",
            "wasi:io/poll@0.2.9, more",
        ] {
            assert_eq!(mask(text), text);
        }
        assert_eq!(mask("me:hush@192.168.0.1"), "***@192.168.0.1");
    }
}
