use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http_body_util::BodyExt;
use longhaul_hyper::{Builder, Client};
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{
    call, post,
    server::{accept, listen, read_request},
};

/// How many connections two calls make that lie `pause` apart.
async fn connections(builder: Builder, pause: Duration) -> u32 {
    let (listener, address) = listen().await;
    let counter = Arc::new(AtomicU32::new(0));
    let count = counter.clone();
    let server = tokio::spawn(async move {
        loop {
            let mut stream = accept(&listener).await;
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while read_request(&mut stream).await.is_some() {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
                    stream.write_all(answer).await.expect("a reader");
                }
            });
        }
    });
    let client = builder.plain_http_only().build().expect("valid settings");
    for wait in [Duration::ZERO, pause] {
        sleep(wait).await;
        let (request, _) = post(&address, 10);
        let response = call(&client, request).await.expect("an answer");
        response.collect().await.expect("a body");
        // The connection goes back to the pool on a task of its own.
        sleep(Duration::from_millis(20)).await;
    }
    server.abort();
    counter.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_nearly_fresh_connection_is_used_again() {
    assert_eq!(connections(Client::builder(), Duration::ZERO).await, 1);
}

#[tokio::test]
async fn a_connection_idle_for_two_seconds_is_not_used_again() {
    let pause = Duration::from_millis(2200);
    assert_eq!(connections(Client::builder(), pause).await, 2);
}

#[tokio::test]
async fn the_idle_limit_can_be_set() {
    let builder = Client::builder().pool_idle_timeout(Duration::from_millis(100));
    assert_eq!(connections(builder, Duration::from_millis(500)).await, 2);
}

#[tokio::test]
async fn without_idle_connections_every_call_has_its_own() {
    let builder = Client::builder().pool_max_idle_per_host(0);
    assert_eq!(connections(builder, Duration::ZERO).await, 2);
}
