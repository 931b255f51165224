//! One frame while it goes through the chain: still a JPEG, or already pixels; and the path that it
//! takes, the cheapest one that gives the right picture.

use std::sync::Arc;

use jpeg_splice::{Jpeg, Splicer};

use super::drawing::Drawing;
use super::error::{RecodeError, SpliceError};
use crate::codec::{self, DecodeError};
use crate::filter::contract::{Image, ImageRef};
use crate::panics::catch;

/// The most memory that prepared drawings may take, in bytes: a quarter of a picture of 3840
/// × 2160. Beyond it, they are drawn on pixels.
const PREPARED_BYTES: u64 = 96 << 20;

/// The way that a frame's JPEG went.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The camera's own bytes, untouched.
    Passthrough,
    /// Only the blocks under drawings were coded again.
    Splice,
    /// Decoded, filtered, and encoded again.
    Recode,
}

impl Path {
    /// All paths, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Passthrough, Self::Splice, Self::Recode];

    /// Its name in the API and on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Splice => "splice",
            Self::Recode => "recode",
        }
    }
}

/// The result of the filters for a frame, at the end of its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainResult<'a> {
    /// The chain has no steps.
    EmptyChain,
    /// No step changed anything.
    Nothing,
    /// Only layers are to be drawn over the JPEG.
    Drawing,
    /// The transform of this name changed the pixels.
    Pixels(&'a str),
}

/// The cheapest path that may do, and the reason for it, in words for the page. A JPEG that can't
/// be spliced is recoded.
pub fn cheapest_path(result: ChainResult<'_>) -> (Path, String) {
    match result {
        ChainResult::EmptyChain => (Path::Passthrough, "the chain is empty".to_owned()),
        ChainResult::Nothing => (Path::Passthrough, "no filter drew anything".to_owned()),
        ChainResult::Drawing => (Path::Splice, "filters only drew on the picture".to_owned()),
        ChainResult::Pixels(filter) => (Path::Recode, format!("`{filter}` works on pixels")),
    }
}

/// A picture, and what is drawn on it.
pub struct Canvas<'a> {
    source: &'a Jpeg,
    quality: u8,
    /// Width × height × 3 bytes of RGB, once somebody needed them.
    pixels: Option<(u32, u32)>,
    rgb: Vec<u8>,
    splicer: Splicer,
    /// The reason why the camera's picture can't be decoded, once that was tried.
    undecodable: Option<DecodeError>,
    /// The drawings on the camera's picture, or on a transform's, with the step's place in the
    /// chain.
    drawings: Vec<(usize, Arc<Drawing>)>,
    /// The number of them that are in `rgb`.
    blended: usize,
    transformed_by: Option<String>,
}

/// Memory that is kept from frame to frame.
#[derive(Default)]
pub struct Kept {
    /// Memory for pixels. It is as long as the last frame's were, and empty if there were none.
    pub rgb: Vec<u8>,
    /// Tables and prepared drawings.
    pub splicer: Splicer,
}

impl<'a> Canvas<'a> {
    /// Starts with the camera's JPEG.
    pub fn new(source: &'a Jpeg, kept: Kept, quality: u8) -> Self {
        Self {
            source,
            quality,
            pixels: None,
            rgb: kept.rgb,
            splicer: kept.splicer,
            undecodable: None,
            drawings: Vec::new(),
            blended: 0,
            transformed_by: None,
        }
    }

    /// Width and height at this point of the chain, as people see the picture.
    pub fn size(&self) -> (u32, u32) {
        self.pixels.unwrap_or_else(|| self.source.size())
    }

    /// Puts a drawing on top, that of the step at this place in the chain.
    pub fn draw(&mut self, step: usize, drawing: Arc<Drawing>) {
        let (width, height) = self.size();
        if !drawing.is_empty_on(width, height) {
            self.drawings.push((step, drawing));
        }
    }

    /// The places of the steps whose drawings lie on the picture as it is now.
    pub fn drawn_by(&self) -> Vec<usize> {
        self.drawings.iter().map(|(step, _)| *step).collect()
    }

    /// The camera's own JPEG.
    pub fn source(&self) -> &Jpeg {
        self.source
    }

    /// Whether nobody tried to decode the camera's picture in vain.
    pub fn is_decodable(&self) -> bool {
        self.undecodable.is_none()
    }

