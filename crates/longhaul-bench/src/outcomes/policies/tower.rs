//! tower 0.5's `Retry` and `Timeout`, the real layers.
//!
//! The policy is the example of [`tower::retry::Policy`]: attempts are counted, every error is retried at once, every
//! answer is a success. 30 s is the longest time limit in tower's documentation (`util::BoxLayer`;
//! `ServiceBuilder::timeout` shows 10 s).

use std::{
    future::{Ready, ready},
    time::Duration,
};

use tower::{ServiceBuilder, retry::Policy};

use super::{Client, collected};
use crate::outcomes::world::World;

/// Three attempts of at most 30 s each.
pub(super) fn as_documented(world: World) -> Client {
    client(world, Duration::from_secs(30))
}

/// Three attempts of at most 600 s each.
pub(super) fn patient(world: World) -> Client {
    client(world, Duration::from_secs(600))
}

fn client(world: World, limit: Duration) -> Client {
    let layers = ServiceBuilder::new().retry(Attempts(2)).timeout(limit);
    collected(layers.service(world))
}

/// How many more may be made.
#[derive(Clone, Debug)]
struct Attempts(usize);

impl<Req: Clone, Res, E> Policy<Req, Res, E> for Attempts {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Ready<()>> {
        match result {
            Ok(_) => None,
            Err(_) if self.0 > 0 => {
                self.0 -= 1;
                Some(ready(()))
            }
            Err(_) => None,
        }
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}
