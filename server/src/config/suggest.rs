//! "Did you mean": the nearest of the words that would have been right; and words in backticks.

use crate::secret::mask_value;

/// Longer words are no slips of a shorter one, and comparing them is slow.
const WORD_CHARS: usize = 64;
/// The most words that are listed.
const LISTED: usize = 24;
/// The most characters of a quoted text that are shown.
const QUOTED_CHARS: usize = 60;

/// The candidate that `word` was probably meant to be: the one with the fewest letters wrong
/// (added, left out, replaced or swapped), of which there may be a third of its length.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.chars().nth(WORD_CHARS).is_some() {
        return None;
    }
    let word = plain(word);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().nth(WORD_CHARS).is_none())
        .filter_map(|candidate| {
            let most = candidate.chars().count() / 3;
            Some((distance(&word, &plain(candidate), most)?, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The end of a sentence: `; did you mean …?`, or the choice there is.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match suggest(word, candidates.clone()) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => format!("; there is {}", list(candidates)),
    }
}

/// The words that were expected in the place of `word`, as the start of a sentence about it.
pub fn one_of<'a>(
    word: &str,
    found: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    let choice = enumerate(candidates.clone(), "or");
    let question = suggest(word, candidates)
        .map(|candidate| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default();
    format!("expected {choice}, found {found}{question}")
}

/// `a`, `b` and `c`.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    enumerate(words, "and")
}

/// `a`, `b` and `c`, or whatever stands for "and".
pub fn enumerate<'a>(words: impl IntoIterator<Item = &'a str>, and: &str) -> String {
    enumerate_whole(words.into_iter().map(truncate).collect(), and)
}

/// The same of words that are to stand as they are.
pub fn enumerate_whole(mut words: Vec<String>, and: &str) -> String {
    if words.len() > LISTED {
        let more = words.len() - LISTED;
        words.truncate(LISTED);
        words.push(format!("{more} more"));
    }
    match words.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {and} {last}", rest.join(", ")),
    }
}

/// A text that somebody wrote, in backticks: without secrets, and shortened if it is long.
pub fn quote(text: &str) -> String {
    truncate(&mask_value(text))
}

fn truncate(text: &str) -> String {
    if text.chars().nth(QUOTED_CHARS).is_none() {
        return format!("`{}`", text.trim_end_matches('\n'));
    }
    let start: String = text.chars().take(QUOTED_CHARS).collect();
    format!("`{start}…`")
}

/// Without what differs by the commonest slips of all: `Idle_Timeout` for `idle-timeout`.
fn plain(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// The number of letters that are wrong, if there are no more than `most`.
fn distance(a: &str, b: &str, most: usize) -> Option<usize> {
    // Each letter that one of them lacks is wrong: that is found much sooner.
    if lacking(a, b).max(lacking(b, a)) > most {
        return None;
    }
    Some(strsim::damerau_levenshtein(a, b)).filter(|distance| *distance <= most)
}

/// The number of letters of `word` that `other` lacks.
fn lacking(word: &str, other: &str) -> usize {
    let mut left: Vec<_> = other.chars().collect();
    let is_lacking = |letter: &char| match left.iter().position(|it| it == letter) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    word.chars().filter(is_lacking).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_only() {
        let keys = ["opacity", "position", "idle-timeout", "fps"];
        assert_eq!(suggest("opacty", keys), Some("opacity"));
        assert_eq!(suggest("poistion", keys), Some("position"));
        assert_eq!(suggest("Idle_Timeout", keys), Some("idle-timeout"));
        assert_eq!(suggest("fsp", keys), Some("fps"));
        assert_eq!(suggest("colour", keys), None);
        assert_eq!(suggest("ok", keys), None);
        assert_eq!(suggest("", keys), None);
        assert_eq!(suggest(&"opacity".repeat(1_000_000), keys), None);
    }

    #[test]
    fn a_hint_asks_or_lists() {
        let keys = ["opacity", "position", "idle-timeout"];
        assert_eq!(hint("opacty", keys), "; did you mean `opacity`?");
        assert_eq!(
            hint("colour", keys),
            "; there is `opacity`, `position` and `idle-timeout`"
        );
    }

    #[test]
    fn long_texts_and_lists_are_cut() {
        assert_eq!(quote(&"x".repeat(90)), format!("`{}…`", "x".repeat(60)));
        let words: Vec<_> = (0..30).map(|n| n.to_string()).collect();
        let listed = list(words.iter().map(String::as_str));
        assert!(listed.ends_with("`23` and 6 more"), "{listed}");
    }
}
