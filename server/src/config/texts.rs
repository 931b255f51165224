//! Checks of texts in a pipeline file that JSON Schema's keywords can't say, by the names that the
//! keyword `x-check` has.

use std::path::{Component, Path};

use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

use super::model::{
    check_broker_url, check_http_url, check_rtsp_url, check_topic, check_url, check_webhook_url,
    parse_days, parse_listen, parse_mask_area, parse_mask_color, parse_mask_condition, parse_run,
    parse_size, parse_warm_up, read_network, read_origin,
};
use super::suggest::quote;
use super::units;
use super::value_error::ValueError;
use crate::variables;

type Check = fn(&str) -> Result<(), ValueError>;
type BoxedCheck = Box<dyn Fn(&str) -> Result<(), ValueError> + Send + Sync>;

const CHECKS: &[(&str, Check)] = &[
    ("broker-url", |text| check_broker_url(text).map(drop)),
    ("days", |text| parse_days(text).map(drop)),
    ("event-kind", check_event_kind),
    ("header-name", check_header_name),
    ("host", check_host),
    ("http-url", |text| check_http_url(text).map(drop)),
    ("https-url", check_https_url),
    ("input-name", check_input_name),
    ("listen", |text| parse_listen(text).map(drop)),
    ("mask-area", |text| parse_mask_area(text).map(drop)),
    ("mask-color", |text| parse_mask_color(text).map(drop)),
    ("mask-condition", |text| {
        parse_mask_condition(text).map(drop)
    }),
    ("network", |text| read_network(text).map(drop)),
    ("origin", |text| read_origin(text).map(drop)),
    ("path-below", check_path),
    ("run", |text| parse_run(text).map(drop)),
    ("rtsp-url", |text| check_rtsp_url(text).map(drop)),
    ("size", |text| parse_size(text).map(drop)),
    ("stream-name", check_stream_name),
    ("stream-pattern", check_stream_pattern),
    ("title", check_title),
    ("webhook-url", |text| check_webhook_url(text).map(drop)),
    ("topic", check_topic),
    ("user-name", check_user_name),
    ("variable-name", check_variable_name),
    ("warm-up", |text| parse_warm_up(text).map(drop)),
];

/// The keyword `x-check` of one schema.
pub struct TextCheck {
    check: BoxedCheck,
    /// Whether an empty text has been refused before.
    is_filled: bool,
}

impl TextCheck {
    /// The check `name` beside the other keywords of `schema`; `None` if there is none.
    pub fn new(schema: &Map<String, Value>, name: &Value) -> Option<Self> {
        let name = name.as_str()?;
        let is_filled = schema.contains_key("minLength");
        let check: BoxedCheck = match name {
            "duration" => in_range(schema, units::duration)?,
            "bytes" => in_range(schema, units::bytes)?,
            name => Box::new(CHECKS.iter().find(|(known, _)| *known == name)?.1),
        };
        Some(Self { check, is_filled })
    }

    fn check(&self, text: &str) -> Result<(), ValueError> {
        match self.is_filled && text.is_empty() {
            true => Ok(()),
            false => (self.check)(text),
        }
    }
}

/// Checks that what `parse` reads is in the range of `schema`.
fn in_range<T: PartialOrd + 'static>(
    schema: &Map<String, Value>,
    parse: fn(&str) -> Result<T, ValueError>,
) -> Option<BoxedCheck> {
    let [least, most]: [String; 2] = serde_json::from_value(schema.get("x-range")?.clone()).ok()?;
    Some(Box::new(move |text| {
        units::within(text, [&least, &most], parse).map(drop)
    }))
}

impl<'i> Keyword<'i> for TextCheck {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        match instance.as_str() {
            Some(text) => self
                .check(text)
                .map_err(|error| ValidationError::custom(error.to_string())),
            None => Ok(()),
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        instance
            .as_str()
            .is_none_or(|text| self.check(text).is_ok())
    }
}

fn check_https_url(text: &str) -> Result<(), ValueError> {
    let example = "https://acme.example.org/directory";
    check_url(text, &["https"], example).map(drop)
}

