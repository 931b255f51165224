//! Turns: changes of one stream by the API are made one after the other, and wait for no other stream's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::sync::IgnorePoison;

type Streams = HashMap<String, Arc<Mutex<()>>>;

/// The turns of all streams.
#[derive(Default)]
pub struct Turns(Mutex<Streams>);

impl Turns {
    /// Does `work` when no other work on the stream `name` is being done.
    pub fn take<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let turn = self.streams().entry(name.to_owned()).or_default().clone();
        let result = {
            let _turn = turn.lock().ignore_poison();
            work()
        };
        let mut streams = self.streams();
        // Two: this one, and the one in the map.
        if Arc::strong_count(&turn) <= 2 {
            streams.remove(name);
        }
        result
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().ignore_poison()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn one_stream_waits_for_itself_only_and_is_forgotten() {
        let turns = Turns::default();
        let (first, second) = (mpsc::channel::<()>(), mpsc::channel());
        thread::scope(|scope| {
            let (inside, entered) = mpsc::channel();
            let turns = &turns;
            scope.spawn(move || {
                turns.take("a", || {
                    inside.send(()).unwrap();
                    first.1.recv().unwrap();
                });
            });
            entered.recv().unwrap();
            scope.spawn(move || turns.take("a", || second.0.send(()).unwrap()));
            turns.take("b", || ());
            assert!(second.1.try_recv().is_err());
            first.0.send(()).unwrap();
            second.1.recv().unwrap();
        });
        assert!(turns.streams().is_empty());
    }
}
