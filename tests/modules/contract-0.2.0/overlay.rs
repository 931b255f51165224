//! The overlay that `contract-0.2.0-overlay.wasm` was built from: it sees the picture, draws a
//! layer of each kind, and tells when it is to be called again.

use mattebox_filter::image::{GrayImage, Luma};
use mattebox_filter::publish::{self, Phase};
use mattebox_filter::view::{self, Shrink};
use mattebox_filter::{
    Anchor, Area, BoxLayer, Color, Drawing, FillLayer, FrameInfo, Layer, MaskLayer, Overlay,
    TextLayer, regions, stream_name, variable,
};

#[derive(Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Fills the left half with the average colour of the right one.
    #[default]
    See,
    /// A layer of each kind.
    Layers,
    /// Its number of calls as a grey square, for a second each.
    Until,
    /// What it is told, as a text.
    Context,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Config {
    mode: Mode,
}

struct Example {
    mode: Mode,
    calls: u8,
}

impl Overlay for Example {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            mode: config.mode,
            calls: 0,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        self.calls += 1;
        match self.mode {
            Mode::See => see(frame),
            Mode::Layers => Ok(Drawing::Layers(layers(frame))),
            Mode::Until => {
                let grey = Color::new([self.calls, self.calls, self.calls, 255]);
                let until = frame.captured_at_ms + 1000;
                Ok(Drawing::LayersUntil(vec![fill([0, 0, 32, 32], grey)], until))
            }
            Mode::Context => context(frame),
        }
    }
}

fn fill([x, y, width, height]: [u32; 4], color: Color) -> Layer {
    let (x, y) = (x as i32, y as i32);
    FillLayer {
        x,
        y,
        width,
        height,
        color,
    }
    .into()
}

fn see(frame: &FrameInfo) -> Result<Drawing, String> {
    let half = frame.width / 2;
    let area = Area {
        x: half,
        y: 0,
        width: frame.width - half,
        height: frame.height,
    };
    let seen = view::rgb(Shrink::None, Some(area))?;
    let mut sums = [0u64; 3];
    for pixel in seen.pixels() {
        sums = std::array::from_fn(|at| sums[at] + u64::from(pixel[at]));
    }
    let [red, green, blue] = sums.map(|sum| (sum / u64::from(area.width * area.height)) as u8);
    let color = Color::new([red, green, blue, 255]);
    Ok(fill([0, 0, half, frame.height], color).into())
}

fn layers(frame: &FrameInfo) -> Vec<Layer> {
    let outline = BoxLayer {
        x: 64,
        y: 8,
        width: 48,
        height: 48,
        thickness: 8,
        color: Color::new([255, 0, 0, 255]),
    };
    let stencil = MaskLayer {
        x: 8,
        y: 64,
        color: Color::new([0, 0, 255, 255]),
        alpha: GrayImage::from_fn(32, 32, |x, _| Luma([if x < 16 { 255 } else { 0 }])),
    };
    let text = TextLayer {
        x: frame.width as i32,
        y: frame.height as i32,
        anchor: Anchor::BottomRight,
        text: "Grüße 正門".to_owned(),
        size: 24,
        color: Color::new([255, 255, 255, 255]),
        background: Color::new([0, 0, 0, 255]),
    };
    let filled = fill([8, 8, 32, 32], Color::new([0, 255, 0, 255]));
    vec![filled, outline.into(), stencil.into(), text.into()]
}

/// Tells what it is told: as a variable, and as an event.
fn context(frame: &FrameInfo) -> Result<Drawing, String> {
    let mut told = vec![stream_name()];
    told.extend(variable("door"));
    told.extend(regions().iter().map(|it| {
        let Area {
            x,
            y,
            width,
            height,
        } = it.region.area;
        format!("{}:{}@{x},{y},{width},{height}", it.found_by, it.region.label)
    }));
    let told = told.join(" ");
    publish::set_variable("told", &told, None)?;
    if variable("event").is_some() {
        publish::event("told", Phase::Moment, &told)?;
    }
    let wrong = [
        publish::event("Wrong Kind", Phase::Moment, "").err(),
        publish::set_variable("gpio.door", "x", None).err(),
    ];
    publish::set_variable("refused", &wrong.map(Option::unwrap_or_default).join("; "), None)?;
    let _ = frame;
    Ok(Drawing::Layers(Vec::new()))
}

mattebox_filter::export_overlay!(Example);
