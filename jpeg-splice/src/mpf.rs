//! Pictures that belong to one before them: a stereo camera's other view, a preview, a gain map
//! (CIPA DC-007, "Multi-Picture Format", section 5). Viewers show the first one only.

use crate::marker;
use crate::segments::Segments;
use crate::tiff::Tiff;

const INTRODUCTION: &[u8] = b"MPF\0";
/// The tag of the list of pictures.
const PICTURES: u16 = 0xb002;
/// The bytes of a picture in that list.
const ENTRY: usize = 16;
/// More pictures are not looked for.
const MOST: usize = 64;
/// The most bytes of padding that a picture's length may count in.
const PADDING: u64 = 4096;

/// The index of the pictures that follow a first one (DC-007, 5.2.3).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MpfIndex(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// In bytes from the first picture's SOI.
    start: u64,
    length: u64,
}

impl MpfIndex {
    /// The index in `jpeg`; an empty one if it has none.
    pub fn of(jpeg: &[u8]) -> Self {
        Self::read(jpeg).unwrap_or_default()
    }

    fn read(jpeg: &[u8]) -> Option<Self> {
        let mut segments = Segments::new(jpeg).ok()?.map_while(Result::ok);
        let index = segments
            .find(|it| it.marker == marker::APP2 && it.payload().starts_with(INTRODUCTION))?;
        // Places are told from the TIFF header on.
        let tiff = Tiff::new(&index.payload()[INTRODUCTION.len()..])?;
        let origin = index.end() - tiff.bytes.len();
        let directory = tiff.directory(tiff.first()?)?;
        let entry = tiff.entry(&directory, PICTURES)?;
        let count = tiff.long(entry + 4)? as usize / ENTRY;
        let list = tiff.long(entry + 8)? as usize;
        // The first is this one itself.
        let entries = (1..count.min(MOST)).map_while(|index| {
            let at = list.checked_add(index * ENTRY)?;
            Some(Entry {
                start: u64::from(tiff.long(at + 8)?) + origin as u64,
                length: tiff.long(at + 4)?.into(),
            })
        });
        Some(Self(entries.collect()))
    }

    /// Whether a picture of `length` bytes that starts `start` bytes behind the first one's SOI is
    /// one of them.
    pub fn has(&self, start: u64, length: u64) -> bool {
        let fits = |entry: &Entry| {
            entry.start == start && (length..length + PADDING).contains(&entry.length)
        };
        self.0.iter().any(fits)
    }
}
