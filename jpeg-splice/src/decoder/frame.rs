//! The frame header, and the memory for what the scans bring (T.81, A.1 and B.2.2).

use super::error::{DecodeError, Result};
use super::output::Color;
use crate::marker;
use crate::syntax::{self, FrameHeader};
use crate::zigzag::zigzag;

/// The most memory for coefficients, in bytes: that of the largest picture that is decoded, with
/// full chroma.
const COEFFICIENT_BYTES: u64 = 512 << 20;

/// A picture's parameters and coefficients.
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub is_progressive: bool,
    pub is_arithmetic: bool,
    /// The largest sampling factors.
    pub largest: (u8, u8),
    pub components: Vec<Component>,
    pub color: Color,
}

/// One component.
pub struct Component {
    pub id: u8,
    /// The sampling factors.
    pub h: u8,
    pub v: u8,
    /// The quantization table's number, and the table itself as it was at the component's first
    /// scan, in rows.
    pub table: u8,
    pub quantization: Option<[u16; 64]>,
    /// The samples that belong to the picture, across and down.
    pub size: (u32, u32),
    /// The blocks that have such samples.
    pub blocks: (u32, u32),
    /// The blocks across that there is room for.
    stride: u32,
    coefficients: Vec<i16>,
}

impl Component {
    /// The blocks that one MCU has of it.
    pub fn blocks_per_mcu(&self) -> usize {
        usize::from(self.h) * usize::from(self.v)
    }

    /// The coefficients of a block, in rows.
    pub fn block(&self, (x, y): (usize, usize)) -> &[i16] {
        let at = (y * self.stride as usize + x) * 64;
        &self.coefficients[at..at + 64]
    }

    /// The same, to be changed.
    pub fn block_mut(&mut self, (x, y): (usize, usize)) -> &mut [i16] {
        let at = (y * self.stride as usize + x) * 64;
        &mut self.coefficients[at..at + 64]
    }
}

impl Frame {
    /// Reads the segment of the SOF marker whose second byte is `code`.
    ///
    /// # Errors
    /// It is damaged, or of a kind that is not decoded.
    pub fn read(code: u8, payload: &[u8]) -> Result<Self> {
        if !matches!(
            code,
            marker::SOF0..=marker::SOF2 | marker::SOF9 | marker::SOF10
        ) {
            return Err(DecodeError::Process);
        }
        let header = FrameHeader::read(payload)?;
        if header.precision != 8 {
            return Err(DecodeError::Precision(header.precision));
        }
        if !matches!(header.count, 1 | 3 | 4) {
            return Err(DecodeError::Components(header.count));
        }
        let components = header.components().take(header.count.into());
        if components.clone().count() < header.count.into() {
            return Err(DecodeError::Damaged("its frame header is cut off"));
        }
        let mut frame = Self {
            width: header.width.into(),
            height: header.height.into(),
            is_progressive: matches!(code, marker::SOF2 | marker::SOF10),
            is_arithmetic: code >= marker::SOF9,
            largest: (1, 1),
            components: Vec::new(),
            color: Color::Grey,
        };
        if frame.width == 0 || frame.height == 0 {
            return Err(DecodeError::Damaged("it has no size"));
        }
        frame.add_components(components)?;
        Ok(frame)
    }

    fn add_components(
        &mut self,
        components: impl Iterator<Item = syntax::Component> + Clone,
    ) -> Result<()> {
        let factors = components.clone().map(|it| (it.h, it.v));
        let is_wrong = |(h, v): (u8, u8)| !(1..=4).contains(&h) || !(1..=4).contains(&v);
        if factors.clone().any(is_wrong) {
            return Err(DecodeError::Damaged("a sampling factor is none"));
        }
        let h = factors.clone().map(|it| it.0).max().unwrap_or(1);
        let v = factors.map(|it| it.1).max().unwrap_or(1);
        self.largest = (h, v);
        let mut room = 0;
        for component in components {
            let component = self.component(component)?;
            room += component.room(self.mcus()) * 2;
            self.components.push(component);
        }
        if room > COEFFICIENT_BYTES {
            return Err(DecodeError::Damaged("it is larger than what is decoded"));
        }
        Ok(())
    }

    fn component(
        &self,
        syntax::Component {
            id,
            h,
            v,
            quantization,
        }: syntax::Component,
    ) -> Result<Component> {
        if !self.largest.0.is_multiple_of(h) || !self.largest.1.is_multiple_of(v) {
            return Err(DecodeError::Sampling);
        }
        let samples = |side: u32, factor: u8, largest: u8| {
            (side * u32::from(factor)).div_ceil(u32::from(largest))
        };
        let size = (
            samples(self.width, h, self.largest.0),
            samples(self.height, v, self.largest.1),
        );
        Ok(Component {
            id,
            h,
            v,
            table: quantization,
            quantization: None,
            size,
            blocks: (size.0.div_ceil(8), size.1.div_ceil(8)),
            stride: self.mcus().0 * u32::from(h),
            coefficients: Vec::new(),
        })
    }

    /// The MCUs of a scan of all components, across and down.
    pub fn mcus(&self) -> (u32, u32) {
        let (h, v) = self.largest;
        (
            self.width.div_ceil(u32::from(h) * 8),
            self.height.div_ceil(u32::from(v) * 8),
        )
    }

    /// Makes room for the coefficients; nothing is written, so memory that nobody uses is not
    /// taken.
    pub fn make_room(&mut self) {
        let mcus = self.mcus();
        for component in &mut self.components {
            if component.coefficients.is_empty() {
                component.coefficients = vec![0; component.room(mcus) as usize];
            }
        }
    }

    /// Keeps the quantization table of a component whose first scan this is.
    ///
    /// # Errors
    /// There is none.
    pub fn latch(&mut self, index: usize, tables: &[Option<[u16; 64]>; 4]) -> Result<()> {
        let component = &mut self.components[index];
        if component.quantization.is_none() {
            let table = tables.get(usize::from(component.table)).copied().flatten();
            let table = table.ok_or(DecodeError::Damaged("a quantization table is missing"))?;
            component.quantization = Some(in_rows(&table));
        }
        Ok(())
    }
}

impl Component {
    /// The number of coefficients for `mcus` MCUs across and down.
    fn room(&self, (across, down): (u32, u32)) -> u64 {
        u64::from(across) * u64::from(down) * self.blocks_per_mcu() as u64 * 64
    }
}

fn in_rows(zigzagged: &[u16; 64]) -> [u16; 64] {
    let mut rows = [0; 64];
    for (k, &step) in zigzagged.iter().enumerate() {
        rows[zigzag(k)] = step;
    }
    rows
}
