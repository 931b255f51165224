//! `source:` of a stream: which camera driver, and its settings.

mod address;
mod login;
mod mask;
mod spec;
mod warm_up;

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

pub use address::{check_http_url, check_rtsp_url, check_url, check_webhook_url};
pub use login::{Login, Secret, SecretError, settle_login};
pub use mask::{
    MaskArea, MaskColor, MaskConfig, parse_mask_area, parse_mask_color, parse_mask_condition,
};
pub use spec::parse_spec;
pub use warm_up::{WarmUp, parse_warm_up};

use super::super::error::Diagnostic;
use super::super::suggest::quote;
use super::super::units;
use super::super::value_error::ValueError;
use super::{Config, schemas};
use crate::secret::{SecretText, note_command};

/// The source of a stream's frames.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = per_driver, extend(
    "x-expected" = "a mapping such as `driver: demo`",
    "x-or" = "; or `stream`, the name of another stream",
))]
pub struct SourceConfig {
    /// The driver and its settings. Default: the demo camera.
    #[serde(flatten)]
    pub driver: DriverConfig,
    /// The most frames per second that are taken; more are dropped before any work is done on them.
    /// A recording's rate, 10 where it is not said.
    #[schemars(range(min = 0.01, max = 240.0))]
    pub fps: Option<f64>,
    /// The time for which a camera may give no frame before it is closed and opened again.
    #[serde(default = "stall_timeout", with = "units::duration_text")]
    #[schemars(schema_with = "schemas::duration", extend("x-range" = ["100ms", "1h"]))]
    pub stall_timeout: Duration,
    /// The most megapixels (millions of pixels) of a picture; larger ones are left out.
    // Up to 16384 a side, as everywhere.
    #[serde(default = "max_megapixels")]
    #[schemars(range(min = 0.01, max = 268.0))]
    pub max_megapixels: f64,
    /// The part of a camera's start that is left out, since its first pictures are dark: a time
    /// (`2s`) or a number of frames (`10`).
    #[serde(default)]
    pub warm_up: WarmUp,
    /// Privacy masks: areas of the picture that nobody gets to see. Metadata that may show them is
    /// left out, too.
    #[serde(default)]
    #[schemars(length(max = 32), extend(
        "x-expected" = "a list of masks such as `- { name: neighbour, \
            area: \"0,0.4,0.2,0.4,0.2,1\" }`",
        "x-too-many" = "a source may have 32 masks; this is one more",
    ))]
    pub masks: Vec<MaskConfig>,
}

fn stall_timeout() -> Duration {
    Duration::from_secs(5)
}

/// The size of phones' and network cameras' largest sensors.
fn max_megapixels() -> f64 {
    40.0
}

/// A driver's keys stand beside those of all drivers: makes a schema of them for each driver.
fn per_driver(schema: &mut Schema) {
    let source = schema.ensure_object();
    let common = source.remove("properties").unwrap_or_default();
    source.remove("type");
    source.remove("required");
    let drivers = source.remove("anyOf").or_else(|| source.remove("oneOf"));
    let drivers = drivers.as_ref().and_then(Value::as_array);
    let drivers = drivers.into_iter().flatten();
    let of_driver = |driver: &Value| of_driver(driver, common.as_object());
    source.insert("oneOf".to_owned(), drivers.map(of_driver).collect());
}

fn of_driver(driver: &Value, common: Option<&Map<String, Value>>) -> Value {
    let name = driver.pointer("/properties/driver/const");
    let name = name.and_then(Value::as_str);
    let own = driver.get("properties").and_then(Value::as_object);
    let (tag, own): (Map<_, _>, Map<_, _>) = own
        .cloned()
        .unwrap_or_default()
        .into_iter()
        .partition(|(key, _)| key == "driver");
    // Another stream's camera was opened for that one.
    let is_meant = |(key, _): &(String, Value)| name.is_some() || key != "warm-up";
    let common = common.cloned().unwrap_or_default().into_iter();
    let common = common.filter(is_meant);
    let properties: Map<_, _> = tag.into_iter().chain(own).chain(common).collect();
    let title = match name {
        Some(name) => format!("the driver {}", quote(name)),
        None => "a source that is another stream".to_owned(),
    };
    json!({
        "type": "object",
        "title": title,
        "description": driver.get("description").cloned().unwrap_or_default(),
        "properties": properties,
        "required": driver.get("required"),
        "additionalProperties": false,
    })
}

