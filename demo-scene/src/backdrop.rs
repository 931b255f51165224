//! The part of the scene that stands still: a house at a street, at dusk.

use crate::brush::{Brush, Fill};
use crate::{HEIGHT, WIDTH};

const W: f32 = WIDTH as f32;
const H: f32 = HEIGHT as f32;
/// The horizon: the row at which the sky meets the land.
const HORIZON: f32 = 360.0;

/// Draws all of it.
pub fn draw(brush: &mut Brush<'_>) {
    sky(brush);
    hills(brush);
    ground(brush);
    hedge(brush);
    house(brush);
    street(brush);
    lamp_post(brush);
}

fn sky(brush: &mut Brush<'_>) {
    brush.rect(
        (0.0, 0.0, W, H),
        Fill::Down(0.0, 0x1b2a4eff, 220.0, 0x5d5f92ff),
    );
    brush.rect(
        (0.0, 180.0, W, HORIZON),
        Fill::Down(180.0, 0xf2a27300, HORIZON, 0xf6b27aff),
    );
    brush.circle(
        430.0,
        345.0,
        330.0,
        Fill::Glow(430.0, 345.0, 330.0, 0xffd9a0a0),
    );
    for (x, y, rx, ry) in [
        (560.0, 210.0, 210.0, 10.0),
        (690.0, 222.0, 160.0, 8.0),
        (300.0, 262.0, 190.0, 9.0),
        (900.0, 168.0, 180.0, 8.0),
    ] {
        brush.oval(x, y, (rx, ry), 0xffd2b03a);
        brush.oval(x + 24.0, y + 7.0, (rx * 0.7, ry * 0.7), 0x8a6f9a4a);
    }
}

/// A ridge of hills that rises and falls along the horizon.
fn ridge(base: f32, height: f32, wave: f32) -> Vec<(f32, f32)> {
    let tops = (0..=64).map(|i| {
        let x = W * i as f32 / 64.0;
        let t = x / W * wave;
        (
            x,
            base - height * (0.5 + 0.3 * t.sin() + 0.2 * (t * 2.7 + 1.0).sin()),
        )
    });
    std::iter::once((0.0, H))
        .chain(tops)
        .chain([(W, H)])
        .collect()
}

fn hills(brush: &mut Brush<'_>) {
    brush.polygon(&ridge(HORIZON, 90.0, 9.0), 0x6d5c82ff);
    brush.polygon(&ridge(HORIZON + 20.0, 70.0, 14.0), 0x4a4768ff);
}

fn ground(brush: &mut Brush<'_>) {
    brush.rect(
        (0.0, HORIZON + 12.0, W, H),
        Fill::Down(HORIZON, 0x2d4a3cff, H, 0x17271fff),
    );
}

fn hedge(brush: &mut Brush<'_>) {
    for i in 0..34 {
        let x = i as f32 * 22.0 - 10.0;
        let y = 408.0 + 5.0 * (i as f32 * 1.7).sin();
        brush.circle(x, y, 26.0, if i % 2 == 0 { 0x223d31ff } else { 0x274437ff });
    }
}

fn house(brush: &mut Brush<'_>) {
    brush.at(770.0, 190.0);
    wall(brush);
    roof(brush);
    for x in [40.0, 150.0] {
        window(brush, (x, 60.0, 74.0, 62.0));
    }
    window(brush, (40.0, 158.0, 74.0, 62.0));
    door(brush);
    garage(brush);
    brush.at(0.0, 0.0);
}

fn wall(brush: &mut Brush<'_>) {
    brush.rect(
        (0.0, 30.0, 260.0, 230.0),
        Fill::Across(0.0, 0x8c7a78ff, 260.0, 0x6d6470ff),
    );
    brush.rect(
        (260.0, 110.0, 190.0, 150.0),
        Fill::Across(260.0, 0x7a6d72ff, 450.0, 0x5b5564ff),
    );
    // Boards.
    for i in 1..12 {
        let y = 30.0 + i as f32 * 19.0;
        brush.rect((0.0, y, 260.0, 1.5), 0x00000026);
        if y > 110.0 {
            brush.rect((260.0, y, 190.0, 1.5), 0x00000026);
        }
    }
}

fn roof(brush: &mut Brush<'_>) {
    let slate = Fill::Down(-70.0, 0x47405aff, 40.0, 0x2c2a3dff);
    brush.rect((176.0, -72.0, 30.0, 70.0), 0x54414aff);
    brush.polygon(
        &[(-24.0, 36.0), (64.0, -62.0), (196.0, -62.0), (284.0, 36.0)],
        slate,
    );
    brush.polygon(
        &[(252.0, 116.0), (282.0, 62.0), (436.0, 62.0), (474.0, 116.0)],
        slate,
    );
}

