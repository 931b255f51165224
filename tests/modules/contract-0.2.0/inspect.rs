//! The filter that `contract-0.2.0-inspect.wasm` was built from: it finds what variables say.

use mattebox_filter::publish::{self, Phase};
use mattebox_filter::view::{self, Shrink};
use mattebox_filter::{Area, FrameInfo, Inspect, Region, variable};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Example {
    is_open: bool,
}

impl Inspect for Example {
    type Config = Config;

    fn new(_: Config) -> Result<Self, String> {
        Ok(Self { is_open: false })
    }

    fn look(&mut self, frame: &FrameInfo) -> Result<Vec<Region>, String> {
        if let Some(why) = variable("refuse") {
            return Err(why);
        }
        assert!(variable("panic").is_none(), "the variable `panic` is set");
        let small = view::luma(Shrink::Eighth, None)?;
        let half = view::rgb(Shrink::Half, None)?;
        let seen = format!("{:?} {:?}", small.dimensions(), half.dimensions());
        publish::set_variable("seen", &seen, None)?;
        let is_open = variable("event").is_some();
        match (self.is_open, is_open) {
            (false, true) => publish::event("seen", Phase::Start, &seen)?,
            (true, false) => publish::event("seen", Phase::End, "")?,
            _ => {}
        }
        self.is_open = is_open;
        let score = variable("score").map_or(Ok(0.5), |text| text.parse());
        Ok(vec![Region {
            area: Area {
                x: frame.width / 4,
                y: frame.height / 2,
                width: frame.width,
                height: 8,
            },
            label: variable("label").unwrap_or("spot".to_owned()),
            score: score.map_err(|error| format!("{error}"))?,
            track: None,
        }])
    }
}

mattebox_filter::export_inspect!(Example);
