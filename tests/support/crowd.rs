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
        self.is_over.store(true, Ordering::Relaxed);
        for viewer in self.viewers {
            let seen = viewer.join().unwrap();
            assert!(!seen.is_empty());
            for pair in seen.windows(2) {
                assert_eq!(pair[1], (pair[0] + 1) % self.frames, "{seen:?}");
            }
        }
    }
}
