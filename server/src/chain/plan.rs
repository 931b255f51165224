//! Which path a frame takes: the cheapest one that gives the right picture.

/// The way that a frame's JPEG went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The camera's own bytes, untouched.
    Passthrough,
    /// Decoded, filtered, and encoded again.
    Recode,
}

impl Path {
    /// All paths, the cheapest first.
    pub const ALL: [Self; 2] = [Self::Passthrough, Self::Recode];

    /// What the API and the page call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Recode => "recode",
        }
    }
}

/// What the filters have made of a frame by the end of its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand<'a> {
    /// The chain has no steps.
    EmptyChain,
    /// No step changed anything.
    Nothing,
    /// Only layers are to be drawn over the JPEG. This is where drawing without decoding will fit.
    Drawing,
    /// The transform of this name changed the pixels.
    Pixels(&'a str),
}

/// The path, and why it is that one, in words for the page.
pub fn plan(demand: Demand<'_>) -> (Path, String) {
    match demand {
        Demand::EmptyChain => (Path::Passthrough, "the chain is empty".to_owned()),
        Demand::Nothing => (Path::Passthrough, "no filter drew anything".to_owned()),
        Demand::Drawing => (Path::Recode, "filters drew on the picture".to_owned()),
        Demand::Pixels(filter) => (Path::Recode, format!("`{filter}` works on pixels")),
    }
}
