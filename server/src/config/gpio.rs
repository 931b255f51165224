//! `gpio:`: LEDs, contacts and sensors on a Raspberry Pi's pins.

use std::collections::HashSet;
use std::time::Duration;

use super::error::Span;
use super::fields::{Errors, Fields};
use super::model::StreamConfig;
use super::suggest::{hint, quote};
use super::yaml::{Content, Node};

/// The highest pin's number.
const PINS: u64 = 27;
/// The most characters of an input's name, and of the words for its levels.
const WORD_CHARS: usize = 64;

/// All pins that are used.
#[derive(Clone, Debug, PartialEq)]
pub struct GpioConfig {
    /// Whose pins.
    pub backend: GpioBackend,
    /// Indicators.
    pub outputs: Vec<OutputConfig>,
    /// Contacts and sensors.
    pub inputs: Vec<InputConfig>,
    /// Where to show what is wrong with the backend.
    pub span: Span,
}

/// Whose pins are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpioBackend {
    /// Those of the Raspberry Pi that this runs on.
    RaspberryPi,
    /// Files in a folder, relative to the pipeline file's.
    Simulated {
        /// The folder.
        folder: String,
    },
}

/// An indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConfig {
    /// By the processor's numbering (BCM), 0 to 27.
    pub pin: u8,
    /// What it shows.
    pub shows: Indicator,
    /// Whether it is lit when the pin is low. Default: when it is high.
    pub active_low: bool,
}

/// What an indicator shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// The server runs.
    Running,
    /// The camera of the stream of this name is open.
    Captures(String),
    /// That stream has viewers.
    Viewers(String),
    /// That stream fails.
    Failing(String),
}

/// A contact or a sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputConfig {
    /// Filters see its state as the variable `gpio.NAME`.
    pub name: String,
    /// By the processor's numbering (BCM), 0 to 27.
    pub pin: u8,
    /// What the pin is pulled to. Default: nothing.
    pub pull: Pull,
    /// How long a level must last to count, 0 to 10 s. Default 20 ms.
    pub debounce: Duration,
    /// What a high level is called. Default `high`.
    pub high: String,
    /// What a low level is called. Default `low`.
    pub low: String,
}

/// What an input is pulled to while nothing drives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// Nothing.
    #[default]
    Off,
    /// High.
    Up,
    /// Low.
    Down,
}

/// Reads what stands below `gpio`.
pub fn read_gpio(node: &Node, streams: &[StreamConfig], errors: &mut Errors) -> Option<GpioConfig> {
    const KEYS: &[&str] = &["backend", "folder", "outputs", "inputs"];
    let fields = Fields::new(node, "`gpio`", KEYS, errors)?;
    let backends = [("raspberry-pi", false), ("simulated", true)];
    let is_simulated = fields.choice("backend", &backends, errors);
    let folder = fields.text("folder", errors);
    let backend = match (is_simulated.unwrap_or_default(), folder) {
        (false, None) => GpioBackend::RaspberryPi,
        (true, folder) => GpioBackend::Simulated {
            folder: folder.unwrap_or("gpio").to_owned(),
        },
        (false, Some(_)) => {
            let span = fields.key_span("folder").unwrap_or(fields.span());
            errors.add(span, "`folder` is a key of the backend `simulated` only");
            return None;
        }
    };
    let mut reader = Reader {
        streams,
        used: HashSet::new(),
    };
    Some(GpioConfig {
        backend,
        outputs: reader.outputs(&fields, errors),
        inputs: reader.inputs(&fields, errors),
        span: fields.get("backend").map_or(fields.span(), |it| it.span),
    })
}

struct Reader<'a> {
    streams: &'a [StreamConfig],
    used: HashSet<u8>,
}

