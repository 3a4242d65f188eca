//! TLS. It is where HTTP/1.1 is agreed on: a server that speaks HTTP/2 alone is found out before anything is sent.

use std::{fmt, io, sync::Arc};

use longhaul::{BoxError, ConfigError};
use rustls::{AlertDescription, ClientConfig, crypto::ring, pki_types::ServerName};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{error::NoHttp1, roots, socket::Socket};

/// TLS that offers HTTP/1.1 and nothing else.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// With `config`, whose ALPN protocols are overwritten.
    pub(crate) fn new(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// With the platform's root certificates.
    pub(crate) fn of_platform() -> Result<Self, ConfigError> {
        let roots = roots::of_platform()?;
        // Never the process default: that depends on which other crates are linked.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::new(config))
    }

    /// A server without ALPN is taken to speak HTTP/1.1, as all of them did before ALPN.
    pub(super) async fn handshake(
        &self,
        host: &str,
        socket: Socket,
    ) -> Result<TlsStream<Socket>, BoxError> {
        let name = ServerName::try_from(host.to_owned())?;
        let stream = self.0.connect(name, socket).await.map_err(explained)?;
        // rustls refuses a protocol that was not offered; this keeps the promise without its help.
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Err(NoHttp1(None).into()),
            _ => Ok(stream),
        }
    }
}

/// A server that offers HTTP/2 alone answers with the alert `no_application_protocol`. Its own words say that badly;
/// ours say what it means.
fn explained(error: io::Error) -> BoxError {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            NoHttp1(Some(error)).into()
        }
        _ => error.into(),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration inside can hold a client's key.
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
