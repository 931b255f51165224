//! The average samples of blocks, from their DC coefficients (ITU-T T.81, A.3.3): 1/8 of the
//! coefficient, before the level shift.

use super::Splicer;
use super::frame::Frame;
use super::intervals;
use super::layout::Layout;
use super::rewriter::{Progress, Rewriter};
use super::walk::skip_ac;
use crate::error::Result;
use crate::mask::MaskPlan;

/// A walk through a JPEG from MCU to MCU. What lies between is skipped.
pub(crate) struct DcWalk<'a> {
    rewriter: Rewriter<'a>,
    progress: Progress<'a>,
    layout: Layout,
    /// The average that a coefficient of 1 stands for.
    steps: [f32; 3],
}

impl Splicer {
    /// A walk from the first MCU of `jpeg` on, and the masks' plan that is kept.
    ///
    /// # Errors
    /// Those of [`Splicer::splice`].
    pub(crate) fn dc_walk<'a>(
        &'a mut self,
        jpeg: &'a [u8],
    ) -> Result<(DcWalk<'a>, &'a mut Option<MaskPlan>)> {
        let frame = Frame::parse(jpeg)?;
        let layout = Layout::of(&frame);
        let quantization = self.cache.prepare_tables(&frame, &layout)?;
        let kept = &mut self.kept;
        let out = &mut self.scratch;
        let walk = DcWalk {
            rewriter: Rewriter::new(jpeg, &frame, &layout, &self.cache, kept, out),
            progress: Progress::new(jpeg, frame.scan, 0),
            layout,
            steps: quantization.map(|table| f32::from(table[0]) / 8.0),
        };
        Ok((walk, &mut self.mask_plan))
    }
}

impl DcWalk<'_> {
    /// The picture's division.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Gives `found` the component and the average sample, around 0, of each block of the MCU
    /// `number`, which must not lie before one that was asked for.
    pub fn mcu(&mut self, number: u32, mut found: impl FnMut(usize, f32)) -> Result<()> {
        self.skip_to(number)?;
        let (rewriter, progress) = (&self.rewriter, &mut self.progress);
        for block in 0..rewriter.blocks {
            let component = rewriter.slots[block].component;
            let difference = rewriter.tables[component].dc_difference(&mut progress.reader)?;
            let dc = &mut progress.old_dc[component];
            *dc = dc.wrapping_add(difference);
            found(component, *dc as f32 * self.steps[component]);
            skip_ac(&mut progress.reader, rewriter.walk_tables, block)?;
        }
        progress.reader.check()?;
        progress.mcu += 1;
        Ok(())
    }

    fn skip_to(&mut self, number: u32) -> Result<()> {
        let interval = self.rewriter.interval;
        // The one that the latest MCU was in: the next may begin behind its marker.
        let here = self.progress.mcu.saturating_sub(1) / interval;
        let there = number / interval;
        if here < there {
            let at = self.progress.reader.position().byte;
            let start = intervals::skip(self.rewriter.jpeg, at, here..there)?;
            self.progress = Progress::new(self.rewriter.jpeg, start, there * interval);
        }
        self.rewriter.skip_to(&mut self.progress, number)
    }
}
