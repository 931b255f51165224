//! Cameras by V4L2, Linux' interface for them.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use v4l::buffer::Type;
use v4l::control::{self, Value};
use v4l::format::{Colorspace, Quantization};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::prelude::MmapStream;
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC, Fraction};

use super::choice::choose;
use super::raw::{Layout, encode};
use super::{
    Control, DeviceError, DeviceInfo, FormatInfo, Sizes, check_control, control_name, cut,
};
use crate::clock::StopToken;
use crate::config::{CameraConfig, CameraDevice, CameraFormat, Size};
use crate::source::{Camera, CapturedFrame, FrameData, PictureFault, SourceError};

const BUFFERS: u32 = 4;
/// `V4L2_CID_JPEG_RESTART_INTERVAL`, in MCUs.
const RESTART_INTERVAL: u32 = 0x009d_0902;
/// The interval at which a waiting thread looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);
/// The event that poll(2) is to wait for: something to read.
const POLLIN: i16 = 1;

const FOURCCS: [(&[u8; 4], CameraFormat); 9] = [
    (b"MJPG", CameraFormat::Mjpeg),
    (b"JPEG", CameraFormat::Mjpeg),
    (b"YUYV", CameraFormat::Yuyv),
    (b"UYVY", CameraFormat::Uyvy),
    (b"NV12", CameraFormat::Nv12),
    (b"YU12", CameraFormat::Yuv420),
    (b"GREY", CameraFormat::Grey),
    (b"RGB3", CameraFormat::Rgb),
    (b"BGR3", CameraFormat::Bgr),
];

/// An open camera that sends frames.
pub struct OpenCamera {
    // Before the device, so that it is ended before that is closed.
    stream: MmapStream<'static>,
    _device: Device,
    path: String,
    layout: Layout,
    quality: u8,
}

/// Opens the camera that `config` names and starts it.
///
/// # Errors
/// It is missing or busy, or can't do what is wanted.
pub fn open(config: &CameraConfig, fps: Option<f64>) -> Result<OpenCamera, DeviceError> {
    let path = match &config.device {
        CameraDevice::Index(index) => format!("/dev/video{index}"),
        CameraDevice::Path(path) => path.clone(),
    };
    let fail = |error| DeviceError::new(&path, error);
    let device = open_device(&path).map_err(fail)?;
    let offered = formats(&device).map_err(fail)?;
    let (format, size) = choose(&offered, config)?;
    let layout = set_format(&device, format, size).map_err(fail)?;
    if layout.size != size {
        let got = layout.size;
        return Err(DeviceError::OtherSize { path, got, size });
    }
    set_rate(&device, &path, fps);
    if format == CameraFormat::Mjpeg {
        set_restart_interval(&device, &path, size.width);
    }
    set_controls(&device, &path, &config.controls)?;
    Ok(OpenCamera {
        stream: start(&device).map_err(fail)?,
        _device: device,
        path,
        layout,
        quality: config.quality,
    })
}

fn open_device(path: &str) -> io::Result<Device> {
    let device = Device::with_path(path)?;
    let capabilities = device.query_caps()?.capabilities;
    if !capabilities.contains(v4l::capability::Flags::VIDEO_CAPTURE) {
        return Err(io::Error::other("is no camera"));
    }
    Ok(device)
}

fn formats(device: &Device) -> io::Result<Vec<FormatInfo>> {
    let mut formats: Vec<FormatInfo> = Vec::new();
    for description in device.enum_formats()? {
        let fourcc = description.fourcc;
        let known = FOURCCS.iter().find(|(code, _)| **code == fourcc.repr);
        let Some((_, format)) = known else { continue };
        let sizes = device.enum_framesizes(fourcc).unwrap_or_default();
        let sizes = sizes.into_iter().map(|sizes| match sizes.size {
            FrameSizeEnum::Discrete(one) => {
                let size = size(one.width, one.height);
                (Sizes::One(size), rates(device, fourcc, size))
            }
            FrameSizeEnum::Stepwise(range) => (
                Sizes::Range(
                    size(range.min_width, range.min_height),
                    size(range.max_width, range.max_height),
                    size(range.step_width, range.step_height),
                ),
                Vec::new(),
            ),
        });
        let sizes: Vec<_> = sizes.collect();
        match formats.iter_mut().find(|it| it.format == *format) {
            Some(format_info) => format_info.sizes.extend(sizes),
            None => formats.push(FormatInfo {
                format: *format,
                sizes,
            }),
        }
    }
    // Drivers of simple devices list no sizes: what is set is what there is.
    if formats.iter().all(|it| it.sizes.is_empty())
        && let Ok(current) = device.format()
    {
        for format_info in &mut formats {
            let size = size(current.width, current.height);
            format_info.sizes.push((Sizes::One(size), Vec::new()));
        }
    }
    Ok(formats)
}

