//! The driver `rtsp`: a camera in the network, by way of ffmpeg.

use std::path::{Path, PathBuf};

use url::Url;

use super::exec::Exec;
use super::process::CantRun;
use super::{Camera, Source, SourceError};
use crate::clock::Stop;
use crate::config::RtspConfig;
use crate::secret::SecretText;

/// An RTSP camera.
pub struct Rtsp {
    exec: Exec,
    config: RtspConfig,
    folder: PathBuf,
    fps: Option<f64>,
}

impl Rtsp {
    /// The camera that `config` names, for the stream called `stream`, at `fps` frames per second at most.
    pub fn new(config: &RtspConfig, fps: Option<f64>, folder: &Path, stream: &str) -> Self {
        Self {
            exec: Exec::new("rtsp", folder, stream),
            config: config.clone(),
            folder: folder.to_owned(),
            fps,
        }
    }

    /// The address with user and password in it, as ffmpeg wants them.
    fn url(&self) -> Result<SecretText, SourceError> {
        let Some(login) = &self.config.login else {
            return Ok(self.config.url.clone());
        };
        let password = login.password.reveal(&self.folder).map_err(SourceError)?;
        let url = Url::parse(self.config.url.expose());
        let mut url = url.map_err(|e| SourceError(e.to_string()))?;
        url.set_username(&login.user)
            .and_then(|()| url.set_password(Some(password.expose())))
            .map_err(|()| SourceError("this address can't have a user".to_owned()))?;
        Ok(SecretText::new(String::from(url)))
    }

    fn command(&self, url: &SecretText) -> Vec<SecretText> {
        let config = &self.config;
        let mut command = Vec::new();
        let mut add = |words: &[&str]| command.extend(words.iter().map(|it| SecretText::new(*it)));
        add(&["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]);
        add(&["-rtsp_transport", config.transport]);
        // What comes is shown at once instead of being gathered for smoothness.
        add(&["-fflags", "nobuffer", "-flags", "low_delay"]);
        if let Some(hardware) = config.hardware {
            add(&["-hwaccel", hardware]);
        }
        add(&["-i", url.expose(), "-an", "-sn", "-dn"]);
        let filters = filters(config, self.fps);
        if !filters.is_empty() {
            add(&["-vf", &filters]);
        }
        let scale = quantizer_scale(config.quality).to_string();
        add(&["-c:v", "mjpeg", "-q:v", &scale, "-pix_fmt", "yuvj420p"]);
        // The standard tables have a code for all that a filter may draw; those made for a picture don't.
        add(&["-huffman", "default", "-f", "mjpeg", "pipe:1"]);
        command
    }
}

impl Source for Rtsp {
    fn driver(&self) -> &'static str {
        self.exec.driver()
    }

    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Camera + '_>, SourceError> {
        let url = self.url()?;
        let run = self.exec.run(&self.command(&url), stop);
        run.map_err(|error| match error {
            CantRun::Other(error) => error,
            CantRun::NotFound => SourceError(
                "there is no ffmpeg, which the driver `rtsp` works with: install it (Debian: `apt install ffmpeg`)"
                    .to_owned(),
            ),
        })
    }
}

fn filters(config: &RtspConfig, fps: Option<f64>) -> String {
    let fps = fps.map(|fps| format!("fps={fps}"));
    let size = config
        .size
        .map(|size| format!("scale={}:{}", size.width, size.height));
    let filters: Vec<_> = [fps, size].into_iter().flatten().collect();
    filters.join(",")
}

/// ffmpeg's scale of quantizers, 2 (best) to 31, for a quality from 1 to 100.
fn quantizer_scale(quality: u8) -> u32 {
    2 + (100 - u32::from(quality)) * 29 / 99
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DriverConfig, parse_spec};

    #[test]
    fn the_password_reaches_ffmpeg_and_nobody_else() {
        let spec = parse_spec("rtsp://me:p%40ss@cam:8554/main").unwrap();
        let DriverConfig::Rtsp(config) = spec.driver else {
            panic!("another driver");
        };
        assert_eq!(config.url.expose(), "rtsp://cam:8554/main");
        let rtsp = Rtsp::new(&config, Some(12.5), Path::new("."), "s");
        let url = rtsp.url().unwrap();
        assert_eq!(url.expose(), "rtsp://me:p%40ss@cam:8554/main");
        let command = rtsp.command(&url);
        let command: Vec<_> = command.iter().map(SecretText::expose).collect();
        let command = command.join(" ");
        assert!(command.contains("-rtsp_transport tcp"), "{command}");
        assert!(command.contains("-vf fps=12.5 "), "{command}");
    }

    #[test]
    fn qualities_cover_ffmpegs_scale() {
        assert_eq!((quantizer_scale(100), quantizer_scale(1)), (2, 31));
    }
}
