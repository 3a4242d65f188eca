//! Longhaul's stack, with the policies that it comes with and some made of them.
//!
//! A variant is the default with a changed policy, with calls made as tasks or streams, or without one of its rules;
//! the table of variants shows what each rule is worth.

use http::{HeaderName, Request};
use longhaul::{
    Class, ConfigError, Deadline, Resolution, Stack,
    billing::PriceRow,
    classify::{AnswerFacts, Classification, Classifier, DefaultClassifier, EndOfStream, Head},
    fallback::{FallbackPolicy, Target},
    policy::Policy,
    retry::MoneyBudget,
    timeout::AtLimit,
};
use longhaul_providers::{
    stream::{Api, StreamPolicy, StreamUpgradeLayer},
    tasks::{SubmitAndPollLayer, TasksPolicy},
};
use longhaul_sim::RELAY_DIALECT;
use tower::{Layer, ServiceExt};

use super::{Built, Exchange, Rule, collected};
use crate::outcomes::world::{HOST, OTHER_HOST, World};

/// Never pays twice.
pub(super) fn careful(policy: &mut Policy) {
    *policy = Policy::no_duplicate_charges();
}

/// The guide to the letter: attempts end at their limits, three are paid, chances do not count.
pub(super) fn letter(policy: &mut Policy) {
    policy.timeout.at_limit = Some(AtLimit::End);
    policy.retry.worth = f64::INFINITY;
}

/// Pays twice as far as the default budget allows.
pub(super) fn budget(policy: &mut Policy) {
    policy.retry.budget = Some(MoneyBudget::default());
}

/// Asks another provider when this one cannot, or when a call that may be charged brought no picture.
pub(super) fn fallback(policy: &mut Policy) {
    let paid_for_nothing = [
        Class::UnknownOutcome,
        Class::IntermediaryCut,
        Class::NoImage,
    ];
    careful(policy);
    policy.fallback = FallbackPolicy::to([Target::new("other", format!("https://{OTHER_HOST}"))]);
    policy.fallback.triggers.extend(paid_for_nothing);
    policy.fallback.allow_duplicate = paid_for_nothing.to_vec();
}

/// The default's stack with a `change` and without a rule, with the simulator's prices, and the header by which ledger and
/// oracle are compared.
pub(super) fn built(
    change: fn(&mut Policy),
    without: Option<Rule>,
    world: World,
) -> Result<Built, ConfigError> {
    let stack = stack(change)?;
    let client = match without {
        None => collected(stack.layer(world)),
        Some(Rule::Memory) => {
            let routes = stack.routes().clone();
            let forget = move |request: Request<_>| {
                routes.clear();
                request
            };
            collected(stack.layer(world).map_request(forget))
        }
        Some(Rule::CallersDeadline) => {
            let blind = |mut request: Request<_>| {
                request.extensions_mut().remove::<Deadline>();
                request
            };
            collected(stack.layer(world).map_request(blind))
        }
        Some(Rule::EmptyAgain) => {
            let stack = stack.clone().with_classifier(EmptyIsFinal);
            collected(stack.layer(world))
        }
    };
    Ok(Built {
        client,
        stack: Some(stack),
    })
}

/// The built-in rules, but an answer without a picture is one, whatever else it says.
#[derive(Debug, Clone, Copy)]
struct EmptyIsFinal;

impl Classifier for EmptyIsFinal {
    fn body(&self, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
        is_final(DefaultClassifier.body(head, body, facts))
    }

    fn passed(&self, passed: &EndOfStream<'_>) -> Classification {
        is_final(DefaultClassifier.passed(passed))
    }
}

const fn is_final(mut classification: Classification) -> Classification {
    classification.is_empty_result = false;
    classification
}

/// The default's stack, whose calls are made in another way than in one request.
pub(super) fn exchanged(exchange: Exchange, world: World) -> Result<Built, ConfigError> {
    let stack = stack(|_| {})?;
    let client = match exchange {
        Exchange::Tasks => {
            let rows = format!("[hosts]\n{HOST:?} = [\"relay\"]\n{RELAY_DIALECT}");
            let layer = SubmitAndPollLayer::new(TasksPolicy::from_toml(&rows)?)?;
            collected(stack.clone().with_exchange(layer).layer(world))
        }
        Exchange::Stream => {
            let policy = StreamPolicy::default().at(HOST, Api::Images, 0);
            let layer = StreamUpgradeLayer::new(policy)?;
            collected(stack.clone().with_exchange(layer).layer(world))
        }
    };
    // Both write into one ledger.
    Ok(Built {
        client,
        stack: Some(stack),
    })
}

/// The default with a `change`, with the simulator's prices.
pub(super) fn stack(change: fn(&mut Policy)) -> Result<Stack, ConfigError> {
    let mut policy = Policy::nano_banana_pro();
    change(&mut policy);
    policy.retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
    policy.billing.prices = prices();
    Stack::new(policy)
}

fn prices() -> Vec<PriceRow> {
    use longhaul_sim::Resolution as Theirs;
    let sizes = [
        (Resolution::K1, Theirs::K1),
        (Resolution::K2, Theirs::K2),
        (Resolution::K4, Theirs::K4),
    ];
    // List prices are far below what an `i64` holds.
    let row = |(ours, theirs): (_, Theirs)| {
        PriceRow::new(
            "*",
            "*",
            longhaul::Money::usd_micros(theirs.list_price_micros() as i64),
        )
        .for_resolution(ours)
    };
    sizes.map(row).to_vec()
}