fn size(width: u32, height: u32) -> Size {
    Size { width, height }
}

/// Frames per second, from the highest.
fn rates(device: &Device, fourcc: FourCC, size: Size) -> Vec<f64> {
    let intervals = device.enum_frameintervals(fourcc, size.width, size.height);
    let rate =
        |interval: Fraction| f64::from(interval.denominator) / f64::from(interval.numerator.max(1));
    let mut rates: Vec<f64> = intervals
        .unwrap_or_default()
        .into_iter()
        .flat_map(|interval| match interval.interval {
            FrameIntervalEnum::Discrete(one) => vec![rate(one)],
            FrameIntervalEnum::Stepwise(range) => vec![rate(range.min), rate(range.max)],
        })
        .collect();
    rates.sort_by(|a, b| b.total_cmp(a));
    rates
}

fn set_format(device: &Device, format: CameraFormat, size: Size) -> io::Result<Layout> {
    let mut set = None;
    for (code, _) in FOURCCS.iter().filter(|(_, known)| *known == format) {
        let wanted = Format::new(size.width, size.height, FourCC::new(code));
        let got = device.set_format(&wanted)?;
        if got.fourcc == wanted.fourcc {
            set = Some(got);
            break;
        }
    }
    let got =
        set.ok_or_else(|| io::Error::other(format!("the camera refuses the format {format}")))?;
    let is_full = matches!(got.quantization, Quantization::FullRange)
        || matches!(got.colorspace, Colorspace::JPEG);
    Ok(Layout {
        format,
        size: self::size(got.width, got.height),
        stride: got.stride as usize,
        is_limited: !is_full,
    })
}

/// Asks for the rate. One that can't be had is no failure: the limit holds anyway.
fn set_rate(device: &Device, path: &str, fps: Option<f64>) {
    let Some(fps) = fps else { return };
    let thousandths = (fps * 1000.0).round() as u32;
    let interval = Fraction::new(1000, thousandths.max(1));
    if let Err(error) = device.set_params(&Parameters::new(interval)) {
        tracing::debug!(path, %error, "the camera takes no frame rate");
    }
}

/// Asks for a restart marker after each row of MCUs, which are 16 pixels wide in the JPEGs of
/// nearly all cameras: it makes drawing on them cheaper. A camera that can't is no failure.
fn set_restart_interval(device: &Device, path: &str, width: u32) {
    let controls = match device.query_controls() {
        Ok(controls) => controls,
        Err(error) => return tracing::debug!(path, %error, "the camera tells no controls"),
    };
    let is_meant = |it: &&control::Description| it.id == RESTART_INTERVAL && can_be_set(it);
    let Some(found) = controls.iter().find(is_meant) else {
        return;
    };
    // Not `clamp`, which panics over a driver whose limits are in the wrong order.
    let interval = i64::from(width.div_ceil(16));
    let interval = interval.min(found.maximum).max(found.minimum);
    let setting = control::Control {
        id: found.id,
        value: Value::Integer(interval),
    };
    if let Err(error) = device.set_control(setting) {
        tracing::debug!(path, %error, "the camera takes no restart interval");
    }
}

fn set_controls(device: &Device, path: &str, wanted: &[(String, i64)]) -> Result<(), DeviceError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let fail = |error| DeviceError::new(path, error);
    let descriptions = device.query_controls().map_err(fail)?;
    let known = controls(&descriptions);
    for (name, value) in wanted {
        check_control(&known, name, *value)?;
        let description = descriptions
            .iter()
            .find(|it| control_name(&it.name) == *name);
        let Some(description) = description else {
            continue;
        };
        let setting = control::Control {
            id: description.id,
            value: match description.typ {
                control::Type::Boolean => Value::Boolean(*value != 0),
                _ => Value::Integer(*value),
            },
        };
        let set = device.set_control(setting);
        set.map_err(|error| DeviceError::ControlRefused {
            path: path.to_owned(),
            name: name.clone(),
            value: *value,
            error,
        })?;
    }
    Ok(())
}

