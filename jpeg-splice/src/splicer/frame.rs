//! The headers and tables before the coded data: SOI to SOS (ITU-T T.81, B.2).

use super::layout::Layout;
use crate::error::{Result, Unsupported, damaged};
use crate::marker;
use crate::segments::{Segment, Segments};
use crate::standard;
use crate::syntax::{self, ColorHints, FrameHeader, HuffmanSpec, ScanHeader};

/// A JPEG's parameters and tables, and the position of its coded data.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    components: [Component; 3],
    count: usize,
    quantization: [Option<[u16; 64]>; 4],
    /// DC tables, then AC tables.
    huffman: [[Option<HuffmanSpec<'a>>; 4]; 2],
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: usize,
    /// The position of SOS.
    pub sos: usize,
    /// The position of the coded data.
    pub scan: usize,
}

/// One component's parameters (T.81, B.2.2 and B.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Component {
    id: u8,
    /// Blocks of an MCU, across and down.
    pub h: u8,
    pub v: u8,
    quantization: u8,
    dc: u8,
    ac: u8,
}

impl<'a> Frame<'a> {
    /// Reads everything up to the coded data.
    pub fn parse(jpeg: &'a [u8]) -> Result<Self> {
        let mut segments = Segments::new(jpeg)?;
        let mut parser = Parser::default();
        for segment in &mut segments {
            parser.segment(&segment?)?;
        }
        parser.scan(&segments.scan_header()?)
    }

    /// The MCUs between two restart markers, or all.
    pub fn interval(&self, layout: &Layout) -> u32 {
        let (across, down) = layout.mcus();
        match self.restart_interval {
            0 => across * down,
            mcus => mcus as u32,
        }
    }

    /// One for grey, three for colour.
    pub fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }

    /// The quantization table of a component, in zigzag order.
    pub fn quantization(&self, component: &Component) -> Result<&[u16; 64]> {
        match self.quantization.get(usize::from(component.quantization)) {
            Some(Some(table)) => Ok(table),
            _ => damaged("a quantization table is missing", self.sos),
        }
    }

    /// Whether tables of Annex K have to be added for the JPEG to be complete.
    pub fn lacks_huffman(&self) -> bool {
        self.huffman.iter().flatten().all(Option::is_none)
    }

    /// The DC and the AC table of a component.
    pub fn huffman(&self, component: &Component) -> Result<(HuffmanSpec<'a>, HuffmanSpec<'a>)> {
        if self.lacks_huffman() {
            // What USB cameras mean that send none (T.81, K.3).
            return match (component.dc, component.ac) {
                (0, 0) => Ok((standard::LUMA_DC, standard::LUMA_AC)),
                (1, 1) => Ok((standard::CHROMA_DC, standard::CHROMA_AC)),
                _ => damaged("a Huffman table is missing", self.sos),
            };
        }
        let table = |class: usize, id: u8| self.huffman[class][usize::from(id)];
        match (table(0, component.dc), table(1, component.ac)) {
            (Some(dc), Some(ac)) => Ok((dc, ac)),
            _ => damaged("a Huffman table is missing", self.sos),
        }
    }
}

