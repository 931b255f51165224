//! The messages of the wall's connection.
//!
//! From the server, in network byte order:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | the kind: 0 session, 1 state, 2 frame |
//! | 1 | the length *n* of the stream's name; 0 where there is none |
//! | 8 | a frame's number: the stream's first on this connection is 1 |
//! | 8 | when the frame was taken, in microseconds since 1970 |
//! | 4 | the length *m* of what it carries |
//! | *n* | the stream's name, ASCII |
//! | *m* | a session's name, the state as JSON, or a JPEG |
//!
//! On a WebSocket each message is a binary one; in a streamed answer they follow one another. A
//! client passes over kinds that it doesn't know. What it sends is JSON, see [`ClientMessage`].

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;

use super::MOST_STREAMS;
use crate::frame::Frame;

/// Bytes before the name.
const HEADER_BYTES: usize = 22;
/// The most bytes of a message of the client: so many streams with the longest names have room.
pub const CLIENT_BYTES: usize = 32 << 10;

/// A message to the client.
#[derive(Clone, Debug)]
pub struct Message {
    head: Bytes,
    body: Bytes,
}

enum Kind {
    Session = 0,
    State = 1,
    Frame = 2,
}

impl Message {
    /// The name of the session that requests for credit name.
    pub fn session(name: &str) -> Self {
        Self::new(Kind::Session, "", 0, 0, name.to_owned().into())
    }

    /// The state of the server, as JSON.
    pub fn state(json: Bytes) -> Self {
        Self::new(Kind::State, "", 0, 0, json)
    }

    /// The frame that is the stream's `number`th on this connection.
    pub fn frame(stream: &str, number: u64, frame: &Frame) -> Self {
        let since = frame.captured_at.duration_since(UNIX_EPOCH);
        let micros = since.unwrap_or_default().as_micros();
        // In 2554 at the earliest there are more than that.
        let captured_at = u64::try_from(micros).unwrap_or(u64::MAX);
        let jpeg = frame.jpeg.bytes().clone();
        Self::new(Kind::Frame, stream, number, captured_at, jpeg)
    }

    /// A picture has 64 MiB at most, a stream's name 64 characters.
    fn new(kind: Kind, name: &str, number: u64, captured_at: u64, body: Bytes) -> Self {
        let mut head = BytesMut::with_capacity(HEADER_BYTES + name.len());
        head.put_u8(kind as u8);
        head.put_u8(name.len() as u8);
        head.put_u64(number);
        head.put_u64(captured_at);
        head.put_u32(body.len() as u32);
        head.put_slice(name.as_bytes());
        Self {
            head: head.freeze(),
            body,
        }
    }

    /// Both parts, without a copy of the picture.
    pub fn parts(self) -> [Bytes; 2] {
        [self.head, self.body]
    }

    /// All of it in one piece.
    pub fn whole(self) -> Bytes {
        [self.head, self.body].concat().into()
    }
}

/// A client's message, as JSON. An empty object is a sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientMessage {
    /// The number up to which the client takes a stream's frames, by its name: at most 2 more than
    /// that of the frame it received last. 0 ends it.
    #[serde(default)]
    pub credit: BTreeMap<String, u64>,
    /// Asks for the state now, which will have this number as its `refresh`.
    #[serde(default)]
    pub refresh: Option<u64>,
}

/// The reason why a client's message is not heeded.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is not what is expected.
    #[error("the message is wrong: {0}")]
    Wrong(#[from] serde_json::Error),
    /// It is not a text.
    #[error("a message is a text")]
    Binary,
    /// It is too long.
    #[error("a message may have {CLIENT_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It is about too many streams.
    #[error("a connection may have {MOST_STREAMS} streams")]
    TooMany,
}

impl ClientMessage {
    /// Reads one.
    ///
    /// # Errors
    /// It is none, or too long.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        if text.len() > CLIENT_BYTES {
            return Err(MessageError::TooLong(text.len()));
        }
        Ok(serde_json::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_frame_is_framed_as_documented() {
        let frame = Frame {
            captured_at: SystemTime::UNIX_EPOCH + Duration::from_micros(0x0102),
            ..Frame::fake(7)
        };
        let message = Message::frame("front", 3, &frame);
        let expected = [
            &[2, 5][..],
            &3u64.to_be_bytes(),
            &0x0102u64.to_be_bytes(),
            &[0, 0, 0, 17],
            b"front",
            Frame::JPEG,
        ]
        .concat();
        assert_eq!(message.clone().parts().concat(), expected);
        assert_eq!(message.whole(), expected);
    }

    #[test]
    fn what_a_client_says_is_read_or_refused() {
        let said = ClientMessage::parse(r#"{"credit": {"front": 2}, "refresh": 7}"#).unwrap();
        assert_eq!(said.credit["front"], 2);
        assert_eq!(said.refresh, Some(7));
        assert_eq!(
            ClientMessage::parse("{}").unwrap(),
            ClientMessage::default()
        );
        for wrong in ["", "1", r#"{"credit": {"front": -1}}"#, r#"{"other": 1}"#] {
            assert!(ClientMessage::parse(wrong).is_err(), "{wrong}");
        }
        let long = format!("{{}}{}", " ".repeat(CLIENT_BYTES));
        let error = ClientMessage::parse(&long).unwrap_err().to_string();
        assert!(error.contains("32768"), "{error}");
    }
}
