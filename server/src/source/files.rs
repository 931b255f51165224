//! The driver `files`: a recording that is played as if it were a camera.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use jpeg_splice::{Jpeg, Split, Splitter};

use super::file_list::{FileList, is_numbered};
use super::pacer::Pacer;
use super::{Camera, CapturedFrame, FRAME_BYTES, FrameData, Source, SourceError, whole};
use crate::clock::Clock;
use crate::clock::StopToken;
use crate::config::FilesConfig;
use crate::files;

/// JPEG files, which a folder, a glob or a numbered pattern names, or one `.mjpeg` file of JPEGs
/// back to back.
pub struct Files {
    folder: PathBuf,
    path: String,
    fps: f64,
    repeat: bool,
}

impl Files {
    /// Plays what `config` names, relative to `folder`.
    pub fn new(folder: &Path, config: &FilesConfig) -> Self {
        Self {
            folder: folder.to_owned(),
            path: config.path.clone(),
            fps: config.fps,
            repeat: config.repeat,
        }
    }
}

/// Checks that `path` names at least one file below `folder`.
///
/// # Errors
/// A text that says what is missing.
pub fn check(folder: &Path, path: &str) -> Result<(), String> {
    let path = in_folder(folder, path);
    if is_mjpeg(&path) {
        let opened = files::open(&path).map(drop);
        return opened.map_err(|error| format!("{}: {error}", path.display()));
    }
    let list = FileList::find(&path).map_err(|error| error.0)?;
    let dangling: Vec<_> = list.paths().iter().filter_map(|it| dangling(it)).collect();
    match dangling.first() {
        None => Ok(()),
        Some(why) if dangling.len() == list.paths().len() => Err(why.clone()),
        Some(why) => {
            let count = dangling.len();
            tracing::warn!(
                "{count} of the files of {} can't be used: {why}",
                path.display()
            );
            Ok(())
        }
    }
}

/// The target of `path` if it is a link to a file that is not there.
fn dangling(path: &Path) -> Option<String> {
    let target = std::fs::read_link(path).ok()?;
    let is_gone = std::fs::exists(path).is_ok_and(|is_there| !is_there);
    is_gone.then(|| {
        let (path, target) = (path.display(), target.display());
        format!("{path} is a link to {target}, which is not there")
    })
}

/// A literal path as it is, or a pattern in which the folder's own name stands for itself.
fn in_folder(folder: &Path, path: &str) -> PathBuf {
    let literal = folder.join(path);
    if literal.exists() || Path::new(path).is_absolute() || is_numbered(&literal) {
        return literal;
    }
    match folder.to_str() {
        Some(folder) => Path::new(&glob::Pattern::escape(folder)).join(path),
        None => literal,
    }
}

impl Source for Files {
    fn driver(&self) -> &'static str {
        "files"
    }

    fn can_stall(&self) -> bool {
        false
    }

    fn open(&mut self, _stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        // What it is depends on what is there by now.
        let path = in_folder(&self.folder, &self.path);
        let frames: Box<dyn FrameSequence> = if is_mjpeg(&path) {
            Box::new(MjpegFile::open(&path)?)
        } else {
            Box::new(FileList::find(&path)?)
        };
        Ok(Box::new(Player {
            frames,
            pacer: Pacer::new(self.fps),
            repeat: self.repeat,
            played: 0,
            path,
        }))
    }
}

fn is_mjpeg(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("mjpeg") || e.eq_ignore_ascii_case("mjpg"))
}

/// The next item of a recording.
enum Item {
    Frame(Jpeg),
    /// Which, and how it is broken.
    Bad(String),
    End,
}

trait FrameSequence {
    /// The next picture, by `clock`.
    fn next(&mut self, clock: &dyn Clock) -> Result<Item, SourceError>;
    fn rewind(&mut self) -> Result<(), SourceError>;
}

struct Player {
    frames: Box<dyn FrameSequence>,
    pacer: Pacer,
    repeat: bool,
    /// Good frames since the start of the recording.
    played: u64,
    path: PathBuf,
}

