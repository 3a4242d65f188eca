//! Pictures delivered and money wasted where the way cuts silent lines and the network is shaky: the same calls with the
//! same luck, in one request, as tasks, and as streams.

use std::sync::Mutex;

use longhaul_providers::stream::Api;
use longhaul_sim::{Action, Fault, Script};

use super::*;

const OPERATIONS: u64 = 200;

/// What came of all operations.
#[derive(Debug)]
struct Outcome {
    delivered: u64,
    charged_micros: u64,
    wasted_micros: u64,
}

impl Outcome {
    fn delivered_share(&self) -> f64 {
        self.delivered as f64 / OPERATIONS as f64
    }

    /// The part of all that was charged which brought nobody a picture.
    fn wasted_share(&self) -> f64 {
        self.wasted_micros as f64 / self.charged_micros as f64
    }
}

/// A proxy that closes lines that were silent for a minute befalls four calls of ten; two of ten break at any moment.
fn weather() -> Script {
    let rng = Mutex::new(fastrand::Rng::with_seed(7));
    Script::from_fn(move |_| {
        let mut rng = rng.lock().unwrap();
        let after = Duration::from_secs(rng.u64(5..200));
        Action::new(match rng.u8(0..10) {
            0..4 => Fault::Cut { after: MINUTE },
            4..6 => Fault::Reset { after },
            _ => Fault::None,
        })
    })
}

/// Asks for all pictures through this service, one after the other.
async fn played(provider: Provider, client: longhaul::BoxedStack<Full<Bytes>>) -> Outcome {
    for _ in 0..OPERATIONS {
        if let Ok(response) = client.clone().oneshot(request(SUB2API)).await {
            // What breaks off was not delivered, and the provider knows.
            let _ = response.into_body().collect().await;
        }
    }
    provider.oracle().settled().await;
    let totals = provider.oracle().totals();
    Outcome {
        delivered: totals.delivered,
        charged_micros: totals.charged_micros,
        wasted_micros: totals.undelivered_micros,
    }
}

fn world() -> Provider {
    let builder = Provider::builder()
        .image_weight(Weight::Tiny)
        .script(weather());
    builder.pings(Duration::from_secs(15)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn tasks_deliver_all_and_waste_next_to_nothing() {
    let unary = world();
    let unary = played(unary.clone(), stack().boxed(unary)).await;
    let streamed = world();
    let policy = StreamPolicy::default().at("relay.test", Api::Images, 0);
    let stack = stack().with_exchange(StreamUpgradeLayer::new(policy).unwrap());
    let streamed = played(streamed.clone(), stack.boxed(streamed)).await;
    let submitted = world();
    let submitted = played(submitted.clone(), tasks().boxed(submitted)).await;

    for (name, outcome) in [
        ("unary", &unary),
        ("stream", &streamed),
        ("tasks", &submitted),
    ] {
        println!(
            "{name:8} delivered {:5.1} %, wasted {:5.1} % of ${:.2}",
            outcome.delivered_share() * 100.0,
            outcome.wasted_share() * 100.0,
            outcome.charged_micros as f64 / 1e6,
        );
    }
    assert_eq!(submitted.delivered, OPERATIONS);
    assert!(submitted.wasted_share() < 0.01, "{submitted:?}");
    // The provider has to offer it: what it is worth is the difference.
    assert!(
        streamed.wasted_share() < unary.wasted_share(),
        "{streamed:?} {unary:?}"
    );
    assert!(
        submitted.wasted_share() < streamed.wasted_share(),
        "{submitted:?} {streamed:?}"
    );
}
