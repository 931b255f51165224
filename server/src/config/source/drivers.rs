//! From the tree to the model: the settings of each driver. `driver` is where its name stands.

use super::super::error::Span;
use super::super::fields::{Errors, Fields};
use super::super::suggest::quote;
use super::super::yaml::Content;
use super::address::{check_http_url, check_rtsp_url, with_login};
use super::login::read_login;
use super::spec::camera_device;
use super::{
    CameraConfig, CameraFormat, DriverConfig, ExecConfig, FILES_FPS, FilesConfig, HARDWARE,
    HttpConfig, PiCameraConfig, QUALITY, RtspConfig, Size,
};
use crate::secret::{SecretText, note, secrets_of_command};

pub fn read_files(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
    // What is wrong with it has been told of.
    let fps = fields.number("fps", 0.01..=240.0, &mut Errors::default());
    let repeat = fields.flag("loop", errors).unwrap_or(true);
    let path = required(
        fields,
        "path",
        driver,
        "the driver `files` needs a `path`: JPEG files such as `frames/*.jpg`, a folder of them, or one `.mjpeg` file",
        errors,
    )?;
    Some(DriverConfig::Files(FilesConfig {
        path: path.to_owned(),
        fps: fps.unwrap_or(FILES_FPS),
        repeat,
    }))
}

pub fn read_camera(fields: &Fields<'_>, _: Span, errors: &mut Errors) -> Option<DriverConfig> {
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

pub fn read_http(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
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

pub fn read_exec(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
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
    secrets_of_command(&command).iter().for_each(|it| note(it));
    let command = command.into_iter().map(SecretText::new).collect();
    Some(DriverConfig::Exec(ExecConfig { command }))
}

pub fn read_rtsp(fields: &Fields<'_>, driver: Span, errors: &mut Errors) -> Option<DriverConfig> {
    let transport = fields.choice("transport", &[("tcp", "tcp"), ("udp", "udp")], errors);
    let size = fields.parsed("size", size, errors);
    let quality = quality(fields, errors);
    let hardware: Vec<_> = HARDWARE.iter().map(|name| (*name, *name)).collect();
    let hardware = fields.choice("hardware", &hardware, errors);
    let via_ffmpeg = fields.choice("via", &[("ffmpeg", true)], errors);
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
        via_ffmpeg: via_ffmpeg.unwrap_or(false),
    }))
}

pub fn read_pi_camera(fields: &Fields<'_>, _: Span, errors: &mut Errors) -> Option<DriverConfig> {
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