/// A camera driver and its settings.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "driver", rename_all = "kebab-case")]
pub enum DriverConfig {
    /// A drawn scene, 1280 × 720 at 15 fps.
    Demo,
    /// A recording: JPEG files, or one `.mjpeg` file. Files that come and go are seen.
    Files(FilesConfig),
    /// A local camera, on USB or built in; needs a build with the feature `camera`.
    Camera(CameraConfig),
    /// A network camera's or another Mattebox's MJPEG address, or a snapshot's, which is asked for
    /// `fps` times a second (1).
    Http(HttpConfig),
    /// A command that writes JPEGs to its standard output.
    Exec(ExecConfig),
    /// A network camera that sends JPEG, H.264 or H.265; ffmpeg decodes the last two.
    Rtsp(RtspConfig),
    /// The Raspberry Pi's camera, by way of `rpicam-vid` or `libcamera-vid`.
    PiCamera(PiCameraConfig),
    /// Another stream.
    #[serde(untagged)]
    Stream(SharedConfig),
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct FilesConfig {
    /// JPEG files such as `frames/*.jpg` or `img%04d.jpg`, a folder of them, or one `.mjpeg` file;
    /// relative to this file.
    #[schemars(length(min = 1), extend(
        "x-missing" = "the driver `files` needs a `path`: JPEG files such as `frames/*.jpg`, a \
            folder of them, or one `.mjpeg` file",
    ))]
    pub path: String,
    /// Frames per second, 0.01 to 240. Default 10.
    #[serde(skip, default = "files_fps")]
    pub fps: f64,
    /// Whether it starts again at its end.
    #[serde(rename = "loop", default = "yes")]
    pub repeat: bool,
}

/// Frames per second of a recording.
fn files_fps() -> f64 {
    10.0
}

pub fn yes() -> bool {
    true
}

/// A local camera.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct CameraConfig {
    /// The camera's number, or its path such as `/dev/v4l/by-id/…`.
    #[serde(default)]
    #[schemars(schema_with = "schemas::camera_device")]
    pub device: CameraDevice,
    /// The size to ask for. Without it the largest that comes as JPEG, up to 1920 × 1080.
    pub size: Option<Size>,
    /// The format to ask for.
    #[serde(default)]
    pub format: CameraFormat,
    /// Controls as `mattebox cameras` lists them, such as `brightness: 128`.
    #[serde(default, deserialize_with = "controls")]
    #[schemars(schema_with = "schemas::controls")]
    pub controls: Vec<(String, i64)>,
    /// JPEG quality of raw formats.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
}

/// JPEG quality where the camera gives none.
fn quality() -> u8 {
    85
}

fn controls<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, i64)>, D::Error> {
    let entries = Map::<String, Value>::deserialize(from)?;
    let number = |value: &Value| value.as_i64().or(value.as_bool().map(i64::from));
    let control = |(name, value): (String, Value)| Some((name, number(&value)?));
    Ok(entries.into_iter().filter_map(control).collect())
}

/// A local camera's name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum CameraDevice {
    /// By the system's numbering, from 0.
    Index(u32),
    /// By the device's path, such as `/dev/v4l/by-id/…`.
    Path(String),
}

impl Default for CameraDevice {
    fn default() -> Self {
        Self::Index(0)
    }
}

impl From<String> for CameraDevice {
    /// A number, or a path; nothing is the first camera.
    fn from(text: String) -> Self {
        match text.parse() {
            Ok(index) => Self::Index(index),
            Err(_) if text.is_empty() => Self::Index(0),
            Err(_) => Self::Path(text),
        }
    }
}

/// A local camera's coding of its pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CameraFormat {
    /// The cheapest that there is: JPEG, else a raw one.
    #[default]
    Auto,
    /// Motion JPEG.
    Mjpeg,
    /// 4:2:2, packed as Y Cb Y Cr.
    Yuyv,
    /// 4:2:2, packed as Cb Y Cr Y.
    Uyvy,
    /// 4:2:0, a plane of Y and one of Cb Cr pairs.
    Nv12,
    /// 4:2:0 in three planes, Y, Cb, Cr.
    Yuv420,
    /// 8-bit grey.
    Grey,
    /// 8-bit red, green, blue.
    Rgb,
    /// 8-bit blue, green, red.
    Bgr,
}

/// A camera or a server that speaks HTTP.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub struct HttpConfig {
    /// The address of an MJPEG stream, or of single pictures; `http` or `https`.
    #[schemars(with = "String", extend(
        "x-check" = "http-url",
        "x-missing" = "the driver `http` needs a `url`: an MJPEG stream's address or a snapshot's",
        "examples" = ["http://192.168.1.20/video"],
    ))]
    pub url: SecretText,
    /// The login that it asks for, if it does.
    #[serde(flatten)]
    pub login: Option<Login>,
    /// Whether the certificate must be one that this machine trusts.
    #[serde(default = "yes")]
    pub verify_tls: bool,
}

/// A command that writes JPEGs.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ExecConfig {
    /// The program and its arguments; no shell reads them.
    #[schemars(schema_with = "schemas::command")]
    pub command: Vec<SecretText>,
}

/// A camera that speaks RTSP.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub struct RtspConfig {
    /// Its address; `rtsp` or `rtsps`.
    #[schemars(with = "String", extend(
        "x-check" = "rtsp-url",
        "x-missing" = "the driver `rtsp` needs a `url`, such as `rtsp://camera/stream`",
        "examples" = ["rtsp://192.168.1.21:554/stream1"],
    ))]
    pub url: SecretText,
    /// The login that it asks for, if it does.
    #[serde(flatten)]
    pub login: Option<Login>,
    /// The transport of packets: `tcp` loses none.
    #[serde(default)]
    pub transport: Transport,
    /// The size to scale to. Without it, the camera's.
    pub size: Option<Size>,
    /// JPEG quality of what ffmpeg decodes.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
    /// The hardware that ffmpeg decodes with, in its own words. Without it, the processor.
    pub hardware: Option<Hardware>,
    /// The program that talks to the camera: ffmpeg instead of the server.
    pub via: Option<Via>,
}

