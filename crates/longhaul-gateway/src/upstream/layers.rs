//! The layers of one upstream, with its ledger and its exchange, under one type.
//!
//! A stack is of another type for each ledger and each exchange: two times three. They are hidden behind one boxed
//! service and two values that the rest of the gateway asks for.
//!
//! The gate for money stands within the exchange, above its polls: a task's polls and a stream's pieces belong to an
//! attempt that has been let through.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use longhaul_hyper::Client;
use longhaul_providers::{stream::StreamUpgradeLayer, tasks::SubmitAndPollLayer};
use tower_layer::Stack as Both;

use super::Books;
use crate::{
    config::{Exchange, UpstreamConfig},
    core::{BoxError, BoxedStack, ConfigError, Ledger, PriceTable, RouteHistory, Stack},
    money::GateLayer,
};

/// What calls go through, and what it tells of itself.
///
/// Each call boxes one future: nothing beside a picture.
pub(super) struct Layers {
    pub(super) service: BoxedStack<Full<Bytes>>,
    pub(super) in_flight: Box<dyn Fn() -> usize + Send + Sync>,
    pub(super) routes: RouteHistory,
}

impl Layers {
    pub(super) fn new(
        stack: Stack,
        config: &UpstreamConfig,
        books: &Books,
        prices: &Arc<PriceTable>,
    ) -> Result<Self, ConfigError> {
        match books {
            Books::Memory(ledger) => with(stack.with_ledger(ledger.clone()), config, prices),
            Books::Durable(ledger) => with(stack.with_ledger(ledger.clone()), config, prices),
        }
    }
}

/// One type for the layers with any ledger and any exchange.
fn with<L>(
    stack: Stack<L>,
    config: &UpstreamConfig,
    prices: &Arc<PriceTable>,
) -> Result<Layers, ConfigError>
where
    L: Ledger + Clone,
    L::Slot: Send + Sync,
    L::Opened: Send + Sync,
{
    let plain = config.url.starts_with("http://");
    let gate = GateLayer::new(prices.clone());
    // A stack is of another type with each exchange.
    macro_rules! hidden {
        ($exchange:expr) => {{
            let stack = stack.with_exchange($exchange);
            Layers {
                service: stack.boxed(client(plain)?),
                routes: stack.routes().clone(),
                in_flight: Box::new(move || stack.in_flight()),
            }
        }};
    }
    Ok(match config.exchange {
        Exchange::Unary => hidden!(gate),
        Exchange::Tasks => {
            let tasks = SubmitAndPollLayer::new(config.tasks.clone().unwrap_or_default())
                .map_err(|error| error.under("tasks"))?;
            hidden!(Both::new(tasks, gate))
        }
        Exchange::Stream => {
            let stream = StreamUpgradeLayer::new(config.stream.clone().unwrap_or_default())
                .map_err(|error| error.under("stream"))?;
            hidden!(Both::new(stream, gate))
        }
    })
}

/// A client for an upstream, without TLS where it needs none.
///
/// Without TLS where no certificate is needed: it would want root certificates of the machine, which a container for
/// tests may not have.
pub(super) fn client<B>(plain: bool) -> Result<Client<B>, ConfigError>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let builder = Client::builder();
    match plain {
        true => builder.plain_http_only().build(),
        false => builder.build(),
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers").finish_non_exhaustive()
    }
}
