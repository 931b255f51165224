//! Real JPEGs, drawn on and looked at with decoders that know nothing of this crate.

mod coefficients;
mod eighth;
mod equivalence;
mod kinds;
mod masks;
mod rows;
mod support;
