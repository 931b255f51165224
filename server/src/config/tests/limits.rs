//! Files that are made to harm: they are refused soon, in few words.

use crate::clock::Clock;
use std::time::Duration;

use super::super::snippet;
use super::{mistakes, parse};

const FILE: &str = "listen: 127.0.0.1:8080 # here\nstreams:\n  a: &x\n    \
    source: {driver: files, path: \"ä*.jpg\", fps: 1.5}\n    filters:\n    - use: watermark\n      \
    with: {image: 'l.png', n: [1, ~, true]}\n      on-error: drop\n  b: *x\n";

#[test]
fn no_damage_to_a_file_harms_the_reader() {
    parse(FILE).unwrap();
    let mut refused = 0;
    let mut read = |text: &str| {
        if let Err(error) = parse(text) {
            refused += 1;
            assert!(!error.diagnostics().is_empty(), "{text}");
            let shown = error.to_string();
            assert!(shown.starts_with("pipeline.yaml:"), "{shown}");
            let lines = snippet::lines(text).count();
            for diagnostic in error.diagnostics() {
                let span = diagnostic.span;
                assert!((1..=lines).contains(&span.line), "{text}\n{shown}");
                assert!(span.column >= 1 && span.length >= 1, "{text}\n{shown}");
            }
        }
    };
    let odd = [
        "", "\t", "\n", "\r", " ", ":", "- ", "{", "}", "[", "]", ",", "\"", "'", "#", "&a", "*x",
        "!", "!!str ", "|", ">", "%", "@", "`", "?", "~", "\0", "\u{feff}", "\u{2028}", "é",
        "---\n", "...\n", "<<: *x\n", "9e999",
    ];
    for (at, c) in FILE.char_indices() {
        read(&FILE[..at]);
        read(&FILE[at..]);
        for part in odd {
            // In place of a character, and before it.
            read(&[&FILE[..at], part, &FILE[at + c.len_utf8()..]].concat());
            read(&[&FILE[..at], part, &FILE[at..]].concat());
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

#[test]
fn monsters_are_refused_soon_and_shortly() {
    let many = |part: &str, count: usize| part.repeat(count);
    let billion_laughs = (1..9).fold("l0: &l0 [x]\n".to_owned(), |text, n| {
        let aliases = many(&format!("*l{},", n - 1), 9);
        format!("{text}l{n}: &l{n} [{aliases}]\n")
    });
    let long_text = format!("a: &a {}\nb: [{}]", many("x", 500_000), many("*a,", 9_000));
    let tower = (1..40).fold("t0: &t0 [x]\n".to_owned(), |text, n| {
        format!("{text}t{n}: &t{n} [*t{}]\n", n - 1)
    });
    let too_deep = "lists and mappings lie";
    for (text, why) in [
        (billion_laughs, "more than 20000 values"),
        (long_text, "copy more than 1 MiB"),
        (tower, too_deep),
        (many("[", 1 << 20), too_deep),
        (many("{a: ", 1 << 18), too_deep),
        (many("- ", 1 << 19), too_deep),
        (many("? ", 1 << 19), too_deep),
        (
            format!("[{}]", many("a,", 1 << 18)),
            "more than 20000 values",
        ),
        (
            format!("streams: {{{}}}", many("a: 1,", 9_000)),
            "second time",
        ),
        (many("x", (1 << 20) + 1), "larger than 1 MiB"),
        (many("x ", 1 << 19), "expected a pipeline file"),
        (many("\n", 1 << 20), "is empty"),
        (many("#\n", 1 << 19), "is empty"),
    ] {
        let start = crate::clock::SystemClock.now();
        let error = parse(&text).unwrap_err();
        let shown = error.to_string();
        let head: String = text.chars().take(30).collect();
        assert!(shown.contains(why), "{head}: {shown}");
        assert!(shown.len() < 40_000, "{head}: {} bytes", shown.len());
        // Measured: 0.3 s at most without optimisation.
        let took = crate::clock::SystemClock.now() - start;
        assert!(took < Duration::from_secs(5), "{head}: {took:?}");
    }
}

#[test]
fn the_rest_of_many_errors_is_counted() {
    let keys: String = (0..60).map(|n| format!("    x{n}: 1\n")).collect();
    let text = format!("streams:\n  a:\n{keys}");
    assert_eq!(mistakes(&text).len(), 60);
    let shown = parse(&text).unwrap_err().to_string();
    assert!(shown.ends_with("\n… and 10 more"), "{shown}");
}

#[test]
fn a_file_can_not_command_the_terminal() {
    let shown = parse("streams:\n  a: \"\\e[2J\\u202e\"\n")
        .unwrap_err()
        .to_string();
    assert!(shown.contains("the text `\u{fffd}[2J\u{fffd}`"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
}
