//! The built-in filter `text`: a text on the picture, with the server's variables in it.

mod template;

use mattebox_filter::{Color, Drawing, FrameInfo, Layer, Overlay, Position, variable};
use schemars::JsonSchema;
use serde::Deserialize;
use text_box::{Fit, Style, TextBox};

use template::Template;

/// The settings of `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The text, with variables' names in braces: `Door: {gpio.door}`. A variable that is not set
    /// shows as `–`; `{{` is a brace; a line break starts a new line.
    #[schemars(length(max = 500), extend("contentMediaType" = "text/plain"))]
    format: String,
    /// Where on the picture.
    #[serde(default = "default_position")]
    position: Position,
    /// Pixels to the picture's edge.
    #[serde(default = "default_margin")]
    #[schemars(range(max = 4096))]
    margin: u32,
    /// The height of a line in pixels.
    #[serde(default = "default_size")]
    #[schemars(range(min = 6, max = 512))]
    size: u32,
    /// The colour of the text.
    #[serde(default = "default_color")]
    color: Color,
    /// The colour of the box behind it; `transparent` for none.
    #[serde(default = "default_background")]
    background: Color,
    /// A font file (.ttf, .otf or .ttc) below the pipeline file's folder. What it lacks, and all
    /// without it, is written in a font that the filter brings, and in the system's fonts where
    /// that has not all characters.
    #[serde(default)]
    #[schemars(length(max = 255))]
    font: Option<String>,
    /// What becomes of a text that is larger than the picture: `shrink` writes it smaller, `wrap`
    /// breaks its lines, `cut` cuts it off.
    #[serde(default)]
    fit: Fit,
}

fn default_position() -> Position {
    Position::BottomLeft
}

fn default_margin() -> u32 {
    16
}

fn default_size() -> u32 {
    28
}

fn default_color() -> Color {
    Color::new([255; 4])
}

fn default_background() -> Color {
    Color::new([0, 0, 0, 128])
}

/// The filter.
pub struct Text {
    template: Template,
    text_box: TextBox,
    drawn: Option<Drawn>,
}

/// The facts that the last drawing was made for.
#[derive(PartialEq)]
struct Drawn {
    text: String,
    size: (u32, u32),
}

impl Overlay for Text {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let template = Template::parse(&config.format)?;
        let mut text_box = TextBox::new(Style {
            size: config.size,
            color: config.color,
            background: config.background,
            font: config.font,
            fit: config.fit,
            position: config.position,
            margin: config.margin,
        })?;
        text_box.prepare(&template.literals(), template.has_variables());
        Ok(Self {
            template,
            text_box,
            drawn: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let drawn = Drawn {
            text: self.template.fill(variable),
            size: (frame.width, frame.height),
        };
        if self.drawn.as_ref() == Some(&drawn) {
            return Ok(Drawing::Unchanged);
        }
        let layer = self.text_box.layer(&drawn.text, drawn.size);
        self.drawn = Some(drawn);
        Ok(Drawing::Layers(
            layer.into_iter().map(Layer::from).collect(),
        ))
    }
}

mattebox_filter::export_overlay!(Text);

#[cfg(test)]
mod tests;
