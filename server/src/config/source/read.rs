//! From the tree to the model.

use std::time::Duration;

use url::Url;

use super::super::error::Span;
use super::super::fields::{Errors, Fields};
use super::super::suggest::{hint, list, quote};
use super::super::yaml::{Content, Node};
use super::spec::camera_device;
use super::*;

type Read = fn(&Fields<'_>, Span, &mut Errors) -> Option<DriverConfig>;

/// A driver's name, its keys besides those of all drivers, and its reader.
struct Driver {
    name: &'static str,
    keys: &'static [&'static str],
    read: Read,
}

/// Keys that every driver has.
const COMMON: &[&str] = &["driver", "fps", "stall-timeout"];

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
    let (fps, stall_timeout) = read_common(&fields, errors);
    let read = (driver.read)(&fields, name.span, errors)?;
    let is_recording = matches!(read, DriverConfig::Files(_));
    Some(SourceConfig {
        driver: read,
        // A recording has no rate but this one.
        fps: fps.filter(|_| !is_recording),
        stall_timeout,
        span: span_of(&fields, &["path", "url", "command", "device"], name.span),
    })
}

fn read_common(fields: &Fields<'_>, errors: &mut Errors) -> (Option<f64>, Duration) {
    let range = Duration::from_millis(100)..=Duration::from_secs(60 * 60);
    let stall = fields.duration("stall-timeout", range, errors);
    let fps = fields.number("fps", 0.01..=240.0, errors);
    (fps, stall.unwrap_or(Duration::from_secs(5)))
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
    let keys = ["stream", "frames", "fps", "stall-timeout"];
    let fields = Fields::new(node, "a source that is another stream", &keys, errors)?;
    let frames = [
        ("unfiltered", SharedFrames::Unfiltered),
        ("filtered", SharedFrames::Filtered),
    ];
    let frames = fields.choice("frames", &frames, errors);
    let (fps, stall_timeout) = read_common(&fields, errors);
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
        fps,
        stall_timeout,
        span: name.span,
    })
}

fn read_files(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
    // What is wrong with it has been told of.
    let fps = fields.number("fps", 0.01..=240.0, &mut Errors::default());
    let repeat = fields.flag("loop", errors).unwrap_or(true);
    let path = required(
        fields,
        "path",
        driver,
        "the driver `files` needs a `path`: JPEG files such as `frames/*.jpg`, or one `.mjpeg` file",
        errors,
    )?;
    Some(DriverConfig::Files(FilesConfig {
        path: path.to_owned(),
        fps: fps.unwrap_or(FILES_FPS),
        repeat,
    }))
}

fn read_camera(fields: &Fields<'_>, _: Span, errors: &mut Errors) -> Option<DriverConfig> {
    let device = fields.text("device", errors).unwrap_or("0");
    Some(DriverConfig::Camera(CameraConfig {
        device: camera_device(device),
        size: fields.parsed("size", size, errors),
        format: fields
            .choice("format", CameraFormat::NAMES, errors)
            .unwrap_or_default(),
        controls: read_controls(fields, errors),
        quality: quality(fields, errors),
    }))
}

fn read_controls(fields: &Fields<'_>, errors: &mut Errors) -> Vec<(String, i64)> {
    let Some(node) = fields.get("controls") else {
        return Vec::new();
    };
    if !matches!(node.content, Content::Mapping(_)) {
        let found = node.describe();
        let message = format!(
            "`controls`: expected controls as `name: value`, such as `brightness: 128`, found {found}"
        );
        errors.add(node.span, message);
    }
    let mut controls = Vec::new();
    for (name, value) in node.entries() {
        let label = name.text().unwrap_or_default();
        match value.scalar() {
            Some(serde_json::Value::Bool(on)) => controls.push((label.to_owned(), on.into())),
            Some(number) if number.is_i64() => {
                controls.extend(number.as_i64().map(|number| (label.to_owned(), number)));
            }
            _ => {
                let found = value.describe();
                let message = format!(
                    "{} of `controls`: expected a whole number, `true` or `false`, found {found}",
                    quote(label)
                );
                errors.add(value.span, message);
            }
        }
    }
    controls
}

fn read_http(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
    let verify_tls = fields.flag("verify-tls", errors).unwrap_or(true);
    let own = read_login(fields, errors);
    let missing = "the driver `http` needs a `url`: an MJPEG stream's address or a snapshot's";
    required(fields, "url", driver, missing, errors)?;
    let url = fields.parsed("url", check_http_url, errors)?;
    let (url, in_url) = with_login(url);
    Some(DriverConfig::Http(HttpConfig {
        url,
        login: own.or(in_url),
        verify_tls,
    }))
}

fn read_exec(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
    const EXPECTED: &str = "a list of the program and its arguments, such as `[rpicam-vid, --codec, mjpeg, -t, \"0\", -o, \"-\"]`";
    let Some(node) = fields.get("command") else {
        errors.add(
            driver,
            format!("the driver `exec` needs a `command`: {EXPECTED}"),
        );
        return None;
    };
    let words: Option<Vec<_>> = match &node.content {
        Content::List(items) if !items.is_empty() => items
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect(),
        _ => None,
    };
    let Some(command) = words.filter(|words| !words[0].is_empty()) else {
        let found = node.describe();
        errors.add(
            node.span,
            format!("`command`: expected {EXPECTED}, found {found}"),
        );
        return None;
    };
    Some(DriverConfig::Exec(ExecConfig { command }))
}

