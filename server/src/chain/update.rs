//! An update of a chain: steps that go on as they are, and new ones.

use std::collections::HashMap;

use super::frame_facts::FrameFacts;
use super::{Chain, Inspector, Step};
use crate::filter::FilterKind;

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
        let mut beside = std::mem::take(&mut self.inspectors);
        for slot in update.steps {
            match slot {
                StepSlot::Kept(id) => {
                    self.steps.extend(old.remove(&id));
                    let kept = beside.iter().position(|inspector| inspector.id() == id);
                    self.inspectors.extend(kept.map(|at| beside.remove(at)));
                }
                StepSlot::New(step) if step.kind() == FilterKind::Inspect => {
                    self.inspectors.push(self.inspector(*step));
                }
                StepSlot::New(step) => self.steps.push(*step),
            }
        }
        for ended in beside {
            let goes_on = |it: &Inspector| it.id() == ended.id();
            if !self.inspectors.iter().any(goes_on) {
                ended.forget();
            }
        }
        self.quality = update.quality;
    }

    fn inspector(&self, step: Step) -> Inspector {
        let facts = FrameFacts::new(self.time_zone.clone(), self.variables.clone());
        Inspector::new(step, facts, self.regions.clone(), self.clock.clone())
    }
}
