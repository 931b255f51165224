//! Any bytes as a camera's picture: what passes is a JPEG with a header, and passes again as it is.

#![no_main]

use bytes::Bytes;
use jpeg_splice::{Header, Jpeg, Segments};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(segments) = Segments::new(data) {
        let length: usize = segments.flatten().map(|it| it.payload().len() + 4).sum();
        assert!(length <= data.len());
    }
    if let Ok(jpeg) = Jpeg::new(Bytes::copy_from_slice(data)) {
        let header = *jpeg.header();
        assert_eq!(Header::parse(&jpeg), Ok(header));
        assert!(header.width > 0 && header.height > 0);
        assert_eq!(Jpeg::new(jpeg.bytes().clone()), Ok(jpeg));
    }
});
