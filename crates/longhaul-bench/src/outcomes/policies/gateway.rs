//! The default behind the gateway's layers: what was paid for is kept until its caller comes back.
//!
//! A caller that leaves and comes back with the same key finds the call that it left. That is what a gateway adds to a
//! stack, and all that is measured here.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::Full;
use longhaul::ConfigError;
use longhaul_gateway::{
    detach::DetachLayer,
    replay::{IdempotentReplayLayer, MemoryIndex, ReplayPolicy},
};
use tower::{Layer, ServiceBuilder, ServiceExt};

use super::{Built, Client, collected, ours};
use crate::outcomes::world::{OPERATION, World};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Answers that are kept at a time: callers come back within a minute.
const KEPT_BYTES: u64 = 64 << 20;

/// The layers of the gateway that have to do with callers, around the default's stack.
pub(super) fn built(world: World) -> Result<Built, ConfigError> {
    let stack = ours::stack(|_| {})?;
    let client = client(&stack, world)
        .map_err(|error| ConfigError::new("longhaul-gateway", error.to_string()))?;
    Ok(Built {
        client,
        stack: Some(stack),
    })
}

fn client(stack: &longhaul::Stack, world: World) -> Result<Client, Box<dyn Error>> {
    let folder = Arc::new(tempfile::tempdir()?);
    let mut policy = ReplayPolicy::new(folder.path());
    policy.quota_bytes = KEPT_BYTES;
    let layers = ServiceBuilder::new()
        .layer(IdempotentReplayLayer::new(policy, MemoryIndex::new()?))
        .layer(DetachLayer::default())
        // The gateway's key for the provider is not its callers'.
        .map_request(|mut request: Request<Full<Bytes>>| {
            request.headers_mut().remove(KEY);
            request
        });
    let service = layers.service(stack.clone().layer(world));
    let service = service.map_request(move |mut request: Request<Full<Bytes>>| {
        // The folder lives as long as the service.
        let _folder = &folder;
        if let Some(operation) = request.headers().get(OPERATION).cloned() {
            request.headers_mut().insert(KEY, operation);
        }
        request
    });
    Ok(collected(service))
}
