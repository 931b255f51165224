//! Huffman tables, and blocks that are coded with them (T.81, F.2.2 and G.2).

use super::bits::Bits;
use super::error::{DecodeError, Result};
use super::markers::Data;
use super::scan::Scan;
use crate::standard::standard_tables;
use crate::syntax::{HuffmanSpec, huffman_tables};
use crate::zigzag::zigzag;

/// The bits that are looked up at once.
const LOOKUP: u32 = 9;

/// One table.
pub struct Table {
    /// For the next bits: the code's length, and its value; length 0 where the code is longer.
    short: Vec<(u8, u8)>,
    /// For each length, the code behind the last, and what is added to a code for its value's
    /// index.
    ends: [(u32, i32); 17],
    values: Vec<u8>,
}

impl Table {
    /// From the counts of codes of 1 to 16 bits, and their values (T.81, annex C).
    ///
    /// # Errors
    /// The counts are no code's, or a value of a table for DC is above 15.
    pub fn new(HuffmanSpec { counts, values }: HuffmanSpec<'_>, is_dc: bool) -> Result<Self> {
        let mut table = Self {
            short: vec![(0, 0); 1 << LOOKUP],
            ends: [(0, 0); 17],
            values: values.to_vec(),
        };
        if is_dc && values.iter().any(|&value| value > 15) {
            return Err(DecodeError::Damaged(
                "a Huffman table has an impossible value",
            ));
        }
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            table.ends[length as usize].1 = index as i32 - code as i32;
            for _ in 0..count {
                if code >= 1 << length {
                    return Err(DecodeError::Damaged("a Huffman table has too many codes"));
                }
                if length <= LOOKUP {
                    let from = (code << (LOOKUP - length)) as usize;
                    let entries = &mut table.short[from..from + (1 << (LOOKUP - length))];
                    entries.fill((length as u8, values[index]));
                }
                (code, index) = (code + 1, index + 1);
            }
            table.ends[length as usize].0 = if count > 0 { code } else { 0 };
            code <<= 1;
        }
        Ok(table)
    }

    /// The next value; 0 where the bits are no code.
    fn value(&self, bits: &mut Bits<'_>) -> u8 {
        let window = bits.peek();
        let (length, value) = self.short[(window >> (16 - LOOKUP)) as usize];
        if length > 0 {
            bits.skip(length.into());
            return value;
        }
        for length in LOOKUP + 1..=16 {
            let code = window >> (16 - length);
            let (end, offset) = self.ends[length as usize];
            if code < end {
                bits.skip(length);
                let index = usize::try_from(code as i32 + offset).ok();
                return index
                    .and_then(|index| self.values.get(index))
                    .copied()
                    .unwrap_or(0);
            }
        }
        bits.skip(17);
        0
    }
}

/// The tables that DHT segments have set so far.
#[derive(Default)]
pub struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
}

impl Tables {
    /// Puts the standard ones (T.81, K.3) where there are none, as cameras on USB mean it.
    ///
    /// # Errors
    /// None in practice: the standard ones are right.
    pub fn complete(&mut self) -> Result<()> {
        let mut standard = Self::default();
        standard.read(&standard_tables()[4..])?;
        for (own, standard) in self.all().zip(standard.all()) {
            *own = own.take().or(standard.take());
        }
        Ok(())
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Option<Table>> {
        self.dc.iter_mut().chain(&mut self.ac)
    }

    /// Takes those of a DHT segment (T.81, B.2.4.2).
    ///
    /// # Errors
    /// The segment is damaged.
    pub fn read(&mut self, payload: &[u8]) -> Result<()> {
        for found in huffman_tables(payload) {
            let found = found?;
            let is_dc = found.class == 0;
            let tables = if is_dc { &mut self.dc } else { &mut self.ac };
            tables[usize::from(found.id)] = Some(Table::new(found.table, is_dc)?);
        }
        Ok(())
    }

    fn dc(&self, index: u8) -> Result<&Table> {
        Self::get(&self.dc, index)
    }

    fn ac(&self, index: u8) -> Result<&Table> {
        Self::get(&self.ac, index)
    }

    fn get(tables: &[Option<Table>; 4], index: u8) -> Result<&Table> {
        let table = tables.get(usize::from(index)).and_then(Option::as_ref);
        table.ok_or(DecodeError::Damaged("a Huffman table is missing"))
    }
}

/// The decoder of one scan.
pub struct Huffman<'d, 't> {
    bits: Bits<'d>,
    /// Of each component of the scan.
    dc: Vec<Option<&'t Table>>,
    ac: Vec<Option<&'t Table>>,
    last_dc: [i32; 4],
    /// Blocks that are still to be passed over (T.81, G.1.2.2).
    end_of_band: u32,
}

impl<'d, 't> Huffman<'d, 't> {
    /// Starts `scan`, whose data `bits` has.
    ///
    /// # Errors
    /// A table that it needs is missing.
    pub fn new(bits: Bits<'d>, tables: &'t Tables, scan: &Scan) -> Result<Self> {
        let needs_dc = scan.start == 0 && (!scan.is_progressive || scan.high == 0);
        let needs_ac = scan.end > 0;
        let components = scan.components.iter();
        let dc = components
            .clone()
            .map(|it| needs_dc.then(|| tables.dc(it.dc)).transpose());
        let ac = components.map(|it| needs_ac.then(|| tables.ac(it.ac)).transpose());
        Ok(Self {
            bits,
            dc: dc.collect::<Result<_>>()?,
            ac: ac.collect::<Result<_>>()?,
            last_dc: [0; 4],
            end_of_band: 0,
        })
    }

