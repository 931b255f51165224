//! Secrets known by their form: logins and parameters of addresses, settings and options called
//! like secrets.

use std::ops::Range;

/// Parts of a name that make it a secret's. Compared in small letters, without `-`, `_` and spaces.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "cookie",
];
/// Whole names of secrets.
const SECRET_NAMES: &[&str] = &["pass", "pw", "psw", "auth"];
/// The pipeline file's key with the programs that have a token: a list, in which only each `token`
/// is a secret.
pub const TOKENS: &str = "tokens";
/// The same of an address's parameters, which cameras take logins by.
const PARAMETER_PARTS: &[&str] = &[
    "pass", "pwd", "psw", "pas", "token", "auth", "secret", "cred", "key", "login", "user", "sig",
    "session", "cookie", "jwt",
];
const PARAMETER_NAMES: &[&str] = &[
    "usr", "u", "p", "pw", "sid", "code", "pin", "account", "hash",
];
/// Options of commands whose value is a login, `user:password`.
const LOGIN_OPTIONS: &[&str] = &["u", "user", "proxyuser", "login", "U"];

/// The most bytes of a login with quotes or spaces in it.
const LOGIN_BYTES: usize = 256;

/// The end of a value that has no quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the end of the word.
    Word,
    /// To the end of the text.
    End,
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_' | ' ' | '.'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether what is called `name` is a secret: `password`, `admin-token`, `API_KEY`, ….
pub fn is_secret_name(name: &str) -> bool {
    let name = plain(name);
    if name == TOKENS {
        return false;
    }
    SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

fn is_secret_parameter(name: &str) -> bool {
    let name = plain(name);
    PARAMETER_NAMES.contains(&name.as_str())
        || PARAMETER_PARTS.iter().any(|part| name.contains(part))
}

/// Whether a word ends at `c`.
fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\u{1b}')
}

/// Adds the users and passwords of the addresses in `text`, from behind `//` to the word's last
/// `@`.
pub fn logins(text: &str, found: &mut Vec<Range<usize>>) {
    let mut start = 0;
    for word in text.split_inclusive(is_edge) {
        if let Some(at) = word.rfind('@').filter(|at| !is_version(&word[at + 1..])) {
            let login = login_in(&word[..at]).map(|login| start + login);
            let login = login.or_else(|| login_before(text, start, start + at));
            found.extend(login.map(|login| login..start + at));
        }
        start += word.len();
    }
}

/// Whether `text` starts with a version such as `0.1.0`, as interfaces of WebAssembly have one; no
/// host does.
fn is_version(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let number = text[..end.unwrap_or(text.len())].trim_end_matches('.');
    let is_number = |part: &str| !part.is_empty();
    number.split('.').count() == 3 && number.split('.').all(is_number)
}

/// The start of the login in the part of a word before its `@`.
fn login_in(word: &str) -> Option<usize> {
    match word.find(":/") {
        Some(colon) => Some(word.len() - word[colon + 1..].trim_start_matches('/').len()),
        None => word.contains(':').then_some(0),
    }
}

/// The start of the login that ends at `end` in the word at `word`, if there is a quote or a space
/// in it.
fn login_before(text: &str, word: usize, end: usize) -> Option<usize> {
    // Nobody's login is longer, and looking back farther from each word would take long.
    let mut least = word.saturating_sub(LOGIN_BYTES);
    while !text.is_char_boundary(least) {
        least += 1;
    }
    let before = &text[least..end];
    let colon = before.rfind(":/")?;
    let login = before[colon + 1..].trim_start_matches('/');
    let is_one = word < end && !login.contains(['/', '"', '`', '\n', '\u{1b}']);
    let first = login.split_whitespace().next().unwrap_or_default();
    let is_port = |(_, port): (&str, &str)| port.chars().all(|c| c.is_ascii_digit());
    let has_password = first.split_once(':').is_some_and(|it| !is_port(it));
    let is_login = is_one && (has_password || !login.contains(char::is_whitespace));
    is_login.then_some(end - login.len())
}

