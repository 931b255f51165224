//! Finds faces: MediaPipe's BlazeFace, run by tract inside the WebAssembly module.
//!
//! The network sees 128 × 128 pixels at a time. It is shown where the filter `motion` saw
//! something, where faces were at the look before, and the whole picture now and then.

mod decode;
mod face;
mod network;
mod track;
mod window;

use mattebox_filter::view::{self, Shrink};
use mattebox_filter::{FrameInfo, Inspect, Region, regions};
use schemars::JsonSchema;
use serde::Deserialize;

use face::{Face, without_doubles};
use network::Network;
use track::Tracks;
use window::Window;

/// The most windows of a look: each is a run of the network. A call may ask for 16 pictures.
const MOST_WINDOWS: usize = 8;

/// The settings of `face-detector`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Config {
    /// The least score of a face that is told, 0 to 1.
    #[schemars(range(min = 0.1, max = 1.0))]
    min_score: f64,
    /// The whole picture is looked at every so many looks, and whenever nothing moves.
    #[schemars(range(min = 1, max = 1000))]
    whole_every: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_score: 0.6,
            whole_every: 5,
        }
    }
}

/// The filter.
struct FaceDetector {
    config: Config,
    network: Network,
    tracks: Tracks,
    looks: u32,
}

impl Inspect for FaceDetector {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self {
            config,
            network: Network::new()?,
            tracks: Tracks::default(),
            looks: 0,
        })
    }

    fn look(&mut self, frame: &FrameInfo) -> Result<Vec<Region>, String> {
        let mut found = Vec::new();
        for window in self.windows(frame) {
            found.extend(self.faces_in(window)?);
        }
        let faces = without_doubles(found);
        let tracked = self.tracks.follow(faces, frame.captured_at_ms);
        Ok(tracked
            .into_iter()
            .filter_map(|(face, track)| face.region(track, (frame.width, frame.height)))
            .collect())
    }
}

impl FaceDetector {
    fn windows(&mut self, frame: &FrameInfo) -> Vec<Window> {
        let size = (frame.width, frame.height);
        let faces = self.tracks.faces().map(|face| Window::around(face, size));
        let motion = regions();
        let motion = motion.iter().filter(|it| it.found_by == "motion");
        let motion = motion.map(|it| Window::of_motion(it.region.area, size));
        let mut windows: Vec<Window> = faces.collect();
        for window in motion {
            if !windows.iter().any(|other| other.contains(&window)) {
                windows.push(window);
            }
        }
        windows.truncate(MOST_WINDOWS);
        let is_due = self.looks.is_multiple_of(self.config.whole_every);
        self.looks = self.looks.wrapping_add(1);
        if is_due || windows.is_empty() {
            windows.extend(Window::of_whole(size));
        }
        windows.truncate(MOST_WINDOWS);
        windows
    }

    fn faces_in(&self, window: Window) -> Result<Vec<Face>, String> {
        let shrink = match window.side / network::SIDE {
            8.. => Shrink::Eighth,
            4.. => Shrink::Quarter,
            2.. => Shrink::Half,
            _ => Shrink::None,
        };
        let picture = view::rgb(shrink, Some(window.area()))?;
        let output = self.network.run(&picture)?;
        let faces = decode::faces(&output, self.config.min_score);
        Ok(faces.map(|face| face.placed(window)).collect())
    }
}

mattebox_filter::export_inspect!(FaceDetector);
