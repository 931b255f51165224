//! Lines of text: shaped, in the order in which they are seen (UAX #9), and broken where they are
//! too long (UAX #14).

use std::collections::HashMap;
use std::ops::Range;

use rustybuzz::{Direction, ShapePlan, UnicodeBuffer, shape_with_plan};
use unicode_bidi::{BidiInfo, Level};
use unicode_linebreak::linebreaks;
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use super::fonts::{Fonts, GlyphId, is_invisible};
use super::glyph::{Reach, reach};

/// Columns from one tab stop to the next.
const TAB: f32 = 8.0;
/// A place where a word may be broken, to be seen as a hyphen only there.
const SOFT_HYPHEN: char = '\u{ad}';
/// The most plans of shaping that are kept; a text of more scripts just takes longer.
const PLANS: usize = 64;

/// Lays text out.
#[derive(Default)]
pub struct Layout {
    plans: HashMap<(usize, bool, Script), ShapePlan>,
    buffer: Option<UnicodeBuffer>,
}

/// A laid out text.
pub struct Block {
    /// The size that it is laid out in: the height of a line of the embedded font in pixels.
    pub size: f32,
    pub width: f32,
    pub height: f32,
    pub glyphs: Vec<PlacedGlyph>,
}

/// A glyph and its origin, in pixels from the block's upper left corner.
pub struct PlacedGlyph {
    pub id: GlyphId,
    pub x: f32,
    pub y: f32,
}

/// The measures that all lines of a block share, in pixels.
struct Measures {
    size: f32,
    em: f32,
    ascent: f32,
    line_height: f32,
    column: f32,
    padding: f32,
}

/// A part of a line that is shaped at once: one font, one direction, one script. A tab is one by
/// itself.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    range: Range<usize>,
    level: Level,
    font: usize,
    script: Script,
    is_tab: bool,
}

/// A line that has been shaped: its glyphs from the left, and its width in pixels.
struct Line {
    glyphs: Vec<PlacedGlyph>,
    width: f32,
    is_rtl: bool,
}

/// A glyph that has been shaped, in pixels.
struct Shaped {
    id: GlyphId,
    /// Where its characters start in the paragraph.
    cluster: usize,
    advance: f32,
    offset: (f32, f32),
}

impl Layout {
    /// `text` in lines of `size` pixels, broken at `width` if there is one.
    pub fn block(&mut self, fonts: &Fonts, text: &str, (size, width): (f32, Option<f32>)) -> Block {
        let measures = Measures::new(fonts, size);
        let width = width.map(|width| (width - 2.0 * measures.padding).max(measures.column));
        let mut lines = Vec::new();
        for paragraph in plain_breaks(text).lines() {
            self.paragraph(fonts, &measures, paragraph, width, &mut lines);
        }
        stack(lines, &measures, |id| reach(fonts, id, size))
    }

    /// Adds the lines of `text`, which has no line break.
    fn paragraph(
        &mut self,
        fonts: &Fonts,
        measures: &Measures,
        text: &str,
        width: Option<f32>,
        lines: &mut Vec<Line>,
    ) {
        let bidi = BidiInfo::new(text, None);
        // A text that only has a mark of a paragraph's end has none.
        let Some(paragraph) = bidi.paragraphs.first() else {
            lines.push(Line {
                glyphs: Vec::new(),
                width: 0.0,
                is_rtl: false,
            });
            return;
        };
        let runs = runs(fonts, text, &bidi.levels);
        let whole = 0..text.len();
        let ranges = match width {
            Some(width) => self.broken(fonts, measures, text, &runs, width),
            None => vec![whole],
        };
        for range in ranges {
            let levels = bidi.reordered_levels(paragraph, range.clone());
            let parts = parts(&runs, &range, &levels);
            let mut line = self.line(fonts, measures, (text, range.end), &parts);
            line.is_rtl = paragraph.level.is_rtl();
            lines.push(line);
        }
    }

    /// The ranges of `text` that fit into `width` pixels each, broken between words, or where there
    /// is none, between letters.
    fn broken(
        &mut self,
        fonts: &Fonts,
        measures: &Measures,
        text: &str,
        runs: &[Run],
        width: f32,
    ) -> Vec<Range<usize>> {
        let mut advances = vec![0.0; text.len() + 1];
        for run in runs {
            if run.is_tab {
                advances[run.range.start] += TAB * measures.column;
                continue;
            }
            for glyph in self.shape(fonts, measures, (text, text.len()), run) {
                advances[glyph.cluster] += glyph.advance;
            }
        }
        let mut breaks: Vec<usize> = linebreaks(text).map(|(at, _)| at).collect();
        breaks.dedup();
        let length = |range: Range<usize>| advances[range].iter().sum::<f32>();
        let seen = |range: Range<usize>| {
            let trimmed = text[range.clone()].trim_end().len();
            let hyphen = match is_hyphenated(text, range.end) {
                true => measures.column,
                false => 0.0,
            };
            length(range.start..range.start + trimmed) + hyphen
        };
        let mut ranges = Vec::new();
        let (mut start, mut fits) = (0, 0);
        for &at in &breaks {
            if seen(start..at) > width && fits > start {
                ranges.push(start..fits);
                start = fits;
            }
            // A word that is longer than a line.
            while seen(start..at) > width {
                let letters = text[start..at].grapheme_indices(true).skip(1);
                let mut cuts = letters.map(|(offset, _)| start + offset);
                let first = cuts.next().unwrap_or(at);
                let cut = cuts.take_while(|&cut| length(start..cut) <= width).last();
                let cut = cut.unwrap_or(first);
                if cut >= at {
                    break;
                }
                ranges.push(start..cut);
                start = cut;
            }
            fits = at;
        }
        if start < text.len() || ranges.is_empty() {
            ranges.push(start..text.len());
        }
        ranges
    }

