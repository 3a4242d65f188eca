//! A reverse proxy as hyper's own parts make one: what passes a request on and does nothing else.
//!
//! It is the floor: what any reverse proxy on hyper has to pay. It runs as this program once more, told so by an
//! argument, and ends with its standard input, which is to say with whoever started it.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
};

use http::{Request, Response, header, uri::Authority};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::{TcpListener, TcpStream};

use crate::process;

type Upstream = Client<HttpConnector, Incoming>;

/// Is the proxy, until its standard input ends: with the process that started it, at the latest.
pub(super) fn serve(upstream: SocketAddr) -> Result<(), Box<dyn Error>> {
    process::open_more_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        tokio::spawn(accept(listener, upstream.to_string().parse()?));
        tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
        Ok(())
    })
}

async fn accept(listener: TcpListener, upstream: Authority) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(socket, client.clone(), upstream.clone()));
        }
    }
}

async fn connection(socket: TcpStream, client: Upstream, upstream: Authority) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| pass(request, client.clone(), upstream.clone()));
    // How a connection ends is the client's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

async fn pass(
    mut request: Request<Incoming>,
    client: Upstream,
    upstream: Authority,
) -> Result<Response<Incoming>, legacy::Error> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = Some(http::uri::Scheme::HTTP);
    uri.authority = Some(upstream);
    if let Ok(uri) = http::Uri::from_parts(uri) {
        *request.uri_mut() = uri;
    }
    for name in [header::HOST, header::CONNECTION] {
        request.headers_mut().remove(name);
    }
    let mut response = client.request(request).await?;
    response.headers_mut().remove(header::CONNECTION);
    Ok(response)
}
