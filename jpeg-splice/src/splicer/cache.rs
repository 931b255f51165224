//! The cache of a stream: tables, and drawings prepared for its frames.

use std::sync::Arc;

use super::coverage::{Cover, covered_mcus};
use super::dct::Multipliers;
use super::drawing::Drawing;
use super::frame::Frame;
use super::huffman::Tables;
use super::layout::Layout;
use super::prepared::{BLENDED_BLOCK_BYTES, OPAQUE_BLOCK_BYTES, Prepared};
use super::registry::Registry;
use super::skip_tables::SkipTables;
use crate::error::Result;
use crate::syntax::HuffmanSpec;

/// More tables than this are forgotten: a stream has a few, unless it makes new ones for each
/// frame.
const MOST: usize = 12;

static TABLES: Registry<KeptTables> = Registry::new();
static SKIP_TABLES: Registry<KeptSkipTables> = Registry::new();

/// The memory for an MCU that is covered, beside its blocks.
const COVERED_BYTES: usize = size_of::<(u32, Cover)>() + size_of::<[u32; 10]>();

/// The cached tables and drawings, and which of them the frame at hand uses.
#[derive(Default)]
pub(crate) struct Cache {
    tables: Vec<Arc<KeptTables>>,
    multipliers: Vec<([u16; 64], Multipliers)>,
    drawings: Vec<KeptDrawing>,
    /// For each component, the index of its tables.
    tables_of: [usize; 3],
    multipliers_of: [usize; 3],
    skip_tables: Vec<Arc<KeptSkipTables>>,
    skip_tables_used: usize,
}

struct KeptSkipTables {
    tables: [Arc<KeptTables>; 3],
    layout: Layout,
    skip_tables: SkipTables,
}

struct KeptTables {
    dc: KeptSpec,
    ac: KeptSpec,
    tables: Tables,
}

struct KeptSpec {
    counts: [u8; 16],
    values: Vec<u8>,
}

impl KeptSpec {
    fn new(spec: HuffmanSpec<'_>) -> Self {
        Self {
            counts: *spec.counts,
            values: spec.values.to_vec(),
        }
    }

    fn is(&self, spec: HuffmanSpec<'_>) -> bool {
        self.counts == *spec.counts && self.values == spec.values
    }
}

/// A drawing, and its blocks for a layout and quantization tables if it has been drawn before.
pub(crate) struct KeptDrawing {
    drawing: Drawing,
    layout: Layout,
    /// Whether the frame at hand is the first with it.
    pub is_new: bool,
    pub covered: Vec<(u32, Cover)>,
    was_drawn: bool,
    prepared: Option<Prepared>,
    quantization: [[u16; 64]; 3],
}

impl Cache {
    /// Makes sure that all is there for a frame.
    pub fn prepare(
        &mut self,
        frame: &Frame<'_>,
        layout: &Layout,
        drawings: &[&Drawing],
    ) -> Result<()> {
        let quantization = self.prepare_tables(frame, layout)?;
        self.find_drawings(layout, drawings);
        for index in 0..drawings.len() {
            self.drawings[index].prepare();
            self.quantize(index, quantization);
        }
        Ok(())
    }

    /// Makes sure that all is there for skipping a frame's blocks. Gives the quantization tables of
    /// its components.
    pub fn prepare_tables(&mut self, frame: &Frame<'_>, layout: &Layout) -> Result<[[u16; 64]; 3]> {
        if self.tables.len() > MOST || self.skip_tables.len() > MOST {
            self.tables.clear();
            self.skip_tables.clear();
        }
        if self.multipliers.len() > MOST {
            self.multipliers.clear();
        }
        let mut quantization = [[0; 64]; 3];
        for (index, component) in frame.components().iter().enumerate() {
            let (dc, ac) = frame.huffman(component)?;
            self.tables_of[index] = self.find_tables(dc, ac)?;
            quantization[index] = *frame.quantization(component)?;
            self.multipliers_of[index] = self.find_multipliers(&quantization[index]);
        }
        self.skip_tables_used = self.find_skip_tables(layout, frame.components().len())?;
        Ok(quantization)
    }

    fn find_tables(&mut self, dc: HuffmanSpec<'_>, ac: HuffmanSpec<'_>) -> Result<usize> {
        let is_same = |kept: &KeptTables| kept.dc.is(dc) && kept.ac.is(ac);
        if let Some(index) = self.tables.iter().position(|kept| is_same(kept)) {
            return Ok(index);
        }
        let make = || {
            Ok(KeptTables {
                dc: KeptSpec::new(dc),
                ac: KeptSpec::new(ac),
                tables: Tables::new(dc, ac)?,
            })
        };
        self.tables.push(TABLES.get(is_same, make)?);
        Ok(self.tables.len() - 1)
    }

    fn find_multipliers(&mut self, table: &[u16; 64]) -> usize {
        let found = self.multipliers.iter().position(|(kept, _)| kept == table);
        found.unwrap_or_else(|| {
            self.multipliers.push((*table, Multipliers::new(table)));
            self.multipliers.len() - 1
        })
    }

