//! A call as Python's HTTP clients make it: head and body in one, with a limit for each silence.
//!
//! Peers from Python are transcribed, and what their clients do with time is part of what they do: a limit for each
//! silence and none for the whole.

use std::{error::Error, fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use longhaul_sim::SimError;
use tokio::time::timeout;

use crate::outcomes::world::World;

/// How a call ends without an answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Silent for longer than the limit
    Timeout,
    /// The connection failed
    Broken(SimError),
    /// The answer is not what it should be
    Answer,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out",
            Self::Broken(_) => "the connection failed",
            Self::Answer => "the answer is unusable",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Broken(error) => Some(error),
            _ => None,
        }
    }
}

/// How long a call may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a place
    pub(super) pool: Option<Duration>,
    /// For anything to be read
    pub(super) read: Duration,
}

/// Waits for a place, sends `request` and reads the whole answer.
pub(super) async fn exchange(
    world: &World,
    request: Request<Full<Bytes>>,
    Limits { pool, read }: Limits,
) -> Result<Response<Bytes>, Failure> {
    let place = world.place(&request);
    let place = match pool {
        None => place.await,
        Some(pool) => timeout(pool, place).await.map_err(|_| Failure::Timeout)?,
    };
    let answer = timeout(read, world.send(place, request)).await;
    let answer = answer
        .map_err(|_| Failure::Timeout)?
        .map_err(Failure::Broken)?;
    let (head, mut body) = answer.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = timeout(read, body.frame())
        .await
        .map_err(|_| Failure::Timeout)?
    {
        if let Ok(data) = frame.map_err(Failure::Broken)?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Ok(Response::from_parts(head, whole.freeze()))
}
