//! What happens on the way as metrics, by an observer of a dozen lines for the crate `metrics`.
//!
//! An observer is told of each attempt when it begins; the attempt's handle tells the outcome when there is one, at the last
//! byte of its answer. With the feature `metrics` of `longhaul`, `observe::metered` is such an observer; with `tracing` the same
//! events are written as a trace.
//!
//! ```sh
//! cargo run --example metrics
//! cargo run --example metrics -- --upstream https://api.openai.com --key-env OPENAI_API_KEY --calls 1
//! ```

mod shared;

use std::error::Error;

use clap::Parser;
use http_body_util::BodyExt;
use longhaul::{
    Outcome, Stack,
    observe::{Event, Observer},
};
use metrics::{counter, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::{Layer, ServiceExt};

#[derive(Parser)]
struct Arguments {
    /// How many pictures to ask for, one after the other
    #[arg(long, default_value_t = 3)]
    calls: u32,
    #[command(flatten)]
    upstream: shared::UpstreamArguments,
}

/// Counts attempts by their class, what they may have cost, and what was decided.
fn observer() -> Observer {
    Observer::new(|event: &Event<'_>| match event {
        Event::Started { attempt } => attempt.on_end(|_, outcome| count(outcome)),
        Event::Waiting { class, wait, .. } => {
            histogram!("wait_seconds", "class" => class.name()).record(wait.as_secs_f64());
        }
        Event::Decided { decision, .. } => {
            counter!("decisions", "decision" => decision.name()).increment(1);
        }
        _ => {}
    })
}

fn count(outcome: &Outcome) {
    let class = outcome.class.name();
    counter!("attempts", "class" => class, "phase" => outcome.phase.name()).increment(1);
    histogram!("attempt_seconds", "class" => class).record(outcome.duration.as_secs_f64());
    if let Some(cost) = outcome.exposure.possible() {
        let (currency, micros) = (cost.currency.to_string(), cost.micros);
        counter!("possible_cost_micros", "currency" => currency).increment(micros.unsigned_abs());
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let upstream = arguments
        .upstream
        .open("overloaded, none, cut@60, none*9")
        .await?;
    let stack = Stack::new(upstream.policy.clone())?.with_observer(observer());
    let client = stack.layer(upstream.client().build()?);

    for _ in 0..arguments.calls {
        match client.clone().oneshot(upstream.picture()?).await {
            Ok(answer) => println!(
                "# {} bytes",
                answer.into_body().collect().await?.to_bytes().len()
            ),
            Err(error) => println!("# {error}"),
        }
    }
    // A server would give this out at `/metrics`.
    let text = metrics.render();
    println!("{text}");
    if upstream.simulated.is_some() {
        assert!(
            text.contains(r#"attempts{class="Delivered",phase="Body"} 3"#),
            "{text}"
        );
    }
    Ok(())
}
