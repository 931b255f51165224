//! Draws on a baseline JPEG without decoding it.
//!
//! A timestamp or a logo covers a few blocks of a picture. Decoding the whole picture, drawing, and
//! encoding it costs a hundred times what those blocks cost, and all of the picture loses quality.
//! This crate codes only the blocks under a drawing anew; every other block keeps its bits as the
//! camera made them.
//!
//! Around the [`Splicer`] it has all that a program needs to know of JPEGs: [`Jpeg`], bytes that
//! are known to be whole; a [`Splitter`] that cuts a byte stream into JPEGs; [`Segments`], [`exif`]
//! and [`Orientation`]; a plain [`decoder`] after libjpeg; and, with the feature `codec`, fast
//! decoding and encoding by other crates.
//!
//! ```
//! use jpeg_splice::{Drawing, Error, Layer, Splicer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let camera = [std::fs::read("../tests/jpegs/420.jpg")?];
//! let white = Layer { x: 8, y: 8, width: 64, height: 16, rgba: vec![255; 64 * 16 * 4] };
//! let drawing = Drawing::new(vec![white]).expect("four bytes a pixel");
//!
//! // One splicer for a stream: it keeps tables and prepared drawings.
//! let mut splicer = Splicer::new();
//! let mut out = Vec::new();
//! for jpeg in &camera {
//!     match splicer.splice(jpeg, &[&drawing], &mut out) {
//!         Ok(()) => { /* `out` is the JPEG with the drawing */ }
//!         Err(Error::Unsupported(why)) => println!("to be decoded: {why}"),
//!         Err(Error::Damaged { what, at }) => println!("broken: {what}, at byte {at}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it can draw on
//!
//! Baseline and extended sequential JPEGs (ITU-T T.81, SOF0 and SOF1) of 8 bits with Huffman codes,
//! grey or Y′CbCr, of any size and sampling with factors 1, 2 and 4, with or without restart
//! intervals and Huffman tables. All else is an [`Unsupported`], which tells why.
//!
//! # How it works
//!
//! Up to the first block that is drawn on, only the lengths of Huffman codes are looked up, several
//! codes at a time, and the DC coefficients added up; if the way is long, in three places at once,
//! which are joined where that is proven right. A drawn block is decoded, and blended in its
//! component's own plane: the drawing's chroma and alpha are averaged to the sampling beforehand. A
//! block under one even alpha is blended as coefficients, since the transform is linear; a block
//! that is covered needs no decoding. It is coded with the JPEG's own tables. The blocks between
//! keep their bits, shifted. The last drawn blocks get runs of zeros at their ends, which mean
//! nothing, so that all that follows lies at its old bit of a byte and is copied as it is.
//! Intervals between restart markers that nothing is drawn on are copied without a look inside.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "codec")]
pub mod codec;
pub mod decoder;
mod eighth;
mod error;
pub mod exif;
mod header;
mod jpeg;
pub mod marker;
mod mask;
mod mpf;
mod orientation;
mod segments;
mod splicer;
mod split;
mod standard;
mod strip;
mod syntax;
mod tiff;
mod zigzag;

pub use error::{Error, InvalidJpeg, Result, Unsupported};
pub use header::Header;
pub use jpeg::Jpeg;
pub use mask::{Cover, Mask, Polygon, cover_pixels};
pub use mpf::MpfIndex;
pub use orientation::Orientation;
pub use segments::{Segment, Segments};
#[cfg(fuzzing)]
pub use splicer::walks_agree;
pub use splicer::{Drawing, Layer, Splicer, cost};
pub use split::{Split, Splitter};
pub use standard::standard_tables;
