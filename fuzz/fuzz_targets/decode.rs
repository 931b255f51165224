//! Any bytes as a picture to be decoded by the plain decoder: it comes to an end, with all pixels
//! of the header's size or an error that says why. Exif data is read and rewritten on the way.

#![no_main]

use jpeg_splice::{Header, Segments, decoder, exif};
use libfuzzer_sys::fuzz_target;

/// Larger pictures only take longer.
const PIXELS: u32 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    for segment in Segments::new(data).into_iter().flatten().flatten() {
        let new = exif::for_new_picture(segment.payload());
        // What was taken away is not there any more.
        assert!(new.is_none_or(|new| exif::orientation(&new).is_none()));
    }
    let Ok(header) = Header::parse(data) else {
        return;
    };
    if header.width * header.height > PIXELS {
        return;
    }
    let mut rgb = Vec::new();
    match decoder::decode(data, &mut rgb) {
        Ok((width, height)) => assert_eq!(rgb.len(), width as usize * height as usize * 3),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});
