//! The fonts that a text is written with, and the search for those that have its characters.
//!
//! The server offers its system's fonts as assets called `system-fonts/`, followed by the
//! characters that are wanted: hexadecimal code points with commas between, `emoji:` before them
//! for a font in colours. It answers with one font that has as many of them as there are. An older
//! server refuses the name, and a text then has the embedded font and the user's.

use std::collections::{BTreeMap, BTreeSet};

use rustybuzz::ttf_parser::{self, RawFace, Tag};
use rustybuzz::{Face, UnicodeBuffer, Variation, shape};
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

/// DejaVu Sans Mono: all characters are equally wide, so that the box doesn't jump as digits
/// change.
const EMBEDDED: &[u8] = include_bytes!("../font/DejaVuSansMono.ttf");
/// The folder that the server offers its system's fonts in.
const SYSTEM: &str = "system-fonts/";
/// The most fonts of the system that one text may have: a large one takes 20 MB.
const MOST: usize = 8;
/// The most characters that one question names.
const ASKED_AT_ONCE: usize = 64;
/// The most characters that are known to be in no font of the system; others are not told of any
/// more.
const MOST_SETTLED: usize = 1024;
/// The most characters that a line of the log names.
const NAMED: usize = 12;

/// A font, and its place in [`Fonts`].
pub struct Font {
    pub face: Face<'static>,
    /// Whether it is of colours, and no font for words.
    is_emoji: bool,
}

impl Font {
    /// The first face in `bytes`.
    ///
    /// # Errors
    /// A text that says what is wrong with it, to stand behind its name.
    fn new(bytes: &'static [u8]) -> Result<Self, String> {
        check_tables(bytes)?;
        let face = Face::from_slice(bytes, 0);
        let mut face = face.ok_or("is damaged: what it tells of itself can't be read")?;
        check_content(&face)?;
        let regular = Variation {
            tag: Tag::from_bytes(b"wght"),
            value: 400.0,
        };
        // Of some variable fonts, the first weight is a hairline.
        face.set_variations(&[regular]);
        let tables = face.tables();
        let is_emoji = tables.cbdt.is_some() || tables.sbix.is_some() || tables.colr.is_some();
        Ok(Self { face, is_emoji })
    }

    fn has(&self, c: char) -> bool {
        self.face.glyph_index(c).is_some()
    }

    /// Whether it has no glyph for `c`, but those of its parts, such as a letter and the accents on
    /// it.
    fn composes(&self, c: char) -> bool {
        let mut buffer = UnicodeBuffer::new();
        buffer.add(c, 0);
        let shaped = shape(&self.face, &[], buffer);
        let mut glyphs = shaped.glyph_infos().iter();
        !shaped.is_empty() && glyphs.all(|glyph| glyph.glyph_id != 0)
    }

    /// Whether it has all of a grapheme that is to be seen.
    pub fn has_all(&self, grapheme: &str) -> bool {
        grapheme.chars().all(|c| is_invisible(c) || self.has(c))
    }

    /// Pixels for each of its units, where an em has `em` pixels.
    pub fn scale(&self, em: f32) -> f32 {
        em / self.face.units_per_em().max(1) as f32
    }
}

/// The source of fonts that a text box doesn't bring, to which it also tells what no font has.
pub trait FontSource: Send {
    /// The file of this name: the user's font, or one of the system's by the characters that are
    /// wanted.
    ///
    /// # Errors
    /// A text that names the file and says why it can't be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, String>;

    /// Takes note of characters that can't be written well.
    fn warn(&self, message: &str);
}

/// The server, as filters have it.
pub struct Assets;

impl FontSource for Assets {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        mattebox_filter::read_asset(name)
    }

    fn warn(&self, message: &str) {
        mattebox_filter::log(mattebox_filter::Level::Warn, message);
    }
}

/// The fonts of one text box.
pub struct Fonts {
    source: Box<dyn FontSource>,
    fonts: Vec<Font>,
    /// The place of the embedded font. Before it comes the user's, behind it come the system's.
    embedded: usize,
    /// Characters that the system's fonts lack, so that they are not asked for again.
    settled: BTreeSet<char>,
    /// Characters that no font has as a whole, and the place of one that has their parts.
    pub composed: BTreeMap<char, usize>,
}

impl Fonts {
    /// The embedded font, and the user's in the file `font`.
    pub fn new(font: Option<&str>, source: Box<dyn FontSource>) -> Result<Self, String> {
        let mut fonts = Vec::new();
        if let Some(name) = font {
            let bytes = source.read(name)?;
            let read = Font::new(bytes.leak());
            fonts.push(read.map_err(|why| format!("`font`: `{name}` {why}"))?);
        }
        let embedded = fonts.len();
        fonts.push(Font::new(EMBEDDED)?);
        Ok(Self {
            source,
            fonts,
            embedded,
            settled: BTreeSet::new(),
            composed: BTreeMap::new(),
        })
    }

    /// The font at `place`.
    pub fn at(&self, place: usize) -> &Font {
        &self.fonts[place]
    }

    /// The font that gives the lines their height, and the columns their width.
    pub fn embedded(&self) -> &Font {
        &self.fonts[self.embedded]
    }