impl Camera for Player {
    fn next_frame(&mut self, stop: &StopToken) -> Result<Option<CapturedFrame<'_>>, SourceError> {
        let Some(picture) = self.next(stop)? else {
            return Ok(None);
        };
        // What is left out takes no time.
        if matches!(picture, FrameData::Whole(_)) && !self.pacer.wait(stop) {
            return Ok(None);
        }
        Ok(Some(CapturedFrame {
            picture,
            captured_at: stop.clock().unix(),
            since: Some(stop.clock().now()),
        }))
    }
}

impl Player {
    fn next(&mut self, stop: &StopToken) -> Result<Option<FrameData<'static>>, SourceError> {
        while !stop.is_requested() {
            match self.frames.next(&**stop.clock())? {
                Item::Frame(jpeg) => {
                    self.played += 1;
                    return Ok(Some(FrameData::Whole(jpeg)));
                }
                Item::Bad(why) => return Ok(Some(FrameData::Coded(Err(why)))),
                Item::End if self.played == 0 => {
                    return Err(SourceError(format!(
                        "{}: there is no JPEG in it",
                        self.path.display()
                    )));
                }
                Item::End if !self.repeat => return Ok(None),
                Item::End => {
                    self.played = 0;
                    self.frames.rewind()?;
                }
            }
        }
        Ok(None)
    }
}

impl FrameSequence for FileList {
    fn next(&mut self, clock: &dyn Clock) -> Result<Item, SourceError> {
        while let Some(path) = FileList::next(self, clock) {
            match read_jpeg(&path) {
                Ok(jpeg) => return Ok(Item::Frame(jpeg)),
                Err(_) if let Some(why) = dangling(&path) => {
                    return Ok(Item::Bad(format!("can't be used: {why}")));
                }
                // It has gone since it was found.
                Err(_) if std::fs::exists(&path).is_ok_and(|is_there| !is_there) => {}
                Err(why) => {
                    let why = format!("can't be used: {}: {why}", path.display());
                    return Ok(Item::Bad(why));
                }
            }
        }
        Ok(Item::End)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        Self::rewind(self)
    }
}

/// Reads a file that must be one whole JPEG of at most [`FRAME_BYTES`].
///
/// # Errors
/// A text to stand behind the file's name.
pub fn read_jpeg(path: &Path) -> Result<Jpeg, String> {
    let jpeg = files::read(path, FRAME_BYTES as u64).map_err(|error| error.to_string())?;
    whole(jpeg.into())
}

struct MjpegFile {
    splitter: Splitter<BufReader<File>>,
    path: PathBuf,
    /// Counts pictures, whole or broken, from 1.
    number: u64,
}

impl MjpegFile {
    fn open(path: &Path) -> Result<Self, SourceError> {
        let why = |error| SourceError(format!("{}: {error}", path.display()));
        let file = files::open(path).map_err(why)?;
        Ok(Self {
            splitter: Splitter::new(BufReader::with_capacity(256 << 10, file), FRAME_BYTES),
            path: path.to_owned(),
            number: 0,
        })
    }

    fn error(&self, error: &std::io::Error) -> SourceError {
        SourceError(format!("{}: {error}", self.path.display()))
    }
}

impl FrameSequence for MjpegFile {
    fn next(&mut self, _clock: &dyn Clock) -> Result<Item, SourceError> {
        let split = self.splitter.next_jpeg().map_err(|e| self.error(&e))?;
        self.number += 1;
        let bad = |why: &str| {
            let (path, number) = (self.path.display(), self.number);
            Item::Bad(format!("can't be used: {path}: picture {number} {why}"))
        };
        Ok(match split {
            Split::End => Item::End,
            Split::Broken(why) => bad(&format!("is no JPEG: {why}")),
            Split::Jpeg(jpeg) => whole(jpeg.into()).map_or_else(|why| bad(&why), Item::Frame),
        })
    }

    /// Another file may have come into its place.
    fn rewind(&mut self) -> Result<(), SourceError> {
        *self = Self::open(&self.path)?;
        Ok(())
    }
}
