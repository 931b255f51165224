//! Changes that the server makes in a file.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, MoveOperation, PatchOperation, RemoveOperation};
use serde_json::{Value, json};

use super::super::{TextError, edit};

const FILE: &str = "# What is served.
listen: 127.0.0.1:8080   # here

streams:
  demo:                         # the first
    # the quality
    quality: 85                 # JPEG
    filters:
      # first: the time
      - use: timestamp          # built-in
        with: { format: \"%H:%M\", position: top-left }
      - use: watermark   # second
        with:
          image: static/logo.png
          opacity: 0.85   # soft
        on-error: bypass        # a failing filter

      # third
      - use: resize
  # another
  empty:
  short: { filters: [ {use: timestamp}, {use: resize, with: {width: 20}} ] }
# end
";

fn path(parts: &str) -> PointerBuf {
    PointerBuf::parse(format!("/{parts}")).unwrap()
}

fn set(at: &str, value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: path(at),
        value,
    })
}

fn remove(at: &str) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path: path(at) })
}

/// Moves an item of the list at `list`.
fn move_item(list: &str, from: usize, to: usize) -> PatchOperation {
    let place = |at: usize| path(&format!("{list}/{at}"));
    PatchOperation::Move(MoveOperation {
        from: place(from),
        path: place(to),
    })
}

/// The difference to [`FILE`] afterwards: lines that are gone, and lines that are new.
fn difference(change: PatchOperation) -> (Vec<String>, Vec<String>) {
    let text = edit(FILE, &[change]).unwrap();
    let only = |a: &str, b: &str| {
        let mut rest: Vec<&str> = b.lines().collect();
        let new = a
            .lines()
            .filter(|line| match rest.iter().position(|other| other == line) {
                Some(at) => {
                    rest.remove(at);
                    false
                }
                None => true,
            });
        let mut new: Vec<_> = new.map(str::to_owned).collect();
        new.sort();
        new
    };
    (only(FILE, &text), only(&text, FILE))
}

/// Checks which lines each of these changes takes away, and which it adds.
fn check(cases: Vec<(PatchOperation, Vec<&str>, Vec<&str>)>) {
    for (change, gone, new) in cases {
        let found = difference(change.clone());
        assert_eq!(found, to_owned(gone, new), "{change:?}");
    }
}

#[test]
fn of_a_value_only_its_line_changes() {
    check(vec![
        (
            set("streams/demo/quality", json!(70)),
            vec!["    quality: 85                 # JPEG"],
            vec!["    quality: 70                 # JPEG"],
        ),
        (
            set("streams/demo/filters/0/with/position", json!("bottom-left")),
            vec!["        with: { format: \"%H:%M\", position: top-left }"],
            vec!["        with: { format: \"%H:%M\", position: bottom-left }"],
        ),
        (
            set("streams/demo/filters/1/with/opacity", json!(0.5)),
            vec!["          opacity: 0.85   # soft"],
            vec!["          opacity: 0.5   # soft"],
        ),
        (
            set("streams/demo/filters/2/with/width", json!(640)),
            vec![],
            vec!["        with:", "          width: 640"],
        ),
    ]);
}

#[test]
fn of_what_comes_or_goes_only_its_lines_change() {
    check(vec![
        (
            set("streams/demo/filters/1/enabled", json!(false)),
            vec![],
            vec!["        enabled: false"],
        ),
        (
            set("streams/empty/quality", json!(3)),
            vec![],
            vec!["    quality: 3"],
        ),
        (
            remove("streams/demo/filters/1/on-error"),
            vec!["        on-error: bypass        # a failing filter"],
            vec![],
        ),
        (remove("streams/empty"), vec!["  empty:"], vec![]),
        (
            set(
                "streams/demo/filters/1",
                json!({"use": "text", "with": {"format": "a: #b", "size": 20}}),
            ),
            vec![],
            vec![
                "      - use: text",
                "        with:",
                "          format: \"a: #b\"",
                "          size: 20",
            ],
        ),
        (
            set(
                "streams/new",
                json!({"source": {"driver": "demo"}, "filters": [{"use": "text"}]}),
            ),
            vec![],
            vec![
                "  new:",
                "    source:",
                "      driver: demo",
                "    filters:",
                "      - use: text",
            ],
        ),
    ]);
}

fn to_owned(gone: Vec<&str>, new: Vec<&str>) -> (Vec<String>, Vec<String>) {
    let own = |lines: Vec<&str>| {
        let mut lines: Vec<_> = lines.into_iter().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    (own(gone), own(new))
}

#[test]
fn a_step_takes_its_comments_along() {
    let text = edit(FILE, &[move_item("streams/demo/filters", 2, 0)]).unwrap();
    let start = text.find("    filters:").unwrap();
    let end = text.find("  # another").unwrap();
    assert_eq!(
        &text[start..end],
        "    filters:
      # third
      - use: resize
      # first: the time
      - use: timestamp          # built-in
        with: { format: \"%H:%M\", position: top-left }

      - use: watermark   # second
        with:
          image: static/logo.png
          opacity: 0.85   # soft
        on-error: bypass        # a failing filter
"
    );
    let back = edit(&text, &[move_item("streams/demo/filters", 0, 2)]);
    assert_eq!(back.unwrap().lines().count(), FILE.lines().count());
}

#[test]
fn a_chain_can_be_emptied_and_filled_again() {
    let remove = remove("streams/demo/filters/0");
    let step = json!({"use": "resize", "with": {"width": 5}});
    let changes = [
        remove.clone(),
        remove.clone(),
        remove,
        set("streams/demo/filters/0", step),
    ];
    let text = edit(FILE, &changes).unwrap();
    assert!(
        text.contains("use: resize") && text.contains("# the quality"),
        "{text}"
    );
    let empty = edit(
        "streams: {a: }\n",
        &[set("streams/a/filters/0", json!({"use": "text"}))],
    );
    assert!(empty.unwrap().contains("use: text"));
}

#[test]
fn lines_end_as_they_did() {
    let file = FILE.trim_end().replace("# end", "").replace('\n', "\r\n");
    let last = file.trim_end().len();
    // The last step is the file's last line, which has no end.
    let file = format!(
        "{}\r\n  last:\r\n    filters:\r\n      - use: text\r\n      - use: resize",
        &file[..last]
    );
    let text = edit(&file, &[move_item("streams/last/filters", 0, 1)]).unwrap();
    assert!(
        text.ends_with("- use: resize\r\n      - use: text\r\n"),
        "{text:?}"
    );
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
}

#[test]
fn what_would_lose_something_is_refused() {
    // The second stream's filters are the first one's.
    let file = "streams:
  a:
    filters: &f
      - use: resize
        with: { width: 5 }
  b: { filters: *f }
";
    let error = edit(file, &[set("streams/a/filters/0/with/width", json!(6))]);
    assert_eq!(error, Err(TextError::ByHand));
    let error = edit(FILE, &[move_item("streams/short/filters", 0, 1)]);
    assert_eq!(error, Err(TextError::MoveByHand));
    let error = edit(FILE, &[remove("streams/demo/filters/9")]);
    assert_eq!(error, Err(TextError::NoSuchPlace));
}
