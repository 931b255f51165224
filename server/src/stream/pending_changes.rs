//! Changes of a stream that are waiting to be made: between two frames, or at once while the stream
//! is idle.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::Rules;
use crate::chain::{Chain, ChainUpdate};
use crate::config::MaskConfig;
use crate::mask::{ExpectedMasks, MaskSet};
use crate::source::Source;
use crate::sync::IgnorePoison;

/// Changes that are waiting to be made. Clones share them.
#[derive(Clone)]
pub struct PendingChanges(Arc<Inner>);

struct Inner {
    waiting: Mutex<Waiting>,
    chain_changed: watch::Sender<()>,
    replaced: watch::Sender<()>,
}

struct Waiting {
    /// In the order they came: each stands on the chain that the one before leaves.
    updates: Vec<ChainUpdate>,
    source: Option<NewSource>,
    rules: Rules,
}

/// A source that is to be opened, and its masks.
struct NewSource {
    source: Box<dyn Source>,
    masks: ExpectedMasks,
}

impl PendingChanges {
    /// None yet, for a stream that is run by `rules`.
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::new(Waiting {
                updates: Vec::new(),
                source: None,
                rules,
            }),
            chain_changed: watch::Sender::default(),
            replaced: watch::Sender::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().ignore_poison()
    }

    /// The chain is to become another.
    pub fn update_chain(&self, update: ChainUpdate) {
        self.lock().updates.push(update);
        self.0.chain_changed.send_replace(());
    }

    /// The camera is to be closed and `source` to be opened in its place, with `masks` in force.
    pub fn replace_source(&self, source: Box<dyn Source>, masks: ExpectedMasks) {
        self.lock().source = Some(NewSource { source, masks });
        self.0.replaced.send_replace(());
    }

    /// Puts `masks` in force, with the camera that is to be opened if there is one.
    pub fn set_masks(&self, set: &MaskSet, masks: &[MaskConfig]) {
        match &mut self.lock().source {
            Some(new) => new.masks = set.expect(masks),
            None => set.set(masks),
        }
    }

    /// Runs it by `rules` from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.lock().rules = rules;
    }

    /// The rules that it is run by.
    pub fn rules(&self) -> Rules {
        self.lock().rules
    }

    /// Tells when the chain is to change.
    pub fn chain_changed(&self) -> watch::Receiver<()> {
        self.0.chain_changed.subscribe()
    }

    /// Tells when the source is to change.
    pub fn replaced(&self) -> watch::Receiver<()> {
        self.0.replaced.subscribe()
    }

    /// Changes `chain` as ordered.
    pub fn update_chain_now(&self, chain: &mut Chain) {
        let waiting = std::mem::take(&mut self.lock().updates);
        for update in waiting {
            chain.apply(update);
        }
    }

    /// Makes all changes that are waiting, to the source and to the chain.
    pub fn apply_to(&self, source: &mut Box<dyn Source>, chain: &mut Chain) {
        self.update_chain_now(chain);
        let new = self.lock().source.take();
        if let Some(new) = new {
            *source = new.source;
            new.masks.enforce();
        }
    }
}
