//! Names for what masks cover.

use serde::{Deserialize, Serialize};

use crate::config::MaskConfig;
use crate::hash::hash;

/// A name for what a mask covers, how well and when: another mask with the same name hides the
/// same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaskId(String);

impl MaskId {
    /// That of `mask`.
    pub fn of(mask: &MaskConfig) -> Self {
        let covers = format!("{:?} {:?} {:?}", mask.area, mask.mosaic, mask.when);
        Self(hash::<16>(covers.as_bytes()))
    }
}
