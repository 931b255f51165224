//! Drawings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A rectangle of pixels to be laid over a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The left edge in pixels from the picture's left edge; may be negative.
    pub x: i32,
    /// The top edge in pixels from the picture's top edge; may be negative.
    pub y: i32,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// Width × height × 4 bytes: red, green, blue and straight (not premultiplied) alpha; rows from
    /// top to bottom, packed.
    pub rgba: Vec<u8>,
}

/// Layers that belong together, the first at the bottom. What lies outside the picture is cut off.
///
/// A [`Splicer`](crate::Splicer) keeps the blocks that it prepares for a drawing as long as the
/// same drawing comes with each frame: so make one when something changes, not for each frame.
/// Clones are the same drawing.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(crate) content: Content,
    /// Tells drawings apart.
    pub(crate) id: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Layers(Arc<[Layer]>),
    /// Whole MCUs of one colour (red, green, blue), by their numbers, in pictures of one layout.
    Fills(Arc<[(u32, [u8; 3])]>),
}

impl Drawing {
    /// A drawing of `layers`. `None` if one's bytes are not as many as its size says.
    pub fn new(layers: Vec<Layer>) -> Option<Self> {
        let fits = |layer: &Layer| {
            let pixels = u64::from(layer.width) * u64::from(layer.height);
            pixels.checked_mul(4) == Some(layer.rgba.len() as u64)
        };
        let are_whole = layers.iter().all(fits);
        are_whole.then(|| Self::of(Content::Layers(layers.into())))
    }

    /// MCUs that are replaced by one colour each, by their numbers, in order.
    pub(crate) fn of_fills(fills: Vec<(u32, [u8; 3])>) -> Self {
        Self::of(Content::Fills(fills.into()))
    }

    fn of(content: Content) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            content,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Its layers, the first at the bottom.
    pub fn layers(&self) -> &[Layer] {
        match &self.content {
            Content::Layers(layers) => layers,
            Content::Fills(_) => &[],
        }
    }
}
