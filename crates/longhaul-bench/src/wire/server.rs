//! The server: answers of any length, and requests that it keeps waiting.
//!
//! It does no work, so that the client is what limits; and it tells how many requests it holds, so that memory is
//! measured when all have arrived and not when all were sent.

use std::{
    convert::Infallible,
    error::Error,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::{child, process};

/// Answered never; such requests are counted while they last.
pub(crate) const HOLD: &str = "/hold";
/// Answered with how many are held.
pub(crate) const HELD: &str = "/held";
/// Answered with so many bytes of JSON.
pub(crate) const ANSWER: &str = "/answer/";

/// A server in a process of its own, which ends with this value.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let mut child = child::command(&["wire", "--serve"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("it was piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self { child, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is the server, until its standard input ends: with the process that started it, at the latest.
pub(super) fn serve() -> Result<(), Box<dyn Error>> {
    process::open_more_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        tokio::spawn(accept(listener));
        tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
        Ok(())
    })
}

async fn accept(listener: TcpListener) {
    let held = Arc::new(AtomicUsize::new(0));
    loop {
        // A connection that broke before it was taken is nobody's.
        if let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(socket, held.clone()));
        }
    }
}

async fn connection(socket: TcpStream, held: Arc<AtomicUsize>) {
    // Without it, a small answer waits for the client's acknowledgement of the one before.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| answer(request, held.clone()));
    // How a connection ends is the client's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    held: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // What is wrong with it shows at the next read.
    let _ = body.collect().await;
    // Behind a proxy the path says where the call goes, and the query what is asked for.
    let path = head.uri.query().unwrap_or(head.uri.path());
    if path == HOLD {
        let _held = Counted::one_more(&held);
        std::future::pending().await
    }
    let body = match path.strip_prefix(ANSWER).map(str::parse) {
        Some(Ok(length)) => picture(length),
        _ if path == HELD => held.load(Relaxed).to_string().into(),
        _ => {
            let mut refused = Response::new(Full::default());
            *refused.status_mut() = StatusCode::NOT_FOUND;
            return Ok(refused);
        }
    };
    let mut answer = Response::new(Full::new(body));
    let json = http::HeaderValue::from_static("application/json");
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    Ok(answer)
}

fn picture(length: usize) -> Bytes {
    const BEFORE: &str = r#"{"created":1,"data":[{"b64_json":""#;
    const AFTER: &str = "\"}]}";
    let mut text = String::with_capacity(length);
    text.push_str(BEFORE);
    text.extend(std::iter::repeat_n(
        'A',
        length.saturating_sub(BEFORE.len() + AFTER.len()).max(1),
    ));
    text.push_str(AFTER);
    text.into()
}

/// One of those that are held, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_more(held: &Arc<AtomicUsize>) -> Self {
        held.fetch_add(1, Relaxed);
        Self(held.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
