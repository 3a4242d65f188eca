//! What callers may put between themselves and the provider.
//!
//! Tower's layers and tower-resilience's run as they are. What cannot run on paused time, or is written in another
//! language, is transcribed with the lines that it comes from.

mod document;
mod exchange;
mod gateway;
mod openai;
mod ours;
mod reqwest_retry;
mod tower;
mod tower_resilience;

use std::time::Duration;

use ::tower::{Service, ServiceExt, util::BoxCloneService};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{BoxError, ConfigError, Stack, timeout::AtLimit};

use super::{scenario::Scenario, world::World};

/// A request with its whole answer.
pub(super) type Client = BoxCloneService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A way to ask for pictures.
#[derive(Debug)]
pub(super) struct Policy {
    /// By which it is chosen and shown
    pub(super) name: &'static str,
    /// In a few words
    pub(super) about: &'static str,
    /// Whether it has another provider to fall back to
    pub(super) second_provider: bool,
    build: Build,
}

#[derive(Debug)]
enum Build {
    Theirs(fn(World) -> Client),
    /// What differs from the default
    Ours {
        judged: bool,
        change: Change,
        without: Option<Rule>,
    },
    /// The default, and each call made in another way than in one request
    Exchanged(Exchange),
    /// The default behind the gateway's layers
    Gateway,
}

/// A rule of the default that no key of a policy switches off
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// What the ends of earlier calls show of a route: its cuts, its pace, its limits
    Memory,
    /// The caller's own deadline, where it says one
    CallersDeadline,
    /// An empty answer is asked for once more
    EmptyAgain,
}

/// How a call is made that is not one request: the provider has to offer it
#[derive(Debug, Clone, Copy)]
enum Exchange {
    Tasks,
    Stream,
}

/// A policy around the two providers.
pub(super) struct Built {
    pub(super) client: Client,
    /// Where it keeps books
    pub(super) stack: Option<Stack>,
}

impl Policy {
    const fn new(name: &'static str, about: &'static str, build: Build) -> Self {
        Self {
            name,
            about,
            second_provider: false,
            build,
        }
    }

    const fn with_second_provider(self) -> Self {
        Self {
            second_provider: true,
            ..self
        }
    }

    pub(super) fn build(&self, world: World) -> Result<Built, ConfigError> {
        match self.build {
            Build::Theirs(client) => Ok(Built {
                client: client(world),
                stack: None,
            }),
            Build::Ours {
                change, without, ..
            } => ours::built(change, without, world),
            Build::Exchanged(exchange) => ours::exchanged(exchange, world),
            Build::Gateway => gateway::built(world),
        }
    }

    /// Whether it is played in every scenario: a gateway changes nothing where callers stay
    pub(super) const fn is_everywhere(&self) -> bool {
        !matches!(self.build, Build::Gateway)
    }

    /// Whether it is played in this one
    pub(super) const fn plays(&self, scenario: &Scenario) -> bool {
        self.is_everywhere() || scenario.gateway
    }

    /// Whether callers that left come back for their pictures: there must be somebody who has them
    pub(super) const fn comes_back(&self) -> bool {
        matches!(self.build, Build::Gateway)
    }

    /// Whether it is one of Longhaul's
    pub(super) const fn is_ours(&self) -> bool {
        !matches!(self.build, Build::Theirs(_))
    }

    /// Whether it is one of the default's variants
    pub(super) fn is_variant(&self) -> bool {
        self.is_judged() && self.name != DEFAULT
    }

    /// Whether it is held to the criteria: the default, and its variants
    pub(super) const fn is_judged(&self) -> bool {
        matches!(self.build, Build::Ours { judged: true, .. })
    }
}

type Change = fn(&mut longhaul::policy::Policy);

const fn theirs(name: &'static str, about: &'static str, client: fn(World) -> Client) -> Policy {
    Policy::new(name, about, Build::Theirs(client))
}

const fn ours(name: &'static str, about: &'static str, change: Change) -> Policy {
    let build = Build::Ours {
        judged: false,
        change,
        without: None,
    };
    Policy::new(name, about, build)
}

const fn exchanged(name: &'static str, about: &'static str, exchange: Exchange) -> Policy {
    Policy::new(name, about, Build::Exchanged(exchange))
}

const fn judged(name: &'static str, about: &'static str, change: Change) -> Policy {
    let build = Build::Ours {
        judged: true,
        change,
        without: None,
    };
    Policy::new(name, about, build)
}

const fn without(name: &'static str, about: &'static str, rule: Rule, change: Change) -> Policy {
    let build = Build::Ours {
        judged: true,
        change,
        without: Some(rule),
    };
    Policy::new(name, about, build)
}

/// The name of ours that is judged by its peers.
pub(super) const DEFAULT: &str = "longhaul";

