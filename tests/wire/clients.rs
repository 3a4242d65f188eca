//! The stack around clients that prove nothing of what they wrote.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use longhaul::{
    Class, End, Error, ErrorKind, PerResolution, Phase, Stack, policy::Policy, timeout::AtLimit,
};
use longhaul_sim::{Dialect, Received};
use longhaul_testing::{
    cause,
    harness::{Harness, SentBody, UNSENT_ATTEMPTS, perform, request, request_of, stack},
};
use tokio::net::TcpSocket;
use tower::{Layer, Service, ServiceExt, util::BoxService};

use crate::{
    raw::{Recorder, listen, split},
    reqwest::Reqwest,
    seen::{header, only_record},
};

/// hyper-util's own client: its body is the one that the stack makes.
type HyperUtil = legacy::Client<HttpConnector, SentBody>;

fn hyper_util(connector: HttpConnector) -> HyperUtil {
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(2))
        // Else it would send again below the stack, and nobody would count.
        .retry_canceled_requests(false)
        .build(connector)
}

/// A client with the stack around it, whatever it is made of.
type Boxed = BoxService<Request<Full<Bytes>>, Response<UnsyncBoxBody<Bytes, Error>>, Error>;

fn boxed<S, B>(client: S) -> Boxed
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error> + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error = Error> + Send + 'static,
{
    let answer = |answer: Response<B>| answer.map(BodyExt::boxed_unsync);
    client.map_response(answer).boxed()
}

/// Puts a stack around the client in question.
type Stacked = dyn Fn(&Stack) -> Boxed;

/// What every client must do below the stack.
async fn keeps_its_promises(stacked: &Stacked) {
    the_main_job(stacked).await;
    a_refused_connection(stacked).await;
    a_request_cut_half_way(stacked).await;
    a_redirect(stacked).await;
}

async fn the_main_job(stacked: &Stacked) {
    let scene = Harness::new("overloaded,cut@60,none").await;

    let ended = perform(stacked(&scene.stack), scene.request(Dialect::OpenAi)).await;

    assert!(ended.picture().is_some(), "{ended:?}");
    let classes = [Class::Overloaded, Class::UnknownOutcome, Class::Delivered];
    assert_eq!(ended.classes(), classes);
    let truth = scene.truth().await;
    assert_eq!(truth.len(), 3, "{truth:?}");
    for entry in &truth {
        assert_eq!(entry.http_version, "HTTP/1.1");
        assert_eq!(entry.key, truth[0].key);
        let length = entry.body_bytes.to_string();
        assert_eq!(header(entry, "content-length"), Some(&*length));
        assert_eq!(header(entry, "transfer-encoding"), None);
    }
    scene.assert_agreement().await;
}

async fn a_refused_connection(stacked: &Stacked) {
    let (listener, url) = listen().await;
    drop(listener);
    let stack = stack(Policy::default());

    let ended = perform(stacked(&stack), request(&url, Dialect::OpenAi)).await;

    assert_eq!(ended.classes(), [Class::NeverSent; UNSENT_ATTEMPTS]);
    assert_eq!(*ended.error().kind(), ErrorKind::Inner);
    let said = cause(ended.error()).map(io::Error::kind);
    assert_eq!(said, Some(io::ErrorKind::ConnectionRefused));
}

async fn a_request_cut_half_way(stacked: &Stacked) {
    let scene = Harness::new("reset-reading@200000,none").await;
    let prompt = "x".repeat(16_000_000);

    let asked = request_of(&scene.server.url(), Dialect::OpenAi, &prompt);
    let ended = perform(stacked(&scene.stack), asked).await;

    // Slices that the client never took are proof enough.
    assert_eq!(ended.classes(), [Class::SentPartial, Class::Delivered]);
    let truth = scene.truth().await;
    assert_eq!(truth[0].received, Received::Partial);
    scene.assert_agreement().await;
}

async fn a_redirect(stacked: &Stacked) {
    let scene = Harness::new("redirect,none").await;

    let ended = perform(stacked(&scene.stack), scene.request(Dialect::OpenAi)).await;

    assert_eq!(ended.classes(), [Class::Redirect]);
    assert_eq!(scene.truth().await.len(), 1, "nobody followed it");
}

#[tokio::test]
async fn hyper_utils_own_client_keeps_the_promises() {
    keeps_its_promises(&|stack| boxed(stack.layer(hyper_util(HttpConnector::new())))).await;
}

#[tokio::test]
async fn reqwest_keeps_the_promises() {
    keeps_its_promises(&|stack| boxed(stack.layer(Reqwest::new()))).await;
}

#[tokio::test]
async fn the_whole_request_leaves_reqwest_unchanged() {
    let recorder =
        Recorder::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let asked = request(&recorder.url, Dialect::OpenAi);
    let body = asked.body().clone().collect().await;
    let body = body.expect("infallible").to_bytes();

    perform(stack(Policy::default()).layer(Reqwest::new()), asked).await;

    let requests = recorder.requests();
    let (_, sent) = split(&requests[0]).expect("a head");
    assert_eq!(sent, body);
}

/// Handed over is not written: a client that holds the end of a request in its own buffer proves nothing, and
/// what may be charged is never called unsent.
#[tokio::test]
async fn without_proof_what_was_handed_over_may_have_been_sent() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("settable");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let listener = socket.listen(1).expect("listening");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut connector = HttpConnector::new();
    connector.set_send_buffer_size(Some(4096));
    let mut policy = Policy::no_duplicate_charges();
    policy.timeout.picture = PerResolution::from_secs(100, 100, 100, 100);
    policy.timeout.at_limit = Some(AtLimit::End);
    let stack = stack(policy);

    // More than the two sockets hold together, and less than the client does.
    let prompt = "x".repeat(300_000);
    let asked = request_of(&url, Dialect::OpenAi, &prompt);
    let server = async {
        let accepted = listener.accept().await.expect("a connection");
        // Nobody reads it.
        std::future::pending::<()>().await;
        drop(accepted);
    };
    let ended = tokio::select! {
        ended = perform(stack.layer(hyper_util(connector)), asked) => ended,
        () = server => unreachable!("it never ends"),
    };

    assert_eq!(ended.classes(), [Class::UnknownOutcome]);
    let outcome = only_record(&stack).closing.expect("closed").outcome;
    assert_eq!((outcome.end, outcome.phase), (End::TimedOut, Phase::Head));
}
