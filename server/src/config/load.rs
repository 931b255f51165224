//! From a file on disk, or its text, to a checked pipeline.

use std::path::Path;
use std::sync::Arc;

use super::check::check_file;
use super::error::{Cause, ConfigError, Diagnostic, Errors, SourceFile, Span};
use super::model::{Config, LEAST};
use super::parse::{FILE_BYTES, parse};
use super::schema::{SCHEMA, to_json};
use super::yaml::Node;
use super::{rules, snippet};
use crate::files::{self, FileError};

/// The byte order mark.
const BOM: char = '\u{feff}';

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = Self::read_text(path)?;
        Self::parse(&text, &name, Self::folder_of(path))
    }

    /// The folder of the file at `path`.
    pub fn folder_of(path: &Path) -> &Path {
        match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The text of the file at `path`, as it is, without a byte order mark.
    ///
    /// # Errors
    /// It can't be read, or is no text.
    pub fn read_text(path: &Path) -> Result<String, ConfigError> {
        let name = path.display().to_string();
        let bytes =
            files::read(path, FILE_BYTES as u64).map_err(|error| unreadable(&name, &error))?;
        let mut text = decode(bytes, &name)?;
        // Some editors on Windows begin a file with one.
        if text.starts_with(BOM) {
            text.drain(..BOM.len_utf8());
        }
        Ok(text)
    }

    /// Checks the text of a file called `name` in `folder`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, ConfigError> {
        let text = text.strip_prefix(BOM).unwrap_or(text);
        let mut errors = Errors::default();
        let file = SourceFile {
            name: name.into(),
            text: text.into(),
            root: parse(text, &mut errors).map(Arc::new),
        };
        let config = match &file.root {
            Some(root) if !root.is_null() => read(root, &mut errors),
            // What is no YAML has been told of.
            _ if !errors.0.is_empty() => None,
            _ => {
                errors.add(
                    Span::START,
                    format!("the file is empty; it needs at least {LEAST}"),
                );
                None
            }
        };
        match config {
            Some(config) if errors.0.is_empty() => Ok(Self {
                folder: folder.to_owned(),
                file,
                ..config
            }),
            _ => Err(ConfigError::new(file, errors.0)),
        }
    }
}

/// From the tree to the model: checked against the schema and the rules, then read by serde. `None`
/// if something is wrong with it, which is added to `errors`.
fn read(root: &Node, errors: &mut Errors) -> Option<Config> {
    let json = to_json(root, Some(&SCHEMA));
    check_file(root, &json, errors);
    rules::check(root, errors);
    if !errors.0.is_empty() {
        return None;
    }
    match serde_json::from_value::<Config>(json) {
        Ok(mut config) => {
            config.settle();
            Some(config)
        }
        // No file is known of that the schema allows and serde doesn't.
        Err(error) => {
            errors.add(root.span, format!("the file can't be read: {error}"));
            None
        }
    }
}

fn unreadable(name: &str, error: &FileError) -> ConfigError {
    let message = match error {
        FileError::NotFound => {
            "no such file; name one with --config, or write it (README.md shows how)".to_owned()
        }
        FileError::NotPlain("a folder") => {
            "this is a folder; name the pipeline file in it".to_owned()
        }
        FileError::TooLarge(_) => format!("{error}, which no pipeline file is"),
        FileError::NotPlain(_) | FileError::Io(_) => error.to_string(),
    };
    let cause = match error.is_passing() {
        true => Cause::Machine,
        false => Cause::Files,
    };
    ConfigError::unreadable(name, message, cause)
}

fn decode(bytes: Vec<u8>, name: &str) -> Result<String, ConfigError> {
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if is_utf16 {
        let message = "the file is UTF-16 text; save it as UTF-8".to_owned();
        return Err(ConfigError::unreadable(name, message, Cause::Files));
    }
    String::from_utf8(bytes).map_err(|error| {
        let end = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..end]);
        let lines: Vec<_> = snippet::lines(&before).collect();
        let column = lines.last().map_or(0, |line| line.chars().count()) + 1;
        let file = SourceFile {
            name: name.into(),
            text: String::from_utf8_lossy(error.as_bytes()).into(),
            root: None,
        };
        let message = "this byte is not UTF-8 text; save the file as UTF-8";
        ConfigError::new(
            file,
            vec![Diagnostic::new(Span::at(lines.len(), column), message)],
        )
    })
}
