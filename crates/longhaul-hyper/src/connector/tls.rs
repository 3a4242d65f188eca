use std::{fmt, io, sync::Arc};

use longhaul::{BoxError, ConfigError};
use rustls::{AlertDescription, ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{error::NoHttp1, roots};
use crate::settings::HttpVersion;

const H1: &[u8] = b"http/1.1";
const H2: &[u8] = b"h2";

/// TLS that offers the allowed HTTP versions and no other.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    version: HttpVersion,
}

impl Tls {
    /// With `config`, whose ALPN protocols are overwritten.
    pub(crate) fn new(mut config: ClientConfig, version: HttpVersion) -> Self {
        config.alpn_protocols = match version {
            HttpVersion::Http1Only => vec![H1.to_vec()],
            HttpVersion::Negotiated => vec![H2.to_vec(), H1.to_vec()],
        };
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            version,
        }
    }

    /// With the platform's root certificates.
    pub(crate) fn of_platform(version: HttpVersion) -> Result<Self, ConfigError> {
        let roots = roots::of_platform()?;
        // Never the process default: that depends on which other crates are linked.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::new(config, version))
    }

    pub(super) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, BoxError> {
        let name = ServerName::try_from(host.to_owned())?;
        let stream = self
            .connector
            .connect(name, stream)
            .await
            .map_err(explained)?;
        // rustls refuses a protocol that was not offered; this keeps the promise without its help.
        if self.version == HttpVersion::Http1Only && is_h2(&stream) {
            return Err(NoHttp1(None).into());
        }
        Ok(stream)
    }
}

/// Whether the server chose HTTP/2.
pub(super) fn is_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

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
        f.debug_struct("Tls")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
