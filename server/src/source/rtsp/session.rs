//! A session with a camera: what it sends, how it is asked for that, and its frames one by one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{Stream as _, StreamExt as _};
use retina::client::{
    Credentials, Demuxed, InitialTimestampPolicy, PacketItem, PlayOptions, Playing, Session,
    SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions, TeardownPolicy, Transport,
    UdpTransportOptions, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat};
use retina::rtp::ReceivedPacket;
use retina::{Error, Timestamp};
use url::Url;

use super::clock::CameraClock;
use super::error_text;
use super::jpeg::{self, Assembler, BrokenRtp};
use crate::clock::Clock;
use crate::source::{FRAME_BYTES, SourceErrorKind};

/// The time for which the camera has for its description.
const DESCRIBING: Duration = Duration::from_secs(8);
/// The most sessions that a camera is asked again and again to end, which retina does for as long
/// as the camera has said that they last: up to 136 years.
const STALE: usize = 4;
/// Errors one behind the other after which a session is over: a packet can be wrong, but not each
/// of them.
const ERRORS: u32 = 16;

/// A coding of a camera's pictures that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// JPEG (RFC 2435).
    Jpeg,
    /// H.264 (RFC 6184).
    H264,
    /// H.265 (RFC 7798).
    H265,
}

impl Coding {
    /// The coding with this name in lower case (RFC 4855).
    fn named(name: &str) -> Option<Self> {
        match name {
            "jpeg" => Some(Self::Jpeg),
            "h264" => Some(Self::H264),
            "h265" => Some(Self::H265),
            _ => None,
        }
    }
}

/// The reason why there is no session, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The camera, or the way to it.
    #[error("{}", error_text::explain(.error, *.has_login))]
    Camera {
        /// The fault.
        error: Error,
        /// Whether the camera could be told who asks.
        has_login: bool,
    },
    /// No description in time.
    #[error("there is no answer within {} s", DESCRIBING.as_secs())]
    Silent,
    /// A description without video.
    #[error("the camera's address has no video")]
    NoVideo,
    /// A coding that is not read here.
    #[error(
        "the camera sends `{0}`, which is not read here: set `via: ffmpeg`, or H.264 or JPEG in \
         the camera"
    )]
    Coding(String),
    /// The camera closed the connection.
    #[error("the camera ended its stream")]
    Ended,
    /// A frame that can't be one.
    #[error("a picture has more than {} MiB", FRAME_BYTES >> 20)]
    Long,
}

impl SessionError {
    /// Its kind.
    pub fn kind(&self) -> SourceErrorKind {
        match self {
            Self::Camera { error, .. } => match error.status_code() {
                Some(401) => SourceErrorKind::Login,
                Some(_) => SourceErrorKind::Answer,
                None => SourceErrorKind::Connection,
            },
            Self::Silent => SourceErrorKind::Connection,
            Self::NoVideo | Self::Coding(_) | Self::Long => SourceErrorKind::Format,
            Self::Ended => SourceErrorKind::Ended,
        }
    }
}

/// A camera to be asked, and the way to ask it.
pub struct Address {
    /// Of `rtsp`, without login.
    pub url: Url,
    /// User and password.
    pub login: Option<Credentials>,
    /// Whether packets come by UDP instead of the connection.
    pub is_udp: bool,
    /// Sessions with this camera that have not ended yet.
    pub sessions: Arc<SessionGroup>,
}

impl Address {
    fn teardown(&self) -> TeardownPolicy {
        if self.sessions.stale_sessions().num_sessions < STALE {
            TeardownPolicy::Auto
        } else {
            TeardownPolicy::Never
        }
    }
}

/// Frames of a camera.
pub struct Frames {
    input: Input,
    coding: Coding,
    clock: Arc<dyn Clock>,
    camera_clock: CameraClock,
    has_login: bool,
}

enum Input {
    Packets(Box<Session<Playing>>, Assembler),
    Frames(Box<Demuxed>),
}

/// One frame.
pub struct Frame {
    /// Its contents: a JPEG, or an access unit with start codes and, before key frames, its
    /// parameter sets.
    pub data: Result<Bytes, BrokenRtp>,
    /// Its time by the camera's RTP clock.
    pub timestamp: Timestamp,
    /// Whether it can be decoded alone.
    pub is_key: bool,
    /// The time at which it was taken.
    pub captured_at: SystemTime,
}

