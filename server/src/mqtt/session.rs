//! One broker's connection, made again whenever it breaks.

use std::path::Path;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Packet, QoS,
    TlsConfiguration, Transport,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Mqtt;
use super::incoming::Incoming;
use super::publisher::Publisher;
use super::topics::Topics;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::{Config, MqttConfig, SecretError};
use crate::control::Controller;
use crate::files::{self, AtPath, FileError};

/// The most messages that wait to be sent.
const WAITING: usize = 100;
/// The most bytes of a message from the broker, and of one to it.
const INCOMING_BYTES: usize = 1 << 20;
const OUTGOING_BYTES: usize = 32 << 20;
/// The interval at which a silent connection is looked after: the broker tells that the server is
/// gone after half as much again (MQTT 3.1.1, 3.1.2.10).
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The pauses before the broker is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The time for saying good-bye.
const GOOD_BYE: Duration = Duration::from_millis(500);
/// The most bytes of a file with certificates.
const CERTIFICATES_BYTES: u64 = 1 << 20;

/// The reason why a broker can't be connected to, whatever it does.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// Its address is none.
    #[error(transparent)]
    Address(#[from] url::ParseError),
    /// The password can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificates can't be read.
    #[error(transparent)]
    Unreadable(#[from] AtPath<FileError>),
    /// They are none.
    #[error("{0} holds no certificates in PEM")]
    NoCertificates(String),
    /// This machine can't speak TLS.
    #[error("TLS can't be used here: {0}")]
    Tls(#[from] rustls::Error),
}

/// Checks what can be known without the broker: the files that are named.
///
/// # Errors
/// One can't be read.
pub fn check(config: &MqttConfig, folder: &Path) -> Result<(), MqttError> {
    if let Some(login) = &config.login {
        login.password.check(folder)?;
    }
    if let Some(ca) = &config.ca {
        certificates(ca, folder)?;
    }
    Ok(())
}

impl Mqtt {
    /// Keeps the connection that `config` wants, if it wants one, until `end`, and says good-bye.
    pub(super) async fn keep(
        &self,
        controller: &Controller,
        config: &Config,
        end: &CancellationToken,
    ) {
        let Some(broker) = &config.mqtt else {
            *self.state() = super::State::default();
            return end.cancelled().await;
        };
        let clock = controller.clock();
        self.state().report.broker = Some(broker.broker.expose().to_owned());
        match options(broker, &config.folder) {
            Ok(options) => self.talk(controller, broker, options, end).await,
            Err(why) => {
                self.failed(&why.to_string(), clock.now());
                end.cancelled().await;
            }
        }
        self.state().client = None;
        self.state().report.connected = false;
    }

    async fn talk(
        &self,
        controller: &Controller,
        config: &MqttConfig,
        options: MqttOptions,
        end: &CancellationToken,
    ) {
        let (client, mut connection) = AsyncClient::new(options, WAITING);
        self.state().client = Some(client.clone());
        let (connections, connected) = watch::channel(0);
        let (retained, seen) = mpsc::channel(WAITING);
        let incoming = Incoming::new(config, controller, retained);
        let publisher = Publisher::new(config, controller, client.clone(), self.clone());
        tokio::select! {
            () = self.poll(&mut connection, &connections, &incoming, &**controller.clock()) => {}
            () = publisher.run(connected, seen) => {}
            () = end.cancelled() => {}
        }
        if self.is_connected() {
            good_bye(&client, &mut connection, config).await;
        }
    }

    async fn poll(
        &self,
        connection: &mut EventLoop,
        connections: &watch::Sender<u64>,
        incoming: &Incoming<'_>,
        clock: &dyn Clock,
    ) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match connection.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    backoff.reset();
                    self.connected(clock.now());
                    connections.send_modify(|count| *count += 1);
                }
                Ok(Event::Incoming(Packet::Publish(message))) => incoming.take(message),
                Ok(_) => {}
                Err(error) => {
                    self.failed(&words(&error), clock.now());
                    clock.sleep_until(clock.now() + backoff.pause()).await;
                }
            }
        }
    }
}

/// `error` for people.
fn words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Io(error) => error.to_string(),
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker refuses the connection: {code:?}")
        }
        ConnectionError::NetworkTimeout => "there is no answer in time".to_owned(),
        other => other.to_string(),
    }
}

/// Says that the server is gone, which a broker does itself only for one that says nothing.
async fn good_bye(client: &AsyncClient, connection: &mut EventLoop, config: &MqttConfig) {
    let topic = Topics::of(config).status();
    let said = async {
        // An error means that the connection has just broken, and the broker says it.
        client
            .publish(topic, QoS::AtLeastOnce, true, "offline")
            .await
            .ok();
        client.disconnect().await.ok();
        std::future::pending::<()>().await;
    };
    let sent = async { while connection.poll().await.is_ok() {} };
    tokio::select! {
        () = said => {}
        () = sent => {}
        () = tokio::time::sleep(GOOD_BYE) => {}
    }
}

fn options(config: &MqttConfig, folder: &Path) -> Result<MqttOptions, MqttError> {
    let url = Url::parse(config.broker.expose())?;
    let is_tls = url.scheme() == "mqtts";
    let port = url.port().unwrap_or(if is_tls { 8883 } else { 1883 });
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut options = MqttOptions::new(client_id(config), host, port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_max_packet_size(INCOMING_BYTES, OUTGOING_BYTES)
        .set_last_will(LastWill::new(
            Topics::of(config).status(),
            "offline",
            QoS::AtLeastOnce,
            true,
        ));
    if let Some(login) = &config.login {
        let password = login.password.reveal(folder)?;
        options.set_credentials(&login.user, password.expose());
    }
    if is_tls {
        let tls = tls(config, folder)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::from(tls)));
    }
    Ok(options)
}

fn client_id(config: &MqttConfig) -> String {
    config.client_id.clone().unwrap_or_else(|| {
        let host = hostname::get().unwrap_or_default();
        let host = host.to_string_lossy();
        let is_fine = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let host: String = host.chars().filter(is_fine).take(50).collect();
        format!("mattebox-{host}")
    })
}

fn tls(config: &MqttConfig, folder: &Path) -> Result<ClientConfig, MqttError> {
    // Another one being there already is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let builder = ClientConfig::builder();
    let builder = match &config.ca {
        Some(ca) => builder.with_root_certificates(certificates(ca, folder)?),
        None => builder.with_platform_verifier()?,
    };
    Ok(builder.with_no_client_auth())
}

/// The certificates in the file `name`.
fn certificates(name: &str, folder: &Path) -> Result<RootCertStore, MqttError> {
    let path = folder.join(name);
    let pem = files::read(&path, CERTIFICATES_BYTES).map_err(|why| AtPath::new(&path, why))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates.unwrap_or_default());
    match added {
        0 => Err(MqttError::NoCertificates(name.to_owned())),
        _ => Ok(store),
    }
}
