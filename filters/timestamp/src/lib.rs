//! The built-in filter `timestamp`: the time at which the picture was taken, on the picture.

mod time;

use mattebox_filter::{Color, Drawing, FrameInfo, Layer, Overlay, Position};
use schemars::JsonSchema;
use serde::Deserialize;
use text_box::{Fit, Style, TextBox};

use time::Formatter;

/// The settings of `timestamp`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// The text, with strftime directives for the time: `%Y-%m-%d %H:%M:%S`, `%3f` for
    /// milliseconds, `%Z` for the time zone. Everything else stands as it is; a line break starts a
    /// new line.
    #[schemars(length(max = 200), extend("contentMediaType" = "text/plain"))]
    format: String,
    /// Whose time: `local` (the server's), `UTC`, or an IANA name such as `Europe/Berlin`.
    timezone: String,
    /// Where on the picture.
    position: Position,
    /// Pixels to the picture's edge.
    #[schemars(range(max = 4096))]
    margin: u32,
    /// The height of a line in pixels.
    #[schemars(range(min = 6, max = 512))]
    size: u32,
    /// The colour of the text.
    color: Color,
    /// The colour of the box behind it; `transparent` for none.
    background: Color,
    /// A font file (.ttf, .otf or .ttc) below the pipeline file's folder. What it lacks, and all
    /// without it, is written in a font that the filter brings, and in the system's fonts where
    /// that has not all characters.
    #[schemars(length(max = 255))]
    font: Option<String>,
    /// What becomes of a text that is larger than the picture: `shrink` writes it smaller, `wrap`
    /// breaks its lines, `cut` cuts it off.
    fit: Fit,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: "%Y-%m-%d %H:%M:%S".to_owned(),
            timezone: "local".to_owned(),
            position: Position::TopLeft,
            margin: 16,
            size: 28,
            color: Color::new([255; 4]),
            background: Color::new([0, 0, 0, 128]),
            font: None,
            fit: Fit::default(),
        }
    }
}

/// The filter.
pub struct Timestamp {
    formatter: Formatter,
    text_box: TextBox,
    drawn: Option<Drawn>,
}

/// The facts that the last drawing was made for.
#[derive(PartialEq)]
struct Drawn {
    /// The moment in the smallest unit that the text shows, and the local offset.
    moment: (u64, i32),
    size: (u32, u32),
    text: String,
}

impl Overlay for Timestamp {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let formatter = Formatter::new(&config.format, &config.timezone)?;
        let mut text_box = TextBox::new(Style {
            size: config.size,
            color: config.color,
            background: config.background,
            font: config.font,
            fit: config.fit,
            position: config.position,
            margin: config.margin,
        })?;
        // The time itself is written in letters that are there anyhow.
        text_box.prepare(&config.format, false);
        Ok(Self {
            formatter,
            text_box,
            drawn: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let size = (frame.width, frame.height);
        let moment = self.formatter.moment(frame);
        // Most frames show the second that is shown already; nothing needs formatting then.
        if let Some(drawn) = &self.drawn
            && drawn.moment == moment
            && drawn.size == size
        {
            return Ok(Drawing::Unchanged);
        }
        let text = self.formatter.format(frame)?;
        if let Some(drawn) = &mut self.drawn
            && drawn.text == text
            && drawn.size == size
        {
            drawn.moment = moment;
            return Ok(Drawing::Unchanged);
        }
        let layer = self.text_box.layer(&text, size);
        self.drawn = Some(Drawn { moment, size, text });
        Ok(Drawing::Layers(
            layer.into_iter().map(Layer::from).collect(),
        ))
    }
}

mattebox_filter::export_overlay!(Timestamp);

#[cfg(test)]
mod tests;
