//! HTTP's `CONNECT` (RFC 9110 section 9.3.6).
//!
//! hyper's upgrades would do it, but they need a task for the connection. Driven by hand, the socket is there as soon
//! as the head of the answer is, and the refusal's page is never read.

use std::{error::Error as StdError, fmt, future::poll_fn, pin::pin, task::Poll};

use http::{
    HeaderValue, Request, StatusCode,
    header::{HOST, PROXY_AUTHORIZATION},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use longhaul::BoxError;

use crate::connector::{address::Address, socket::Socket};

/// Asks for a tunnel and takes the socket out of hyper again. Bytes behind the head of the answer are refused: the host
/// speaks only when it is spoken to, so they are the proxy's, and would be read as the begin of the provider's answer.
pub(super) async fn open(
    socket: Socket,
    target: &Address,
    authorization: Option<&HeaderValue>,
) -> Result<Socket, BoxError> {
    let (mut sender, mut connection) = http1::handshake(TokioIo::new(socket)).await?;
    let mut request = Request::connect(target.to_string())
        .header(HOST, target.to_string())
        // A body of no bytes.
        .body(String::new())?;
    if let Some(authorization) = authorization {
        let headers = request.headers_mut();
        headers.insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    let mut answer = pin!(sender.send_request(request));
    let mut ended = false;
    let mut drive = |cx: &mut std::task::Context<'_>| {
        if !ended {
            ended = connection.poll_without_shutdown(cx)?.is_ready();
        }
        Ok::<_, hyper::Error>(ended)
    };
    let answer = poll_fn(|cx| {
        let failed = drive(cx).err();
        match (answer.as_mut().poll(cx), failed) {
            (Poll::Pending, Some(error)) => Poll::Ready(Err(error)),
            (polled, _) => polled,
        }
    })
    .await?;
    if !answer.status().is_success() {
        return Err(Refused(answer.status()).into());
    }
    poll_fn(|cx| match drive(cx)? {
        true => Poll::Ready(Ok::<_, hyper::Error>(())),
        false => Poll::Pending,
    })
    .await?;
    let parts = connection.into_parts();
    if !parts.read_buf.is_empty() {
        return Err("the proxy sent bytes of its own into the tunnel".into());
    }
    Ok(parts.io.into_inner())
}

/// The proxy answered `CONNECT` with something else than a tunnel. Its page is not read.
#[derive(Clone, Copy, Debug)]
pub(in crate::connector) struct Refused(pub(in crate::connector) StatusCode);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it refused the tunnel: {}", self.0)?;
        match self.0 {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                f.write_str("; put user and password into its URL")
            }
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
                f.write_str("; it must allow CONNECT to this host and port")
            }
            _ => Ok(()),
        }
    }
}

impl StdError for Refused {}
