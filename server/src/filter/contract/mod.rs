//! The versions of the filter contract (`filter-sdk/wit`), each behind [`Contract`].
//!
//! The version is read off a module's exports before any of it runs. Each version has a file with
//! its types and calls, so that a module built for it loads for ever. The server works with the
//! types of the newest one, into which those of older ones are made.

mod v0_1;
mod v0_2;

use std::time::Duration;

use semver::Version;
use wasmparser::{Parser, Payload};
use wasmtime::component::Linker;

use super::FilterKind;
use super::answer::Answer;
use super::failure::{CallError, FilterFault};
use super::instance::Guest;
use super::kinds::Function;
use super::limits::START_TIME;
use super::module::ModuleError;
use super::wasi::HostState;
use crate::log::sanitize;
use crate::region::Region;
pub use v0_1::{Description, Image, ImageRef, Level, RgbaLayer};
pub use v0_2::{Anchor, BoxLayer, Color, FillLayer, FrameInfo, Layer, MaskLayer, TextLayer};

/// Every version that the server knows, the newest first.
const KNOWN: [&dyn Contract; 2] = [&v0_2::V0_2, &v0_1::V0_1];
/// The start of the names of the contract's interfaces.
const PACKAGE: &str = "mattebox:filter/";

/// A version of the contract. Answers are what the filter gave: not checked yet.
pub trait Contract: Sync {
    /// The version that this is.
    fn version(&self) -> Version;

    /// The interface that every filter exports.
    fn lifecycle(&self) -> &'static str;

    /// The kinds of filter, each with the interface whose export makes it.
    fn kinds(&self) -> &'static [(FilterKind, &'static str)];

    /// Adds what its filters can import.
    ///
    /// # Errors
    /// An import stands in `linker` already.
    fn link(&self, linker: &mut Linker<HostState>) -> wasmtime::Result<()>;

    /// The filter's description of itself.
    ///
    /// # Errors
    /// The export is missing or of another type, or its call fails.
    fn describe(&self, guest: &mut Guest) -> Result<Description, FilterFault> {
        let describe = guest.function(self.lifecycle(), "describe")?;
        let describe = guest.typed(describe)?;
        let (description,) = guest.call(&describe, (), Answer::Description, START_TIME)?;
        Ok(description)
    }

    /// Hands the filter its settings, a JSON object.
    ///
    /// # Errors
    /// Those of `describe`; or the filter refuses them.
    fn configure(&self, guest: &mut Guest, json: &str) -> Result<(), CallError> {
        let configure = guest.function(self.lifecycle(), "configure")?;
        let configure = guest.typed(configure)?;
        guest.ask(&configure, (json,), Answer::Configured, START_TIME)
    }

    /// The function that is called for each frame of a filter of this `kind`.
    ///
    /// # Errors
    /// The export is missing or of another type.
    fn function(&self, guest: &mut Guest, kind: FilterKind) -> Result<Function, FilterFault>;
}

/// An overlay's answer.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// The layers, the first at the bottom.
    pub layers: Vec<Layer>,
    /// The time before which frames need no other drawing, in milliseconds since 1970-01-01 00:00
    /// UTC.
    pub until_ms: Option<u64>,
}

/// An overlay's function, called for each frame.
pub trait Draw: Send {
    /// The drawing for `frame`; none if it is that of the call before.
    ///
    /// # Errors
    /// The filter refuses the frame, or its call fails or takes longer than `limit`.
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        limit: Duration,
    ) -> Result<Option<Drawing>, CallError>;
}

/// A transform's function, called for each frame.
pub trait Apply: Send {
    /// The picture that takes the place of `image`.
    ///
    /// # Errors
    /// The filter refuses the picture, or its call fails or takes longer than `limit`.
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        image: ImageRef<'_>,
        limit: Duration,
    ) -> Result<Image, CallError>;
}

/// An inspecting filter's function, called for frames at its own rate.
pub trait Look: Send {
    /// The regions that it finds in the picture of `frame`.
    ///
    /// # Errors
    /// The filter refuses the frame, or its call fails or takes longer than `limit`.
    fn call(
        &self,
        guest: &mut Guest,
        frame: &FrameInfo,
        limit: Duration,
    ) -> Result<Vec<Region>, CallError>;
}

/// Adds what filters of any version can import.
///
/// # Errors
/// Only if two definitions clash, which is a mistake in the server.
pub fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    KNOWN.iter().try_for_each(|contract| contract.link(linker))
}

/// The newest known contract whose interfaces are among `exports`, and the kind of filter that they
/// make.
///
/// # Errors
/// They make none.
pub fn of<'e>(
    exports: impl Iterator<Item = &'e str>,
) -> Result<(&'static dyn Contract, FilterKind), ModuleError> {
    let exports: Vec<_> = exports.collect();
    check_version(exports.iter().copied())?;
    let versions: Vec<_> = versions(exports.iter().copied()).collect();
    let of_module = |contract: &&dyn Contract| versions.contains(&contract.version());
    let contract = KNOWN.into_iter().find(of_module).unwrap_or(KNOWN[0]);
    Ok((contract, kind(contract, &exports)?))
}

