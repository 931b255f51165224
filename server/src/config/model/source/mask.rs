//! `masks:` of a source: areas of its picture that nobody gets to see.

use jiff::civil::Time;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::super::suggest::quote;
use super::super::super::value_error::ValueError;
use super::super::run::Hours;
use crate::variables;

/// The most corners of a mask's outline.
const CORNERS: usize = 100;
/// The farthest pixel of a picture.
const LONGEST_SIDE: f64 = 65_535.0;

/// An area of the picture that is covered before anybody gets it: viewers, filters, other streams.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, title = "a mask")]
pub struct MaskConfig {
    /// Its name, for people and the log; each mask of a source has another.
    #[schemars(length(min = 1, max = 64), extend("x-check" = "title", "examples" = ["neighbour"]))]
    pub name: String,
    /// The corners of its outline, `x,y,x,y,…`, three or more, from the picture's top left as
    /// people see it: as parts of its width and height, 0 to 1, or, if any is above 1, in pixels.
    /// Blocks that it only reaches into are covered as a whole.
    pub area: MaskArea,
    /// The colour that is seen there. Default: black, if it is no `mosaic`.
    pub fill: Option<MaskColor>,
    /// In place of a colour, squares of the average colour, so many pixels wide. It looks kinder
    /// and hides less: networks recognize faces and digits in mosaics and blurred pictures
    /// (arXiv 1609.00408, 2506.12344), in coarse ones too.
    #[schemars(range(min = 32, max = 1024))]
    pub mosaic: Option<u32>,
    /// When it covers: while a variable has a value, `gpio.owner = away`, or has not, `night !=
    /// on`; or by the local time, `20:00-06:30`. Without it, always; nor does a variable that is
    /// not there switch it off.
    pub when: Option<MaskCondition>,
}

impl MaskConfig {
    /// Whether it covers, by the values of variables and the local time.
    pub fn is_on<'v>(&self, variable: impl FnOnce(&str) -> Option<&'v str>, now: Time) -> bool {
        self.when.as_ref().is_none_or(|it| it.holds(variable, now))
    }
}

/// A mask's outline.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, with = "String", extend(
    "x-check" = "mask-area",
    "pattern" = "^[0-9., ]+$",
    "examples" = ["0,0.4,0.2,0.4,0.2,1,0,1"],
))]
pub enum MaskArea {
    /// In parts of the picture's width and height.
    Parts(Vec<[f64; 2]>),
    /// In pixels.
    Pixels(Vec<[f64; 2]>),
}

impl TryFrom<String> for MaskArea {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        parse_mask_area(&text)
    }
}

/// The corners of an outline, as Frigate writes them too.
///
/// # Errors
/// They are none, or enclose nothing.
pub fn parse_mask_area(text: &str) -> Result<MaskArea, ValueError> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    let is_place = |number: &f64| (0.0..=LONGEST_SIDE).contains(number);
    let numbers = numbers.filter(|it| it.iter().all(is_place)).ok_or_else(|| {
        let expected = "the corners of an area, `x,y,x,y,…`, as parts of the picture (0 to 1) or \
            in pixels (to 65535)";
        ValueError::unexpected(expected, text)
    })?;
    let (corners, []) = numbers.as_chunks::<2>() else {
        let rule = format!(
            "each corner has an `x` and a `y`; these are {} numbers",
            numbers.len()
        );
        return Err(rule.into());
    };
    if !(3..=CORNERS).contains(&corners.len()) {
        let rule = format!(
            "an area has 3 to {CORNERS} corners, this one has {}",
            corners.len()
        );
        return Err(rule.into());
    }
    if is_flat(corners) {
        return Err("this area is a line: it covers nothing".into());
    }
    let corners = corners.to_vec();
    Ok(match numbers.iter().all(|number| *number <= 1.0) {
        true => MaskArea::Parts(corners),
        false => MaskArea::Pixels(corners),
    })
}

