//! The contrast of a picture, and how far it is stretched.

/// The part of the pixels that may be darker than black and brighter than white, as in Frigate.
const ENDS: f32 = 0.04;
/// The most that contrast is stretched: more shows noise.
const MOST: f32 = 4.0;
/// Seconds in which the ends follow the picture.
const SECONDS: f32 = 10.0;

/// The brightness of what is dark and what is bright.
#[derive(Clone, Copy, Debug)]
pub struct Contrast {
    dark: f32,
    bright: f32,
}

impl Contrast {
    /// The contrast of one picture.
    pub fn new(pixels: &[u8]) -> Self {
        let mut counts = [0_u32; 256];
        for &pixel in pixels {
            counts[usize::from(pixel)] += 1;
        }
        let end = (pixels.len() as f32 * ENDS) as u32;
        Self {
            dark: first_after(counts.iter(), end),
            bright: 255.0 - first_after(counts.iter().rev(), end),
        }
    }

    /// Averages a picture in, `seconds` after the last.
    pub fn learn(&mut self, pixels: &[u8], seconds: f32) {
        let part = 1.0 - (-seconds / SECONDS).exp();
        let now = Self::new(pixels);
        self.dark += part * (now.dark - self.dark);
        self.bright += part * (now.bright - self.bright);
    }

    /// The factor that stretches it from black to white, 1 to 3.
    pub fn gain(self) -> f32 {
        (255.0 / (self.bright - self.dark).max(1.0)).clamp(1.0, MOST)
    }
}

/// The number of levels until more than `end` pixels are counted.
fn first_after<'c>(counts: impl Iterator<Item = &'c u32>, end: u32) -> f32 {
    let sums = counts.scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= end).count() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_stretched_to_black_and_white_and_not_beyond_noise() {
        let picture: Vec<u8> = (0..=255).collect();
        assert!(Contrast::new(&picture).gain() < 1.1);
        let fog: Vec<u8> = (100..=227).collect();
        assert!((2.0..2.3).contains(&Contrast::new(&fog).gain()));
        assert!(Contrast::new(&[20; 100]).gain() <= MOST);
    }
}
