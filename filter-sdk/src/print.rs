//! `println!` and its kin, whose lines go to the server's log. Those of `std` write to a standard
//! output and error that a module for `wasm32-unknown-unknown` doesn't have.

use std::fmt::Arguments;

/// A stream that is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: lines of the level [`Info`](crate::Level::Info).
    Output,
    /// Standard error: lines of the level [`Warn`](crate::Level::Warn).
    Error,
}

/// Writes `text`, each line as one of the log; natively, to the process's own standard output or
/// error, where tests capture it. For the macros only.
pub fn print(stream: Stream, text: Arguments<'_>) {
    #[cfg(target_family = "wasm")]
    partial::write(stream, &text.to_string());
    #[cfg(not(target_family = "wasm"))]
    match stream {
        Stream::Output => std::print!("{text}"),
        Stream::Error => std::eprint!("{text}"),
    }
}

/// Lines that have no end yet.
#[cfg(any(target_family = "wasm", test))]
mod partial {
    use std::cell::RefCell;

    use super::Stream;
    use crate::{Level, log};

    thread_local! {
        static PARTIAL: RefCell<[String; 2]> = RefCell::default();
    }

    /// Adds `text` to what was written before, and logs the lines that are whole now.
    #[cfg_attr(
        not(target_family = "wasm"),
        expect(dead_code, reason = "modules call it")
    )]
    pub fn write(stream: Stream, text: &str) {
        let level = match stream {
            Stream::Output => Level::Info,
            Stream::Error => Level::Warn,
        };
        let whole = PARTIAL.with_borrow_mut(|partial| take(&mut partial[stream as usize], text));
        for line in whole.lines() {
            log(level, line);
        }
    }

    /// Adds `text` to `partial`. Takes out the lines that are whole.
    pub fn take(partial: &mut String, text: &str) -> String {
        partial.push_str(text);
        let end = partial.rfind('\n').map_or(0, |at| at + 1);
        let rest = partial.split_off(end);
        std::mem::replace(partial, rest)
    }
}

/// As [`std::print!`], to the server's log once the line has its end.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {
        $crate::glue::print($crate::glue::Stream::Output, ::core::format_args!($($text)*))
    };
}

/// As [`std::println!`], to the server's log. It takes the place of `std`'s where it is imported:
///
/// ```
/// use mattebox_filter::println;
///
/// println!("lines: {}", 2);
/// ```
///
/// In all modules of a crate it does so with `#[macro_use] extern crate mattebox_filter;` at the
/// top of `lib.rs`. What other crates print goes nowhere.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print!("{}\n", ::core::format_args!($($text)*)) };
}

/// As [`std::eprint!`], to the server's log once the line has its end.
#[macro_export]
macro_rules! eprint {
    ($($text:tt)*) => {
        $crate::glue::print($crate::glue::Stream::Error, ::core::format_args!($($text)*))
    };
}

/// As [`std::eprintln!`], to the server's log, as a warning. See [`println!`](crate::println).
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($text:tt)*) => { $crate::eprint!("{}\n", ::core::format_args!($($text)*)) };
}

/// As [`std::dbg!`], to the server's log. See [`println!`](crate::println).
#[macro_export]
macro_rules! dbg {
    () => {
        $crate::eprintln!("[{}:{}:{}]", ::core::file!(), ::core::line!(), ::core::column!())
    };
    ($value:expr $(,)?) => {
        // A `match`, so that what the expression borrows lives as long as it.
        match $value {
            value => {
                $crate::eprintln!(
                    "[{}:{}:{}] {} = {:#?}",
                    ::core::file!(),
                    ::core::line!(),
                    ::core::column!(),
                    ::core::stringify!($value),
                    &value
                );
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => { ($($crate::dbg!($value)),+,) };
}

#[cfg(test)]
mod tests {
    use super::partial::take;

    #[test]
    fn lines_are_taken_out_when_they_have_an_end() {
        let mut partial = String::new();
        assert_eq!(take(&mut partial, "a"), "");
        assert_eq!(take(&mut partial, "b\nc\nd"), "ab\nc\n");
        assert_eq!(take(&mut partial, "\n"), "d\n");
        assert_eq!(partial, "");
    }

    #[test]
    fn a_value_is_shown_and_given_back() {
        let number = crate::dbg!(1 + 1);
        assert_eq!((number, crate::dbg!(number, "b")), (2, (2, "b")));
        crate::println!();
        crate::eprintln!("{number}");
    }
}
