//! The wall: pictures of many streams, and the server's state, by one connection.
//!
//! A browser opens six connections to a server at most, so that a page can't show more streams with
//! one connection each. Here the frames of all of them are multiplexed: by a WebSocket (RFC 6455),
//! or, behind a proxy that passes none on, by one streamed answer of HTTP. Both carry the same
//! messages (see [`message`]).
//!
//! The client gives credit for each stream (as in QUIC, RFC 9000, section 4.1: the number up to
//! which it takes frames). Frames don't queue up: when a stream has credit and the connection takes
//! more, its newest frame is sent, and those before it are skipped. Without credit a stream has no
//! viewer, and its camera may rest. Since no more is under way than there is credit for, a proxy
//! that stores what a slow client doesn't read has little to store.

mod channels;
mod feed;
mod inbox;
mod message;
mod sessions;
mod streamed;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request};

use super::App;
use super::api::root_from;
use super::auth::{Identity, Lease};
use super::viewers::lease;
use channels::{Channels, TooMany};
use feed::Feed;
pub use feed::WallState;
use inbox::Inbox;
pub use message::ClientMessage;
use message::Message;
pub use sessions::Sessions;
pub use streamed::{__path_give_credit, __path_stream_wall, give_credit, stream_wall};
pub use websocket::{__path_connect_wall, connect_wall};

/// The longest silence of a client, which sends something every 15 s.
const SILENCE: Duration = Duration::from_secs(60);
/// The most streams that a connection may have.
const MOST_STREAMS: usize = 256;

/// The messages of one connection, whichever way they are sent.
struct Wall {
    app: App,
    inbox: Arc<Inbox>,
    channels: Channels,
    feed: Feed,
    lease: Arc<Lease>,
}

/// The reason why a connection ends from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum End {
    #[error("the server stops")]
    Shutdown,
    #[error("the right to watch has ended, or an admin has ended the connection")]
    Lease,
    #[error("nothing was heard of the client for {SILENCE:?}")]
    Silence,
    #[error("a connection may have {MOST_STREAMS} streams")]
    TooMany,
}

impl Wall {
    /// One for the client that sent `request`, who is `identity`.
    fn open(app: &App, identity: &Identity, request: &Request) -> Self {
        let lease = Arc::new(lease(app, identity));
        let address = request.extensions().get();
        let address = address.map_or(request.uri(), |OriginalUri(uri)| uri);
        Self {
            inbox: Arc::new(Inbox::new(app.clock.clone())),
            channels: Channels::new(app.clone(), lease.clone()),
            feed: Feed::new(app, identity.clone(), root_from(address)),
            lease,
            app: app.clone(),
        }
    }

    /// The next message, to be asked for when the one before it has been taken. A call that is
    /// dropped loses nothing.
    async fn next(&mut self) -> Result<Message, End> {
        loop {
            tokio::select! {
                biased;
                () = self.app.shutdown.cancelled() => return Err(End::Shutdown),
                () = self.lease.end().cancelled() => return Err(End::Lease),
                said = self.inbox.take() => self.heed(said)?,
                () = self.feed.due() => {
                    if self.inbox.silence() >= SILENCE {
                        return Err(End::Silence);
                    }
                    self.channels.look_after();
                    if let Some(state) = self.feed.state(&self.app, &self.channels) {
                        return Ok(Message::state(state));
                    }
                }
                frame = self.channels.next() => return Ok(frame),
            }
        }
    }

    fn heed(&mut self, said: ClientMessage) -> Result<(), End> {
        for (name, until) in said.credit {
            let is_given = self.channels.credit(&name, until);
            is_given.map_err(|TooMany| End::TooMany)?;
        }
        if let Some(number) = said.refresh {
            self.feed.refresh(number);
        }
        Ok(())
    }
}
