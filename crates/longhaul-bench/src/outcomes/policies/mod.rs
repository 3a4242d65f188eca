//! What callers may put between themselves and the provider.
//!
//! Tower's layers and tower-resilience's run as they are. What cannot run on paused time, or is written in another
//! language, is transcribed with the lines that it comes from.

mod document;
mod exchange;
mod openai;
mod ours;
mod reqwest_retry;
mod tower;
mod tower_resilience;

use ::tower::{Service, ServiceExt, util::BoxCloneService};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{BoxError, ConfigError, Stack};

use super::world::World;

/// A request with its whole answer.
pub(super) type Client = BoxCloneService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A way to ask for pictures.
#[derive(Debug)]
pub(super) struct Policy {
    /// By which it is chosen and shown
    pub(super) name: &'static str,
    /// In a few words
    pub(super) about: &'static str,
    build: Build,
}

#[derive(Debug)]
enum Build {
    Theirs(fn(World) -> Client),
    Ours(fn() -> longhaul::policy::Policy),
}

/// A policy around the two providers.
pub(super) struct Built {
    pub(super) client: Client,
    /// Where it keeps books
    pub(super) stack: Option<Stack>,
}

impl Policy {
    pub(super) fn build(&self, world: World) -> Result<Built, ConfigError> {
        match self.build {
            Build::Theirs(client) => Ok(Built {
                client: client(world),
                stack: None,
            }),
            Build::Ours(policy) => ours::built(policy(), world),
        }
    }

    /// Whether it is one of Longhaul's
    pub(super) const fn is_ours(&self) -> bool {
        matches!(self.build, Build::Ours(_))
    }
}

const fn theirs(name: &'static str, about: &'static str, client: fn(World) -> Client) -> Policy {
    let build = Build::Theirs(client);
    Policy { name, about, build }
}

const fn ours(
    name: &'static str,
    about: &'static str,
    policy: fn() -> longhaul::policy::Policy,
) -> Policy {
    let build = Build::Ours(policy);
    Policy { name, about, build }
}

/// All policies, in the order of the tables.
pub(super) static ALL: [Policy; 14] = [
    theirs("once", "one attempt, 600 s", document::once),
    theirs(
        "guide-loop",
        "the guide's own loop: 3 attempts, 600 s, never looks at the status",
        document::thrice,
    ),
    theirs(
        "tower",
        "Retry (errors, 3 attempts) over Timeout (30 s), as tower's docs show them",
        tower::as_documented,
    ),
    theirs("tower-600s", "the same with 600 s", tower::patient),
    theirs(
        "tower-resilience",
        "its presets as its README puts them together: time limit (30 s) over 3 attempts",
        tower_resilience::presets,
    ),
    theirs(
        "tower-resilience-600s",
        "the same with 600 s",
        tower_resilience::patient,
    ),
    theirs(
        "reqwest-retry",
        "its default: 4 attempts after timeouts, cuts, 5xx, 408 and 429; no time limit",
        reqwest_retry::client,
    ),
    theirs(
        "openai-sdk",
        "openai-python's rules: 3 attempts, 600 s, after any error, 408, 409, 429 and 5xx",
        openai::client,
    ),
    ours(
        "longhaul",
        "Policy::nano_banana_pro(), the default: the guide's policy, looking at the status",
        ours::document,
    ),
    ours(
        "longhaul-whole",
        "the same, and answers are held until they are whole: one that breaks off is asked for again",
        ours::whole,
    ),
    ours(
        "longhaul-careful",
        "Policy::careful(): never sends again what may have been charged",
        ours::careful,
    ),
    ours(
        "longhaul-late",
        "careful, and an answer that comes after the head's time limit is still taken",
        ours::late,
    ),
    ours(
        "longhaul-budget",
        "careful, but duplicates as far as a money budget allows: $1 and 10 % of what is delivered",
        ours::budget,
    ),
    ours(
        "longhaul-fallback",
        "careful, with another provider to fall back to",
        ours::fallback,
    ),
];

/// The names of all policies.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|policy| policy.name)
}

/// Boxes `service`, whose answers are read to their end.
fn collected<S, B>(service: S) -> Client
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    BoxCloneService::new(service.map_err(Into::into).and_then(collect))
}

async fn collect<B>(response: Response<B>) -> Result<Response<Bytes>, BoxError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(Into::into)?.to_bytes();
    Ok(Response::from_parts(head, body))
}