/// The transport of a camera's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// In one connection.
    #[default]
    Tcp,
    /// One by one.
    Udp,
}

/// Decoding hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they are ffmpeg's names")]
pub enum Hardware {
    Auto,
    Cuda,
    D3d11va,
    Drm,
    Qsv,
    Vaapi,
    Vdpau,
    Videotoolbox,
}

/// A program that talks to a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// ffmpeg.
    Ffmpeg,
}

/// The Raspberry Pi's own camera.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct PiCameraConfig {
    /// The camera's number, from 0.
    #[serde(default)]
    #[schemars(range(max = 9))]
    pub camera: u8,
    /// The size of its pictures.
    #[serde(default = "pi_size")]
    pub size: Size,
    /// In degrees.
    #[serde(default)]
    #[schemars(extend("enum" = [0, 180]))]
    pub rotation: u16,
    /// JPEG quality.
    #[serde(default = "quality")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: u8,
}

fn pi_size() -> Size {
    Size {
        width: 1280,
        height: 720,
    }
}

/// Another stream as a source.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct SharedConfig {
    /// The other stream's name.
    #[serde(rename = "stream")]
    #[schemars(
        length(min = 1),
        extend("x-missing" = "`stream`: expected the name of another stream")
    )]
    pub name: String,
    /// The frames of it that are taken.
    #[serde(default)]
    pub frames: SharedFrames,
}

/// A choice of another stream's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SharedFrames {
    /// Those of its camera, before its filters.
    #[default]
    Unfiltered,
    /// Those that its viewers see.
    Filtered,
}

/// A picture's size in pixels, 1 to 16384 a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(inline, with = "String", extend(
    "x-check" = "size",
    "pattern" = "^[0-9]+x[0-9]+$",
    "examples" = ["1280x720"],
))]
pub struct Size {
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        parse_size(&text)
    }
}

/// `1280x720`.
///
/// # Errors
/// It is something else.
pub fn parse_size(text: &str) -> Result<Size, ValueError> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=16384).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| {
            Some(Size {
                width: side(width)?,
                height: side(height)?,
            })
        })
        .ok_or_else(|| {
            ValueError::unexpected("a size such as `1280x720`, up to 16384 a side", text)
        })
}

/// As they are written in the pipeline file.
macro_rules! display_as_written {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}

display_as_written!(CameraFormat, Hardware, Transport);

impl SourceConfig {
    /// `driver` with all that is common to drivers at its default.
    pub fn new(driver: DriverConfig) -> Self {
        Self {
            driver,
            fps: None,
            stall_timeout: stall_timeout(),
            max_megapixels: max_megapixels(),
            warm_up: WarmUp::default(),
            masks: Vec::new(),
        }
    }

    /// Whether its frames come from where those of `other` do, and are masked alike or not.
    pub fn is_same_camera(&self, other: &Self) -> bool {
        let masks = self.masks.clone();
        *self
            == Self {
                masks,
                ..other.clone()
            }
    }

    /// The most frames per second that are taken. A recording keeps its rate by itself.
    pub fn most_fps(&self) -> f64 {
        match self.driver {
            DriverConfig::Files(_) => f64::INFINITY,
            _ => self.fps.unwrap_or(MOST_FPS),
        }
    }

    /// The most pixels of a picture.
    pub fn max_pixels(&self) -> u64 {
        (self.max_megapixels * 1e6).round() as u64
    }

    /// Makes what several keys say together: a recording's rate, and a login that stands in an
    /// address. Secrets are masked from now on.
    pub fn settle(&mut self) {
        match &mut self.driver {
            DriverConfig::Files(files) => files.fps = self.fps.take().unwrap_or_else(files_fps),
            DriverConfig::Http(http) => settle_login(&mut http.url, &mut http.login),
            DriverConfig::Rtsp(rtsp) => settle_login(&mut rtsp.url, &mut rtsp.login),
            DriverConfig::Exec(exec) => note_command(&exec.command),
            _ => {}
        }
    }

    /// An error in the source of the stream `name` of `config`, at what it is.
    pub fn error_in(config: &Config, name: &str, message: String) -> Diagnostic {
        let keys = ["path", "url", "command", "device", "stream", "driver"];
        config.error_at(&format!("/streams/{name}/source"), &keys, message)
    }

    /// The stream that it shares, if it does.
    pub fn shared(&self) -> Option<&str> {
        match &self.driver {
            DriverConfig::Stream(shared) => Some(&shared.name),
            _ => None,
        }
    }
}

/// Frames per second that are taken at most where nothing else is said: as many as fast screens
/// show.
const MOST_FPS: f64 = 120.0;
