//! From the tree to the model.

use std::path::{Component, Path};
use std::time::Duration;

use super::fields::{Errors, Fields};
use super::gpio::{GpioConfig, read_gpio};
use super::listen::{ListenConfig, read_listen};
use super::model::{AdminToken, FILTERS_MEMORY, FilterRef, OnError, StepConfig, StreamConfig};
use super::settings::Settings;
use super::source::{DriverConfig, Secret, SourceConfig, read_secret, read_source};
use super::suggest::{hint, quote};
use super::web::{WebConfig, read_web};
use super::yaml::{Content, Node};

/// The shortest pipeline, for messages.
pub const LEAST: &str = "`streams:` and, indented below it, a name such as `demo:`";
/// The most characters of a stream's name.
const NAME_CHARS: usize = 64;
/// The most characters of a stream's title.
const TITLE_CHARS: usize = 100;
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
/// The most filters of a chain.
const STEPS: usize = 64;

/// The keys of a stream.
pub const STREAM_KEYS: &[&str] = &[
    "title",
    "source",
    "idle-timeout",
    "max-viewers",
    "quality",
    "filters",
];
/// The keys of a step.
pub const STEP_KEYS: &[&str] = &[
    "use",
    "enabled",
    "with",
    "assets",
    "on-error",
    "time-limit",
    "memory-limit",
];

/// What a pipeline file says, without the file.
pub struct Contents {
    pub listen: Vec<ListenConfig>,
    pub streams: Vec<StreamConfig>,
    pub admin_token: Option<AdminToken>,
    pub allowed_hosts: Vec<String>,
    pub filter_folder: Option<String>,
    pub filters_memory: u64,
    pub filter_folder_limit: u64,
    pub web: WebConfig,
    pub gpio: Option<GpioConfig>,
}

/// Reads what the file's root says.
pub fn read_pipeline(root: &Node, errors: &mut Errors) -> Option<Contents> {
    const KEYS: &[&str] = &[
        "listen",
        "admin-token",
        "allowed-hosts",
        "filter-folder",
        "filters-memory",
        "filter-folder-limit",
        "limits",
        "trusted-proxies",
        "embedding",
        "cors",
        "streams",
        "gpio",
    ];
    let fields = Fields::new(root, "a pipeline file", KEYS, errors)?;
    let listen = read_listen(&fields, errors);
    let admin_token = read_admin_token(&fields, errors);
    let allowed_hosts = read_list(
        &fields,
        "allowed-hosts",
        "[cam.example.org]",
        read_host,
        errors,
    );
    let filter_folder = fields.parsed("filter-folder", below_folder, errors);
    let filters_memory = fields.bytes("filters-memory", 64 << 20..=1 << 40, errors);
    let filter_folder_limit = fields.bytes("filter-folder-limit", 1 << 20..=1 << 40, errors);
    let web = read_web(&fields, errors);
    let Some(streams) = fields.get("streams") else {
        let span = fields.key_span("streams").unwrap_or(fields.span());
        errors.add(
            span,
            format!("the file names no streams; it needs at least {LEAST}"),
        );
        return None;
    };
    let Content::Mapping(entries) = &streams.content else {
        let found = streams.describe();
        errors.add(
            streams.span,
            format!("`streams`: expected a mapping with a name for each stream, found {found}"),
        );
        return None;
    };
    // A key that is none has been told of.
    if entries.is_empty() && errors.0.is_empty() {
        let message = "`streams`: name at least one stream, for instance `demo:`";
        errors.add(streams.span, message);
    }
    let read = |(name, node): &(Node, Node)| read_stream(name, node, errors);
    let streams: Vec<_> = entries.iter().filter_map(read).collect();
    check_shared(&streams, errors);
    let gpio = fields.get("gpio");
    Some(Contents {
        listen,
        admin_token,
        allowed_hosts,
        filter_folder,
        filters_memory: filters_memory.unwrap_or(FILTERS_MEMORY),
        filter_folder_limit: filter_folder_limit.unwrap_or(256 << 20),
        web,
        gpio: gpio.and_then(|node| read_gpio(node, &streams, errors)),
        streams,
    })
}

