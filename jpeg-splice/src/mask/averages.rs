//! The average colours of a mosaic's cells, from the DC coefficients: nothing is decoded.

use super::{Mask, MaskPlan};
use crate::eighth::color;
use crate::error::Result;
use crate::splicer::{DcPlane, Drawing, Frame, Layout, Splicer};

/// The sums of a cell's samples.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// In eighths.
    values: [i32; 3],
    blocks: [u32; 3],
}

impl Sum {
    /// In red, green and blue.
    fn average(&self) -> [u8; 3] {
        color([0, 1, 2].map(|at| self.values[at] as f32 / 8.0 / self.blocks[at].max(1) as f32))
    }
}

impl Splicer {
    /// The drawing that `masks` are on `jpeg`, in whole MCUs.
    pub(super) fn mask_drawing(&mut self, jpeg: &[u8], masks: &[Mask]) -> Result<Drawing> {
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        let kept = self.mask_plan.take();
        let plan = kept
            .filter(|plan| plan.is_for(masks, &layout))
            .unwrap_or_else(|| MaskPlan::new(masks, &layout));
        let drawing = match plan.drawing() {
            Some(drawing) => Ok(drawing),
            None => {
                let until = plan.in_cells().last().map_or(0, |(mcu, _)| mcu + 1);
                self.dc_planes(jpeg, (&frame, &layout), (3, until))
                    .map(|planes| plan.drawing_of(&averages(&plan, &layout, &planes)))
            }
        };
        self.mask_plan = Some(plan);
        drawing
    }
}

fn averages(plan: &MaskPlan, layout: &Layout, planes: &[DcPlane]) -> Vec<[u8; 3]> {
    let mut sums = vec![Sum::default(); plan.cells()];
    let (across, _) = layout.mcus();
    for (mcu, cell) in plan.in_cells() {
        let sum = &mut sums[cell];
        for (component, plane) in planes.iter().enumerate() {
            for average in plane.of_mcu((mcu % across, mcu / across)) {
                sum.values[component] += i32::from(average);
                sum.blocks[component] += 1;
            }
        }
    }
    sums.iter().map(Sum::average).collect()
}
