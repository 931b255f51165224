//! Drawings as changes of blocks, prepared for one kind of picture.

use std::collections::HashMap;

use super::block::{self, Quantized};
use super::coverage::{Cover, McuArea};
use super::dct::{self, Block, Multipliers};
use super::drawing::Drawing;
use super::layout::Layout;
use super::tile::Tile;

/// The memory for a prepared block that hides the picture, in bytes.
pub(crate) const OPAQUE_BLOCK_BYTES: usize =
    size_of::<(usize, Kind)>() + size_of::<Block>() + size_of::<Quantized>();
/// The memory for any other.
pub(crate) const BLENDED_BLOCK_BYTES: usize = size_of::<(usize, Kind)>() + 2 * size_of::<Block>();

/// No blend.
const NONE: u32 = u32::MAX;

/// The change that a drawing makes to one block.
#[derive(Clone, Copy)]
pub(crate) enum Blend<'a> {
    /// The block is replaced by these scaled coefficients, which are quantized here, too.
    Opaque {
        new: &'a Block,
        quantized: &'a Quantized,
    },
    /// One alpha for the whole block: its coefficients are multiplied, and these scaled ones added.
    Uniform { keep: f32, add: &'a Block },
    /// An alpha for each sample: the factor of each, and what is added to it then.
    PerSample { keep: &'a Block, add: &'a Block },
}

/// A blend, by the indices of its blocks.
#[derive(Clone, Copy)]
enum Kind {
    Opaque { new: u32, quantized: u32 },
    Uniform { keep: f32, add: u32 },
    PerSample { keep: u32, add: u32 },
}

/// MCUs of a drawing, prepared for one layout and for quantization tables.
#[derive(Default)]
pub(crate) struct Prepared {
    /// For each MCU, the index of each block's blend; [`NONE`] for none.
    mcus: Vec<[u32; 10]>,
    /// Each with the index of its component.
    blends: Vec<(usize, Kind)>,
    blocks: Vec<Block>,
    quantized: Vec<Quantized>,
    tile: Tile,
}

impl Prepared {
    /// The `covered` MCUs of `drawing`.
    pub fn new(drawing: &Drawing, layout: &Layout, covered: &[(u32, Cover)]) -> Self {
        let mut prepared = Self::default();
        prepared.mcus.reserve_exact(covered.len());
        let mut plain: HashMap<[u8; 4], [u32; 10]> = HashMap::new();
        for &(mcu, cover) in covered {
            let known = cover.color().and_then(|color| plain.get(&color));
            match known {
                Some(blends) => prepared.mcus.push(*blends),
                None => {
                    let blends = prepared.add(drawing, layout, (mcu, cover));
                    if let Some(color) = cover.color() {
                        plain.insert(color, blends);
                    }
                }
            }
        }
        prepared
    }

    /// Forgets all MCUs, and prepares this one.
    pub fn replace(&mut self, drawing: &Drawing, layout: &Layout, covered: (u32, Cover)) {
        self.mcus.clear();
        self.blends.clear();
        self.blocks.clear();
        self.quantized.clear();
        self.add(drawing, layout, covered);
    }

    /// Adds an MCU, and gives the indices of its blends.
    fn add(&mut self, drawing: &Drawing, layout: &Layout, (mcu, cover): (u32, Cover)) -> [u32; 10] {
        let blends = match cover {
            Cover::OneColor(color @ [.., 255]) => self.blends_of_color(color, layout),
            _ => {
                self.tile
                    .draw(layout, McuArea::of(mcu, layout), drawing.layers());
                self.blends_of_tile(layout)
            }
        };
        self.mcus.push(blends);
        blends
    }

