//! `mattebox filters`: which filters there are, and what can be set on them.

use std::path::Path;

use super::{Common, Failure, start_engine};
use crate::config::{SettingHelp, settings_help};
use crate::filter::{Filter, Kind, catalogue};

pub fn run(file: Option<&Path>, common: &Common) -> Result<(), Failure> {
    let (_runtime, engine) = start_engine(common)?;
    let Some(path) = file else {
        for filter in catalogue::BUILT_IN {
            show(&Filter::built_in(&engine, filter.name).map_err(Failure::Run)?);
        }
        return Ok(());
    };
    let filter = Filter::from_file(&engine, path)
        .map_err(|why| Failure::Run(format!("{}: {why}", path.display())))?;
    show(&filter);
    Ok(())
}

fn show(filter: &Filter) {
    let kind = match filter.kind() {
        Kind::Overlay => "overlay: draws, never sees the picture",
        Kind::Transform => "transform: works on the picture",
    };
    println!("{} {} ({kind})", filter.name(), filter.version());
    if !filter.summary().is_empty() {
        println!("  {}", filter.summary());
    }
    for setting in settings_help(filter.schema()) {
        show_setting(&setting);
    }
    println!();
}

fn show_setting(setting: &SettingHelp) {
    let mut facts = setting.expected.clone();
    if let Some(default) = &setting.default {
        facts += &format!("; default {default}");
    }
    if setting.is_required {
        facts += "; required";
    }
    println!("    {}: {facts}", setting.name);
    if !setting.summary.is_empty() {
        println!("        {}", setting.summary);
    }
}
