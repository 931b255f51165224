//! The layers that overlays draw: pixels of their own, or shapes and texts that the server draws.
//!
//! What lies outside the picture is cut off.

use image::{GrayImage, RgbaImage};

use crate::Color;
use crate::bindings::overlay::exports::mattebox::filter::overlay;

/// Something to be drawn over the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Pixels of its own.
    Rgba(RgbaLayer),
    /// One colour through a stencil.
    Mask(MaskLayer),
    /// A rectangle of one colour.
    Fill(FillLayer),
    /// The outline of a rectangle.
    Box(BoxLayer),
    /// A text, which the server writes in its fonts, in every script.
    Text(TextLayer),
}

/// A picture to be laid over the camera's.
#[derive(Clone, Debug, PartialEq)]
pub struct RgbaLayer {
    /// The left edge in pixels from the picture's left edge.
    pub x: i32,
    /// The top edge in pixels from the picture's top edge.
    pub y: i32,
    /// The pixels, with straight alpha. Each side 1 to 16384.
    pub image: RgbaImage,
}

/// One colour through a stencil.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskLayer {
    /// The left edge in pixels from the picture's left edge.
    pub x: i32,
    /// The top edge in pixels from the picture's top edge.
    pub y: i32,
    /// The colour.
    pub color: Color,
    /// The part of it that is seen, 0 to 255.
    pub alpha: GrayImage,
}

/// A rectangle of one colour.
#[derive(Clone, Debug, PartialEq)]
pub struct FillLayer {
    /// The left edge in pixels from the picture's left edge.
    pub x: i32,
    /// The top edge in pixels from the picture's top edge.
    pub y: i32,
    /// The width, 1 to 16384.
    pub width: u32,
    /// The height, 1 to 16384.
    pub height: u32,
    /// The colour.
    pub color: Color,
}

/// The outline of a rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxLayer {
    /// The outer left edge in pixels from the picture's left edge.
    pub x: i32,
    /// The outer top edge in pixels from the picture's top edge.
    pub y: i32,
    /// The outer width, 1 to 16384.
    pub width: u32,
    /// The outer height, 1 to 16384.
    pub height: u32,
    /// The line's width in pixels, 1 to 256, inwards.
    pub thickness: u32,
    /// The line's colour.
    pub color: Color,
}

/// The corner of a text's box that its place tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The upper left one.
    #[default]
    TopLeft,
    /// The upper right one.
    TopRight,
    /// The lower left one.
    BottomLeft,
    /// The lower right one.
    BottomRight,
    /// The middle of the box.
    Center,
}

/// A text. It is moved into the picture where it would be cut off, and written smaller where it is
/// larger than the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLayer {
    /// The anchor's place in pixels from the picture's left edge.
    pub x: i32,
    /// The anchor's place in pixels from the picture's top edge.
    pub y: i32,
    /// The part of the box that lies there.
    pub anchor: Anchor,
    /// 1 to 1000 characters; a line break starts a new line.
    pub text: String,
    /// The height of a line in pixels, 6 to 512.
    pub size: u32,
    /// The colour of the letters.
    pub color: Color,
    /// The colour of the box behind them.
    pub background: Color,
}

impl Layer {
    /// `image` with its top left corner at `x`, `y`.
    pub fn new(x: i32, y: i32, image: RgbaImage) -> Self {
        Self::Rgba(RgbaLayer { x, y, image })
    }

    /// Its own pixels, if it has some.
    pub fn into_rgba(self) -> Option<RgbaLayer> {
        match self {
            Self::Rgba(layer) => Some(layer),
            _ => None,
        }
    }
}

impl From<RgbaLayer> for Layer {
    fn from(layer: RgbaLayer) -> Self {
        Self::Rgba(layer)
    }
}

impl From<MaskLayer> for Layer {
    fn from(layer: MaskLayer) -> Self {
        Self::Mask(layer)
    }
}

impl From<FillLayer> for Layer {
    fn from(layer: FillLayer) -> Self {
        Self::Fill(layer)
    }
}

impl From<BoxLayer> for Layer {
    fn from(layer: BoxLayer) -> Self {
        Self::Box(layer)
    }
}

impl From<TextLayer> for Layer {
    fn from(layer: TextLayer) -> Self {
        Self::Text(layer)
    }
}

fn color(color: Color) -> overlay::Color {
    let [red, green, blue, alpha] = color.rgba;
    overlay::Color {
        red,
        green,
        blue,
        alpha,
    }
}

impl From<Layer> for overlay::Layer {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Rgba(RgbaLayer { x, y, image }) => Self::Rgba(overlay::RgbaLayer {
                x,
                y,
                width: image.width(),
                height: image.height(),
                rgba: image.into_raw(),
            }),
            Layer::Mask(layer) => Self::Mask(overlay::MaskLayer {
                x: layer.x,
                y: layer.y,
                width: layer.alpha.width(),
                height: layer.alpha.height(),
                color: color(layer.color),
                alpha: layer.alpha.into_raw(),
            }),
            Layer::Fill(layer) => Self::Fill(overlay::FillLayer {
                x: layer.x,
                y: layer.y,
                width: layer.width,
                height: layer.height,
                color: color(layer.color),
            }),
            Layer::Box(layer) => Self::Box(overlay::BoxLayer {
                x: layer.x,
                y: layer.y,
                width: layer.width,
                height: layer.height,
                thickness: layer.thickness,
                color: color(layer.color),
            }),
            Layer::Text(layer) => Self::Text(text(layer)),
        }
    }
}

fn text(layer: TextLayer) -> overlay::TextLayer {
    overlay::TextLayer {
        x: layer.x,
        y: layer.y,
        anchor: match layer.anchor {
            Anchor::TopLeft => overlay::Anchor::TopLeft,
            Anchor::TopRight => overlay::Anchor::TopRight,
            Anchor::BottomLeft => overlay::Anchor::BottomLeft,
            Anchor::BottomRight => overlay::Anchor::BottomRight,
            Anchor::Center => overlay::Anchor::Center,
        },
        text: layer.text,
        size: layer.size,
        color: color(layer.color),
        background: color(layer.background),
    }
}
