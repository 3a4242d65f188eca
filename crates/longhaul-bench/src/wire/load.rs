//! Requests one after the other, a few at a time.
//!
//! CPU of the client's process for each request, by the length of the answer: with small answers what a call costs
//! shows, with large ones what a byte costs.

use std::{error::Error, net::SocketAddr};

use http::Response;
use http_body::Body;
use longhaul::BoxError;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::Instant};
use tower::Service;

use super::{
    Which,
    clients::{self, Job, call, send},
    server::ANSWER,
};
use crate::{child, contenders::Call, process};

/// So many at a time, each on a connection that is used again.
const AT_ONCE: usize = 4;

/// A ledger is emptied after so many, as whoever reads it would.
const KEPT: usize = 64;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    /// Microseconds of this process's CPU for each.
    pub(super) cpu_micros: f64,
    pub(super) requests_per_second: f64,
    /// How often each touches memory for the first time; nothing where the system does not say.
    pub(super) page_faults: Option<f64>,
}

/// Measures it in a process of its own.
pub(super) fn ask(
    which: Which,
    server: SocketAddr,
    answer: usize,
    count: usize,
) -> Result<Load, Box<dyn Error>> {
    let (server, answer, count) = (server.to_string(), answer.to_string(), count.to_string());
    let name = which.name();
    child::ask(&[
        "wire", "--one", name, "--server", &server, "--answer", &answer, "--count", &count,
    ])
}

pub(super) fn measure(
    which: Which,
    server: SocketAddr,
    answer: usize,
    count: usize,
) -> Result<Load, Box<dyn Error>> {
    clients::run(
        which,
        Requests {
            server,
            answer,
            count,
        },
    )
}

struct Requests {
    server: SocketAddr,
    answer: usize,
    count: usize,
}

impl Job for Requests {
    type Done = Load;

    async fn with<S, B>(
        self,
        client: S,
        forget: impl Fn() + Clone + Send + 'static,
    ) -> Result<Load, BoxError>
    where
        S: Service<Call, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let path = format!("{ANSWER}{}", self.answer);
        let each = (self.count / AT_ONCE).max(1);
        // Whatever is made once; it also opens the connections.
        self.all(&client, &forget, &path, each.min(KEPT)).await?;
        let faults = process::page_faults();
        let (start, cpu) = (Instant::now(), process::cpu_time());
        self.all(&client, &forget, &path, each).await?;
        let (taken, cpu) = (start.elapsed(), process::cpu_time() - cpu);
        let faults = process::page_faults().zip(faults);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let done = (each * AT_ONCE) as f64;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let page_faults = faults.map(|(after, before)| (after - before) as f64 / done);
        Ok(Load {
            cpu_micros: cpu.as_secs_f64() * 1e6 / done,
            requests_per_second: done / taken.as_secs_f64(),
            page_faults,
        })
    }
}

impl Requests {
    async fn all<S, B>(
        &self,
        client: &S,
        forget: &(impl Fn() + Clone + Send + 'static),
        path: &str,
        each: usize,
    ) -> Result<(), BoxError>
    where
        S: Service<Call, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let call = call(self.server, path)?;
        let answer = self.answer;
        let mut senders = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (client, call, forget) = (client.clone(), call.clone(), forget.clone());
            senders.spawn(async move {
                for sent in 1..=each {
                    let length = send(client.clone(), call.clone()).await?;
                    if length != answer {
                        return Err(format!("an answer of {length} bytes, not {answer}").into());
                    }
                    if sent % KEPT == 0 {
                        forget();
                    }
                }
                Ok::<_, BoxError>(())
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended??;
        }
        Ok(())
    }
}
