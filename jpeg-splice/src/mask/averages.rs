//! The average colours of a mosaic's cells, from the DC coefficients: nothing is decoded.

use super::{Mask, MaskPlan};
use crate::eighth::color;
use crate::error::Result;
use crate::splicer::{DcWalk, Drawing, Splicer};

/// The sums of a cell's samples.
#[derive(Clone, Copy, Default)]
struct Sum {
    values: [f32; 3],
    blocks: [u32; 3],
}

impl Sum {
    /// In red, green and blue.
    fn average(&self) -> [u8; 3] {
        color([0, 1, 2].map(|at| self.values[at] / self.blocks[at].max(1) as f32))
    }
}

impl Splicer {
    /// The drawing that `masks` are on `jpeg`, in whole MCUs.
    pub(super) fn mask_drawing(&mut self, jpeg: &[u8], masks: &[Mask]) -> Result<Drawing> {
        let (walk, kept) = self.dc_walk(jpeg)?;
        if kept
            .as_ref()
            .is_some_and(|plan| !plan.is_for(masks, walk.layout()))
        {
            *kept = None;
        }
        let plan = kept.get_or_insert_with(|| MaskPlan::new(masks, walk.layout()));
        match plan.drawing() {
            Some(drawing) => Ok(drawing),
            None => Ok(plan.drawing_of(&averages(plan, walk)?)),
        }
    }
}

fn averages(plan: &MaskPlan, mut walk: DcWalk<'_>) -> Result<Vec<[u8; 3]>> {
    let mut sums = vec![Sum::default(); plan.cells()];
    for (mcu, cell) in plan.in_cells() {
        let sum = &mut sums[cell];
        walk.mcu(mcu, |component, average| {
            sum.values[component] += average;
            sum.blocks[component] += 1;
        })?;
    }
    Ok(sums.iter().map(Sum::average).collect())
}
