//! A throw-away certificate.
//!
//! Made at the start and not kept in the repository: a key that lies in a repository is trusted somewhere, some day.

use std::{io, net::IpAddr, sync::Arc};

use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::Protocols;

/// Made anew for each server, and trusted by nobody who is not told to.
pub(super) struct ThrowAway {
    /// With the certificate, its key, and the protocols of the server.
    pub(super) config: Arc<ServerConfig>,
    /// The certificate, in DER.
    pub(super) certificate: CertificateDer<'static>,
    /// The certificate as text, in PEM.
    pub(super) pem: String,
    /// A store that trusts this certificate and nothing else.
    pub(super) roots: Arc<RootCertStore>,
}

impl ThrowAway {
    /// A certificate for this machine by name and address.
    ///
    /// An error is one of key generation or of TLS itself, and not to be expected.
    pub(super) fn new(ip: IpAddr, protocols: Protocols) -> io::Result<Self> {
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let ip = ip.to_string();
        if !names.contains(&ip) {
            names.push(ip);
        }
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        let (certificate, pem) = (made.cert.der().clone(), made.cert.pem());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.clone()], key)
            })
            .map_err(io::Error::other)?;
        config.alpn_protocols = protocols.alpn();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).map_err(io::Error::other)?;
        Ok(Self {
            config: Arc::new(config),
            certificate,
            pem,
            roots: Arc::new(roots),
        })
    }
}