/// Checks the version of a module with these `exports`. One that exports interfaces of several may
/// be used by each.
///
/// # Errors
/// It is built for versions that are not known.
pub fn check_version<'e>(exports: impl Iterator<Item = &'e str>) -> Result<(), ModuleError> {
    let mut found: Vec<_> = versions(exports).collect();
    found.sort();
    let is_known = |version: &Version| KNOWN.iter().any(|known| known.version() == *version);
    match found.last() {
        Some(newest) if !found.iter().any(is_known) => Err(ModuleError::Version(unknown(newest))),
        _ => Ok(()),
    }
}

/// The versions of the contract's interfaces among `exports`.
fn versions<'e>(exports: impl Iterator<Item = &'e str>) -> impl Iterator<Item = Version> {
    exports.filter_map(|name| {
        let (_, version) = name.strip_prefix(PACKAGE)?.rsplit_once('@')?;
        Version::parse(version).ok()
    })
}

/// The versions that are known, beside that of a module, which is not.
fn unknown(version: &Version) -> String {
    let known = KNOWN.map(|contract| contract.version().to_string());
    let known = known.join(" and ");
    let newest = KNOWN[0].version();
    let advice = match *version > newest {
        true => "update the server".to_owned(),
        false => format!("build the filter anew for {newest}"),
    };
    sanitize(&format!("{version}; this server knows {known}: {advice}"))
}

/// The kind that `exports` make a filter of `contract`.
fn kind(contract: &dyn Contract, exports: &[&str]) -> Result<FilterKind, ModuleError> {
    let lifecycle = contract.lifecycle();
    if !exports.contains(&lifecycle) {
        let found = match exports {
            [] => "nothing".to_owned(),
            names => sanitize(&names.join(", ")),
        };
        return Err(ModuleError::NoFilter(found, lifecycle));
    }
    let kinds = contract.kinds().iter();
    let found: Vec<_> = kinds.filter(|(_, name)| exports.contains(name)).collect();
    match found.as_slice() {
        [(kind, _)] => Ok(*kind),
        [] => Err(ModuleError::NoKind(names(contract.kinds().iter(), " nor "))),
        several => Err(ModuleError::SeveralKinds(names(
            several.iter().copied(),
            " and ",
        ))),
    }
}

fn names<'k>(kinds: impl Iterator<Item = &'k (FilterKind, &'static str)>, between: &str) -> String {
    let names: Vec<_> = kinds.map(|(_, name)| format!("`{name}`")).collect();
    names.join(between)
}

/// Whether `import` is, in whatever version, the interface `name` of the contract.
pub fn is_interface(import: &str, name: &str) -> bool {
    let interface = import.strip_prefix(PACKAGE);
    interface
        .and_then(|it| it.split_once('@'))
        .is_some_and(|(it, _)| it == name)
}

/// The names that `component` exports. Of a damaged one, those before the damage; it is refused
/// when it is compiled.
pub fn exports(component: &[u8]) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 1 => {
                let exports = section.into_iter().map_while(Result::ok);
                names.extend(exports.map(|export| export.name.full_name().into_owned()));
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(exports: &[&str]) -> String {
        let refused = of(exports.iter().copied()).err();
        refused.unwrap().to_string()
    }

    #[test]
    fn a_module_of_several_versions_is_used_by_the_one_that_is_known() {
        let exports = [
            "mattebox:filter/lifecycle@0.1.0",
            "mattebox:filter/overlay@0.1.0",
            "mattebox:filter/overlay@7.0.0",
        ];
        let (contract, kind) = of(exports.into_iter()).ok().unwrap();
        assert_eq!(contract.version(), Version::new(0, 1, 0));
        assert_eq!(kind, FilterKind::Overlay);
    }

    #[test]
    fn exports_that_make_no_filter_are_told() {
        let lifecycle = "mattebox:filter/lifecycle@0.1.0";
        let [overlay, transform] =
            ["overlay", "transform"].map(|name| format!("mattebox:filter/{name}@0.1.0"));
        for (exports, why) in [
            (
                vec![],
                "it exports nothing, not `mattebox:filter/lifecycle@0.2.0`",
            ),
            (vec!["mattebox:filter/overlay"], "no Mattebox filter"),
            (vec![overlay.as_str()], "no Mattebox filter"),
            (
                vec![lifecycle],
                "exports neither `mattebox:filter/overlay@0.1.0` nor `",
            ),
            (
                vec![lifecycle, &overlay, &transform],
                "exports both `mattebox:filter/overlay@0.1.0` and `",
            ),
        ] {
            let error = refusal(&exports);
            assert!(error.contains(why), "{error}");
        }
    }
}
