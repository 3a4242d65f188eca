//! One client for a render of 250 s and for the polls of its status, which have 5 s.
//!
//! A stack's policy is the default; what a single request needs otherwise rides in its extensions:
//!
//! | extension | says |
//! |---|---|
//! | `Workload` | what is asked for, where the detector cannot read it: it decides limits and price |
//! | `RequestTimeouts`, made by `TimeoutPolicy::for_request` | how long each phase of an attempt may take |
//! | `Deadline` | when the operation ends, with all its attempts and waits |
//!
//! ```sh
//! cargo run --example per_request_limits
//! ```

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use longhaul::{
    BoxError, Class, Deadline, PerResolution, Resolution, Stack, Workload,
    billing::PriceRow,
    policy::Policy,
    retry::RetryReport,
    timeout::{AtLimit, TimeoutPolicy},
};
use longhaul_sim::{Provider, Weight};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

// On paused time: it jumps to the next thing that happens.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![
        PriceRow::new("*", "studio", longhaul::Money::usd_micros(240_000)),
        PriceRow::new("*", "status", longhaul::Money::usd_micros(0)),
    ];
    let stack = Stack::new(policy)?;
    let client = stack.layer(studio(
        Provider::builder()
            .generation(Duration::from_secs(250))
            .image_weight(Weight::Tiny)
            .build()?,
    ));

    let began = Instant::now();
    let second = move || began.elapsed().as_secs();
    let render = tokio::spawn(client.clone().oneshot(render()?));
    for _ in 0..3 {
        sleep(Duration::from_secs(60)).await;
        let asked = second();
        match client.clone().oneshot(poll()?).await {
            Ok(response) => {
                let answer = response.into_body().collect().await?.to_bytes();
                let answer = String::from_utf8_lossy(&answer);
                println!("{asked:>4} s  status: {answer}");
            }
            // Nothing is lost but this answer: the render has its own clocks.
            Err(error) => println!("{asked:>4} s  status, given up at {} s: {error}", second()),
        }
    }
    let response = render.await??;
    let report = response.extensions().get::<RetryReport>().cloned();
    let report = report.ok_or("every answer of the stack carries its report")?;
    let answer = response.into_body().collect().await?.to_bytes();
    println!("{:>4} s  the picture: {} bytes", second(), answer.len());
    assert_eq!((second(), report.attempts().len()), (250, 1));

    println!("The ledger:");
    let mut ends = Vec::new();
    for record in stack.ledger().records() {
        let opening = record.opening;
        let outcome = record.closing.ok_or("every entry is closed")?.outcome;
        println!(
            "  {:<6} {:<7} {} after {:.0} s, cost {}",
            opening.model.as_deref().unwrap_or("?"),
            opening.resolution.name(),
            outcome.class,
            outcome.duration.as_secs_f64(),
            outcome.exposure,
        );
        ends.push((outcome.class, outcome.duration));
    }
    let expected = [
        (Class::Delivered, Duration::from_secs(250)),
        (Class::Delivered, Duration::ZERO),
        (Class::UnknownOutcome, Duration::from_secs(5)),
        (Class::Delivered, Duration::ZERO),
    ];
    assert_eq!(ends, expected);
    Ok(())
}

/// A route of the studio's own, in which no detector finds a size. The caller knows it: an explicit `Workload`
/// wins, gets the head limit of 4K pictures, and their price.
fn render() -> http::Result<Request<Full<Bytes>>> {
    Request::post("https://studio.example/render")
        .extension(Workload::of(Resolution::K4).with_model("studio"))
        .body(Full::from(r#"{"scene": "a cat", "quality": "poster"}"#))
}

/// A question that costs nothing, as its price row says, and is worth 5 s.
fn poll() -> Result<Request<Full<Bytes>>, Box<dyn Error>> {
    let mut limits = TimeoutPolicy::default();
    // It is not worth waiting for once it is late.
    limits.at_limit = Some(AtLimit::End);
    limits.picture = PerResolution::from_secs(5, 5, 5, 5);
    let request = Request::get("https://studio.example/status")
        .extension(Workload::default().with_model("status"))
        .extension(limits.for_request()?)
        // Retries and their waits included, so that a lost poll is simply followed by the next.
        .extension(Deadline::after(Duration::from_secs(8)))
        .body(Full::default())?;
    Ok(request)
}

/// The simulated provider behind the studio's routes. The second poll gets no answer.
fn studio<B>(
    provider: Provider,
) -> impl Service<
    Request<B>,
    Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>>>,
    Error = BoxError,
    Future: Send,
> + Clone
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let polls = Arc::new(AtomicU32::new(0));
    service_fn(move |request: Request<B>| {
        let (provider, polls) = (provider.clone(), polls.clone());
        async move {
            let (head, body) = request.into_parts();
            body.collect().await.map_err(Into::into)?;
            if head.uri.path() == "/render" {
                let order = Request::post("/v1/images/generations").body(Full::<Bytes>::from(
                    r#"{"prompt": "a cat", "size": "4096x4096"}"#,
                ))?;
                let picture = provider.oneshot(order).await?;
                return Ok(picture.map(Either::Left));
            }
            if polls.fetch_add(1, Ordering::Relaxed) == 1 {
                std::future::pending::<()>().await;
            }
            let status = Full::<Bytes>::from(r#"{"status": "rendering"}"#);
            Ok(Response::new(Either::Right(status)))
        }
    })
}