    /// Whether the picture is a transform's.
    pub fn is_transformed(&self) -> bool {
        self.transformed_by.is_some()
    }

    /// The picture as pixels, upright, with everything drawn so far.
    ///
    /// # Errors
    /// The JPEG can't be decoded.
    pub fn image(&mut self) -> Result<ImageRef<'_>, DecodeError> {
        let (width, height) = self.size();
        if self.pixels.is_none() {
            self.decode()?;
            self.pixels = Some((width, height));
        }
        for (_, drawing) in &self.drawings[self.blended..] {
            drawing.blend_over(&mut self.rgb, width, height);
        }
        self.blended = self.drawings.len();
        Ok(ImageRef {
            width,
            height,
            rgb: &self.rgb,
        })
    }

    fn decode(&mut self) -> Result<(), DecodeError> {
        if let Some(error) = &self.undecodable {
            return Err(error.clone());
        }
        let header = self.source.header();
        let decoded = codec::decode(self.source, &mut self.splicer, &mut self.rgb);
        if let Err(error) = decoded {
            self.undecodable = Some(error.clone());
            return Err(error);
        }
        if !header.orientation.is_upright() {
            let stored = (header.width, header.height);
            self.rgb = header.orientation.show::<3>(&self.rgb, stored);
        }
        Ok(())
    }

    /// Takes a transform's picture instead.
    pub fn replace(&mut self, image: Image, transform: &str) {
        self.pixels = Some((image.width, image.height));
        self.rgb = image.rgb;
        self.drawings.clear();
        self.blended = 0;
        self.transformed_by = Some(transform.to_owned());
    }

    /// The result of the chain.
    pub fn result(&self, chain_is_empty: bool) -> ChainResult<'_> {
        match &self.transformed_by {
            _ if chain_is_empty => ChainResult::EmptyChain,
            Some(transform) => ChainResult::Pixels(transform),
            None if !self.drawings.is_empty() => ChainResult::Drawing,
            None => ChainResult::Nothing,
        }
    }

    /// The JPEG that `path` makes of it, the path that it really took, and the reason for that.
    ///
    /// # Errors
    /// The picture can't be decoded or encoded.
    pub fn finish(
        &mut self,
        (path, reason): (Path, String),
    ) -> Result<(Jpeg, Path, String), RecodeError> {
        match path {
            Path::Passthrough => Ok((self.source.clone(), path, reason)),
            Path::Splice => match self.splice() {
                Ok(jpeg) => Ok((jpeg, path, reason)),
                Err(why) => {
                    let reason = format!("{reason}, but {why}");
                    Ok((self.recode()?, Path::Recode, reason))
                }
            },
            Path::Recode => Ok((self.recode()?, path, reason)),
        }
    }

    fn splice(&mut self) -> Result<Jpeg, SpliceError> {
        let header = self.source.header();
        let drawings = self.drawings.iter().map(|(_, drawing)| drawing);
        if header.components == 1 && !drawings.clone().all(|drawing| drawing.is_grey()) {
            return Err(SpliceError::Grey);
        }
        let drawings: Vec<_> = drawings.map(|drawing| drawing.on_jpeg(header)).collect();
        let spliced = catch(|| self.splice_all(&drawings.iter().collect::<Vec<_>>()));
        spliced.unwrap_or_else(|panicked| {
            // It may have left its memory half changed.
            self.splicer = Splicer::new();
            Err(panicked.into())
        })
    }

    fn splice_all(&mut self, drawings: &[&jpeg_splice::Drawing]) -> Result<Jpeg, SpliceError> {
        let cost = self.splicer.estimate(self.source, drawings)?;
        if cost.favors_recoding() {
            return Err(SpliceError::Cost(cost.splice / cost.recode));
        }
        if cost.prepared_bytes > PREPARED_BYTES {
            return Err(SpliceError::Memory);
        }
        Ok(self.source.splice(&mut self.splicer, drawings)?)
    }

    fn recode(&mut self) -> Result<Jpeg, RecodeError> {
        self.image()?;
        let (size, quality) = (self.size(), self.quality);
        Ok(codec::encode(&self.rgb, size, quality, self.source)?)
    }

    /// Gives the memory back.
    pub fn into_kept(mut self) -> Kept {
        if self.pixels.is_none() {
            self.rgb.clear();
        }
        Kept {
            rgb: self.rgb,
            splicer: self.splicer,
        }
    }
}