#[derive(Default)]
struct Parser<'a> {
    size: Option<(u32, u32)>,
    components: [Component; 3],
    count: usize,
    quantization: [Option<[u16; 64]>; 4],
    huffman: [[Option<HuffmanSpec<'a>>; 4]; 2],
    restart_interval: usize,
    colors: ColorHints,
}

impl<'a> Parser<'a> {
    fn segment(&mut self, segment: &Segment<'a>) -> Result<()> {
        let (payload, at) = (segment.payload(), segment.start);
        match segment.marker {
            marker::SOF0 | marker::SOF1 => self.frame(payload, at)?,
            marker::SOF2 => return Err(Unsupported::Progressive.into()),
            marker::SOF3 | marker::SOF5..=marker::SOF7 => return Err(Unsupported::Lossless.into()),
            marker::JPG..=marker::SOF15 => return Err(Unsupported::Arithmetic.into()),
            marker::DHT => {
                for found in syntax::huffman_tables(payload) {
                    let found = found.map_err(|damage| damage.at(at))?;
                    self.huffman[usize::from(found.class)][usize::from(found.id)] =
                        Some(found.table);
                }
            }
            marker::DQT => self.quantization_tables(payload, at)?,
            marker::DRI => {
                let interval = syntax::restart_interval(payload);
                self.restart_interval = interval.map_err(|damage| damage.at(at))?.into();
            }
            other => self.colors.read(other, payload),
        }
        Ok(())
    }

    /// SOF0 and SOF1 (T.81, B.2.2).
    fn frame(&mut self, payload: &[u8], at: usize) -> Result<()> {
        if self.size.is_some() {
            return damaged("a second frame header", at);
        }
        let frame = FrameHeader::read(payload).map_err(|damage| damage.at(at))?;
        if frame.precision != 8 {
            return Err(Unsupported::Precision(frame.precision).into());
        }
        if !matches!(frame.count, 1 | 3) {
            return Err(Unsupported::Components(frame.count).into());
        }
        if frame.height == 0 {
            return Err(Unsupported::Height.into());
        }
        self.count = frame.count.into();
        if frame.width == 0 || frame.rest.len() != self.count * 3 {
            return damaged("the frame header makes no sense", at);
        }
        self.size = Some((frame.width.into(), frame.height.into()));
        for (component, read) in self.components.iter_mut().zip(frame.components()) {
            *component = Component {
                id: read.id,
                h: read.h,
                v: read.v,
                quantization: read.quantization,
                ..Component::default()
            };
        }
        self.check_sampling(at)
    }

    fn check_sampling(&mut self, at: usize) -> Result<()> {
        let components = &mut self.components[..self.count];
        if components
            .iter()
            .any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v))
        {
            return damaged("a sampling factor is none", at);
        }
        if let [grey] = components {
            // A scan of one component isn't interleaved: its MCU is one block (T.81, A.2.2).
            (grey.h, grey.v) = (1, 1);
        }
        let h = components.iter().map(|c| c.h).max().unwrap_or(1);
        let v = components.iter().map(|c| c.v).max().unwrap_or(1);
        let fits =
            |factor: u8, largest: u8| matches!(factor, 1 | 2 | 4) && largest.is_multiple_of(factor);
        if components.iter().any(|c| !fits(c.h, h) || !fits(c.v, v)) {
            return Err(Unsupported::Sampling.into());
        }
        if components.iter().map(|c| c.h * c.v).sum::<u8>() > 10 {
            return damaged("an MCU has more than ten blocks", at);
        }
        Ok(())
    }

    fn quantization_tables(&mut self, payload: &[u8], at: usize) -> Result<()> {
        for found in syntax::quantization_tables(payload) {
            let found = found.map_err(|damage| damage.at(at))?;
            if found.table.contains(&0) {
                return damaged("a quantization table has a zero", at);
            }
            self.quantization[usize::from(found.id)] = Some(found.table);
        }
        Ok(())
    }

    /// SOS (T.81, B.2.3).
    fn scan(mut self, segment: &Segment<'_>) -> Result<Frame<'a>> {
        let at = segment.start;
        let Some((width, height)) = self.size else {
            return damaged("there is no frame header", at);
        };
        let scan = ScanHeader::read(segment.payload()).map_err(|damage| damage.at(at))?;
        let count = scan.selectors().len();
        if count < self.count {
            return Err(Unsupported::Scans.into());
        }
        if count != self.count || scan.spectrum.len() != 3 {
            return damaged("the scan header makes no sense", at);
        }
        for (component, selector) in self.components.iter_mut().zip(scan.selectors()) {
            (component.dc, component.ac) = (selector.dc, selector.ac);
            if selector.id != component.id || component.dc > 3 || component.ac > 3 {
                return damaged("the scan header makes no sense", at);
            }
        }
        if scan.spectrum != [0, 63, 0] {
            return damaged("the scan is not a baseline JPEG's", at);
        }
        let ids = self.components.map(|component| component.id);
        if self.count == 3 && !self.colors.are_ycbcr(ids) {
            return Err(Unsupported::ColorSpace.into());
        }
        Ok(Frame {
            width,
            height,
            components: self.components,
            count: self.count,
            quantization: self.quantization,
            huffman: self.huffman,
            restart_interval: self.restart_interval,
            sos: at,
            scan: segment.end(),
        })
    }
}
