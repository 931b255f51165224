//! The tables that all splicers of the process share: cameras of a kind code by the same tables,
//! and those of sixty streams don't fit into a processor's cache together, where one stays.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::Result;

/// Values that are in use somewhere.
pub(crate) struct Registry<T>(Mutex<Vec<Weak<T>>>);

impl<T> Registry<T> {
    /// No values.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The value for which `is_it` holds; else the one that `make` gives. Two that are made at the
    /// same time may both stay.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get(
        &self,
        is_it: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lock().iter().filter_map(Weak::upgrade).find(|it| is_it(it));
        if let Some(found) = found {
            return Ok(found);
        }
        let made = Arc::new(make()?);
        let mut values = lock();
        values.retain(|value| value.strong_count() > 0);
        values.push(Arc::downgrade(&made));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shared_while_somebody_has_it() {
        let registry = Registry::new();
        let get = |number: u32| {
            let made = registry.get(|it| *it == number, || Ok(number));
            made.unwrap()
        };
        let (one, two) = (get(1), get(2));
        assert!(Arc::ptr_eq(&one, &get(1)) && !Arc::ptr_eq(&one, &two));
        drop(one);
        get(3);
        // That of 3 is gone with the next that is made.
        assert_eq!(registry.0.lock().unwrap().len(), 2);
    }
}
