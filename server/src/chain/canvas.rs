//! One frame while it goes through the chain: still a JPEG, or already pixels.

use std::sync::Arc;

use bytes::Bytes;
use jpeg_splice::Splicer;

use super::codec;
use super::drawing::Drawing;
use super::plan::{Demand, Path};
use crate::filter::contract::{Image, ImageRef};
use crate::jpeg::Header;
use crate::panics::catch;

/// Drawings that cover more than this part of the picture, one in so many, are quicker drawn on its pixels: a block
/// that is decoded, drawn on and coded by itself costs three times what it costs among all the others.
const LARGE_SHARE: u64 = 4;

/// The most memory that prepared drawings may take, in bytes: a quarter of a picture of 3840 × 2160. Beyond it, they are
/// drawn on pixels.
const PREPARED_BYTES: u64 = 96 << 20;

/// A picture, and what is drawn on it.
pub struct Canvas<'a> {
    source: &'a Bytes,
    header: Result<Header, String>,
    quality: u8,
    /// Width × height × 3 bytes of RGB, once somebody needed them.
    pixels: Option<(u32, u32)>,
    rgb: Vec<u8>,
    /// Everything drawn on the camera's picture, or on a transform's.
    drawings: Vec<Arc<Drawing>>,
    /// How many of them are in `rgb`.
    blended: usize,
    transformed_by: Option<String>,
}

impl<'a> Canvas<'a> {
    /// Starts with the camera's JPEG; `spare` is memory for the pixels.
    pub fn new(source: &'a Bytes, spare: Vec<u8>, quality: u8) -> Self {
        Self {
            source,
            header: Header::parse(source).map_err(|why| format!("the camera's picture {why}")),
            quality,
            pixels: None,
            rgb: spare,
            drawings: Vec::new(),
            blended: 0,
            transformed_by: None,
        }
    }

    /// Width and height at this point of the chain.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.known_size().ok()
    }

    /// The same, for those who can't do without.
    ///
    /// # Errors
    /// The JPEG has no readable header.
    pub fn known_size(&self) -> Result<(u32, u32), String> {
        match self.pixels {
            Some(size) => Ok(size),
            None => self
                .header
                .clone()
                .map(|header| (header.width, header.height)),
        }
    }

    /// Puts a drawing on top.
    pub fn draw(&mut self, drawing: Arc<Drawing>) {
        let (width, height) = self.size().unwrap_or_default();
        if !drawing.is_empty_on(width, height) {
            self.drawings.push(drawing);
        }
    }

    /// The picture as pixels, with everything drawn so far.
    ///
    /// # Errors
    /// The JPEG can't be decoded.
    pub fn image(&mut self) -> Result<ImageRef<'_>, String> {
        let (width, height) = self.known_size()?;
        if self.pixels.is_none() {
            let header = self.header.as_ref().map_err(Clone::clone)?;
            codec::decode(self.source, header, &mut self.rgb)
                .map_err(|why| format!("the camera's picture {why}"))?;
            self.pixels = Some((width, height));
        }
        for drawing in &self.drawings[self.blended..] {
            drawing.blend_over(&mut self.rgb, width, height);
        }
        self.blended = self.drawings.len();
        Ok(ImageRef {
            width,
            height,
            rgb: &self.rgb,
        })
    }

    /// Takes a transform's picture instead.
    pub fn replace(&mut self, image: Image, transform: &str) {
        self.pixels = Some((image.width, image.height));
        self.rgb = image.rgb;
        self.drawings.clear();
        self.blended = 0;
        self.transformed_by = Some(transform.to_owned());
    }

    /// What the chain asked for.
    pub fn demand(&self, chain_is_empty: bool) -> Demand<'_> {
        match &self.transformed_by {
            _ if chain_is_empty => Demand::EmptyChain,
            Some(transform) => Demand::Pixels(transform),
            None if !self.drawings.is_empty() => Demand::Drawing,
            None => Demand::Nothing,
        }
    }

    /// The JPEG that `path` makes of it, on which way it really came about, and why.
    ///
    /// # Errors
    /// The picture can't be decoded or encoded.
    pub fn finish(
        &mut self,
        (path, reason): (Path, String),
        splicer: &mut Splicer,
    ) -> Result<(Bytes, Path, String), String> {
        match path {
            Path::Passthrough => Ok((self.source.clone(), path, reason)),
            Path::Splice => match self.splice(splicer) {
                Ok(jpeg) => Ok((jpeg, path, reason)),
                Err(why) => {
                    let reason = format!("{reason}, but {why}");
                    Ok((self.recode()?, Path::Recode, reason))
                }
            },
            Path::Recode => Ok((self.recode()?, path, reason)),
        }
    }

    fn splice(&self, splicer: &mut Splicer) -> Result<Bytes, String> {
        let header = self.header.as_ref().map_err(Clone::clone)?;
        if header.components == 1 && !self.drawings.iter().all(|drawing| drawing.is_grey()) {
            return Err("the camera's picture is grey and the drawing is not".to_owned());
        }
        let (width, height) = (header.width, header.height);
        let covered = self
            .drawings
            .iter()
            .map(|drawing| drawing.area_on(width, height));
        if covered.sum::<u64>() * LARGE_SHARE > u64::from(width) * u64::from(height) {
            return Err("the drawings cover more than a quarter of it".to_owned());
        }
        if self.prepared_bytes() > PREPARED_BYTES {
            return Err("the drawings touch too many of its blocks".to_owned());
        }
        let drawings: Vec<_> = self
            .drawings
            .iter()
            .map(|drawing| drawing.for_jpeg())
            .collect();
        let mut jpeg = Vec::new();
        let spliced = catch(|| splicer.splice(self.source, &drawings, &mut jpeg));
        let spliced = spliced.map_err(|panicked| {
            // It may have left its memory half changed.
            *splicer = Splicer::new();
            format!("drawing on its blocks panicked: {panicked}")
        })?;
        spliced.map_err(|error| error.to_string())?;
        Ok(jpeg.into())
    }

    /// About the memory that splicing keeps for the drawings, in bytes.
    pub fn prepared_bytes(&self) -> u64 {
        let (width, height) = self.size().unwrap_or_default();
        let drawings = self.drawings.iter();
        drawings
            .map(|drawing| drawing.prepared_bytes(width, height))
            .sum()
    }

    fn recode(&mut self) -> Result<Bytes, String> {
        self.image()?;
        let header = self.header.as_ref().map_err(Clone::clone)?;
        let size = self.known_size()?;
        codec::encode(&self.rgb, size, self.quality, header, self.source)
    }

    /// Gives the memory back; it is as long as the pixels were, and empty if there were none.
    pub fn into_spare(mut self) -> Vec<u8> {
        if self.pixels.is_none() {
            self.rgb.clear();
        }
        self.rgb
    }
}
