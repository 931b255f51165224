//! "Did you mean": the nearest of the words that would have been right.

/// The candidate that `word` was probably meant to be.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
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

/// `a`, `b` and `c`.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn distance(a: &str, b: &str) -> usize {
    // `idle_timeout` for `idle-timeout` is the commonest slip of all.
    if a.replace('_', "-") == b {
        return 0;
    }
    strsim::damerau_levenshtein(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_only() {
        let keys = ["opacity", "position", "idle-timeout"];
        assert_eq!(suggest("opacty", keys), Some("opacity"));
        assert_eq!(suggest("Idle_Timeout", keys), Some("idle-timeout"));
        assert_eq!(suggest("colour", keys), None);
        assert_eq!(
            hint("colour", keys),
            "; there is `opacity`, `position` and `idle-timeout`"
        );
    }
}
