//! Mattebox takes frames from a camera, passes them through a chain of WebAssembly filters named in
//! `pipeline.yaml`, and serves them as Motion JPEG.
//!
//! Imports run one way: `http` → `control` → `stream` → `chain` → `filter`, and `stream` →
//! `source`; `config` is read by all and knows none of them.

#![deny(unsafe_code)]

pub mod actions;
mod backoff;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod control;
pub mod event_log;
pub mod files;
pub mod filter;
mod folder_lock;
pub mod frame;
pub mod gpio;
mod hash;
pub mod http;
pub mod local_time;
mod log;
pub mod mask;
pub mod mqtt;
pub mod notifications;
mod panics;
mod password;
pub mod private_folder;
pub mod region;
pub mod secret;
pub mod source;
pub mod stream;
mod supervise;
mod sync;
mod tls;
pub mod variables;
