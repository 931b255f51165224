//! Any text as a pipeline file, with any changes made in it: what comes out says what was meant, or
//! nothing does.
//!
//! The editor that is used breaks down over some YAML, which the server catches; here too, unless
//! it is the server's own code.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mattebox_fuzz::config::{Change, Part, edit};
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
enum Wanted {
    Set(Vec<Step>, Kind),
    Remove(Vec<Step>),
    Insert(Vec<Step>, u8, Kind),
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
            let is_ours = |place: &std::panic::Location<'_>| !place.file().contains("/registry/src/");
            if info.location().is_none_or(is_ours) {
                abort(info);
            }
        }));
    },
    |input: (Vec<Wanted>, &str)| {
        let (wanted, text) = input;
        let changes: Vec<Change> = wanted.into_iter().take(4).map(change).collect();
        if let Ok(text) = edit(text, &changes) {
            edit(&text, &[]).expect("what was written is read again");
        }
    }
);

fn change(wanted: Wanted) -> Change {
    match wanted {
        Wanted::Set(at, value) => Change::Set(path(at), json(value)),
        Wanted::Remove(at) => Change::Remove(path(at)),
        Wanted::Insert(at, place, value) => Change::Insert(path(at), place.into(), json(value)),
        Wanted::Move(at, from, to) => Change::Move(path(at), from.into(), to.into()),
    }
}

fn path(steps: Vec<Step>) -> Vec<Part> {
    let key = |key: &str| Part::Key(key.to_owned());
    let part = |step| match step {
        Step::Streams => key("streams"),
        Step::Demo => key("demo"),
        Step::Filters => key("filters"),
        Step::With => key("with"),
        Step::Use => key("use"),
        Step::Item(at) => Part::Item(usize::from(at % 4)),
        Step::Other(text) => Part::Key(text),
    };
    steps.into_iter().map(part).collect()
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
