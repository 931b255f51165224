//! From the tree to the model: which driver, and what all of them have.

use std::time::Duration;

use super::super::error::Span;
use super::super::fields::{Errors, Fields};
use super::super::suggest::{hint, list, quote};
use super::super::yaml::{Content, Node};
use super::drivers::{read_camera, read_exec, read_files, read_http, read_pi_camera, read_rtsp};
use super::warm_up::read_warm_up;
use super::{DriverConfig, MAX_MEGAPIXELS, SharedConfig, SharedFrames, SourceConfig, WarmUp};

type Read = fn(&Fields<'_>, Span, &mut Errors) -> Option<DriverConfig>;

/// A driver's name, its keys besides those of all drivers, and its reader.
struct Driver {
    name: &'static str,
    keys: &'static [&'static str],
    read: Read,
}

/// Keys that every driver has.
const COMMON: &[&str] = &[
    "driver",
    "fps",
    "stall-timeout",
    "max-megapixels",
    "warm-up",
];

const DRIVERS: &[Driver] = &[
    Driver {
        name: "demo",
        keys: &[],
        read: |_, _, _| Some(DriverConfig::Demo),
    },
    Driver {
        name: "files",
        keys: &["path", "loop"],
        read: read_files,
    },
    Driver {
        name: "camera",
        keys: &["device", "size", "format", "controls", "quality"],
        read: read_camera,
    },
    Driver {
        name: "http",
        keys: &["url", "user", "password", "verify-tls"],
        read: read_http,
    },
    Driver {
        name: "exec",
        keys: &["command"],
        read: read_exec,
    },
    Driver {
        name: "rtsp",
        keys: &[
            "url",
            "user",
            "password",
            "transport",
            "size",
            "quality",
            "hardware",
            "via",
        ],
        read: read_rtsp,
    },
    Driver {
        name: "pi-camera",
        keys: &["camera", "size", "rotation", "quality"],
        read: read_pi_camera,
    },
];

/// Reads what stands below `source`.
pub fn read_source(node: &Node, errors: &mut Errors) -> Option<SourceConfig> {
    if !matches!(node.content, Content::Mapping(_)) {
        let found = node.describe();
        errors.add(
            node.span,
            format!("`source`: expected a mapping such as `driver: demo`, found {found}"),
        );
        return None;
    }
    if node.entry("stream").is_some() && node.entry("driver").is_none() {
        return read_shared(node, errors);
    }
    let entry = node.entry("driver");
    let Some((_, name)) = entry.filter(|(_, name)| !name.is_null()) else {
        let message = format!(
            "`source` needs a `driver`; there is {}; or `stream`, the name of another stream",
            list(names())
        );
        errors.add(node.span, message);
        return None;
    };
    let driver = find_driver(name, errors)?;
    let keys = [COMMON, driver.keys].concat();
    let owner = format!("the driver `{}`", driver.name);
    let fields = Fields::new(node, &owner, &keys, errors)?;
    let common = read_common(&fields, errors);
    let read = (driver.read)(&fields, name.span, errors)?;
    let is_recording = matches!(read, DriverConfig::Files(_));
    Some(SourceConfig {
        driver: read,
        // A recording has no rate but this one.
        fps: common.fps.filter(|_| !is_recording),
        stall_timeout: common.stall_timeout,
        max_megapixels: common.max_megapixels,
        warm_up: common.warm_up,
        span: span_of(&fields, &["path", "url", "command", "device"], name.span),
    })
}

/// The values of the keys that every driver has.
struct Common {
    fps: Option<f64>,
    stall_timeout: Duration,
    max_megapixels: f64,
    warm_up: WarmUp,
}

fn read_common(fields: &Fields<'_>, errors: &mut Errors) -> Common {
    let range = Duration::from_millis(100)..=Duration::from_secs(60 * 60);
    let stall = fields.duration("stall-timeout", range, errors);
    // Up to 16384 a side, as everywhere.
    let max_megapixels = fields.number("max-megapixels", 0.01..=268.0, errors);
    Common {
        fps: fields.number("fps", 0.01..=240.0, errors),
        stall_timeout: stall.unwrap_or(Duration::from_secs(5)),
        max_megapixels: max_megapixels.unwrap_or(MAX_MEGAPIXELS),
        warm_up: read_warm_up(fields, errors).unwrap_or_default(),
    }
}

fn span_of(fields: &Fields<'_>, keys: &[&str], default: Span) -> Span {
    let mut nodes = keys.iter().filter_map(|key| fields.get(key));
    nodes.next().map_or(default, |node| node.span)
}

fn names() -> impl Iterator<Item = &'static str> + Clone {
    DRIVERS.iter().map(|driver| driver.name)
}

fn find_driver(node: &Node, errors: &mut Errors) -> Option<&'static Driver> {
    let name = node.text().unwrap_or_default();
    let found = DRIVERS.iter().find(|driver| driver.name == name);
    if found.is_none() {
        let hint = hint(name, names());
        let message = match node.text() {
            Some(name) => format!("no driver is called {}{hint}", quote(name)),
            None => format!("`driver`: expected a name, found {}{hint}", node.describe()),
        };
        errors.add(node.span, message);
    }
    found
}

fn read_shared(node: &Node, errors: &mut Errors) -> Option<SourceConfig> {
    let keys = ["stream", "frames", "fps", "stall-timeout", "max-megapixels"];
    let fields = Fields::new(node, "a source that is another stream", &keys, errors)?;
    let frames = [
        ("unfiltered", SharedFrames::Unfiltered),
        ("filtered", SharedFrames::Filtered),
    ];
    let frames = fields.choice("frames", &frames, errors);
    let common = read_common(&fields, errors);
    let Some(name) = fields.get("stream") else {
        let message = "`stream`: expected the name of another stream";
        errors.add(fields.span(), message);
        return None;
    };
    Some(SourceConfig {
        driver: DriverConfig::Stream(SharedConfig {
            name: fields.text("stream", errors)?.to_owned(),
            frames: frames.unwrap_or_default(),
        }),
        fps: common.fps,
        stall_timeout: common.stall_timeout,
        max_megapixels: common.max_megapixels,
        warm_up: common.warm_up,
        span: name.span,
    })
}
