//! TLS (RFC 8446, RFC 5246): its handshakes, and what is kept of the connections.

mod certificates;
mod handshake;
mod settings;
mod stream;

pub use certificates::Certificates;
pub use handshake::{ClientCertificate, Opened, open};
pub use settings::Settings;
pub use stream::TlsSocket;
