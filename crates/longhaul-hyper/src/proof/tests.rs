//! The counts against what a server really read, on two workers, where they could race.

use std::{
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::capture_connection},
    rt::TokioExecutor,
};
use longhaul::attempt::Transport;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{exchange::Exchange, link::Link};
use crate::connector::Connector;

type Http = Client<Connector, Full<Bytes>>;

fn client() -> Http {
    let connector = crate::Client::builder()
        .plain_http_only()
        .build_connector()
        .expect("valid settings");
    Client::builder(TokioExecutor::new())
        .retry_canceled_requests(false)
        .build(connector)
}

fn request(address: &str, size: usize) -> Request<Full<Bytes>> {
    Request::post(address)
        .body(Full::from(vec![b'x'; size]))
        .expect("a valid request")
}

/// Calls, and gives out the exchange beside the answer.
async fn exchange(
    client: &Http,
    mut request: Request<Full<Bytes>>,
) -> (Response<Incoming>, Arc<Exchange>) {
    let mut link = Link::Connecting(capture_connection(&mut request));
    let mut exchange = None;
    let mut call = pin!(client.request(request));
    std::future::poll_fn(|cx| {
        let polled = call.as_mut().poll(cx);
        link.follow(None);
        if let Link::Proved(held) = &link {
            exchange.get_or_insert_with(|| held.exchange().clone());
        }
        let mut response = ready!(polled).expect("an answer");
        link.head_received(response.extensions_mut());
        Poll::Ready((response, exchange.take().expect("linked")))
    })
    .await
}

/// Answers every request, and tells how long each was on the wire.
async fn count_requests(mut stream: TcpStream) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        };
        let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
        let length: usize = text
            .split("content-length: ")
            .nth(1)?
            .lines()
            .next()?
            .parse()
            .ok()?;
        while read.len() < head + length {
            stream.read_buf(&mut read).await.ok()?;
        }
        assert_eq!(read.len(), head + length, "no pipelining");
        let count = read.len().to_string();
        read.clear();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{count}",
            count.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_counts_its_own_bytes_alone_on_a_reused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(count_requests(stream));
        }
    });
    let client = client();

    let callers = (0..4).map(|caller| {
        let (client, address) = (client.clone(), address.clone());
        tokio::spawn(async move {
            for call in 0..200 {
                let (response, exchange) =
                    exchange(&client, request(&address, 1 + caller * 1000 + call)).await;
                // The connection may serve the next caller while this one has not read its answer.
                tokio::task::yield_now().await;
                let body = response.collect().await.expect("a body").to_bytes();
                let on_the_wire: u64 = std::str::from_utf8(&body)
                    .expect("a number")
                    .parse()
                    .expect("a number");
                let counted = exchange.written();
                assert_eq!(counted.written, on_the_wire);
                assert_eq!(counted.flushed, on_the_wire);
                assert!(counted.flushed_at >= counted.last_write);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no assertion failed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_sends_no_byte_more_than_it_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    let (tell, mut told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut read = Vec::new();
                stream.read_to_end(&mut read).await.expect("a clean end");
                tell.send(read.len() as u64).expect("somebody listens");
            });
        }
    });
    let client = client();

    for round in 0..300 {
        let mut request = request(&address, 50_000);
        let mut link = Link::Connecting(capture_connection(&mut request));
        let mut call = Box::pin(client.request(request));
        let exchange = std::future::poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            link.follow(None);
            match &link {
                Link::Proved(held) => Poll::Ready(held.exchange().clone()),
                _ => Poll::Pending,
            }
        })
        .await;
        // The connection's task runs on the other worker: meet it at different points.
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        drop(link);
        let counted = exchange.written().written;
        drop(call);

        let on_the_wire = told.recv().await.expect("the connection ends");
        assert_eq!(counted, on_the_wire, "round {round}");
    }
}
