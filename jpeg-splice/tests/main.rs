//! Real JPEGs, drawn on and looked at with decoders that know nothing of this crate.

mod coefficients;
mod equivalence;
mod kinds;
mod masks;
mod support;
