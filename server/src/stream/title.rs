//! The title that people see a stream by.

use std::sync::{Arc, RwLock};

use crate::sync::IgnorePoison;

/// A stream's title: its name where it has no other. Clones share it.
#[derive(Clone, Debug)]
pub struct Title(Arc<RwLock<String>>);

impl Title {
    /// This title.
    pub fn new(text: &str) -> Self {
        Self(Arc::new(RwLock::new(text.to_owned())))
    }

    /// The title as it is now.
    pub fn get(&self) -> String {
        self.0.read().ignore_poison().clone()
    }

    /// Makes it another one.
    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.0.write().ignore_poison());
    }
}
