//! The table: one row a case, one cell a dialect.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use longhaul::policy::Policy;
use longhaul_sim::{Dialect, Fault, Script, Weight};

use crate::{cell::Cell, seen::Seen};

const TABLE: &str = include_str!("cells.txt");

/// Every cell that the table has.
///
/// # Panics
///
/// On a row that says nothing sensible, naming it.
pub(crate) fn cells() -> Vec<Cell> {
    let rows = TABLE.lines().map(str::trim);
    let rows = rows.filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.flat_map(|row| match cells_of(row) {
        Ok(cells) => cells,
        Err(what) => panic!("cells.txt: {what}: {row}"),
    })
    .collect()
}

fn cells_of(row: &str) -> Result<Vec<Cell>, String> {
    let columns: Vec<_> = row.split('|').map(str::trim).collect();
    let [fault, dialects, load, policy, told, seen @ ..] = &columns[..] else {
        return Err("too few columns".to_owned());
    };
    let dialects = match *dialects {
        "both" => vec![Dialect::OpenAi, Dialect::Gemini],
        "OpenAi" => vec![Dialect::OpenAi],
        "Gemini" => vec![Dialect::Gemini],
        other => return Err(format!("no dialect is called {other}")),
    };
    let told = match *told {
        "-" => None,
        millis => Some(millis.parse().map_err(|_| format!("no time: {millis}"))?),
    };
    let row = Row {
        fault: (*fault).to_owned(),
        load: Load::named(load).ok_or_else(|| format!("no load is called {load}"))?,
        policy: PolicyName::named(policy).ok_or_else(|| format!("no policy is called {policy}"))?,
        told_ms: told,
        seen: Seen::from_columns(seen)?,
    };
    fault.parse::<Script>().map_err(|error| error.to_string())?;
    let cell = |dialect| Cell {
        dialect,
        row: row.clone(),
    };
    Ok(dialects.into_iter().map(cell).collect())
}

/// A case: what happens, and what must be seen.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) load: Load,
    pub(crate) policy: PolicyName,
    /// The wait that the server asks for, in milliseconds of ours.
    pub(crate) told_ms: Option<u64>,
    pub(crate) seen: Seen,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PolicyName {
    Document,
    Careful,
    /// The careful one, with another provider to turn to.
    Fallback,
}

impl PolicyName {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "document" => Self::Document,
            "careful" => Self::Careful,
            "fallback" => Self::Fallback,
            _ => return None,
        })
    }

    pub(crate) fn policy(self) -> Policy {
        match self {
            Self::Document => Policy::nano_banana_pro(),
            Self::Careful | Self::Fallback => Policy::no_duplicate_charges(),
        }
    }
}

/// How much is carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// The answer is read and judged before it is handed on.
    Small,
    /// The answer is watched instead: what happens to it then happens to the caller, who cannot have it sent again.
    LargeAnswer,
    /// The request takes many slices.
    LargeRequest,
}

impl Load {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "small" => Self::Small,
            "large answer" => Self::LargeAnswer,
            "large request" => Self::LargeRequest,
            _ => return None,
        })
    }

    pub(crate) fn weight(self) -> Weight {
        match self {
            Self::LargeAnswer => Weight::Real,
            Self::Small | Self::LargeRequest => Weight::Tiny,
        }
    }

    pub(crate) fn prompt(self) -> String {
        match self {
            Self::LargeRequest => "x".repeat(16_000_000),
            Self::Small | Self::LargeAnswer => "a cat".to_owned(),
        }
    }
}

/// Every fault that befalls a unary call has a row under each policy that has no other target. Those of tasks and streams
/// are tested with the layers that make such calls.
pub(crate) fn is_complete() -> Result<(), Failed> {
    let unary = |name: &&str| !Fault::OF_EXCHANGES.contains(name);
    let known: BTreeSet<_> = Fault::names().filter(unary).collect();
    let cells = cells();
    for policy in [PolicyName::Document, PolicyName::Careful] {
        let of_policy = cells.iter().filter(|cell| cell.row.policy == policy);
        let names = of_policy.filter_map(|cell| cell.row.fault.split(['@', '*']).next());
        let rows: BTreeSet<_> = names.collect();
        let missing: Vec<_> = known.difference(&rows).collect();
        if !missing.is_empty() {
            return Err(format!("{policy:?}: no row for {missing:?}").into());
        }
    }
    Ok(())
}
