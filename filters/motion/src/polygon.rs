//! Polygons as people write them, and the pixels that lie in them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The most corners of a polygon.
const CORNERS: usize = 100;
/// The farthest pixel of a picture.
const LONGEST_SIDE: f64 = 65_535.0;

/// An area of the picture: three corners or more, from the top left of the picture as people see
/// it. The last is joined with the first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Polygon {
    corners: Vec<[f64; 2]>,
    /// Whether the corners are parts of the picture's width and height, 0 to 1, and no pixels.
    in_parts: bool,
}

/// The ways to write a polygon.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an area is the text `x,y,x,y,…` or a list of numbers or of corners `[x, y]`"
)]
enum Written {
    Text(String),
    Numbers(Vec<f64>),
    Corners(Vec<[f64; 2]>),
}

impl JsonSchema for Polygon {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Polygon".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = json_schema!({"type": "number", "minimum": 0, "maximum": LONGEST_SIDE});
        json_schema!({
            // The server's page lets people draw it.
            "format": "polygon",
            "description": "The corners, as parts of the picture's width and height, 0 to 1, or, \
                if any is above 1, in pixels.",
            "anyOf": [
                {
                    "type": "string",
                    "pattern": "^[0-9., ]+$",
                    "examples": ["0,0.4,0.2,0.4,0.2,1,0,1"],
                },
                {"type": "array", "items": number, "minItems": 6, "maxItems": 2 * CORNERS},
                {
                    "type": "array",
                    "items": {"type": "array", "items": number, "minItems": 2, "maxItems": 2},
                    "minItems": 3,
                    "maxItems": CORNERS,
                },
            ],
            "examples": ["0,0.4,0.2,0.4,0.2,1,0,1"],
        })
    }
}

impl TryFrom<Written> for Polygon {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Text(text) => Self::of_numbers(&parse_numbers(&text)?),
            Written::Numbers(numbers) => Self::of_numbers(&numbers),
            Written::Corners(corners) => Self::of_numbers(corners.as_flattened()),
        }
    }
}

fn parse_numbers(text: &str) -> Result<Vec<f64>, String> {
    let numbers = text.split(',').map(|number| number.trim().parse());
    numbers.collect::<Result<_, _>>().map_err(|_| {
        format!(
            "an area is written `x,y,x,y,…`, in parts of the picture or in pixels, and not {text:?}"
        )
    })
}

/// Whether all corners lie on one line.
fn is_flat(corners: &[[f64; 2]]) -> bool {
    let [x, y] = corners[0];
    let sides = || {
        corners
            .iter()
            .map(move |corner| [corner[0] - x, corner[1] - y])
    };
    let Some(way) = sides().find(|it| *it != [0.0, 0.0]) else {
        return true;
    };
    sides().all(|it| it[0] * way[1] == it[1] * way[0])
}

impl Polygon {
    fn of_numbers(numbers: &[f64]) -> Result<Self, String> {
        if let Some(number) = numbers
            .iter()
            .find(|it| !(0.0..=LONGEST_SIDE).contains(*it))
        {
            return Err(format!(
                "{number} is no place in a picture: those are 0 to {LONGEST_SIDE}"
            ));
        }
        let (corners, []) = numbers.as_chunks::<2>() else {
            let count = numbers.len();
            return Err(format!(
                "each corner has an `x` and a `y`; these are {count} numbers"
            ));
        };
        if !(3..=CORNERS).contains(&corners.len()) {
            let count = corners.len();
            return Err(format!(
                "an area has 3 to {CORNERS} corners, this one has {count}"
            ));
        }
        if is_flat(corners) {
            return Err("this area is a line: nothing lies in it".to_owned());
        }
        Ok(Self {
            corners: corners.to_vec(),
            in_parts: numbers.iter().all(|number| *number <= 1.0),
        })
    }

    /// The pixels of a picture of `size`, shrunken from `full` size, whose middle lies inside: one
    /// flag a pixel, in rows from top to bottom. What the outline winds round is inside, also where
    /// it crosses itself.
    pub fn pixels(&self, size: (usize, usize), full: (u32, u32)) -> Vec<bool> {
        let whole = match self.in_parts {
            true => (1.0, 1.0),
            false => (f64::from(full.0), f64::from(full.1)),
        };
        let scale = [size.0 as f64 / whole.0, size.1 as f64 / whole.1];
        let corner = |[x, y]: [f64; 2]| [x * scale[0], y * scale[1]];
        let corners: Vec<_> = self.corners.iter().copied().map(corner).collect();
        let middles = |count| (0..count).map(|at| at as f64 + 0.5);
        let inside = |y| {
            let turns = turns(&corners, y);
            middles(size.0).map(move |x| winds_round(&turns, x))
        };
        middles(size.1).flat_map(inside).collect()
    }
}

/// The columns at which the outline crosses the row `y`, and the way: 1 down, -1 up.
fn turns(corners: &[[f64; 2]], y: f64) -> Vec<(f64, i32)> {
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    edges
        .filter_map(|(&[x1, y1], &[x2, y2])| {
            let way = i32::from(y1 <= y && y2 > y) - i32::from(y2 <= y && y1 > y);
            (way != 0).then(|| (x1 + (y - y1) / (y2 - y1) * (x2 - x1), way))
        })
        .collect()
}

fn winds_round(turns: &[(f64, i32)], x: f64) -> bool {
    let right = turns.iter().filter(|(column, _)| *column > x);
    right.map(|(_, way)| way).sum::<i32>() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Polygon, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn text_numbers_and_corners_say_the_same() {
        let text = parse(r#""0,0.4, 0.2,0.4, 0.2,1, 0,1""#).unwrap();
        assert_eq!(parse("[0, 0.4, 0.2, 0.4, 0.2, 1, 0, 1]").unwrap(), text);
        assert_eq!(
            parse("[[0, 0.4], [0.2, 0.4], [0.2, 1], [0, 1]]").unwrap(),
            text
        );
    }

    #[test]
    fn parts_and_pixels_reach_the_same_pixels() {
        let parts = parse(r#""0.5,0,1,0,1,1,0.5,1""#).unwrap();
        let pixels = parse(r#""320,0,640,0,640,480,320,480""#).unwrap();
        let expected: Vec<_> = (0..12).map(|at| at % 4 >= 2).collect();
        assert_eq!(parts.pixels((4, 3), (640, 480)), expected);
        assert_eq!(pixels.pixels((4, 3), (640, 480)), expected);
    }

    #[test]
    fn what_is_no_area_is_told() {
        for (json, words) in [
            (r#""left""#, "is written `x,y,x,y,…`"),
            (r#""0,0,1,0,1,-1""#, "-1 is no place"),
            (r#""0,0,1,0,1,nan""#, "NaN is no place"),
            (r#""0,0,1,0,1""#, "these are 5 numbers"),
            ("[0, 0, 1, 1]", "this one has 2"),
            (r#""0,0,0.5,0.5,1,1""#, "is a line"),
            (r#""7,7,7,7,7,7""#, "is a line"),
            ("3", "an area is the text"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
