//! The driver `pi-camera`: the Raspberry Pi's own camera, by way of its system's camera program.

use super::process::{CommandError, Process};
use super::{Camera, Configured, Source, SourceError};
use crate::clock::StopToken;
use crate::config::PiCameraConfig;
use crate::secret::SecretText;

/// Newer systems have the first, older ones the second; both take the same arguments.
const PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];

impl Configured<PiCameraConfig> {
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

/// A Raspberry Pi's camera.
impl Source for Configured<PiCameraConfig> {
    fn driver(&self) -> &'static str {
        "pi-camera"
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        for program in PROGRAMS {
            match Process::start(&self.invocation(&self.command(program)), stop) {
                Err(CommandError::NotFound(_)) => {}
                started => return Ok(Box::new(started?)),
            }
        }
        Err(CommandError::NoPiProgram(PROGRAMS.join(" nor ")).into())
    }
}
