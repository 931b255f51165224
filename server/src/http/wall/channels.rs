//! The streams of a connection, each with its credit.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::App;
use super::super::auth::Lease;
use super::super::viewers::ViewerEntry;
use super::MOST_STREAMS;
use super::message::Message;
use crate::stream::Viewer;

/// The most frames of a stream that are under way to a client.
const CREDIT: u64 = 2;
/// With so many bytes under way to a client, nothing more is sent until it has received some:
/// behind a proxy that takes whatever it is given, they would grow old there.
const BYTES_UNDER_WAY: usize = 1 << 20;
/// A client that gives a stream no credit for so long does not watch it.
const LAPSE: Duration = Duration::from_secs(10);

/// The answer for a stream that one may not see, which tells nothing of whether there is one.
const UNSEEN: &str = "you may not see this stream";

/// The streams that a client has given credit for.
pub struct Channels {
    app: App,
    lease: Arc<Lease>,
    by_name: BTreeMap<String, Channel>,
    /// One for each stream that has credit and no new frame.
    arrivals: FuturesUnordered<BoxFuture<'static, Turn>>,
    /// Streams that have credit and a new frame, in the order of its coming: none has to wait for
    /// another twice.
    ready: VecDeque<Turn>,
    bytes: usize,
    views: u64,
}

/// A connection has more streams than it may have.
#[derive(Debug)]
pub struct TooMany;

/// A stream whose turn it is, in the view of this number.
type Turn = (Arc<str>, u64);

#[derive(Default)]
struct Channel {
    /// The number of the frame that was sent last.
    sent: u64,
    /// The number up to which frames may be sent.
    until: u64,
    /// Numbers and bytes of frames that the client has not received yet, as far as is known.
    under_way: VecDeque<(u64, usize)>,
    view: View,
}

#[derive(Default)]
enum View {
    /// Nobody watches.
    #[default]
    Closed,
    /// The client wants to watch and can't, and why.
    Refused(String),
    Open(Open),
}

struct Open {
    name: Arc<str>,
    viewer: Viewer,
    _entry: ViewerEntry,
    number: u64,
    /// Whether it is among the arrivals or the ready.
    is_waiting: bool,
    /// The time at which the credit was used up.
    spent_at: Option<Instant>,
    /// Ends what waits for it.
    end: CancellationToken,
    _guard: DropGuard,
}

impl Channels {
    /// None yet.
    pub fn new(app: App, lease: Arc<Lease>) -> Self {
        Self {
            app,
            lease,
            by_name: BTreeMap::new(),
            arrivals: FuturesUnordered::new(),
            ready: VecDeque::new(),
            bytes: 0,
            views: 0,
        }
    }

    /// Streams that the client wants to watch and can't, and why.
    pub fn refused(&self) -> BTreeMap<String, String> {
        let refused = self.by_name.iter().filter_map(|(name, channel)| {
            let View::Refused(why) = &channel.view else {
                return None;
            };
            Some((name.clone(), why.clone()))
        });
        refused.collect()
    }

    /// The client takes the frames of the stream `name` up to the number `until`; none if that
    /// is 0.
    ///
    /// # Errors
    /// It has too many streams.
    pub fn credit(&mut self, name: &str, until: u64) -> Result<(), TooMany> {
        if until == 0 {
            self.close(name);
            return Ok(());
        }
        let channel = self.channel(name)?;
        let received = channel.acknowledge(until);
        // What was given can't be taken back (RFC 9000, section 4.1); words may overtake one
        // another.
        channel.until = until.min(channel.sent + CREDIT).max(channel.until);
        let is_closed = matches!(channel.view, View::Closed);
        self.bytes -= received;
        if is_closed {
            self.open(name);
        }
        self.wait_for(name);
        Ok(())
    }

    /// The channel of the stream `name`.
    fn channel(&mut self, name: &str) -> Result<&mut Channel, TooMany> {
        if !self.by_name.contains_key(name) {
            if self.by_name.len() >= MOST_STREAMS {
                // What is known of closed ones is of no use once there are too many.
                let is_open = |channel: &Channel| !matches!(channel.view, View::Closed);
                self.by_name.retain(|_, channel| is_open(channel));
            }
            if self.by_name.len() >= MOST_STREAMS {
                return Err(TooMany);
            }
        }
        Ok(self.by_name.entry(name.to_owned()).or_default())
    }

    fn close(&mut self, name: &str) {
        if let Some(channel) = self.by_name.get_mut(name) {
            self.bytes -= channel.acknowledge(u64::MAX);
            channel.until = 0;
            channel.view = View::Closed;
        }
    }

