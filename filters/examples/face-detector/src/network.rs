//! The network: a picture in, 896 guesses out.

use mattebox_filter::image::RgbImage;
use mattebox_filter::image::imageops::{FilterType, resize};
use tract_tflite::prelude::*;

/// The side of the network's input in pixels.
pub const SIDE: u32 = 128;

/// MediaPipe's model for faces within two metres, as `build.sh` fetches and converts it.
const MODEL: &[u8] = include_bytes!("../model/face.tflite");

/// The network, ready to run.
pub struct Network(Arc<TypedRunnableModel>);

/// The network's output.
pub struct Output {
    /// For each anchor 16 numbers in pixels of the input: the box's middle (from the anchor's),
    /// its size, and six points of the face.
    pub boxes: Vec<f32>,
    /// For each anchor the logarithm of the odds that a face is there.
    pub logits: Vec<f32>,
}

impl Network {
    pub fn new() -> Result<Self, String> {
        let load = || {
            let model = tract_tflite::tflite().model_for_read(&mut &*MODEL)?;
            model.into_optimized()?.into_runnable()
        };
        load()
            .map(Self)
            .map_err(|why: TractError| format!("the model can't be read: {why}"))
    }

    pub fn run(&self, picture: &RgbImage) -> Result<Output, String> {
        let input = Tensor::from_shape(&[1, SIDE as usize, SIDE as usize, 3], &normalized(picture));
        let run = || -> TractResult<_> {
            let output = self.0.run(tvec!(input?.into()))?;
            let numbers = |at: usize| -> TractResult<Vec<f32>> {
                Ok(output[at]
                    .to_plain_array_view::<f32>()?
                    .iter()
                    .copied()
                    .collect())
            };
            Ok(Output {
                boxes: numbers(0)?,
                logits: numbers(1)?,
            })
        };
        run().map_err(|why| format!("the network failed: {why}"))
    }
}

/// The picture at the network's size, with -1 for black and 1 for white.
fn normalized(picture: &RgbImage) -> Vec<f32> {
    let small = resize(picture, SIDE, SIDE, FilterType::Triangle);
    let bytes = small.as_raw().iter();
    bytes.map(|&byte| f32::from(byte) / 127.5 - 1.0).collect()
}
