//! A face's box.

use mattebox_filter::{Area, Region};

use crate::window::Window;

/// The part that two boxes of one face have in common at least.
const SAME: f32 = 0.3;

/// A box with a face in it, in pixels or in parts of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
    /// 0 to 1.
    pub score: f32,
}

impl Face {
    /// From parts of a window to pixels of the picture.
    pub fn placed(self, window: Window) -> Self {
        let side = window.side as f32;
        Self {
            x: window.x as f32 + self.x * side,
            y: window.y as f32 + self.y * side,
            width: self.width * side,
            height: self.height * side,
            ..self
        }
    }

    /// What both have in common, as a part of what they have together.
    pub fn overlap(&self, other: &Self) -> f32 {
        let common = |a: f32, a_length: f32, b: f32, b_length: f32| {
            ((a + a_length).min(b + b_length) - a.max(b)).max(0.0)
        };
        let common = common(self.x, self.width, other.x, other.width)
            * common(self.y, self.height, other.y, other.height);
        let both = self.width * self.height + other.width * other.height - common;
        if both > 0.0 { common / both } else { 0.0 }
    }

    /// The region, as far as it lies in the picture, if it does.
    pub fn region(&self, track: u64, (width, height): (u32, u32)) -> Option<Region> {
        let span = |at: f32, length: f32, side: u32| {
            let (start, end) = (at.max(0.0), (at + length).min(side as f32));
            (start < end).then_some((start.floor() as u32, end.ceil() as u32))
        };
        let (left, right) = span(self.x, self.width, width)?;
        let (top, bottom) = span(self.y, self.height, height)?;
        Some(Region {
            area: Area {
                x: left,
                y: top,
                width: right - left,
                height: bottom - top,
            },
            label: "face".to_owned(),
            score: self.score,
            track: Some(track),
        })
    }
}

/// The best of those that are one face, best first (non-maximum suppression).
pub fn without_doubles(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|better| better.overlap(&face) < SAME) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, score: f32) -> Face {
        Face {
            x,
            y: -5.0,
            width: 40.0,
            height: 40.0,
            score,
        }
    }

    #[test]
    fn the_best_box_of_a_face_stays() {
        let kept = without_doubles(vec![face(0.0, 0.7), face(4.0, 0.9), face(100.0, 0.6)]);
        assert_eq!(kept, [face(4.0, 0.9), face(100.0, 0.6)]);
    }

    #[test]
    fn a_region_lies_in_the_picture() {
        let region = face(80.0, 0.9).region(7, (100, 100)).unwrap();
        let Area {
            x,
            y,
            width,
            height,
        } = region.area;
        assert_eq!([x, y, width, height], [80, 0, 20, 35]);
        assert!(face(100.0, 0.9).region(7, (100, 100)).is_none());
    }
}