    fn find_skip_tables(&mut self, layout: &Layout, components: usize) -> Result<usize> {
        // Grey pictures have but one component's.
        let first = self.tables_of[0];
        self.tables_of[components..].fill(first);
        let tables = self.tables_of.map(|index| self.tables[index].clone());
        let is_same = |kept: &KeptSkipTables| {
            let mut pairs = kept.tables.iter().zip(&tables);
            pairs.all(|(one, other)| Arc::ptr_eq(one, other)) && kept.layout.has_mcus_of(layout)
        };
        if let Some(index) = self.skip_tables.iter().position(|kept| is_same(kept)) {
            return Ok(index);
        }
        let make = || {
            let (slots, blocks) = layout.blocks();
            let codes = tables.each_ref().map(|kept| &kept.tables);
            Ok(KeptSkipTables {
                tables: tables.clone(),
                layout: layout.clone(),
                skip_tables: SkipTables::new(&codes, slots, blocks),
            })
        };
        self.skip_tables.push(SKIP_TABLES.get(is_same, make)?);
        Ok(self.skip_tables.len() - 1)
    }

    /// Brings the kept drawings into the order of `drawings`, finds out what the new ones cover,
    /// and drops those that are over.
    pub fn find_drawings(&mut self, layout: &Layout, drawings: &[&Drawing]) {
        for (index, drawing) in drawings.iter().enumerate() {
            let fits = |kept: &KeptDrawing| kept.drawing.id == drawing.id && kept.layout == *layout;
            match self.drawings[index..].iter().position(fits) {
                Some(ahead) => {
                    self.drawings.swap(index, index + ahead);
                    self.drawings[index].is_new = false;
                }
                None => {
                    self.drawings.push(KeptDrawing::new(drawing, layout));
                    let last = self.drawings.len() - 1;
                    self.drawings.swap(index, last);
                }
            }
        }
        self.drawings.truncate(drawings.len());
    }

    fn quantize(&mut self, index: usize, quantization: [[u16; 64]; 3]) {
        let drawing = &mut self.drawings[index];
        if let Some(prepared) = &mut drawing.prepared
            && drawing.quantization != quantization
        {
            let multipliers_of = self.multipliers_of;
            prepared.quantize(|component| &self.multipliers[multipliers_of[component]].1);
            drawing.quantization = quantization;
        }
    }

    /// The frame's tables for a component.
    pub fn tables(&self, component: usize) -> &Tables {
        &self.tables[self.tables_of[component]].tables
    }

    /// The frame's quantization of a component.
    pub fn multipliers(&self, component: usize) -> &Multipliers {
        &self.multipliers[self.multipliers_of[component]].1
    }

    /// The tables that skip the frame's blocks.
    pub fn skip_tables(&self) -> &SkipTables {
        &self.skip_tables[self.skip_tables_used].skip_tables
    }

    /// The frame's drawings.
    pub fn drawings(&self) -> &[KeptDrawing] {
        &self.drawings
    }

    /// One of the frame's drawings.
    pub fn drawing(&self, index: usize) -> &KeptDrawing {
        &self.drawings[index]
    }
}

impl KeptDrawing {
    fn new(drawing: &Drawing, layout: &Layout) -> Self {
        Self {
            drawing: drawing.clone(),
            layout: layout.clone(),
            is_new: true,
            covered: covered_mcus(drawing, layout),
            was_drawn: false,
            prepared: None,
            // No table has a zero.
            quantization: [[0; 64]; 3],
        }
    }

    /// Prepares its blocks from the second frame on: one that changes with each frame would write
    /// them to memory and read them there once.
    fn prepare(&mut self) {
        if self.was_drawn && self.prepared.is_none() {
            let prepared = Prepared::new(&self.drawing, &self.layout, &self.covered);
            self.prepared = Some(prepared);
        }
        self.was_drawn = true;
    }

    /// Its blocks, if it has been drawn before.
    pub fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_ref()
    }

    /// Prepares the blocks of one MCU, by its index among those that it covers, in `prepared`.
    pub fn prepare_one(&self, index: u32, prepared: &mut Prepared) {
        prepared.replace(&self.drawing, &self.layout, self.covered[index as usize]);
    }

    /// The cover of the MCU with this index.
    pub fn cover(&self, index: u32) -> Cover {
        self.covered[index as usize].1
    }

    /// The covers of MCUs that are prepared by themselves: one that has the colour of the one
    /// before shares its blocks.
    pub fn distinct(&self) -> impl Iterator<Item = Cover> {
        let mut before = None;
        let covers = self.covered.iter().map(|&(_, cover)| cover);
        covers.filter(move |&cover| {
            let before = before.replace(cover);
            cover.color().is_none() || before != Some(cover)
        })
    }

    /// About the memory that it takes once it is prepared, in bytes.
    pub fn prepared_bytes(&self) -> u64 {
        let block = |cover: Cover| match cover.is_opaque() {
            true => OPAQUE_BLOCK_BYTES,
            false => BLENDED_BLOCK_BYTES,
        };
        let (_, blocks) = self.layout.blocks();
        let distinct = self.distinct().map(|cover| (block(cover) * blocks) as u64);
        distinct.sum::<u64>() + (self.covered.len() * COVERED_BYTES) as u64
    }
}