/// Adds the logins of addresses that have no `@` behind them where one is looked for, since a
/// space, a quote or a `#` cut the address off, as in `http://me:secret`. With [`Until::End`] up to
/// the text's last `@`, or its end.
pub fn open_logins(text: &str, until: Until, found: &mut Vec<Range<usize>>) {
    for (at, mark) in text.match_indices("://") {
        let start = at + mark.len();
        let rest = &text[start..];
        let is_end = |c: char| is_edge(c) || matches!(c, ':' | '/' | '?' | '#' | '[');
        let name = rest.find(is_end).unwrap_or(rest.len());
        let Some(behind) = rest[name..].strip_prefix(':') else {
            continue;
        };
        if is_password(behind, until) {
            let login = login_length(rest, until);
            found.push(start..start + login);
        }
    }
}

/// Whether what stands behind `//name:` is no port: something else, or what goes on behind a space
/// or a quote.
fn is_password(behind: &str, until: Until) -> bool {
    let end = behind.find(|c| is_edge(c) || matches!(c, '/' | '?' | '#' | ',' | '}' | ']'));
    let (port, more) = behind.split_at(end.unwrap_or(behind.len()));
    // As in "http://cam:80: it is gone".
    let port = port.strip_suffix(':').unwrap_or(port);
    if !port.chars().all(|c| c.is_ascii_digit()) {
        return true;
    }
    let more = more.trim_start_matches(is_edge);
    let goes_on = port.is_empty() && !more.is_empty() && !more.starts_with(['/', ',', '}', ']']);
    until == Until::End && (more.contains('@') || goes_on)
}

fn login_length(rest: &str, until: Until) -> usize {
    let end = match until {
        Until::Word => rest.find(|c| is_edge(c) || c == '@'),
        Until::End => rest.rfind('@'),
    };
    end.unwrap_or(rest.len())
}

/// Adds what follows a secret's name without a `:` between them.
pub fn unmarked(text: &str, found: &mut Vec<Range<usize>>) {
    let start = text.len() - text.trim_start_matches(is_before_key).len();
    let end = text[start..].find(char::is_whitespace).map(|it| start + it);
    let is_named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let is_secret = |name: &str| name.chars().all(is_named) && is_secret_name(name);
    if let Some(end) = end.filter(|end| is_secret(&text[start..*end])) {
        let value = text[end..].trim_start();
        if !value.starts_with([':', '=']) {
            found.push(text.len() - value.len()..text.len());
        }
    }
}

/// Whether `c` may stand before a line's first key.
fn is_before_key(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '?' | '{' | '#')
}

/// Adds the values of addresses' parameters that are called like secrets.
pub fn queries(text: &str, found: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (at, _) in text.match_indices('=') {
        if at < done {
            continue;
        }
        let is_named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%');
        let name = &text[text[..at].trim_end_matches(is_named).len()..at];
        let starts = text[..at - name.len()].ends_with(['?', '&', ';', '#']);
        if starts && is_secret_parameter(name) {
            let value = &text[at + 1..];
            let end = value.find(|c| is_edge(c) || matches!(c, '&' | '#'));
            done = at + 1 + end.unwrap_or(value.len());
            found.push(at + 1..done);
        }
    }
}

/// Adds the values of `name: value` and `name=value` whose name is a secret's.
pub fn settings(text: &str, until: Until, found: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (at, _) in text.match_indices([':', '=']) {
        if at < done {
            continue;
        }
        let before = text[..at].trim_end();
        let before = before.strip_suffix(['"', '\'', '`']).unwrap_or(before);
        let is_named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let name = &before[before.trim_end_matches(is_named).len()..];
        if !is_secret_name(name) {
            continue;
        }
        let rest = &text[at + 1..];
        let value = rest.trim_start();
        let start = text.len() - value.len();
        if !is_reference(value) {
            // So is a header's, which may have more than one word.
            let is_header = ["authorization", "cookie"]
                .iter()
                .any(|it| plain(name).contains(it));
            let range = value_range(value, start, until, is_header);
            done = range.end;
            found.push(range);
        }
    }
}

fn value_range(value: &str, start: usize, until: Until, is_header: bool) -> Range<usize> {
    let first = value.chars().next().unwrap_or_default();
    let to = |end: Option<usize>| start..start + end.unwrap_or(value.len());
    match first {
        '"' | '\'' if until == Until::Word => {
            let end = value[1..].find(first).map(|end| end + 1);
            start + 1..to(end).end
        }
        _ if until == Until::End || matches!(first, '{' | '[' | '|') => to(None),
        _ if is_header => to(value.find(['"', '\'', '`', '\u{1b}'])),
        _ => to(value.find(|c| is_edge(c) || matches!(c, ',' | ';' | '&' | ')' | '}' | ']'))),
    }
}

