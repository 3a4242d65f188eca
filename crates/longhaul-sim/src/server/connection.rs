//! Serving one connection.
//!
//! hyper serves the requests; what it cannot be told to do (reset, close in the middle, GOAWAY) is done to the stream
//! below it, by the [`Line`]. So a fault looks on the wire as it does in the wild, and hyper's own state does not
//! matter.

use std::time::Duration;

use h2::Reason;
use http::{Request, Response, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::{
    Protocols,
    log::ConnectionLog,
    stream::{MaybeTls, Watched},
};
use crate::{
    Body, Provider, SimErrorKind,
    error::BoxError,
    line::{HangUp, Line},
};

/// Serves a connection until either side ends it.
///
/// It returns when the connection has ended. A failed TLS handshake is noted and is no request.
pub(super) async fn serve(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    protocols: Protocols,
    provider: Provider,
    log: ConnectionLog,
) {
    // Answers are written in large pieces; waiting for more would only delay their ends. A socket that cannot be told
    // so works all the same.
    let _ = tcp.set_nodelay(true);
    let line = Line::new(log.number(), tls.is_some());
    let stream = match tls {
        None => MaybeTls::Plain(tcp),
        Some(tls) => match tls.accept(tcp).await {
            Ok(stream) => {
                let alpn = stream.get_ref().1.alpn_protocol();
                let alpn = alpn.map(|alpn| String::from_utf8_lossy(alpn).into_owned());
                log.update(|connection| connection.alpn = alpn);
                MaybeTls::Tls(Box::new(stream))
            }
            Err(_) => {
                log.update(|connection| {
                    connection.open = false;
                    connection.handshake_failed = true;
                });
                return;
            }
        },
    };
    let service = service_fn(|request| {
        log.update(|connection| {
            connection.requests += 1;
            connection
                .http_version
                .get_or_insert_with(|| format!("{:?}", request.version()));
        });
        answer(provider.clone(), line.clone(), request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let builder = match protocols {
        Protocols::Any => builder,
        Protocols::Http1 => builder.http1_only(),
        Protocols::Http2 => builder.http2_only(),
    };
    let stream = TokioIo::new(Watched::new(stream, line.clone(), log.clone()));
    // How a connection ends is in the oracle, request by request.
    let _ = builder.serve_connection(stream, service).await;
}

/// Lets the provider answer, and does to the connection what in process is only an error.
///
/// An error from here makes hyper give up the connection or, with a reason of HTTP/2, the stream. After a connection
/// was hung up it waits a moment, so that hyper does not answer first.
async fn answer(
    mut provider: Provider,
    line: Line,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    let http2 = request.version() == Version::HTTP_2;
    request.extensions_mut().insert(line.clone());
    let error = match provider.call(request).await {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    line.hang_up(match error.kind() {
        SimErrorKind::StreamReset { processed } if http2 => {
            let reason = if processed {
                Reason::INTERNAL_ERROR
            } else {
                Reason::REFUSED_STREAM
            };
            return Err(h2::Error::from(reason).into());
        }
        SimErrorKind::GoAway { processed } if http2 => HangUp::GoAway { processed },
        SimErrorKind::RequestBody => return Err(error.into()),
        SimErrorKind::Cut => HangUp::Close,
        _ => HangUp::Reset,
    });
    // The connection ends when it is read next, which is at once, unless the client has sent more than it should.
    tokio::time::sleep(Duration::from_millis(200)).await;
    Err(error.into())
}
