//! The ways in which a call can be made: in one request, as a task, as a stream.

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use longhaul::{BoxedStack, Stack};
use longhaul_hyper::{Builder, Client};
use longhaul_providers::{
    stream::{Api, StreamPolicy, StreamUpgradeLayer},
    tasks::{SubmitAndPollLayer, TasksPolicy},
};

use super::{Scene, options::Via};

/// The stack around a client, with the exchange that was asked for.
pub(crate) fn client(
    via: Via,
    stack: &Stack,
    connect: &Builder,
    scene: &Scene,
) -> Result<BoxedStack<Full<Bytes>>, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let built = connect.clone();
    let uri: Uri = scene.base.parse().map_err(|_| "--base-url: not a URL")?;
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    let pace = 1.0 / scene.speed;
    Ok(match via {
        Via::Unary => {
            let client: Client<_> = built.build().map_err(|error| text(&error))?;
            stack.boxed(client)
        }
        Via::Tasks => {
            // A host that knows no such tasks refuses the first submit, and gets unary calls from then on.
            let policy = TasksPolicy::default().at(host, "sub2api").scaled(pace);
            let layer = policy.and_then(SubmitAndPollLayer::new);
            let stack = stack
                .clone()
                .with_exchange(layer.map_err(|error| text(&error))?);
            let client: Client<_> = built.build().map_err(|error| text(&error))?;
            stack.boxed(client)
        }
        Via::Stream => {
            let policy = StreamPolicy::default()
                .at(host, Api::Images, 0)
                .scaled(pace);
            let layer = policy.and_then(StreamUpgradeLayer::new);
            let stack = stack
                .clone()
                .with_exchange(layer.map_err(|error| text(&error))?);
            let client: Client<_> = built.build().map_err(|error| text(&error))?;
            stack.boxed(client)
        }
    })
}
