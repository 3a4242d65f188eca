//! What a proxy takes of the machine while others call through it.
//!
//! Two things are measured from outside, by `/proc`: the CPU for each call that is answered, and the memory for each
//! call that waits. The first is what a busy proxy costs, the second what a gateway of slow calls costs, since there
//! nearly all calls wait.

use std::{net::SocketAddr, time::Duration};

use http_body_util::BodyExt;
use longhaul::BoxError;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::ServiceExt;

use super::proxies::Proxy;
use crate::{
    contenders::{self, Call},
    process,
    wire::{ANSWER, HELD, HOLD, plain, send},
};

/// So many at a time, each on a connection that is used again.
const AT_ONCE: usize = 4;
/// Calls before it is measured: whatever is made once.
const WARM_UP: usize = 200;
/// As many connect at a time as a listener lets wait.
const PIECE: usize = 250;

/// Of one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Microseconds of the proxy's CPU for each call.
    pub(super) cpu_micros: f64,
    pub(super) calls_per_second: f64,
}

/// A call for a picture, with a body of 1 KiB; `asks` tells the server behind the proxy what to answer.
fn call(proxy: SocketAddr, asks: &str) -> Result<Call, BoxError> {
    let mut call = contenders::call(&contenders::body(1 << 10));
    *call.uri_mut() = format!("http://{proxy}/v1/images/generations?{asks}").parse()?;
    Ok(call)
}

/// Calls one after the other, each with an answer of `answer` bytes.
pub(super) async fn load(proxy: &Proxy, answer: usize, count: usize) -> Result<Load, BoxError> {
    let client = plain();
    let call = call(proxy.address, &format!("{ANSWER}{answer}"))?;
    let all = async |each: usize| {
        let mut senders = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (client, call) = (client.clone(), call.clone());
            senders.spawn(async move {
                for _ in 0..each {
                    let length = send(client.clone(), call.clone()).await?;
                    if length != answer {
                        return Err(format!("an answer of {length} bytes, not {answer}").into());
                    }
                }
                Ok::<_, BoxError>(())
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended??;
        }
        Ok::<_, BoxError>(())
    };
    let each = (count / AT_ONCE).max(1);
    all(each.min(WARM_UP / AT_ONCE)).await?;
    let cpu = || process::cpu_time_of(proxy.process).ok_or("there is no /proc to ask");
    let (start, before) = (Instant::now(), cpu()?);
    all(each).await?;
    let (taken, used) = (start.elapsed(), cpu()?.saturating_sub(before));
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let done = (each * AT_ONCE) as f64;
    Ok(Load {
        cpu_micros: used.as_secs_f64() * 1e6 / done,
        calls_per_second: done / taken.as_secs_f64(),
    })
}

/// Bytes that the proxy grows by for each of `count` calls that wait for their answers.
pub(super) async fn held(proxy: &Proxy, server: SocketAddr, count: usize) -> Result<f64, BoxError> {
    // Those of a proxy before may not have been noticed to be gone.
    until_held(server, 0).await?;
    load(proxy, 1 << 10, WARM_UP).await?;
    let memory = || process::resident_of(proxy.process).ok_or("there is no /proc to ask");
    let before = memory()?;
    let (client, call) = (plain(), call(proxy.address, HOLD)?);
    let mut held = JoinSet::new();
    while held.len() < count {
        for _ in 0..PIECE.min(count - held.len()) {
            held.spawn(send(client.clone(), call.clone()));
        }
        tokio::select! {
            reached = until_held(server, held.len()) => reached?,
            Some(ended) = held.join_next() => {
                ended??;
                return Err("a call was answered that should have been held".into());
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let each = memory()?.saturating_sub(before) as f64 / count as f64;
    Ok(each)
}

/// Waits until the server holds so many.
async fn until_held(server: SocketAddr, count: usize) -> Result<(), BoxError> {
    let client = plain();
    loop {
        let asked = client.clone().oneshot(call(server, HELD)?).await?;
        let held = asked.into_body().collect().await?.to_bytes();
        if std::str::from_utf8(&held)?.parse::<usize>()? == count {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
}