/// Whether a value says where the secret stands, `{ env: NAME }`, `{ file: PATH }` or
/// `{ credential: NAME }`, and nothing goes on behind it, so that it may be shown.
pub fn is_reference(value: &str) -> bool {
    let inner = value
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'));
    let inner = inner.filter(|(_, behind)| {
        let behind = behind.trim_start();
        behind.is_empty() || behind.starts_with([',', '}', ']', '#'])
    });
    let entry = inner.and_then(|(inner, _)| inner.split_once(':'));
    let unquote = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    entry.is_some_and(|(key, value)| names_a_place(&unquote(key), &unquote(value)))
}

/// Whether `key: value` says where a secret stands.
pub fn names_a_place(key: &str, value: &str) -> bool {
    let is_named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match key {
        "env" => !value.is_empty() && value.chars().all(is_named),
        "file" => !value.is_empty() && !value.contains(','),
        "credential" => {
            let is_named = |c: char| is_named(c) || matches!(c, '.' | '@' | '-');
            !value.is_empty() && value.chars().all(is_named)
        }
        _ => false,
    }
}

/// Adds the values of a command's options that are secrets: `--password …`, `-u user:…`.
pub fn options(text: &str, found: &mut Vec<Range<usize>>) {
    let is_between = |c: char| is_edge(c) || matches!(c, ',' | '[' | ']');
    let mut words = text
        .split(is_between)
        .filter(|word| !word.is_empty())
        .peekable();
    let start_of = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    while let Some(word) = words.next() {
        if let Some(login) = word.strip_prefix("-u").filter(|it| it.contains(':')) {
            found.push(start_of(login)..start_of(login) + login.len());
        }
        let Some(value) = words.peek() else {
            return;
        };
        if is_secret_option(word, value) {
            found.push(start_of(value)..start_of(value) + value.len());
        }
    }
}

/// Whether the option `word` makes the next word, `value`, a secret.
pub fn is_secret_option(word: &str, value: &str) -> bool {
    let name = word.trim_start_matches('-');
    if name.len() == word.len() || name.contains('=') || value.starts_with('-') {
        return false;
    }
    let is_login = LOGIN_OPTIONS.contains(&name) && value.contains(':');
    // More often than a password, `-p` takes a port.
    let is_port = value.chars().all(|c| c.is_ascii_digit());
    is_login || is_secret_name(name) || (name == "p" && !is_port)
}

/// The passwords and secret parameters of the addresses in `text`, as they stand there and decoded.
pub fn secrets_of_addresses(text: &str) -> Vec<String> {
    let (mut found, mut secrets) = (Vec::new(), Vec::new());
    logins(text, &mut found);
    for range in super::merge(found) {
        if text[..range.start].ends_with('/') {
            secrets.push(password(&text[range]).to_owned());
        }
    }
    let mut found = Vec::new();
    queries(text, &mut found);
    secrets.extend(found.into_iter().map(|range| text[range].to_owned()));
    with_decoded(secrets)
}

/// The secrets in a command's words.
pub fn secrets_of_command(words: &[String]) -> Vec<String> {
    let mut secrets = Vec::new();
    for (word, value) in words.iter().zip(words.iter().skip(1)) {
        if is_secret_option(word, value) {
            secrets.push(password(value).to_owned());
        }
    }
    for word in words {
        let mut found = Vec::new();
        settings(word, Until::Word, &mut found);
        options(word, &mut found);
        secrets.extend(
            found
                .into_iter()
                .map(|range| password(&word[range]).to_owned()),
        );
        secrets.extend(secrets_of_addresses(word));
    }
    with_decoded(secrets)
}

/// The text behind the user's name.
fn password(login: &str) -> &str {
    login
        .split_once(':')
        .map_or(login, |(_, password)| password)
}

fn with_decoded(mut secrets: Vec<String>) -> Vec<String> {
    let decode = |text: &String| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        decoded.into_owned()
    };
    let decoded: Vec<_> = secrets.iter().map(decode).collect();
    secrets.extend(decoded);
    secrets
}
