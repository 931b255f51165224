//! Which path a frame takes: the cheapest one that gives the right picture.

/// The way that a frame's JPEG went.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The camera's own bytes, untouched.
    Passthrough,
    /// Only the blocks under drawings were coded again.
    Splice,
    /// Decoded, filtered, and encoded again.
    Recode,
}

impl Path {
    /// All paths, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Passthrough, Self::Splice, Self::Recode];

    /// What the API and the page call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Splice => "splice",
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
    /// Only layers are to be drawn over the JPEG.
    Drawing,
    /// The transform of this name changed the pixels.
    Pixels(&'a str),
}

/// The cheapest path that may do, and why it is that one, in words for the page. A JPEG that can't be spliced
/// is recoded.
pub fn plan(demand: Demand<'_>) -> (Path, String) {
    match demand {
        Demand::EmptyChain => (Path::Passthrough, "the chain is empty".to_owned()),
        Demand::Nothing => (Path::Passthrough, "no filter drew anything".to_owned()),
        Demand::Drawing => (Path::Splice, "filters only drew on the picture".to_owned()),
        Demand::Pixels(filter) => (Path::Recode, format!("`{filter}` works on pixels")),
    }
}
