//! The error of a text that is not the value which its key takes.

use std::fmt::Display;

use super::suggest::quote;

/// The reason why a text is not the value which its key takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

impl ValueError {
    /// `text` is not `expected`.
    pub fn unexpected(expected: impl Display, text: &str) -> Self {
        Self::found(expected, &quote(text))
    }

    /// The value that was `found`, in words, is not `expected`.
    pub fn found(expected: impl Display, found: &str) -> Self {
        Self(format!("expected {expected}, found {found}"))
    }
}

/// A rule that is broken.
impl<T: Into<String>> From<T> for ValueError {
    fn from(rule: T) -> Self {
        Self(rule.into())
    }
}
