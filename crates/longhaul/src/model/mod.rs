//! Plain data that every layer reads: what an ending means, what it may cost, what was asked for.
//!
//! Nothing here knows of a layer, a body or an error.
//!
//! A type stands here once two layers need it. Rules that two layers must agree on stand here for the same reason: there is
//! one [`class_of`] a status, one price table and one scale of time, so that what the ledger charges is what the budget
//! reserved.

mod charge_rules;
mod class;
mod classification;
mod decision;
pub(crate) mod evidence;
mod http1_report;
mod instant;
mod limit;
mod money;
pub(crate) mod outcome;
mod price;
mod provider;
pub(crate) mod retry_after;
mod route;
mod status;
mod wall_clock;
pub(crate) mod workload;

#[cfg(test)]
pub(crate) use self::wall_clock::tests::wall_clock_ahead;
pub(crate) use self::{
    charge_rules::ProviderChargeRules,
    instant::after,
    limit::PictureLimit,
    retry_after::retry_after_in_headers,
    route::{CutConnection, CutPattern, How, Passage, RouteId, SilenceEnding, TimeScale},
    status::class_of,
    wall_clock::wall_clock,
};
pub use self::{
    charge_rules::{ChargeRule, ChargeRules},
    class::{Class, Probability},
    classification::Classification,
    decision::Decision,
    evidence::{Evidence, RequestId, RequestIds},
    http1_report::Http1Report,
    money::{Currency, Money},
    outcome::{End, Exposure, Outcome, Phase},
    price::{PriceRow, PriceTable},
    provider::Provider,
    route::{KnownCut, KnownRoute, OutboundProxy, RouteHistory},
    workload::{PerResolution, Quality, Resolution, Workload},
};
