//! Errors in a pipeline file: where, what, and what was expected instead.

use std::fmt;
use std::sync::Arc;

use super::hidden::Hidden;
use super::snippet;
use super::yaml::Node;
use crate::secret::mask;

/// The most diagnostics that are printed; a file that is wrong throughout needs no more to begin
/// with.
const SHOWN: usize = 50;
/// The most characters of a message that are printed. Filters and schemas word theirs themselves.
const MESSAGE_CHARS: usize = 1_000;

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In characters, at least 1; what goes over several lines ends with its first.
    pub length: usize,
}

impl Span {
    /// The start of the file.
    pub const START: Self = Self::at(1, 1);

    /// One character.
    pub const fn at(line: usize, column: usize) -> Self {
        Self {
            line,
            column,
            length: 1,
        }
    }
}

impl Default for Span {
    fn default() -> Self {
        Self::START
    }
}

/// The one that must change before something is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// The pipeline file, or a file that it names: it stays wrong until somebody changes that.
    #[default]
    Files,
    /// The machine, which is short of something just now: another try may succeed.
    Machine,
    /// The memory for all filters, which is used up.
    FiltersMemory,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The part of the file that is wrong.
    pub span: Span,
    /// The mistake, and what was expected.
    pub message: String,
    /// The cause, which must change.
    pub cause: Cause,
}

impl Diagnostic {
    /// Something that is wrong at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            cause: Cause::Files,
        }
    }

    /// The same, of which `cause` must change.
    pub fn due_to(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }
}

/// The mistakes found so far. A file is read to its end, so that all of them are told at once.
#[derive(Debug, Default)]
pub struct Errors(pub Vec<Diagnostic>);

impl Errors {
    /// Something more that is wrong.
    pub fn add(&mut self, span: Span, message: impl Into<String>) {
        self.0.push(Diagnostic::new(span, message));
    }
}

/// A file's name and text, for showing what is wrong in it. It takes no part in comparing two
/// files' contents.
#[derive(Clone, Default)]
pub struct SourceFile {
    /// As the user gave it.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
    /// Its content, as far as it is YAML.
    pub(super) root: Option<Arc<Node>>,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may hold passwords.
        f.write_str(&self.name)
    }
}

impl PartialEq for SourceFile {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The mistakes of a pipeline file.
#[derive(Clone, Debug)]
pub struct ConfigError {
    pub(super) file: SourceFile,
    diagnostics: Vec<Diagnostic>,
    /// Whether there is no file to point into.
    unreadable: bool,
}

impl ConfigError {
    /// The mistakes found in `file`, to be shown from top to bottom.
    pub fn new(file: SourceFile, mut diagnostics: Vec<Diagnostic>) -> Self {
        for diagnostic in &mut diagnostics {
            diagnostic.message = mask(&diagnostic.message);
        }
        diagnostics.sort_by_key(|d| (d.span.line, d.span.column));
        Self {
            file,
            diagnostics,
            unreadable: false,
        }
    }

    /// The file itself can't be had.
    pub fn unreadable(name: &str, message: String, cause: Cause) -> Self {
        Self {
            file: SourceFile {
                name: name.into(),
                ..SourceFile::default()
            },
            diagnostics: vec![Diagnostic::new(Span::START, message).due_to(cause)],
            unreadable: true,
        }
    }

    /// The file's name, as the user gave it.
    pub fn file_name(&self) -> &str {
        &self.file.name
    }

    /// The mistakes, from top to bottom.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether another try may find less wrong though nobody changes anything.
    pub fn may_pass(&self) -> bool {
        self.is_due_to(Cause::Machine)
    }

    /// Whether another try may find nothing wrong.
    pub fn may_pass_as_a_whole(&self) -> bool {
        let mut causes = self.diagnostics.iter().map(|it| it.cause);
        causes.all(|cause| cause == Cause::Machine)
    }

    /// Whether something is wrong of which `cause` must change.
    pub fn is_due_to(&self, cause: Cause) -> bool {
        self.diagnostics.iter().any(|it| it.cause == cause)
    }

    fn show(
        &self,
        diagnostic: &Diagnostic,
        lines: &[&str],
        hidden: &Hidden,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let span = diagnostic.span;
        let name = snippet::printable(&self.file.name);
        let message: String = diagnostic.message.chars().take(MESSAGE_CHARS).collect();
        let message = snippet::printable(&message);
        if self.unreadable {
            return write!(f, "{name}: {message}");
        }
        write!(f, "{name}:{}:{}: {message}", span.line, span.column)?;
        match lines.get(span.line - 1) {
            Some(line) => {
                let (line, span) = hidden.mask(line, span);
                snippet::write(f, &line, span)
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = snippet::lines(&self.file.text).collect();
        let hidden = Hidden::of(&self.file.text);
        for (index, diagnostic) in self.diagnostics.iter().take(SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.show(diagnostic, &lines, &hidden, f)?;
        }
        match self.diagnostics.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}
