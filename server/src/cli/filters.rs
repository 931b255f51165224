//! `mattebox filters`: which filters there are, and what can be set on them.

use std::path::Path;

use super::output::outln;
use super::{Common, Failure, start_engine, start_runtime};
use crate::config::{SettingHelp, settings_help};
use crate::filter::{FilterKind, Manifest, Module, Wanted, builtin};

pub fn run(file: Option<&Path>, common: &Common) -> Result<(), Failure> {
    let runtime = start_runtime()?;
    let (_, compiler) = start_engine(&runtime, common)?;
    let compile = |module: &Module, name: &str| {
        let compiled = runtime.block_on(compiler.compile(module, Wanted::ByList));
        compiled
            .map(|entry| entry.manifest)
            .map_err(|error| Failure::Run(format!("{name}: {error}")))
    };
    let Some(path) = file else {
        for filter in builtin::BUILT_IN {
            show(&compile(&Module::built_in(filter.wasm), filter.name)?)?;
        }
        return Ok(());
    };
    let name = path.display().to_string();
    let module = Module::read(path).map_err(|why| Failure::Run(format!("{name}: {why}")))?;
    show(&compile(&module, &name)?)
}

fn show(filter: &Manifest) -> Result<(), Failure> {
    let kind = match filter.kind {
        FilterKind::Overlay if filter.wants_view() => {
            "overlay: draws, and sees the picture where `sees` allows it"
        }
        FilterKind::Overlay => "overlay: draws, never sees the picture",
        FilterKind::Transform => "transform: works on the picture",
        FilterKind::Inspect => "inspect: looks at the picture beside the frames' way",
    };
    outln!("{} {} ({kind})", filter.name, filter.version);
    if !filter.summary.is_empty() {
        outln!("  {}", filter.summary);
    }
    let schema = serde_json::from_str(&filter.schema);
    let schema = schema.map_err(|error| Failure::Run(format!("{}: {error}", filter.name)))?;
    for setting in settings_help(&schema) {
        show_setting(&setting);
    }
    outln!();
    Ok(())
}

fn show_setting(setting: &SettingHelp) {
    let mut facts = setting.expected.clone();
    if let Some(default) = &setting.default {
        facts += &format!("; default {default}");
    }
    if setting.is_required {
        facts += "; required";
    }
    outln!("    {}: {facts}", setting.name);
    if !setting.summary.is_empty() {
        outln!("        {}", setting.summary);
    }
}