    /// Places `parts` of `text`, whose line ends at `end`, side by side.
    fn line(
        &mut self,
        fonts: &Fonts,
        measures: &Measures,
        text: (&str, usize),
        parts: &[Run],
    ) -> Line {
        let mut line = Line {
            glyphs: Vec::new(),
            width: 0.0,
            is_rtl: false,
        };
        for part in parts {
            if part.is_tab {
                let tab = TAB * measures.column;
                // A stop that is reached but for a rounding is not gone on to.
                line.width = ((line.width / tab + 1e-3).floor() + 1.0) * tab;
                continue;
            }
            for glyph in self.shape(fonts, measures, text, part) {
                line.glyphs.push(PlacedGlyph {
                    id: glyph.id,
                    x: line.width + glyph.offset.0,
                    y: -glyph.offset.1,
                });
                line.width += glyph.advance;
            }
        }
        line
    }

    /// Shapes one run of `text`, in a line that ends at `end`; the glyphs come from the left.
    fn shape(
        &mut self,
        fonts: &Fonts,
        measures: &Measures,
        (text, end): (&str, usize),
        run: &Run,
    ) -> Vec<Shaped> {
        let font = fonts.at(run.font);
        let is_rtl = run.level.is_rtl();
        let direction = match is_rtl {
            true => Direction::RightToLeft,
            false => Direction::LeftToRight,
        };
        let mut buffer = self.buffer.take().unwrap_or_default();
        buffer.set_pre_context(&text[..run.range.start]);
        for (offset, c) in text[run.range.clone()].char_indices() {
            let at = run.range.start + offset;
            let is_hyphen = at + c.len_utf8() == end && is_hyphenated(text, end);
            let c = if is_hyphen { '-' } else { c };
            if !c.is_control() && c != SOFT_HYPHEN {
                buffer.add(c, u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        buffer.set_post_context(&text[run.range.end..]);
        buffer.set_direction(direction);
        let script = shaper_script(run.script);
        if let Some(script) = script {
            buffer.set_script(script);
        }
        if self.plans.len() >= PLANS {
            self.plans.clear();
        }
        let plan = self
            .plans
            .entry((run.font, is_rtl, run.script))
            .or_insert_with(|| ShapePlan::new(&font.face, direction, script, None, &[]));
        let shaped = shape_with_plan(&font.face, plan, buffer);
        let scale = font.scale(measures.em);
        let glyphs = shaped
            .glyph_infos()
            .iter()
            .zip(shaped.glyph_positions())
            .map(|(info, position)| Shaped {
                id: GlyphId {
                    font: run.font,
                    glyph: rustybuzz::ttf_parser::GlyphId(
                        u16::try_from(info.glyph_id).unwrap_or_default(),
                    ),
                },
                cluster: info.cluster as usize,
                advance: position.x_advance as f32 * scale,
                offset: (
                    position.x_offset as f32 * scale,
                    position.y_offset as f32 * scale,
                ),
            })
            .collect();
        self.buffer = Some(shaped.clear());
        glyphs
    }
}

impl Measures {
    fn new(fonts: &Fonts, size: f32) -> Self {
        let font = fonts.embedded();
        let face = &font.face;
        let height = f32::from(face.ascender()) - f32::from(face.descender());
        let scale = size / height;
        let zero = face.glyph_index('0').unwrap_or_default();
        let column = face.glyph_hor_advance(zero).unwrap_or_default();
        Self {
            size,
            em: em(fonts, size),
            ascent: f32::from(face.ascender()) * scale,
            line_height: size + f32::from(face.line_gap()) * scale,
            column: f32::from(column) * scale,
            padding: (size / 5.0).ceil(),
        }
    }
}

/// The pixels of an em in lines of `size` pixels.
pub fn em(fonts: &Fonts, size: f32) -> f32 {
    let face = &fonts.embedded().face;
    let height = f32::from(face.ascender()) - f32::from(face.descender());
    size * face.units_per_em() as f32 / height
}

/// Whether a line that ends at byte `end` of `text` breaks a word there.
fn is_hyphenated(text: &str, end: usize) -> bool {
    end < text.len() && text[..end].ends_with(SOFT_HYPHEN)
}

/// Stacks lines.
fn stack(lines: Vec<Line>, measures: &Measures, reach: impl Fn(GlyphId) -> Reach) -> Block {
    let inner = lines.iter().map(|line| line.width).fold(0.0, f32::max);
    let descent = measures.size - measures.ascent;
    let mut block = Block {
        size: measures.size,
        width: inner + 2.0 * measures.padding,
        height: 0.0,
        glyphs: Vec::new(),
    };
    let mut top = measures.padding / 2.0;
    for line in lines {
        // Some scripts are higher than the line, and must not be cut or run into the next one.
        let (mut above, mut below) = (0.0_f32, 0.0_f32);
        for placed in &line.glyphs {
            let reach = reach(placed.id);
            above = above.max(reach.above - placed.y - measures.ascent);
            below = below.max(reach.below + placed.y - descent);
        }
        top += above.ceil();
        let baseline = (top + measures.ascent).round();
        let indent = match line.is_rtl {
            true => measures.padding + inner - line.width,
            false => measures.padding,
        };
        block
            .glyphs
            .extend(line.glyphs.into_iter().map(|placed| PlacedGlyph {
                x: placed.x + indent,
                y: placed.y + baseline,
                ..placed
            }));
        top += measures.line_height + below.ceil();
    }
    block.height = top + measures.padding / 2.0;
    block.widen(reach);
    block
}

impl Block {
    /// Makes room for glyphs that go beyond their line's ends, as accents do.
    fn widen(&mut self, reach: impl Fn(GlyphId) -> Reach) {
        let (mut left, mut right) = (0.0_f32, self.width);
        for placed in &self.glyphs {
            let (x, reach) = (placed.x.round(), reach(placed.id));
            left = left.min((x - reach.left).floor());
            right = right.max((x + reach.right).ceil());
        }
        self.width = right - left;
        self.glyphs.iter_mut().for_each(|placed| placed.x -= left);
    }
}

/// `text` with one kind of line break (UAX #14, classes BK, CR, LF and NL).
fn plain_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace(
        [
            '\r', '\u{b}', '\u{c}', '\u{85}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{2028}', '\u{2029}',
        ],
        "\n",
    )
}

/// The runs of a paragraph, in the order of the text.
fn runs(fonts: &Fonts, text: &str, levels: &[Level]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (start, grapheme) in text.grapheme_indices(true) {
        let range = start..start + grapheme.len();
        let script = grapheme
            .chars()
            .map(|c| c.script())
            .find(|&script| is_own(script));
        let last = runs.last().filter(|last| !last.is_tab);
        // What is not to be seen is in the font that is at hand; joiners work only so.
        let font = match last {
            Some(last) if grapheme.chars().all(is_invisible) => last.font,
            _ => fonts.choose(grapheme),
        };
        let next = Run {
            level: levels[start],
            font,
            script: script.unwrap_or(Script::Common),
            is_tab: grapheme == "\t",
            range,
        };
        match runs.last_mut() {
            Some(last) if joins(last, &next) => {
                last.range.end = next.range.end;
                if !is_own(last.script) {
                    last.script = next.script;
                }
            }
            _ => runs.push(next),
        }
    }
    runs
}

/// Whether a script is more than "any".
fn is_own(script: Script) -> bool {
    !matches!(script, Script::Common | Script::Inherited | Script::Unknown)
}

fn joins(last: &Run, next: &Run) -> bool {
    let script = last.script == next.script || !is_own(last.script) || !is_own(next.script);
    last.font == next.font && last.level == next.level && script && !last.is_tab && !next.is_tab
}

/// The runs of a line in the order in which they are seen (rule L2). `levels` are those of the
/// line's bytes, after rule L1.
fn parts(runs: &[Run], range: &Range<usize>, levels: &[Level]) -> Vec<Run> {
    let mut parts: Vec<Run> = Vec::new();
    for run in runs {
        let (start, end) = (
            run.range.start.max(range.start),
            run.range.end.min(range.end),
        );
        let mut from = start;
        for at in start..end {
            let is_end = at + 1 == end;
            if is_end || levels[at + 1] != levels[at] {
                parts.push(Run {
                    range: from..at + 1,
                    level: levels[at],
                    ..run.clone()
                });
                from = at + 1;
            }
        }
    }
    let highest = parts.iter().map(|part| part.level.number()).max();
    let odd = parts
        .iter()
        .map(|part| part.level.number())
        .filter(|level| level % 2 == 1);
    let lowest_odd = odd.min().unwrap_or(u8::MAX);
    for level in (lowest_odd..=highest.unwrap_or(0)).rev() {
        let mut at = 0;
        while at < parts.len() {
            let length = parts[at..]
                .iter()
                .take_while(|part| part.level.number() >= level)
                .count();
            parts[at..at + length].reverse();
            at += length.max(1);
        }
    }
    parts
}

/// A script in the shaper's words.
fn shaper_script(script: Script) -> Option<rustybuzz::Script> {
    let tag: [u8; 4] = script.short_name().as_bytes().try_into().ok()?;
    rustybuzz::Script::from_iso15924_tag(rustybuzz::ttf_parser::Tag::from_bytes(&tag))
}
