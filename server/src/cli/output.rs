//! The output of commands. A reader that goes away (`mattebox filters | head`) ends the command
//! quietly.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process;

/// Writes to standard output, like `print!`.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::output::write(format_args!($($text)*)) };
}

/// Writes a line to standard output, like `println!`.
macro_rules! outln {
    () => { $crate::cli::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

pub(super) use {out, outln};

/// Writes `text` to standard output; ends the process if that can't be done.
pub fn write(text: Arguments<'_>) {
    let mut output = io::stdout().lock();
    match output.write_fmt(text).and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            eprintln!("standard output can't be written: {error}");
            process::exit(1);
        }
    }
}
