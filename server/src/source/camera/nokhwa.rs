//! Cameras by AVFoundation (macOS) and Media Foundation (Windows), through nokhwa.

use nokhwa::utils::{
    ApiBackend, CameraIndex, ControlValueDescription, ControlValueSetter, FrameFormat,
    RequestedFormat, RequestedFormatType, Resolution,
};

use super::choice::choose;
use super::raw::{Layout, encode};
use super::{
    Control, DeviceError, DeviceInfo, FormatInfo, Sizes, check_control, control_name, cut,
};
use crate::clock::StopToken;
use crate::config::{CameraConfig, CameraDevice, CameraFormat, Size};
use crate::source::{Camera, CapturedFrame, FrameData, SourceError};

const FORMATS: [(FrameFormat, CameraFormat); 6] = [
    (FrameFormat::MJPEG, CameraFormat::Mjpeg),
    (FrameFormat::YUYV, CameraFormat::Yuyv),
    (FrameFormat::NV12, CameraFormat::Nv12),
    (FrameFormat::GRAY, CameraFormat::Grey),
    (FrameFormat::RAWRGB, CameraFormat::Rgb),
    (FrameFormat::RAWBGR, CameraFormat::Bgr),
];

/// nokhwa's names of the formats that can be worked with.
const KNOWN: [FrameFormat; 6] = {
    let [(a, _), (b, _), (c, _), (d, _), (e, _), (f, _)] = FORMATS;
    [a, b, c, d, e, f]
};

/// An open camera that sends frames.
pub struct OpenCamera {
    device: nokhwa::Camera,
    layout: Layout,
    quality: u8,
}

/// Opens the camera that `config` names and starts it.
///
/// # Errors
/// It is missing or busy, or can't do what is wanted.
pub fn open(config: &CameraConfig, fps: Option<f64>) -> Result<OpenCamera, DeviceError> {
    let index = match &config.device {
        CameraDevice::Index(index) => CameraIndex::Index(*index),
        CameraDevice::Path(path) => CameraIndex::String(path.clone()),
    };
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &KNOWN);
    let mut device = nokhwa::Camera::new(index, any)?;
    let offered = device.compatible_camera_formats()?;
    let (format, size) = choose(&formats(&offered), config)?;
    let wanted = nearest(&offered, format, size, fps.unwrap_or(30.0));
    let exact = RequestedFormatType::Exact(wanted);
    let exact = RequestedFormat::with_formats(exact, &KNOWN);
    device.set_camera_requset(exact)?;
    set_controls(&mut device, &config.controls)?;
    device.open_stream()?;
    let channels = match format {
        CameraFormat::Yuyv => 2,
        CameraFormat::Rgb | CameraFormat::Bgr => 3,
        _ => 1,
    };
    Ok(OpenCamera {
        device,
        layout: Layout {
            format,
            size,
            stride: size.width as usize * channels,
            is_limited: true,
        },
        quality: config.quality,
    })
}

fn formats(formats: &[nokhwa::utils::CameraFormat]) -> Vec<FormatInfo> {
    let format_info = |(frame_format, format): &(FrameFormat, CameraFormat)| {
        let formats = formats.iter().filter(|it| it.format() == *frame_format);
        let mut sizes: Vec<(Sizes, Vec<f64>)> = Vec::new();
        for it in formats {
            let size = Sizes::One(Size {
                width: it.width(),
                height: it.height(),
            });
            let rate = f64::from(it.frame_rate());
            match sizes.iter_mut().find(|(known, _)| *known == size) {
                Some((_, rates)) => rates.push(rate),
                None => sizes.push((size, vec![rate])),
            }
        }
        FormatInfo {
            format: *format,
            sizes,
        }
    };
    let formats = FORMATS.iter().map(format_info);
    formats
        .filter(|format_info| !format_info.sizes.is_empty())
        .collect()
}

/// The rate that is nearest to `fps`.
fn nearest(
    offered: &[nokhwa::utils::CameraFormat],
    format: CameraFormat,
    size: Size,
    fps: f64,
) -> nokhwa::utils::CameraFormat {
    let frame_format = FORMATS.iter().find(|(_, known)| *known == format);
    let frame_format = frame_format.map_or(FrameFormat::MJPEG, |(frame_format, _)| *frame_format);
    let resolution = Resolution::new(size.width, size.height);
    let fitting = offered
        .iter()
        .filter(|it| it.format() == frame_format && it.resolution() == resolution);
    let off = |it: &&nokhwa::utils::CameraFormat| (f64::from(it.frame_rate()) - fps).abs();
    let nearest = fitting.min_by(|a, b| off(a).total_cmp(&off(b)));
    nearest.copied().unwrap_or(nokhwa::utils::CameraFormat::new(
        resolution,
        frame_format,
        fps as u32,
    ))
}

fn set_controls(device: &mut nokhwa::Camera, wanted: &[(String, i64)]) -> Result<(), DeviceError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let there = device.camera_controls()?;
    let known: Vec<_> = there.iter().filter_map(control).collect();
    for (name, value) in wanted {
        check_control(&known, name, *value)?;
        let named = there.iter().find(|it| control_name(it.name()) == *name);
        let Some(named) = named else { continue };
        let setter = match named.description() {
            ControlValueDescription::Boolean { .. } => ControlValueSetter::Boolean(*value != 0),
            _ => ControlValueSetter::Integer(*value),
        };
        device.set_camera_control(named.control(), setter)?;
    }
    Ok(())
}

fn control(control: &nokhwa::utils::CameraControl) -> Option<Control> {
    let (minimum, maximum, default) = match control.description() {
        ControlValueDescription::IntegerRange {
            min, max, default, ..
        } => (*min, *max, *default),
        ControlValueDescription::Boolean { default, .. } => (0, 1, i64::from(*default)),
        _ => return None,
    };
    Some(Control {
        name: control_name(control.name()),
        minimum,
        maximum,
        default,
    })
}

impl Camera for OpenCamera {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let frame = self.device.frame().map_err(DeviceError::from)?;
        let picture = match self.layout.format {
            CameraFormat::Mjpeg => FrameData::Coded(cut(frame.buffer())),
            _ => {
                let (layout, quality) = (&self.layout, self.quality);
                FrameData::Raw {
                    size: layout.size,
                    code: Box::new(move || encode(frame.buffer(), layout, quality)),
                }
            }
        };
        Ok(Some(CapturedFrame::now(picture, stop)))
    }
}

/// The cameras of this machine.
///
/// # Errors
/// The system doesn't tell.
pub fn list() -> Result<Vec<DeviceInfo>, DeviceError> {
    let cameras = nokhwa::query(ApiBackend::Auto)?;
    let listed = cameras.iter().map(|camera| {
        let any = RequestedFormat::with_formats(RequestedFormatType::None, &KNOWN);
        let opened = nokhwa::Camera::new(camera.index().clone(), any).and_then(|mut device| {
            let formats = device.compatible_camera_formats()?;
            let controls = device.camera_controls().unwrap_or_default();
            Ok((formats(&formats), controls))
        });
        let (formats, controls) = match opened {
            Ok((formats, controls)) => (Ok(formats), controls.iter().filter_map(control).collect()),
            Err(error) => (Err(DeviceError::from(error).into()), Vec::new()),
        };
        DeviceInfo {
            device: camera.index().as_string(),
            name: camera.human_name(),
            formats,
            controls,
        }
    });
    Ok(listed.collect())
}
