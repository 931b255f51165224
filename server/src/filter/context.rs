//! The frame at hand: what a filter may ask about it during a call, and what it tells of it.

use std::sync::Arc;
use std::time::Duration;

use jpeg_splice::Jpeg;

use super::view::{Pixels, View};
use crate::clock::Clock;
use crate::config::Sees;
use crate::event_log::{EventKind, InvalidKind};
use crate::frame::Frame;
use crate::region::FoundRegion;
use crate::variables::{Refusal, Snapshot, Variables};

/// The longest text of an event, in characters.
const TEXT_CHARS: usize = 500;
/// The most pixels of a picture that is shown to people.
const MOST_SHOWN: u64 = 1_000_000;
/// Calls of `publish` during one call of a filter.
const MOST_PUBLISHED: u32 = 32;

/// The facts of a frame that a filter may ask for.
#[derive(Clone, Debug)]
pub struct FrameContext {
    /// The variables when the frame came.
    pub variables: Snapshot,
    /// The regions that were found in the stream's pictures so far.
    pub regions: Arc<[FoundRegion]>,
    /// The camera's frame, masked.
    pub frame: Frame,
    /// The picture's width and height at this point of the chain, in pixels.
    pub size: (u32, u32),
}

/// The rights of a step's filter, beyond those of every filter.
#[derive(Clone, Default)]
pub struct Grants {
    /// The pictures that it may see, if it may.
    pub sees: Option<Sees>,
    /// The way to set variables and to tell of events, if it may.
    pub publisher: Option<Publisher>,
}

/// Sets variables for filters.
#[derive(Clone)]
pub struct Publisher {
    /// The variables of all streams.
    pub variables: Variables,
    /// The clock that they end by.
    pub clock: Arc<dyn Clock>,
}

/// An event that a filter told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEvent {
    /// Its kind.
    pub kind: EventKind,
    /// The part of it.
    pub phase: Phase,
    /// A line for people; may be empty.
    pub text: String,
}

/// The part of an event that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It begins.
    Start,
    /// It is over.
    End,
    /// It has no duration.
    Moment,
}

/// The reason why a filter's wish is refused, in words for the filter.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// There is no frame at hand.
    #[error("there is no frame while a filter introduces itself or takes its settings")]
    NoFrame,
    /// It may not see pictures.
    #[error("this step may not see the picture: allow it with `sees: eighth` or `sees: all`")]
    Blind,
    /// It may see small pictures only.
    #[error("this step may see the picture at an eighth of its size only (`sees: eighth`)")]
    EighthOnly,
    /// It may not publish.
    #[error("this step may not publish: allow it with `publish: true`")]
    NoPublisher,
    /// It has published enough.
    #[error("one call may publish {MOST_PUBLISHED} times")]
    TooMany,
    /// A picture to be shown is none, or large.
    #[error("a picture to be shown has 1 to {MOST_SHOWN} pixels, and a byte for each")]
    Shown,
    /// An event has no kind that one may have.
    #[error(transparent)]
    Kind(#[from] InvalidKind),
    /// An event's text is too long.
    #[error("an event's text may have {TEXT_CHARS} characters")]
    Text,
    /// A variable can't be set.
    #[error(transparent)]
    Variable(#[from] Refusal),
}

/// The state of one running filter towards the frame at hand.
pub struct CallState {
    stream: Arc<str>,
    grants: Grants,
    frame: Option<FrameContext>,
    view: View,
    published: Published,
    calls: u32,
}

/// The news of one call of a filter, for others.
#[derive(Debug, Default)]
pub struct Published {
    /// Events.
    pub events: Vec<PublishedEvent>,
    /// A picture for whoever tunes the filter: a byte of brightness a pixel.
    pub picture: Option<Pixels>,
}

impl CallState {
    /// A filter of the stream called `stream` that may do what `grants` says.
    pub fn new(stream: Arc<str>, grants: Grants) -> Self {
        Self {
            stream,
            grants,
            frame: None,
            view: View::default(),
            published: Published::default(),
            calls: 0,
        }
    }

    /// Begins a call for a frame.
    pub fn begin(&mut self, frame: &FrameContext) {
        self.view.begin();
        self.published = Published::default();
        self.calls = 0;
        self.frame = Some(frame.clone());
    }

    /// Ends the call. Gives what it published.
    pub fn end(&mut self) -> Published {
        self.frame = None;
        std::mem::take(&mut self.published)
    }

    /// The stream's name.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The frame at hand, if there is one.
    pub fn frame(&self) -> Option<&FrameContext> {
        self.frame.as_ref()
    }

    /// The picture at hand and the view of it, if a picture of this size may be seen.
    ///
    /// # Errors
    /// It may not.
    pub fn view(&mut self, is_eighth: bool) -> Result<(&mut View, &Jpeg), WishError> {
        match self.grants.sees {
            None => Err(WishError::Blind),
            Some(Sees::Eighth) if !is_eighth => Err(WishError::EighthOnly),
            Some(_) => {
                let frame = self.frame.as_ref().ok_or(WishError::NoFrame)?;
                Ok((&mut self.view, &frame.frame.jpeg))
            }
        }
    }

    /// Sets a variable, until `ttl` is over if there is one.
    ///
    /// # Errors
    /// See [`WishError`].
    pub fn set_variable(
        &mut self,
        name: &str,
        text: &str,
        ttl: Option<Duration>,
    ) -> Result<(), WishError> {
        let Publisher { variables, clock } = self.count_call()?;
        let end = ttl.map(|ttl| clock.now() + ttl);
        Ok(variables.set(name, text, end)?)
    }

    /// Takes note of an event.
    ///
    /// # Errors
    /// See [`WishError`].
    pub fn tell(&mut self, kind: &str, phase: Phase, text: String) -> Result<(), WishError> {
        self.count_call()?;
        let kind = EventKind::new(kind)?;
        if text.chars().count() > TEXT_CHARS {
            return Err(WishError::Text);
        }
        self.published
            .events
            .push(PublishedEvent { kind, phase, text });
        Ok(())
    }

    /// Takes a picture to be shown to whoever tunes the filter.
    ///
    /// # Errors
    /// See [`WishError`].
    pub fn show(&mut self, picture: Pixels) -> Result<(), WishError> {
        self.count_call()?;
        let pixels = u64::from(picture.width) * u64::from(picture.height);
        if !(1..=MOST_SHOWN).contains(&pixels) || picture.bytes.len() as u64 != pixels {
            return Err(WishError::Shown);
        }
        self.published.picture = Some(picture);
        Ok(())
    }

    fn count_call(&mut self) -> Result<&Publisher, WishError> {
        let publisher = self.grants.publisher.as_ref();
        let publisher = publisher.ok_or(WishError::NoPublisher)?;
        if self.frame.is_none() {
            return Err(WishError::NoFrame);
        }
        self.calls += 1;
        match self.calls > MOST_PUBLISHED {
            true => Err(WishError::TooMany),
            false => Ok(publisher),
        }
    }
}