/// Whether all corners lie on one line.
fn is_flat(corners: &[[f64; 2]]) -> bool {
    let [x, y] = corners[0];
    let others = || {
        corners
            .iter()
            .map(move |corner| (corner[0] - x, corner[1] - y))
    };
    let Some(far) = others().find(|it| *it != (0.0, 0.0)) else {
        return true;
    };
    others().all(|it| it.0 * far.1 == it.1 * far.0)
}

/// A mask's colour: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, with = "String", extend(
    "x-check" = "mask-color",
    "examples" = ["black", "#3a5f2b"],
))]
pub struct MaskColor(pub [u8; 3]);

impl TryFrom<String> for MaskColor {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        parse_mask_color(&text)
    }
}

/// A colour of CSS that hides what is below it.
///
/// # Errors
/// It is something else.
pub fn parse_mask_color(text: &str) -> Result<MaskColor, ValueError> {
    let Ok(color) = csscolorparser::parse(text) else {
        let expected = "a colour such as `black`, `#3a5f2b` or `rgb(58, 95, 43)`";
        return Err(ValueError::unexpected(expected, text));
    };
    match color.to_rgba8() {
        [r, g, b, 255] => Ok(MaskColor([r, g, b])),
        _ => Err(format!(
            "a mask hides what is below it, and {} is transparent",
            quote(text)
        )
        .into()),
    }
}

/// The condition under which a mask covers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, with = "String", extend(
    "x-check" = "mask-condition",
    "examples" = ["gpio.owner = away", "20:00-06:30"],
))]
pub enum MaskCondition {
    /// While a variable has a value, or has not.
    Variable {
        /// Its name.
        name: String,
        /// The value.
        value: String,
        /// Whether it must have it.
        is: bool,
    },
    /// From one time of the day to another, which may be of the next day.
    Hours(Hours),
}

impl MaskCondition {
    fn holds<'v>(&self, variable: impl FnOnce(&str) -> Option<&'v str>, now: Time) -> bool {
        match self {
            Self::Variable { name, value, is } => {
                variable(name).is_none_or(|found| (found == value) == *is)
            }
            Self::Hours(hours) => hours.contain(now),
        }
    }
}

impl TryFrom<String> for MaskCondition {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        parse_mask_condition(&text)
    }
}

/// `gpio.owner = away`, `night != on`, or `20:00-06:30`.
///
/// # Errors
/// It is something else.
pub fn parse_mask_condition(text: &str) -> Result<MaskCondition, ValueError> {
    let unexpected = || {
        let expected = "a variable and its value, such as `gpio.owner = away` or `night != on`, or \
            hours such as `20:00-06:30`";
        ValueError::unexpected(expected, text)
    };
    if let Some((name, value)) = text.split_once('=') {
        let (name, is) = match name.strip_suffix('!') {
            Some(name) => (name, false),
            None => (name, true),
        };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return Err(unexpected());
        }
        check_comparison(name, value, is)?;
        let (name, value) = (name.to_owned(), value.to_owned());
        return Ok(MaskCondition::Variable { name, value, is });
    }
    let hours = Hours::parse(text)?.ok_or_else(unexpected)?;
    Ok(MaskCondition::Hours(hours))
}

