//! `source:` of a stream: which camera driver, and its settings.

mod address;
mod drivers;
mod login;
mod read;
mod spec;
mod warm_up;

use std::fmt;
use std::time::Duration;

pub use login::{Login, Secret, read_secret};
pub use read::read_source;
pub use spec::parse_spec;
pub use warm_up::WarmUp;

use super::error::Span;
use crate::secret::SecretText;

/// Where a stream's frames come from.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceConfig {
    /// The driver and its settings. Default: the demo camera.
    pub driver: DriverConfig,
    /// The most frames per second that are taken, 0.01 to 240; more are dropped before any work. Default: 120.
    pub fps: Option<f64>,
    /// How long a camera may give no frame before it is closed and opened again: 100 ms to 1 h. Default 5 s.
    pub stall_timeout: Duration,
    /// The most megapixels (millions of pixels) of a picture, 0.01 to 268; larger ones are left out before any work. Default 40.
    pub max_megapixels: f64,
    /// What is left out after it was opened. Default: nothing.
    pub warm_up: WarmUp,
    /// Where to show what is wrong with it.
    pub span: Span,
}

/// A camera driver and its settings.
#[derive(Clone, Debug, PartialEq)]
pub enum DriverConfig {
    /// The built-in drawn scene.
    Demo,
    /// JPEG files as a camera.
    Files(FilesConfig),
    /// A local camera.
    Camera(CameraConfig),
    /// A camera or a server in the network that speaks HTTP.
    Http(HttpConfig),
    /// A command that writes JPEGs to its standard output.
    Exec(ExecConfig),
    /// A camera in the network that speaks RTSP.
    Rtsp(RtspConfig),
    /// The Raspberry Pi's own camera.
    PiCamera(PiCameraConfig),
    /// Another stream.
    Stream(SharedConfig),
}

/// A recording.
#[derive(Clone, Debug, PartialEq)]
pub struct FilesConfig {
    /// A folder of JPEG files, a glob or a numbered pattern (`img%04d.jpg`) of them, or one `.mjpeg` file; relative to the
    /// pipeline file's folder.
    pub path: String,
    /// Frames per second, 0.01 to 240. Default 10.
    pub fps: f64,
    /// Whether it starts again at its end. Default true.
    pub repeat: bool,
}

/// A local camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraConfig {
    /// Which one. Default: the first.
    pub device: CameraDevice,
    /// The size to ask for. Default: the largest that comes as JPEG, up to 1920 × 1080.
    pub size: Option<Size>,
    /// The format to ask for. Default: JPEG if there is any.
    pub format: CameraFormat,
    /// Names of controls as `mattebox cameras` lists them, and their values.
    pub controls: Vec<(String, i64)>,
    /// JPEG quality of raw formats, 1 to 100. Default 85.
    pub quality: u8,
}

/// Which local camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraDevice {
    /// By the system's numbering, from 0.
    Index(u32),
    /// By the device's path, such as `/dev/v4l/by-id/…`.
    Path(String),
}

/// How a local camera codes its pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// The address of an MJPEG stream, or of single pictures; `http` or `https`, without user and password.
    pub url: SecretText,
    /// What it wants to know, if it does.
    pub login: Option<Login>,
    /// Whether the certificate must be one that this machine trusts. Default true.
    pub verify_tls: bool,
}

/// A command that writes JPEGs.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecConfig {
    /// The program and its arguments; no shell reads them.
    pub command: Vec<SecretText>,
}

/// A camera that speaks RTSP.
#[derive(Clone, Debug, PartialEq)]
pub struct RtspConfig {
    /// Its address; `rtsp` or `rtsps`, without user and password.
    pub url: SecretText,
    /// What it wants to know, if it does.
    pub login: Option<Login>,
    /// How packets travel: `tcp` or `udp`. Default `tcp`, which loses none.
    pub transport: &'static str,
    /// The size to scale to. Default: the camera's.
    pub size: Option<Size>,
    /// JPEG quality, 1 to 100. Default 85.
    pub quality: u8,
    /// What ffmpeg is to decode with, in its own words. Default: the processor.
    pub hardware: Option<&'static str>,
    /// Whether ffmpeg talks to the camera, too, instead of only decoding. Default false.
    pub via_ffmpeg: bool,
}

/// ffmpeg's names of decoding hardware.
pub const HARDWARE: &[&str] = &[
    "auto",
    "cuda",
    "d3d11va",
    "drm",
    "qsv",
    "vaapi",
    "vdpau",
    "videotoolbox",
];

/// The Raspberry Pi's own camera.
#[derive(Clone, Debug, PartialEq)]
pub struct PiCameraConfig {
    /// Which of them, from 0. Default 0.
    pub camera: u8,
    /// The size to ask for. Default 1280 × 720.
    pub size: Size,
    /// In degrees: 0 or 180. Default 0.
    pub rotation: u16,
    /// JPEG quality, 1 to 100. Default 85.
    pub quality: u8,
}

/// Another stream as a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedConfig {
    /// Its name.
    pub name: String,
    /// Which of its frames.
    pub frames: SharedFrames,
}

/// Which frames of another stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharedFrames {
    /// Those of its camera, before its filters.
    #[default]
    Unfiltered,
    /// Those that its viewers see.
    Filtered,
}

/// A picture's size in pixels, 1 to 16384 a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl CameraFormat {
    /// All of them under their names in pipeline.yaml.
    pub const NAMES: &[(&str, Self)] = &[
        ("auto", Self::Auto),
        ("mjpeg", Self::Mjpeg),
        ("yuyv", Self::Yuyv),
        ("uyvy", Self::Uyvy),
        ("nv12", Self::Nv12),
        ("yuv420", Self::Yuv420),
        ("grey", Self::Grey),
        ("rgb", Self::Rgb),
        ("bgr", Self::Bgr),
    ];
}

impl fmt::Display for CameraFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, format)| format == self);
        f.pad(name.map_or("", |(name, _)| name))
    }
}

impl SourceConfig {
    /// `driver` with all that is common to drivers at its default.
    pub fn new(driver: DriverConfig) -> Self {
        Self {
            driver,
            fps: None,
            stall_timeout: Duration::from_secs(5),
            max_megapixels: MAX_MEGAPIXELS,
            warm_up: WarmUp::default(),
            span: Span::START,
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

    /// The stream that it shares, if it does.
    pub fn shared(&self) -> Option<&str> {
        match &self.driver {
            DriverConfig::Stream(shared) => Some(&shared.name),
            _ => None,
        }
    }
}

impl CameraConfig {
    fn new(device: CameraDevice) -> Self {
        Self {
            device,
            size: None,
            format: CameraFormat::Auto,
            controls: Vec::new(),
            quality: QUALITY,
        }
    }
}

impl PiCameraConfig {
    fn new(camera: u8) -> Self {
        Self {
            camera,
            size: Size {
                width: 1280,
                height: 720,
            },
            rotation: 0,
            quality: QUALITY,
        }
    }
}

/// JPEG quality where the camera gives none.
const QUALITY: u8 = 85;
/// Frames per second of a recording.
const FILES_FPS: f64 = 10.0;
/// Frames per second that are taken at most where nothing else is said: as many as fast screens show.
const MOST_FPS: f64 = 120.0;
/// Megapixels of a picture at most where nothing else is said: what phones' and network cameras' largest sensors give.
const MAX_MEGAPIXELS: f64 = 40.0;
