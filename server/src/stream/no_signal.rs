//! The notice that viewers see while there is no picture: the stream's title, and the time, so that
//! they see that the server is well.

use ab_glyph::{Font, FontRef, Glyph, InvalidFont, PxScale, ScaleFont, point};
use jiff::Timestamp;
use jpeg_splice::Jpeg;
use jpeg_splice::codec::{EncodeError, PixelFormat, Subsampling, encode};

use crate::clock::Clock;
use crate::frame::{Frame, PartHead, Sequence};
use crate::local_time;
use crate::mask::MaskStamp;

/// The filters write with it too; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../../assets/font/DejaVuSansMono.ttf");
/// The picture's size where none is known, and the longest side.
const DEFAULT_SIZE: (u32, u32) = (1280, 720);
const LONGEST_SIDE: u32 = 1920;
const BACKGROUND: [u8; 3] = [24, 26, 30];
const BRIGHT: [u8; 3] = [236, 238, 242];
const DIM: [u8; 3] = [150, 156, 166];
const QUALITY: u8 = 80;

/// The reason why there is no such picture.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The clock shows no time of a calendar.
    #[error(transparent)]
    Time(#[from] jiff::Error),
    /// The font is none.
    #[error(transparent)]
    Font(#[from] InvalidFont),
    /// The picture can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The picture that says `why`, of the stream that people see called `title`, as viewers get it
/// now. Where the font lacks a character of the title, it has the stream's `name`.
///
/// # Errors
/// It can't be drawn.
pub fn frame(
    why: &str,
    (title, name): (&str, &str),
    size: Option<(u32, u32)>,
    clock: &dyn Clock,
    sequence: &Sequence,
) -> Result<Frame, DrawError> {
    let at = clock.unix();
    let time = Timestamp::try_from(at)?;
    Ok(Frame {
        jpeg: draw(why, (title, name), size, time)?,
        sequence: sequence.peek(),
        captured_at: at,
        received_at: clock.now(),
        taken_after: None,
        is_picture: false,
        masks: MaskStamp::default(),
        part_head: PartHead::default(),
    })
}

/// A picture of the size of the stream's own (`size`, width and height in pixels), or smaller and
/// of the same shape.
///
/// # Errors
/// It can't be drawn.
fn draw(
    why: &str,
    (title, name): (&str, &str),
    size: Option<(u32, u32)>,
    at: Timestamp,
) -> Result<Jpeg, DrawError> {
    let (width, height) = fit(size.unwrap_or(DEFAULT_SIZE));
    let font = FontRef::try_from_slice(FONT)?;
    let mut picture = Picture {
        rgb: BACKGROUND.repeat(width as usize * height as usize),
        width,
        height,
    };
    let time = local_time::zone()
        .to_datetime(at)
        .strftime("%Y-%m-%d %H:%M:%S");
    let has = |c| font.glyph_id(c).0 != 0;
    let title = if title.chars().all(has) { title } else { name };
    picture.line(&font, why, 0.42, 0.11, BRIGHT);
    picture.line(&font, title, 0.57, 0.06, BRIGHT);
    picture.line(&font, &time.to_string(), 0.67, 0.05, DIM);
    let (rgb, size) = (&picture.rgb, (width, height));
    Ok(encode(
        rgb,
        PixelFormat::Rgb,
        size,
        Subsampling::S420,
        QUALITY,
    )?)
}

fn fit((width, height): (u32, u32)) -> (u32, u32) {
    let longest = width.max(height).max(1);
    if longest <= LONGEST_SIDE {
        return (width.max(1), height.max(1));
    }
    let scale = |side: u32| (u64::from(side) * u64::from(LONGEST_SIDE) / u64::from(longest)).max(1);
    (scale(width) as u32, scale(height) as u32)
}

/// 8-bit RGB, width × height × 3, rows from top to bottom.
struct Picture {
    rgb: Vec<u8>,
    width: u32,
    height: u32,
}

impl Picture {
    /// Writes `text` in the middle, its baseline at `y` and its letters of `size`, both as a share
    /// of the height; smaller if it would not fit.
    fn line(&mut self, font: &FontRef<'_>, text: &str, y: f32, size: f32, color: [u8; 3]) {
        let (width, height) = (self.width as f32, self.height as f32);
        let natural = text_width(font, text, height * size);
        let room = width * 0.9;
        let scale = height * size * (room / natural).min(1.0);
        let mut x = (width - text_width(font, text, scale)) / 2.0;
        let scaled = font.as_scaled(PxScale::from(scale));
        for c in text.chars() {
            let id = font.glyph_id(c);
            let glyph = id.with_scale_and_position(scale, point(x, height * y));
            x += scaled.h_advance(id);
            self.glyph(font, glyph, color);
        }
    }

    fn glyph(&mut self, font: &FontRef<'_>, glyph: Glyph, color: [u8; 3]) {
        let Some(outline) = font.outline_glyph(glyph) else {
            return;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, coverage| {
            let (x, y) = (
                corner.x as i64 + i64::from(x),
                corner.y as i64 + i64::from(y),
            );
            let inside =
                (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y);
            if inside {
                let at = (y as usize * self.width as usize + x as usize) * 3;
                for (below, above) in self.rgb[at..at + 3].iter_mut().zip(color) {
                    let (from, to) = (f32::from(*below), f32::from(above));
                    *below = (from + (to - from) * coverage.clamp(0.0, 1.0)).round() as u8;
                }
            }
        });
    }
}

fn text_width(font: &FontRef<'_>, text: &str, scale: f32) -> f32 {
    let font = font.as_scaled(PxScale::from(scale));
    text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of(size: Option<(u32, u32)>) -> (u32, u32) {
        let picture = draw("No signal", ("front", "front"), size, Timestamp::UNIX_EPOCH).unwrap();
        picture.size()
    }

    #[test]
    fn it_has_the_title_and_the_name_where_the_font_lacks_a_character() {
        let picture = |title| draw("No signal", (title, "front"), None, Timestamp::UNIX_EPOCH);
        let by_name = picture("front").unwrap();
        assert_ne!(picture("Einfahrt Süd").unwrap(), by_name);
        assert_eq!(picture("正門").unwrap(), by_name);
    }

    #[test]
    fn it_takes_the_place_of_the_streams_pictures() {
        assert_eq!(size_of(None), (1280, 720));
        assert_eq!(size_of(Some((641, 479))), (641, 479));
        assert_eq!(size_of(Some((8, 8))), (8, 8));
        assert_eq!(size_of(Some((16384, 1))), (1920, 1));
        assert_eq!(size_of(Some((1000, 4000))), (480, 1920));
    }
}
