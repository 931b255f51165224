//! Fonts of the system, for filters that write in scripts whose letters they don't bring.
//!
//! A filter asks with the name of an asset: `system-fonts/`, then the characters that it wants, as
//! hexadecimal code points with commas between; `emoji:` before them prefers a font in colours. The
//! answer is the one font that has most of them: an OpenType file of one face, with the tables that
//! shaping and drawing need. Only files in the system's font folders that are fonts are ever
//! opened, and what is handed over is built from their tables, so this reads nothing else. A
//! question that names no character makes the list of fonts ready.

mod face;
mod sfnt;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use face::Face;

/// The folder of assets that stands for the system's fonts.
pub const PREFIX: &str = "system-fonts/";
/// The most characters that one question may name.
const CHARS: usize = 64;
/// The most files that are looked at, and the depth of folders.
const FILES: usize = 5_000;
const DEPTH: usize = 6;

/// The reason why there is no font.
#[derive(Debug, thiserror::Error)]
pub enum NoFont {
    /// The question is none.
    #[error(
        "`{PREFIX}` takes hexadecimal code points with commas between, {CHARS} at most: \
         `{PREFIX}5bb6,6f22`"
    )]
    Question,
    /// No font has any of the characters.
    #[error("none of the system's fonts has these characters")]
    NotThere,
    /// The file can't be read any more.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, String),
    /// The filter has had its share.
    #[error("this filter has had as many of the system's fonts as it may have")]
    Enough,
}

/// The system's fonts. They are looked at once, when one is asked for first.
#[derive(Debug)]
pub struct SystemFonts {
    folders: Vec<PathBuf>,
    faces: OnceLock<Vec<Face>>,
}

/// A question for a font.
#[derive(Debug, PartialEq)]
struct Wanted {
    is_emoji: bool,
    chars: Vec<char>,
}

impl SystemFonts {
    /// The fonts below `folders`.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            faces: OnceLock::new(),
        }
    }

    /// Answers `question`, the part of an asset's name behind [`PREFIX`]. Blocks while files are
    /// read.
    ///
    /// # Errors
    /// See [`NoFont`].
    pub fn answer(&self, question: &str) -> Result<Vec<u8>, NoFont> {
        let faces = self.faces.get_or_init(|| self.look());
        let wanted = Wanted::parse(question).ok_or(NoFont::Question)?;
        let best = faces
            .iter()
            .filter_map(|face| Some((wanted.cost(face)?, face)))
            .min_by(|(a, _), (b, _)| a.cmp(b));
        let (_, face) = best.ok_or(NoFont::NotThere)?;
        face.read()
            .map_err(|why| NoFont::Unreadable(face.path.clone(), why.to_string()))
    }

    fn look(&self) -> Vec<Face> {
        let mut files = Vec::new();
        for folder in &self.folders {
            gather(folder, DEPTH, &mut files);
        }
        files.sort();
        let faces: Vec<Face> = files.iter().flat_map(|file| Face::all_of(file)).collect();
        tracing::debug!(
            files = files.len(),
            faces = faces.len(),
            "looked at the system's fonts"
        );
        faces
    }
}

/// Adds the font files below `folder`. What can't be read is left out: there may be no fonts at
/// all.
fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if files.len() >= FILES {
            return;
        }
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ["ttf", "otf", "ttc", "otc"]
            .iter()
            .any(|font| extension == *font)
        {
            files.push(path);
        } else if depth > 0 && path.is_dir() {
            gather(&path, depth - 1, files);
        }
    }
}

impl Wanted {
    fn parse(question: &str) -> Option<Self> {
        let emoji = question.strip_prefix("emoji:");
        let points = emoji.unwrap_or(question).split(',').take(CHARS + 1);
        let chars =
            points.map(|point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32));
        let chars: Vec<char> = chars.collect::<Option<_>>()?;
        (chars.len() <= CHARS).then_some(Self {
            is_emoji: emoji.is_some(),
            chars,
        })
    }

    /// The distance of `face` from the best one: kind, characters that it lacks, style, size,
    /// place. None if it has none of them.
    fn cost<'f>(&self, face: &'f Face) -> Option<impl Ord + use<'f>> {
        let lacking = self.chars.iter().filter(|&&c| !face.has(c)).count();
        let other_kind = face.is_color != self.is_emoji;
        let style = face.style + if self.is_other_language(face) { 4 } else { 0 };
        let cost = (
            other_kind, lacking, style, face.bytes, &face.path, face.index,
        );
        (lacking < self.chars.len()).then_some(cost)
    }

    /// Whether `face` has the shapes of another language than these characters are of, which share
    /// most with it.
    fn is_other_language(&self, face: &Face) -> bool {
        let has = |from: char, to: char| self.chars.iter().any(|c| (from..=to).contains(c));
        let language = if has('\u{3040}', '\u{30ff}') {
            "JP"
        } else if has('\u{1100}', '\u{11ff}') || has('\u{ac00}', '\u{d7a3}') {
            "KR"
        } else {
            "SC"
        };
        face.language.is_some_and(|shapes| shapes != language)
    }
}

/// The folders that the system has its fonts in.
pub fn folders() -> Vec<PathBuf> {
    if cfg!(target_os = "macos") {
        return ["/System/Library/Fonts", "/Library/Fonts"]
            .map(PathBuf::from)
            .into();
    }
    if cfg!(windows) {
        let windows = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        return vec![Path::new(&windows).join("Fonts")];
    }
    // XDG Base Directory Specification.
    let data = std::env::var_os("XDG_DATA_DIRS").filter(|folders| !folders.is_empty());
    let data = data.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let folders = std::env::split_paths(&data).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join("fonts")).collect()
}

#[cfg(test)]
mod tests;
