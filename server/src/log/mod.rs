//! What strangers (filters, commands) say goes to the server's log: cut to a sane length, and thinned out when it
//! floods.

pub mod recurring;

use std::time::{Duration, Instant};

/// The most characters of a line.
pub const LINE_CHARS: usize = 2_000;
/// The time that lines are counted over.
pub const PERIOD: Duration = Duration::from_secs(10);
const LINES_PER_PERIOD: u32 = 20;

/// Lets through so many lines in so much time.
pub struct FloodGate {
    since: Instant,
    lines: u32,
}

impl FloodGate {
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

/// At most [`LINE_CHARS`] characters, with control characters (terminal escapes, line breaks) made
/// visible.
pub fn shorten(text: &str) -> String {
    shorten_to(text, LINE_CHARS)
}

/// At most `most` characters, with control characters made visible.
pub fn shorten_to(text: &str, most: usize) -> String {
    let mut short = String::new();
    for (index, c) in text.trim_end().chars().enumerate() {
        if index == most {
            short.push('…');
            break;
        }
        if c.is_control() && c != '\t' {
            short.extend(c.escape_default());
        } else {
            short.push(c);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_thinned_out_and_comes_back() {
        let start = Instant::now();
        let mut gate = FloodGate::new(start);
        let admitted = (0..1000).filter(|_| gate.admit(start).is_some()).count();
        assert_eq!(admitted, LINES_PER_PERIOD as usize);
        assert_eq!(gate.admit(start + PERIOD), Some(false));
    }

    #[test]
    fn control_characters_and_endless_lines_are_tamed() {
        assert_eq!(shorten("a\x1b[2Jb\n"), "a\\u{1b}[2Jb");
        assert_eq!(shorten(&"x".repeat(5000)).chars().count(), LINE_CHARS + 1);
    }
}
