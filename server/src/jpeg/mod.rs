//! What can be read off a JPEG without decoding it: its header, its segments, and where it ends.

mod complete;
mod header;
mod scan;

pub use complete::complete;
pub use header::{Header, Segments, check_size, marker};
pub use scan::{Scanned, Scanner};
