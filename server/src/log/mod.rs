//! The log: lines of strangers (filters, commands) are cut to a limit, and their number is limited.

pub mod recurring;

use std::time::{Duration, Instant};

/// The most characters of a line.
pub const LINE_CHARS: usize = 2_000;
/// The time that lines are counted over.
pub const PERIOD: Duration = Duration::from_secs(10);
const LINES_PER_PERIOD: u32 = 20;

/// Lets through so many lines in so much time.
pub struct LogLimiter {
    since: Instant,
    lines: u32,
}

impl LogLimiter {
    /// Open from `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            lines: 0,
        }
    }

    /// `None` when the line must be left out; else whether it is the last one for now.
    pub fn admit(&mut self, now: Instant) -> Option<bool> {
        if now.duration_since(self.since) >= PERIOD {
            *self = Self::new(now);
        }
        self.lines = self.lines.saturating_add(1);
        (self.lines <= LINES_PER_PERIOD).then_some(self.lines == LINES_PER_PERIOD)
    }
}

/// Whether `c` could harm a terminal, end a line, or reorder the text around it: control
/// characters, the separators of lines and paragraphs, and the explicit formatting characters of
/// the Unicode Bidirectional Algorithm (UAX #9).
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// At most [`LINE_CHARS`] characters, with control characters (terminal escapes, line breaks, and
/// those that reorder text) made visible, and counted as they are shown.
pub fn sanitize(text: &str) -> String {
    sanitize_to(text, LINE_CHARS)
}

/// At most `most` characters, with control characters made visible, and counted as they are shown.
pub fn sanitize_to(text: &str, most: usize) -> String {
    let mut short = String::new();
    let mut room = most;
    for c in text.trim_end().chars() {
        let escaped = (is_control(c) && c != '\t').then(|| c.escape_default());
        let Some(left) = room.checked_sub(escaped.as_ref().map_or(1, ExactSizeIterator::len))
        else {
            short.push('…');
            break;
        };
        room = left;
        match escaped {
            Some(escaped) => short.extend(escaped),
            None => short.push(c),
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_flood_is_thinned_out_and_comes_back() {
        let start = crate::clock::SystemClock.now();
        let mut gate = LogLimiter::new(start);
        let admitted = (0..1000).filter(|_| gate.admit(start).is_some()).count();
        assert_eq!(admitted, LINES_PER_PERIOD as usize);
        assert_eq!(gate.admit(start + PERIOD), Some(false));
    }

    #[test]
    fn control_characters_and_endless_lines_are_tamed() {
        assert_eq!(sanitize("a\x1b[2Jb\n"), "a\\u{1b}[2Jb");
        assert_eq!(
            sanitize("a\u{202e}b\u{2028}c\u{2067}d\u{200f}e\u{200d}é"),
            "a\\u{202e}b\\u{2028}c\\u{2067}d\\u{200f}e\u{200d}é"
        );
        assert_eq!(sanitize(&"x".repeat(5000)).chars().count(), LINE_CHARS + 1);
    }

    #[test]
    fn a_line_is_cut_by_what_is_shown_of_it() {
        let shown = sanitize(&format!("a{}", "\0".repeat(5000)));
        assert!(shown.chars().count() <= LINE_CHARS + 1, "{}", shown.len());
        assert!(shown.ends_with("\\u{0}…"), "{shown}");
        assert_eq!(sanitize_to("a\x1bb", 6), "a…");
        assert_eq!(sanitize_to("a\x1bb", 7), "a\\u{1b}…");
        assert_eq!(sanitize_to("a\x1bb", 8), "a\\u{1b}b");
    }
}
