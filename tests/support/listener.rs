//! A TCP server of a test's own, which ends with the test.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Listens until it is dropped, which ends its connections, too.
pub struct Listener {
    pub address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    sockets: Mutex<HashMap<usize, TcpStream>>,
    is_over: AtomicBool,
}

impl Listener {
    /// Runs `talk` in a thread of its own for each connection, which is over when that returns; it
    /// is told when the server is.
    pub fn start(
        address: SocketAddr,
        talk: impl Fn(&TcpStream, &AtomicBool) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let (shared, talk) = (state.clone(), Arc::new(talk));
        let thread = thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                shared.clone().serve(number, socket.unwrap(), talk.clone());
            }
        });
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.state.sockets.lock().unwrap().len()
    }
}

impl State {
    fn serve(
        self: Arc<Self>,
        number: usize,
        socket: TcpStream,
        talk: Arc<impl Fn(&TcpStream, &AtomicBool) + Send + Sync + 'static>,
    ) {
        let clone = socket.try_clone().unwrap();
        self.sockets.lock().unwrap().insert(number, clone);
        thread::spawn(move || {
            talk(&socket, &self.is_over);
            // The client may have gone already.
            socket.shutdown(Shutdown::Both).ok();
            self.sockets.lock().unwrap().remove(&number);
        });
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread, which then closes the listener.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        for socket in self.state.sockets.lock().unwrap().values() {
            socket.shutdown(Shutdown::Both).ok();
        }
        while self.open() > 0 {
            thread::yield_now();
        }
    }
}
