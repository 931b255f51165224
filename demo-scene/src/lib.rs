//! The demo's picture: a house at a street at dusk, a car that passes, a jogger, trees in the wind.
//!
//! The moving parts come back to their places after [`FRAMES`] pictures, so the loop has no
//! seam. The upper left and the lower right are quiet, for a timestamp and a logo.

#![warn(missing_docs)]

mod backdrop;
mod brush;

use std::f32::consts::TAU;

use tiny_skia::Pixmap;

use brush::{Brush, Fill};

/// Pixels a row.
pub const WIDTH: u32 = 1280;
/// Rows.
pub const HEIGHT: u32 = 720;
/// Pictures a second.
pub const FPS: u32 = 15;
/// Pictures of the loop.
pub const FRAMES: u32 = 120;

/// The scene, with what stands still drawn already.
pub struct Scene {
    backdrop: Pixmap,
}

impl Scene {
    /// Draws what stands still.
    pub fn new() -> Self {
        let mut backdrop = Pixmap::new(WIDTH, HEIGHT).expect("the size is not zero");
        backdrop::draw(&mut Brush::new(&mut backdrop));
        Self { backdrop }
    }

    /// Picture `index` of the loop: 8-bit RGB, [`WIDTH`] × [`HEIGHT`], rows packed, the top one
    /// first.
    pub fn frame(&self, index: u32) -> Vec<u8> {
        let turn = (index % FRAMES) as f32 / FRAMES as f32;
        let mut canvas = self.backdrop.clone();
        let mut brush = Brush::new(&mut canvas);
        tree(brush.at(150.0, 500.0), turn, 1.0);
        tree(brush.at(420.0, 488.0), turn + 0.3, 0.7);
        moths(brush.at(679.0, 246.0), turn);
        jogger(brush.at(-70.0 + turn * (WIDTH as f32 + 140.0), 522.0), turn);
        // It comes the other way, and into the picture a little later.
        let way = (turn + 0.8).fract();
        car(
            brush.at(WIDTH as f32 + 330.0 - way * (WIDTH as f32 + 760.0), 632.0),
            way,
        );
        rgb(&canvas)
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

fn rgb(canvas: &Pixmap) -> Vec<u8> {
    // The sky covers all of it: every pixel is opaque.
    canvas
        .data()
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

fn tree(brush: &mut Brush<'_>, turn: f32, size: f32) {
    let sway = |height: f32, phase: f32| (turn * TAU * 2.0 + phase).sin() * height * 0.03 * size;
    let top = -190.0 * size;
    brush.polygon(
        &[
            (-12.0 * size, 0.0),
            (-6.0 * size + sway(120.0, 0.0), top),
            (6.0 * size + sway(120.0, 0.0), top),
            (12.0 * size, 0.0),
        ],
        0x2a2129ff,
    );
    for (layer, color) in [
        (0.0, 0x1f3a30ff_u32),
        (12.0, 0x2c5040ff),
        (26.0, 0x3a6349ff),
    ] {
        for i in 0..9 {
            let angle = i as f32 / 9.0 * TAU;
            let (x, y) = (
                angle.cos() * (74.0 - layer),
                angle.sin() * (62.0 - layer) - 215.0 - layer,
            );
            let x = x + sway(230.0 - y * 0.2, layer * 0.1 + i as f32 * 0.4) / size;
            brush.circle(x * size, y * size, (40.0 - layer * 0.7) * size, color);
        }
        brush.circle(
            sway(230.0, 0.0),
            (-215.0 - layer) * size,
            (60.0 - layer * 0.4) * size,
            color,
        );
    }
}

fn moths(brush: &mut Brush<'_>, turn: f32) {
    for (i, rounds) in [3.0_f32, 5.0, 4.0, 7.0].into_iter().enumerate() {
        let phase = i as f32 * 1.9;
        let x = (turn * TAU * rounds + phase).sin() * (18.0 + 7.0 * i as f32);
        let y = (turn * TAU * (rounds + 1.0) + phase).cos() * (10.0 + 4.0 * i as f32);
        brush.circle(x, y, 1.8, 0xfff6dcd0);
    }
}

/// Runs to the right; (0, 0) is the ground under it.
fn jogger(brush: &mut Brush<'_>, turn: f32) {
    let stride = turn * TAU * 14.0;
    let hop = (stride * 2.0).cos() * 3.0;
    brush.oval(0.0, 0.0, (26.0, 5.0), 0x00000060);
    let hip = (0.0, -46.0 + hop);
    let neck = (6.0, -82.0 + hop);
    for (phase, skin, trousers) in [
        (0.0, 0xa97862ff, 0x23304fff),
        (TAU / 2.0, 0xc08a70ff, 0x2c3c63ff),
    ] {
        let swing = (stride + phase).sin();
        let lift = (stride + phase).cos().max(0.0);
        let knee = (hip.0 + 17.0 * swing + 4.0, hip.1 + 23.0 - 5.0 * lift);
        let foot = (
            knee.0 - 10.0 * lift - 5.0 + 8.0 * swing,
            (-3.0 - 17.0 * lift).max(knee.1),
        );
        brush.line(&[hip, knee, foot], 9.0, trousers);
        brush.line(&[foot, (foot.0 + 8.0, foot.1)], 6.0, 0xeeeeeeff);
        let elbow = (neck.0 - 14.0 * swing - 4.0, neck.1 + 20.0);
        brush.line(
            &[neck, elbow, (elbow.0 + 13.0, elbow.1 - 3.0 - 6.0 * swing)],
            6.0,
            skin,
        );
    }
    brush.line(&[hip, neck], 19.0, 0xd9542bff);
    brush.line(
        &[(hip.0 - 8.0, hip.1 - 16.0), (hip.0 + 12.0, hip.1 - 18.0)],
        3.0,
        0xf4f1d0ff,
    );
    brush.circle(neck.0 + 4.0, neck.1 - 17.0, 10.5, 0xc08a70ff);
    brush.oval(neck.0 + 2.0, neck.1 - 22.0, (11.0, 8.0), 0x33241fff);
}

/// Drives to the left; (0, 0) is the ground under its middle.
fn car(brush: &mut Brush<'_>, turn: f32) {
    brush.polygon(
        &[
            (-150.0, -40.0),
            (-430.0, -58.0),
            (-430.0, 14.0),
            (-150.0, -22.0),
        ],
        Fill::Across(-430.0, 0xfff3c400, -150.0, 0xfff3c470),
    );
    brush.oval(0.0, 0.0, (165.0, 12.0), 0x00000080);
    let paint = Fill::Down(-112.0, 0x6fa8c9ff, -14.0, 0x23506fff);
    brush.polygon(
        &[
            (-158.0, -18.0),
            (-156.0, -48.0),
            (-134.0, -58.0),
            (-82.0, -66.0),
            (-40.0, -106.0),
            (70.0, -108.0),
            (122.0, -68.0),
            (152.0, -60.0),
            (158.0, -22.0),
        ],
        paint,
    );
    let glass = Fill::Down(-102.0, 0x1a2433ff, -66.0, 0x3a4f66ff);
    brush.polygon(
        &[(-66.0, -67.0), (-34.0, -98.0), (8.0, -100.0), (8.0, -67.0)],
        glass,
    );
    brush.polygon(
        &[
            (16.0, -67.0),
            (16.0, -100.0),
            (66.0, -100.0),
            (102.0, -67.0),
        ],
        glass,
    );
    brush.line(&[(12.0, -64.0), (12.0, -22.0)], 1.5, 0x00000050);
    brush.line(&[(-150.0, -40.0), (150.0, -40.0)], 2.0, 0xffffff30);
    brush.oval(-150.0, -44.0, (9.0, 7.0), 0xfffbe0ff);
    brush.circle(
        -152.0,
        -44.0,
        46.0,
        Fill::Glow(-152.0, -44.0, 46.0, 0xfff3c4b0),
    );
    brush.oval(152.0, -48.0, (6.0, 8.0), 0xff4438ff);
    brush.circle(
        152.0,
        -48.0,
        30.0,
        Fill::Glow(152.0, -48.0, 30.0, 0xff443890),
    );
    for x in [-92.0, 92.0] {
        wheel(brush, x, turn * TAU * 12.0);
    }
}

fn wheel(brush: &mut Brush<'_>, x: f32, angle: f32) {
    let y = -24.0;
    brush.circle(x, y, 26.0, 0x15161bff);
    brush.circle(x, y, 15.0, 0xb8bcc4ff);
    for spoke in 0..5 {
        let angle = spoke as f32 / 5.0 * TAU - angle;
        brush.line(
            &[(x, y), (x + angle.cos() * 13.0, y + angle.sin() * 13.0)],
            3.0,
            0x4a4d57ff,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(picture: &[u8], (x, y, width, height): (usize, usize, usize, usize)) -> Vec<u8> {
        (y..y + height)
            .flat_map(|row| {
                let start = (row * WIDTH as usize + x) * 3;
                picture[start..start + width * 3].to_vec()
            })
            .collect()
    }

    #[test]
    fn it_moves_and_comes_round() {
        let scene = Scene::new();
        let first = scene.frame(0);
        assert_eq!(first.len(), (WIDTH * HEIGHT * 3) as usize);
        assert_eq!(first, scene.frame(FRAMES));
        for index in [1, 40, 80, FRAMES - 1] {
            let picture = scene.frame(index);
            let changed = first.iter().zip(&picture).filter(|(a, b)| a != b).count();
            assert!(changed > 10_000, "{index}: {changed}");
        }
    }

    #[test]
    fn the_corners_for_overlays_are_quiet() {
        let scene = Scene::new();
        let corners = [(0, 0, 640, 80), (980, 662, 300, 58)];
        let still = corners.map(|corner| area(&scene.frame(0), corner));
        for index in (0..FRAMES).step_by(7) {
            let picture = scene.frame(index);
            assert_eq!(
                corners.map(|corner| area(&picture, corner)),
                still,
                "{index}"
            );
        }
    }
}