impl Reader<'_> {
    fn outputs(&mut self, fields: &Fields<'_>, errors: &mut Errors) -> Vec<OutputConfig> {
        let Some(node) = fields.get("outputs") else {
            return Vec::new();
        };
        let Content::List(items) = &node.content else {
            let found = node.describe();
            let message = format!(
                "`outputs`: expected a list such as `- {{ pin: 17, shows: running }}`, found {found}"
            );
            errors.add(node.span, message);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.output(item, errors))
            .collect()
    }

    fn output(&mut self, node: &Node, errors: &mut Errors) -> Option<OutputConfig> {
        type Make = fn(String) -> Indicator;
        const SHOWS: [(&str, Option<Make>); 4] = [
            ("running", None),
            ("captures", Some(Indicator::Captures)),
            ("viewers", Some(Indicator::Viewers)),
            ("failing", Some(Indicator::Failing)),
        ];
        let keys = ["pin", "shows", "stream", "active"];
        let fields = Fields::new(node, "an output", &keys, errors)?;
        let pin = self.pin(&fields, errors);
        let active_low = fields.choice("active", &[("high", false), ("low", true)], errors);
        if fields.get("shows").is_none() {
            let message = "an output needs `shows`: `running`, `captures`, `viewers` or `failing`";
            errors.add(fields.span(), message);
        }
        let make = fields.choice("shows", &SHOWS, errors)?;
        let stream = self.stream(&fields, make.is_some(), errors);
        let shows = match make {
            None => Indicator::Running,
            Some(make) => make(stream?),
        };
        Some(OutputConfig {
            pin: pin?,
            shows,
            active_low: active_low.unwrap_or_default(),
        })
    }

    /// The stream that an indicator is of; the first one if only one can be meant.
    fn stream(&self, fields: &Fields<'_>, is_wanted: bool, errors: &mut Errors) -> Option<String> {
        let names = self.streams.iter().map(|stream| stream.name.as_str());
        let Some(name) = fields.text("stream", errors) else {
            if is_wanted && fields.get("stream").is_none() {
                match self.streams {
                    [only] => return Some(only.name.clone()),
                    _ => errors.add(fields.span(), "this output needs a `stream`: whose?"),
                }
            }
            return None;
        };
        let span = fields.get("stream").map_or(fields.span(), |node| node.span);
        if !is_wanted {
            errors.add(
                span,
                "`running` is of the whole server and takes no `stream`",
            );
            return None;
        }
        if !names.clone().any(|known| known == name) {
            let message = format!("no stream is called {}{}", quote(name), hint(name, names));
            errors.add(span, message);
            return None;
        }
        Some(name.to_owned())
    }

    fn inputs(&mut self, fields: &Fields<'_>, errors: &mut Errors) -> Vec<InputConfig> {
        let Some(node) = fields.get("inputs") else {
            return Vec::new();
        };
        if !matches!(node.content, Content::Mapping(_)) {
            let found = node.describe();
            let message = format!(
                "`inputs`: expected names and pins such as `door: {{ pin: 5 }}`, found {found}"
            );
            errors.add(node.span, message);
        }
        let read = |(name, value): &(Node, Node)| self.input(name, value, errors);
        node.entries().iter().filter_map(read).collect()
    }

    fn input(&mut self, key: &Node, node: &Node, errors: &mut Errors) -> Option<InputConfig> {
        let keys = ["pin", "pull", "debounce", "high", "low"];
        let fields = Fields::new(node, "an input", &keys, errors)?;
        let name = key.text().unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.len() > WORD_CHARS || !name.chars().all(is_word) {
            let message = format!(
                "{} can't be an input's name: use letters, digits, `-` and `_`",
                quote(name)
            );
            errors.add(key.span, message);
        }
        let pulls = [("off", Pull::Off), ("up", Pull::Up), ("down", Pull::Down)];
        let longest = Duration::from_secs(10);
        let debounce = fields.duration("debounce", Duration::ZERO..=longest, errors);
        let mut word = |key, default: &str| {
            let word = fields.text(key, errors).unwrap_or(default);
            word.chars().take(WORD_CHARS).collect()
        };
        let (high, low) = (word("high", "high"), word("low", "low"));
        Some(InputConfig {
            name: name.to_owned(),
            pull: fields.choice("pull", &pulls, errors).unwrap_or_default(),
            debounce: debounce.unwrap_or(Duration::from_millis(20)),
            high,
            low,
            pin: self.pin(&fields, errors)?,
        })
    }

    fn pin(&mut self, fields: &Fields<'_>, errors: &mut Errors) -> Option<u8> {
        let Some(node) = fields.get("pin") else {
            errors.add(fields.span(), "a `pin` is needed: its BCM number, 0 to 27");
            return None;
        };
        let pin = fields.whole("pin", 0..=PINS, errors)? as u8;
        if !self.used.insert(pin) {
            errors.add(node.span, format!("the pin {pin} is used twice"));
            return None;
        }
        Some(pin)
    }
}
