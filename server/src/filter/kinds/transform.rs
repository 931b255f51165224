//! Limits on the pictures of transforms, which get a picture and give another.

use super::check_pixels;
use crate::filter::contract::Image;
use crate::filter::failure::FilterFault;

/// Checks a new picture.
///
/// # Errors
/// Its size is wrong, or it has too few bytes or too many.
pub fn check(image: &Image) -> Result<(), FilterFault> {
    check_pixels(image.width, image.height, 3, image.rgb.len())?;
    Ok(())
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
