//! What is known of a connection, for the requests that come by it.

use std::sync::Arc;

use axum::http::Request;
use hyper::body::Incoming;

use super::super::address::tidied;
use super::super::auth::Peer;
use super::super::scheme::OverTls;
use super::super::tls::ClientCertificate;
use super::ReservePermit;
use super::permits::Connected;

/// The other end of a connection, as its requests tell handlers of it.
#[derive(Clone)]
pub struct Visitor {
    peer: Peer,
    connected: Connected,
    /// With TLS: the name in the client's certificate, if it has one.
    tls: Option<Option<ClientCertificate>>,
}

impl Visitor {
    /// One who is `connected` from `peer`, without TLS.
    pub fn new(peer: Peer, connected: Connected) -> Self {
        Self {
            peer,
            connected,
            tls: None,
        }
    }

    /// The same with TLS, and with the `certificate` that was shown.
    pub fn with_tls(self, certificate: Option<ClientCertificate>) -> Self {
        Self {
            tls: Some(certificate),
            ..self
        }
    }

    /// Its permit, if it is in the reserve.
    pub fn reserve_permit(&self) -> Option<&Arc<ReservePermit>> {
        self.connected.reserve_permit()
    }

    /// Tidies the address of `request` and tells handlers who sends it.
    pub fn mark(&self, request: &mut Request<Incoming>) {
        if let Some(uri) = tidied(request.uri()) {
            *request.uri_mut() = uri;
        }
        let extensions = request.extensions_mut();
        extensions.insert(self.peer);
        extensions.insert(self.connected.clone());
        if let Some(reserve_permit) = self.reserve_permit() {
            extensions.insert(reserve_permit.clone());
        }
        if let Some(certificate) = &self.tls {
            extensions.insert(OverTls);
            if let Some(certificate) = certificate {
                extensions.insert(certificate.clone());
            }
        }
    }
}