/// Refuses what no variable ever has: the mask would be off as soon as there is the variable, or
/// on for good.
fn check_comparison(name: &str, value: &str, is: bool) -> Result<(), ValueError> {
    let bare = value.trim_start_matches('=').trim();
    let unquoted = ['"', '\''].into_iter().find_map(|mark| {
        let inner = bare.strip_prefix(mark)?.strip_suffix(mark)?;
        Some(inner).filter(|inner| !inner.is_empty())
    });
    let meant = unquoted.unwrap_or(bare);
    if meant.is_empty() || meant.contains('=') {
        let message = "a condition compares one variable with one value: `gpio.owner = away`";
        return Err(message.to_owned().into());
    }
    if meant != value {
        let sign = if is { "=" } else { "!=" };
        let meant = quote(&format!("{name} {sign} {meant}"));
        return Err(format!("one sign compares, and values have no quotes; write {meant}").into());
    }
    variables::check_form(name, value).map_err(|why| why.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_parts_or_pixels() {
        let parts = parse_mask_area("0,0.4,0.2,0.4,0.2,1,0,1").unwrap();
        let corners = vec![[0.0, 0.4], [0.2, 0.4], [0.2, 1.0], [0.0, 1.0]];
        assert_eq!(parts, MaskArea::Parts(corners));
        let pixels = parse_mask_area("0, 0, 640, 0, 640, 2").unwrap();
        assert_eq!(
            pixels,
            MaskArea::Pixels(vec![[0.0, 0.0], [640.0, 0.0], [640.0, 2.0]])
        );
    }

    #[test]
    fn what_is_no_area_is_told() {
        let many = ["0,0,1,0,1,1"; 40].join(",");
        for (text, words) in [
            ("", "the corners of an area"),
            ("left", "the corners of an area"),
            ("0,0,1,0,1,nan", "the corners of an area"),
            ("0,0,1,0,1,-1", "the corners of an area"),
            ("0,0,1,0,1,70000", "the corners of an area"),
            ("0,0,1,0,1", "these are 5 numbers"),
            ("0,0,1,1", "this one has 2"),
            (&many, "this one has 120"),
            ("0,0,0.5,0.5,1,1", "is a line"),
            ("0,0,0,0,0,0", "is a line"),
        ] {
            let error = parse_mask_area(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn colours_hide_what_is_below() {
        assert_eq!(parse_mask_color("black"), Ok(MaskColor([0, 0, 0])));
        assert_eq!(
            parse_mask_color("#3a5f2b"),
            Ok(MaskColor([0x3a, 0x5f, 0x2b]))
        );
        for (text, words) in [
            ("transparent", "is transparent"),
            ("#00000080", "is transparent"),
            ("blakc", "a colour such as"),
        ] {
            let error = parse_mask_color(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    fn is_on(when: &str, variable: Option<&str>, now: &str) -> bool {
        let condition = parse_mask_condition(when).unwrap();
        condition.holds(|_| variable, now.parse().unwrap())
    }

    #[test]
    fn a_variable_that_is_not_there_leaves_it_on() {
        for (when, variable, on) in [
            ("gpio.owner = away", Some("away"), true),
            ("gpio.owner = away", Some("home"), false),
            ("gpio.owner = away", None, true),
            ("night != on", Some("on"), false),
            ("night!=on", Some("off"), true),
            ("night != on", None, true),
        ] {
            assert_eq!(is_on(when, variable, "12:00"), on, "{when} {variable:?}");
        }
    }

    #[test]
    fn hours_may_go_past_midnight() {
        for (when, now, on) in [
            ("08:00-17:30", "08:00", true),
            ("08:00-17:30", "17:30", false),
            ("20:00-06:30", "23:59", true),
            ("20:00-06:30", "00:00", true),
            ("20:00 - 06:30", "06:30", false),
            ("20:00-06:30", "19:59", false),
        ] {
            assert_eq!(is_on(when, None, now), on, "{when} at {now}");
        }
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for text in [
            "",
            "sometimes",
            "= away",
            "gpio.owner =",
            "20:00",
            "25:00-06:00",
            "8-9",
        ] {
            let error = parse_mask_condition(text).unwrap_err().to_string();
            assert!(
                error.contains("a variable and its value"),
                "{text}: {error}"
            );
        }
        for (text, words) in [
            ("gpio.owner == away", "write `gpio.owner = away`"),
            ("night !== on", "write `night != on`"),
            ("owner = \"away\"", "write `owner = away`"),
            ("a = b = c", "one variable with one value"),
            ("a ==", "one variable with one value"),
            ("the owner = away", "a variable's name has"),
            ("night ! = on", "a variable's name has"),
        ] {
            let error = parse_mask_condition(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let error = parse_mask_condition("20:00-20:00").unwrap_err().to_string();
        assert!(error.contains("begin and end at the same time"), "{error}");
    }
}
