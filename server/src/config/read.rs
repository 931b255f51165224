//! From the tree to the model.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::error::{ConfigError, Diagnostic, SourceFile, Span};
use super::fields::{Errors, Fields};
use super::model::{FilterRef, OnError, Pipeline, SourceConfig, StepConfig, StreamConfig};
use super::yaml::{self, Content, Node};

const FILE_BYTES: u64 = 1 << 20;
const NAME_CHARS: usize = 64;
const STEPS: usize = 64;

impl Pipeline {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|why| ConfigError::unreadable(&name, why))?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        Self::parse(&text, &name, folder)
    }

    /// Checks the text of a file called `name` in `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, ConfigError> {
        let file = SourceFile {
            name: name.into(),
            text: text.into(),
        };
        let mut errors = Errors::default();
        let pipeline = match yaml::parse(text) {
            Ok(Some(root)) if !root.is_null() => read_pipeline(&root, &mut errors),
            Ok(_) => {
                errors.add(Span::START, "the file is empty; it needs `streams`");
                None
            }
            Err(diagnostic) => {
                errors.0.push(diagnostic);
                None
            }
        };
        match pipeline {
            Some((listen, streams)) if errors.0.is_empty() => Ok(Self {
                listen,
                streams,
                folder: folder.to_owned(),
                file,
            }),
            _ => Err(ConfigError::new(file, errors.0)),
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let why = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            "no such file; name one with --config, or write it (README.md shows how)".to_owned()
        }
        _ => error.to_string(),
    };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .map_err(why)?
        .take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(why)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err("is larger than 1 MiB, which no pipeline file is".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
        format!("line {line} is not UTF-8 text")
    })
}

fn read_pipeline(root: &Node, errors: &mut Errors) -> Option<(SocketAddr, Vec<StreamConfig>)> {
    let fields = Fields::new(root, "a pipeline file", &["listen", "streams"], errors)?;
    let listen = read_listen(&fields, errors);
    let Some(streams) = fields.get("streams") else {
        let span = fields.key_span("streams").unwrap_or(fields.span());
        errors.add(
            span,
            "`streams` is missing: name at least one stream, for instance `demo: {}` below `streams:`",
        );
        return None;
    };
    let Content::Mapping(entries) = &streams.content else {
        let found = streams.describe();
        errors.add(
            streams.span,
            format!("`streams`: expected names with what they stream, found {found}"),
        );
        return None;
    };
    if entries.is_empty() {
        errors.add(streams.span, "`streams`: name at least one stream");
    }
    let read = |(name, node): &(Node, Node)| read_stream(name, node, errors);
    let streams = entries.iter().filter_map(read).collect();
    Some((listen, streams))
}

fn read_listen(fields: &Fields<'_>, errors: &mut Errors) -> SocketAddr {
    const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
    let Some(text) = fields.text("listen", errors) else {
        return DEFAULT;
    };
    parse_listen(text).unwrap_or_else(|why| {
        let span = fields.get("listen").map_or(fields.span(), |node| node.span);
        errors.add(span, format!("`listen`: {why}"));
        DEFAULT
    })
}

/// An address to listen on: an IP address or `localhost`, and a port.
///
/// # Errors
/// A text that says what was expected.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    address.parse().map_err(|_| {
        format!(
            "expected an IP address and a port, such as `127.0.0.1:8080` or `0.0.0.0:8080`, found `{text}`"
        )
    })
}

