//! The services with nothing below them: the simulated provider, the client, and its connector.

use std::{future::poll_fn, pin::pin, task::Poll, thread, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use longhaul_hyper::{Client, Connector};
use longhaul_sim::{Dialect, Provider, Received, Weight, server::Server};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    time::{advance, sleep, timeout},
};
use tower::{Service, ServiceExt};

use crate::{
    calls::{picture, poll_once, post},
    drops::polled,
};

const IMAGES: &str = "v1/images/generations";
const ASKED: &str = r#"{"model":"nano-banana-pro","prompt":"a hat","size":"1024x1024"}"#;

fn provider(speed: f64) -> Provider {
    let provider = Provider::builder().speed(speed).image_weight(Weight::Tiny);
    provider.build().unwrap()
}

/// What must hold of all three: they are always ready, also as clones made while ready, and each clone can be called.
async fn assert_always_ready<S, R>(mut service: S, request: impl Fn() -> R)
where
    S: Service<R> + Clone,
    S::Error: std::fmt::Debug,
{
    let ready = |service: &mut S| {
        let polled = poll_fn(|cx| Poll::Ready(service.poll_ready(cx)));
        assert!(matches!(polled.now_or_never(), Some(Poll::Ready(Ok(())))));
    };
    ready(&mut service);
    let mut clone = service.clone();
    let first = service.call(request());
    ready(&mut clone);
    let second = clone.call(request());
    // Ready again while the first call is under way.
    ready(&mut service);
    let third = service.call(request());
    let (first, second, third) = tokio::join!(first, second, third);
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_provider_is_always_ready() {
    assert_always_ready(provider(1.0), || picture(Dialect::OpenAi)).await;
}

#[tokio::test]
async fn the_client_is_always_ready() {
    let server = Server::start(provider(1000.0)).await.unwrap();
    assert_always_ready(client(), || request_to(&server)).await;
}

#[tokio::test]
async fn the_connector_is_always_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let uri: Uri = uri.parse().unwrap();
    assert_always_ready(connector(Duration::from_secs(10)), || uri.clone()).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_of_the_provider_is_charged_if_it_was_read() {
    for polls in 0.. {
        let mut provider = provider(1.0);
        let call = provider.call(picture(Dialect::OpenAi));
        let whole = async { call.await.unwrap().into_body().collect().await.map(|_| ()) };

        let ended = polled(whole, polls).await.is_some();

        provider.oracle().settled().await;
        for entry in provider.oracle().entries() {
            let charged = entry.charged_micros > 0;
            assert_eq!(
                charged,
                entry.received == Received::Whole,
                "after {polls}: {entry:?}"
            );
            assert!(entry.finished.is_some(), "after {polls}: {entry:?}");
            assert_eq!(entry.delivered, ended, "after {polls}: {entry:?}");
        }
        assert_eq!(provider.oracle().entries().len(), usize::from(polls > 0));
        if ended {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_provider_that_is_polled_late_is_answered() {
    let mut provider = provider(1.0);
    let mut call = pin!(provider.call(picture(Dialect::OpenAi)));
    assert!(poll_once(call.as_mut()).await.is_pending());

    advance(Duration::from_secs(24 * 3600)).await;

    assert_eq!(call.await.unwrap().status(), 200);
}

fn client() -> Client<Full<Bytes>> {
    Client::builder().plain_http_only().build().unwrap()
}

fn connector(limit: Duration) -> Connector {
    let builder = Client::builder().plain_http_only().connect_timeout(limit);
    builder.build_connector().unwrap()
}

fn request_to(server: &Server) -> Request<Full<Bytes>> {
    let mut request = post(IMAGES, Full::from(ASKED));
    *request.uri_mut() = format!("{}/{IMAGES}", server.url()).parse().unwrap();
    request
}

/// Waits until nothing is left of a dropped call but what the server itself keeps.
async fn settled(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let settled = timeout(Duration::from_secs(30), wait).await;
    assert!(settled.is_ok(), "{what}");
}

#[tokio::test]
async fn a_dropped_call_of_the_client_leaves_no_connection_or_task() {
    for polls in 0.. {
        let provider = provider(2000.0);
        let server = Server::start(provider.clone()).await.unwrap();
        let mut client = client();
        let call = client.call(request_to(&server));
        let whole = async { call.await.unwrap().into_body().collect().await.map(|_| ()) };

        let ended = polled(whole, polls).await.is_some();

        provider.oracle().settled().await;
        drop(client);
        let closed = || {
            server
                .connections()
                .iter()
                .all(|connection| !connection.open)
        };
        settled(&format!("after {polls} polls a connection is open"), closed).await;
        server.shutdown().await;
        let tasks = || Handle::current().metrics().num_alive_tasks();
        settled(&format!("after {polls} polls a task is left"), || {
            tasks() == 0
        })
        .await;
        if ended {
            break;
        }
    }
}

#[tokio::test]
async fn a_connect_dropped_after_any_poll_leaves_no_connection() {
    for polls in 0.. {
        let server = Server::start(provider(1.0)).await.unwrap();
        let uri: Uri = server.url().parse().unwrap();
        let call = connector(Duration::from_secs(10)).oneshot(uri);

        let ended = polled(call, polls).await.is_some();

        let closed = || {
            server
                .connections()
                .iter()
                .all(|connection| !connection.open)
        };
        settled(&format!("after {polls} polls a connection is open"), closed).await;
        if ended {
            break;
        }
    }
}

/// The kernel has connected; this thread was busy elsewhere until the connect clock had run out.
#[tokio::test]
async fn a_connect_that_is_polled_late_is_connected() {
    const LIMIT: Duration = Duration::from_millis(200);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let mut call = pin!(connector(LIMIT).call(uri.parse().unwrap()));
    assert!(poll_once(call.as_mut()).await.is_pending());

    #[expect(clippy::disallowed_methods, reason = "it is the thread that stalls")]
    thread::sleep(2 * LIMIT);

    let connected = call.await;
    assert!(connected.is_ok(), "{connected:?}");
}
