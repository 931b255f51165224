//! End-to-end tests: the real binary, real HTTP, real WebAssembly modules, real JPEGs.

#![allow(
    clippy::disallowed_methods,
    reason = "what is measured or waited for here is real"
)]

mod support;

mod access;
#[cfg(unix)]
mod actions;
#[cfg(unix)]
mod addresses;
mod api;
mod cli;
#[cfg(unix)]
mod commands;
mod contract;
mod cors;
mod demand;
mod documents;
mod embedding;
mod events;
#[cfg(unix)]
mod files;
mod filter_tools;
mod filters;
mod gpio;
mod hostile;
mod inspect;
mod isolation;
#[cfg(target_os = "linux")]
mod limits;
mod logins;
mod mask_leaks;
mod masks;
mod metrics;
mod mistakes;
#[cfg(unix)]
mod mqtt;
mod network_cameras;
mod odd_cameras;
mod page;
mod pending_changes;
mod pictures;
mod proxies;
mod recordings;
mod reference;
mod reload;
mod roles;
mod rtsp;
mod rtsp_jpeg;
mod rust_examples;
#[cfg(unix)]
mod secrets;
mod serving;
#[cfg(target_os = "linux")]
mod shortages;
mod snapshots;
mod sources;
mod stream_settings;
mod time_zones;
mod tls;
mod uploads;
mod versions;
mod viewers;
mod wall;
mod wall_page;
