//! Limits on the regions of inspecting filters, which look at pictures and hand none over.

use crate::filter::failure::FilterFault;
use crate::filter::limits::{LABEL_CHARS, REGIONS};
use crate::log::sanitize;
use crate::region::{Area, Region};

/// The fault of a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongRegion {
    /// It has no label, or a long one.
    #[error("the label has {0} characters, it must have 1 to {LABEL_CHARS}")]
    Label(usize),
    /// Its score, written here, is no part of 1.
    #[error("the score is {0}, it must be 0 to 1")]
    Score(String),
    /// It has no pixels.
    #[error("the area has no pixels: {0}×{1}")]
    Empty(u32, u32),
}

/// The regions that lie in a picture of this size, as far as they do.
///
/// # Errors
/// There are too many regions, or one is wrong.
pub fn checked(regions: Vec<Region>, size: (u32, u32)) -> Result<Vec<Region>, FilterFault> {
    if regions.len() > REGIONS {
        return Err(FilterFault::Regions(regions.len()));
    }
    let mut inside = Vec::with_capacity(regions.len());
    for (index, region) in regions.into_iter().enumerate() {
        check(&region).map_err(|wrong| FilterFault::Region(index, wrong))?;
        if let Some(area) = region.area.within(size) {
            let label = sanitize(&region.label);
            inside.push(Region {
                area,
                label,
                ..region
            });
        }
    }
    Ok(inside)
}

fn check(region: &Region) -> Result<(), WrongRegion> {
    let Area { width, height, .. } = region.area;
    let chars = region.label.chars().count();
    if !(1..=LABEL_CHARS).contains(&chars) {
        return Err(WrongRegion::Label(chars));
    }
    if !(0.0..=1.0).contains(&region.score) {
        return Err(WrongRegion::Score(region.score.to_string()));
    }
    match width == 0 || height == 0 {
        true => Err(WrongRegion::Empty(width, height)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(label: &str, score: f32, [x, y, width, height]: [u32; 4]) -> Region {
        Region {
            area: Area {
                x,
                y,
                width,
                height,
            },
            label: label.to_owned(),
            score,
            track: None,
        }
    }

    #[test]
    fn wrong_regions_are_named() {
        let good = || region("cat", 0.5, [1, 2, 3, 4]);
        for (bad, why) in [
            (region("", 0.5, [0, 0, 1, 1]), "label has 0 characters"),
            (region(&"x".repeat(101), 0.5, [0, 0, 1, 1]), "label has 101"),
            (region("cat", 1.5, [0, 0, 1, 1]), "score is 1.5"),
            (region("cat", f32::NAN, [0, 0, 1, 1]), "score is NaN"),
            (region("cat", 0.5, [0, 0, 0, 1]), "no pixels: 0×1"),
        ] {
            let error = checked(vec![good(), bad], (10, 10)).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("region 1") && error.contains(why), "{error}");
        }
        let many = checked(vec![good(); REGIONS + 1], (10, 10)).unwrap_err();
        assert!(many.to_string().contains("more than 256"));
    }

    #[test]
    fn what_lies_outside_the_picture_is_cut_off() {
        let regions = vec![
            region("in", 1.0, [8, 8, 5, 5]),
            region("out", 1.0, [10, 0, 5, 5]),
        ];
        let inside = checked(regions, (10, 9)).unwrap();
        assert_eq!(inside, [region("in", 1.0, [8, 8, 2, 1])]);
    }
}
