//! The main job: one picture through the full stack, with all that can go wrong on the way.
//!
//! ```sh
//! cargo run -p generate
//! cargo run -p generate -- --fault silence,none --careful --json
//! cargo run -p generate -- --fault cut@60 --via tasks
//! ```

mod fetch;
mod options;
mod picture;
mod progress;
mod report;
mod request;
mod via;

use std::{process::ExitCode, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use longhaul::{
    Attempt, Class, Error, Resolution, Stack, billing::PriceRow, policy::Policy, retry::RetryReport,
};
use longhaul_hyper::{Builder, Client};
use longhaul_sim::{Provider, server::Server};
use longhaul_testing::disagreements;
use tower::ServiceExt;

use self::{
    options::Options,
    picture::{Picture, Source},
    progress::Progress,
    report::{Document, Facts},
};

/// No answer with a picture has more bytes.
const LARGEST: usize = 256 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(document) => {
            if let Some(error) = &document.error {
                eprintln!("\nNo picture: {error}");
            }
            if options.json {
                println!("{}", serde_json::to_string(&document).expect("plain data"));
            } else {
                document.print();
            }
            if document.image.is_some() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(usage) => {
            eprintln!("generate: {usage}");
            ExitCode::FAILURE
        }
    }
}

/// Who answers: the simulated provider, or a real one.
struct Scene {
    base: String,
    key: HeaderValue,
    speed: f64,
    simulated: Option<(Provider, Server)>,
}

impl Scene {
    async fn set(options: &Options) -> Result<Self, String> {
        if let (Some(base), Some(name)) = (&options.base_url, &options.api_key_env) {
            let key =
                std::env::var(name).map_err(|error| format!("--api-key-env {name}: {error}"))?;
            return Ok(Self {
                base: base.clone(),
                key: secret(&key).map_err(|error| format!("--api-key-env {name}: {error}"))?,
                speed: 1.0,
                simulated: None,
            });
        }
        let provider = Provider::builder()
            .speed(options.speed)
            // As a relay that keeps its streams alive.
            .pings(Duration::from_secs(15))
            .script(options.fault.clone())
            .build()
            .map_err(|error| format!("--speed: {error}"))?;
        let server = Server::start(provider.clone())
            .await
            .map_err(|error| format!("cannot listen on this machine: {error}"))?;
        Ok(Self {
            base: server.url(),
            key: secret("simulated").map_err(|error| error.to_string())?,
            speed: options.speed,
            simulated: Some((provider, server)),
        })
    }

    /// The error's own words. Our clocks count real seconds, also before a simulated provider.
    fn explain(&self, error: &Error) -> String {
        if self.simulated.is_some() && error.is_timeout() {
            return format!("{error} (the provider ran {} times as fast)", self.speed);
        }
        error.to_string()
    }

    /// The whole answer, or why it is none.
    async fn read<B>(&self, response: Response<B>) -> Result<Bytes, String>
    where
        B: Body<Data = Bytes, Error = Error>,
    {
        let status = response.status();
        let attempt = response.extensions().get::<Attempt>().cloned();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<Error>() {
            Some(error) => self.explain(error),
            None => format!("{error}: no picture has more than {LARGEST} bytes"),
        })?;
        let body = body.to_bytes();
        match attempt.and_then(|attempt| attempt.outcome_now()) {
            Some(outcome) if outcome.class != Class::Delivered => Err(format!(
                "{}, status {status}; it may have cost {}; {}; the server says: {}",
                outcome.class,
                outcome.exposure,
                outcome.class.advice(),
                String::from_utf8_lossy(&body[..body.len().min(500)]).escape_debug(),
            )),
            _ => Ok(body),
        }
    }

    /// The policy that was chosen, fitted to the simulated provider: its prices, its speed, and the header
    /// by which its oracle tells attempts apart.
    fn policy(&self, options: &Options) -> Result<Policy, String> {
        let mut policy = match &options.policy {
            Some(path) => {
                let name = path.display();
                let text =
                    std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
                Policy::from_toml(&text).map_err(|error| format!("{name}: {error}"))?
            }
            None if options.careful => Policy::no_duplicate_charges(),
            None => Policy::nano_banana_pro(),
        };
        if self.simulated.is_none() {
            return Ok(policy);
        }
        if policy.billing.prices.is_empty() {
            policy.billing.prices = list_prices();
        }
        policy.retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
        policy
            .scaled(1.0 / self.speed)
            .map_err(|error| error.to_string())
    }
}

fn secret(key: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut key = HeaderValue::from_str(key)?;
    key.set_sensitive(true);
    Ok(key)
}

/// Google's list prices of Nano Banana Pro: 1,120 output tokens at 1K and 2K and 2,000 at 4K, $120 a million.
fn list_prices() -> Vec<PriceRow> {
    [
        (Resolution::K1, 134_400),
        (Resolution::K2, 134_400),
        (Resolution::K4, 240_000),
    ]
    .map(|(resolution, micros)| {
        PriceRow::new("*", "*", longhaul::Money::usd_micros(micros)).for_resolution(resolution)
    })
    .into()
}

async fn run(options: &Options) -> Result<Document, String> {
    let resolution = options.resolution()?;
    options.check_out()?;
    let scene = Scene::set(options).await?;
    let stack = Stack::new(scene.policy(options)?).map_err(|error| error.to_string())?;
    let mut connect = Client::builder();
    if scene.base.starts_with("http://") {
        connect = connect.plain_http_only();
    }
    let client = via::client(options.via, &stack, &connect, &scene)?;

    let mut request = request::build(options, &scene.base, &scene.key)?;
    let progress = Progress::start(scene.speed, resolution);
    progress.say(&format!("{} picture, POST {}", options.size, request.uri()));
    request.extensions_mut().insert(progress.observer());
    let asked = request.uri().clone();
    let keys = request.headers().clone();

    let (report, picture) = match client.oneshot(request).await {
        Ok(response) => {
            let report = response.extensions().get::<RetryReport>().cloned();
            let picture = match scene.read(response).await {
                Ok(answer) => save(options, connect, &answer, &asked, &keys).await,
                Err(error) => Err(error),
            };
            (report, picture)
        }
        Err(error) => (error.report().cloned(), Err(scene.explain(&error))),
    };
    drop(progress);

    if let Some((provider, _)) = &scene.simulated {
        provider.oracle().settled().await;
    }
    let records = stack.ledger().records();
    let found = scene.simulated.as_ref().map(|(provider, _)| {
        let oracle = provider.oracle();
        (oracle.totals(), disagreements(&records, &oracle.entries()))
    });
    for difference in found.iter().flat_map(|(_, found)| found) {
        eprintln!("{difference}");
    }
    Ok(Document::new(Facts {
        speed: scene.speed,
        report,
        records: &records,
        claims: &stack.ledger().claims(&stack.policy().billing.claims),
        oracle: found.as_ref().map(|(totals, found)| (*totals, &found[..])),
        picture,
    }))
}

/// Writes the picture that the answer holds or links to.
async fn save(
    options: &Options,
    connect: Builder,
    answer: &[u8],
    asked: &Uri,
    keys: &HeaderMap,
) -> Result<Picture, String> {
    let bytes = match Source::find(answer)? {
        Source::Bytes(bytes) => bytes.into(),
        Source::Link(link) => fetch::fetch(connect, &link, asked, keys).await?,
    };
    Picture::write(&bytes, &options.out)
}
