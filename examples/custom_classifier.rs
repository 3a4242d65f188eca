//! A relay with a dialect of its own: it says 200 `{"code": "busy"}` where others say 503.
//!
//! The built-in rules must take that for a paid answer without a picture: it is not sent again, and the ledger
//! claims money back that was never charged. A `Classifier` that knows the relay changes what it knows better
//! and leaves the rest to the built-in rules.
//!
//! ```sh
//! cargo run --example custom_classifier
//! ```

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use longhaul::{
    BoxError, Class, Stack,
    billing::{Claim, PriceRow},
    classify::{AnswerFacts, Classification, Classifier, DefaultClassifier, Head},
    policy::Policy,
    retry::RetryReport,
};
use longhaul_sim::{Provider, Weight};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt, service_fn};

/// Knows what the relay means.
#[derive(Clone, Copy, Debug)]
struct RelayClassifier;

/// What the relay says instead of a picture.
#[derive(Deserialize)]
struct RelayError<'a> {
    code: &'a str,
    retry_in_seconds: Option<u64>,
}

impl Classifier for RelayClassifier {
    // Called with every answer that ends within 64 KiB, and with the beginning of longer ones that are no
    // success. A picture is longer, and is handed on at once.
    fn body(&self, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
        let classification = DefaultClassifier.body(head, body, facts);
        if head.status == StatusCode::IM_A_TEAPOT {
            return Classification::of(Class::RateLimited).with_wait(classification.wait);
        }
        match serde_json::from_slice(body) {
            Ok(RelayError {
                code: "busy",
                retry_in_seconds,
            }) => Classification::of(Class::Overloaded)
                .with_wait(retry_in_seconds.map(Duration::from_secs)),
            Ok(RelayError {
                code: "no_credits", ..
            }) => Classification::of(Class::QuotaExhausted),
            _ => classification,
        }
    }
}

/// The simulated provider, behind a relay that turns its 503 into "busy".
fn relay<B>(
    provider: Provider,
) -> impl Service<
    Request<B>,
    Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>>>,
    Error = longhaul_sim::SimError,
> + Clone
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    service_fn(move |request: Request<B>| {
        let provider = provider.clone();
        async move {
            let response = provider.oneshot(request).await?;
            Ok(match response.status() {
                StatusCode::SERVICE_UNAVAILABLE => Response::new(Either::Right(
                    Full::<Bytes>::from(r#"{"code": "busy", "retry_in_seconds": 40}"#),
                )),
                _ => response.map(Either::Left),
            })
        }
    })
}

/// Asks for one picture and tells how it went.
async fn play<C>(classifier: C) -> Result<(Vec<Class>, Vec<Claim>), Box<dyn Error>>
where
    C: Classifier + Clone,
{
    let provider = Provider::builder()
        .script("overloaded*2, none".parse()?)
        .image_weight(Weight::Tiny)
        .build()?;
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new(
        "relay.example",
        "*",
        longhaul::Money::usd_micros(240_000),
    )];
    let stack = Stack::new(policy)?.with_classifier(classifier);
    let client = stack.layer(relay(provider.clone()));

    let request = Request::post("https://relay.example/v1/images/generations")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(
            r#"{"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}"#,
        ))?;
    let response = client.oneshot(request).await?;
    let report = response.extensions().get::<RetryReport>().cloned();
    let report = report.ok_or("every answer of the stack carries its report")?;
    let answer = response.into_body().collect().await?.to_bytes();

    for (index, attempt) in report.attempts().iter().enumerate() {
        if let Some(wait) = index
            .checked_sub(1)
            .and_then(|wait| report.waits().get(wait))
        {
            println!("  waits {:.0} s", wait.as_secs_f64());
        }
        if let Some(outcome) = attempt.outcome_now() {
            println!("  {}; it cost {}", outcome.class, outcome.exposure);
        }
    }
    println!("  the caller gets {} bytes", answer.len());
    let claims = stack.ledger().claims(&stack.policy().billing.claims);
    for claim in &claims {
        println!("  claimed back: {claim}");
    }
    provider.oracle().settled().await;
    let charged = provider.oracle().totals().charged_micros;
    println!("  really charged: ${:.2}", charged as f64 / 1e6);
    Ok((report.classes().flatten().collect(), claims))
}

// On paused time: it jumps to the next thing that happens.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("The built-in rules, which do not know the relay:");
    let (classes, claims) = play(DefaultClassifier).await?;
    // A code that nobody knows: nothing says that another answer would bring more, nor that this one was free.
    assert_eq!((classes, claims.len()), (vec![Class::NoImage], 1));

    println!("The relay's own classifier:");
    let (classes, claims) = play(RelayClassifier).await?;
    let expected = vec![Class::Overloaded, Class::Overloaded, Class::Delivered];
    assert_eq!((classes, claims.len()), (expected, 0));
    Ok(())
}
