//! A filter outside of a chain, to be tested: called for one frame after the other, with nothing
//! decided about what it answers.

use std::sync::Arc;

use super::Drawing;
use super::layers;
use crate::filter::context::FrameContext;
use crate::filter::contract::{FrameInfo, Image, ImageRef};
use crate::filter::{
    CallError, Engine, FilterKind, RunningFilter, SharedFilter, StartError, StepSettings,
};
use crate::region::Region;

/// A filter and the settings of its step.
#[derive(Clone)]
pub struct Trial {
    /// The engine that it runs on.
    pub engine: Engine,
    /// The filter.
    pub filter: SharedFilter,
    /// The settings.
    pub settings: StepSettings,
}

/// A filter that runs.
pub struct TrialInstance {
    engine: Engine,
    kind: FilterKind,
    running: RunningFilter,
}

/// The answer of a call.
pub enum Answer {
    /// An overlay's, that its drawing is the one before.
    Unchanged,
    /// An overlay's drawing.
    Drawing(Arc<Drawing>),
    /// A transform's picture.
    Picture(Image),
    /// The regions that an inspecting filter found.
    Regions(Vec<Region>),
}

impl Trial {
    /// An instance of the filter. Blocks; must not be called from async code.
    ///
    /// # Errors
    /// It can't be started with its settings.
    pub fn start(&self) -> Result<TrialInstance, StartError> {
        Ok(TrialInstance {
            engine: self.engine.clone(),
            kind: self.filter.kind(),
            running: RunningFilter::start(&self.filter, &self.settings)?,
        })
    }
}

impl TrialInstance {
    /// Calls the filter for a frame, whose upright pixels `image` has. Blocks like
    /// [`Trial::start`].
    ///
    /// # Errors
    /// The filter refuses the frame, breaks the contract, or runs into a limit.
    pub fn call(
        &mut self,
        info: &FrameInfo,
        context: &FrameContext,
        image: ImageRef<'_>,
    ) -> Result<Answer, CallError> {
        let answer = match self.kind {
            FilterKind::Overlay => match self.running.draw(info, context)? {
                None => Answer::Unchanged,
                Some(drawing) => {
                    let texts = self.engine.texts();
                    let layers = drawing.layers.into_iter();
                    let layers =
                        layers.flat_map(|layer| layers::pixels(layer, context.size, texts));
                    Answer::Drawing(Arc::new(Drawing::new(layers.collect())))
                }
            },
            FilterKind::Transform => Answer::Picture(self.running.apply((info, image), context)?),
            FilterKind::Inspect => Answer::Regions(self.running.look(info, context)?),
        };
        drop(self.running.take_published());
        Ok(answer)
    }

    /// The bytes of memory that the filter itself has, without what the server keeps of its
    /// answers.
    pub fn memory(&self) -> u64 {
        self.running.memory()
    }
}
