//! Once everything is prepared, a frame allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use jpeg_splice::{Drawing, Layer, Splicer};

/// Counts.
struct Counting;

thread_local! {
    /// Of this thread: the test harness has others, which allocate when they like.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "only an allocator can count allocations; it hands everything on"
)]
// SAFETY: as `System`, which does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn steady_state_allocates_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/jpegs/");
    let jpegs = ["422.jpg", "nodht.jpg", "restart.jpg"]
        .map(|name| std::fs::read(format!("{folder}{name}")).unwrap());
    let layer = |x, alpha| Layer {
        x,
        y: 10,
        width: 60,
        height: 30,
        rgba: [200, 90, 10, alpha].repeat(60 * 30),
    };
    let drawings = [
        Drawing::new(vec![layer(5, 255)]).unwrap(),
        Drawing::new(vec![layer(40, 90)]).unwrap(),
    ];
    let drawings = [&drawings[0], &drawings[1]];
    for jpeg in &jpegs {
        let (mut splicer, mut out) = (Splicer::new(), Vec::new());
        splicer.splice(jpeg, &drawings, &mut out).unwrap();
        splicer.splice(jpeg, &drawings, &mut out).unwrap();
        let before = ALLOCATIONS.get();
        for _ in 0..10 {
            splicer.splice(jpeg, &drawings, &mut out).unwrap();
        }
        assert_eq!(ALLOCATIONS.get(), before);
    }
}
