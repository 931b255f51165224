//! The built-in filter `timestamp`: the time at which the picture was taken, on the picture.

mod time;

use lettering::TextBox;
use mattebox_filter::{Color, Drawing, FrameInfo, Layer, Overlay, Position};
use schemars::JsonSchema;
use serde::Deserialize;

use time::Formatter;

/// The settings of `timestamp`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// The text, with strftime directives for the time: `%Y-%m-%d %H:%M:%S`, `%3f` for milliseconds, `%Z`
    /// for the time zone. Everything else stands as it is; a line break starts a new line.
    #[schemars(length(max = 200))]
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
        }
    }
}

/// The filter.
pub struct Timestamp {
    position: Position,
    margin: u32,
    formatter: Formatter,
    text_box: TextBox,
    drawn: Option<Drawn>,
}

/// What the last drawing was made for.
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
        Ok(Self {
            position: config.position,
            margin: config.margin,
            formatter: Formatter::new(&config.format, &config.timezone)?,
            text_box: TextBox::new(config.size, config.color, config.background)?,
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
        let layer = self.text_box.render(&text, size).map(|image| {
            let (x, y) = self.position.place(image.dimensions(), size, self.margin);
            Layer::new(x, y, image)
        });
        self.drawn = Some(Drawn { moment, size, text });
        Ok(Drawing::Layers(layer.into_iter().collect()))
    }
}

mattebox_filter::export_overlay!(Timestamp);

#[cfg(test)]
mod tests;
