//! The division of a picture into blocks and MCUs (ITU-T T.81, A.1 and A.2).

use super::frame::{Component, Frame};

/// A picture's size and sampling: all that a drawing needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub width: u32,
    pub height: u32,
    factors: [(u8, u8); 3],
    count: usize,
}

/// A block of an MCU.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockSlot {
    /// The component's index.
    pub component: usize,
    /// The first sample, across and down, among the component's samples of an MCU.
    pub x: u32,
    pub y: u32,
}

impl Layout {
    /// Of the picture in `frame`.
    pub fn of(frame: &Frame<'_>) -> Self {
        let components = frame.components();
        let factor = |component: &Component| (component.h, component.v);
        let mut factors = [(0, 0); 3];
        for (factors, component) in factors.iter_mut().zip(components) {
            *factors = factor(component);
        }
        Self {
            width: frame.width,
            height: frame.height,
            factors,
            count: components.len(),
        }
    }

    /// Whether MCUs are made up as in `other`.
    pub fn has_mcus_of(&self, other: &Self) -> bool {
        (self.factors, self.count) == (other.factors, other.count)
    }

    /// The number of components.
    pub fn components(&self) -> usize {
        self.count
    }

    /// The blocks of `component` in an MCU, across and down.
    pub fn factors(&self, component: usize) -> (u8, u8) {
        self.factors[component]
    }

    fn largest(&self) -> (u32, u32) {
        let factors = &self.factors[..self.count];
        let h = factors.iter().map(|factor| factor.0).max().unwrap_or(1);
        let v = factors.iter().map(|factor| factor.1).max().unwrap_or(1);
        (h.into(), v.into())
    }

    /// The pixels that a sample of `component` stands for, across and down.
    pub fn pixels_per_sample(&self, component: usize) -> (u32, u32) {
        let (h, v) = self.largest();
        let factor = self.factors[component];
        (h / u32::from(factor.0), v / u32::from(factor.1))
    }

    /// The size of an MCU in pixels.
    pub fn mcu(&self) -> (u32, u32) {
        let (h, v) = self.largest();
        (h * 8, v * 8)
    }

    /// MCUs across and down.
    pub fn mcus(&self) -> (u32, u32) {
        let (width, height) = self.mcu();
        (self.width.div_ceil(width), self.height.div_ceil(height))
    }

    /// The blocks of an MCU in the order of the coded data, and how many there are (T.81, A.2.3).
    pub fn blocks(&self) -> ([BlockSlot; 10], usize) {
        let mut slots = [BlockSlot::default(); 10];
        let mut count = 0;
        for (component, &(h, v)) in self.factors[..self.count].iter().enumerate() {
            for y in 0..u32::from(v) {
                for x in 0..u32::from(h) {
                    slots[count] = BlockSlot {
                        component,
                        x: x * 8,
                        y: y * 8,
                    };
                    count += 1;
                }
            }
        }
        (slots, count)
    }
}
