//! The Nano Banana Pro guide's own calls: `requests.post(…, timeout=(10, 600))`, once and in its retry loop.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde::de::IgnoredAny;
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};

use super::{
    Client,
    exchange::{Failure, exchange},
};
use crate::outcomes::world::World;

/// The guide's `timeout`: the longest silence.
const READ: Duration = Duration::from_secs(600);
/// The guide's `max_retries`, which counts attempts.
const ATTEMPTS: u32 = 3;

/// One attempt.
pub(super) fn once(world: World) -> Client {
    let client = service_fn(move |request| {
        let world = world.clone();
        async move { exchange(&world, request, READ).await }
    });
    Client::new(client.map_err(Into::into))
}

/// `generate_image_with_retry`, line by line.
pub(super) fn thrice(world: World) -> Client {
    let client = service_fn(move |request| generate_image_with_retry(world.clone(), request));
    Client::new(client.map_err(Into::into))
}

async fn generate_image_with_retry(
    world: World,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Failure> {
    let mut attempt = 1;
    loop {
        let failure = match exchange(&world, request.clone(), READ).await {
            // `return response.json()`, whatever the status says …
            Ok(answer) if is_json(answer.body()) => return Ok(answer),
            // … and what is no JSON raises a `RequestException` like any network error.
            Ok(_) => Failure::Answer,
            Err(failure) => failure,
        };
        if attempt == ATTEMPTS {
            return Err(failure);
        }
        let wait = match failure {
            Failure::Timeout => 5 * attempt,
            _ => 5,
        };
        sleep(Duration::from_secs(wait.into())).await;
        attempt += 1;
    }
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
