//! The MCUs under masks, and what each is covered with: the same for all frames of one layout.

use std::ops::Range;

use super::polygon::Grid;
use super::{Cover, Mask};
use crate::splicer::{Drawing, Layout};

/// The plan for one layout.
pub(crate) struct MaskPlan {
    masks: Vec<Mask>,
    layout: Layout,
    /// By their numbers.
    fills: Vec<(u32, Fill)>,
    cells: usize,
    /// The same for each frame, if no mask is a mosaic.
    drawing: Option<Drawing>,
}

/// The cover of one MCU.
#[derive(Clone, Copy)]
pub(crate) enum Fill {
    Color([u8; 3]),
    /// The average of the cell with this index.
    Cell(usize),
}

impl MaskPlan {
    pub fn new(masks: &[Mask], layout: &Layout) -> Self {
        let mcus = layout.mcus();
        let mut plan = Planning {
            mcus,
            mcu: layout.mcu(),
            picture: (layout.width, layout.height),
            fills: vec![None; mcus.0 as usize * mcus.1 as usize],
            cells: 0,
        };
        for mask in masks {
            if let Cover::Color(color) = mask.cover {
                plan.color(mask, color);
            }
        }
        for mask in masks {
            if let Cover::Mosaic(side) = mask.cover {
                plan.mosaic(mask, side);
            }
        }
        let fills: Vec<_> = (0..).zip(plan.fills).collect();
        let fills = fills
            .into_iter()
            .filter_map(|(mcu, fill)| Some((mcu, fill?)));
        let mut plan = Self {
            masks: masks.to_vec(),
            layout: layout.clone(),
            fills: fills.collect(),
            cells: plan.cells,
            drawing: None,
        };
        if plan.cells == 0 {
            plan.drawing = Some(plan.drawing_of(&[]));
        }
        plan
    }

    /// Whether it is the plan of these masks for that layout.
    pub fn is_for(&self, masks: &[Mask], layout: &Layout) -> bool {
        self.masks == masks && self.layout == *layout
    }

    /// The drawing, if it is the same for each frame.
    pub fn drawing(&self) -> Option<Drawing> {
        self.drawing.clone()
    }

    /// The drawing with these averages of the cells.
    pub fn drawing_of(&self, averages: &[[u8; 3]]) -> Drawing {
        let color = |fill: Fill| match fill {
            Fill::Color(color) => color,
            Fill::Cell(cell) => averages[cell],
        };
        let fills = self.fills.iter().map(|&(mcu, fill)| (mcu, color(fill)));
        Drawing::of_fills(fills.collect())
    }

    /// The MCUs that belong to cells, in order, and their cells.
    pub fn in_cells(&self) -> impl Iterator<Item = (u32, usize)> {
        self.fills.iter().filter_map(|&(mcu, fill)| match fill {
            Fill::Cell(cell) => Some((mcu, cell)),
            Fill::Color(_) => None,
        })
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.cells
    }
}

/// A plan that is being made.
struct Planning {
    mcus: (u32, u32),
    mcu: (u32, u32),
    picture: (u32, u32),
    fills: Vec<Option<Fill>>,
    cells: usize,
}

impl Planning {
    fn color(&mut self, mask: &Mask, color: [u8; 3]) {
        let grid = Grid {
            cell: self.mcu,
            count: self.mcus,
            picture: self.picture,
        };
        for (column, row) in mask.outline.cells(&grid, 0.0) {
            self.fill(column..column + 1, row..row + 1, Fill::Color(color));
        }
    }

    /// Cells of whole MCUs.
    fn mosaic(&mut self, mask: &Mask, side: u32) {
        let mcus = (side.div_ceil(self.mcu.0), side.div_ceil(self.mcu.1));
        let cell = (mcus.0 * self.mcu.0, mcus.1 * self.mcu.1);
        let grid = Grid::of_whole(cell, self.picture);
        let in_mcus = Grid {
            cell: mcus,
            count: grid.count,
            picture: self.mcus,
        };
        for cell in mask.outline.cells(&grid, 0.0) {
            let (columns, rows) = in_mcus.pixels(cell);
            self.fill(columns, rows, Fill::Cell(self.cells));
            self.cells += 1;
        }
    }

    fn fill(&mut self, columns: Range<u32>, rows: Range<u32>, fill: Fill) {
        for row in rows {
            let start = (row * self.mcus.0) as usize;
            let here =
                &mut self.fills[start + columns.start as usize..start + columns.end as usize];
            for place in here {
                place.get_or_insert(fill);
            }
        }
    }
}
