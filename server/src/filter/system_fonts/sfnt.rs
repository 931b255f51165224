//! The container of TrueType and OpenType fonts: the table directory, and collections (OpenType
//! 1.9, "Organization of an OpenType font").
//!
//! Only the tables that are asked for are read: a collection of Chinese fonts has 20 MB.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::super::limits::ASSET_BYTES;
use crate::files::{self, FileError};

/// The most bytes of a table that a font is chosen by.
const SMALL: u32 = 8 << 20;
/// The most tables of one face.
const TABLES: u16 = 256;
const COLLECTION: [u8; 4] = *b"ttcf";
const VERSIONS: [[u8; 4]; 3] = [[0, 1, 0, 0], *b"OTTO", *b"true"];

/// The reason why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the font can't be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("this is no TrueType or OpenType font")]
    NoFont,
    #[error("the font has a table larger than any font's")]
    TooLarge,
    #[error(
        "the font is cut off: its table `{table}` ends at byte {end}, but the file has {length} \
         bytes"
    )]
    CutOff {
        table: String,
        end: u64,
        length: u64,
    },
}

/// A table's place in the file.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub tag: [u8; 4],
    pub offset: u32,
    pub length: u32,
}

/// An open font file.
pub struct File {
    file: std::fs::File,
    /// The offsets of the faces' directories.
    faces: Vec<u32>,
}

impl File {
    /// Opens the font at `path`.
    ///
    /// # Errors
    /// It is no plain file, or no font.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        let mut file = files::open(path)?;
        let mut start = [0; 12];
        file.read_exact(&mut start)?;
        let [a, b, c, d, _, _, _, _, count @ ..] = start;
        let tag = [a, b, c, d];
        if VERSIONS.contains(&tag) {
            return Ok(Self {
                file,
                faces: vec![0],
            });
        }
        if tag != COLLECTION {
            return Err(Unreadable::NoFont);
        }
        let count = u32::from_be_bytes(count).min(u32::from(TABLES));
        let mut offsets = vec![0; count as usize * 4];
        file.read_exact(&mut offsets)?;
        let faces = offsets
            .chunks_exact(4)
            .filter_map(|four| four.try_into().ok());
        Ok(Self {
            faces: faces.map(u32::from_be_bytes).collect(),
            file,
        })
    }

    /// The number of its faces.
    pub fn faces(&self) -> u32 {
        u32::try_from(self.faces.len()).unwrap_or(u32::MAX)
    }

    /// The tables of face `index`.
    ///
    /// # Errors
    /// It has no such face, or the directory is damaged.
    pub fn tables(&mut self, index: u32) -> Result<Vec<Table>, Unreadable> {
        let offset = self.faces.get(index as usize).ok_or(Unreadable::NoFont)?;
        self.file.seek(SeekFrom::Start(u64::from(*offset)))?;
        let mut head = [0; 12];
        self.file.read_exact(&mut head)?;
        let count = u16::from_be_bytes([head[4], head[5]]);
        if count > TABLES || !VERSIONS.iter().any(|version| head.starts_with(version)) {
            return Err(Unreadable::NoFont);
        }
        let mut records = vec![0; usize::from(count) * 16];
        self.file.read_exact(&mut records)?;
        let four =
            |record: &[u8], at: usize| [record[at], record[at + 1], record[at + 2], record[at + 3]];
        let table = |record: &[u8]| Table {
            tag: four(record, 0),
            offset: u32::from_be_bytes(four(record, 8)),
            length: u32::from_be_bytes(four(record, 12)),
        };
        Ok(records.chunks_exact(16).map(table).collect())
    }

    /// Checks that those of `tables` that `tags` names lie in the file.
    ///
    /// # Errors
    /// One does not.
    pub fn check(&self, tables: &[Table], tags: &[&[u8; 4]]) -> Result<(), Unreadable> {
        let length = self.file.metadata()?.len();
        for table in tables.iter().filter(|table| tags.contains(&&table.tag)) {
            let end = u64::from(table.offset) + u64::from(table.length);
            if end > length {
                let table = String::from_utf8_lossy(&table.tag).into_owned();
                return Err(Unreadable::CutOff { table, end, length });
            }
        }
        Ok(())
    }

    /// The bytes of a table that is small in every font; empty if there is none.
    ///
    /// # Errors
    /// It can't be read, or is not small.
    pub fn small_table(&mut self, tables: &[Table], tag: &[u8; 4]) -> Result<Vec<u8>, Unreadable> {
        let Some(table) = tables.iter().find(|table| table.tag == *tag) else {
            return Ok(Vec::new());
        };
        if table.length > SMALL {
            return Err(Unreadable::TooLarge);
        }
        self.table(table)
    }

    fn table(&mut self, table: &Table) -> Result<Vec<u8>, Unreadable> {
        self.file.seek(SeekFrom::Start(u64::from(table.offset)))?;
        let mut bytes = Vec::new();
        let read = (&mut self.file)
            .take(u64::from(table.length))
            .read_to_end(&mut bytes)?;
        match read == table.length as usize {
            true => Ok(bytes),
            false => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Face `index` as a file of its own, with those of its tables that `tags` names. Checksums are
    /// left at zero: nobody who reads it looks at them.
    ///
    /// # Errors
    /// It can't be read, or is larger than an asset may be.
    pub fn extract(&mut self, index: u32, tags: &[&[u8; 4]]) -> Result<Vec<u8>, Unreadable> {
        let mut tables = self.tables(index)?;
        tables.retain(|table| tags.contains(&&table.tag));
        let bytes: u64 = tables.iter().map(|table| u64::from(table.length) + 4).sum();
        if bytes > ASSET_BYTES {
            return Err(Unreadable::TooLarge);
        }
        let is_cff = tables.iter().any(|table| table.tag.starts_with(b"CFF"));
        let version = if is_cff { VERSIONS[1] } else { VERSIONS[0] };
        let count = u16::try_from(tables.len()).unwrap_or(TABLES);
        let mut font = version.to_vec();
        font.extend(count.to_be_bytes());
        font.extend([0; 6]);
        let mut offset = 12 + 16 * u32::from(count);
        for table in &tables {
            font.extend(table.tag);
            font.extend([0; 4]);
            font.extend(offset.to_be_bytes());
            font.extend(table.length.to_be_bytes());
            offset += table.length.next_multiple_of(4);
        }
        for table in &tables {
            font.extend(self.table(table)?);
            font.resize(font.len().next_multiple_of(4), 0);
        }
        Ok(font)
    }
}