/// Sources that are streams must be there, and must not lead back to themselves.
fn check_shared(streams: &[StreamConfig], errors: &mut Errors) {
    for stream in streams {
        let Some(name) = stream.source.shared() else {
            continue;
        };
        if !streams.iter().any(|other| other.name == name) {
            let others = streams.iter().map(|other| other.name.as_str());
            let hint = hint(name, others.filter(|other| *other != stream.name));
            let message = format!("no stream is called {}{hint}", quote(name));
            errors.add(stream.source.span, message);
        } else if leads_back(streams, stream) {
            let message = format!(
                "the stream {} would get its frames from itself",
                quote(&stream.name)
            );
            errors.add(stream.source.span, message);
        }
    }
}

fn leads_back(streams: &[StreamConfig], start: &StreamConfig) -> bool {
    let mut current = start;
    // A way that is longer than there are streams goes round in a circle that `start` is not in.
    for _ in streams {
        let next = current.source.shared();
        let next = next.and_then(|name| streams.iter().find(|stream| stream.name == name));
        match next {
            Some(next) if next.name == start.name => return true,
            Some(next) => current = next,
            None => return false,
        }
    }
    false
}

fn read_stream(key: &Node, node: &Node, errors: &mut Errors) -> Option<StreamConfig> {
    let name = key.text().unwrap_or_default();
    if let Err(why) = check_name(name) {
        errors.add(key.span, why);
    }
    let mut stream = StreamConfig {
        name: name.to_owned(),
        title: None,
        source: SourceConfig::new(DriverConfig::Demo),
        idle_timeout: Duration::from_secs(10),
        max_viewers: None,
        quality: 85,
        filters: Vec::new(),
    };
    // `demo:` alone is a stream with all its defaults.
    if node.is_null() {
        return Some(stream);
    }
    let fields = Fields::new(node, "a stream", STREAM_KEYS, errors)?;
    stream.title = fields.parsed("title", read_title, errors);
    if let Some(source) = fields.get("source") {
        // What can't be read is an error, so that the default serves nobody.
        if let Some(source) = read_source(source, errors) {
            stream.source = source;
        }
    }
    let day = Duration::from_secs(24 * 60 * 60);
    if let Some(timeout) = fields.duration("idle-timeout", Duration::ZERO..=day, errors) {
        stream.idle_timeout = timeout;
    }
    stream.max_viewers = fields
        .whole("max-viewers", 1..=10_000, errors)
        .map(|most| most as usize);
    if let Some(quality) = fields.whole("quality", 1..=100, errors) {
        stream.quality = quality as u8;
    }
    if let Some(filters) = fields.get("filters") {
        stream.filters = read_filters(filters, errors);
    }
    Some(stream)
}

fn check_name(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let starts_well = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    if !starts_well || !chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(format!(
            "{} can't be a stream's name, which becomes part of an address: use letters, digits, `-` and `_`, a letter or digit first",
            quote(name)
        ));
    }
    if TAKEN_NAMES.contains(&name) {
        return Err(format!(
            "a stream can't be called {}: `/{name}` is an address of the server's own",
            quote(name)
        ));
    }
    if name.len() > NAME_CHARS {
        return Err(format!(
            "a stream's name may have {NAME_CHARS} characters, this one has {}",
            name.len()
        ));
    }
    Ok(())
}

fn read_title(title: &str) -> Result<String, String> {
    let chars = title.chars().count();
    if chars > TITLE_CHARS {
        return Err(format!(
            "a title may have {TITLE_CHARS} characters, this one has {chars}"
        ));
    }
    if title.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("a title is one line of text".to_owned());
    }
    if title.chars().all(is_blank) {
        return Err(
            "a title has something to see in it; without one, people see the name".to_owned(),
        );
    }
    Ok(title.to_owned())
}

