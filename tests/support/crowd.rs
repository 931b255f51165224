//! People who watch a stream of numbered frames and count them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::picture::number;
use super::server::Server;

pub struct Crowd {
    is_over: Arc<AtomicBool>,
    viewers: Vec<JoinHandle<Vec<u32>>>,
    frames: u32,
}

impl Crowd {
    /// So many viewers of the stream `s`, which plays the frames numbered from 0 to `frames` again
    /// and again.
    pub fn new(server: &Server, count: usize, frames: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let viewers = (0..count).map(|_| {
            let (mut viewer, is_over) = (server.watch("s"), is_over.clone());
            thread::spawn(move || {
                let mut seen = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let part = viewer.next().expect("nobody is disconnected");
                    seen.push(number(&part.jpeg));
                }
                seen
            })
        });
        Self {
            viewers: viewers.collect(),
            is_over,
            frames,
        }
    }

    /// Checks that nobody was disconnected, and nobody missed a frame.
    pub fn saw_everything(self) {
        for (seen, missed) in self.seen_and_missed() {
            assert_eq!(missed, 0, "{seen:?}");
        }
    }

    /// Checks that nobody was disconnected, and that nobody missed more than one frame of a
    /// hundred: a busy machine may let a process wait for longer than a frame is the newest. Who
    /// is held up by somebody else misses many.
    pub fn saw_nearly_everything(self) {
        for (seen, missed) in self.seen_and_missed() {
            let most = 1 + seen.len() as u32 / 100;
            assert!(missed <= most, "{missed} of these missed: {seen:?}");
        }
    }

    /// The numbers of the frames that each saw, and how many were missed between those.
    fn seen_and_missed(self) -> impl Iterator<Item = (Vec<u32>, u32)> {
        self.is_over.store(true, Ordering::Relaxed);
        self.viewers.into_iter().map(move |viewer| {
            let seen = viewer.join().unwrap();
            assert!(!seen.is_empty());
            let skipped = |pair: &[u32]| (pair[1] + self.frames - pair[0] - 1) % self.frames;
            let missed = seen.windows(2).map(skipped).sum();
            (seen, missed)
        })
    }
}
