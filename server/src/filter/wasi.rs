//! The imports of a filter: its log, its assets, and a WASI with nothing granted.

use wasmtime::component::{Linker, ResourceTable, WasmStr};
use wasmtime::{Engine, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::assets::Assets;
use super::context::CallState;
use super::contract::{self, Level};
use super::epoch::CallTime;
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
    pub call: CallState,
    /// The time that the present call may take.
    pub time: CallTime,
    log: StepLog,
    errors: LogStream,
}

impl HostState {
    /// A filter that may use `memory` and `assets`, speaks through `log`, and is called with `call`
    /// for as long as `time` says.
    pub fn new(
        memory: MemoryLimit,
        assets: Assets,
        log: StepLog,
        call: CallState,
        time: CallTime,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let errors = LogStream::errors(log.clone());
        // Nothing is granted: the builder starts with no files, no environment, no network.
        let wasi = WasiCtxBuilder::new()
            .stdout(LogStream::new(log.clone(), Level::Info))
            .stderr(errors.clone())
            .max_random_size(RANDOM_BYTES)
            .build();
        Self {
            wasi,
            table,
            memory,
            assets,
            call,
            time,
            log,
            errors,
        }
    }

    /// To be called before each call of the filter: what it said before is not about this one.
    pub fn forget_words(&self) {
        self.log.words().forget();
    }

    /// The filter's words on an error since [`HostState::forget_words`]; empty if nothing.
    pub fn error_output(&self) -> String {
        self.errors.end_line();
        self.log.words().text()
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

/// The linker with all that a filter can import.
///
/// # Errors
/// Only if two definitions clash, which is a mistake in the server.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    contract::link(&mut linker)?;
    Ok(linker)
}

/// Writes a filter's line to the log. Texts are read where they lie in its memory: a filter can't
/// make the server copy them.
pub fn write_log(
    store: &StoreContextMut<'_, HostState>,
    level: Level,
    message: &WasmStr,
) -> wasmtime::Result<()> {
    let log = &store.data().log;
    if log.wants(level) {
        log.line(level, &message.to_str(store)?);
    }
    Ok(())
}

/// The asset that a filter calls `name`, or the reason why it gets none, in words for the filter.
pub fn read_asset(
    mut store: StoreContextMut<'_, HostState>,
    name: &WasmStr,
) -> wasmtime::Result<Result<Vec<u8>, String>> {
    let assets = &store.data().assets;
    let name = name.to_str(&store)?;
    let (bytes, is_font) = (assets.read(&name), assets.is_font(&name));
    // Looking through the system's fonts takes the server's time, not the filter's. It may ask only
    // so often.
    if is_font {
        store.data_mut().time.restart();
    }
    Ok(bytes.map_err(|error| error.to_string()))
}
