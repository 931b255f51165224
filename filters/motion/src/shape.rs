//! Flags of a picture's pixels: what is next to one, and what hangs together.

/// Pixels that are looked at together.
const AT_ONCE: usize = 32;

/// The pixels that are set or have a neighbour that is, also across corners (a dilation by 3 × 3).
pub fn dilate(flags: &[bool], width: usize) -> Vec<bool> {
    let mut wide = flags.to_vec();
    for (row, flags) in wide.chunks_mut(width).zip(flags.chunks(width)) {
        for (to, from) in row[1..].iter_mut().zip(flags) {
            *to |= from;
        }
        for (to, from) in row.iter_mut().zip(&flags[1..]) {
            *to |= from;
        }
    }
    let mut all = wide.clone();
    for (to, from) in all[width..].iter_mut().zip(&wide) {
        *to |= from;
    }
    for (to, from) in all.iter_mut().zip(&wide[width..]) {
        *to |= from;
    }
    all
}

/// The pixels that are set and of a square of 2 × 2 that is (an opening). What is smaller is noise.
pub fn open(flags: &[bool], width: usize) -> Vec<bool> {
    // Each pixel with the one to its right; at the end of a row there is none.
    let mut pairs = vec![false; flags.len()];
    for (row, flags) in pairs.chunks_mut(width).zip(flags.chunks(width)) {
        for (to, (left, right)) in row.iter_mut().zip(flags.iter().zip(&flags[1..])) {
            *to = left & right;
        }
    }
    // Squares by their upper left corner, then grown to all four.
    let squares = pairs.iter().zip(&pairs[width..]);
    let squares: Vec<_> = squares.map(|(above, below)| above & below).collect();
    let mut wide = squares.clone();
    wide.resize(flags.len(), false);
    for (to, from) in wide[1..].iter_mut().zip(&squares) {
        *to |= from;
    }
    let mut opened = wide.clone();
    for (to, from) in opened[width..].iter_mut().zip(&wide) {
        *to |= from;
    }
    opened
}

/// The groups of pixels that are set and hang together, also across corners. Each is a list of
/// pixels, by their number.
pub fn groups(flags: &[bool], width: usize) -> Vec<Vec<usize>> {
    let mut left = flags.to_vec();
    let mut groups = Vec::new();
    let mut start = 0;
    while start < left.len() {
        // Where nothing is set, many are passed over at once.
        let ahead = left[start..].first_chunk::<AT_ONCE>();
        if ahead.is_some_and(|ahead| !ahead.iter().fold(false, |any, it| any | it)) {
            start += AT_ONCE;
            continue;
        }
        if left[start] {
            groups.push(take_group(&mut left, width, start));
        }
        start += 1;
    }
    groups
}

/// The group of the pixel `start`, which is taken out of `left`.
fn take_group(left: &mut [bool], width: usize, start: usize) -> Vec<usize> {
    left[start] = false;
    let mut group = vec![start];
    let mut done = 0;
    while let Some(&at) = group.get(done) {
        done += 1;
        let (x, y) = (at % width, at / width);
        for row in y.saturating_sub(1)..(y + 2).min(left.len() / width) {
            for column in x.saturating_sub(1)..(x + 2).min(width) {
                let next = row * width + column;
                if std::mem::take(&mut left[next]) {
                    group.push(next);
                }
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(rows: &[&str]) -> Vec<bool> {
        rows.concat().chars().map(|it| it == '#').collect()
    }

    #[test]
    fn what_is_set_grows_and_stays_within_its_row() {
        let picture = flags(&["....#", ".....", "#...."]);
        let grown = flags(&["...##", "##.##", "##..."]);
        assert_eq!(dilate(&picture, 5), grown);
        assert_eq!(dilate(&[true], 1), [true]);
    }

    #[test]
    fn lines_and_single_pixels_are_no_squares() {
        let picture = flags(&["#.##.", "..##.", "#...#", "#..#."]);
        let opened = flags(&["..##.", "..##.", ".....", "....."]);
        assert_eq!(open(&picture, 5), opened);
        assert_eq!(open(&[true], 1), [false]);
        // The end of a row and the start of the next are no neighbours.
        assert_eq!(open(&flags(&["..#", "#.#", "#.."]), 3), [false; 9]);
    }

    #[test]
    fn groups_hang_together_across_corners() {
        let picture = flags(&["#...#", ".#..#", "#...."]);
        let mut found = groups(&picture, 5);
        for group in &mut found {
            group.sort_unstable();
        }
        assert_eq!(found, [vec![0, 6, 10], vec![4, 9]]);
    }
}