    /// Adds the blends of an MCU that is covered by one colour, and gives their indices.
    fn blends_of_color(&mut self, color: [u8; 4], layout: &Layout) -> [u32; 10] {
        let first = self.blends.len() as u32;
        for (component, value) in Tile::color(color).into_iter().enumerate() {
            let mut block = [value; 64];
            dct::forward(&mut block);
            self.push_opaque(component, block);
        }
        let (slots, count) = layout.blocks();
        let mut blends = [NONE; 10];
        for (slot, blend) in slots[..count].iter().zip(&mut blends) {
            *blend = first + slot.component as u32;
        }
        blends
    }

    /// Adds the blends of the MCU in the tile, and gives their indices.
    fn blends_of_tile(&mut self, layout: &Layout) -> [u32; 10] {
        let (slots, count) = layout.blocks();
        let even_keep = self.tile.even_keep();
        let mut blends = [NONE; 10];
        for (slot, index) in slots[..count].iter().zip(&mut blends) {
            let per_sample = layout.pixels_per_sample(slot.component);
            let start = (slot.x, slot.y);
            let add = self.tile.added(slot.component, start, per_sample);
            let keep = match even_keep {
                Some(keep) => Err(keep),
                None => even(self.tile.kept(start, per_sample)),
            };
            let before = self.blends.len() as u32;
            match keep {
                Ok(keep) => self.push_per_sample(slot.component, keep, add),
                Err(keep) => self.push_even(slot.component, keep, add),
            }
            if self.blends.len() as u32 > before {
                *index = before;
            }
        }
        blends
    }

    fn push_block(&mut self, block: Block) -> u32 {
        self.blocks.push(block);
        self.blocks.len() as u32 - 1
    }

    fn push_per_sample(&mut self, component: usize, keep: Block, add: Block) {
        let (keep, add) = (self.push_block(keep), self.push_block(add));
        self.blends.push((component, Kind::PerSample { keep, add }));
    }

    /// Adds a blend with one factor for all samples; none if it changes nothing.
    fn push_even(&mut self, component: usize, keep: f32, mut add: Block) {
        if keep == 1.0 && add == [0.0; 64] {
            return;
        }
        dct::forward(&mut add);
        if keep == 0.0 {
            return self.push_opaque(component, add);
        }
        let add = self.push_block(add);
        self.blends.push((component, Kind::Uniform { keep, add }));
    }

    fn push_opaque(&mut self, component: usize, block: Block) {
        let kind = Kind::Opaque {
            new: self.push_block(block),
            quantized: self.quantized.len() as u32,
        };
        self.quantized.push(Quantized::default());
        self.blends.push((component, kind));
    }

    /// Quantizes the blocks that hide the picture, by the `multipliers` of each component.
    pub fn quantize<'m>(&mut self, multipliers: impl Fn(usize) -> &'m Multipliers) {
        for &(component, kind) in &self.blends {
            if let Kind::Opaque { new, quantized } = kind {
                let new = &self.blocks[new as usize];
                let block = block::multiply(new, &multipliers(component).forward);
                self.quantized[quantized as usize] = Quantized::round(&block);
            }
        }
    }

    /// The change of a block of the MCU with this index; none if it keeps its bits.
    pub fn blend(&self, mcu: usize, block: usize) -> Option<Blend<'_>> {
        let index = self.mcus[mcu][block];
        let (_, kind) = *self.blends.get(index as usize)?;
        let block = |index: u32| &self.blocks[index as usize];
        Some(match kind {
            Kind::Opaque { new, quantized } => Blend::Opaque {
                new: block(new),
                quantized: &self.quantized[quantized as usize],
            },
            Kind::Uniform { keep, add } => Blend::Uniform {
                keep,
                add: block(add),
            },
            Kind::PerSample { keep, add } => Blend::PerSample {
                keep: block(keep),
                add: block(add),
            },
        })
    }
}

/// The samples as they are, or the one value that all have.
fn even(samples: Block) -> Result<Block, f32> {
    let first = samples[0];
    // Without a way out, so that compilers compare several at once.
    let are_even = samples
        .iter()
        .fold(true, |are, &sample| are & (sample == first));
    match are_even {
        true => Err(first),
        false => Ok(samples),
    }
}
