//! The provider on real sockets. Time runs fast here, and no test depends on how fast.

mod faults;
mod good;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls};

use super::{Protocols, Server};
use crate::{Entry, Provider, Weight};

const PATH: &str = "/v1/images/generations";

fn provider(script: &str) -> Provider {
    let builder = Provider::builder().image_weight(Weight::Tiny).speed(1000.0);
    builder.script(script.parse().unwrap()).build().unwrap()
}

async fn serve(script: &str) -> (Provider, Server) {
    let provider = provider(script);
    let server = Server::start(provider.clone()).await.unwrap();
    (provider, server)
}

fn request() -> Request<Full<Bytes>> {
    let body = r#"{ "prompt": "a cat", "model": "nano-banana-pro", "size": "4096x4096" }"#;
    Request::post(PATH)
        .header("host", "sim.test")
        .body(body.into())
        .unwrap()
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.addr()).await.unwrap()
}

async fn http1<S>(stream: S) -> http1::SendRequest<Full<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    send
}

async fn http2<S>(stream: S) -> http2::SendRequest<Full<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (send, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    send
}

/// The request in HTTP/2's form.
fn request2() -> Request<Full<Bytes>> {
    let (mut head, body) = request().into_parts();
    head.uri = format!("http://sim.test{PATH}").parse().unwrap();
    head.headers.remove("host");
    Request::from_parts(head, body)
}

async fn body(response: Response<Incoming>) -> Result<Bytes, hyper::Error> {
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Sends the request by hand and reads all that comes until the connection ends.
async fn raw(server: &Server) -> (String, io::Result<()>) {
    let mut stream = connect(server).await;
    let body = request().into_body().collect().await.unwrap().to_bytes();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: sim.test\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read).await.map(drop);
    (String::from_utf8_lossy(&read).into_owned(), end)
}

async fn only_entry(provider: &Provider) -> Entry {
    provider.oracle().settled().await;
    let mut entries = provider.oracle().entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

/// The first error of this type in the chain.
fn cause<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref())
}