fn read_stream(key: &Node, node: &Node, errors: &mut Errors) -> Option<StreamConfig> {
    const KEYS: &[&str] = &["source", "idle-timeout", "quality", "filters"];
    let name = key.text().unwrap_or_default();
    if let Err(why) = check_name(name) {
        errors.add(key.span, why);
    }
    let mut stream = StreamConfig {
        name: name.to_owned(),
        source: SourceConfig::Demo,
        idle_timeout: Duration::from_secs(10),
        quality: 85,
        filters: Vec::new(),
    };
    // `demo:` alone is a stream with all its defaults.
    if node.is_null() {
        return Some(stream);
    }
    let fields = Fields::new(node, "a stream", KEYS, errors)?;
    if let Some(source) = fields.get("source") {
        stream.source = read_source(source, errors)?;
    }
    let day = Duration::from_secs(24 * 60 * 60);
    if let Some(timeout) = fields.duration("idle-timeout", Duration::ZERO..=day, errors) {
        stream.idle_timeout = timeout;
    }
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
            "`{name}` can't be a stream's name: it becomes part of an address, so use letters, digits, `-` and `_`"
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

fn read_source(node: &Node, errors: &mut Errors) -> Option<SourceConfig> {
    const DRIVERS: &[(&str, &[&str])] = &[
        ("demo", &["driver"]),
        ("files", &["driver", "path", "fps", "loop"]),
    ];
    let Content::Mapping(entries) = &node.content else {
        let found = node.describe();
        errors.add(
            node.span,
            format!("`source`: expected a mapping such as `driver: demo`, found {found}"),
        );
        return None;
    };
    let driver = entries.iter().find(|(key, _)| key.text() == Some("driver"));
    let Some((_, driver)) = driver else {
        errors.add(
            node.span,
            "`source` needs a `driver`; there is `demo` and `files`",
        );
        return None;
    };
    let name = driver.text().unwrap_or_default();
    let Some((_, keys)) = DRIVERS.iter().find(|(known, _)| *known == name) else {
        let hint = super::hint(name, DRIVERS.iter().map(|(name, _)| *name));
        errors.add(driver.span, format!("no driver is called `{name}`{hint}"));
        return None;
    };
    let fields = Fields::new(node, &format!("the driver `{name}`"), keys, errors)?;
    match name {
        "demo" => Some(SourceConfig::Demo),
        _ => read_files(&fields, driver.span, errors),
    }
}

fn read_files(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<SourceConfig> {
    let fps = fields.number("fps", 0.01..=240.0, errors).unwrap_or(10.0);
    let repeat = fields.flag("loop", errors).unwrap_or(true);
    let Some(path) = fields.get("path") else {
        errors.add(
            driver,
            "the driver `files` needs a `path`: JPEG files such as `frames/*.jpg`, or one `.mjpeg` file",
        );
        return None;
    };
    Some(SourceConfig::Files {
        path: fields.text("path", errors)?.to_owned(),
        path_span: path.span,
        fps,
        repeat,
    })
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
            format!("a chain may have {STEPS} filters"),
        );
    }
    let read = |item| read_step(item, errors);
    items.iter().filter_map(read).collect()
}

fn read_step(node: &Node, errors: &mut Errors) -> Option<StepConfig> {
    const KEYS: &[&str] = &[
        "use",
        "with",
        "assets",
        "on-error",
        "time-limit",
        "memory-limit",
    ];
    let fields = Fields::new(node, "a filter", KEYS, errors)?;
    let on_error = [("bypass", OnError::Bypass), ("drop", OnError::Drop)];
    let on_error = fields.choice("on-error", &on_error, errors);
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
        assets,
        on_error: on_error.unwrap_or_default(),
        time_limit: time_limit.unwrap_or(Duration::from_secs(1)),
        memory_limit: memory_limit.unwrap_or(256 << 20),
        use_span: use_.span,
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

fn read_with(fields: &Fields<'_>, errors: &mut Errors) -> Option<Node> {
    let node = fields.get("with")?;
    if matches!(node.content, Content::Mapping(_)) {
        return Some(node.clone());
    }
    let found = node.describe();
    errors.0.push(Diagnostic::new(
        node.span,
        format!("`with`: expected the filter's settings as `name: value`, found {found}"),
    ));
    None
}

fn read_assets(fields: &Fields<'_>, errors: &mut Errors) -> Vec<String> {
    let Some(node) = fields.get("assets") else {
        return Vec::new();
    };
    let Content::List(items) = &node.content else {
        let found = node.describe();
        errors.add(
            node.span,
            format!("`assets`: expected a list of files, found {found}"),
        );
        return Vec::new();
    };
    let mut names = Vec::new();
    for item in items {
        match item.text() {
            Some(name) => names.push(name.to_owned()),
            None => errors.add(item.span, "`assets`: expected the name of a file"),
        }
    }
    names
}
