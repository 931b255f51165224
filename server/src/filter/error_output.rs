//! A filter's own words on its failure: a panic's message, an exception and where it comes from.

use std::collections::VecDeque;

use crate::log::sanitize_to;

/// The lines that are kept from the start, and from the end: languages put what matters at either.
const LINES: usize = 2;
/// The most characters of a line.
const CHARS: usize = 300;
/// Lines that say nothing of the filter: Rust's advice, and the words of the runtimes that
/// componentize-py and componentize-qjs put round exceptions.
const OF_NO_USE: [&str; 4] = [
    "note: run with `RUST_BACKTRACE",
    "Python function threw an unexpected exception",
    "thread '<unnamed>' (1) panicked at runtime/src/",
    "thread '<unnamed>' (1) panicked at crates/runtime/src/",
];

/// The first and the last lines that a filter wrote as errors during a call.
#[derive(Debug, Default)]
pub struct ErrorOutput {
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: bool,
}

impl ErrorOutput {
    /// Adds a line.
    pub fn add(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() || OF_NO_USE.iter().any(|start| line.starts_with(start)) {
            return;
        }
        let line = sanitize_to(line, CHARS);
        if self.first.len() < LINES {
            self.first.push(line);
            return;
        }
        if self.last.len() == LINES {
            self.last.pop_front();
            self.left_out = true;
        }
        self.last.push_back(line);
    }

    /// Forgets all of them.
    pub fn forget(&mut self) {
        if !self.first.is_empty() {
            *self = Self::default();
        }
    }

    /// All of them in one line; empty if there are none. A line with a colon at its end is about
    /// the next.
    pub fn text(&self) -> String {
        let gap = self.left_out.then_some("…");
        let first = self.first.iter().map(String::as_str);
        let last = self.last.iter().map(String::as_str);
        let lines: Vec<_> = first.chain(gap).chain(last).collect();
        lines.join("; ").replace(":; ", ": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[&str]) -> String {
        let mut words = ErrorOutput::default();
        lines.iter().for_each(|line| words.add(line));
        words.text()
    }

    #[test]
    fn a_panic_and_an_exception_are_told_of() {
        let panic = [
            "",
            "thread 'main' panicked at src/lib.rs:5:9:",
            "no \x1b[31mlens",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        ];
        assert_eq!(
            text(&panic),
            "thread 'main' panicked at src/lib.rs:5:9: no \\u{1b}[31mlens"
        );
        let python = [
            "Traceback (most recent call last):",
            "  File \"/0/filter.py\", line 53, in draw",
            "ValueError: no lens",
            "",
            "thread '<unnamed>' (1) panicked at runtime/src/lib.rs:1293:29:",
            "Python function threw an unexpected exception",
        ];
        assert_eq!(
            text(&python),
            "Traceback (most recent call last): File \"/0/filter.py\", line 53, in draw; \
             ValueError: no lens"
        );
        let javascript = [
            "thread '<unnamed>' (1) panicked at crates/runtime/src/call.rs:163:38:",
            "expected array",
        ];
        assert_eq!(text(&javascript), "expected array");
        let exception = ["Traceback:", "a", "b", "c", "d", "ValueError: no lens"];
        assert_eq!(text(&exception), "Traceback: a; …; d; ValueError: no lens");
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn a_flood_takes_no_memory() {
        let mut words = ErrorOutput::default();
        for _ in 0..1000 {
            words.add(&"x".repeat(10_000));
        }
        assert!(words.text().chars().count() < 5 * (CHARS + 5));
        words.forget();
        assert_eq!(words.text(), "");
    }
}
