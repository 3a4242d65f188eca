//! Where an example sends its calls: to a real provider that its arguments name, or to a simulated one that it starts.

#![allow(dead_code, reason = "each example uses its part")]

use std::{env, error::Error, fs, path::PathBuf};

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Request};
use http_body_util::Full;
use longhaul::policy::Policy;
use longhaul_sim::{Provider, Weight, server::Server};

/// How many times as fast as real time the simulated provider runs, and the policy with it.
pub(crate) const SPEED: f64 = 100.0;

/// The arguments that all examples have.
#[derive(Args, Debug)]
pub(crate) struct UpstreamArguments {
    /// A real provider, such as https://api.openai.com; without it a simulated one is started
    #[arg(long, value_name = "URL", requires = "key_env")]
    upstream: Option<String>,

    /// The environment variable with the key for it
    #[arg(long, value_name = "NAME", requires = "upstream")]
    key_env: Option<String>,

    /// A policy file, instead of the default policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// The model to ask for; by default `nano-banana-pro`, and of a real provider `gpt-image-2`
    #[arg(long)]
    model: Option<String>,

    /// The size to ask for; by default `4096x4096`, and of a real provider `1024x1024`
    #[arg(long)]
    size: Option<String>,
}

/// Who is asked, and by which policy.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Scheme, host and port.
    pub(crate) url: String,
    /// `Bearer …`.
    pub(crate) key: HeaderValue,
    /// That of the file, or the default; for the simulated provider at its speed.
    pub(crate) policy: Policy,
    /// How much faster than real time it runs.
    pub(crate) speed: f64,
    /// The simulated provider, where it is one; it stops when this is dropped.
    pub(crate) simulated: Option<(Provider, Server)>,
    model: String,
    size: String,
}

impl UpstreamArguments {
    /// The real provider, or a simulated one that does what `script` says, one fault an attempt.
    pub(crate) async fn open(self, script: &str) -> Result<Upstream, Box<dyn Error>> {
        let policy = match &self.policy {
            Some(file) => Policy::from_toml(&fs::read_to_string(file)?)?,
            None => Policy::nano_banana_pro(),
        };
        let (url, key, policy, speed, simulated) = match (self.upstream, &self.key_env) {
            (Some(url), Some(name)) => (url, env::var(name)?, policy, 1.0, None),
            _ => {
                let provider = Provider::builder()
                    .speed(SPEED)
                    .script(script.parse()?)
                    .image_weight(Weight::Tiny)
                    .build()?;
                let server = Server::start(provider.clone()).await?;
                let policy = policy.scaled(1.0 / SPEED)?;
                let simulated = Some((provider, server));
                let (_, server) = simulated.as_ref().expect("just made");
                (
                    server.url(),
                    "simulated".to_owned(),
                    policy,
                    SPEED,
                    simulated,
                )
            }
        };
        let (model, size) = match simulated {
            Some(_) => ("nano-banana-pro", "4096x4096"),
            None => ("gpt-image-2", "1024x1024"),
        };
        let mut key = HeaderValue::try_from(format!("Bearer {key}"))?;
        key.set_sensitive(true);
        Ok(Upstream {
            url: url.trim_end_matches('/').to_owned(),
            key,
            policy,
            speed,
            simulated,
            model: self.model.unwrap_or_else(|| model.to_owned()),
            size: self.size.unwrap_or_else(|| size.to_owned()),
        })
    }
}

impl Upstream {
    /// A request for one picture, in the words of OpenAI's Images API.
    pub(crate) fn picture(&self) -> http::Result<Request<Full<Bytes>>> {
        let (model, size) = (&self.model, &self.size);
        let body = serde_json::json!({ "model": model, "prompt": "a cat", "size": size });
        Request::post(format!("{}/v1/images/generations", self.url))
            .header("content-type", "application/json")
            .header("authorization", self.key.clone())
            .body(Full::from(body.to_string()))
    }

    /// longhaul's client for it, not yet built.
    pub(crate) fn client(&self) -> longhaul_hyper::Builder {
        let client = longhaul_hyper::Client::builder();
        match self.url.starts_with("http://") {
            true => client.plain_http_only(),
            false => client,
        }
    }
}