    /// Has the client watch the stream `name`, if it may.
    fn open(&mut self, name: &str) {
        self.views += 1;
        let identity = self.lease.identity();
        let view = match self.app.stream(name) {
            _ if !identity.sees(name) => View::Refused(UNSEEN.to_owned()),
            Err(unknown) => View::Refused(unknown.to_string()),
            Ok(stream) => match self.app.viewer(&stream, identity) {
                Ok(viewer) => {
                    let entry = self.app.viewers.add(name, &viewer, &self.lease, "wall");
                    View::Open(Open::new(name, (viewer, entry), self.views))
                }
                Err(full) => View::Refused(full.to_string()),
            },
        };
        if let Some(channel) = self.by_name.get_mut(name) {
            channel.view = view;
        }
    }

    /// Waits for a new frame of the stream `name`, if there is credit for it.
    fn wait_for(&mut self, name: &str) {
        let now = self.app.clock.now();
        if let Some(channel) = self.by_name.get_mut(name)
            && let View::Open(open) = &mut channel.view
        {
            let is_spent = channel.sent >= channel.until;
            open.spent_at = is_spent.then_some(now);
            if !is_spent && !open.is_waiting {
                self.arrivals.push(open.arrival());
            }
        }
    }

    /// The next frame that may be sent. A call that is dropped loses nothing.
    pub async fn next(&mut self) -> Message {
        loop {
            while self.bytes < BYTES_UNDER_WAY
                && let Some(turn) = self.ready.pop_front()
            {
                if let Some(message) = self.take(&turn) {
                    return message;
                }
            }
            match self.arrivals.next().await {
                Some(turn) => self.ready.push_back(turn),
                None => pending().await,
            }
        }
    }

    /// The newest frame of the stream whose turn it is.
    fn take(&mut self, (name, number): &Turn) -> Option<Message> {
        let channel = self.by_name.get_mut(&**name)?;
        let View::Open(open) = &mut channel.view else {
            return None;
        };
        // What waited may belong to a view that was closed meanwhile.
        if open.number != *number {
            return None;
        }
        open.is_waiting = false;
        let frame = open.viewer.take();
        let is_over = open.viewer.is_over();
        let message = frame.map(|frame| {
            channel.sent += 1;
            let bytes = frame.jpeg.len();
            channel.under_way.push_back((channel.sent, bytes));
            self.bytes += bytes;
            Message::frame(name, channel.sent, &frame)
        });
        if is_over {
            self.open(name);
        }
        self.wait_for(name);
        message
    }

    /// Tries again to watch what could not be watched, and lets go of what the client gives no more
    /// credit for. To be called each second.
    pub fn look_after(&mut self) {
        let now = self.app.clock.now();
        let mut refused = Vec::new();
        for (name, channel) in &mut self.by_name {
            match &channel.view {
                View::Refused(_) => refused.push(name.clone()),
                View::Open(open) if open.is_spent_for(LAPSE, now) => {
                    self.bytes -= channel.acknowledge(u64::MAX);
                    channel.view = View::Closed;
                }
                View::Open(_) | View::Closed => {}
            }
        }
        for name in refused {
            self.open(&name);
            self.wait_for(&name);
        }
    }
}

impl Channel {
    /// Takes note that the client has received all frames before the number `until` but the last
    /// ones. Gives their bytes.
    fn acknowledge(&mut self, until: u64) -> usize {
        let received = until.saturating_sub(CREDIT);
        let known = self
            .under_way
            .partition_point(|(number, _)| *number <= received);
        self.under_way.drain(..known).map(|(_, bytes)| bytes).sum()
    }
}

impl Open {
    fn new(name: &str, (viewer, entry): (Viewer, ViewerEntry), number: u64) -> Self {
        let end = CancellationToken::new();
        Self {
            name: name.into(),
            viewer,
            _entry: entry,
            number,
            is_waiting: false,
            spent_at: None,
            _guard: end.clone().drop_guard(),
            end,
        }
    }

    /// Resolves once a new frame is there, or the view has been closed.
    fn arrival(&mut self) -> BoxFuture<'static, Turn> {
        self.is_waiting = true;
        let (name, number) = (self.name.clone(), self.number);
        let (arrival, end) = (self.viewer.arrival(), self.end.clone());
        Box::pin(async move {
            end.run_until_cancelled(arrival).await;
            (name, number)
        })
    }

    fn is_spent_for(&self, time: Duration, now: Instant) -> bool {
        self.spent_at
            .is_some_and(|at| now.saturating_duration_since(at) >= time)
    }
}
