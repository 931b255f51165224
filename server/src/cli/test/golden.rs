//! Golden pictures: what a filter makes of pictures, compared with what it made of them before.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use super::report::Report;
use super::scene::{Moment, Scene};
use super::subject::Subject;
use crate::chain::Answer;
use crate::variables::Snapshot;

/// The most by which a sample of a pixel may differ: what another compiler rounds otherwise.
const TOLERANCE: u8 = 3;
/// The most pixels of a golden picture.
const PIXELS: usize = 64 << 20;

/// The folder of the golden pictures, and whether they are written anew.
pub struct Folder<'a> {
    pub path: &'a Path,
    pub update: bool,
}

/// The result of a filter for a picture.
enum Made {
    Picture(Picture),
    /// The regions that were found, as JSON.
    Regions(String),
}

#[derive(PartialEq)]
struct Picture {
    size: (u32, u32),
    rgb: Vec<u8>,
}

/// Compares what a new instance makes of each scene.
pub fn compare(
    subject: &mut Subject,
    folder: &Folder<'_>,
    scenes: &[&Scene],
    variables: &Snapshot,
    report: &mut Report,
) -> Result<(), String> {
    if folder.update {
        fs::create_dir_all(folder.path).map_err(|error| failure(folder.path, &error))?;
    }
    for scene in scenes {
        let moment = Moment {
            variables: variables.clone(),
            has_regions: true,
            ..Moment::default()
        };
        let Some(answer) = subject.fresh(scene, &moment) else {
            report.problem(
                "golden",
                format!("the filter makes nothing of {}", scene.name),
            );
            continue;
        };
        let made = match answer {
            Answer::Unchanged => Made::Picture(of(scene, scene.image().rgb.to_vec())),
            Answer::Drawing(drawing) => Made::Picture(of(scene, scene.painted(&drawing))),
            Answer::Picture(image) => Made::Picture(Picture {
                size: (image.width, image.height),
                rgb: image.rgb,
            }),
            Answer::Regions(regions) => {
                let json = serde_json::to_string_pretty(&regions);
                Made::Regions(json.map_err(|error| error.to_string())? + "\n")
            }
        };
        one(folder, &scene.name, &made, report)?;
    }
    Ok(())
}

fn of(scene: &Scene, rgb: Vec<u8>) -> Picture {
    Picture {
        size: scene.size,
        rgb,
    }
}

fn one(folder: &Folder<'_>, name: &str, made: &Made, report: &mut Report) -> Result<(), String> {
    let extension = match made {
        Made::Picture(_) => "png",
        Made::Regions(_) => "json",
    };
    let path = folder.path.join(format!("{name}.{extension}"));
    if folder.update {
        report.golden.written += 1;
        return write(&path, made);
    }
    if !path.exists() {
        let text = format!("{} is not there; `--update` writes it", path.display());
        report.problem("golden", text);
        return Ok(());
    }
    report.golden.compared += 1;
    let difference = match made {
        Made::Picture(new) => difference(&read(&path)?, new),
        Made::Regions(new) => {
            let old = fs::read_to_string(&path).map_err(|error| failure(&path, &error))?;
            (old != *new).then(|| "other regions are found".to_owned())
        }
    };
    if let Some(difference) = difference {
        let new = folder.path.join(format!("{name}.new.{extension}"));
        write(&new, made)?;
        report.problem(
            "golden",
            format!("{}: {difference}; see {}", path.display(), new.display()),
        );
    }
    Ok(())
}

/// The difference of two pictures, in words.
fn difference(old: &Picture, new: &Picture) -> Option<String> {
    if old.size != new.size {
        let ((width, height), (old_width, old_height)) = (new.size, old.size);
        return Some(format!(
            "it has {width}×{height} pixels, not {old_width}×{old_height}"
        ));
    }
    let pixels = old.rgb.chunks_exact(3).zip(new.rgb.chunks_exact(3));
    let differs = |(old, new): (&[u8], &[u8])| {
        old.iter()
            .zip(new)
            .any(|(old, new)| old.abs_diff(*new) > TOLERANCE)
    };
    let mut places = pixels
        .enumerate()
        .filter(|(_, pixel)| differs(*pixel))
        .map(|(at, _)| at);
    let first = places.next()?;
    let width = old.size.0 as usize;
    let count = places.count() + 1;
    let (x, y) = (first % width, first / width);
    Some(format!("{count} pixels are others, the first at {x}, {y}"))
}

fn write(path: &Path, made: &Made) -> Result<(), String> {
    match made {
        Made::Regions(json) => fs::write(path, json).map_err(|error| failure(path, &error)),
        Made::Picture(picture) => {
            let file = File::create(path).map_err(|error| failure(path, &error))?;
            let (width, height) = picture.size;
            let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let written = encoder.write_header().and_then(|mut writer| {
                writer.write_image_data(&picture.rgb)?;
                writer.finish()
            });
            written.map_err(|error| failure(path, &error))
        }
    }
}

fn read(path: &Path) -> Result<Picture, String> {
    let file = File::open(path).map_err(|error| failure(path, &error))?;
    let limits = png::Limits { bytes: 3 * PIXELS };
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(file), limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| failure(path, &error))?;
    let size = reader.info().size();
    let most = reader
        .output_buffer_size()
        .filter(|bytes| *bytes <= 4 * PIXELS);
    let most = most.ok_or_else(|| failure(path, &"it has too many pixels"))?;
    let mut bytes = vec![0; most];
    let frame = reader
        .next_frame(&mut bytes)
        .map_err(|error| failure(path, &error))?;
    bytes.truncate(frame.buffer_size());
    let rgb = match frame.color_type {
        png::ColorType::Rgb => bytes,
        // What other programs may have made of it.
        other => {
            let pixels = bytes.chunks_exact(other.samples());
            let color = |pixel: &[u8]| match pixel {
                [red, green, blue, ..] => [*red, *green, *blue],
                grey => [grey[0]; 3],
            };
            pixels.flat_map(color).collect()
        }
    };
    Ok(Picture { size, rgb })
}

fn failure(path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("{}: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rgb: &[u8]) -> Picture {
        Picture {
            size: (2, 1),
            rgb: rgb.to_vec(),
        }
    }

    #[test]
    fn what_differs_is_told_but_not_what_is_rounded() {
        let old = picture(&[10, 20, 30, 40, 50, 60]);
        assert_eq!(difference(&old, &picture(&[12, 20, 30, 40, 50, 57])), None);
        let other = difference(&old, &picture(&[10, 20, 30, 40, 50, 90]));
        assert_eq!(other.unwrap(), "1 pixels are others, the first at 1, 0");
        let turned = Picture {
            size: (1, 2),
            ..picture(&[0; 6])
        };
        assert!(
            difference(&old, &turned)
                .unwrap()
                .contains("1×2 pixels, not 2×1")
        );
    }
}
