//! What must return to zero: tasks, sockets, places in flight.

use std::{
    convert::Infallible,
    fs,
    future::{pending, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use longhaul::Stack;
use longhaul_sim::server::Server;
use longhaul_testing::harness::SentBody;
use tokio::{runtime::Handle, time::timeout};
use tower::{Layer, ServiceExt, service_fn};

/// Closing takes a moment; a leak is for good.
const MOMENT: Duration = Duration::from_secs(30);

/// Waits until `count` has come down to `most`, and says where it is.
async fn settled(most: usize, count: impl Fn() -> usize) -> usize {
    let wait = async {
        while count() > most {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    // The count says it.
    let _ = timeout(MOMENT, wait).await;
    count()
}

/// How many of the server's connections stay open; `expected` is how many should.
pub(crate) async fn open_connections(server: &Server, expected: usize) -> usize {
    let open = || {
        let connections = server.connections();
        connections.iter().filter(|it| it.open).count()
    };
    settled(expected, open).await
}

/// How many tasks of this runtime have not ended, this one apart.
pub(crate) async fn tasks() -> usize {
    settled(0, || Handle::current().metrics().num_alive_tasks()).await
}

/// Whether all `places` of the host that `request` goes to are free: when calls without an answer hold all but one, a
/// further call does not have to wait.
pub(crate) fn places_are_free(
    stack: &Stack,
    places: usize,
    request: impl Fn() -> Request<Full<Bytes>>,
) -> bool {
    let silent =
        service_fn(|_: Request<SentBody>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let held: Vec<_> = (1..places)
        .map(|_| {
            let mut call = Box::pin(stack.layer(silent).oneshot(request()));
            assert!(call.as_mut().now_or_never().is_none());
            call
        })
        .collect();
    let refuses = service_fn(|_: Request<SentBody>| {
        let mut answer = Response::new(Full::<Bytes>::default());
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        ready(Ok::<_, Infallible>(answer))
    });
    let free = stack.layer(refuses).oneshot(request()).now_or_never();
    drop(held);
    free.is_some()
}

/// The sockets of this process.
pub(crate) fn sockets() -> usize {
    let files = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let targets = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}
