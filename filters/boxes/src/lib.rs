//! The built-in filter `boxes`: what the stream's inspecting filters found, as boxes with labels.

use std::collections::BTreeMap;

use mattebox_filter::{
    Anchor, BoxLayer, Color, Drawing, FillLayer, FoundRegion, FrameInfo, Layer, Overlay, TextLayer,
    regions,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The most layers that a drawing may have, and a region's own.
const MOST_LAYERS: usize = 256;
const LAYERS_A_REGION: usize = 3;
/// The steps in which old regions fade, so that not every frame has another drawing.
const FADING_STEPS: u64 = 8;

/// The settings of `boxes`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// The labels whose regions are shown, such as `person`. All, if there are none here.
    #[schemars(length(max = 100))]
    labels: Vec<String>,
    /// The filters whose regions are shown, as the pipeline file names them. All, if there are none
    /// here.
    #[schemars(length(max = 100))]
    found_by: Vec<String>,
    /// The least score of a region that is shown, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    min_score: f32,
    /// The colour of lines.
    color: Color,
    /// Other colours by labels, such as `person: red`.
    colors: BTreeMap<String, Color>,
    /// The width of the line in pixels; 0 for none.
    #[schemars(range(max = 64))]
    thickness: u32,
    /// A colour that covers the whole region, such as `black` to hide faces, or `#ff000040`.
    fill: Option<Color>,
    /// By how many pixels the region is made larger on each side.
    #[schemars(range(max = 1000))]
    margin: u32,
    /// The text at the box, with `{label}`, `{score}` (in percent) and `{track}` in it; nothing for
    /// none.
    #[schemars(length(max = 100))]
    text: String,
    /// The height of the text in pixels.
    #[schemars(range(min = 6, max = 512))]
    size: u32,
    /// The colour of the text.
    text_color: Color,
    /// The age in seconds at which a region is not shown any more. It fades in the second half of
    /// that time.
    #[schemars(range(min = 0.1, max = 3600.0))]
    max_age_seconds: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            found_by: Vec::new(),
            min_score: 0.0,
            color: Color::new([255, 165, 0, 255]),
            colors: BTreeMap::new(),
            thickness: 3,
            fill: None,
            margin: 0,
            text: "{label}".to_owned(),
            size: 20,
            text_color: Color::new([0, 0, 0, 255]),
            max_age_seconds: 2.0,
        }
    }
}

/// The filter.
pub struct Boxes {
    config: Config,
    drawn: Option<Vec<Layer>>,
}

impl Overlay for Boxes {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        if let Some(unknown) = unknown_placeholder(&config.text) {
            return Err(format!(
                "`text` may have `{{label}}`, `{{score}}` and `{{track}}` in it, and no \
                 `{{{unknown}}}`"
            ));
        }
        Ok(Self {
            config,
            drawn: None,
        })
    }

    fn draw(&mut self, frame: &FrameInfo) -> Result<Drawing, String> {
        let found = regions();
        let shown = found.iter().filter(|it| self.config.shows(it));
        let shown = shown.take(MOST_LAYERS / LAYERS_A_REGION);
        let layers = shown
            .clone()
            .flat_map(|region| self.config.layers(region, frame));
        let layers: Vec<Layer> = layers.collect();
        if self.drawn.as_ref() == Some(&layers) {
            return Ok(Drawing::Unchanged);
        }
        self.drawn = Some(layers.clone());
        // Until then nothing changes but by what is found.
        let fading = shown.map(|region| self.config.fades_at_ms(region, frame));
        Ok(Drawing::LayersUntil(
            layers,
            fading.min().unwrap_or(u64::MAX),
        ))
    }
}

/// A word in braces that stands for nothing.
fn unknown_placeholder(text: &str) -> Option<&str> {
    let mut words = text.split('{').skip(1).filter_map(|rest| {
        let (word, _) = rest.split_once('}')?;
        word.chars().all(char::is_alphanumeric).then_some(word)
    });
    words.find(|word| !["label", "score", "track"].contains(word))
}

impl Config {
    fn shows(&self, found: &FoundRegion) -> bool {
        let is_listed = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        is_listed(&self.labels, &found.region.label)
            && is_listed(&self.found_by, &found.found_by)
            && found.region.score >= self.min_score
    }

    fn max_age_ms(&self) -> u64 {
        (self.max_age_seconds * 1000.0) as u64
    }

    /// The steps that are left of a region's colours at its age: 0 when it is too old.
    fn steps(&self, found: &FoundRegion, frame: &FrameInfo) -> u64 {
        let age = frame.captured_at_ms.saturating_sub(found.captured_at_ms);
        let most = self.max_age_ms();
        let left = (2 * most.saturating_sub(age) * FADING_STEPS).div_ceil(most.max(1));
        left.min(FADING_STEPS)
    }

    /// When there will be a step less, in milliseconds since 1970.
    fn fades_at_ms(&self, found: &FoundRegion, frame: &FrameInfo) -> u64 {
        let Some(fewer) = self.steps(found, frame).checked_sub(1) else {
            return u64::MAX;
        };
        let most = self.max_age_ms();
        found.captured_at_ms + most - fewer * most / (2 * FADING_STEPS)
    }

    fn layers(&self, found: &FoundRegion, frame: &FrameInfo) -> Vec<Layer> {
        let steps = self.steps(found, frame);
        if steps == 0 {
            return Vec::new();
        }
        let strength = steps as f32 / FADING_STEPS as f32;
        let faded = |color: Color| {
            let [red, green, blue, alpha] = color.rgba;
            Color::new([
                red,
                green,
                blue,
                (f32::from(alpha) * strength).round() as u8,
            ])
        };
        let (area, margin) = (found.region.area, self.margin);
        let (x, y) = (near(area.x, margin), near(area.y, margin));
        let (width, height) = (area.width + 2 * margin, area.height + 2 * margin);
        let color = self.colors.get(&found.region.label).unwrap_or(&self.color);
        // A mask hides at once, and for as long as it is there.
        let fill = self.fill.map(|color| {
            Layer::from(FillLayer {
                x,
                y,
                width: width.min(frame.width.max(1)),
                height: height.min(frame.height.max(1)),
                color,
            })
        });
        let outline = (self.thickness > 0).then(|| {
            Layer::from(BoxLayer {
                x,
                y,
                width,
                height,
                thickness: self.thickness,
                color: faded(*color),
            })
        });
        let text = self.label(found);
        let text = (!text.trim().is_empty()).then(|| {
            Layer::from(TextLayer {
                x,
                y,
                anchor: Anchor::BottomLeft,
                text,
                size: self.size,
                color: faded(self.text_color),
                background: faded(*color),
            })
        });
        [fill, outline, text].into_iter().flatten().collect()
    }

    fn label(&self, found: &FoundRegion) -> String {
        let region = &found.region;
        let score = format!("{:.0} %", region.score * 100.0);
        let track = region
            .track
            .map_or_else(String::new, |track| track.to_string());
        let text = self.text.replace("{score}", &score);
        // Last: a label may have braces of its own.
        let text = text.replace("{track}", &track);
        text.replace("{label}", &region.label)
    }
}

/// The edge of a region that is made larger.
fn near(edge: u32, margin: u32) -> i32 {
    i32::try_from(i64::from(edge) - i64::from(margin)).unwrap_or(i32::MAX)
}

mattebox_filter::export_overlay!(Boxes);

#[cfg(test)]
mod tests;
