//! The squares of a picture that the network is shown.

use mattebox_filter::Area;

use crate::face::Face;
use crate::network::SIDE;

/// The size of a window, in sizes of the face or motion in it.
const ROUND_A_FACE: f32 = 2.5;
const ROUND_MOTION: f32 = 1.25;

/// A square that lies in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub x: u32,
    pub y: u32,
    pub side: u32,
}

impl Window {
    /// The window around a face that was there at the look before.
    pub fn around(face: &Face, size: (u32, u32)) -> Self {
        let middle = (face.x + face.width / 2.0, face.y + face.height / 2.0);
        Self::centered(middle, face.width.max(face.height) * ROUND_A_FACE, size)
    }

    /// The window in which the face of what moves may be: the upper part of what is high, as people
    /// are.
    pub fn of_motion(area: Area, size: (u32, u32)) -> Self {
        let [x, y, width, height] =
            [area.x, area.y, area.width, area.height].map(|number| number as f32);
        let side = width.max(height / 2.0);
        let middle = (x + width / 2.0, y + height.min(side) / 2.0);
        Self::centered(middle, side * ROUND_MOTION, size)
    }

    /// Squares that cover the whole picture.
    pub fn of_whole((width, height): (u32, u32)) -> impl Iterator<Item = Self> {
        let side = width.min(height);
        let count = width.max(height).div_ceil(side.max(1));
        let at = move |length: u32, index: u32| match count {
            0 | 1 => 0,
            _ => (length - side) / (count - 1) * index,
        };
        (0..count).map(move |index| Self {
            x: at(width, index),
            y: at(height, index),
            side,
        })
    }

    /// A square of at least the network's size, moved into the picture.
    fn centered((x, y): (f32, f32), side: f32, (width, height): (u32, u32)) -> Self {
        let side = (side as u32).max(SIDE).min(width).min(height);
        let start = |middle: f32, length: u32| {
            let start = middle - side as f32 / 2.0;
            (start.max(0.0) as u32).min(length - side)
        };
        Self {
            x: start(x, width),
            y: start(y, height),
            side,
        }
    }

    pub fn area(&self) -> Area {
        Area {
            x: self.x,
            y: self.y,
            width: self.side,
            height: self.side,
        }
    }

    pub fn contains(&self, other: &Self) -> bool {
        let is_in =
            |outer: u32, inner: u32| outer <= inner && inner + other.side <= outer + self.side;
        is_in(self.x, other.x) && is_in(self.y, other.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_picture_and_lie_in_it() {
        for (size, count) in [
            ((1920, 1080), 2),
            ((480, 640), 2),
            ((512, 512), 1),
            ((1, 3), 3),
        ] {
            let windows: Vec<_> = Window::of_whole(size).collect();
            assert_eq!(windows.len(), count, "{size:?}");
            let last = windows.last().unwrap();
            assert_eq!((last.x + last.side, last.y + last.side), size);
        }
    }

    #[test]
    fn of_a_person_the_upper_half_is_looked_at() {
        let person = Area {
            x: 1800,
            y: 100,
            width: 200,
            height: 600,
        };
        let window = Window::of_motion(person, (1920, 1080));
        assert_eq!(
            window.area(),
            Area {
                x: 1545,
                y: 62,
                width: 375,
                height: 375
            }
        );
        let small = Area {
            x: 3,
            y: 3,
            width: 9,
            height: 9,
        };
        assert_eq!(Window::of_motion(small, (320, 100)).side, 100);
    }
}
