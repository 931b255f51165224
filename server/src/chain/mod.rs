//! A stream's chain of filters, and the way of one frame through it.
//!
//! The steps are asked in order. Nothing is decoded before some step needs pixels: overlays are
//! told the picture's size and answer with layers, which are kept aside. At the end of the chain
//! the plan says which path the frame takes.

mod build;
mod canvas;
mod check;
mod compiling;
mod drawing;
mod error;
mod filter_cache;
mod frame_facts;
mod inspector;
mod layers;
mod region_board;
mod shown;
mod stats;
mod step;
mod step_events;
mod trial;
mod update;
mod usage;

use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;
use jpeg_splice::{Jpeg, Splicer};

pub use build::{Planned, Unchanged, build, plan_chain, trial};
pub use canvas::Path;
pub use check::Check;
pub use compiling::CompilingReport;
pub use drawing::Drawing;
pub use error::{ChainError, StepError};
pub use filter_cache::{FilterCache, module};
pub use inspector::Inspector;
pub use region_board::RegionBoard;
pub use shown::Shown;
pub use stats::{BUCKETS, Durations, StepReport, StepState};
pub use step::{Step, StepStatus};
pub use trial::{Answer, Trial, TrialInstance};
pub use update::{ChainUpdate, StepSlot};

use crate::clock::Clock;
use crate::filter::FilterKind;
use crate::filter::context::FrameContext;
use crate::filter::contract::FrameInfo;
use crate::frame::Frame;
use crate::variables::Variables;
use canvas::{Canvas, Kept, cheapest_path};
use error::RecodeError;
use frame_facts::FrameFacts;
use step::Outcome;
use usage::Usage;

/// A frame that came out of a chain.
#[derive(Clone, Debug)]
pub struct FilteredFrame {
    /// The frame to be served; with the camera's own bytes on the path [`Path::Passthrough`].
    pub frame: Frame,
    /// The path that it took.
    pub path: Path,
    /// The reason for that path.
    pub reason: String,
    /// The number of steps that failed, so that the frame goes on without them.
    pub missed: usize,
}

/// The filters of one stream, started and configured.
pub struct Chain {
    /// Those on the frames' way.
    steps: Vec<Step>,
    /// Those beside it.
    inspectors: Vec<Inspector>,
    regions: RegionBoard,
    quality: u8,
    clock: Arc<dyn Clock>,
    time_zone: TimeZone,
    /// Texts that filters may show.
    variables: Variables,
    facts: FrameFacts,
    /// The picture's memory, used again for the next, and what drawing on the camera's JPEGs needs.
    kept: Kept,
    rgb_usage: Usage,
    splicer_usage: Usage,
}

impl Chain {
    /// A chain without steps, whose recoded frames get `quality` (1 to 100). `time_zone` is what
    /// filters are told as the local time, `variables` what they are told besides.
    pub fn new(
        quality: u8,
        clock: Arc<dyn Clock>,
        time_zone: TimeZone,
        variables: Variables,
    ) -> Self {
        Self {
            steps: Vec::new(),
            inspectors: Vec::new(),
            regions: RegionBoard::default(),
            quality,
            clock,
            facts: FrameFacts::new(time_zone.clone(), variables.clone()),
            time_zone,
            variables,
            kept: Kept::default(),
            rgb_usage: Usage::default(),
            splicer_usage: Usage::default(),
        }
    }

    /// The inspecting filters, which are to be called beside the frames' way.
    pub fn inspectors(&self) -> &[Inspector] {
        &self.inspectors
    }

    /// The regions that they found.
    pub fn regions(&self) -> &RegionBoard {
        &self.regions
    }

    /// Passes one frame through. Blocks; must not be called from async code.
    ///
    /// # Errors
    /// The frame is to be dropped.
    pub fn process(&mut self, frame: &Frame) -> Result<FilteredFrame, ChainError> {
        let now = self.clock.now();
        let kept = std::mem::take(&mut self.kept);
        let mut canvas = Canvas::new(&frame.jpeg, kept, self.quality);
        let steps = self.run_steps(frame, &mut canvas, now);
        let result = steps.and_then(|missed| self.finish((frame, missed), &mut canvas, now));
        let path = result.as_ref().map(|frame| frame.path);
        self.kept = canvas.into_kept();
        let prepared = match path {
            Ok(Path::Splice) => self.kept.splicer.prepared_bytes(),
            _ => 0,
        };
        self.give_back(prepared);
        result
    }

    /// Gives back the memory that is kept from frame to frame, since no more come for now.
    pub fn rest(&mut self) {
        self.kept = Kept::default();
    }

