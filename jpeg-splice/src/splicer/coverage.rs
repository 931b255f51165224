//! The MCUs that a drawing covers, and how: found out before anything is prepared, since it decides
//! what is worth preparing.

use std::ops::Range;

use super::drawing::{Content, Drawing, Layer};
use super::layout::Layout;

/// The way in which a drawing covers an MCU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// With this colour and alpha all over, as boxes and masks do.
    OneColor([u8; 4]),
    /// With colours of its own that hide all of the picture.
    Opaque,
    /// So that something of the picture is seen.
    Blended,
}

impl Cover {
    /// Whether nothing of the picture is seen.
    pub fn is_opaque(self) -> bool {
        matches!(self, Self::OneColor([.., 255]) | Self::Opaque)
    }

    /// Its colour, if it is the same all over.
    pub fn color(self) -> Option<[u8; 4]> {
        match self {
            Self::OneColor(color) => Some(color),
            Self::Opaque | Self::Blended => None,
        }
    }

    /// The two together, `self` on top.
    fn over(self, below: Option<Self>) -> Self {
        match below {
            None => self,
            Some(_) if self.is_opaque() => self,
            Some(below) if below.is_opaque() => Self::Opaque,
            Some(_) => Self::Blended,
        }
    }
}

/// The MCUs in which anything of `drawing` is seen, in the order of the coded data.
pub(crate) fn covered_mcus(drawing: &Drawing, layout: &Layout) -> Vec<(u32, Cover)> {
    let layers = match &drawing.content {
        Content::Layers(layers) => layers,
        Content::Fills(fills) => {
            let cover = |&(mcu, [r, g, b]): &(u32, [u8; 3])| (mcu, Cover::OneColor([r, g, b, 255]));
            return fills.iter().map(cover).collect();
        }
    };
    let mcus = mcus_under(layers, layout).into_iter();
    mcus.filter_map(|mcu| Some((mcu, McuArea::of(mcu, layout).cover(layers)?)))
        .collect()
}

/// The MCUs that any layer reaches, in order.
fn mcus_under(layers: &[Layer], layout: &Layout) -> Vec<u32> {
    let (mcu_width, mcu_height) = layout.mcu();
    let (across, _) = layout.mcus();
    let mut mcus = Vec::new();
    for layer in layers {
        let columns = inside(layer.x, layer.width, &(0..layout.width));
        let rows = inside(layer.y, layer.height, &(0..layout.height));
        if columns.is_empty() || rows.is_empty() {
            continue;
        }
        for row in rows.start / mcu_height..=(rows.end - 1) / mcu_height {
            let from = row * across + columns.start / mcu_width;
            mcus.extend(from..=row * across + (columns.end - 1) / mcu_width);
        }
    }
    mcus.sort_unstable();
    mcus.dedup();
    mcus
}

/// The part of `length` pixels from `start` on that lies in `area`.
fn inside(start: i32, length: u32, area: &Range<u32>) -> Range<u32> {
    let start = i64::from(start);
    let clip = |at: i64| at.clamp(area.start.into(), area.end.into()) as u32;
    clip(start)..clip(start + i64::from(length))
}

/// The part of a picture that an MCU covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct McuArea {
    pub columns: Range<u32>,
    pub rows: Range<u32>,
}

impl McuArea {
    /// Of the MCU with this number.
    pub fn of(mcu: u32, layout: &Layout) -> Self {
        let part = |number: u32, size: u32, end: u32| {
            let start = number * size;
            start..(start + size).min(end)
        };
        let (width, height) = layout.mcu();
        let (across, _) = layout.mcus();
        Self {
            columns: part(mcu % across, width, layout.width),
            rows: part(mcu / across, height, layout.height),
        }
    }

    /// The part of it that lies in the layer.
    pub fn under(&self, layer: &Layer) -> Option<Self> {
        let columns = inside(layer.x, layer.width, &self.columns);
        let rows = inside(layer.y, layer.height, &self.rows);
        (!columns.is_empty() && !rows.is_empty()).then_some(Self { columns, rows })
    }

    /// The cover of all `layers`, the first at the bottom; none if nothing of them is seen.
    fn cover(&self, layers: &[Layer]) -> Option<Cover> {
        layers
            .iter()
            .fold(None, |below, layer| match self.cover_of(layer) {
                Some(cover) => Some(cover.over(below)),
                None => below,
            })
    }

    fn cover_of(&self, layer: &Layer) -> Option<Cover> {
        let part = self.under(layer)?;
        // The bits that all pixels have, and those that any has.
        let (mut all, mut any) = (u32::MAX, 0);
        for row in part.rows.clone() {
            for &pixel in layer.row(&part.columns, row) {
                let pixel = u32::from_ne_bytes(pixel);
                all &= pixel;
                any |= pixel;
            }
        }
        let ([.., smallest], [.., largest]) = (all.to_ne_bytes(), any.to_ne_bytes());
        match part == *self {
            _ if largest == 0 => None,
            true if all == any => Some(Cover::OneColor(all.to_ne_bytes())),
            true if smallest == 255 => Some(Cover::Opaque),
            _ => Some(Cover::Blended),
        }
    }
}

impl Layer {
    /// The pixels in these columns of the picture and this row, all of which lie in the layer.
    pub(crate) fn row(&self, columns: &Range<u32>, row: u32) -> &[[u8; 4]] {
        let x = (i64::from(columns.start) - i64::from(self.x)) as usize;
        let y = (i64::from(row) - i64::from(self.y)) as usize;
        let (pixels, _) = self.rgba.as_chunks();
        &pixels[y * self.width as usize + x..][..columns.len()]
    }
}
