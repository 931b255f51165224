//! For unit tests, which run natively, without a server.

use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static ASSETS: RefCell<HashMap<String, Vec<u8>>> = RefCell::default();
}

/// Makes [`read_asset`](crate::read_asset) find `bytes` under `name`, on this thread.
pub fn add_asset(name: &str, bytes: impl Into<Vec<u8>>) {
    ASSETS.with_borrow_mut(|assets| assets.insert(name.to_owned(), bytes.into()));
}

pub(crate) fn asset(name: &str) -> Result<Vec<u8>, String> {
    ASSETS
        .with_borrow(|assets| assets.get(name).cloned())
        .ok_or_else(|| format!("`{name}`: no such file"))
}
