//! Errors in a pipeline file: where, what, and what was expected instead.

use std::fmt;
use std::sync::Arc;

/// A place in the file. It takes no part in comparing two files' contents.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Span {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In characters, at least 1.
    pub length: usize,
}

impl Span {
    /// The start of the file.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        length: 1,
    };
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Where.
    pub span: Span,
    /// What, and what was expected.
    pub message: String,
}

impl Diagnostic {
    /// Something that is wrong at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }
}

/// A file's name and text, for showing what is wrong in it.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As the user gave it.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl PartialEq for SourceFile {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Everything that is wrong with a pipeline file.
#[derive(Clone, Debug)]
pub struct ConfigError {
    file: SourceFile,
    diagnostics: Vec<Diagnostic>,
    /// Whether there is no file to point into.
    unreadable: bool,
}

impl ConfigError {
    /// What was found wrong in `file`, to be shown from top to bottom.
    pub fn new(file: SourceFile, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|d| (d.span.line, d.span.column));
        Self {
            file,
            diagnostics,
            unreadable: false,
        }
    }

    /// The file itself can't be had.
    pub fn unreadable(name: &str, message: String) -> Self {
        Self {
            file: SourceFile {
                name: name.into(),
                text: "".into(),
            },
            diagnostics: vec![Diagnostic::new(Span::START, message)],
            unreadable: true,
        }
    }

    /// What is wrong, from top to bottom.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    fn show(&self, diagnostic: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { span, message } = diagnostic;
        let name = &self.file.name;
        if self.unreadable {
            return write!(f, "{name}: {message}");
        }
        write!(f, "{name}:{}:{}: {message}", span.line, span.column)?;
        let Some(line) = self.file.text.lines().nth(span.line - 1) else {
            return Ok(());
        };
        let number = span.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the caret stands below what it means.
        let indent: String = line
            .chars()
            .take(span.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let rest = line.chars().count().saturating_sub(span.column - 1);
        let carets = "^".repeat(span.length.min(rest).max(1));
        write!(f, "\n  {number} | {line}\n  {margin} | {indent}{carets}")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.show(diagnostic, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
