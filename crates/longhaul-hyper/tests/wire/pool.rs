use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use longhaul_hyper::{Builder, Client};
use tokio::{
    io::AsyncWriteExt,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    Http, call, plain, post,
    server::{accept, listen, read_request},
};

/// Answers every request with `answer` on as many connections as come; the count of these.
async fn server(answer: &'static [u8]) -> (String, Arc<AtomicU32>, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let counter = Arc::new(AtomicU32::new(0));
    let count = counter.clone();
    let task = tokio::spawn(async move {
        loop {
            let mut stream = accept(&listener).await;
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while read_request(&mut stream).await.is_some() {
                    stream.write_all(answer).await.expect("a reader");
                }
            });
        }
    });
    (address, counter, task)
}

const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

async fn whole(client: &Http, request: Request<Full<Bytes>>) {
    let response = call(client, request).await.expect("an answer");
    response.collect().await.expect("a body");
}

/// How many connections two calls make that lie `pause` apart; paid ones carry an attempt.
async fn connections(builder: Builder, paid: bool, pause: Duration) -> u32 {
    let (address, counter, server) = server(LENGTH).await;
    let client = builder.plain_http_only().build().expect("valid settings");
    for wait in [Duration::ZERO, pause] {
        sleep(wait).await;
        let (mut request, _) = post(&address, 10);
        if !paid {
            request.extensions_mut().clear();
        }
        whole(&client, request).await;
    }
    server.abort();
    counter.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_nearly_fresh_connection_is_used_again() {
    let builder = Client::builder();
    assert_eq!(connections(builder, true, Duration::ZERO).await, 1);
}

#[tokio::test]
async fn a_paid_call_takes_no_connection_idle_for_two_seconds() {
    let pause = Duration::from_millis(2200);
    assert_eq!(connections(Client::builder(), true, pause).await, 2);
}

#[tokio::test]
async fn a_call_that_costs_nothing_takes_any_idle_connection() {
    let pause = Duration::from_millis(2200);
    assert_eq!(connections(Client::builder(), false, pause).await, 1);
}

#[tokio::test]
async fn both_idle_limits_can_be_set() {
    let short = Duration::from_millis(100);
    let pause = Duration::from_millis(500);
    let builder = Client::builder().paid_idle_timeout(short);
    assert_eq!(connections(builder, true, pause).await, 2);
    let builder = Client::builder().pool_idle_timeout(short);
    assert_eq!(connections(builder, false, pause).await, 2);
}

#[tokio::test]
async fn without_idle_connections_every_call_has_its_own() {
    let builder = Client::builder().pool_max_idle_per_host(0);
    assert_eq!(connections(builder, true, Duration::ZERO).await, 2);
}

#[tokio::test]
async fn every_form_of_a_whole_answer_gives_its_connection_back() {
    for answer in [
        LENGTH,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ] {
        let (address, counter, server) = server(answer).await;
        let client = plain();
        for _ in 0..5 {
            whole(&client, post(&address, 10).0).await;
        }
        server.abort();
        let answer = String::from_utf8_lossy(answer);
        assert_eq!(counter.load(Ordering::SeqCst), 1, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_to_its_end_closes_its_connection() {
    let (address, counter, server) = server(LENGTH).await;
    let client = plain();
    for _ in 0..3 {
        let response = call(&client, post(&address, 10).0).await;
        drop(response.expect("an answer"));
    }
    server.abort();
    assert_eq!(counter.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn no_more_connections_are_kept_than_the_setting_says() {
    let (address, counter, server) = server(LENGTH).await;
    let builder = Client::builder().plain_http_only();
    let client = builder.pool_max_idle_per_host(2).build();
    let client = client.expect("valid settings");
    for expected in [4, 6] {
        let one = || call(&client, post(&address, 10).0);
        let answers = tokio::join!(one(), one(), one(), one());
        for answer in <[_; 4]>::from(answers) {
            answer.expect("an answer").collect().await.expect("a body");
        }
        assert_eq!(counter.load(Ordering::SeqCst), expected);
    }
    server.abort();
}

#[tokio::test]
async fn a_connection_that_gets_old_is_closed_without_another_call() {
    let (listener, address) = listen().await;
    let client: Http = Client::builder()
        .plain_http_only()
        .pool_idle_timeout(Duration::from_millis(50))
        .build()
        .expect("valid settings");
    let server = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        read_request(&mut stream).await.expect("a request");
        stream.write_all(LENGTH).await.expect("a reader");
        assert!(read_request(&mut stream).await.is_none());
    });

    whole(&client, post(&address, 10).0).await;

    let patience = Duration::from_secs(8);
    let closed = timeout(patience, server).await;
    closed.expect("closed").expect("nothing more was read");
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_takes_no_call() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await.expect("a request");
            stream.write_all(LENGTH).await.expect("a reader");
        }
    });
    let client = plain();
    for _ in 0..2 {
        whole(&client, post(&address, 10).0).await;
        // The close arrives.
        sleep(Duration::from_millis(100)).await;
    }
    server.await.expect("served both");
}
