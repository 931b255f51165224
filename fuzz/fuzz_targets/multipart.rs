//! Any bytes as a network camera's answer, which arrive in pieces of any size: the same pictures
//! come out as if they had arrived at once, each of them a part of what arrived.

#![no_main]

use std::io::{self, Cursor};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use jpeg_splice::{Split, Splitter};
use libfuzzer_sys::fuzz_target;
use mattebox_fuzz::clock::{StopToken, SystemClock};
use mattebox_fuzz::source::FRAME_BYTES;
use mattebox_fuzz::source::mjpeg_reader::{Chunks, MjpegReader};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().unwrap());

/// Pieces whose sizes go around in a circle.
struct Pieces {
    rest: Bytes,
    sizes: [u8; 4],
    next: usize,
}

impl Chunks for Pieces {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.next += 1;
        // Most pieces of a network are large.
        let size = usize::from(self.sizes[self.next % 4]);
        let size = if size < 64 { size + 1 } else { size << 4 };
        let piece = self.rest.split_to(size.min(self.rest.len()));
        Ok((!piece.is_empty()).then_some(piece))
    }
}

fuzz_target!(|input: ([u8; 4], &[u8])| {
    let (sizes, data) = input;
    let stop = StopToken::new(
        Arc::new(SystemClock),
        RUNTIME.handle().clone(),
        CancellationToken::new(),
    );
    let rest = Bytes::copy_from_slice(data);
    let mut pieces = MjpegReader::new(
        Pieces {
            rest,
            sizes,
            next: 0,
        },
        &stop,
    );
    let mut whole = Splitter::new(Cursor::new(data), FRAME_BYTES);
    let mut from = 0;
    loop {
        let expected = whole.next_jpeg().unwrap();
        let picture = pieces.next().unwrap();
        if let Split::Jpeg(jpeg) = &expected {
            assert!(jpeg.len() <= FRAME_BYTES);
            let at = data[from..]
                .windows(jpeg.len())
                .position(|part| part == jpeg);
            from += at.unwrap() + jpeg.len();
        }
        assert_eq!(picture, expected.picture());
        if picture.is_none() {
            return;
        }
    }
});