    fn finish(
        &mut self,
        (frame, mut missed): (&Frame, usize),
        canvas: &mut Canvas<'_>,
        now: Instant,
    ) -> Result<FilteredFrame, ChainError> {
        let is_empty = !self.steps.iter().any(Step::is_on);
        let plan = cheapest_path(canvas.result(is_empty && self.inspectors.is_empty()));
        let (jpeg, path, reason) = match canvas.finish(plan) {
            Ok(finished) => {
                if canvas.is_decodable() {
                    self.steps.iter_mut().for_each(Step::picture_worked);
                }
                finished
            }
            Err(error) if canvas.is_transformed() => return Err(error.into()),
            Err(error) => {
                missed += canvas.drawn_by().len();
                self.pass_undrawn(canvas, error, now)?
            }
        };
        let frame = Frame {
            jpeg,
            ..frame.clone()
        };
        Ok(FilteredFrame {
            frame,
            path,
            reason,
            missed,
        })
    }

    /// Lets the camera's picture pass without what was to be drawn on it, if all steps allow that.
    fn pass_undrawn(
        &mut self,
        canvas: &Canvas<'_>,
        mut error: RecodeError,
        now: Instant,
    ) -> Result<(Jpeg, Path, String), ChainError> {
        for step in canvas.drawn_by() {
            error = self.steps[step].picture_failed(error, now)?;
        }
        let reason = format!("{error}; it passes without what was to be drawn");
        Ok((canvas.source().clone(), Path::Passthrough, reason))
    }

    /// Gives back what earlier frames took and the latest don't need. `prepared` is what splicing
    /// keeps for this one.
    fn give_back(&mut self, prepared: u64) {
        if let Some(needed) = self.rgb_usage.note(self.kept.rgb.len() as u64) {
            self.kept.rgb.shrink_to(needed as usize);
        }
        if self.splicer_usage.note(prepared).is_some() {
            self.kept.splicer = Splicer::new();
        }
    }

    /// Gives the number of steps that failed and may be left out.
    fn run_steps(
        &mut self,
        frame: &Frame,
        canvas: &mut Canvas<'_>,
        now: Instant,
    ) -> Result<usize, ChainError> {
        let mut missed = 0;
        if self.steps.is_empty() {
            return Ok(missed);
        }
        let (mut info, mut context) = self.facts.of(frame, self.regions.all());
        let steps = self.steps.iter_mut().enumerate();
        for (place, step) in steps.filter(|(_, step)| step.is_on()) {
            (info.width, info.height) = canvas.size();
            context.size = canvas.size();
            let at = At {
                info: &info,
                context: &context,
                now,
            };
            let outcome = if !step.is_ready(now) {
                step.failure()
            } else {
                match step.kind() {
                    FilterKind::Overlay => draw((place, &mut *step), at, canvas),
                    FilterKind::Transform => apply(step, at, canvas)?,
                    // It is beside the way.
                    FilterKind::Inspect => Outcome::Done(()),
                }
            };
            match outcome {
                Outcome::Done(()) => {}
                Outcome::Bypassed => missed += 1,
                Outcome::Dropped => return Err(ChainError::Step(step.name().to_owned())),
            }
        }
        Ok(missed)
    }
}

/// The frame at hand, at a step.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The facts that the filter is told.
    pub info: &'a FrameInfo,
    /// The facts that it may ask for.
    pub context: &'a FrameContext,
    /// The time of the call.
    pub now: Instant,
}

fn draw((place, step): (usize, &mut Step), at: At<'_>, canvas: &mut Canvas<'_>) -> Outcome<()> {
    match step.draw(at) {
        Outcome::Done(drawing) => {
            canvas.draw(place, drawing);
            Outcome::Done(())
        }
        Outcome::Bypassed => Outcome::Bypassed,
        Outcome::Dropped => Outcome::Dropped,
    }
}

fn apply(step: &mut Step, at: At<'_>, canvas: &mut Canvas<'_>) -> Result<Outcome<()>, ChainError> {
    let image = match canvas.image() {
        Ok(image) => image,
        Err(error) => {
            step.picture_failed(error.into(), at.now)?;
            return Ok(Outcome::Bypassed);
        }
    };
    Ok(match step.apply(at, image) {
        Outcome::Done(image) => {
            canvas.replace(image, step.name());
            Outcome::Done(())
        }
        Outcome::Bypassed => Outcome::Bypassed,
        Outcome::Dropped => Outcome::Dropped,
    })
}
