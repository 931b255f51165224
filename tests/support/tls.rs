//! TLS as a client speaks it, and certificates.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, crypto,
};

use super::http::{Mjpeg, Response, connect_keeping, read_response};

/// A connection with TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// What signs certificates.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pub pem: String,
}

/// A certificate and its key, in PEM.
pub struct Issued {
    pub cert: String,
    pub key: String,
    pub der: CertificateDer<'static>,
    pub key_der: Vec<u8>,
}

impl Ca {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        let (der, pem) = (cert.der().clone(), cert.pem());
        let issuer = Issuer::new(params, key);
        Self { issuer, der, pem }
    }

    /// A certificate for 127.0.0.1 and `name`, of a server or a client.
    pub fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, |_| {})
    }

    /// The same, with what `change` makes of it.
    pub fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), name.to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        let mut subject = rcgen::DistinguishedName::new();
        subject.push(rcgen::DnType::CommonName, name);
        params.distinguished_name = subject;
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
        change(&mut params);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            cert: cert.pem(),
            key: key.serialize_pem(),
            der: cert.der().clone(),
            key_der: key.serialize_der(),
        }
    }

    /// A client that trusts it.
    pub fn client(&self) -> ClientConfig {
        client(
            &self.der,
            None,
            &[&rustls::version::TLS13, &rustls::version::TLS12],
        )
    }

    /// The same with the certificate `own`.
    pub fn client_as(&self, own: &Issued) -> ClientConfig {
        client(&self.der, Some(own), &[&rustls::version::TLS13])
    }

    /// A client that speaks this version only.
    pub fn client_of(&self, version: &'static SupportedProtocolVersion) -> ClientConfig {
        client(&self.der, None, &[version])
    }
}

/// A client that trusts `root`, with its `own` certificate.
pub fn client(
    root: &CertificateDer<'static>,
    own: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.key_der.clone()));
            builder
                .with_client_auth_cert(vec![own.der.clone()], key)
                .unwrap()
        }
    }
}

/// Connects to the server at `address`; the handshake is made with what is sent first.
pub fn connect(address: SocketAddr, config: &ClientConfig) -> TlsStream {
    secure(TcpStream::connect(address).unwrap(), config)
}

/// The same of a client whose system keeps about so many bytes for it.
pub fn connect_slowly(bytes: usize, address: SocketAddr, config: &ClientConfig) -> TlsStream {
    secure(connect_keeping(bytes, address), config)
}

fn secure(socket: TcpStream, config: &ClientConfig) -> TlsStream {
    let timeout = std::time::Duration::from_secs(30);
    socket.set_read_timeout(Some(timeout)).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    StreamOwned::new(connection, socket)
}

/// Asks for `target`.
pub fn ask(mut stream: TlsStream, target: &str) -> Response<TlsStream> {
    let host = stream.sock.peer_addr().unwrap();
    let request = format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read_response(stream)
}

pub fn get(address: SocketAddr, config: &ClientConfig, target: &str) -> Response<TlsStream> {
    ask(connect(address, config), target)
}

pub fn watch(address: SocketAddr, config: &ClientConfig, target: &str) -> Mjpeg<TlsStream> {
    Mjpeg::of(get(address, config, target))
}

/// The certificate that the server shows in a handshake; nobody checks it.
pub fn shown(address: SocketAddr) -> CertificateDer<'static> {
    try_shown(address).unwrap()
}

/// The same; none if there is no handshake.
pub fn try_shown(address: SocketAddr) -> Option<CertificateDer<'static>> {
    let mut stream = connect(address, &who_trusts_everybody());
    stream.conn.complete_io(&mut stream.sock).ok()?;
    let certificates = stream.conn.peer_certificates()?;
    Some(certificates[0].clone().into_owned())
}

/// A client that checks no certificate.
pub fn who_trusts_everybody() -> ClientConfig {
    let mut config = Ca::new().client();
    let verifier = Arc::new(NoVerifier);
    config.dangerous().set_certificate_verifier(verifier);
    config
}

/// Trusts everybody.
#[derive(Debug)]
struct NoVerifier;

impl rustls::client::danger::ServerCertVerifier for NoVerifier {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
