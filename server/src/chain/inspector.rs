//! An inspecting filter's place in a chain: it looks at frames beside the chain's way, and what it
//! finds is put on the stream's board of regions.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use super::At;
use super::frame_facts::FrameFacts;
use super::region_board::RegionBoard;
use super::step::{Outcome, Step};
use crate::clock::Clock;
use crate::frame::Frame;
use crate::region::FoundRegion;
use crate::sync::IgnorePoison;

/// An inspecting filter of a stream. Clones share it.
#[derive(Clone)]
pub struct Inspector(Arc<Inner>);

struct Inner {
    id: u64,
    every: Duration,
    is_on: bool,
    clock: Arc<dyn Clock>,
    board: RegionBoard,
    state: Mutex<State>,
}

struct State {
    step: Step,
    facts: FrameFacts,
    /// The time of the picture that was looked at last.
    latest: Option<SystemTime>,
}

/// The same one, not another with the same step's id: a step that is set otherwise keeps its id.
impl PartialEq for Inspector {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Inspector {
    /// `step` is one that inspects.
    pub fn new(step: Step, facts: FrameFacts, board: RegionBoard, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            id: step.id(),
            every: step.every(),
            is_on: step.is_on(),
            clock,
            board,
            state: Mutex::new(State {
                step,
                facts,
                latest: None,
            }),
        }))
    }

    /// Its step's id.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The shortest time between two looks.
    pub fn every(&self) -> Duration {
        self.0.every
    }

    /// Whether it looks at all.
    pub fn is_on(&self) -> bool {
        self.0.is_on
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().ignore_poison()
    }

    /// Looks at `frame`. Gives whether that went well. Blocks; must not be called from async code.
    pub fn look(&self, frame: &Frame) -> bool {
        let now = self.0.clock.now();
        let mut state = self.lock();
        let State { step, facts, .. } = &mut *state;
        if !step.is_ready(now) {
            self.forget();
            return false;
        }
        let (info, context) = facts.of(frame, self.0.board.all());
        let at = At {
            info: &info,
            context: &context,
            now,
        };
        let outcome = step.look(at);
        let went_well = matches!(outcome, Outcome::Done(_));
        if let Outcome::Done(regions) = outcome {
            let found_by: Arc<str> = step.name().into();
            let found = regions.into_iter().map(|region| FoundRegion {
                region,
                found_by: found_by.clone(),
                captured_at_ms: info.captured_at_ms,
                size: context.size,
            });
            self.0.board.put(self.0.id, found.collect());
        }
        state.latest = Some(frame.captured_at);
        went_well
    }

    /// Looks at `frame` if its picture was taken long enough after the last one that was looked at,
    /// or before it. Gives whether that went well, or need not be.
    pub fn look_if_due(&self, frame: &Frame) -> bool {
        let latest = self.lock().latest;
        let since = latest.map(|latest| frame.captured_at.duration_since(latest));
        let is_early = since.is_some_and(|since| since.is_ok_and(|since| since < self.0.every));
        !self.is_on() || is_early || self.look(frame)
    }

    /// Takes note that no more frames come for now.
    pub fn rest(&self) {
        self.lock().step.end_events();
        self.forget();
    }

    /// Forgets what it found.
    pub fn forget(&self) {
        self.0.board.forget(self.0.id);
    }
}
