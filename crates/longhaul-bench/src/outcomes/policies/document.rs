//! The Nano Banana Pro guide's own calls: `requests.post(…, timeout=(10, 600))`, once and in its retry loop.
//!
//! And the loop as whoever notices mends it: with the status looked at.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};

use super::{
    Client,
    exchange::{Failure, Limits, exchange},
};
use crate::outcomes::{answer::is_json, world::World};

/// The guide's `timeout`: the longest silence. For a place nobody limits the wait.
const LIMITS: Limits = Limits {
    pool: None,
    read: Duration::from_secs(600),
};
/// The guide's `max_retries`, which counts attempts.
const ATTEMPTS: u32 = 3;

type Answer = Response<Bytes>;

/// One attempt.
pub(super) fn once(world: World) -> Client {
    let client = service_fn(move |request| {
        let world = world.clone();
        async move { exchange(&world, request, LIMITS).await }
    });
    Client::new(client.map_err(Into::into))
}

/// `generate_image_with_retry`, line by line.
pub(super) fn thrice(world: World) -> Client {
    // `return response.json()`, whatever the status says: what is no JSON raises a `RequestException` like any network
    // error.
    let client =
        service_fn(move |request| generate_image_with_retry(world.clone(), request, is_json));
    Client::new(client.map_err(Into::into))
}

/// The same with the guide's own table of errors in it: overload and unavailability are asked for again, 401 is not.
pub(super) fn looking(world: World) -> Client {
    let is_final = |answer: &Answer| {
        let again =
            answer.status() == StatusCode::TOO_MANY_REQUESTS || answer.status().is_server_error();
        is_json(answer) && !again
    };
    let client =
        service_fn(move |request| generate_image_with_retry(world.clone(), request, is_final));
    Client::new(client.map_err(Into::into))
}

async fn generate_image_with_retry(
    world: World,
    request: Request<Full<Bytes>>,
    is_final: fn(&Answer) -> bool,
) -> Result<Answer, Failure> {
    let mut attempt = 1;
    loop {
        let failure = match exchange(&world, request.clone(), LIMITS).await {
            Ok(answer) if is_final(&answer) => return Ok(answer),
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
