//! The kinds of filter: what each is called for, and the checks of what it hands over before
//! anybody uses it.

pub mod overlay;
mod transform;

use super::contract::Contract;
use super::instance::Guest;
use super::limits::{PICTURE_PIXELS, SIDE};
use overlay::Overlay;
use transform::Transform;

/// The kind of a filter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FilterKind {
    /// Draws layers over the picture and never sees it.
    Overlay,
    /// Gets the picture and returns another.
    Transform,
}

/// The function that is called for each frame.
pub enum Function {
    Overlay(Overlay),
    Transform(Transform),
}

impl Function {
    /// The one of `guest`, a configured filter of this `kind`.
    ///
    /// # Errors
    /// It does not fit the contract.
    pub fn of(
        guest: &mut Guest,
        contract: &dyn Contract,
        kind: FilterKind,
    ) -> Result<Self, String> {
        Ok(match kind {
            FilterKind::Overlay => Self::Overlay(Overlay::new(contract.draw(guest)?)),
            FilterKind::Transform => Self::Transform(Transform::new(contract.apply(guest)?)),
        })
    }
}

/// Checks that a rectangle of `width` × `height` has its `bytes`.
fn check_pixels(width: u32, height: u32, channels: u64, bytes: usize) -> Result<(), String> {
    if !(1..=SIDE).contains(&width) || !(1..=SIDE).contains(&height) {
        return Err(format!(
            "its size is {width}×{height}, each side must be 1 to {SIDE} pixels"
        ));
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PICTURE_PIXELS {
        return Err(format!(
            "{width}×{height} is more than {PICTURE_PIXELS} pixels"
        ));
    }
    let expected = pixels * channels;
    if bytes as u64 != expected {
        return Err(format!(
            "{width}×{height}×{channels} needs {expected} bytes, it has {bytes}"
        ));
    }
    Ok(())
}
