//! Any text as a pipeline file, with any changes made in it: what comes out says what was meant, or
//! nothing does.
//!
//! The editor that is used breaks down over some YAML, which the server catches; here too, unless
//! it is the server's own code.

#![no_main]

use arbitrary::Arbitrary;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, MoveOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use libfuzzer_sys::fuzz_target;
use mattebox_fuzz::config::edit;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
enum Wanted {
    Add(Vec<Step>, Kind),
    Replace(Vec<Step>, Kind),
    Remove(Vec<Step>),
    Move(Vec<Step>, u8, u8),
}

/// A part of a path: most often one that is there.
#[derive(Arbitrary, Debug)]
enum Step {
    Streams,
    Demo,
    Filters,
    With,
    Use,
    Item(u8),
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    List(Vec<String>),
    Step(String),
    Nested(String, String),
    Empty,
}

fuzz_target!(
    init: {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ours =
                |place: &std::panic::Location<'_>| !place.file().contains("/registry/src/");
            if info.location().is_none_or(is_ours) {
                abort(info);
            }
        }));
    },
    |input: (Vec<Wanted>, &str)| {
        let (wanted, text) = input;
        let changes: Vec<_> = wanted.into_iter().take(4).map(change).collect();
        if let Ok(text) = edit(text, &changes) {
            edit(&text, &[]).expect("what was written is read again");
        }
    }
);

fn change(wanted: Wanted) -> PatchOperation {
    match wanted {
        Wanted::Add(at, value) => PatchOperation::Add(AddOperation {
            path: path(at),
            value: json(value),
        }),
        Wanted::Replace(at, value) => PatchOperation::Replace(ReplaceOperation {
            path: path(at),
            value: json(value),
        }),
        Wanted::Remove(at) => PatchOperation::Remove(RemoveOperation { path: path(at) }),
        Wanted::Move(list, from, to) => {
            let list = path(list);
            PatchOperation::Move(MoveOperation {
                from: list.with_trailing_token(usize::from(from)),
                path: list.with_trailing_token(usize::from(to)),
            })
        }
    }
}

fn path(steps: Vec<Step>) -> PointerBuf {
    let part = |step| match step {
        Step::Streams => "streams".to_owned(),
        Step::Demo => "demo".to_owned(),
        Step::Filters => "filters".to_owned(),
        Step::With => "with".to_owned(),
        Step::Use => "use".to_owned(),
        Step::Item(at) => (at % 4).to_string(),
        Step::Other(text) => text,
    };
    PointerBuf::from_tokens(steps.into_iter().map(part))
}

fn json(kind: Kind) -> Value {
    match kind {
        Kind::Flag(flag) => json!(flag),
        Kind::Whole(number) => json!(number),
        Kind::Number(number) => json!(number),
        Kind::Text(text) => json!(text),
        Kind::List(texts) => json!(texts),
        Kind::Step(name) => json!({ "use": name }),
        Kind::Nested(key, value) => json!({ "use": "text", "with": { key: value } }),
        Kind::Empty => json!({}),
    }
}
