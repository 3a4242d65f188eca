//! What Longhaul exists for: pictures, money and time under recorded incidents, policy by policy.
//!
//! The simulated provider runs in process on a paused clock, so that a day takes a moment. Scenarios are data
//! ([`scenario`]); everybody else's policies run as they are, or are transcribed ([`policies`]). What was charged is the
//! provider's own account; where our ledger does not agree with it, nothing is reported.
//!
//! Each scenario × policy × seed is a [`cell`]: the same callers ([`day`]) with the same luck ([`world`]). The same seed
//! gives the same output, byte for byte. How our default stands beside its peers is judged by three [`criteria`].

mod answer;
mod books;
mod cell;
mod check;
mod criteria;
mod day;
mod figures;
mod policies;
mod scenario;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod world;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::builder::PossibleValuesParser;

use self::{
    policies::Policy,
    scenario::{Scenario, builtin},
    table::{Plan, Table},
};
use crate::report::{Effort, Section};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Everything that is drawn is drawn from it: the same seed gives the same output
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many seeds, this one and those that follow; the figures are those of all together
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Pictures asked for, in each scenario, under each policy and with each seed; 2,000 a day
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    operations: u64,
    /// Only this scenario: its name, or the path of a file; may be given several times
    #[arg(long = "scenario", value_name = "NAME|FILE")]
    scenarios: Vec<String>,
    /// Only this policy; may be given several times
    #[arg(long = "policy", value_name = "NAME", value_parser = PossibleValuesParser::new(policies::names()))]
    policies: Vec<String>,
    /// Instead of our other policies, the default's variants: each rule alone
    #[arg(long, conflicts_with = "policies")]
    ablation: bool,
    /// Fails where the default breaks a criterion in a scenario that has an aim
    #[arg(long)]
    check: bool,
    /// As JSON, with figures that are not rounded
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As Markdown
    #[arg(long)]
    markdown: bool,
    /// Draws the picture into this file too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Plays what was asked for and prints it.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let table = options.plan()?.play()?;
    if let Some(path) = &options.svg {
        let written = fs::write(path, show::picture(&table)?);
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!("{}", options.shown(&table)?);
    if options.check {
        check::order(&table)?;
    }
    Ok(())
}

/// The part of `BENCHMARKS.md`.
pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    let plan = Plan {
        seed: 1,
        seeds: effort.pick(1, 3),
        operations: effort.pick(100, 10_000),
        scenarios: chosen_scenarios(&[])?,
        policies: policies::all().collect(),
    };
    section_of(&plan.play()?)
}

fn section_of(table: &Table) -> Result<Section, Box<dyn Error>> {
    const PICTURE: &str = "outcomes.svg";
    let link =
        format!("![Pictures delivered and money wasted, by scenario and policy](plots/{PICTURE})");
    let main = table.of(|policy| !policy.is_variant());
    Ok(Section {
        title: "Outcomes: pictures, money and time under recorded incidents".to_owned(),
        markdown: format!(
            "{link}\n\n{}\n{}",
            show::markdown(&main),
            show::ablation(table)
        ),
        plots: vec![(PICTURE.to_owned(), show::picture(&main)?)],
    })
}

impl Options {
    fn plan(&self) -> Result<Plan, Box<dyn Error>> {
        Ok(Plan {
            seed: self.seed,
            seeds: self.seeds,
            operations: usize::try_from(self.operations)?,
            scenarios: chosen_scenarios(&self.scenarios)?,
            policies: if self.ablation {
                policies::for_ablation().collect()
            } else {
                chosen_policies(&self.policies)
            },
        })
    }

    fn shown(&self, table: &Table) -> serde_json::Result<String> {
        Ok(if self.json {
            show::json(table)?
        } else if self.markdown {
            show::markdown(table)
        } else {
            show::text(table)
        })
    }
}

/// The scenarios of these names or files; all that come with the program where none is named.
fn chosen_scenarios(names: &[String]) -> Result<Vec<Arc<Scenario>>, Box<dyn Error>> {
    let all = builtin()?;
    if names.is_empty() {
        return Ok(all.into_iter().map(Arc::new).collect());
    }
    let choose = |name: &String| -> Result<_, Box<dyn Error>> {
        if let Some(path) = Some(Path::new(name)).filter(|path| path.extension().is_some()) {
            let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
            return Ok(Arc::new(Scenario::parse(name, &text)?));
        }
        let at = all.iter().position(|scenario| scenario.name == *name);
        let known = || {
            all.iter()
                .map(|scenario| &*scenario.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let at = at.ok_or_else(|| format!("no scenario {name}; known are {}", known()))?;
        Ok(Arc::new(all[at].clone()))
    };
    names.iter().map(choose).collect()
}

/// The policies of these names, in the order of the tables; all but variants where none is named.
fn chosen_policies(names: &[String]) -> Vec<&'static Policy> {
    if names.is_empty() {
        return policies::ALL.iter().collect();
    }
    let chosen = |policy: &&Policy| names.iter().any(|name| name == policy.name);
    policies::all().filter(chosen).collect()
}
