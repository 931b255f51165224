//! An MQTT broker that is as small as tests need it: QoS 0 and 1, retained messages, last wills.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Error, Packet, PubAck, Publish, QoS, SubAck,
    SubscribeFilter, SubscribeReasonCode, matches,
};

use super::listener::Listener;

/// The most bytes of a message.
const MOST: usize = 16 << 20;

/// Runs until it is dropped.
pub struct Broker {
    pub address: SocketAddr,
    state: Arc<State>,
    _listener: Listener,
}

#[derive(Default)]
struct State {
    login: Option<(&'static str, &'static str)>,
    retained: Mutex<BTreeMap<String, Vec<u8>>>,
    /// All that was published, in its order.
    messages: Mutex<Vec<(String, Vec<u8>)>>,
    clients: Mutex<HashMap<usize, TcpStream>>,
    connections: AtomicUsize,
}

impl Broker {
    /// One that lets everybody in.
    pub fn new() -> Self {
        Self::start(State::default())
    }

    /// One that takes this login only.
    pub fn with_login(user: &'static str, password: &'static str) -> Self {
        Self::start(State {
            login: Some((user, password)),
            ..State::default()
        })
    }

    fn start(state: State) -> Self {
        let state = Arc::new(state);
        let shared = state.clone();
        let listener = Listener::start("127.0.0.1:0".parse().unwrap(), move |socket, is_over| {
            shared.talk(socket, is_over);
        });
        Self {
            address: listener.address,
            state,
            _listener: listener,
        }
    }

    /// What it retains of `topic`, as text.
    pub fn retained(&self, topic: &str) -> Option<String> {
        let retained = self.state.retained.lock().unwrap();
        let payload = retained.get(topic)?;
        Some(String::from_utf8_lossy(payload).into_owned())
    }

    /// The topics of what it retains.
    pub fn topics(&self) -> Vec<String> {
        self.state
            .retained
            .lock()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    /// All that was published to `topic`.
    pub fn messages(&self, topic: &str) -> Vec<Vec<u8>> {
        let messages = self.state.messages.lock().unwrap();
        let messages = messages.iter().filter(|(to, _)| to == topic);
        messages.map(|(_, payload)| payload.clone()).collect()
    }

    /// Sends everybody a message.
    pub fn publish(&self, topic: &str, payload: &[u8]) {
        let message = Publish::new(topic, QoS::AtMostOnce, payload);
        for client in self.state.clients.lock().unwrap().values() {
            // It may have gone.
            send(client, Packet::Publish(message.clone())).ok();
        }
    }

    /// Retains a message that nobody has published to it.
    pub fn retain(&self, topic: &str, payload: &str) {
        let mut retained = self.state.retained.lock().unwrap();
        retained.insert(topic.to_owned(), payload.into());
    }

    /// Ends all connections and forgets everything.
    pub fn restart(&self) {
        self.state.retained.lock().unwrap().clear();
        for client in self.state.clients.lock().unwrap().values() {
            // It may have gone.
            client.shutdown(Shutdown::Both).ok();
        }
    }

    /// The number of connections that there have been.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

fn send(mut socket: &TcpStream, packet: Packet) -> std::io::Result<()> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, MOST).unwrap();
    socket.write_all(&bytes)
}

impl State {
    fn talk(&self, socket: &TcpStream, is_over: &AtomicBool) {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let mut will = None;
        let mut bytes = BytesMut::new();
        while let Some(packet) = next(socket, &mut bytes) {
            match packet {
                Packet::Connect(connect) => {
                    if !self.welcome(socket, &connect) {
                        break;
                    }
                    let client = socket.try_clone().unwrap();
                    self.clients.lock().unwrap().insert(number, client);
                    will = connect.last_will;
                }
                Packet::Disconnect => will = None,
                packet => self.take(socket, packet),
            }
        }
        self.clients.lock().unwrap().remove(&number);
        if let Some(will) = will.filter(|_| !is_over.load(Ordering::SeqCst)) {
            self.keep(&will.topic, &will.message, will.retain);
        }
    }

    fn welcome(&self, socket: &TcpStream, connect: &Connect) -> bool {
        let login = connect.login.as_ref();
        let login = login.map(|it| (it.username.as_str(), it.password.as_str()));
        let code = match login == self.login {
            true => ConnectReturnCode::Success,
            false => ConnectReturnCode::BadUserNamePassword,
        };
        let is_sent = send(socket, Packet::ConnAck(ConnAck::new(code, false))).is_ok();
        is_sent && code == ConnectReturnCode::Success
    }

    fn take(&self, socket: &TcpStream, packet: Packet) {
        // Whoever has gone gets no answer.
        match packet {
            Packet::Publish(message) => {
                self.keep(&message.topic, &message.payload, message.retain);
                if message.qos == QoS::AtLeastOnce {
                    send(socket, Packet::PubAck(PubAck::new(message.pkid))).ok();
                }
            }
            Packet::Subscribe(subscribe) => {
                let codes = subscribe
                    .filters
                    .iter()
                    .map(|it| SubscribeReasonCode::Success(it.qos));
                let answer = SubAck::new(subscribe.pkid, codes.collect());
                send(socket, Packet::SubAck(answer)).ok();
                self.send_retained(socket, &subscribe.filters);
            }
            Packet::PingReq => {
                send(socket, Packet::PingResp).ok();
            }
            _ => {}
        }
    }

    fn keep(&self, topic: &str, payload: &[u8], retain: bool) {
        let message = (topic.to_owned(), payload.to_vec());
        self.messages.lock().unwrap().push(message);
        let mut retained = self.retained.lock().unwrap();
        match (retain, payload) {
            (true, []) => drop(retained.remove(topic)),
            (true, payload) => drop(retained.insert(topic.to_owned(), payload.to_vec())),
            (false, _) => {}
        }
    }

    fn send_retained(&self, socket: &TcpStream, filters: &[SubscribeFilter]) {
        for (topic, payload) in self.retained.lock().unwrap().iter() {
            if filters.iter().any(|it| matches(topic, &it.path)) {
                let mut message = Publish::new(topic, QoS::AtMostOnce, payload.clone());
                message.retain = true;
                send(socket, Packet::Publish(message)).ok();
            }
        }
    }
}

/// The next packet; none when the connection is over.
fn next(mut socket: &TcpStream, bytes: &mut BytesMut) -> Option<Packet> {
    loop {
        match Packet::read(bytes, MOST) {
            Ok(packet) => return Some(packet),
            Err(Error::InsufficientBytes(_)) => {
                let mut buffer = [0; 4096];
                let count = socket.read(&mut buffer).ok().filter(|count| *count > 0)?;
                bytes.extend_from_slice(&buffer[..count]);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}