/// All policies, in the order of the tables.
pub(super) static ALL: &[Policy] = &[
    theirs("once", "one attempt, 600 s", document::once),
    theirs(
        "guide-loop",
        "the guide's own loop: 3 attempts, 600 s, never looks at the status",
        document::thrice,
    ),
    theirs(
        "guide-loop-status",
        "the same, and it looks at the status: 429 and 5xx are asked for again after 5 s",
        document::looking,
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
    judged(DEFAULT, "Policy::nano_banana_pro(), the default", |_| {}),
    ours(
        "longhaul-careful",
        "Policy::no_duplicate_charges(): never sends again what may have been charged",
        ours::careful,
    ),
    ours(
        "longhaul-letter",
        "the guide to the letter: attempts end at their limits, three are paid, chances do not count",
        ours::letter,
    ),
    ours(
        "longhaul-budget",
        "the default, with duplicates as far as a money budget allows: $1 and 10 % of what is delivered",
        ours::budget,
    ),
    ours(
        "longhaul-fallback",
        "careful, with another provider to fall back to",
        ours::fallback,
    )
    .with_second_provider(),
    exchanged(
        "longhaul-tasks",
        "the default, each call submitted and collected by polling: the provider has to offer that",
        Exchange::Tasks,
    ),
    exchanged(
        "longhaul-stream",
        "the default, each call as a stream that is pinged every 15 s: the provider has to offer that",
        Exchange::Stream,
    ),
    Policy::new(
        "longhaul-gateway",
        "the default behind the gateway's IdempotentReplay and Detach: callers that left ask again by the same key",
        Build::Gateway,
    ),
];

/// The default without, or with, one of its rules: one line each, shown by `--ablation` beside the peers and the default.
///
/// Left out are the place that the attempts of an operation share, which everybody has here alike, and `paid_attempts` on a
/// route whose cut is known, which is one thing with `worth`.
pub(super) static VARIANTS: &[Policy] = &[
    judged(
        "free-three",
        "the default, but refusals are given up when the third in a row came: after 50 s",
        |policy| policy.retry.free_until = Some(Duration::from_secs(50)),
    ),
    judged(
        "eager",
        "the default, but an overload is asked again after 5 s, however often it refused",
        |policy| {
            policy.retry.schedule.overload = Duration::from_secs(5);
            policy.retry.schedule.cap = Duration::from_secs(5);
        },
    ),
    judged(
        "unsent-three",
        "the default, but what was not sent is given up after three times",
        |policy| policy.retry.unsent_attempts = 3,
    ),
    judged(
        "end-at-limit",
        "the default, but late is dead: an attempt ends at its limit",
        |policy| policy.timeout.at_limit = Some(AtLimit::End),
    ),
    without(
        "end-unlearned",
        "the same, and limits do not grow: nothing is remembered of a route",
        Rule::Memory,
        |policy| policy.timeout.at_limit = Some(AtLimit::End),
    ),
    judged(
        "silence-300",
        "the default, but a second attempt begins beside one that was silent for 300 s",
        |policy| policy.retry.longest_silence = Duration::from_secs(300),
    ),
    judged(
        "as-it-comes",
        "the default, but answers are handed on as they come",
        |policy| policy.classify.hold = false,
    ),
    without(
        "forgetful",
        "the default, but nothing is remembered of a route: no cuts, no pace, no limits",
        Rule::Memory,
        |_| {},
    ),
    judged(
        "worth-inf",
        "the default, but chances do not count, and three attempts are paid everywhere",
        |policy| policy.retry.worth = f64::INFINITY,
    ),
    judged(
        "worth-3",
        "the default, and a picture is worth three prices",
        |policy| policy.retry.worth = 3.0,
    ),
    judged(
        "paid-two",
        "the default, and two attempts may be charged, four on a route that cuts",
        |policy| policy.retry.paid_attempts = 2,
    ),
    judged(
        "paid-five",
        "the default, and five attempts may be charged, ten on a route that cuts",
        |policy| policy.retry.paid_attempts = 5,
    ),
    without(
        "believes-200",
        "the default, but an empty answer is not asked for once more",
        Rule::EmptyAgain,
        |_| {},
    ),
    without(
        "deadline-blind",
        "the default, but it does not know how long its caller waits",
        Rule::CallersDeadline,
        |_| {},
    ),
];

/// All policies and variants.
pub(super) fn all() -> impl Iterator<Item = &'static Policy> {
    ALL.iter().chain(VARIANTS)
}

/// The peers, the default, and its variants.
pub(super) fn for_ablation() -> impl Iterator<Item = &'static Policy> {
    all().filter(|policy| !policy.is_ours() || policy.is_judged())
}

/// The names of all policies and variants.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|policy| policy.name)
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
