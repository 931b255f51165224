//! Texts that the server was given and that filters may show: a sensor's reading, the state of a door.

use std::sync::Arc;

use tokio::sync::watch;

/// All variables. Clones share them.
#[derive(Clone, Debug)]
pub struct Variables(watch::Sender<Snapshot>);

/// Names and values at one moment, by name.
pub type Snapshot = Arc<[(String, String)]>;

impl Default for Variables {
    fn default() -> Self {
        Self(watch::Sender::new([].into()))
    }
}

impl Variables {
    /// Gives the variable `name` a value, or another one.
    pub fn set(&self, name: &str, value: &str) {
        self.0.send_modify(|variables| {
            let mut changed = variables.to_vec();
            match changed.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
                Ok(at) => value.clone_into(&mut changed[at].1),
                Err(at) => changed.insert(at, (name.to_owned(), value.to_owned())),
            }
            *variables = changed.into();
        });
    }

    /// What they are now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts() {
        let variables = Variables::default();
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            variables.set(name, value);
        }
        let expected = [("a", "2"), ("b", "3")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(&*variables.snapshot(), &expected);
    }
}