fn can_be_set(control: &control::Description) -> bool {
    let fixed = control::Flags::READ_ONLY | control::Flags::DISABLED;
    !control.flags.intersects(fixed)
}

fn controls(descriptions: &[control::Description]) -> Vec<Control> {
    use control::Type;
    let is_number = |typ| {
        matches!(
            typ,
            Type::Integer | Type::Boolean | Type::Menu | Type::Integer64 | Type::IntegerMenu
        )
    };
    descriptions
        .iter()
        .filter(|it| is_number(it.typ) && can_be_set(it))
        .map(|it| Control {
            name: control_name(&it.name),
            minimum: it.minimum,
            maximum: it.maximum,
            default: it.default,
        })
        .collect()
}

/// Starts the flow of frames. The first buffer is left for [`CaptureStream::next`] to hand over, as
/// it does with the one that it gave before.
fn start(device: &Device) -> io::Result<MmapStream<'static>> {
    let mut stream = MmapStream::with_buffers(device, Type::VideoCapture, BUFFERS)?;
    stream.set_timeout(LOOK);
    for index in 1..BUFFERS {
        match CaptureStream::queue(&mut stream, index as usize) {
            Ok(()) => {}
            // The driver made fewer.
            Err(error) if index > 1 && error.kind() == ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
    }
    stream.start()?;
    Ok(stream)
}

impl Camera for OpenCamera {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        if !self.wait(stop)? {
            return Ok(None);
        }
        let fail = |error| DeviceError::new(&self.path, error);
        let (bytes, meta) = CaptureStream::next(&mut self.stream).map_err(fail)?;
        let used = &bytes[..bytes.len().min(meta.bytesused as usize)];
        let picture = if meta.flags.contains(v4l::buffer::Flags::ERROR) {
            FrameData::Coded(Err(PictureFault::Damaged))
        } else if self.layout.format == CameraFormat::Mjpeg {
            FrameData::Coded(cut(used))
        } else {
            let (layout, quality) = (&self.layout, self.quality);
            FrameData::Raw {
                size: layout.size,
                code: Box::new(move || encode(used, layout, quality)),
            }
        };
        Ok(Some(CapturedFrame::now(picture, stop)))
    }
}

impl OpenCamera {
    /// Blocks until a frame is there; `false` once a stop is requested.
    fn wait(&self, stop: &StopToken) -> Result<bool, DeviceError> {
        let handle = self.stream.handle();
        while !stop.is_requested() {
            match handle.poll(POLLIN, LOOK.as_millis() as i32) {
                Ok(0) => {}
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(DeviceError::new(&self.path, error)),
            }
        }
        Ok(false)
    }
}

/// The cameras of this machine, by their paths.
///
/// # Errors
/// None on this system.
#[expect(clippy::unnecessary_wraps)]
pub fn list() -> Result<Vec<DeviceInfo>, DeviceError> {
    let mut nodes: Vec<_> = v4l::context::enum_devices();
    nodes.sort_by_key(v4l::context::Node::index);
    let listed = nodes.iter().filter_map(|node| {
        let name = node.name().unwrap_or_default();
        listed(node.path(), name)
    });
    Ok(listed.collect())
}

/// Nothing if it is there but no camera.
fn listed(path: &Path, name: String) -> Option<DeviceInfo> {
    let device = path.display().to_string();
    let explain = |error| DeviceError::new(&device, error).into();
    let (formats, controls) = match open_device(&device) {
        Ok(open) => {
            let controls = open.query_controls().map(|it| controls(&it));
            let formats = formats(&open).map_err(explain);
            (formats, controls.unwrap_or_default())
        }
        Err(error) if error.raw_os_error().is_none() => return None,
        Err(error) => (Err(explain(error)), Vec::new()),
    };
    Some(DeviceInfo {
        device,
        name,
        formats,
        controls,
    })
}
