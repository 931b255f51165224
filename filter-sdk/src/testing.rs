//! For unit tests, which run natively, without a server. All of it is of this thread.

use std::cell::RefCell;
use std::collections::HashMap;

use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::publish::Phase;
use crate::view::Shrink;
use crate::{Area, FoundRegion};

/// The stand-in for the server.
#[derive(Default)]
struct Host {
    assets: HashMap<String, Vec<u8>>,
    stream_name: String,
    variables: HashMap<String, String>,
    regions: Vec<FoundRegion>,
    picture: Option<RgbImage>,
    events: Vec<(String, Phase, String)>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Makes [`read_asset`](crate::read_asset) find `bytes` under `name`.
pub fn add_asset(name: &str, bytes: impl Into<Vec<u8>>) {
    HOST.with_borrow_mut(|host| host.assets.insert(name.to_owned(), bytes.into()));
}

pub(crate) fn asset(name: &str) -> Result<Vec<u8>, String> {
    HOST.with_borrow(|host| host.assets.get(name).cloned())
        .ok_or_else(|| format!("`{name}`: no such file"))
}

/// Gives the stream a name.
pub fn set_stream_name(name: &str) {
    HOST.with_borrow_mut(|host| name.clone_into(&mut host.stream_name));
}

pub(crate) fn stream_name() -> String {
    HOST.with_borrow(|host| host.stream_name.clone())
}

/// Gives a variable a text.
pub fn set_variable(name: &str, text: &str) {
    HOST.with_borrow_mut(|host| host.variables.insert(name.to_owned(), text.to_owned()));
}

/// The text of a variable.
pub fn variable(name: &str) -> Option<String> {
    HOST.with_borrow(|host| host.variables.get(name).cloned())
}

/// Makes [`regions`](crate::regions) give these.
pub fn set_regions(regions: Vec<FoundRegion>) {
    HOST.with_borrow_mut(|host| host.regions = regions);
}

pub(crate) fn regions() -> Vec<FoundRegion> {
    HOST.with_borrow(|host| host.regions.clone())
}

/// Makes the functions of [`view`](crate::view) show this picture.
pub fn set_picture(picture: RgbImage) {
    HOST.with_borrow_mut(|host| host.picture = Some(picture));
}

/// Takes the events that were told of so far: kind, phase, text.
pub fn take_events() -> Vec<(String, Phase, String)> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.events))
}

pub(crate) fn add_event(kind: &str, phase: Phase, text: &str) {
    HOST.with_borrow_mut(|host| {
        host.events.push((kind.to_owned(), phase, text.to_owned()));
    });
}

pub(crate) fn luma(shrink: Shrink, area: Option<Area>) -> Result<GrayImage, String> {
    let rgb = rgb(shrink, area)?;
    // ITU-T T.871, section 7.
    let luma = |&Rgb([r, g, b]): &Rgb<u8>| {
        0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
    };
    Ok(GrayImage::from_fn(rgb.width(), rgb.height(), |x, y| {
        Luma([luma(rgb.get_pixel(x, y)).round() as u8])
    }))
}

pub(crate) fn rgb(shrink: Shrink, area: Option<Area>) -> Result<RgbImage, String> {
    let side = match shrink {
        Shrink::None => 1,
        Shrink::Half => 2,
        Shrink::Quarter => 4,
        Shrink::Eighth => 8,
    };
    HOST.with_borrow(|host| {
        let picture = host.picture.as_ref().ok_or("there is no picture")?;
        let (width, height) = picture.dimensions();
        let area = area.unwrap_or(Area {
            x: 0,
            y: 0,
            width,
            height,
        });
        let reaches_out = |at: u32, length: u32, side: u32| {
            length == 0 || at.checked_add(length).is_none_or(|end| end > side)
        };
        if reaches_out(area.x, area.width, width) || reaches_out(area.y, area.height, height) {
            return Err("the area does not lie within the picture".to_owned());
        }
        Ok(shrunk(picture, area, side))
    })
}

/// The area with `side` × `side` pixels averaged to one.
fn shrunk(picture: &RgbImage, area: Area, side: u32) -> RgbImage {
    let size = (area.width.div_ceil(side), area.height.div_ceil(side));
    RgbImage::from_fn(size.0, size.1, |x, y| {
        let columns = x * side..((x + 1) * side).min(area.width);
        let rows = y * side..((y + 1) * side).min(area.height);
        let pixels = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
        let (mut sums, mut count) = ([0u32; 3], 0);
        for (x, y) in pixels {
            let Rgb(pixel) = picture.get_pixel(area.x + x, area.y + y);
            sums = std::array::from_fn(|at| sums[at] + u32::from(pixel[at]));
            count += 1;
        }
        Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8))
    })
}
