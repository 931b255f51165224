//! An update of a chain: steps that go on as they are, and new ones.

use std::collections::HashMap;

use super::{Chain, Step};

/// A chain's steps to be, in order, and how its frames are recoded.
pub struct ChainUpdate {
    /// The steps.
    pub steps: Vec<StepSlot>,
    /// JPEG quality of recoded frames, 1 to 100.
    pub quality: u8,
}

/// A step of the chain to be.
pub enum StepSlot {
    /// The one that has this id already, with its instance and state.
    Kept(u64),
    /// A new one.
    New(Box<Step>),
}

impl Chain {
    /// Becomes another chain. Steps that are not in it any more end.
    pub fn apply(&mut self, update: ChainUpdate) {
        let old = std::mem::take(&mut self.steps);
        let mut old: HashMap<u64, Step> = old.into_iter().map(|step| (step.id(), step)).collect();
        let placed = update.steps.into_iter();
        self.steps = placed
            .filter_map(|step| match step {
                StepSlot::Kept(id) => old.remove(&id),
                StepSlot::New(step) => Some(*step),
            })
            .collect();
        self.quality = update.quality;
    }
}