fn window(brush: &mut Brush<'_>, (x, y, width, height): (f32, f32, f32, f32)) {
    let middle = (x + width / 2.0, y + height / 2.0);
    brush.circle(
        middle.0,
        middle.1,
        90.0,
        Fill::Glow(middle.0, middle.1, 90.0, 0xffc46a48),
    );
    brush.rect((x - 5.0, y - 5.0, width + 10.0, height + 10.0), 0xe6dfd6ff);
    brush.rect(
        (x, y, width, height),
        Fill::Down(y, 0xffe0a0ff, y + height, 0xf6b455ff),
    );
    brush.rect((x + width / 2.0 - 2.0, y, 4.0, height), 0xe6dfd6ff);
    brush.rect((x, middle.1 - 2.0, width, 4.0), 0xe6dfd6ff);
    brush.rect((x - 9.0, y + height + 5.0, width + 18.0, 5.0), 0x3c3644ff);
}

fn door(brush: &mut Brush<'_>) {
    brush.circle(
        187.0,
        150.0,
        80.0,
        Fill::Glow(187.0, 150.0, 80.0, 0xffdc9a70),
    );
    brush.rect((160.0, 164.0, 54.0, 96.0), 0xe6dfd6ff);
    brush.rect((165.0, 169.0, 44.0, 91.0), 0x7c2f33ff);
    brush.rect((171.0, 176.0, 32.0, 28.0), 0xf3c06cff);
    brush.circle(202.0, 218.0, 3.0, 0xe8c77aff);
    brush.circle(187.0, 150.0, 7.0, 0xfff0cfff);
    brush.rect((148.0, 256.0, 78.0, 8.0), 0x8b8890ff);
}

fn garage(brush: &mut Brush<'_>) {
    brush.rect((290.0, 150.0, 130.0, 110.0), 0xd9d3ccff);
    for row in 0..5 {
        let y = 155.0 + row as f32 * 21.0;
        brush.rect(
            (296.0, y, 118.0, 18.0),
            Fill::Down(y, 0xb9b4b6ff, y + 18.0, 0x9c98a0ff),
        );
    }
}

fn street(brush: &mut Brush<'_>) {
    // The driveway, from the garage to the street.
    brush.polygon(
        &[
            (1050.0, 450.0),
            (1196.0, 450.0),
            (1330.0, 520.0),
            (1090.0, 520.0),
        ],
        Fill::Down(450.0, 0x6b6770ff, 520.0, 0x57545eff),
    );
    brush.rect(
        (0.0, 496.0, W, 34.0),
        Fill::Down(496.0, 0x77737cff, 530.0, 0x625f69ff),
    );
    for i in 0..22 {
        brush.rect((i as f32 * 60.0 + 12.0, 496.0, 1.5, 34.0), 0x00000030);
    }
    brush.rect((0.0, 530.0, W, 7.0), 0x9a969cff);
    brush.rect(
        (0.0, 537.0, W, 118.0),
        Fill::Down(537.0, 0x3a3a44ff, 655.0, 0x2a2a33ff),
    );
    for i in 0..9 {
        let x = i as f32 * 152.0 + 20.0;
        brush.polygon(
            &[
                (x, 592.0),
                (x + 84.0, 592.0),
                (x + 80.0, 598.0),
                (x - 4.0, 598.0),
            ],
            0xd8d4c2b0,
        );
    }
    brush.rect((0.0, 655.0, W, 7.0), 0x86828aff);
    brush.rect(
        (0.0, 662.0, W, 58.0),
        Fill::Down(662.0, 0x1f3328ff, H, 0x121e18ff),
    );
}

fn lamp_post(brush: &mut Brush<'_>) {
    brush.rect(
        (618.0, 236.0, 8.0, 276.0),
        Fill::Across(618.0, 0x3b3d47ff, 626.0, 0x1d1e26ff),
    );
    brush.rect((612.0, 500.0, 20.0, 14.0), 0x25262fff);
    brush.line(
        &[(622.0, 238.0), (640.0, 222.0), (672.0, 222.0)],
        6.0,
        0x2b2c36ff,
    );
    brush.polygon(
        &[
            (660.0, 222.0),
            (698.0, 222.0),
            (692.0, 232.0),
            (666.0, 232.0),
        ],
        0x25262fff,
    );
    brush.oval(679.0, 233.0, (13.0, 4.0), 0xfff3d2ff);
    brush.circle(
        679.0,
        236.0,
        130.0,
        Fill::Glow(679.0, 236.0, 130.0, 0xffe2a47a),
    );
    brush.polygon(
        &[
            (668.0, 236.0),
            (690.0, 236.0),
            (850.0, 530.0),
            (508.0, 530.0),
        ],
        Fill::Down(236.0, 0xffe2a450, 530.0, 0xffe2a408),
    );
    brush.oval(
        679.0,
        520.0,
        (190.0, 26.0),
        Fill::Glow(679.0, 520.0, 190.0, 0xffe2a466),
    );
}
