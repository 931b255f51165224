//! One face of a font file: the characters that it has, and what it is chosen by.

use std::path::{Path, PathBuf};

use ttf_parser::{RawFaceTables, Style, Width, name_id};

use super::sfnt::{File, Unreadable};

/// The most faces of one file.
const FACES: u32 = 64;
/// The tables that shaping and drawing need: those of OpenType, of Apple's shaping, of variable
/// fonts, and of colours.
const TABLES: &[&[u8; 4]] = &[
    b"cmap", b"head", b"hhea", b"hmtx", b"maxp", b"OS/2", b"CFF ", b"CFF2", b"glyf", b"loca",
    b"GDEF", b"GPOS", b"GSUB", b"kern", b"kerx", b"morx", b"feat", b"ankr", b"trak", b"fvar",
    b"avar", b"gvar", b"HVAR", b"MVAR", b"CBDT", b"CBLC", b"sbix", b"COLR", b"CPAL",
];
/// Words in a family's name that make it a worse choice for a line of text, and by how much.
const WORDS: &[(&str, u32)] = &[
    ("Serif", 3),
    ("Mono", 3),
    ("UI", 1),
    ("Kufi", 5),
    ("Looped", 5),
    ("Rashi", 5),
    ("Nastaliq", 5),
    ("Display", 5),
    ("Symbols", 5),
    ("Music", 5),
    ("Condensed", 5),
];

/// A face of a font file.
#[derive(Debug)]
pub struct Face {
    pub path: PathBuf,
    /// Its place in a collection.
    pub index: u32,
    /// The bytes of its tables that are handed over.
    pub bytes: u64,
    /// Whether its glyphs have colours of their own.
    pub is_color: bool,
    /// Its distance from an upright sans-serif in a regular weight.
    pub style: u32,
    /// The language whose shapes of Chinese characters it has, if its name says so.
    pub language: Option<&'static str>,
    /// The first and last code points of its ranges, in order.
    ranges: Vec<(u32, u32)>,
}

impl Face {
    /// The faces of the file at `path`; none if it is no font.
    pub fn all_of(path: &Path) -> Vec<Self> {
        let face = |file: &mut File, index| {
            let face = Self::read_from(file, path, index);
            if let Err(error @ Unreadable::CutOff { .. }) = &face {
                tracing::warn!(
                    path = %path.display(),
                    %error,
                    "a font of this machine is not used"
                );
            } else if let Err(error) = &face {
                tracing::debug!(path = %path.display(), index, %error, "no font that can be used");
            }
            face.ok().flatten()
        };
        let Ok(mut file) = File::open(path) else {
            return Vec::new();
        };
        let count = file.faces().min(FACES);
        (0..count)
            .filter_map(|index| face(&mut file, index))
            .collect()
    }

    fn read_from(file: &mut File, path: &Path, index: u32) -> Result<Option<Self>, Unreadable> {
        let tables = file.tables(index)?;
        file.check(&tables, TABLES)?;
        let has = |tag: &[u8; 4]| tables.iter().any(|table| table.tag == *tag);
        let has_outlines = has(b"glyf") && has(b"loca") || has(b"CFF ") || has(b"CFF2");
        if !has_outlines && !has(b"CBDT") && !has(b"sbix") {
            return Ok(None);
        }
        let mut small = |tag: &[u8; 4]| file.small_table(&tables, tag);
        let [head, hhea, maxp] = [small(b"head")?, small(b"hhea")?, small(b"maxp")?];
        let [cmap, name, os2] = [small(b"cmap")?, small(b"name")?, small(b"OS/2")?];
        let raw = RawFaceTables {
            head: &head,
            hhea: &hhea,
            maxp: &maxp,
            cmap: Some(&cmap),
            name: Some(&name),
            os2: Some(&os2),
            ..RawFaceTables::default()
        };
        let Ok(face) = ttf_parser::Face::from_raw_tables(raw) else {
            return Ok(None);
        };
        let ranges = ranges(&face);
        if ranges.is_empty() {
            return Ok(None);
        }
        let family = family(&face);
        Ok(Some(Self {
            path: path.to_owned(),
            index,
            bytes: tables
                .iter()
                .filter(|table| TABLES.contains(&&table.tag))
                .map(|table| u64::from(table.length))
                .sum(),
            is_color: has(b"CBDT") || has(b"sbix") || has(b"COLR"),
            style: style(&face, &family),
            language: ["JP", "KR", "SC", "TC", "HK"]
                .into_iter()
                .find(|end| family.ends_with(end)),
            ranges,
        }))
    }

    /// Whether it has `c`.
    pub fn has(&self, c: char) -> bool {
        let c = u32::from(c);
        let behind = self.ranges.partition_point(|&(first, _)| first <= c);
        behind > 0 && self.ranges[behind - 1].1 >= c
    }

    /// It as a font file of its own, with the tables that matter.
    ///
    /// # Errors
    /// The file is not what it was any more, or too large.
    pub fn read(&self) -> Result<Vec<u8>, Unreadable> {
        File::open(&self.path)?.extract(self.index, TABLES)
    }
}

fn ranges(face: &ttf_parser::Face<'_>) -> Vec<(u32, u32)> {
    let mut points = Vec::new();
    let subtables = face.tables().cmap.iter().flat_map(|cmap| cmap.subtables);
    for subtable in subtables.filter(ttf_parser::cmap::Subtable::is_unicode) {
        subtable.codepoints(|point| points.push(point));
    }
    points.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for point in points {
        match ranges.last_mut() {
            Some((_, last)) if point <= last.saturating_add(1) => *last = point,
            _ => ranges.push((point, point)),
        }
    }
    ranges.shrink_to_fit();
    ranges
}

fn family(face: &ttf_parser::Face<'_>) -> String {
    let named = |id: u16| {
        let mut names = face.names().into_iter();
        names
            .find(|name| name.name_id == id && name.is_unicode())
            .and_then(|name| name.to_string())
    };
    let name = named(name_id::TYPOGRAPHIC_FAMILY).or_else(|| named(name_id::FAMILY));
    name.unwrap_or_default()
}

fn style(face: &ttf_parser::Face<'_>, family: &str) -> u32 {
    let weight = u32::from(face.weight().to_number()).abs_diff(400) / 20;
    let slant = if face.style() == Style::Normal { 0 } else { 20 };
    let width = if face.width() == Width::Normal { 0 } else { 10 };
    let words = WORDS
        .iter()
        .filter(|(word, _)| family.contains(word))
        .map(|(_, cost)| cost);
    let plain = if family.contains("Sans") { 0 } else { 2 };
    weight + slant + width + words.sum::<u32>() + plain
}
