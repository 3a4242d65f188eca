//! The order that `.ci/run` holds: nobody is better than the default.
//!
//! It fails CI where a change makes the default worse than a peer, naming scenario and peer. Where nothing could be
//! judged it fails as well: a check that passes because a name was mistyped would be none.

use std::{error::Error, fmt};

use super::{criteria::Judgement, policies::DEFAULT, scenario::Scenario, table::Table};

/// In which scenarios the default breaks which criteria.
#[derive(Debug)]
pub(super) struct OutOfOrder(Vec<String>);

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the default is worse than a peer:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl Error for OutOfOrder {}

/// Nothing was judged: a check that cannot fail.
#[derive(Debug)]
pub(super) struct NothingJudged;

impl fmt::Display for NothingJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--check needs the policy {DEFAULT}, a peer, and a scenario that has an aim"
        )
    }
}

impl Error for NothingJudged {}

/// # Errors
///
/// Names each scenario with an aim in which the default breaks a criterion, and the peer; or says that none was judged.
pub(super) fn order(table: &Table) -> Result<(), Box<dyn Error>> {
    let judged: Vec<_> = table
        .judgements()
        .filter(|(scenario, policy, _)| scenario.aim && policy.name == DEFAULT)
        .collect();
    if judged.is_empty() {
        return Err(NothingJudged.into());
    }
    let wrong: Vec<_> = judged
        .iter()
        .filter(|(.., judgement)| !judgement.kept())
        .map(|(scenario, _, judgement)| told(scenario, judgement))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(OutOfOrder(wrong).into())
}

fn told(scenario: &Scenario, judgement: &Judgement) -> String {
    let broken = judgement.broken().map(|(number, verdict)| {
        let unit = if number == 2 {
            "prices for each extra picture"
        } else {
            "dollars wasted per picture"
        };
        let peer = verdict.peer.unwrap_or_default();
        format!(
            "criterion {number} by {peer} ({:.3} {unit})",
            verdict.figure
        )
    });
    let broken: Vec<_> = broken.collect();
    format!("{}: {}", scenario.name, broken.join(", "))
}
