//! The position of a box in a picture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nine places in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// The upper left corner.
    TopLeft,
    /// The middle of the upper edge.
    Top,
    /// The upper right corner.
    TopRight,
    /// The middle of the left edge.
    Left,
    /// The middle of the picture.
    Center,
    /// The middle of the right edge.
    Right,
    /// The lower left corner.
    BottomLeft,
    /// The middle of the lower edge.
    Bottom,
    /// The lower right corner.
    BottomRight,
}

impl Position {
    /// The top left corner of a box of `size` (width, height) in a picture of `picture` (width,
    /// height), `margin` pixels from the edges that it lies at. A box that doesn't fit hangs over.
    pub fn place(self, size: (u32, u32), picture: (u32, u32), margin: u32) -> (i32, i32) {
        use Position::*;
        let horizontal = match self {
            TopLeft | Left | BottomLeft => Side::Start,
            Top | Center | Bottom => Side::Middle,
            TopRight | Right | BottomRight => Side::End,
        };
        let vertical = match self {
            TopLeft | Top | TopRight => Side::Start,
            Left | Center | Right => Side::Middle,
            BottomLeft | Bottom | BottomRight => Side::End,
        };
        (
            horizontal.place(size.0, picture.0, margin),
            vertical.place(size.1, picture.1, margin),
        )
    }
}

enum Side {
    Start,
    Middle,
    End,
}

impl Side {
    fn place(&self, size: u32, picture: u32, margin: u32) -> i32 {
        let (size, picture, margin) = (i64::from(size), i64::from(picture), i64::from(margin));
        let place = match self {
            Self::Start => margin,
            Self::Middle => (picture - size).div_euclid(2),
            Self::End => picture - size - margin,
        };
        place.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_places() {
        use Position::*;
        for (position, place) in [
            (TopLeft, (5, 5)),
            (Top, (40, 5)),
            (TopRight, (75, 5)),
            (Left, (5, 20)),
            (Center, (40, 20)),
            (Right, (75, 20)),
            (BottomLeft, (5, 35)),
            (Bottom, (40, 35)),
            (BottomRight, (75, 35)),
        ] {
            assert_eq!(
                position.place((20, 10), (100, 50), 5),
                place,
                "{position:?}"
            );
        }
        assert_eq!(Center.place((21, 10), (20, 10), 5), (-1, 0));
        assert_eq!(BottomRight.place((200, 10), (100, 50), 5), (-105, 35));
    }
}