fn read_rtsp(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
    let transport = fields.choice("transport", &[("tcp", "tcp"), ("udp", "udp")], errors);
    let size = fields.parsed("size", size, errors);
    let quality = quality(fields, errors);
    let hardware: Vec<_> = HARDWARE.iter().map(|name| (*name, *name)).collect();
    let hardware = fields.choice("hardware", &hardware, errors);
    let own = read_login(fields, errors);
    let missing = "the driver `rtsp` needs a `url`, such as `rtsp://camera/stream`";
    required(fields, "url", driver, missing, errors)?;
    let url = fields.parsed("url", check_rtsp_url, errors)?;
    let (url, in_url) = with_login(url);
    Some(DriverConfig::Rtsp(RtspConfig {
        url,
        login: own.or(in_url),
        transport: transport.unwrap_or("tcp"),
        size,
        quality,
        hardware,
    }))
}

fn read_pi_camera(fields: &Fields<'_>, _: Span, errors: &mut Errors) -> Option<DriverConfig> {
    let camera = fields.whole("camera", 0..=9, errors).unwrap_or(0);
    let default = PiCameraConfig::new(camera as u8);
    let rotation = fields.choice("rotation", &[("0", 0), ("180", 180)], errors);
    Some(DriverConfig::PiCamera(PiCameraConfig {
        size: fields.parsed("size", size, errors).unwrap_or(default.size),
        rotation: rotation.unwrap_or(0),
        quality: quality(fields, errors),
        ..default
    }))
}

fn quality(fields: &Fields<'_>, errors: &mut Errors) -> u8 {
    fields
        .whole("quality", 1..=100, errors)
        .map_or(QUALITY, |quality| quality as u8)
}

fn required<'a>(
    fields: &Fields<'a>,
    key: &str,
    driver: Span,
    missing: &str,
    errors: &mut Errors,
) -> Option<&'a str> {
    if fields.get(key).is_none() {
        errors.add(driver, missing);
    }
    fields.text(key, errors)
}

fn size(text: &str) -> Result<Size, String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=16384).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| {
            Some(Size {
                width: side(width)?,
                height: side(height)?,
            })
        })
        .ok_or_else(|| {
            let found = quote(text);
            format!("expected a size such as `1280x720`, up to 16384 a side, found {found}")
        })
}

fn read_login(fields: &Fields<'_>, errors: &mut Errors) -> Option<Login> {
    let user = fields.text("user", errors);
    let password = fields.get("password");
    let user = match (user, password) {
        (Some(user), _) => user,
        (None, Some(password)) if fields.get("user").is_none() => {
            errors.add(password.span, "`password` needs a `user`");
            return None;
        }
        _ => return None,
    };
    let password = match password {
        Some(node) => read_secret(node, errors)?,
        None => Secret::Text(String::new()),
    };
    Some(Login {
        user: user.to_owned(),
        password,
    })
}

fn read_secret(node: &Node, errors: &mut Errors) -> Option<Secret> {
    if let Some(text) = node.text() {
        return Some(Secret::Text(text.to_owned()));
    }
    let named = match node.entries() {
        [(key, value)] => value.text().map(|value| (key.text(), value.to_owned())),
        _ => None,
    };
    match named {
        Some((Some("env"), name)) => Some(Secret::Env(name)),
        Some((Some("file"), path)) => Some(Secret::File(path)),
        _ => {
            let found = node.describe();
            let message = format!(
                "`password`: expected a text, `{{env: NAME}}` or `{{file: PATH}}`, found {found}"
            );
            errors.add(node.span, message);
            None
        }
    }
}

/// An address of HTTP.
pub fn check_http_url(text: &str) -> Result<Url, String> {
    check_url(text, &["http", "https"])
}

/// An address of RTSP.
pub fn check_rtsp_url(text: &str) -> Result<Url, String> {
    check_url(text, &["rtsp", "rtsps"])
}

fn check_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let [scheme, _] = schemes else { unreachable!() };
    let expected = || {
        let found = quote(text);
        format!("expected an address such as `{scheme}://camera/video`, found {found}")
    };
    let url = Url::parse(text).map_err(|_| expected())?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    (schemes.contains(&url.scheme()) && has_host)
        .then_some(url)
        .ok_or_else(expected)
}

/// The address without user and password, and these.
pub fn with_login(mut url: Url) -> (String, Option<Login>) {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let user = decode(url.username());
    let password = decode(url.password().unwrap_or_default());
    // Both fail only where there is no host, which has been checked.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    debug_assert!(cleared.is_ok());
    let login = (!user.is_empty()).then_some(Login {
        user,
        password: Secret::Text(password),
    });
    (url.into(), login)
}
