//! Plain data that every layer reads: what an ending means, what it may cost, what was asked for.
//!
//! Nothing here knows of a layer, a body or an error.

mod class;
mod classification;
mod cut_history;
pub(crate) mod evidence;
mod http1_report;
pub mod money;
pub mod outcome;
mod price;
mod priors;
mod provider;
pub(crate) mod retry_after;
mod status;
mod wall_clock;
pub mod workload;

pub use self::{
    class::{Class, Probability},
    classification::Judgement,
    cut_history::CutHistory,
    evidence::{Evidence, RequestId, RequestIds},
    http1_report::Http1Report,
    money::{Currency, Money},
    outcome::{End, Exposure, Outcome, Phase},
    price::{PriceRow, PriceTable},
    priors::{PriorRow, Priors},
    provider::Provider,
    workload::{Quality, Resolution, Workload},
};
pub(crate) use self::{
    cut_history::{Cut, HostId, Pattern as CutPattern},
    priors::ProviderPriors,
    retry_after::told_in_headers,
    status::class_of,
    wall_clock::wall_clock,
    workload::PerResolution,
};
