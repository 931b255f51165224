//! From the network's numbers to faces: the anchors of BlazeFace's short-range model (MediaPipe's
//! `SsdAnchorsCalculator` with strides 8, 16, 16, 16).

use crate::face::Face;
use crate::network::{Output, SIDE};

/// The grids that the anchors lie on: cells a side, and anchors in each cell.
const GRIDS: [(usize, usize); 2] = [(16, 2), (8, 6)];
/// The numbers of an anchor's box.
const NUMBERS: usize = 16;

/// The faces with at least this score, in parts of the window.
pub fn faces(output: &Output, min_score: f64) -> impl Iterator<Item = Face> {
    let boxes = output.boxes.as_chunks::<NUMBERS>().0.iter();
    let anchors = anchors().zip(boxes).zip(&output.logits);
    anchors.filter_map(move |((anchor, numbers), logit)| {
        let score = 1.0 / (1.0 + (-logit).exp());
        (f64::from(score) >= min_score).then(|| face(anchor, numbers, score))
    })
}

/// The anchors' middles, in parts of the window.
fn anchors() -> impl Iterator<Item = (f32, f32)> {
    GRIDS.into_iter().flat_map(|(cells, each)| {
        let middle = move |cell: usize| (cell as f32 + 0.5) / cells as f32;
        (0..cells * cells * each).map(move |index| {
            let cell = index / each;
            (middle(cell % cells), middle(cell / cells))
        })
    })
}

fn face(anchor: (f32, f32), numbers: &[f32; NUMBERS], score: f32) -> Face {
    let [x, y, width, height] = std::array::from_fn(|at| numbers[at] / SIDE as f32);
    Face {
        x: anchor.0 + x - width / 2.0,
        y: anchor.1 + y - height / 2.0,
        width,
        height,
        score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_anchor_for_each_guess() {
        let anchors: Vec<_> = anchors().collect();
        assert_eq!(anchors.len(), 896);
        assert_eq!(anchors[0], (0.5 / 16.0, 0.5 / 16.0));
        assert_eq!(anchors[2], (1.5 / 16.0, 0.5 / 16.0));
        assert_eq!(anchors[895], (7.5 / 8.0, 7.5 / 8.0));
    }
}
