//! The directories of TIFF (TIFF 6.0, section 2), in which Exif and MPF data are written.

/// The bytes of a directory's entry.
pub const ENTRY: usize = 12;

/// A TIFF header and what its offsets count from.
pub struct Tiff<'a> {
    pub bytes: &'a [u8],
    is_big_endian: bool,
}

/// An image file directory.
pub struct Directory {
    /// The place of its first entry.
    start: usize,
    /// The place behind its entries, where the next directory's place is told.
    pub end: usize,
}

impl Directory {
    /// The places of its entries.
    pub fn entries(&self) -> impl Iterator<Item = usize> + use<> {
        (self.start..self.end).step_by(ENTRY)
    }
}

impl<'a> Tiff<'a> {
    /// Reads the header at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_big_endian = match bytes.first_chunk()? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let tiff = Self {
            bytes,
            is_big_endian,
        };
        (tiff.short(2)? == 42).then_some(tiff)
    }

    /// The place of the first directory, behind the header.
    pub fn first(&self) -> Option<usize> {
        let at = self.long(4)? as usize;
        (at >= 8).then_some(at)
    }

    /// The 16-bit number at `at`.
    pub fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    /// The 32-bit number at `at`.
    pub fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// A 16-bit number as it is written here.
    pub fn two_bytes(&self, value: u16) -> [u8; 2] {
        if self.is_big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    /// The directory at `at`; `None` if its entries don't fit.
    pub fn directory(&self, at: usize) -> Option<Directory> {
        let count = usize::from(self.short(at)?);
        let start = at + 2;
        let end = start + count * ENTRY;
        (end <= self.bytes.len()).then_some(Directory { start, end })
    }

    /// The place of the entry of `tag`.
    pub fn entry(&self, directory: &Directory, tag: u16) -> Option<usize> {
        directory.entries().find(|&at| self.short(at) == Some(tag))
    }
}
