//! The layers that stand above an upstream's own.
//!
//! These layers are built once and outlive every reload: they have the operations, the keys and the tasks. What a
//! reload replaces, the upstream, is in each request's extensions, where `CallUpstream` finds it.
//!
//! Errors become answers at the very top, above the heartbeat: it and replay see results of the layers, and only the
//! last step writes in a dialect.

use std::{convert::Infallible, fmt};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};

use crate::{
    config::Config,
    core::{BoxError, ConfigError, Error},
    detach::DetachLayer,
    dialect::Dialect,
    heartbeat::{HeartbeatLayer, HeartbeatPolicy},
    refusal::Refusal,
    replay::{IdempotentReplayLayer, Replays},
    upstream::CallUpstream,
};

/// One boxed type, whether replay and heartbeat are on or not.
type Judging = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, Infallible>;

/// `Heartbeat`, `IdempotentReplay` and `Detach`, as configured, over the chosen upstream.
pub(super) struct Judged {
    service: Judging,
    detach: DetachLayer,
    replays: Option<Replays>,
}

impl Judged {
    /// With replay, what an earlier process left in the folder is looked through before the first call.
    pub(super) async fn new(config: &Config) -> Result<Self, ConfigError> {
        let detach = DetachLayer::default();
        let detached = detach.layer(CallUpstream);
        let Some(layer) = IdempotentReplayLayer::configured(config).await? else {
            return Ok(Self {
                service: boxed(config, detached),
                detach,
                replays: None,
            });
        };
        let replays = layer.replays();
        replays.take_over().await;
        Ok(Self {
            service: boxed(config, layer.layer(detached)),
            detach,
            replays: Some(replays),
        })
    }

    pub(super) fn service(&self) -> Judging {
        self.service.clone()
    }

    pub(super) const fn replays(&self) -> Option<&Replays> {
        self.replays.as_ref()
    }

    /// Replay first: its operations run within `detach`, and are to be written down.
    pub(super) async fn stop(&self) {
        if let Some(replays) = &self.replays {
            replays.stop().await;
        }
        self.detach.stop().await;
    }

    pub(super) async fn idle(&self) {
        if let Some(replays) = &self.replays {
            replays.idle().await;
        }
        self.detach.idle().await;
    }
}

/// With the heartbeat, where it is on, and with errors as answers.
fn boxed<S, B>(config: &Config, inner: S) -> Judging
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    if !config.heartbeat.on {
        return answering(inner);
    }
    let policy = HeartbeatPolicy {
        after: config.heartbeat.after,
        every: config.heartbeat.every,
    };
    answering(HeartbeatLayer::new(policy).layer(inner))
}

/// The service that was cloned is made ready by `oneshot`, for each call anew.
fn answering<S, B>(inner: S) -> Judging
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Full<Bytes>>| {
        let dialect = Dialect::of_path(request.uri().path());
        let call = inner.clone().oneshot(request);
        async move {
            let answer = call.await.map(|response| response.map(Body::new));
            Ok(answer.unwrap_or_else(|error| {
                Refusal::of_error(&error, dialect)
                    .into_response(dialect)
                    .map(Body::new)
            }))
        }
    }))
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged")
            .field("replays", &self.replays)
            .finish_non_exhaustive()
    }
}