/// The most characters of a stream's or an input's name.
const NAME_CHARS: usize = 64;
/// The most characters of a kind of events.
const KIND_CHARS: usize = 32;
/// Addresses of the server's own, which no stream can have.
const TAKEN_NAMES: &[&str] = &[
    "api",
    "healthz",
    "metrics",
    "readyz",
    "snapshot",
    "static",
    "stream",
    "video_feed",
];

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn check_stream_name(name: &str) -> Result<(), ValueError> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_well || !name.chars().all(is_word) {
        let name = quote(name);
        return Err(format!(
            "{name} can't be a stream's name, which becomes part of an address: use \
            letters, digits, `-` and `_`, a letter or digit first"
        )
        .into());
    }
    if TAKEN_NAMES.contains(&name) {
        let quoted = quote(name);
        return Err(format!(
            "a stream can't be called {quoted}: `/{name}` is an address of the server's own"
        )
        .into());
    }
    if name.len() > NAME_CHARS {
        let count = name.len();
        return Err(format!(
            "a stream's name may have {NAME_CHARS} characters, this one has {count}"
        )
        .into());
    }
    Ok(())
}

/// A pattern of streams' names, with `*` and `?`.
fn check_stream_pattern(pattern: &str) -> Result<(), ValueError> {
    let is_fine = |c: char| is_word(c) || matches!(c, '*' | '?');
    if pattern.len() > NAME_CHARS || !pattern.chars().all(is_fine) {
        let expected = "a stream's name, or a pattern of such names as `door*`";
        return Err(ValueError::unexpected(expected, pattern));
    }
    Ok(())
}

/// Checks the name of a user or a program. HTTP's Basic authentication knows no `:` in it (RFC
/// 7617, 2).
///
/// # Errors
/// It has other characters than those that are allowed, or too many.
pub fn check_user_name(name: &str) -> Result<(), ValueError> {
    let is_fine = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+');
    if name.is_empty() || name.chars().count() > NAME_CHARS || !name.chars().all(is_fine) {
        let name = quote(name);
        return Err(format!(
            "{name} can't be a name here: use up to {NAME_CHARS} letters, digits, `_`, `-`, `.`, \
             `@` and `+`"
        )
        .into());
    }
    Ok(())
}

fn check_input_name(name: &str) -> Result<(), ValueError> {
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(is_word) {
        let name = quote(name);
        return Err(
            format!("{name} can't be an input's name: use letters, digits, `-` and `_`").into(),
        );
    }
    Ok(())
}

fn check_event_kind(name: &str) -> Result<(), ValueError> {
    let is_fine = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || name.len() > KIND_CHARS || !name.chars().all(is_fine) {
        let expected = "a kind of events such as `motion`: up to 32 of `a-z 0-9 -`";
        return Err(ValueError::unexpected(expected, name));
    }
    Ok(())
}

/// Headers that a request gets by itself.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

/// A token (RFC 9110, 5.1).
fn check_header_name(name: &str) -> Result<(), ValueError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_fine) {
        return Err(ValueError::unexpected(
            "a header's name such as `X-Token`",
            name,
        ));
    }
    if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        let name = quote(name);
        return Err(format!("the header {name} is set by the server itself").into());
    }
    Ok(())
}

fn check_variable_name(name: &str) -> Result<(), ValueError> {
    variables::check_name(name).map_err(|why| why.to_string().into())
}

fn check_title(title: &str) -> Result<(), ValueError> {
    if title.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("a title is one line of text".into());
    }
    if title.chars().all(is_blank) {
        return Err("a title has something to see in it; without one, people see the name".into());
    }
    Ok(())
}

/// Whether nothing is seen of a character: spaces, and what is there for other characters
/// (Unicode's `Default_Ignorable_Code_Point`, the common ones, and the blank of Braille).
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        )
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}')
        || matches!(c, '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

fn check_path(name: &str) -> Result<(), ValueError> {
    let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(name).components().all(is_below) {
        let name = quote(name);
        return Err(format!(
            "{name} does not lie below the pipeline file's folder: write a relative \
            path without `..`"
        )
        .into());
    }
    Ok(())
}

fn check_host(name: &str) -> Result<(), ValueError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if !name.chars().all(is_fine) {
        let expected = "a host's name without port and scheme, such as `cam.example.org`";
        return Err(ValueError::unexpected(expected, name));
    }
    Ok(())
}
