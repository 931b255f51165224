//! The driver `pi-camera`: the Raspberry Pi's own camera, by way of its system's camera program.

use std::path::Path;

use super::exec::Exec;
use super::process::CommandError;
use super::{Camera, Source, SourceError};
use crate::clock::StopToken;
use crate::config::PiCameraConfig;
use crate::secret::SecretText;

/// Newer systems have the first, older ones the second; both take the same arguments.
const PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];

/// A Raspberry Pi's camera.
pub struct PiCamera {
    exec: Exec,
    config: PiCameraConfig,
    fps: Option<f64>,
}

impl PiCamera {
    /// The camera that `config` names, for the stream called `stream`, at `fps` frames per second
    /// at most.
    pub fn new(config: &PiCameraConfig, fps: Option<f64>, folder: &Path) -> Self {
        Self {
            exec: Exec::new("pi-camera", folder),
            config: config.clone(),
            fps,
        }
    }

    fn command(&self, program: &str) -> Vec<SecretText> {
        let config = &self.config;
        let mut command = vec![SecretText::new(program)];
        let mut add = |name: &str, value: &dyn ToString| {
            command.extend([SecretText::new(name), SecretText::new(value.to_string())]);
        };
        add("--codec", &"mjpeg");
        add("--camera", &config.camera);
        add("--width", &config.size.width);
        add("--height", &config.size.height);
        add("--rotation", &config.rotation);
        add("--quality", &config.quality);
        if let Some(fps) = self.fps {
            add("--framerate", &fps);
        }
        // Without an end, into the pipe.
        add("--timeout", &0);
        add("--output", &"-");
        command.extend(["--nopreview", "--flush"].map(SecretText::new));
        command
    }
}

impl Source for PiCamera {
    fn driver(&self) -> &'static str {
        self.exec.driver()
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        for program in PROGRAMS {
            match self.exec.run(&self.command(program), stop) {
                Err(CommandError::NotFound(_)) => {}
                run => return Ok(run?),
            }
        }
        Err(CommandError::NoPiProgram(PROGRAMS.join(" nor ")).into())
    }
}