impl Frames {
    /// Asks the camera for its first video that can be read here.
    ///
    /// # Errors
    /// There is none, or no way to it.
    pub async fn open(
        address: Address,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Self, Coding), SessionError> {
        let has_login = address.login.is_some();
        let camera = |error| SessionError::Camera { error, has_login };
        let options = SessionOptions::default()
            .teardown(address.teardown())
            .session_group(address.sessions)
            .creds(address.login)
            .user_agent(concat!("mattebox/", env!("CARGO_PKG_VERSION")).to_owned());
        let mut session = tokio::select! {
            session = Session::describe(address.url, options) => session.map_err(camera)?,
            () = clock.sleep_until(clock.now() + DESCRIBING) => return Err(SessionError::Silent),
        };
        let (number, coding) = choose(&session)?;
        let size = jpeg::described_size(&String::from_utf8_lossy(session.sdp()));
        let transport = if address.is_udp {
            Transport::Udp(UdpTransportOptions::default())
        } else {
            Transport::Tcp(TcpTransportOptions::default())
        };
        let setup = SetupOptions::default()
            .transport(transport)
            .frame_format(FrameFormat::SIMPLE);
        session.setup(number, setup).await.map_err(camera)?;
        let play = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Permissive)
            .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::ProcessPackets);
        let session = session.play(play).await.map_err(camera)?;
        let input = if coding == Coding::Jpeg {
            Input::Packets(Box::new(session), Assembler::new(size))
        } else {
            Input::Frames(Box::new(session.demuxed().map_err(camera)?))
        };
        let frames = Self {
            input,
            coding,
            clock: clock.clone(),
            camera_clock: CameraClock::default(),
            has_login,
        };
        Ok((frames, coding))
    }

    /// The next frame.
    ///
    /// # Errors
    /// There will be no more.
    pub async fn next(&mut self) -> Result<Frame, SessionError> {
        let mut errors = 0;
        loop {
            match self.step().await {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => errors = 0,
                Err(SessionError::Camera { error, .. }) if errors < ERRORS => {
                    errors += 1;
                    let why = error_text::explain(&error, self.has_login);
                    tracing::debug!(error = %why, "a packet of the camera can't be read");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes one packet or frame from the camera.
    async fn step(&mut self) -> Result<Option<Frame>, SessionError> {
        let has_login = self.has_login;
        let camera = |error| SessionError::Camera { error, has_login };
        match &mut self.input {
            Input::Packets(session, assembler) => {
                let mut session = Pin::new(&mut **session);
                let item = poll_fn(|context| session.as_mut().poll_next(context)).await;
                match item.ok_or(SessionError::Ended)?.map_err(camera)? {
                    PacketItem::Rtp(packet) => {
                        let timestamp = packet.timestamp();
                        let picture = assembler.push(jpeg_packet(packet));
                        Ok(picture.map(|picture| self.frame(picture, timestamp, true)))
                    }
                    PacketItem::Rtcp(packet) => {
                        self.camera_clock.note(&packet);
                        Ok(None)
                    }
                    _ => Ok(None),
                }
            }
            Input::Frames(demuxed) => {
                let item = demuxed.next().await;
                match item.ok_or(SessionError::Ended)?.map_err(camera)? {
                    CodecItem::VideoFrame(frame) => {
                        let (timestamp, is_key) =
                            (frame.timestamp(), frame.is_random_access_point());
                        if frame.data().len() > FRAME_BYTES {
                            return Err(SessionError::Long);
                        }
                        let data = Bytes::from(frame.into_data());
                        let is_key = is_key || (self.coding == Coding::H265 && has_irap(&data));
                        Ok(Some(self.frame(Ok(data), timestamp, is_key)))
                    }
                    CodecItem::Rtcp(packet) => {
                        self.camera_clock.note(&packet);
                        Ok(None)
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    fn frame(&self, data: Result<Bytes, BrokenRtp>, timestamp: Timestamp, is_key: bool) -> Frame {
        Frame {
            data,
            timestamp,
            is_key,
            captured_at: self.camera_clock.captured_at(timestamp, self.clock.unix()),
        }
    }
}

fn jpeg_packet(packet: ReceivedPacket) -> jpeg::Packet {
    jpeg::Packet {
        timestamp: packet.timestamp().timestamp(),
        is_last: packet.mark(),
        size: jpeg::extension_size(packet.raw()),
        payload: packet.into_payload_bytes(),
    }
}

/// Whether an H.265 access unit with start codes has a picture that can be decoded alone: one of
/// the types 16 to 23 (ITU-T H.265, 7.4.2.2). retina tells of IDR pictures only, and many encoders
/// send CRA pictures after the first.
fn has_irap(unit: &[u8]) -> bool {
    const START: [u8; 3] = [0, 0, 1];
    let starts = unit.windows(START.len() + 1);
    let mut types = starts.filter_map(|it| it.strip_prefix(&START).map(|nal| nal[0] >> 1 & 0x3f));
    types.any(|kind| (16..=23).contains(&kind))
}

/// The first video with a known coding.
fn choose<S: retina::client::State>(session: &Session<S>) -> Result<(usize, Coding), SessionError> {
    let mut unknown = None;
    for (number, stream) in session.streams().iter().enumerate() {
        if stream.media() != "video" {
            continue;
        }
        match Coding::named(stream.encoding_name()) {
            Some(coding) => return Ok((number, coding)),
            None => unknown = unknown.or(Some(stream.encoding_name().to_owned())),
        }
    }
    Err(unknown.map_or(SessionError::NoVideo, |name| {
        SessionError::Coding(error_text::foreign(&name))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_that_can_be_decoded_alone_is_found() {
        for (kind, expected) in [
            (1, false),
            (15, false),
            (16, true),
            (19, true),
            (21, true),
            (32, false),
        ] {
            let unit = [
                &[0, 0, 0, 1, 32 << 1, 1, 7][..],
                &[0, 0, 1, kind << 1, 1, 0x80],
            ]
            .concat();
            assert_eq!(has_irap(&unit), expected, "{kind}");
        }
        assert!(!has_irap(&[0, 0, 1]) && !has_irap(&[]));
    }
}
