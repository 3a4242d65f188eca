use std::{sync::Arc, time::Duration};

use longhaul_hyper::Client;
use longhaul_testing::harness::trusting;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{Http, plain};

/// A listener and the http address of it.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("http://{address}/"))
}

pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

/// Reads one request to its end; the bytes of it, or `None` at the end of the connection.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.parse().ok())
                .unwrap_or(0);
            if read.len() >= end + 4 + length {
                return Some(read);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

/// Writes all of it, encrypted too.
pub(crate) async fn say(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    stream.write_all(bytes).await.expect("a reader");
    stream.flush().await.expect("a reader");
}

/// Reads `count` bytes and no more than that.
pub(crate) async fn read_part(stream: &mut (impl AsyncRead + Unpin), count: usize) {
    stream
        .read_exact(&mut vec![0; count])
        .await
        .expect("that many");
}

/// Closes with a reset, and everything unread is lost.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("settable");
}

/// A certificate for `localhost`: the server's side, offering `alpn`, and the client's.
pub(crate) fn tls(alpn: &[&str]) -> (TlsAcceptor, ClientConfig) {
    let made =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports them")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a matching key");
    server.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    (TlsAcceptor::from(Arc::new(server)), trusting(roots))
}

/// A client and a listener for it, over plain http or TLS.
pub(crate) struct Pair {
    pub(crate) client: Http,
    pub(crate) address: String,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
}

/// The server's side of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Pair {
    pub(crate) async fn new(encrypted: bool) -> Self {
        let (listener, address) = listen().await;
        if !encrypted {
            let (client, acceptor) = (plain(), None);
            return Self {
                client,
                address,
                listener,
                acceptor,
            };
        }
        let (acceptor, config) = tls(&["http/1.1"]);
        let client = Client::builder().tls_config(config).build();
        Self {
            client: client.expect("valid settings"),
            address: https(&listener),
            listener,
            acceptor: Some(acceptor),
        }
    }

    /// Client and address, and the listener for the server's task.
    pub(crate) fn split(self) -> (Http, String, impl AsyncFn() -> Box<dyn Stream>) {
        let Self {
            client,
            address,
            listener,
            acceptor,
        } = self;
        let accept = async move || {
            loop {
                let stream = accept(&listener).await;
                let Some(acceptor) = &acceptor else {
                    break Box::new(stream) as Box<dyn Stream>;
                };
                // A client that leaves during the handshake is nobody's.
                if let Ok(stream) = acceptor.accept(stream).await {
                    break Box::new(stream);
                }
            }
        };
        (client, address, accept)
    }
}

/// The same test over plain http and over TLS.
pub(crate) async fn both(test: impl AsyncFn(Pair)) {
    for encrypted in [false, true] {
        test(Pair::new(encrypted).await).await;
    }
}

/// The https address of a listener, by the name in the certificate.
pub(crate) fn https(listener: &TcpListener) -> String {
    let port = listener.local_addr().expect("an address").port();
    format!("https://localhost:{port}/")
}

pub(crate) async fn accept_tls(listener: &TcpListener, tls: &TlsAcceptor) -> TlsStream<TcpStream> {
    tls.accept(accept(listener).await)
        .await
        .expect("a handshake")
}
