//! The driver `http`: a camera in the network, or another Mattebox.
//!
//! An answer is a stream or a snapshot by what it is, since cameras label both as anything: one
//! with a single picture is a snapshot, which is then asked for again and again; one with more is a
//! stream.

mod challenge;
mod client;
mod error;
mod parts;

use std::io::BufReader;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};

use super::mjpeg_reader::{ChunkReader, Chunks};
use super::pacer::Pacer;
use super::{Camera, CapturedFrame, Configured, FrameData, Source, SourceError, WantedRate};
use crate::clock::StopToken;
use crate::config::HttpConfig;
use client::Client;
pub use client::new_client;
use error::HttpFault;
pub use error::{HttpError, cause};
use parts::{Label, Parts};

/// Snapshots per second where nothing else is asked for.
const SNAPSHOT_FPS: f64 = 1.0;
/// The least and the most time until a snapshot that failed is asked for again.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
/// The longest wait between two snapshots without a word that the camera is not missed.
const SILENCE: Duration = Duration::from_secs(1);

/// A camera that speaks HTTP. Snapshots are taken at its rate, by default once a second.
impl Source for Configured<HttpConfig> {
    fn driver(&self) -> &'static str {
        "http"
    }

    fn open(&mut self, stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        let client = Client::new(&self.config, &self.folder)?;
        let fps = self.fps.unwrap_or(SNAPSHOT_FPS);
        let mut camera = Answers {
            client,
            answer: None,
            takes_snapshots: false,
            has_missed: false,
            pacer: Pacer::new(fps),
            shortest: Duration::from_secs_f64(1.0 / fps),
            rate: None,
            retry: Duration::from_secs_f64(1.0 / fps).clamp(RETRY.0, RETRY.1),
        };
        camera.pacer.wait(stop);
        match camera.ask(stop) {
            Some(Ok(())) => Ok(Box::new(camera)),
            Some(Err(fault)) => Err(camera.client.error(fault).into()),
            None => Err(SourceError::Stopped),
        }
    }
}

impl Wait {
    /// The end of a wait that a stop ended if it is not `done`.
    fn ended(done: bool) -> Self {
        match done {
            true => Self::Due,
            false => Self::Stopped,
        }
    }
}

/// The body of an answer.
struct Body(Response);

impl Chunks for Body {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        let chunk = self.0.chunk().await;
        chunk.map_err(|error| error::broken_off(&error))
    }
}

/// The pictures of one answer after the other.
struct Answers {
    client: Client,
    answer: Option<Answer>,
    /// It has given snapshots before, so that one that fails is no reason to close it.
    takes_snapshots: bool,
    /// The last snapshot failed.
    has_missed: bool,
    pacer: Pacer,
    /// The shortest time between two snapshots.
    shortest: Duration,
    rate: Option<WantedRate>,
    retry: Duration,
}

/// The end of a wait for the next snapshot.
enum Wait {
    Due,
    /// It is not due yet, and another one may be wanted.
    GoesOn,
    Stopped,
}

struct Answer {
    parts: Parts<BufReader<ChunkReader<Body>>>,
    status: StatusCode,
    /// The time at which it was asked for.
    asked: Instant,
}

impl Answer {
    fn new(response: Response, asked: Instant, stop: &StopToken) -> Self {
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let content_type = content_type.unwrap_or_default().to_lowercase();
        let label = Label {
            length: response.content_length(),
            content_type,
        };
        Self {
            parts: Parts::new(ChunkReader::buffered(Body(response), stop), label),
            status,
            asked,
        }
    }

    /// A moment that its last picture was surely taken after: that of the first one when it was
    /// asked for.
    fn since(&self) -> Option<Instant> {
        match self.parts.pictures() {
            1 => Some(self.asked),
            _ => self.parts.arrived(),
        }
    }

    /// The fault of an answer that is over.
    fn end(&self) -> HttpFault {
        let content_type = self.parts.content_type();
        if self.parts.is_empty() {
            HttpFault::Empty(self.status)
        } else if self.parts.pictures() > 0 || content_type.starts_with("multipart/") {
            HttpFault::Ended
        } else {
            HttpFault::NoPicture(content_type.to_owned())
        }
    }
}

impl Camera for Answers {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        loop {
            let Some(answer) = &mut self.answer else {
                match self.wait(stop) {
                    Wait::Due => {}
                    Wait::GoesOn => {
                        return Ok(Some(CapturedFrame::now(FrameData::Skipped, stop)));
                    }
                    Wait::Stopped => return Ok(None),
                }
                match self.ask(stop) {
                    Some(Ok(())) => continue,
                    Some(Err(fault)) => return Ok(Some(self.miss(fault, stop)?)),
                    None => return Ok(None),
                }
            };
            let next = answer.parts.next();
            let pictures = answer.parts.pictures();
            let (since, end) = (answer.since(), answer.end());
            if stop.is_requested() {
                return Ok(None);
            }
            match next {
                Ok(Some(picture)) => {
                    let frame = CapturedFrame::now(picture, stop);
                    return Ok(Some(CapturedFrame { since, ..frame }));
                }
                // With an error, its picture has been taken.
                Ok(None) | Err(_) if pictures == 1 => {
                    self.answer = None;
                    self.takes_snapshots = true;
                }
                ended => {
                    let fault = ended.err().unwrap_or(end);
                    return Ok(Some(self.miss(fault, stop)?));
                }
            }
        }
    }

    fn follow(&mut self, rate: WantedRate) {
        self.rate = Some(rate);
    }
}

impl Answers {
    /// Waits until the next snapshot is due, or for as long as nobody need hear of the camera.
    fn wait(&mut self, stop: &StopToken) -> Wait {
        if std::mem::take(&mut self.has_missed) {
            return Wait::ended(stop.sleep(self.retry));
        }
        let now = stop.clock().now();
        if let Some(rate) = &mut self.rate {
            self.pacer.set_interval(rate.interval().max(self.shortest));
            if self.pacer.due(now) > now + SILENCE {
                let silence = stop.clock().sleep_until(now + SILENCE);
                let waited = stop.wait_for(async {
                    tokio::select! {
                        () = silence => {}
                        () = rate.changed() => {}
                    }
                });
                return waited.map_or(Wait::Stopped, |()| Wait::GoesOn);
            }
        }
        Wait::ended(self.pacer.wait(stop))
    }

    /// Asks the camera; `None` once a stop is requested.
    fn ask(&mut self, stop: &StopToken) -> Option<Result<(), HttpFault>> {
        let asked = stop.clock().now();
        let response = stop.wait_for(self.client.get())?;
        Some(response.map(|response| self.answer = Some(Answer::new(response, asked, stop))))
    }

    /// A picture that is missing, which the camera outlives; if too many are, its watchdog ends it.
    fn miss(
        &mut self,
        fault: HttpFault,
        stop: &StopToken,
    ) -> Result<CapturedFrame<'static>, HttpError> {
        let pictures = self.answer.as_ref().map_or(0, |it| it.parts.pictures());
        let is_passing = fault.is_passing();
        let error = self.client.error(fault);
        if !is_passing || !self.takes_snapshots || pictures > 1 {
            return Err(error);
        }
        self.answer = None;
        self.has_missed = true;
        Ok(CapturedFrame::now(
            FrameData::Coded(Err(error.into())),
            stop,
        ))
    }
}
