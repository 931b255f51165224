//! Tests that count every frame, or measure, and tests that keep the machine busy: they must not
//! meet.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static LOAD: RwLock<()> = RwLock::new(());

/// For a test that counts frames: as long as the result lives, no test keeps the machine busy.
pub fn quiet() -> RwLockReadGuard<'static, ()> {
    LOAD.read().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that keeps the machine busy: as long as the result lives, no other of these two kinds
/// runs.
pub fn busy() -> RwLockWriteGuard<'static, ()> {
    LOAD.write().unwrap_or_else(PoisonError::into_inner)
}
