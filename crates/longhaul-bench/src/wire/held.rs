//! Requests that all wait for their answers at once.
//!
//! Silent calls are what these clients are for: they wait, and nothing happens. So the memory for each is what counts,
//! on the heap and of the process.

use std::{error::Error, net::SocketAddr, time::Duration};

use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use longhaul::BoxError;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::sleep};
use tower::{Service, ServiceExt};

use super::{
    Which,
    clients::{self, Job, call, plain, send},
    server::{HELD, HOLD},
};
use crate::{child, contenders::Call, heap, process};

/// For all that a process has open besides.
const FILES_FOR_ALL_ELSE: u64 = 64;

/// As many connect at a time as a listener lets wait.
const PIECE: usize = 500;

/// Memory of a client with requests in flight, each on a connection of its own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    /// So many were held: fewer than asked for where the system lets a process open fewer files.
    pub(super) count: usize,
    /// Bytes on the heap for each.
    pub(super) heap: f64,
    /// Bytes that the process grew by for each.
    pub(super) resident: Option<f64>,
}

/// Measures it in a process of its own.
pub(super) fn ask(which: Which, server: SocketAddr, count: usize) -> Result<Held, Box<dyn Error>> {
    let (server, count) = (server.to_string(), count.to_string());
    child::ask(&[
        "wire",
        "--one",
        which.name(),
        "--server",
        &server,
        "--count",
        &count,
        "--hold",
    ])
}

pub(super) fn measure(
    which: Which,
    server: SocketAddr,
    count: usize,
) -> Result<Held, Box<dyn Error>> {
    let files = process::open_more_files().saturating_sub(FILES_FOR_ALL_ELSE);
    let count = count.min(usize::try_from(files).unwrap_or(usize::MAX));
    clients::run(which, Holding { server, count })
}

struct Holding {
    server: SocketAddr,
    count: usize,
}

impl Job for Holding {
    type Done = Held;

    async fn with<S, B>(
        self,
        client: S,
        _forget: impl Fn() + Clone + Send + 'static,
    ) -> Result<Held, BoxError>
    where
        S: Service<Call, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        // Those of a client before may not have been noticed to be gone.
        self.until(0).await?;
        let call = call(self.server, HOLD)?;
        let (heap, resident) = (heap::live(), process::resident());
        let mut held = JoinSet::new();
        while held.len() < self.count {
            for _ in 0..PIECE.min(self.count - held.len()) {
                held.spawn(send(client.clone(), call.clone()));
            }
            tokio::select! {
                reached = self.until(held.len()) => reached?,
                Some(ended) = held.join_next() => {
                    ended??;
                    return Err("a request was answered that should have been held".into());
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let each =
            |after: usize, before: usize| after.saturating_sub(before) as f64 / self.count as f64;
        Ok(Held {
            count: self.count,
            heap: each(heap::live(), heap),
            resident: process::resident()
                .zip(resident)
                .map(|(after, before)| each(after, before)),
        })
    }
}

impl Holding {
    /// Waits until the server holds so many.
    async fn until(&self, count: usize) -> Result<(), BoxError> {
        let client = plain();
        loop {
            let asked = client.clone().oneshot(call(self.server, HELD)?).await?;
            let held = asked.into_body().collect().await?.to_bytes();
            if std::str::from_utf8(&held)?.parse::<usize>()? == count {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}
