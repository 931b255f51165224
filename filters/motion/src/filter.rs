//! The detector as a filter: what it sees, and what it tells.

use std::time::Duration;

use mattebox_filter::image::GrayImage;
use mattebox_filter::publish::{self, Phase};
use mattebox_filter::view::{self, Shrink};
use mattebox_filter::{Area, FrameInfo, Inspect, Region, stream_name};

use crate::config::Config;
use crate::detector::{Detector, Findings};
use crate::event::{Event, EventClock};
use crate::luma::Luma;

/// The kind of the events.
const KIND: &str = "motion";
/// The time after which a variable is forgotten when no more frames come.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// The filter.
pub struct Motion {
    detector: Detector,
    variable: String,
    /// The zones, by name, each with what goes on in it.
    zones: Vec<(String, EventClock)>,
}

impl Inspect for Motion {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let clock = |name: &String| (name.clone(), EventClock::new(config.event_gap));
        Ok(Self {
            variable: config.variable.clone(),
            zones: config.zones.keys().map(clock).collect(),
            detector: Detector::new(config)?,
        })
    }

    fn look(&mut self, frame: &FrameInfo) -> Result<Vec<Region>, String> {
        let picture = view::luma(Shrink::Eighth, None)?;
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let luma = Luma::new(width, height, picture.as_raw())?;
        let full = (frame.width, frame.height);
        let findings = self.detector.look(luma, frame.captured_at_ms, full);
        self.tell(&findings, frame.captured_at_ms)?;
        if let Some(shown) = beside(&picture, &findings.picture) {
            publish::show(shown)?;
        }
        Ok(findings.regions.into_iter().map(region).collect())
    }
}

impl Motion {
    fn tell(&mut self, findings: &Findings, now_ms: u64) -> Result<(), String> {
        match findings.event {
            Event::Started => publish::event(KIND, Phase::Start, &words(findings))?,
            Event::Ended { .. } => publish::event(KIND, Phase::End, "")?,
            Event::Going | Event::None => {}
        }
        let name = self.variable.replace("{stream}", &stream_name());
        set(&name, findings.event)?;
        for (zone, clock) in &mut self.zones {
            let moves = findings.regions.iter().any(|it| it.zones.contains(zone));
            set(&format!("{name}.{zone}"), clock.look(moves, now_ms))?;
        }
        Ok(())
    }
}

fn set(name: &str, event: Event) -> Result<(), String> {
    let text = match event {
        Event::Started | Event::Going => "on",
        Event::Ended { .. } | Event::None => "off",
    };
    publish::set_variable(name, text, Some(FORGOTTEN_AFTER))
        .map_err(|why| format!("`variable`: `{name}` can't be set: {why}"))
}

/// The zones in which something began to move.
fn words(findings: &Findings) -> String {
    let mut zones: Vec<&str> = findings
        .regions
        .iter()
        .flat_map(|it| it.zones.iter().map(String::as_str))
        .collect();
    zones.sort_unstable();
    zones.dedup();
    zones.join(", ")
}

fn region(found: crate::detector::Region) -> Region {
    let [x, y, width, height] = found.area;
    Region {
        label: found.label().to_owned(),
        area: Area {
            x,
            y,
            width,
            height,
        },
        score: found.score,
        track: Some(found.track),
    }
}

/// The picture that was looked at, and to the right of it what was thought of it.
fn beside(picture: &GrayImage, thought: &[u8]) -> Option<GrayImage> {
    let (width, height) = picture.dimensions();
    let rows = picture.as_raw().chunks_exact(width as usize);
    let rows = rows.zip(thought.chunks_exact(width as usize));
    let mut both = Vec::with_capacity(2 * thought.len());
    for (left, right) in rows {
        both.extend_from_slice(left);
        both.extend_from_slice(right);
    }
    GrayImage::from_raw(2 * width, height, both)
}

#[cfg(test)]
mod tests {
    use mattebox_filter::image::{Rgb, RgbImage};
    use mattebox_filter::testing;

    use super::*;

    /// A grey yard with a bright square of 80 pixels that is at `x`.
    fn picture(x: u32) -> RgbImage {
        RgbImage::from_fn(640, 480, |column, row| {
            let is_inside = (x..x + 80).contains(&column) && (200..280).contains(&row);
            Rgb([if is_inside { 220 } else { 90 }; 3])
        })
    }

    fn look(filter: &mut Motion, at_ms: u64, x: u32) -> Vec<Region> {
        testing::set_picture(picture(x));
        let frame = FrameInfo {
            captured_at_ms: 1_795_437_296_000 + at_ms,
            width: 640,
            height: 480,
            ..FrameInfo::default()
        };
        filter.look(&frame).unwrap()
    }

    #[test]
    fn what_moves_is_a_region_with_a_variable_and_an_event() {
        testing::set_stream_name("yard");
        let settings = r#"{
            "event-gap": "1s",
            "variable": "{stream}.motion",
            "zones": {"left": "0,0,0.5,0,0.5,1,0,1"}
        }"#;
        let mut filter = Motion::new(serde_json::from_str(settings).unwrap()).unwrap();
        for at in 0..10 {
            assert!(look(&mut filter, at * 200, 560).is_empty());
        }
        assert_eq!(testing::variable("yard.motion").as_deref(), Some("off"));
        let mut found = Vec::new();
        for at in 10..14 {
            found = look(&mut filter, at * 200, (at as u32 - 10) * 40);
        }
        assert_eq!(found[0].label, "left");
        assert!(found[0].track.is_some() && found[0].area.height >= 72);
        for name in ["yard.motion", "yard.motion.left"] {
            assert_eq!(testing::variable(name).as_deref(), Some("on"), "{name}");
        }
        for at in 14..18 {
            look(&mut filter, at * 200, 400);
        }
        let zone = testing::variable("yard.motion.left");
        assert_eq!(zone.as_deref(), Some("on"), "until the gap is over");
        let started = (KIND.to_owned(), Phase::Start, "left".to_owned());
        assert_eq!(testing::take_events(), [started]);
    }

    #[test]
    fn an_event_ends_after_its_gap() {
        let mut filter =
            Motion::new(serde_json::from_str(r#"{"event-gap": "1s"}"#).unwrap()).unwrap();
        for at in 0..10 {
            look(&mut filter, at * 200, 560);
        }
        for at in 10..14 {
            look(&mut filter, at * 200, (at as u32 - 10) * 40);
        }
        assert_eq!(testing::take_events().len(), 1);
        for at in 14..400 {
            look(&mut filter, at * 200, 120);
        }
        let ended = (KIND.to_owned(), Phase::End, String::new());
        assert_eq!(testing::take_events(), [ended]);
        assert_eq!(testing::variable("motion").as_deref(), Some("off"));
    }
}
