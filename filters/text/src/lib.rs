//! The built-in filter `text`: a text on the picture, with the server's variables in it.

mod template;

use lettering::TextBox;
use mattebox_filter::{Color, Drawing, FrameInfo, Layer, Overlay, Position};
use schemars::JsonSchema;
use serde::Deserialize;

use template::Template;

/// The settings of `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The text, with variables' names in braces: `Door: {gpio.door}`. A variable that is not set shows as `–`; `{{` is a
    /// brace; a line break starts a new line.
    #[schemars(length(max = 500))]
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
    position: Position,
    margin: u32,
    text_box: TextBox,
    drawn: Option<Drawn>,
}

/// What the last drawing was made for.
#[derive(PartialEq)]
struct Drawn {
    text: String,
    size: (u32, u32),
}

impl Overlay for Text {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            template: Template::parse(&config.format)?,
            position: config.position,
            margin: config.margin,
            text_box: TextBox::new(config.size, config.color, config.background)?,
            drawn: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let drawn = Drawn {
            text: self.template.fill(&frame.variables),
            size: (frame.width, frame.height),
        };
        if self.drawn.as_ref() == Some(&drawn) {
            return Ok(Drawing::Unchanged);
        }
        let layer = self.text_box.render(&drawn.text, drawn.size).map(|image| {
            let (x, y) = self
                .position
                .place(image.dimensions(), drawn.size, self.margin);
            Layer::new(x, y, image)
        });
        self.drawn = Some(drawn);
        Ok(Drawing::Layers(layer.into_iter().collect()))
    }
}

mattebox_filter::export_overlay!(Text);

#[cfg(test)]
mod tests;
