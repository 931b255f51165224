//! The secrets that were read so far, and the variables of the environment that hold some.
//!
//! They are kept for the whole process: what must not be shown does not depend on who is about to
//! show it, and an old password is still one after the file has changed.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::RwLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::sync::IgnorePoison;

/// The most secrets that are kept; the oldest goes first.
const MOST: usize = 1_000;
/// The most characters of a secret that is looked for.
const LONGEST: usize = 4_096;
/// Shorter secrets are looked for as whole words only, as are those of one kind of characters.
const TELLING_CHARS: usize = 6;
/// So long a text is no common word.
const LONG_CHARS: usize = 16;
/// The characters that addresses may have as they are (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Characters that the WHATWG's URL standard encodes in a user and a password.
const USERINFO: &AsciiSet = &with_all(percent_encoding::CONTROLS, b" \"#%'/:;<=>?@[\\]^`{|}");

const fn with_all(set: &AsciiSet, mut bytes: &[u8]) -> AsciiSet {
    let mut set = set.add(bytes[0]);
    while let [first, rest @ ..] = bytes {
        set = set.add(*first);
        bytes = rest;
    }
    set
}

static KNOWN: RwLock<Known> = RwLock::new(Known {
    secrets: VecDeque::new(),
    environment: BTreeSet::new(),
});

struct Known {
    secrets: VecDeque<Secret>,
    environment: BTreeSet<String>,
}

struct Secret {
    text: String,
    /// The text as it is, and as addresses, JSON and Rust write it.
    spellings: BTreeSet<String>,
    is_telling: bool,
}

/// A choice of the known secrets to look for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that can't be taken for a common word, such as `camera`.
    Telling,
    /// All of them.
    All,
}

/// Keeps `secret` out of all that is shown from now on.
pub fn note(secret: &str) {
    let secret = secret.trim();
    let is_none = matches!(secret, "" | super::MASK | "true" | "false" | "null" | "~");
    if is_none || secret.chars().nth(LONGEST).is_some() || is_noted(secret) {
        return;
    }
    // Its lines may be shown one by one.
    let lines = secret.lines().filter(|line| *line != secret);
    lines.for_each(note);
    let mut known = KNOWN.write().ignore_poison();
    if known.secrets.len() >= MOST {
        known.secrets.pop_front();
    }
    known.secrets.push_back(Secret {
        text: secret.to_owned(),
        spellings: spellings(secret),
        is_telling: is_telling(secret),
    });
}

fn is_noted(secret: &str) -> bool {
    let known = KNOWN.read().ignore_poison();
    known.secrets.iter().any(|known| known.text == secret)
}

/// Keeps the environment variable `name` from commands.
pub fn note_environment(name: &str) {
    let mut known = KNOWN.write().ignore_poison();
    if known.environment.len() < MOST {
        known.environment.insert(name.to_owned());
    }
}

/// The environment variables that are kept from commands.
pub fn environment() -> BTreeSet<String> {
    let known = KNOWN.read().ignore_poison();
    known.environment.clone()
}

/// Adds where known secrets stand in `text`.
pub fn find(text: &str, which: Which, found: &mut Vec<Range<usize>>) {
    let known = KNOWN.read().ignore_poison();
    for secret in &known.secrets {
        if which == Which::All || secret.is_telling {
            found.extend(secret.places(text));
        }
    }
}

/// Whether a known secret stands in `text`, other than one that is as short as many a common word.
pub fn is_told_by(text: &str) -> bool {
    let known = KNOWN.read().ignore_poison();
    let mut long = known.secrets.iter().filter(|secret| secret.is_long());
    long.any(|secret| secret.places(text).next().is_some())
}

impl Secret {
    fn is_long(&self) -> bool {
        self.text.chars().count() >= TELLING_CHARS
    }

    /// Its places in `text`, as a whole word if it could be a common one.
    fn places<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        let matches = self
            .spellings
            .iter()
            .flat_map(|it| text.match_indices(it.as_str()));
        let ranges = matches.map(|(start, spelling)| start..start + spelling.len());
        ranges.filter(|range| self.is_telling || is_word(text, range))
    }
}

/// Whether `range` neither starts nor ends within a word.
pub fn is_word(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !is_part(before) && !is_part(after)
}

fn is_telling(secret: &str) -> bool {
    let kinds: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        char::is_numeric,
        |c| !c.is_alphanumeric(),
    ];
    let count = secret.chars().count();
    let kinds = kinds.iter().filter(|kind| secret.contains(**kind)).count();
    count >= LONG_CHARS || (count >= TELLING_CHARS && kinds > 1)
}

fn spellings(secret: &str) -> BTreeSet<String> {
    let unquoted = |quoted: String| quoted.trim_matches('"').to_owned();
    let encoded = [UNRESERVED, USERINFO, NON_ALPHANUMERIC]
        .map(|set| utf8_percent_encode(secret, set).to_string());
    let mut spellings: BTreeSet<_> = encoded
        .iter()
        .flat_map(|text| [text.clone(), with_small_digits(text)])
        .collect();
    spellings.insert(secret.to_owned());
    spellings.insert(unquoted(serde_json::Value::from(secret).to_string()));
    spellings.insert(unquoted(format!("{secret:?}")));
    spellings.insert(secret.escape_default().to_string());
    spellings.retain(|spelling| !spelling.is_empty());
    spellings
}

/// `%2f` for `%2F`.
fn with_small_digits(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut small = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        small.push('%');
        small += &digits.to_lowercase();
        small += rest;
    }
    small
}
