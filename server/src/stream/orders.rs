//! What a stream is to change while it runs. It is done between two frames, or at once while the stream rests.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::Rules;
use crate::chain::{Chain, Rearrangement};
use crate::source::Source;
use crate::sync::IgnorePoison;

/// Changes that are waiting to be made. Clones share them.
#[derive(Clone)]
pub struct Orders(Arc<Inner>);

struct Inner {
    waiting: Mutex<Waiting>,
    rearranged: watch::Sender<()>,
    replaced: watch::Sender<()>,
}

struct Waiting {
    /// In the order they came: each stands on the chain that the one before leaves.
    rearrangements: Vec<Rearrangement>,
    source: Option<Box<dyn Source>>,
    rules: Rules,
}

impl Orders {
    /// None yet, for a stream that is run by `rules`.
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::new(Waiting {
                rearrangements: Vec::new(),
                source: None,
                rules,
            }),
            rearranged: watch::Sender::default(),
            replaced: watch::Sender::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().ignore_poison()
    }

    /// The chain is to become another.
    pub fn rearrange(&self, rearrangement: Rearrangement) {
        self.lock().rearrangements.push(rearrangement);
        self.0.rearranged.send_replace(());
    }

    /// The camera is to be closed and `source` to be opened in its place.
    pub fn replace_source(&self, source: Box<dyn Source>) {
        self.lock().source = Some(source);
        self.0.replaced.send_replace(());
    }

    /// It is to be run by `rules` from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.lock().rules = rules;
    }

    /// How it is to be run.
    pub fn rules(&self) -> Rules {
        self.lock().rules
    }

    /// Tells when the chain is to change.
    pub fn rearranged(&self) -> watch::Receiver<()> {
        self.0.rearranged.subscribe()
    }

    /// Tells when the source is to change.
    pub fn replaced(&self) -> watch::Receiver<()> {
        self.0.replaced.subscribe()
    }

    /// Changes `chain` as ordered.
    pub fn rearrange_now(&self, chain: &mut Chain) {
        let waiting = std::mem::take(&mut self.lock().rearrangements);
        for rearrangement in waiting {
            chain.rearrange(rearrangement);
        }
    }

    /// Changes all that is waiting to be changed.
    pub fn fulfil(&self, source: &mut Box<dyn Source>, chain: &mut Chain) {
        self.rearrange_now(chain);
        let new = self.lock().source.take();
        if let Some(new) = new {
            *source = new;
        }
    }
}