    /// The place of the font for `grapheme`. One that no font has is a box in the embedded font.
    pub fn choose(&self, grapheme: &str) -> usize {
        let chosen = self.find(grapheme, |font| font.has_all(grapheme));
        let base = grapheme.chars().next().unwrap_or(' ');
        chosen
            .or_else(|| self.composed.get(&base).copied())
            .or_else(|| self.find(grapheme, |font| font.has(base)))
            .unwrap_or(self.embedded)
    }

    fn find(&self, grapheme: &str, has: impl Fn(&Font) -> bool) -> Option<usize> {
        let system = self.embedded + 1..self.fonts.len();
        let usual = (0..self.fonts.len()).filter(|&at| !self.fonts[at].is_emoji);
        let order: Vec<usize> = if wants_emoji(grapheme) {
            let emoji = (0..self.fonts.len()).filter(|&at| self.fonts[at].is_emoji);
            emoji.chain(usual).collect()
        } else if wants_shaping(grapheme) {
            let user = 0..self.embedded;
            user.chain(system).chain([self.embedded]).collect()
        } else {
            let emoji = (0..self.fonts.len()).filter(|&at| self.fonts[at].is_emoji);
            usual.chain(emoji).collect()
        };
        order.into_iter().find(|&at| has(&self.fonts[at]))
    }

    /// Looks for fonts with what `text` has and the fonts so far have not; tells the log of what is
    /// in none.
    pub fn prepare(&mut self, text: &str) {
        let (emoji, words) = self.wanted(text);
        if emoji.is_empty() && words.is_empty() {
            return;
        }
        self.ask("emoji:", emoji);
        self.ask("", words);
        let lacking: BTreeSet<char> = graphemes(text)
            .flat_map(|grapheme| {
                let font = self.at(self.choose(grapheme));
                grapheme.chars().filter(|&c| !font.has(c))
            })
            .filter(|&c| !is_invisible(c) && !self.settled.contains(&c))
            .collect();
        if lacking.is_empty() || self.settled.len() >= MOST_SETTLED {
            return;
        }
        self.settled.extend(&lacking);
        let (composed, lacking) = self.compose(lacking);
        let of_parts: BTreeSet<char> = composed.keys().copied().collect();
        self.composed.extend(composed);
        for (missing, outcome) in [(lacking, EMPTY_BOXES), (of_parts, OF_PARTS)] {
            if !missing.is_empty() {
                self.source.warn(&warning(&missing, outcome));
            }
        }
    }

    /// Tells characters that a font has the parts of from those that can't be written.
    fn compose(&self, lacking: BTreeSet<char>) -> (BTreeMap<char, usize>, BTreeSet<char>) {
        let mut composed = BTreeMap::new();
        let mut rest = lacking;
        rest.retain(|&c| {
            let place = self.fonts.iter().position(|font| font.composes(c));
            composed.extend(place.map(|place| (c, place)));
            place.is_none()
        });
        (composed, rest)
    }

    /// Makes the server look at its fonts now, which takes a moment.
    pub fn expect_more(&mut self) {
        // It names no character, so there is no font to be had.
        drop(self.source.read(SYSTEM));
    }

    /// Characters for which the system's fonts have to be looked at: emoji, and others.
    pub fn wanted(&self, text: &str) -> (BTreeSet<char>, BTreeSet<char>) {
        let mut wanted = (BTreeSet::new(), BTreeSet::new());
        if text.is_ascii() {
            return wanted;
        }
        for grapheme in graphemes(text) {
            let is_emoji = wants_emoji(grapheme);
            let of_system = self.fonts.iter().skip(self.embedded + 1);
            let mut suitable: Vec<&Font> = self.fonts.iter().take(self.embedded).collect();
            suitable.extend(of_system.filter(|font| font.is_emoji || !is_emoji));
            if !is_emoji && !wants_shaping(grapheme) {
                suitable.push(self.embedded());
            }
            if suitable.iter().any(|font| font.has_all(grapheme)) {
                continue;
            }
            let characters = grapheme.chars().filter(|&c| !is_invisible(c));
            let unknown = characters.filter(|c| !self.settled.contains(c));
            match is_emoji {
                true => wanted.0.extend(unknown),
                false => wanted.1.extend(unknown),
            }
        }
        wanted
    }

    /// Takes fonts of the system for as long as they have more of `wanted`.
    fn ask(&mut self, kind: &str, mut wanted: BTreeSet<char>) {
        while !wanted.is_empty() && self.fonts.len() <= self.embedded + MOST {
            let named = wanted.iter().take(ASKED_AT_ONCE);
            let points: Vec<_> = named.map(|&c| format!("{:x}", u32::from(c))).collect();
            let name = format!("{SYSTEM}{kind}{}", points.join(","));
            let Ok(bytes) = self.source.read(&name) else {
                break;
            };
            let Ok(font) = Font::new(bytes.leak()) else {
                break;
            };
            let before = wanted.len();
            wanted.retain(|&c| !font.has(c));
            if wanted.len() == before {
                break;
            }
            self.fonts.push(font);
        }
        // What only the embedded font has is written with it; asking again would give the same.
        let embedded = &self.fonts[self.embedded];
        let settled = wanted.into_iter().filter(|&c| embedded.has(c));
        self.settled.extend(settled);
    }
}

