//! The way in which a stored picture is turned and mirrored when it is shown (Exif 2.32, tag 274
//! `Orientation`).

/// One of the eight ways, upright unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self::UPRIGHT
    }
}

impl Orientation {
    /// The picture is shown as it is stored.
    pub const UPRIGHT: Self = Self(1);

    /// The one that Exif calls `value`, 1 to 8; `None` for other values.
    pub fn new(value: u16) -> Option<Self> {
        u8::try_from(value)
            .ok()
            .filter(|value| (1..=8).contains(value))
            .map(Self)
    }

    /// The number that Exif gives it, 1 to 8.
    pub(crate) fn value(self) -> u8 {
        self.0
    }

    /// Whether the picture is shown as it is stored.
    pub fn is_upright(self) -> bool {
        self == Self::UPRIGHT
    }

    /// Whether stored rows are shown as columns.
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Whether stored columns are counted from the right when they are shown.
    fn mirrors_columns(self) -> bool {
        matches!(self.0, 2 | 3 | 7 | 8)
    }

    /// Whether stored rows are counted from the bottom when they are shown.
    fn mirrors_rows(self) -> bool {
        matches!(self.0, 3 | 4 | 6 | 7)
    }

    /// A stored size as it is shown, or one that is shown as it is stored.
    pub fn turned_size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// The stored place of what is shown at `place`, in a picture whose stored size is `stored`.
    fn stored_place(self, place: (usize, usize), stored: (usize, usize)) -> (usize, usize) {
        let (x, y) = self.turned_size(place);
        (
            if self.mirrors_columns() {
                stored.0 - 1 - x
            } else {
                x
            },
            if self.mirrors_rows() {
                stored.1 - 1 - y
            } else {
                y
            },
        )
    }

    /// The upper left corner, in the stored picture of size `stored`, of a rectangle of size `size`
    /// that is shown at `at`. Neither need lie within the picture.
    pub fn stored_corner(
        self,
        (x, y): (i64, i64),
        size: (i64, i64),
        stored: (i64, i64),
    ) -> (i64, i64) {
        let (x, y) = self.turned_size((x, y));
        let size = self.turned_size(size);
        (
            if self.mirrors_columns() {
                stored.0 - size.0 - x
            } else {
                x
            },
            if self.mirrors_rows() {
                stored.1 - size.1 - y
            } else {
                y
            },
        )
    }

    /// The point of the stored picture, of size `stored`, that is shown at `point`: across and down
    /// from the top left.
    pub fn stored_point(self, point: (f64, f64), stored: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.turned_size(point);
        (
            if self.mirrors_columns() {
                stored.0 - x
            } else {
                x
            },
            if self.mirrors_rows() { stored.1 - y } else { y },
        )
    }

    /// Pixels of `N` bytes as they are shown, from those that are stored: `stored` across and down,
    /// rows from top to bottom.
    pub fn show<const N: usize>(self, pixels: &[u8], stored: (u32, u32)) -> Vec<u8> {
        let stored = (stored.0 as usize, stored.1 as usize);
        let shown = self.turned_size(stored);
        move_pixels::<N>(pixels, shown, stored.0, |place| {
            self.stored_place(place, stored)
        })
    }

    /// Pixels of `N` bytes as they are stored, from those that are shown: `shown` across and down,
    /// rows from top to bottom.
    pub fn store<const N: usize>(self, pixels: &[u8], shown: (u32, u32)) -> Vec<u8> {
        self.inverse().show::<N>(pixels, shown)
    }

    /// The way back: only the quarter turns differ from it.
    fn inverse(self) -> Self {
        match self.0 {
            6 => Self(8),
            8 => Self(6),
            _ => self,
        }
    }
}

/// Pixels that are read from other places, in squares, so that neither side strays far in memory.
fn move_pixels<const N: usize>(
    from: &[u8],
    (width, height): (usize, usize),
    from_width: usize,
    place: impl Fn((usize, usize)) -> (usize, usize),
) -> Vec<u8> {
    const SQUARE: usize = 32;
    let mut pixels = vec![0; width * height * N];
    let from = from.as_chunks::<N>().0;
    for top in (0..height).step_by(SQUARE) {
        for left in (0..width).step_by(SQUARE) {
            for y in top..(top + SQUARE).min(height) {
                let right = (left + SQUARE).min(width);
                let row = &mut pixels[(y * width + left) * N..(y * width + right) * N];
                for (x, pixel) in (left..right).zip(row.as_chunks_mut::<N>().0) {
                    let (from_x, from_y) = place((x, y));
                    *pixel = from[from_y * from_width + from_x];
                }
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letter F, three across and four down.
    const F: [&str; 4] = ["###", "#..", "##.", "#.."];

    fn all() -> impl Iterator<Item = Orientation> {
        (1..=8).filter_map(Orientation::new)
    }

    fn bytes(rows: &[&str]) -> Vec<u8> {
        rows.concat().into_bytes()
    }

    #[test]
    fn a_letter_is_turned_as_exif_says() {
        // As the specification draws it: where the stored row 0 and column 0 are when it is shown.
        for (value, stored) in [
            (1, vec!["###", "#..", "##.", "#.."]),
            (2, vec!["###", "..#", ".##", "..#"]),
            (3, vec!["..#", ".##", "..#", "###"]),
            (4, vec!["#..", "##.", "#..", "###"]),
            (5, vec!["####", "#.#.", "#..."]),
            (6, vec!["#...", "#.#.", "####"]),
            (7, vec!["...#", ".#.#", "####"]),
            (8, vec!["####", ".#.#", "...#"]),
        ] {
            let orientation = Orientation::new(value).unwrap();
            let size = (stored[0].len() as u32, stored.len() as u32);
            assert_eq!(orientation.turned_size(size), (3, 4), "{value}");
            let shown = orientation.show::<1>(&bytes(&stored), size);
            assert_eq!(shown, bytes(&F), "{value}");
            assert_eq!(
                orientation.store::<1>(&shown, (3, 4)),
                bytes(&stored),
                "{value}"
            );
        }
        assert_eq!(Orientation::new(0), None);
        assert_eq!(Orientation::new(9), None);
        assert_eq!(Orientation::new(257), None);
    }

    #[test]
    fn rectangles_go_where_their_pixels_go() {
        // A picture of 70 × 50 as it is shown, with a rectangle of 9 × 4 at 13, 21.
        let mut shown = vec![0; 70 * 50];
        for y in 21..25 {
            shown[y * 70 + 13..][..9].fill(1);
        }
        for orientation in all() {
            let stored_size = orientation.turned_size((70, 50));
            let stored = orientation.store::<1>(&shown, (70, 50));
            let (width, height) = orientation.turned_size((9, 4));
            let (x, y) = orientation.stored_corner((13, 21), (9, 4), stored_size);
            for (at, &pixel) in stored.iter().enumerate() {
                let (column, row) = (at as i64 % stored_size.0, at as i64 / stored_size.0);
                let is_inside = (x..x + width).contains(&column) && (y..y + height).contains(&row);
                assert_eq!(pixel == 1, is_inside, "{orientation:?} at {column}, {row}");
            }
        }
    }
}
