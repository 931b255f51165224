//! `mattebox passwd`: hashes a password for the pipeline file.

use std::io::{IsTerminal, Read};

use super::Failure;
use super::output::outln;
use crate::password::{self, MOST_BYTES};

/// Asks for the password of the user `name`, or reads it from standard input, and prints the entry
/// for `users` in the pipeline file.
pub fn run(name: &str) -> Result<(), Failure> {
    let password = match std::io::stdin().is_terminal() {
        true => ask(name)?,
        false => read()?,
    };
    password::check_new(&password).map_err(Failure::usage)?;
    let hash = password::hash(&password).map_err(Failure::run)?;
    // JSON is YAML.
    let name = serde_json::Value::from(name);
    outln!("- {{ name: {name}, role: viewer, password: \"{hash}\" }}");
    Ok(())
}

fn ask(name: &str) -> Result<String, Failure> {
    let prompt = |text: String| {
        rpassword::prompt_password(text)
            .map_err(|error| Failure::run(format!("the password can't be read: {error}")))
    };
    let first = prompt(format!("Password of {name}: "))?;
    match prompt("The same again: ".to_owned())? == first {
        true => Ok(first),
        false => Err(Failure::usage("these are two passwords; try again")),
    }
}

/// The first line of standard input.
fn read() -> Result<String, Failure> {
    let mut text = String::new();
    let most = MOST_BYTES as u64 + 2;
    let read = std::io::stdin().take(most).read_to_string(&mut text);
    read.map_err(|error| Failure::run(format!("standard input can't be read: {error}")))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
