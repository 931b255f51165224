//! The faults of filters: the limit that one ran into, or the trap, with the function that it
//! happened in and what the filter itself said of it; and what it hands over against the contract.

use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::answer::Answer;
use super::kinds::WrongPixels;
use super::kinds::inspect::WrongRegion;
use super::kinds::overlay::WrongLayer;
use super::limits::{LAYERS, REGIONS, ReachedLimit, mib};
use super::wasi::HostState;
use crate::log::{sanitize, sanitize_to};
use crate::panics::Panicked;

/// The most characters of a function's name.
const NAME_CHARS: usize = 120;
/// Functions that runtimes and libraries put between a mistake and the trap that ends it. Those of
/// C++ stand as the compiler names them: `std::`, `operator new`.
const PLUMBING: [&str; 21] = [
    "abort",
    "core::",
    "std::",
    "alloc::",
    "<core::",
    "<std::",
    "<alloc::",
    "rust_",
    "__rust",
    "panic",
    "__abort",
    "__cxa",
    "_ZNSt",
    "_ZNKSt",
    "_ZSt",
    "_Zn",
    "mattebox/abort",
    "~lib/",
    "mattebox.panic",
    "debug.FullPanic",
    "debug.panic",
];
/// Modules, by how their names start, of interpreters: no function of theirs is in the author's
/// words.
const INTERPRETERS: [&str; 2] = ["libpython", "componentize_py_runtime"];

/// The reason why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The filter itself says that it can't do this frame. It goes on with the next.
    #[error("{0}")]
    Refused(String),
    /// The filter broke the contract or a limit. This instance can't be used any more.
    #[error(transparent)]
    Broken(#[from] FilterFault),
    /// The server has a fault. What it left of this instance is not used again.
    #[error("the server panicked while it called the filter: {0}")]
    Panicked(#[from] Panicked),
}

impl CallError {
    /// Whether the filter ran into a limit that its step sets.
    pub fn is_limit(&self) -> bool {
        let Self::Broken(FilterFault::Failed(cause, _)) = self else {
            return matches!(self, Self::Broken(FilterFault::Footprint(..)));
        };
        !matches!(cause, FailureCause::Trapped(_))
    }
}

/// A breach of the contract or of a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    /// Its call failed: why, and where and with what words of its own.
    #[error("{}", sanitize(&format!("{_0}{_1}")))]
    Failed(FailureCause, String),
    /// Its instances take so many bytes, more than it may have.
    #[error("the filter needs {:.1} MiB for its functions and globals, more than {}", mib(*.0), .1)]
    Footprint(u64, ReachedLimit),
    /// In this interface it lacks the function of this name.
    #[error("the filter does not export `{1}` in `{0}`")]
    NoExport(String, String),
    /// A function of it has another type.
    #[error("the filter does not fit the filter contract: {0}")]
    Type(String),
    /// It is called for a drawing, and has none.
    #[error("the filter is no overlay")]
    NoOverlay,
    /// It is called for a picture, and has none.
    #[error("the filter is no transform")]
    NoTransform,
    /// It is called for regions, and has none.
    #[error("the filter inspects nothing")]
    NoInspect,
    /// It finds too many regions.
    #[error("the filter found {0} regions, more than {REGIONS}")]
    Regions(usize),
    /// A region of it is wrong; they are counted from 0.
    #[error("the filter found a wrong region {0}: {1}")]
    Region(usize, WrongRegion),
    /// It draws too many layers.
    #[error("the filter returned {0} layers, more than {LAYERS}")]
    Layers(usize),
    /// A layer of it is wrong; they are counted from 0.
    #[error("the filter returned a wrong layer {0}: {1}")]
    Layer(usize, WrongLayer),
    /// Its layers are too large.
    #[error(
        "the filter returned layers of {area} pixels in all for a picture of {width}×{height}, \
         more than {most}"
    )]
    Area {
        /// The pixels of the layers.
        area: u64,
        /// The picture's width in pixels.
        width: u32,
        /// The picture's height in pixels.
        height: u32,
        /// The most pixels.
        most: u64,
    },
    /// Its picture is wrong.
    #[error("the filter returned a wrong picture: {0}")]
    Picture(#[from] WrongPixels),
}

/// The cause of a call's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailureCause {
    /// The filter was slower than this.
    #[error("the filter ran into its time limit of {0:?} for one call")]
    TooSlow(Duration),
    /// Its answer takes more memory than it may have.
    #[error(
        "the filter ran into {0} with what it returned, which the server keeps and counts, too"
    )]
    Kept(ReachedLimit),
    /// It handed the server more than so many bytes.
    #[error("the filter passed more than {:.1} MiB to the server at once", mib(*.0))]
    Passed(u64),
    /// It returned more than so many bytes instead of this answer.
    #[error("the filter returned more than {:.1} MiB: {}", mib(*.0), .1)]
    Returned(u64, Answer),
    /// It ran into a limit of memory and then trapped.
    #[error("the filter ran into {0}, then failed: {1}")]
    OutOfMemory(ReachedLimit, String),
    /// It trapped.
    #[error("the filter failed: {0}")]
    Trapped(String),
}

