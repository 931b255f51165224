//! Tests of what somebody notices, on drawn pictures.

use crate::{Config, Detector, Event, Findings, Look, Luma};

const SIZE: (usize, usize) = (80, 45);
const FULL: (u32, u32) = (640, 360);

/// A place with slopes, lines and a dark and a bright part.
fn place(x: usize, y: usize) -> f32 {
    let (x, y) = (x as f32, y as f32);
    let line = if (x - 50.0).abs() < 2.0 { 60.0 } else { 0.0 };
    90.0 + 40.0 * (x / 9.0).sin() + 30.0 * (y / 7.0).cos() + line
}

/// A thing of 5 × 10 pixels with its top left corner at `left` and `top`.
fn with_thing(left: i32, top: i32) -> impl Fn(usize, usize) -> f32 {
    move |x, y| {
        let (x_in, y_in) = (x as i32 - left, y as i32 - top);
        match (0..5).contains(&x_in) && (0..10).contains(&y_in) {
            true => 230.0 - place(x, y) / 2.0,
            false => place(x, y),
        }
    }
}

/// A camera in front of a detector.
struct Camera {
    detector: Detector,
    now_ms: u64,
    interval_ms: u64,
    /// The deviation of its noise.
    noise: f32,
    random: u64,
}

impl Camera {
    fn new(config: &str) -> Self {
        let config: Config = serde_json::from_str(config).unwrap();
        Self {
            detector: Detector::new(config).unwrap(),
            now_ms: 1_000_000,
            interval_ms: 200,
            noise: 0.5,
            random: 1,
        }
    }

    fn look(&mut self, of: impl Fn(usize, usize) -> f32) -> Findings {
        self.look_in(SIZE, FULL, of)
    }

    fn look_in(
        &mut self,
        (width, height): (usize, usize),
        full: (u32, u32),
        of: impl Fn(usize, usize) -> f32,
    ) -> Findings {
        let places = (0..width * height).map(|at| (at % width, at / width));
        let pixels: Vec<u8> = places
            .map(|(x, y)| (of(x, y) + self.next_noise()).round() as u8)
            .collect();
        self.now_ms += self.interval_ms;
        let luma = Luma::new(width, height, &pixels).unwrap();
        self.detector.look(luma, self.now_ms, full)
    }

    /// Looks for so many seconds: what the last one finds.
    fn look_for(&mut self, seconds: u64, of: impl Fn(usize, usize) -> f32) -> Findings {
        let count = seconds * 1000 / self.interval_ms;
        let findings = (0..count).map(|_| self.look(&of));
        findings.last().unwrap()
    }

    /// About a normal distribution: the sum of twelve even ones.
    fn next_noise(&mut self) -> f32 {
        let mut sum = -6.0;
        for _ in 0..12 {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005);
            self.random = self.random.wrapping_add(1_442_695_040_888_963_407);
            sum += (self.random >> 40) as f32 / (1_u64 << 24) as f32;
        }
        sum * self.noise
    }
}

#[test]
fn a_thing_keeps_its_number_while_it_moves() {
    let mut camera = Camera::new("{}");
    assert!(camera.look_for(3, place).regions.is_empty());
    for step in 0..30 {
        let found = camera.look(with_thing(5 + 2 * step, 20));
        let [region] = found.regions.as_slice() else {
            panic!("{step}: {found:?}");
        };
        assert_eq!((region.track, region.label()), (1, "motion"), "{step}");
        let [x, y, width, height] = region.area;
        let left = 8 * (5 + 2 * step as u32);
        assert!(
            x.abs_diff(left) <= 16 && y.abs_diff(160) <= 16,
            "{region:?}"
        );
        assert!(
            width.abs_diff(40) <= 32 && height.abs_diff(80) <= 32,
            "{region:?}"
        );
        assert!((0.5..=1.0).contains(&region.score), "{region:?}");
    }
}

#[test]
fn the_same_is_found_at_one_look_a_second_and_at_thirty() {
    for interval_ms in [1000, 200, 33] {
        let mut camera = Camera::new("{}");
        camera.interval_ms = interval_ms;
        camera.look_for(8, place);
        for step in 0..6 {
            let found = camera.look(with_thing(10 + 4 * step, 20));
            assert_eq!(found.regions.len(), 1, "{interval_ms} ms, {step}");
            assert_eq!(found.regions[0].track, 1, "{interval_ms} ms, {step}");
        }
    }
}

