//! The driver `http`: a camera in the network, or another Mattebox.
//!
//! What the address answers says what it is: a multipart body is a stream, a picture is a snapshot, which is then asked for again
//! and again.

mod client;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::arriving::{Chunks, Jpegs};
use super::pace::Pace;
use super::{Camera, Capture, FRAME_BYTES, Source, SourceError};
use crate::clock::Stop;
use crate::config::HttpConfig;
use client::Client;

/// Snapshots per second where nothing else is asked for.
const SNAPSHOT_FPS: f64 = 1.0;

/// A camera that speaks HTTP.
pub struct Http {
    config: HttpConfig,
    folder: PathBuf,
    fps: Option<f64>,
}

impl Http {
    /// The camera that `config` names; snapshots are taken `fps` times per second, by default once.
    pub fn new(config: &HttpConfig, fps: Option<f64>, folder: &Path) -> Self {
        Self {
            config: config.clone(),
            folder: folder.to_owned(),
            fps,
        }
    }
}

impl Source for Http {
    fn driver(&self) -> &'static str {
        "http"
    }

    fn open(&mut self, stop: &Stop) -> Result<Box<dyn Camera + '_>, SourceError> {
        let mut client = Client::new(&self.config, &self.folder)?;
        let response = match stop.wait_for(client.get()) {
            Some(response) => response?,
            None => return Err(SourceError("stopped".to_owned())),
        };
        Ok(match kind(&response)? {
            Kind::Stream => Box::new(Stream {
                address: client.address().to_owned(),
                jpegs: Jpegs::new(Body(response), stop),
            }),
            Kind::Snapshot => Box::new(Snapshots {
                client,
                first: Some(response),
                pace: Pace::new(self.fps.unwrap_or(SNAPSHOT_FPS)),
            }),
        })
    }
}

enum Kind {
    Stream,
    Snapshot,
}

fn kind(response: &Response) -> Result<Kind, SourceError> {
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let content_type = content_type.unwrap_or_default().to_lowercase();
    if content_type.starts_with("image/") {
        Ok(Kind::Snapshot)
    } else if content_type.starts_with("text/") || content_type.contains("json") {
        Err(SourceError(format!(
            "the camera's address answers `{content_type}` and no pictures: is it the stream's own address, or that of a page around it?"
        )))
    } else {
        // Some cameras call their streams by other names than `multipart/x-mixed-replace`.
        Ok(Kind::Stream)
    }
}

/// The body of an answer.
struct Body(Response);

impl Chunks for Body {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        let chunk = self.0.chunk().await;
        chunk.map_err(|error| std::io::Error::other(client::cause(&error)))
    }
}

struct Stream {
    address: String,
    jpegs: Jpegs<Body>,
}

impl Camera for Stream {
    fn next_frame(&mut self, stop: &Stop) -> Result<Option<Capture<'_>>, SourceError> {
        let picture = self
            .jpegs
            .next()
            .map_err(|why| SourceError(format!("{}: {why}", self.address)))?;
        match picture {
            _ if stop.is_requested() => Ok(None),
            Some(picture) => Ok(Some(Capture {
                picture: picture.into(),
                captured_at: stop.clock().unix(),
            })),
            None => Err(SourceError(format!(
                "{}: the camera ended its stream",
                self.address
            ))),
        }
    }
}

struct Snapshots {
    client: Client,
    /// What was answered when the camera was opened.
    first: Option<Response>,
    pace: Pace,
}

impl Camera for Snapshots {
    fn next_frame(&mut self, stop: &Stop) -> Result<Option<Capture<'_>>, SourceError> {
        if !self.pace.wait(stop) {
            return Ok(None);
        }
        let picture = stop.wait_for(self.take());
        picture.transpose().map(|picture| {
            picture.map(|picture| Capture {
                picture: picture.into(),
                captured_at: stop.clock().unix(),
            })
        })
    }
}

impl Snapshots {
    async fn take(&mut self) -> Result<Result<Bytes, String>, SourceError> {
        let mut response = match self.first.take() {
            Some(response) => response,
            None => self.client.get().await?,
        };
        let mut picture = bytes::BytesMut::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                let why = client::cause(&error);
                SourceError(format!("{}: {why}", self.client.address()))
            })?;
            let Some(chunk) = chunk else {
                return Ok(Ok(picture.freeze()));
            };
            if picture.len() + chunk.len() > FRAME_BYTES {
                return Err(SourceError(format!(
                    "{}: a picture has more than {} MiB",
                    self.client.address(),
                    FRAME_BYTES >> 20
                )));
            }
            picture.extend_from_slice(&chunk);
        }
    }
}
