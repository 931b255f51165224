//! The driver `rtsp`: a camera in the network that speaks RTSP (RFC 2326).
//!
//! retina talks to the camera. JPEGs pass as they are; video goes through ffmpeg, which is told
//! neither the address nor the login. The old way, in which ffmpeg does it all, is there for
//! cameras that retina fails on, and for RTSP over TLS, which retina does not speak.

mod clock;
mod decoding;
mod error_text;
mod ffmpeg;
mod jpeg;
mod matroska;
mod passing;
mod selection;
mod session;
mod timed;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use retina::client::{Credentials, SessionGroup};
use tokio::task::JoinError;
use url::Url;

use super::process::{CommandError, Process};
use super::{AtAddress, Camera, Configured, Source, SourceError, SourceErrorKind, reveal, shown};
use crate::clock::StopToken;
use crate::config::{RtspConfig, Transport};
use crate::secret::SecretText;
use decoding::{Decoding, Video};
pub use jpeg::BrokenRtp;
use passing::Passing;
use session::{Address, Coding, Frames, SessionError};

/// The most frames per second for which only key frames are decoded.
const KEYS_FPS: f64 = 2.0;

/// An RTSP camera.
pub struct Rtsp {
    source: Configured<RtspConfig>,
    /// Whether ffmpeg is older than 5.1.
    is_old: Arc<AtomicBool>,
    sessions: Arc<SessionGroup>,
}

impl Rtsp {
    /// The camera that `config` names, at `fps` frames per second at most.
    pub fn new(config: &RtspConfig, fps: Option<f64>, folder: &Path) -> Self {
        Self {
            source: Configured::new(config, fps, folder),
            is_old: Arc::default(),
            sessions: Arc::default(),
        }
    }

    fn url(&self) -> Result<Url, SourceError> {
        Ok(Url::parse(self.source.config.url.expose())?)
    }

    fn login(&self) -> Result<Option<Credentials>, SourceError> {
        let login = reveal(self.source.config.login.as_ref(), &self.source.folder)?;
        Ok(login.map(|(username, password)| Credentials {
            username,
            password: password.expose().to_owned(),
        }))
    }

    /// The address with user and password in it, as ffmpeg wants them.
    fn url_with_login(&self) -> Result<SecretText, SourceError> {
        let mut url = self.url()?;
        if let Some(login) = self.login()? {
            url.set_username(&login.username)
                .and_then(|()| url.set_password(Some(&login.password)))
                .map_err(|()| RtspFault::NoUser.at(&shown(&url)))?;
        }
        Ok(SecretText::new(String::from(url)))
    }

    /// The old way.
    fn open_by_ffmpeg(&self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        let Configured { config, fps, .. } = &self.source;
        let command = ffmpeg::whole(config, &self.url_with_login()?, *fps);
        let process = Process::start(&self.source.invocation(&command), stop);
        Ok(Box::new(process.map_err(without_ffmpeg)?))
    }

    fn decode(
        &self,
        address: &str,
        frames: Frames,
        coding: Coding,
        stop: &StopToken,
    ) -> Opened<'_> {
        let Configured { config, fps, .. } = &self.source;
        let only_keys = coding != Coding::Jpeg && fps.is_some_and(|fps| fps <= KEYS_FPS);
        let passthrough = if self.is_old.load(Ordering::Relaxed) {
            "-vsync"
        } else {
            "-fps_mode"
        };
        let command = ffmpeg::decoder(config, passthrough);
        let shortest = fps.map(|fps| Duration::from_secs_f64(1.0 / fps));
        let video = Video {
            address,
            frames,
            coding,
            shortest: shortest.unwrap_or_default(),
            only_keys,
            is_old: &self.is_old,
        };
        let decoding = Decoding::start(&self.source.invocation(&command), video, stop);
        Ok(Box::new(decoding.map_err(without_ffmpeg)?))
    }
}

type Opened<'a> = Result<Box<dyn Camera + 'a>, SourceError>;

impl Source for Rtsp {
    fn driver(&self) -> &'static str {
        "rtsp"
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        let url = self.url()?;
        let config = &self.source.config;
        if config.via.is_some() || url.scheme() == "rtsps" {
            return self.open_by_ffmpeg(stop);
        }
        let address = shown(&url);
        let asked = Address {
            url,
            login: self.login()?,
            is_udp: config.transport == Transport::Udp,
            sessions: self.sessions.clone(),
        };
        let opened = stop.wait_for(Frames::open(asked, stop.clock()));
        let opened = opened.ok_or(SourceError::Stopped)?;
        // A session says goodbye on the runtime that it is dropped on.
        let _runtime = stop.runtime().enter();
        let (frames, coding) = opened.map_err(|error| RtspFault::Session(error).at(&address))?;
        if coding == Coding::Jpeg && config.size.is_none() {
            return Ok(Box::new(Passing::new(&address, frames, stop)));
        }
        self.decode(&address, frames, coding, stop)
    }
}

/// The reason why the camera at an address gives no pictures.
pub type RtspError = AtAddress<RtspFault>;

/// The fault of a camera, or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum RtspFault {
    /// An address with no place for a login.
    #[error("this address can't have a user")]
    NoUser,
    /// There is no session, or none any more.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The task that reads from the camera panicked.
    #[error("reading from the camera failed: {0}")]
    Reading(#[from] JoinError),
    /// ffmpeg gives something else than pictures.
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl RtspFault {
    /// Its kind.
    pub fn kind(&self) -> SourceErrorKind {
        match self {
            Self::NoUser => SourceErrorKind::Login,
            Self::Session(error) => error.kind(),
            Self::Reading(_) => SourceErrorKind::Internal,
            Self::Output(_) => SourceErrorKind::Command,
        }
    }

    /// This fault, of the camera at `address`.
    fn at(self, address: &str) -> RtspError {
        RtspError {
            address: address.to_owned(),
            fault: self,
        }
    }
}

fn without_ffmpeg(error: CommandError) -> CommandError {
    match error {
        CommandError::NotFound(_) => CommandError::NoFfmpeg,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DriverConfig, parse_spec};

    #[test]
    fn a_login_is_decoded_for_the_camera_and_coded_for_ffmpeg() {
        let spec = parse_spec("rtsp://me:p%40ss@cam:8554/main?key=1").unwrap();
        let DriverConfig::Rtsp(config) = spec.driver else {
            panic!("another driver");
        };
        assert_eq!(config.url.expose(), "rtsp://cam:8554/main?key=1");
        let rtsp = Rtsp::new(&config, None, Path::new("."));
        let login = rtsp.login().unwrap().unwrap();
        assert_eq!((&*login.username, &*login.password), ("me", "p@ss"));
        let url = rtsp.url_with_login().unwrap();
        assert_eq!(url.expose(), "rtsp://me:p%40ss@cam:8554/main?key=1");
        assert_eq!(shown(&rtsp.url().unwrap()), "rtsp://cam:8554/main");
    }
}
