//! Any bytes as a camera's picture: what passes is a JPEG with a header, and passes again as it is.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mattebox_fuzz::jpeg::{Header, Segments, complete};

fuzz_target!(|data: &[u8]| {
    let header = Header::parse(data);
    if let Ok(segments) = Segments::new(data) {
        let length: usize = segments.flatten().map(|it| it.payload().len() + 4).sum();
        assert!(length <= data.len());
    }
    if let Ok(picture) = complete(Bytes::copy_from_slice(data)) {
        assert_eq!(Header::parse(&picture), header);
        assert!(header.is_ok_and(|it| it.width > 0 && it.height > 0));
        assert_eq!(complete(picture.clone()).as_ref(), Ok(&picture));
    }
});