/// Checks that the tables of the first face in `bytes` are all there: a font that is cut off would
/// draw nothing.
fn check_tables(bytes: &[u8]) -> Result<(), String> {
    const KINDS: [&[u8]; 4] = [b"\0\x01\0\0", b"OTTO", b"true", b"ttcf"];
    if !KINDS.iter().any(|kind| bytes.starts_with(kind)) {
        return Err(
            "is no font that can be read; take one in TrueType or OpenType format (.ttf, \
            .otf, .ttc)"
                .to_owned(),
        );
    }
    let length = bytes.len();
    let cut_off = |what: &str| format!("is cut off: {what}, but the file has {length} bytes");
    let face = RawFace::parse(bytes, 0).map_err(|_| cut_off("its list of tables goes on"))?;
    for table in face.table_records {
        let end = u64::from(table.offset) + u64::from(table.length);
        if end > length as u64 {
            return Err(cut_off(&format!(
                "its table `{}` ends at byte {end}",
                table.tag
            )));
        }
    }
    Ok(())
}

/// Checks that `face` has characters, and draws some.
fn check_content(face: &Face<'_>) -> Result<(), String> {
    let (mut has_any, mut draws) = (false, false);
    let subtables = face.tables().cmap.iter().flat_map(|cmap| cmap.subtables);
    for subtable in subtables.filter(ttf_parser::cmap::Subtable::is_unicode) {
        subtable.codepoints(|point| {
            let glyph = subtable.glyph_index(point).filter(|_| !draws);
            has_any |= glyph.is_some();
            draws |= glyph.is_some_and(|glyph| has_ink(face, glyph));
        });
    }
    match (has_any, draws) {
        (false, _) => Err("is damaged: it has no characters (table `cmap`)".to_owned()),
        (true, false) => Err(
            "is damaged: it has no shapes for its characters (tables `glyf` and \
            `loca`, `CFF `, `CFF2`, `CBDT` or `sbix`)"
                .to_owned(),
        ),
        (true, true) => Ok(()),
    }
}

fn has_ink(face: &Face<'_>, glyph: ttf_parser::GlyphId) -> bool {
    face.glyph_bounding_box(glyph).is_some()
        || face.is_color_glyph(glyph)
        || face.glyph_raster_image(glyph, u16::MAX).is_some()
}

fn graphemes(text: &str) -> impl Iterator<Item = &str> {
    text.graphemes(true)
        .filter(|grapheme| !grapheme.chars().all(is_invisible))
}

/// Whether a character is not to be seen: controls, joiners, marks of direction, selectors
/// (Default_Ignorable_Code_Point).
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// Whether a grapheme is a picture (UTS #51): by its plane, or by a selector behind it.
fn wants_emoji(grapheme: &str) -> bool {
    let is_picture = |c: char| matches!(u32::from(c), 0x1f000..=0x1faff | 0xfe0f | 0x20e3);
    grapheme.chars().any(is_picture) && !grapheme.contains('\u{fe0e}')
}

/// Whether a grapheme is of a script whose letters the embedded font has, but only in cells.
fn wants_shaping(grapheme: &str) -> bool {
    grapheme
        .chars()
        .any(|c| matches!(c.script(), Script::Arabic | Script::Lao))
}

/// The fate of characters that no font has.
pub(super) const EMPTY_BOXES: &str = "shown as empty boxes";
pub(super) const OF_PARTS: &str = "put together of letters and accents, which may lie wrong";

/// The log's line on characters that no font has, and of their `outcome`.
pub(super) fn warning(missing: &BTreeSet<char>, outcome: &str) -> String {
    let name = |&c: &char| format!("`{c}` (U+{:04X})", u32::from(c));
    let mut names: Vec<_> = missing.iter().take(NAMED).map(name).collect();
    if missing.len() > NAMED {
        names.push(format!("{} more", missing.len() - NAMED));
    }
    let packages: BTreeSet<_> = missing.iter().map(|&c| package(c)).collect();
    let packages: Vec<_> = packages.into_iter().collect();
    format!(
        "no font has {}, {outcome}: install a font with them on the server (Debian's {}) and \
         restart it, or name \
         a font file with `font:`",
        names.join(", "),
        packages.join(", ")
    )
}

/// The package of Debian that has a font with `c`, most likely.
fn package(c: char) -> &'static str {
    match c.script() {
        Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo => {
            "fonts-noto-cjk"
        }
        _ if wants_emoji(c.encode_utf8(&mut [0; 4])) => "fonts-noto-color-emoji",
        _ if matches!(u32::from(c), 0x3000..=0x303f | 0xff00..=0xffef) => "fonts-noto-cjk",
        _ => "fonts-noto-core",
    }
}

/// The identity of a glyph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlyphId {
    /// The place of its font.
    pub font: usize,
    /// Its number in the font.
    pub glyph: ttf_parser::GlyphId,
}