#[test]
fn the_first_pictures_show_no_motion() {
    let mut camera = Camera::new("{}");
    for step in 0..3 {
        let found = camera.look(with_thing(5 + 3 * step, 20));
        assert_eq!((found.look, found.event), (Look::Learning, Event::None));
        assert_eq!(found.regions, []);
    }
}

#[test]
fn noise_is_no_motion() {
    let mut camera = Camera::new("{}");
    camera.noise = 0.5;
    camera.look_for(3, place);
    // It becomes night: dark, and noisy from one moment to the next.
    camera.noise = 6.0;
    for look in 0..200 {
        let found = camera.look(|x, y| 20.0 + place(x, y) / 4.0);
        assert_eq!(found.regions, [], "{look}");
    }
}

#[test]
fn somebody_in_the_noise_of_the_night_is_found() {
    let mut camera = Camera::new("{}");
    camera.noise = 2.0;
    let night = |of: f32| 20.0 + of / 4.0;
    camera.look_for(5, |x, y| night(place(x, y)));
    for step in 0..10 {
        let thing = with_thing(10 + 2 * step, 20);
        let found = camera.look(|x, y| night(thing(x, y)));
        // What is weak must be seen twice.
        assert!(step == 0 || found.regions.len() == 1, "{step}: {found:?}");
    }
}

#[test]
fn leaves_in_the_wind_are_noise_after_a_while() {
    let mut camera = Camera::new("{}");
    let mut looks = 0;
    let mut regions = |camera: &mut Camera, seconds: u64| {
        let mut found = 0;
        for _ in 0..5 * seconds {
            looks += 1;
            let wave = |x: usize, y: usize| match x < 15 && y < 15 {
                true => 12.0 * ((looks * (x + 3 * y + 1)) as f32).sin(),
                false => 0.0,
            };
            found += camera.look(|x, y| place(x, y) + wave(x, y)).regions.len();
        }
        found
    };
    regions(&mut camera, 30);
    assert_eq!(regions(&mut camera, 30), 0);
}

#[test]
fn an_even_change_of_light_is_no_motion_and_hides_none() {
    let mut camera = Camera::new("{}");
    camera.look_for(3, place);
    for look in 0..20 {
        let found = camera.look(|x, y| place(x, y) * 1.4);
        assert_eq!(found.regions, [], "{look}");
    }
    // Slowly, as clouds do it, and somebody comes.
    for look in 0..100 {
        let light = 1.4 - 0.008 * look as f32;
        let found = camera.look(|x, y| place(x, y) * light);
        assert_eq!(found.regions, [], "{look}");
    }
    for step in 0..10 {
        let thing = with_thing(10 + 2 * step, 20);
        let found = camera.look(|x, y| thing(x, y) * 0.6);
        assert_eq!(found.regions.len(), 1, "{step}");
    }
}

#[test]
fn lightning_is_no_motion() {
    let mut camera = Camera::new("{}");
    camera.look_for(3, place);
    // Infrared: all looks different, and each thing in another way.
    let infrared = |x: usize, y: usize| match (x / 11 + y / 9) % 2 {
        0 => place(x, y) / 3.0,
        _ => 80.0 + place(x, y) / 2.0,
    };
    let found = camera.look(infrared);
    assert_eq!((found.look, found.event), (Look::Lightning, Event::None));
    assert!(found.changed > 0.8);
    for look in 0..50 {
        let found = camera.look(infrared);
        assert_eq!(found.regions, [], "{look}");
    }
    let found = camera.look(with_thing_in(infrared));
    assert_eq!((found.look, found.regions.len()), (Look::Compared, 1));
}

fn with_thing_in(of: impl Fn(usize, usize) -> f32) -> impl Fn(usize, usize) -> f32 {
    move |x, y| match (20..25).contains(&x) && (20..30).contains(&y) {
        true => 255.0 - of(x, y) / 3.0,
        false => of(x, y),
    }
}

#[test]
fn a_camera_that_shakes_sees_no_motion() {
    let mut camera = Camera::new("{}");
    camera.look_for(3, place);
    let at =
        |x: f32, y: f32| 90.0 + 40.0 * (x / 9.0).sin() + 30.0 * (y / 7.0).cos() + 60.0 * line(x);
    for look in 0..50_u32 {
        // By up to 2.4 pixels of the full picture.
        let away = 0.3 * (look as f32 * 1.7).sin();
        let found = camera.look(|x, y| at(x as f32 + away, y as f32 - away));
        assert_eq!(found.regions, [], "{look}");
    }
}

/// The line of `place`, with edges as soft as a lens draws them.
fn line(x: f32) -> f32 {
    (2.0 - (x - 50.0).abs()).clamp(0.0, 1.0)
}

