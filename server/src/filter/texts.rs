//! Texts that the server writes for filters, in its own font and the system's.

use std::sync::{Arc, Mutex};

use text_box::{Fit, FontSource, Style, TextBox};

use super::system_fonts::{PREFIX, SystemFonts};
use super::view::Pixels;
use crate::sync::IgnorePoison;

/// Writes texts. All filters share the fonts, which are large, and what was drawn of them.
pub struct Texts {
    fonts: Arc<SystemFonts>,
    /// None before the first text.
    text_box: Mutex<Option<TextBox>>,
}

impl Texts {
    /// Texts in `fonts`, and in the one that the server brings.
    pub fn new(fonts: Arc<SystemFonts>) -> Self {
        Self {
            fonts,
            text_box: Mutex::default(),
        }
    }

    /// `text` in lines of `size` pixels and these colours (letters, and the box behind them: red,
    /// green, blue, straight alpha), as large as fits into a picture of `picture` pixels: four
    /// bytes a pixel. A text of spaces has no box.
    pub fn render(
        &self,
        text: &str,
        size: u32,
        [color, background]: [[u8; 4]; 2],
        picture: (u32, u32),
    ) -> Option<Pixels> {
        let style = Style {
            size,
            color: text_box::Color::new(color),
            background: text_box::Color::new(background),
            font: None,
            fit: Fit::Shrink,
            position: text_box::Position::TopLeft,
            margin: 0,
        };
        let mut text_box = self.text_box.lock().ignore_poison();
        let image = match &mut *text_box {
            Some(text_box) => {
                text_box.set_style(style);
                text_box.render(text, picture)
            }
            empty => empty.insert(self.start(style)?).render(text, picture),
        }?;
        Some(Pixels {
            width: image.width(),
            height: image.height(),
            bytes: image.into_raw(),
        })
    }

    fn start(&self, style: Style) -> Option<TextBox> {
        let source = Box::new(Fonts(self.fonts.clone()));
        let started = TextBox::with_source(style, source);
        started
            .inspect_err(|why| tracing::error!(error = %why, "no text can be written"))
            .ok()
    }
}

/// The system's fonts, by the names that filters have for them.
struct Fonts(Arc<SystemFonts>);

impl FontSource for Fonts {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let question = name.strip_prefix(PREFIX).unwrap_or(name);
        self.0.answer(question).map_err(|why| why.to_string())
    }

    fn warn(&self, message: &str) {
        tracing::warn!("{message}");
    }
}