impl From<FailureCause> for FilterFault {
    fn from(cause: FailureCause) -> Self {
        Self::Failed(cause, String::new())
    }
}

/// The limits of a call, and the answer that is expected of it.
pub struct CallLimits {
    /// The answer that was expected.
    pub answer: Answer,
    /// The most time that it could take.
    pub time_limit: Duration,
    /// The most bytes that it could hand over.
    pub transfer: u64,
}

impl CallLimits {
    /// The result of a call that `ended`, if it did in its time.
    ///
    /// # Errors
    /// It failed, or did not end.
    pub fn result<T>(
        &self,
        ended: Option<wasmtime::Result<T>>,
        state: &mut HostState,
    ) -> Result<T, FilterFault> {
        match ended {
            Some(result) => result.map_err(|error| self.explain(&error, state)),
            None => Err(FailureCause::TooSlow(self.time_limit).into()),
        }
    }

    /// The fault, in the words of the pipeline file and of the contract.
    fn explain(&self, error: &wasmtime::Error, state: &mut HostState) -> FilterFault {
        tracing::debug!(?error, "filter failed");
        let trace = error.downcast_ref::<WasmBacktrace>();
        let cause = self.cause(error, state, trace.is_some());
        let function = trace.and_then(function);
        let function = function.map(|name| format!(", in `{name}`"));
        let words = state.error_output();
        let words = (!words.is_empty()).then(|| format!("; it said: {words}"));
        FilterFault::Failed(cause, [function, words].into_iter().flatten().collect())
    }

    fn cause(&self, error: &wasmtime::Error, state: &mut HostState, inside: bool) -> FailureCause {
        if matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt)) {
            return FailureCause::TooSlow(self.time_limit);
        }
        let trap = error.root_cause().to_string();
        if is_too_much(&trap) {
            return self.too_much(state, inside);
        }
        let trap = sanitize(&trap);
        match state.memory.reached_limit() {
            Some(reached_limit) => FailureCause::OutOfMemory(reached_limit, trap),
            None => FailureCause::Trapped(trap),
        }
    }

    /// The filter handed over more than it could, by calling the server from `inside` or by
    /// returning.
    fn too_much(&self, state: &mut HostState, inside: bool) -> FailureCause {
        if inside {
            return FailureCause::Passed(self.transfer);
        }
        if self.transfer < self.answer.bytes()
            && let Some(reached_limit) = state.memory.refuse(self.transfer)
        {
            return FailureCause::Kept(reached_limit);
        }
        FailureCause::Returned(self.transfer, self.answer)
    }
}

/// wasmtime keeps the error's type to itself.
fn is_too_much(cause: &str) -> bool {
    cause.contains("fuel allocated for hostcalls has been exhausted")
}

/// The innermost function that the filter's author has written, as far as names tell. One without a
/// name is most often part of what wraps modules into components.
fn function(trace: &WasmBacktrace) -> Option<String> {
    let frames = trace.frames();
    let names = frames
        .iter()
        .filter_map(|frame| Some((frame.module().name().unwrap_or(""), frame.func_name()?)));
    let name = innermost(names).or_else(|| {
        let first = frames.first()?;
        Some(format!("function {}", first.func_index()))
    });
    Some(sanitize_to(&name?, NAME_CHARS))
}

/// The first function that is the author's own; else the first. They come as (module, function).
fn innermost<'a>(names: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Option<String> {
    let is_own = |module: &str, name: &str| {
        !INTERPRETERS.iter().any(|it| module.starts_with(it))
            && !PLUMBING.iter().any(|start| name.starts_with(start))
    };
    let demangled = || names.clone().map(|(module, name)| (module, demangle(name)));
    let own = demangled().find(|(module, name)| is_own(module, name));
    own.or_else(|| demangled().next()).map(|(_, name)| name)
}

fn demangle(name: &str) -> String {
    match rustc_demangle::try_demangle(name) {
        // Without the hash at its end.
        Ok(name) => format!("{name:#}"),
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_are_read() {
        let name = "_ZN9watermark4draw17h0123456789abcdefE";
        assert_eq!(demangle(name), "watermark::draw");
        assert_eq!(
            demangle("_RNvCs15kBYyAo9fc_7mycrate7example"),
            "mycrate::example"
        );
        assert_eq!(demangle("blend"), "blend");
    }

    #[test]
    fn an_interpreters_functions_are_not_the_authors() {
        let python = [
            ("libpython3.14.so", "_PyEval_EvalFrameDefault"),
            ("libpython3.14.so", "method_vectorcall"),
            ("componentize_py_runtime.wasm", "wit_dylib_export_call"),
            ("", "mattebox:filter/overlay@0.2.0#draw"),
        ];
        let name = innermost(python.into_iter());
        assert_eq!(name.as_deref(), Some("mattebox:filter/overlay@0.2.0#draw"));
        let name = innermost(python[..2].iter().copied());
        assert_eq!(name.as_deref(), Some("_PyEval_EvalFrameDefault"));
        assert_eq!(
            innermost([("", "abort"), ("", "blend")].into_iter()).as_deref(),
            Some("blend")
        );
        assert_eq!(innermost(std::iter::empty()), None);
    }
}