#[test]
fn what_stands_still_becomes_part_of_the_picture_and_leaves_nothing_when_it_goes() {
    let mut camera = Camera::new("{}");
    camera.look_for(3, place);
    let parked = with_thing(30, 20);
    assert_eq!(camera.look(&parked).regions.len(), 1);
    assert_eq!(camera.look_for(10, &parked).regions, []);
    for look in 0..10 {
        assert_eq!(camera.look(place).regions, [], "{look}");
    }
}

#[test]
fn zones_and_areas_to_ignore_say_where_motion_counts() {
    let mut camera = Camera::new(
        r#"{"zones": {"drive": "0.5,0,1,0,1,1,0.5,1", "door": "0.75,0,1,0,1,1,0.75,1"},
            "ignore": ["0,0,1,0,1,0.4,0,0.4"]}"#,
    );
    camera.look_for(3, place);
    let mut zones = |left: i32, top: i32| {
        camera.look_for(12, place);
        let found = camera.look(with_thing(left, top));
        let zones = |it: &crate::Region| (it.label().to_owned(), it.zones.clone());
        found.regions.iter().map(zones).collect::<Vec<_>>()
    };
    let names = |names: &[&str]| {
        let zones: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
        vec![(names[0].to_owned(), zones)]
    };
    assert_eq!(zones(10, 25), [], "in no zone");
    assert_eq!(zones(45, 25), names(&["drive"]));
    assert_eq!(
        zones(68, 25),
        names(&["door", "drive"]),
        "the smallest first"
    );
    assert_eq!(zones(45, 4), [], "where nothing counts");
}

#[test]
fn an_event_starts_with_motion_and_ends_after_the_gap() {
    let mut camera = Camera::new(r#"{"event-gap": "2s"}"#);
    assert_eq!(camera.look_for(3, place).event, Event::None);
    assert_eq!(camera.look(with_thing(10, 20)).event, Event::Started);
    assert_eq!(camera.look(with_thing(14, 20)).event, Event::Going);
    let last_motion_ms = camera.now_ms;
    for _ in 0..9 {
        assert_eq!(camera.look(place).event, Event::Going);
    }
    assert_eq!(camera.look(place).event, Event::Ended { last_motion_ms });
    assert_eq!(camera.look(place).event, Event::None);
}

#[test]
fn an_event_ends_though_the_picture_changes_its_size() {
    let mut camera = Camera::new(r#"{"event-gap": "2s"}"#);
    camera.look_for(3, place);
    assert_eq!(camera.look(with_thing(10, 20)).event, Event::Started);
    let found = camera.look_in((40, 30), (320, 240), place);
    assert_eq!((found.look, found.event), (Look::Learning, Event::Going));
    assert_eq!(found.picture.len(), 1200);
    let ends = (0..15).map(|_| camera.look_in((40, 30), (320, 240), place));
    let ended = ends.filter(|it| matches!(it.event, Event::Ended { .. }));
    assert_eq!(ended.count(), 1);
}

#[test]
fn a_picture_that_is_black_or_tiny_or_late_or_early_is_borne() {
    let mut camera = Camera::new("{}");
    camera.look_for(3, place);
    camera.noise = 0.0;
    for _ in 0..30 {
        assert_eq!(camera.look(|_, _| 0.0).regions, []);
    }
    for size in [(1, 1), (1, 5), (5, 1), (2, 2), (3, 3)] {
        let full = (8 * size.0 as u32, 8 * size.1 as u32);
        for look in 0..30 {
            let found = camera.look_in(size, full, |x, y| (x + y + 50 * (look % 3)) as f32);
            assert_eq!(found.picture.len(), size.0 * size.1);
        }
    }
    for now_ms in [0, u64::MAX - 1000, 5] {
        camera.now_ms = now_ms;
        assert_eq!(camera.look(place).look, Look::Learning);
    }
}

#[test]
fn what_is_smaller_than_the_least_area_is_no_motion() {
    let mut camera = Camera::new(r#"{"min-area": 0.05}"#);
    camera.look_for(3, place);
    for step in 0..10 {
        let found = camera.look(with_thing(10 + 2 * step, 20));
        assert_eq!(found.regions, [], "{step}");
    }
}

#[test]
fn a_picture_says_how_many_pixels_it_must_have() {
    let error = Luma::new(4, 3, &[0; 11]).unwrap_err();
    assert_eq!(error, "a picture of 4 × 3 pixels can't have 11");
    assert!(Luma::new(0, 0, &[]).is_err());
}
