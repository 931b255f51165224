//! End-to-end tests: the real binary, real HTTP, real WebAssembly modules, real JPEGs.

mod support;

mod cli;
mod filters;
mod hostile;
mod mistakes;
mod serving;
mod viewers;
