//! The words for a call that failed: the limit that the filter ran into, or the trap; the function
//! that it happened in; and what the filter itself said of it.

use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::answer::Answer;
use super::limits::Refusal;
use super::wasi::HostState;
use crate::log::{sanitize, sanitize_to};

/// The most characters of a function's name.
const NAME_CHARS: usize = 120;
/// Functions that runtimes and libraries put between a mistake and the trap that ends it.
const PLUMBING: [&str; 10] = [
    "abort", "core::", "std::", "alloc::", "<core::", "<std::", "<alloc::", "rust_", "__rust",
    "panic",
];

/// The call that failed.
pub struct Failed {
    /// The answer that was expected.
    pub answer: Answer,
    /// The most time that it could take.
    pub time_limit: Duration,
    /// The most bytes that it could hand over.
    pub transfer: u64,
}

impl Failed {
    /// Explains what went wrong, in the words of the pipeline file and of the contract.
    pub fn explain(&self, error: &wasmtime::Error, state: &mut HostState) -> String {
        tracing::debug!("filter failed: {error:?}");
        let trace = error.downcast_ref::<WasmBacktrace>();
        let mut text = self.cause(error, state, trace.is_some());
        if let Some(function) = trace.and_then(function) {
            text += &format!(", in `{function}`");
        }
        let words = state.last_words();
        if !words.is_empty() {
            text += &format!("; it said: {words}");
        }
        sanitize(&text)
    }

    fn cause(&self, error: &wasmtime::Error, state: &mut HostState, inside: bool) -> String {
        if matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt)) {
            return too_slow(self.time_limit);
        }
        let cause = error.root_cause().to_string();
        if is_too_much(&cause) {
            return self.too_much(state, inside);
        }
        let cause = sanitize(&cause);
        match state.memory.refusal() {
            Some(refusal) => format!("ran into {refusal}, then failed: {cause}"),
            None => format!("failed: {cause}"),
        }
    }

    /// The filter handed over more than it could, by calling the server from `inside` or by
    /// returning.
    fn too_much(&self, state: &mut HostState, inside: bool) -> String {
        let mib = self.transfer as f64 / f64::from(1 << 20);
        if inside {
            return format!("passed more than {mib:.1} MiB to the server at once");
        }
        let answer = self.answer;
        if self.transfer < answer.bytes()
            && let Some(refusal) = state.memory.refuse(self.transfer)
        {
            return over(refusal);
        }
        format!("returned more than {mib:.1} MiB: {answer}")
    }
}

/// wasmtime keeps the error's type to itself.
fn is_too_much(cause: &str) -> bool {
    cause.contains("fuel allocated for hostcalls has been exhausted")
}

/// The filter ran into `refusal` with what it returned.
pub fn over(refusal: Refusal) -> String {
    format!("ran into {refusal} with what it returned, which the server keeps and counts, too")
}

/// The filter was slower than `limit`.
pub fn too_slow(limit: Duration) -> String {
    format!("ran into its time limit of {limit:?} for one call")
}

/// The innermost function that the filter's author has written, as far as names tell. One without a
/// name is most often part of what wraps modules into components.
fn function(trace: &WasmBacktrace) -> Option<String> {
    let frames = trace.frames();
    let names = || {
        frames
            .iter()
            .filter_map(|frame| frame.func_name())
            .map(demangle)
    };
    let is_own = |name: &String| !PLUMBING.iter().any(|start| name.starts_with(start));
    let name = names().find(is_own).or_else(|| names().next());
    let name = name.or_else(|| {
        let first = frames.first()?;
        Some(format!("function {}", first.func_index()))
    });
    Some(sanitize_to(&name?, NAME_CHARS))
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
}
