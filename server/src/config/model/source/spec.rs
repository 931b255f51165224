//! A source in one word, as the command line takes it.

use serde_json::json;

use super::super::super::value_error::ValueError;
use super::SourceConfig;
use super::address::{check_http_url, check_rtsp_url};

/// The error of a text that is no source.
const EXPECTED: &str = "expected `demo`, `camera:0`, `camera:/dev/video0`, `pi-camera`, \
    `files:PATH`, `http://…`, `https://…` or `rtsp://…`";

/// A driver with all settings but one at their defaults.
///
/// # Errors
/// It is something else.
pub fn parse_spec(spec: &str) -> Result<SourceConfig, ValueError> {
    let (driver, rest) = spec.split_once(':').unwrap_or((spec, ""));
    let source = match (driver, rest) {
        ("demo", "") => json!({ "driver": driver }),
        ("camera", device) => json!({ "driver": driver, "device": device }),
        ("pi-camera", camera) => json!({ "driver": driver, "camera": pi_camera(camera)? }),
        ("files", path) if !path.is_empty() => json!({ "driver": driver, "path": path }),
        ("http" | "https", _) => json!({ "driver": "http", "url": check_http_url(spec)?.as_str() }),
        ("rtsp" | "rtsps", _) => json!({ "driver": "rtsp", "url": check_rtsp_url(spec)?.as_str() }),
        _ => return Err(EXPECTED.into()),
    };
    let source = serde_json::from_value::<SourceConfig>(source);
    let mut source = source.map_err(|error| ValueError::from(error.to_string()))?;
    source.settle();
    Ok(source)
}

fn pi_camera(text: &str) -> Result<u8, ValueError> {
    let number = if text.is_empty() { "0" } else { text };
    let number = number.parse().ok();
    number.ok_or_else(|| "expected a camera's number behind `pi-camera:`".into())
}

#[cfg(test)]
mod tests {
    use super::super::{CameraDevice, DriverConfig, Login, Secret};
    use super::*;
    use crate::secret::SecretText;

    #[test]
    fn every_kind() {
        let driver = |spec| parse_spec(spec).unwrap().driver;
        assert_eq!(driver("demo"), DriverConfig::Demo);
        let cameras = [
            ("camera", CameraDevice::Index(0)),
            ("camera:2", CameraDevice::Index(2)),
            (
                "camera:/dev/v4l/a:b",
                CameraDevice::Path("/dev/v4l/a:b".into()),
            ),
        ];
        for (spec, device) in cameras {
            let DriverConfig::Camera(camera) = driver(spec) else {
                panic!("another driver for {spec}");
            };
            assert_eq!((camera.device, camera.quality), (device, 85), "{spec}");
        }
        assert!(
            matches!(driver("files:a b/*.jpg"), DriverConfig::Files(f) if f.path == "a b/*.jpg")
        );
        assert!(matches!(driver("pi-camera:1"), DriverConfig::PiCamera(pi) if pi.camera == 1));
        assert!(matches!(
            driver("rtsp://cam/1"),
            DriverConfig::Rtsp(it) if it.url.expose() == "rtsp://cam/1"
        ));
    }

    #[test]
    fn a_password_is_taken_out_of_the_address() {
        let DriverConfig::Http(http) = parse_spec("https://me:p%40ss@cam:81/video?x=1")
            .unwrap()
            .driver
        else {
            panic!("another driver");
        };
        assert_eq!(http.url.expose(), "https://cam:81/video?x=1");
        let login = Login {
            user: "me".into(),
            password: Secret::Text(SecretText::new("p@ss")),
        };
        assert_eq!(http.login, Some(login));
    }

    #[test]
    fn others_are_refused() {
        for spec in [
            "",
            "demos",
            "demo:1",
            "files:",
            "http://",
            "rtsp:",
            "ftp://x",
            "pi-camera:x",
        ] {
            assert!(parse_spec(spec).is_err(), "{spec}");
        }
    }
}
