//! What can be read off a JPEG without decoding it: its header, its segments, and where it ends; and a decoder for those that
//! the fast one gets wrong.

mod complete;
pub mod decoder;
pub mod exif;
mod header;
mod mpo;
mod orientation;
mod scan;
mod tiff;

pub use complete::complete;
pub use header::{Header, Segments, check_size, marker};
pub use mpo::Others;
pub use orientation::Orientation;
pub use scan::{Scanned, Scanner};
