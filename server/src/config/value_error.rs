//! The error of a text that is not the value which its key takes.

use std::borrow::Cow;

use super::suggest::quote;

/// The reason why a text is not the value which its key takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is something else.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// A description of the right value.
        expected: Cow<'static, str>,
        /// The text, as it may be shown.
        found: String,
    },
    /// It breaks a rule.
    #[error("{0}")]
    Refused(Cow<'static, str>),
}

impl ValueError {
    /// `text` is not `expected`.
    pub fn unexpected(expected: impl Into<Cow<'static, str>>, text: &str) -> Self {
        Self::Unexpected {
            expected: expected.into(),
            found: quote(text),
        }
    }
}

/// A rule that is broken.
impl From<&'static str> for ValueError {
    fn from(rule: &'static str) -> Self {
        Self::Refused(rule.into())
    }
}

/// A rule that is broken.
impl From<String> for ValueError {
    fn from(rule: String) -> Self {
        Self::Refused(rule.into())
    }
}
