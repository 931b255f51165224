//! `mattebox cameras`: the local cameras, what they can send, and what can be set.

use std::fmt::Write;

use super::Failure;
use super::output::{out, outln};
use crate::source::camera::{DeviceInfo, check, list};

pub fn run() -> Result<(), Failure> {
    check().map_err(Failure::usage)?;
    let cameras = list().map_err(Failure::run)?;
    if cameras.is_empty() {
        outln!("There is no camera.");
    }
    for camera in &cameras {
        out!("{}", describe(camera));
    }
    Ok(())
}

fn describe(camera: &DeviceInfo) -> String {
    let mut text = format!("{}: {}\n", camera.device, camera.name);
    let mut line = |indent: usize, line: &str| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:indent$}{line}", "");
    };
    match &camera.formats {
        Err(why) => line(2, &why.to_string()),
        Ok(formats) => {
            for format_info in formats {
                line(2, &format!("format: {}", format_info.format));
                for (sizes, rates) in &format_info.sizes {
                    let rates: Vec<_> = rates.iter().map(|rate| format!("{rate:.4}")).collect();
                    let rates: Vec<_> = rates.iter().map(|rate| trim(rate)).collect();
                    match rates.as_slice() {
                        [] => line(4, &format!("size: {sizes}")),
                        rates => line(4, &format!("size: {sizes}, fps: {}", rates.join(", "))),
                    }
                }
            }
        }
    }
    if !camera.controls.is_empty() {
        line(2, "controls:");
    }
    for control in &camera.controls {
        let (least, most) = (control.minimum, control.maximum);
        let (name, default) = (&control.name, control.default);
        line(4, &format!("{name}: {default}  # {least} to {most}"));
    }
    text
}

/// Without zeros at the end.
fn trim(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}
