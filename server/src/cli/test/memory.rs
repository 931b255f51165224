//! The check whether a filter's memory grows without end.

/// Fewer calls tell nothing.
const LEAST_CALLS: usize = 12;
/// Growth below this is how allocators begin.
const LEAST_BYTES: u64 = 128 << 10;

/// The bytes that each call leaves behind, by the memory after each of a row of calls: it grows in
/// every quarter after the first, in which a filter may fill what it keeps. A filter's memory never
/// shrinks, so one with a garbage collector stops growing, too.
pub fn leak(samples: &[u64]) -> Option<f64> {
    if samples.len() < LEAST_CALLS {
        return None;
    }
    let last = samples.len() - 1;
    let marks = [1, 2, 3, 4].map(|quarter| samples[last * quarter / 4]);
    let grows = marks.is_sorted_by(|before, after| before < after);
    let growth = marks[3] - marks[0].min(marks[3]);
    let calls = (last - last / 4) as f64;
    (grows && growth >= LEAST_BYTES).then(|| growth as f64 / calls)
}

/// The likely cause of a leak of `leak` bytes a call, where a call gets and gives pictures of
/// `picture` bytes.
pub fn suspicion(leak: f64, picture: f64) -> &'static str {
    let pictures = leak / picture;
    match pictures {
        0.8..1.25 => "as much as one picture: what it is given, or what it gives, is never freed",
        1.6..2.5 => "as much as two pictures: neither what it is given nor what it gives is freed",
        _ => "something that each call allocates is never freed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 64 << 10;

    #[test]
    fn a_leak_is_told_from_what_settles() {
        let leaking: Vec<_> = (0..400)
            .map(|call| 1_000_000 + call * 100 / PAGE * PAGE)
            .collect();
        assert_eq!(leak(&leaking), None, "less than a page");
        let leaking: Vec<_> = (0..4000).map(|call| call * 100 / PAGE * PAGE).collect();
        let found = leak(&leaking).unwrap();
        assert!((80.0..120.0).contains(&found), "{found}");
        let settling: Vec<_> = (0..4000u64).map(|call| call.min(1500) * PAGE).collect();
        assert_eq!(leak(&settling), None);
        let jumping = (0..4000u64).map(|call| if call < 3900 { PAGE } else { 9 * PAGE });
        assert_eq!(leak(&jumping.collect::<Vec<_>>()), None);
        let large: Vec<_> = (0..37).map(|call| call * 6_220_800).collect();
        assert!((leak(&large).unwrap() - 6_220_800.0).abs() < 1.0);
        assert_eq!(leak(&[]), None);
    }

    #[test]
    fn the_size_of_a_leak_says_what_it_is() {
        assert!(suspicion(6_225_000.0, 6_220_800.0).contains("one picture"));
        assert!(suspicion(12_441_600.0, 6_220_800.0).contains("two pictures"));
        assert!(suspicion(48.0, 6_220_800.0).contains("each call"));
    }
}
