//! A source in one word, as the command line takes it.

use super::super::super::value_error::ValueError;
use super::address::{check_http_url, check_rtsp_url, with_login};
use super::{
    CameraConfig, DriverConfig, FILES_FPS, FilesConfig, HttpConfig, PiCameraConfig, QUALITY,
    RtspConfig, SourceConfig, Transport,
};

/// The error of a text that is no source.
const EXPECTED: &str = "expected `demo`, `camera:0`, `camera:/dev/video0`, `pi-camera`, `files:PATH`, `http://…`, `https://…` or `rtsp://…`";

/// A driver with all settings but one at their defaults.
///
/// # Errors
/// It is something else.
pub fn parse_spec(spec: &str) -> Result<SourceConfig, ValueError> {
    let (driver, rest) = spec.split_once(':').unwrap_or((spec, ""));
    let driver = match (driver, rest) {
        ("demo", "") => DriverConfig::Demo,
        ("camera", device) => DriverConfig::Camera(CameraConfig::new(device.to_owned().into())),
        ("pi-camera", camera) => DriverConfig::PiCamera(PiCameraConfig::new(pi_camera(camera)?)),
        ("files", path) if !path.is_empty() => DriverConfig::Files(FilesConfig {
            path: path.to_owned(),
            fps: FILES_FPS,
            repeat: true,
        }),
        ("http" | "https", _) => {
            let (url, login) = with_login(check_http_url(spec)?);
            DriverConfig::Http(HttpConfig {
                url,
                login,
                verify_tls: true,
            })
        }
        ("rtsp" | "rtsps", _) => {
            let (url, login) = with_login(check_rtsp_url(spec)?);
            DriverConfig::Rtsp(RtspConfig {
                url,
                login,
                transport: Transport::default(),
                size: None,
                quality: QUALITY,
                hardware: None,
                via: None,
            })
        }
        _ => return Err(EXPECTED.into()),
    };
    Ok(SourceConfig::new(driver))
}

fn pi_camera(text: &str) -> Result<u8, ValueError> {
    let number = if text.is_empty() { "0" } else { text };
    let number = number.parse().ok();
    number.ok_or_else(|| "expected a camera's number behind `pi-camera:`".into())
}

#[cfg(test)]
mod tests {
    use super::super::{CameraDevice, Login, Secret};
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
            let camera = CameraConfig::new(device);
            assert_eq!(driver(spec), DriverConfig::Camera(camera), "{spec}");
        }
        assert!(
            matches!(driver("files:a b/*.jpg"), DriverConfig::Files(f) if f.path == "a b/*.jpg")
        );
        assert!(matches!(driver("pi-camera:1"), DriverConfig::PiCamera(pi) if pi.camera == 1));
        assert!(
            matches!(driver("rtsp://cam/1"), DriverConfig::Rtsp(r) if r.url.expose() == "rtsp://cam/1")
        );
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
