//! tower-resilience 0.14's presets, the real layers.
//!
//! Put together as its README does for a client, the time limit outermost: `RetryLayer::exponential_backoff()` (three
//! attempts, 100 ms, then 200 ms) and `TimeLimiterLayer::slow()` (30 s), its longest preset that ends the call. Its circuit
//! breaker is left out.

use std::time::Duration;

use tower::ServiceBuilder;
use tower_resilience_retry::RetryLayer;
use tower_resilience_timelimiter::TimeLimiterLayer;

use super::{Client, collected};
use crate::outcomes::world::World;

/// As it comes: 30 s for all attempts together.
pub(super) fn presets(world: World) -> Client {
    client(world, TimeLimiterLayer::slow().build())
}

/// 600 s for all attempts together.
pub(super) fn patient(world: World) -> Client {
    let limit = Duration::from_secs(600);
    client(
        world,
        TimeLimiterLayer::slow().timeout_duration(limit).build(),
    )
}

fn client(world: World, limit: TimeLimiterLayer) -> Client {
    let layers = ServiceBuilder::new()
        .layer(limit)
        .layer(RetryLayer::exponential_backoff().build());
    collected(layers.service(world))
}