    /// Whether the data of this interval is used up, so that its other blocks stay as they are.
    pub fn is_over(&self) -> bool {
        self.bits.is_starved
    }

    /// Gives the data back.
    pub fn into_data(self) -> Data<'d> {
        self.bits.data
    }

    /// Goes on behind the restart marker of `number`.
    pub fn restart(&mut self, number: u8) {
        self.bits.restart(number);
        self.last_dc = [0; 4];
        self.end_of_band = 0;
    }

    /// Decodes a block of the scan's component `which`.
    pub fn block(&mut self, scan: &Scan, which: usize, block: &mut [i16]) {
        match (scan.is_progressive, scan.start, scan.high) {
            (false, _, _) => {
                block[0] = self.dc(which) as i16;
                self.ac(which, 1..=63, 0, block);
            }
            (true, 0, 0) => block[0] = (self.dc(which) << scan.low) as i16,
            (true, 0, _) => block[0] |= (self.bits.take(1) << scan.low) as i16,
            (true, _, 0) => self.first_band(scan, which, block),
            (true, _, _) => self.refine_band(scan, which, block),
        }
    }

    fn dc(&mut self, which: usize) -> i32 {
        let size = self.dc[which].map_or(0, |table| table.value(&mut self.bits));
        let difference = self.extended(size);
        self.last_dc[which] = self.last_dc[which].wrapping_add(difference);
        self.last_dc[which]
    }

    fn extended(&mut self, size: u8) -> i32 {
        let value = self.bits.take(size.into());
        // T.81, figure F.12.
        if size > 0 && value < 1 << (size - 1) {
            value - (1 << size) + 1
        } else {
            value
        }
    }

    fn symbol(&mut self, which: usize) -> (usize, u8) {
        let symbol = self.ac[which].map_or(0, |table| table.value(&mut self.bits));
        (usize::from(symbol >> 4), symbol & 15)
    }

    /// Gives the run behind the last coefficient, if one ended the band: the exponent of its
    /// length.
    fn ac(
        &mut self,
        which: usize,
        band: std::ops::RangeInclusive<usize>,
        low: u8,
        block: &mut [i16],
    ) -> Option<u32> {
        let mut k = *band.start();
        while k <= *band.end() {
            let (run, size) = self.symbol(which);
            if size == 0 {
                if run != 15 {
                    return Some(run as u32);
                }
                k += 16;
                continue;
            }
            k += run;
            let value = self.extended(size);
            // Where libjpeg puts what lies beyond the last.
            block[zigzag(k.min(63))] = (value << low) as i16;
            k += 1;
        }
        None
    }

    fn first_band(&mut self, scan: &Scan, which: usize, block: &mut [i16]) {
        if self.end_of_band > 0 {
            self.end_of_band -= 1;
        } else if let Some(run) = self.ac(which, scan.start..=scan.end, scan.low, block) {
            self.end_of_band = self.run_length(run) - 1;
        }
    }

    fn run_length(&mut self, run: u32) -> u32 {
        (1 << run) + self.bits.take(run) as u32
    }

    /// T.81, G.1.2.3.
    fn refine_band(&mut self, scan: &Scan, which: usize, block: &mut [i16]) {
        let step = 1i16 << scan.low;
        let mut k = scan.start;
        while self.end_of_band == 0 && k <= scan.end {
            let (mut run, size) = self.symbol(which);
            let new = match (size, run) {
                (0, 15) => 0,
                (0, _) => {
                    self.end_of_band = self.run_length(run as u32);
                    break;
                }
                _ if self.bits.take(1) == 1 => step,
                _ => -step,
            };
            while k <= scan.end {
                let value = &mut block[zigzag(k)];
                if *value != 0 {
                    refine(&mut self.bits, value, step);
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            if new != 0 {
                block[zigzag(k.min(63))] = new;
            }
            k += 1;
        }
        if self.end_of_band > 0 {
            for place in (k..=scan.end).map(zigzag) {
                if block[place] != 0 {
                    refine(&mut self.bits, &mut block[place], step);
                }
            }
            self.end_of_band -= 1;
        }
    }
}

fn refine(bits: &mut Bits<'_>, value: &mut i16, step: i16) {
    if bits.take(1) == 1 && *value & step == 0 {
        *value = value.saturating_add(if *value > 0 { step } else { -step });
    }
}
