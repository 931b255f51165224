//! Pictures: the committed JPEGs made by other software, and what is seen on a served one.

use std::process::Command;

use image::RgbImage;

use super::repository;

/// One of `tests/jpegs`.
pub fn jpeg(name: &str) -> Vec<u8> {
    std::fs::read(repository("tests/jpegs").join(name)).unwrap()
}

/// A JPEG that carries its number in a comment, and `padding` bytes.
pub fn numbered(number: u32, padding: usize) -> Vec<u8> {
    let mut picture = jpeg("420.jpg");
    let mut comments = Vec::new();
    let mut texts = vec![format!("frame {number:06}").into_bytes()];
    texts.extend(vec![vec![b'x'; 60_000]; padding / 60_000]);
    for text in texts {
        comments.extend([0xff, 0xfe]);
        comments.extend((text.len() as u16 + 2).to_be_bytes());
        comments.extend(text);
    }
    picture.splice(2..2, comments);
    picture
}

/// A JPEG whose header says that it has another size; what follows is too little for it.
pub fn resized(width: u16, height: u16) -> Vec<u8> {
    let mut picture = jpeg("420.jpg");
    let header = picture.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let size = header.unwrap() + 5;
    picture[size..size + 2].copy_from_slice(&height.to_be_bytes());
    picture[size + 2..size + 4].copy_from_slice(&width.to_be_bytes());
    picture
}

/// The number that [`numbered`] gave it.
pub fn number(jpeg: &[u8]) -> u32 {
    let text = std::str::from_utf8(&jpeg[6..18]).unwrap();
    text.strip_prefix("frame ").unwrap().parse().unwrap()
}

pub fn decode(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg)
        .unwrap()
        .into_rgb8()
}

/// The same by libjpeg-turbo's program; not of a grey one.
pub fn djpeg(jpeg: &[u8]) -> RgbImage {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.jpg");
    std::fs::write(&file, jpeg).unwrap();
    let mut command = Command::new("djpeg");
    let output = command.arg("-ppm").arg(file).output().unwrap();
    let mut parts = output.stdout.splitn(4, |&byte| byte == b'\n');
    let size = str::from_utf8(parts.nth(1).unwrap()).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    let pixels = parts.nth(1).unwrap().to_vec();
    RgbImage::from_raw(width.parse().unwrap(), height.parse().unwrap(), pixels).unwrap()
}

/// A PNG of one colour.
pub fn png(width: u32, height: u32, rgba: [u8; 4]) -> Vec<u8> {
    encode_png(&image::RgbaImage::from_pixel(
        width,
        height,
        image::Rgba(rgba),
    ))
}

/// A PNG that is nowhere the same and lets half of what is under it through: the dearest drawing.
pub fn veil(width: u32, height: u32) -> Vec<u8> {
    encode_png(&image::RgbaImage::from_fn(width, height, |x, y| {
        image::Rgba([x as u8, y as u8, 90, 128])
    }))
}

fn encode_png(image: &image::RgbaImage) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// The mean colour of a rectangle.
pub fn mean(image: &RgbImage, x: u32, y: u32, width: u32, height: u32) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for row in y..y + height {
        for column in x..x + width {
            let pixel = image.get_pixel(column, row);
            for (sum, value) in sum.iter_mut().zip(pixel.0) {
                *sum += f64::from(value);
            }
        }
    }
    sum.map(|sum| sum / f64::from(width * height))
}

/// Whether two colours are the same but for what coding loses.
pub fn is_near(a: [f64; 3], b: [f64; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 6.0)
}

/// The peak signal-to-noise ratio of two pictures of one size, in dB.
pub fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let square = |(a, b): (&u8, &u8)| (f64::from(*a) - f64::from(*b)).powi(2);
    let sum: f64 = a.as_raw().iter().zip(b.as_raw()).map(square).sum();
    10.0 * (255.0f64.powi(2) * a.as_raw().len() as f64 / sum).log10()
}
