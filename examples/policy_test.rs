//! A policy, tested against what it was made for: minutes of provider time in milliseconds, without a network.
//!
//! The simulated provider is a `Service` like any client, so it can stand where the client stands. On tokio's
//! paused clock there is no waiting: time jumps to the next thing that happens. Afterwards the provider's oracle tells
//! what was really charged, whatever the client believes.
//!
//! ```sh
//! cargo run --example policy_test
//! cargo test --example policy_test
//! ```

use std::error::Error;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use longhaul::{ConfigError, Stack, policy::Policy};
use longhaul_sim::{Fault, Provider, Script, Weight};
use tokio::time::{Duration, Instant};
use tower::{Layer, ServiceExt};

/// A policy of one's own, as it stands in a file: at most one call may be paid for in vain.
const ONE_DUPLICATE: &str = r#"
    [retry]
    paid_attempts = 2
"#;

/// What became of one picture.
#[derive(Debug, PartialEq)]
struct Story {
    arrived: bool,
    charged: u64,
    /// In millionths of a dollar.
    cost: u64,
    /// On the provider's clock.
    took: Duration,
}

/// Asks for one 4K picture under `policy`, of a provider that keeps to `script`.
async fn play(policy: Policy, script: Script) -> Result<Story, Box<dyn Error>> {
    let provider = Provider::builder()
        .script(script)
        .generation(Duration::from_secs(120))
        .image_weight(Weight::Tiny)
        .build()?;
    let client = Stack::new(policy)?.layer(provider.clone());
    let request = Request::post("https://api.example/v1/images/generations")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(
            r#"{"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}"#,
        ))?;

    let began = Instant::now();
    let arrived = match client.oneshot(request).await {
        Ok(response) => {
            response.status().is_success() && response.into_body().collect().await.is_ok()
        }
        Err(_) => false,
    };
    let took = began.elapsed();

    // A call that was cut runs on at the provider, and is charged when it is done.
    provider.oracle().settled().await;
    let truth = provider.oracle().totals();
    Ok(Story {
        arrived,
        charged: truth.charged,
        cost: truth.charged_micros,
        took,
    })
}

/// A proxy that closes every connection after a minute of silence: no 4K picture ever comes through.
fn hopeless() -> Script {
    Script::always(Fault::Cut {
        after: Duration::from_secs(60),
    })
}

fn policies() -> Result<[(&'static str, Policy); 3], ConfigError> {
    Ok([
        ("nano_banana_pro", Policy::nano_banana_pro()),
        ("one duplicate", Policy::from_toml(ONE_DUPLICATE)?),
        ("careful", Policy::no_duplicate_charges()),
    ])
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    for (scene, script, charged) in [
        ("every connection is cut after 60 s", hopeless(), [3, 2, 1]),
        ("overloaded once", "overloaded, none".parse()?, [1, 1, 1]),
    ] {
        println!("{scene}:");
        for ((name, policy), charged) in policies()?.into_iter().zip(charged) {
            let story = play(policy, script.clone()).await?;
            println!(
                "  {name:<16} {} charged, ${:.2}, {} after {:>3.0} s",
                story.charged,
                story.cost as f64 / 1e6,
                if story.arrived {
                    "picture"
                } else {
                    "no picture"
                },
                story.took.as_secs_f64(),
            );
            assert_eq!(story.charged, charged);
        }
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!("{minutes:.0} minutes of the provider's time, and how long did you wait?");
    Ok(())
}

/// The same as tests, the way they would stand beside the policy.
#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_policy_with_one_duplicate_pays_at_most_twice() -> Result<(), Box<dyn Error>> {
        let story = play(Policy::from_toml(ONE_DUPLICATE)?, hopeless()).await?;
        assert_eq!((story.arrived, story.charged), (false, 2));
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn careful_still_sends_again_what_was_free() -> Result<(), Box<dyn Error>> {
        let story = play(
            Policy::no_duplicate_charges(),
            "overloaded*2, none".parse()?,
        )
        .await?;
        assert_eq!((story.arrived, story.charged), (true, 1));
        Ok(())
    }
}
