//! The zones and the areas to ignore, in pixels of the small picture.

use crate::config::Config;

/// The areas in which motion counts, and how much.
pub struct Areas {
    /// For each pixel, whether it is looked at.
    pub counts: Vec<bool>,
    /// The zones, the smallest first.
    zones: Vec<Zone>,
}

struct Zone {
    name: String,
    pixels: Vec<bool>,
}

impl Areas {
    /// The areas of `config` in a picture of `size`, shrunken from `full` size.
    pub fn new(size: (usize, usize), full: (u32, u32), config: &Config) -> Self {
        let mut counts = vec![true; size.0 * size.1];
        for area in &config.ignore {
            for (counts, ignored) in counts.iter_mut().zip(area.pixels(size, full)) {
                *counts &= !ignored;
            }
        }
        let zones = config.zones.iter().map(|(name, area)| Zone {
            name: name.clone(),
            pixels: area.pixels(size, full),
        });
        let mut zones: Vec<_> = zones.collect();
        zones.sort_by_key(|zone| zone.pixels.iter().filter(|it| **it).count());
        Self { counts, zones }
    }

    /// The names of the zones that something with these `pixels` and this `foot` is in; `None` if
    /// there are zones and it is in none.
    pub fn zones_of(&self, pixels: &[usize], foot: usize) -> Option<Vec<String>> {
        let is_in = |zone: &&Zone| {
            let inside = pixels.iter().filter(|at| zone.pixels[**at]).count();
            zone.pixels[foot] || 2 * inside >= pixels.len()
        };
        let names = self.zones.iter().filter(is_in).map(|it| it.name.clone());
        let names: Vec<_> = names.collect();
        (self.zones.is_empty() || !names.is_empty()).then_some(names)
    }

    /// A picture that shows what moves: 255 where it does, 64 where nothing is looked at, else 0.
    pub fn picture(&self, moving: &[bool]) -> Vec<u8> {
        let pixels = moving.iter().zip(&self.counts);
        pixels
            .map(|(moves, counts)| match (moves, counts) {
                (true, _) => 255,
                (false, false) => 64,
                (false, true) => 0,
            })
            .collect()
    }
}