/// Whether nothing is seen of a character: spaces, and what is there for other characters (Unicode's
/// `Default_Ignorable_Code_Point`, the common ones, and the blank of Braille).
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}')
        || matches!(c, '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

fn read_filters(node: &Node, errors: &mut Errors) -> Vec<StepConfig> {
    let Content::List(items) = &node.content else {
        let found = node.describe();
        errors.add(
            node.span,
            format!("`filters`: expected a list of `- use: …`, found {found}"),
        );
        return Vec::new();
    };
    if items.len() > STEPS {
        errors.add(
            items[STEPS].span,
            format!("a chain may have {STEPS} filters; this is one more"),
        );
    }
    let read = |item| read_step(item, errors);
    items.iter().filter_map(read).collect()
}

fn read_step(node: &Node, errors: &mut Errors) -> Option<StepConfig> {
    let fields = Fields::new(node, "a filter", STEP_KEYS, errors)?;
    let on_error = [("bypass", OnError::Bypass), ("drop", OnError::Drop)];
    let on_error = fields.choice("on-error", &on_error, errors);
    let enabled = fields.flag("enabled", errors);
    let time = Duration::from_millis(10)..=Duration::from_secs(60);
    let time_limit = fields.duration("time-limit", time, errors);
    let memory_limit = fields.bytes("memory-limit", 1 << 20..=4 << 30, errors);
    let with = read_with(&fields, errors);
    let assets = read_assets(&fields, errors);
    let Some(use_) = fields.get("use") else {
        errors.add(
            fields.span(),
            "a filter needs `use`: the name of a built-in filter, or the path of a `.wasm` file",
        );
        return None;
    };
    let name = fields.text("use", errors)?;
    Some(StepConfig {
        filter: filter_ref(name),
        enabled: enabled.unwrap_or(true),
        assets,
        on_error: on_error.unwrap_or_default(),
        time_limit: time_limit.unwrap_or(Duration::from_secs(1)),
        memory_limit: memory_limit.unwrap_or(256 << 20),
        use_span: use_.span,
        written: node.to_json(),
        with,
    })
}

fn filter_ref(name: &str) -> FilterRef {
    let is_path = name.contains(['/', '\\']) || name.ends_with(".wasm");
    if is_path {
        FilterRef::Path(name.to_owned())
    } else {
        FilterRef::BuiltIn(name.to_owned())
    }
}

fn read_with(fields: &Fields<'_>, errors: &mut Errors) -> Settings {
    let node = fields.get("with");
    match node.map(|node| (node, &node.content)) {
        None | Some((_, Content::Mapping(_))) => {}
        Some((node, _)) => {
            let found = node.describe();
            let message =
                format!("`with`: expected the filter's settings as `name: value`, found {found}");
            errors.add(node.span, message);
        }
    }
    Settings::new(fields.key_span("with"), node.cloned())
}

fn read_assets(fields: &Fields<'_>, errors: &mut Errors) -> Vec<String> {
    read_list(fields, "assets", "[logo.png]", below_folder, errors)
}

/// A list of texts that `read` accepts.
pub fn read_list<T>(
    fields: &Fields<'_>,
    key: &str,
    example: &str,
    read: fn(&str) -> Result<T, String>,
    errors: &mut Errors,
) -> Vec<T> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let Content::List(items) = &node.content else {
        let found = node.describe();
        let message = format!("`{key}`: expected a list such as `{example}`, found {found}");
        errors.add(node.span, message);
        return Vec::new();
    };
    let mut texts = Vec::new();
    for item in items {
        let text = item.text().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("expected a text, found {}", item.describe()));
        match text.and_then(read) {
            Ok(text) => texts.push(text),
            Err(why) => errors.add(item.span, format!("`{key}`: {why}")),
        }
    }
    texts
}

fn below_folder(name: &str) -> Result<String, String> {
    let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(name).components().all(is_below) {
        return Err(format!(
            "{} does not lie below the pipeline file's folder: write a relative path without `..`",
            quote(name)
        ));
    }
    Ok(name.to_owned())
}

fn read_host(name: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if !name.chars().all(is_fine) {
        return Err(format!(
            "expected a host's name without port and scheme, such as `cam.example.org`, found {}",
            quote(name)
        ));
    }
    Ok(name.to_ascii_lowercase())
}

fn read_admin_token(fields: &Fields<'_>, errors: &mut Errors) -> Option<AdminToken> {
    let node = fields.get("admin-token")?;
    match read_secret(node, "admin-token", errors)? {
        Secret::Text(_) => {
            let message = "`admin-token`: expected `{env: NAME}` or `{file: PATH}`: here, everybody who may read this file could read it";
            errors.add(node.span, message);
            None
        }
        secret => Some(AdminToken {
            secret,
            span: node.span,
        }),
    }
}
