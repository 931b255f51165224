//! Transforms: handed a picture, for which they give another.

use std::time::Duration;

use super::check_pixels;
use crate::filter::contract::{Apply, FrameInfo, Image, ImageRef};
use crate::filter::failure::{CallError, FilterFault};
use crate::filter::instance::Guest;

/// A transform's function.
pub struct Transform(Box<dyn Apply>);

impl Transform {
    pub fn new(apply: Box<dyn Apply>) -> Self {
        Self(apply)
    }

    /// The picture that takes the place of `image`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn apply(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        image: ImageRef<'_>,
        limit: Duration,
    ) -> Result<Image, CallError> {
        let image = self.0.call(guest, frame, image, limit)?;
        check(&image)?;
        guest.retain(image.rgb.len() as u64)?;
        Ok(image)
    }
}

fn check(image: &Image) -> Result<(), FilterFault> {
    Ok(check_pixels(image.width, image.height, 3, image.rgb.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_pictures_are_refused() {
        let picture = |width, height, bytes| Image {
            width,
            height,
            rgb: vec![0; bytes],
        };
        assert_eq!(check(&picture(3, 2, 18)), Ok(()));
        assert!(check(&picture(3, 2, 24)).is_err());
        assert!(check(&picture(0, 0, 0)).is_err());
    }
}
