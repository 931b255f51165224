//! Colours as people write them.

use image::Rgba;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A colour with straight alpha, written as in CSS: a common name such as `white` (in small
/// letters) or `transparent`, or hexadecimal digits: `#fff`, `#ffff`, `#ffffff`, `#ffffffff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Red, green, blue, alpha.
    pub rgba: [u8; 4],
}

const NAMES: &[(&str, [u8; 4])] = &[
    ("black", [0, 0, 0, 255]),
    ("blue", [0, 0, 255, 255]),
    ("brown", [165, 42, 42, 255]),
    ("cyan", [0, 255, 255, 255]),
    ("gray", [128, 128, 128, 255]),
    ("green", [0, 128, 0, 255]),
    ("grey", [128, 128, 128, 255]),
    ("lime", [0, 255, 0, 255]),
    ("magenta", [255, 0, 255, 255]),
    ("maroon", [128, 0, 0, 255]),
    ("navy", [0, 0, 128, 255]),
    ("olive", [128, 128, 0, 255]),
    ("orange", [255, 165, 0, 255]),
    ("pink", [255, 192, 203, 255]),
    ("purple", [128, 0, 128, 255]),
    ("red", [255, 0, 0, 255]),
    ("silver", [192, 192, 192, 255]),
    ("teal", [0, 128, 128, 255]),
    ("transparent", [0, 0, 0, 0]),
    ("white", [255, 255, 255, 255]),
    ("yellow", [255, 255, 0, 255]),
];

impl Color {
    /// A colour of four bytes: red, green, blue, alpha.
    pub const fn new(rgba: [u8; 4]) -> Self {
        Self { rgba }
    }

    /// As a pixel.
    pub fn pixel(self) -> Rgba<u8> {
        Rgba(self.rgba)
    }

    fn parse(text: &str) -> Option<Self> {
        let named = NAMES.iter().find(|(name, _)| *name == text);
        if let Some((_, rgba)) = named {
            return Some(Self::new(*rgba));
        }
        let digits: Option<Vec<u8>> = text
            .strip_prefix('#')?
            .chars()
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        Some(Self::new(match *digits?.as_slice() {
            [r, g, b] => [r * 17, g * 17, b * 17, 255],
            [r, g, b, a] => [r * 17, g * 17, b * 17, a * 17],
            [r1, r0, g1, g0, b1, b0] => [r1 << 4 | r0, g1 << 4 | g0, b1 << 4 | b0, 255],
            [r1, r0, g1, g0, b1, b0, a1, a0] => {
                [r1 << 4 | r0, g1 << 4 | g0, b1 << 4 | b0, a1 << 4 | a0]
            }
            _ => return None,
        }))
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [r, g, b, a] = self.rgba;
        let text = NAMES.iter().find(|(_, rgba)| *rgba == self.rgba);
        match (text, a) {
            (Some((name, _)), _) => serializer.serialize_str(name),
            (None, 255) => serializer.collect_str(&format_args!("#{r:02x}{g:02x}{b:02x}")),
            _ => serializer.collect_str(&format_args!("#{r:02x}{g:02x}{b:02x}{a:02x}")),
        }
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a colour: write a name such as `white`, or `#rrggbb` or \
                 `#rrggbbaa`"
            ))
        })
    }
}

impl JsonSchema for Color {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Color".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        let hex = "#([0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})";
        json_schema!({
            "type": "string",
            "pattern": format!("^(?:{hex}|{})$", names.join("|")),
            "examples": ["white", "#ff8800", "#00000080"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn css_notations() {
        for (text, rgba) in [
            ("white", [255; 4]),
            ("red", [255, 0, 0, 255]),
            ("transparent", [0; 4]),
            ("#f80", [255, 136, 0, 255]),
            ("#f808", [255, 136, 0, 136]),
            ("#102030", [16, 32, 48, 255]),
            ("#10203040", [16, 32, 48, 64]),
        ] {
            assert_eq!(Color::parse(text), Some(Color::new(rgba)), "{text}");
        }
        for text in ["", "#", "#12", "#12345", "whitish", "#ggg"] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_says_what_was_expected() {
        let error = serde_json::from_str::<Color>("\"whitish\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`whitish`") && error.contains("#rrggbb"),
            "{error}"
        );
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["\"white\"", "\"#102030\"", "\"#10203040\""] {
            let color: Color = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&color).unwrap(), text);
        }
    }
}
