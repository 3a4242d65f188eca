//! The counts against what a server really read, on two workers.

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use longhaul::attempt::Transport;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::*;
use crate::{Client, client::outgoing};

fn client() -> Arc<Shared> {
    let client = Client::builder().plain_http_only();
    let client = client.build::<Full<Bytes>>().expect("valid settings");
    client.shared()
}

fn request(address: &str, size: usize) -> Outgoing {
    let request = Request::post(address)
        .body(Full::<Bytes>::from(vec![b'x'; size]))
        .expect("a valid request");
    outgoing(request).expect("sendable")
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
async fn on_a_reused_connection_an_exchange_counts_its_own_bytes() {
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
                let outgoing = request(&address, 1 + caller * 1000 + call);
                let exchange = outgoing.exchange.clone();
                let answer = client.clone().carry(outgoing, None).await;
                let body = answer.expect("an answer").collect().await;
                // The connection may serve the next caller by now.
                tokio::task::yield_now().await;
                let on_the_wire: u64 = std::str::from_utf8(&body.expect("a body").to_bytes())
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

    for round in 0..240_usize {
        // More than the buffers of two sockets take at once, so that some polls find them full.
        let outgoing = request(&address, 16 << 20);
        let exchange = outgoing.exchange.clone();
        let mut call = Box::pin(client.clone().carry(outgoing, None));
        let mut more = round % 12;
        poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            if exchange.written().written > 0 {
                if more == 0 {
                    return Poll::Ready(());
                }
                more -= 1;
                // Whether or not anything can be written.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
        drop(call);

        let on_the_wire = told.recv().await.expect("the connection ends");
        assert_eq!(exchange.written().written, on_the_wire, "round {round}");
    }
}
