//! What the server offers to a filter: its log, its assets, and a WASI with nothing granted.

use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::assets::Assets;
use super::contract::{self, Level};
use super::limits::MemoryLimit;
use super::log::{LogStream, StepLog};

/// WASI resources (streams, pollables) that a filter may hold at once.
const RESOURCES: usize = 1_000;
/// Random bytes that a filter may ask for at once.
const RANDOM_BYTES: u64 = 1 << 20;

/// The state that belongs to one running filter.
pub struct HostState {
    wasi: WasiCtx,
    table: ResourceTable,
    pub memory: MemoryLimit,
    pub assets: Assets,
    log: StepLog,
}

impl HostState {
    /// A filter that may use `memory` and `assets`, and speaks through `log`.
    pub fn new(memory: MemoryLimit, assets: Assets, log: StepLog) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        // Nothing is granted: the builder starts with no files, no environment, no network.
        let wasi = WasiCtxBuilder::new()
            .stdout(LogStream::new(log.clone(), Level::Info))
            .stderr(LogStream::new(log.clone(), Level::Warn))
            .max_random_size(RANDOM_BYTES)
            .build();
        Self {
            wasi,
            table,
            memory,
            assets,
            log,
        }
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// All that a filter can import.
///
/// # Errors
/// Only if two definitions clash, which is a mistake in the server.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let mut host = linker.instance(contract::HOST)?;
    host.func_wrap(
        "log",
        |store: StoreContextMut<'_, HostState>, (level, message): (Level, String)| {
            store.data().log.line(level, &message);
            Ok(())
        },
    )?;
    host.func_wrap(
        "read-asset",
        |store: StoreContextMut<'_, HostState>, (name,): (String,)| {
            Ok((store.data().assets.read(&name),))
        },
    )?;
    Ok(linker)
}
