//! The driver `files`: a recording that is played as if it were a camera.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use jpeg_splice::{Jpeg, Splitter};

use super::file_list::{FileList, PathFault, RecordingError, is_numbered};
use super::pacer::Pacer;
use super::{Camera, CapturedFrame, Configured, FRAME_BYTES, FrameData, Source, SourceError};
use crate::clock::Clock;
use crate::clock::StopToken;
use crate::config::FilesConfig;
use crate::files;

/// Checks that `path` names at least one file below `folder`.
///
/// # Errors
/// It names none, or none that can be opened.
pub fn check(folder: &Path, path: &str) -> Result<(), RecordingError> {
    let path = in_folder(folder, path);
    if is_mjpeg(&path) {
        return MjpegFile::open(&path).map(drop);
    }
    let list = FileList::find(&path)?;
    let dangling = list.paths().iter().filter_map(|it| dangling(it));
    let mut dangling: Vec<_> = dangling.collect();
    match dangling.len() {
        0 => Ok(()),
        count if count == list.paths().len() => Err(dangling.swap_remove(0)),
        count => {
            let (path, error) = (path.display(), &dangling[0]);
            tracing::warn!(%path, count, %error, "files of a recording can't be used");
            Ok(())
        }
    }
}

/// The error of `path` if it is a link to a file that is not there.
fn dangling(path: &Path) -> Option<RecordingError> {
    let target = std::fs::read_link(path).ok()?;
    let is_gone = std::fs::exists(path).is_ok_and(|is_there| !is_there);
    is_gone.then(|| RecordingError::DanglingLink {
        path: path.to_owned(),
        target,
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

/// JPEG files, which a folder, a glob or a numbered pattern names, or one `.mjpeg` file of JPEGs
/// back to back.
impl Source for Configured<FilesConfig> {
    fn driver(&self) -> &'static str {
        "files"
    }

    fn can_stall(&self) -> bool {
        false
    }

    fn open(&mut self, _stop: &StopToken) -> Result<Box<dyn Camera + '_>, SourceError> {
        // What it is depends on what is there by now.
        let path = in_folder(&self.folder, &self.config.path);
        let frames: Box<dyn FrameSequence> = if is_mjpeg(&path) {
            Box::new(MjpegFile::open(&path)?)
        } else {
            Box::new(FileList::find(&path)?)
        };
        Ok(Box::new(Player {
            frames,
            pacer: Pacer::new(self.config.fps),
            repeat: self.config.repeat,
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
    Bad(RecordingError),
    End,
}

trait FrameSequence {
    /// The next picture, by `clock`.
    fn next(&mut self, clock: &dyn Clock) -> Result<Item, RecordingError>;
    fn rewind(&mut self) -> Result<(), RecordingError>;
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
        let since = Some(stop.clock().now());
        let frame = CapturedFrame::now(picture, stop);
        Ok(Some(CapturedFrame { since, ..frame }))
    }
}

impl Player {
    fn next(&mut self, stop: &StopToken) -> Result<Option<FrameData<'static>>, RecordingError> {
        while !stop.is_requested() {
            match self.frames.next(&**stop.clock())? {
                Item::Frame(jpeg) => {
                    self.played += 1;
                    return Ok(Some(FrameData::Whole(jpeg)));
                }
                Item::Bad(why) => return Ok(Some(FrameData::Coded(Err(why.into())))),
                Item::End if self.played == 0 => return Err(PathFault::NoPicture.at(&self.path)),
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
    fn next(&mut self, clock: &dyn Clock) -> Result<Item, RecordingError> {
        while let Some(path) = FileList::next(self, clock) {
            match read_jpeg(&path) {
                Ok(jpeg) => return Ok(Item::Frame(jpeg)),
                Err(_) if let Some(why) = dangling(&path) => return Ok(Item::Bad(why)),
                // It has gone since it was found.
                Err(_) if std::fs::exists(&path).is_ok_and(|is_there| !is_there) => {}
                Err(fault) => return Ok(Item::Bad(fault.at(&path))),
            }
        }
        Ok(Item::End)
    }

    fn rewind(&mut self) -> Result<(), RecordingError> {
        Self::rewind(self)
    }
}

/// Reads a file that must be one whole JPEG of at most [`FRAME_BYTES`].
fn read_jpeg(path: &Path) -> Result<Jpeg, PathFault> {
    let jpeg = files::read(path, FRAME_BYTES as u64)?;
    Ok(Jpeg::new(jpeg.into())?)
}

struct MjpegFile {
    splitter: Splitter<BufReader<File>>,
    path: PathBuf,
    /// Counts pictures, whole or broken, from 1.
    number: u64,
}

impl MjpegFile {
    fn open(path: &Path) -> Result<Self, RecordingError> {
        let opened = files::open(path);
        let file = opened.map_err(|error| PathFault::File(error).at(path))?;
        Ok(Self {
            splitter: Splitter::new(BufReader::with_capacity(256 << 10, file), FRAME_BYTES),
            path: path.to_owned(),
            number: 0,
        })
    }
}

impl FrameSequence for MjpegFile {
    fn next(&mut self, _clock: &dyn Clock) -> Result<Item, RecordingError> {
        let split = self.splitter.next_jpeg();
        let split = split.map_err(|error| PathFault::Io(error).at(&self.path))?;
        self.number += 1;
        let number = self.number;
        let bad = |why| Item::Bad(PathFault::Picture(number, why).at(&self.path));
        let picture = split.picture().map(|jpeg| jpeg.and_then(Jpeg::new));
        Ok(picture.map_or(Item::End, |jpeg| jpeg.map_or_else(bad, Item::Frame)))
    }

    /// Another file may have come into its place.
    fn rewind(&mut self) -> Result<(), RecordingError> {
        *self = Self::open(&self.path)?;
        Ok(())
    }
}
