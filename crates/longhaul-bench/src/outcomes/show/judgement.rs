//! The three criteria, field by field, in words.
//!
//! The words name the peer that comes nearest, and say by how much, so that a reader can look the field up instead of
//! believing it.

use super::words::{dollars_each, heading};
use crate::outcomes::{
    criteria::{Judgement, Noise, Verdict},
    policies::{DEFAULT, Policy},
    scenario::Scenario,
    table::Table,
};

/// A table of all fields for the default, and a line for each variant.
pub(super) fn criteria(all: &Table) -> String {
    let judged: Vec<_> = all.judgements().collect();
    if judged.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", explained(all));
    text +=
        "\n| scenario | 1: as many for less | 2: more | 3: the most frugal |\n|---|---|---|---|\n";
    for (scenario, _, judgement) in of(&judged, DEFAULT) {
        text += &row(scenario, judgement);
    }
    let notes = of(&judged, DEFAULT).filter_map(|(scenario, ..)| note(scenario));
    for note in notes {
        text += &format!("\n{note}\n");
    }
    text + &variants(all)
}

type Judged<'a> = (&'a Scenario, &'static Policy, Judgement);

fn of<'a>(judged: &'a [Judged<'a>], name: &str) -> impl Iterator<Item = &'a Judged<'a>> {
    judged
        .iter()
        .filter(move |(_, policy, _)| policy.name == name)
}

fn explained(all: &Table) -> String {
    let Noise { points, dollars } = Noise::of(all.operations());
    format!(
        "How `{DEFAULT}` stands: (1) no peer delivers as many pictures or more at less waste per picture; (2) where a peer \
         delivers more, each extra picture cost it more than five prices; (3) no peer that delivers a third of the best \
         peer\u{2019}s pictures wastes less per picture. Named is the peer that comes nearest; differences within {points:.1} \
         points and {} a picture are noise.",
        dollars_each(dollars)
    )
}

fn row(scenario: &Scenario, judgement: &Judgement) -> String {
    let Judgement {
        as_many,
        extra,
        frugal,
    } = judgement;
    let aim = if scenario.aim { "" } else { " (no aim)" };
    let nobody = |verdict: &Verdict, nobody: &str, figure: String| match verdict.peer {
        None => nobody.to_owned(),
        Some(peer) => format!("{}: {peer}, {figure}", in_a_word(verdict)),
    };
    format!(
        "| {}{aim} | {} | {} | {} |\n",
        scenario.title,
        nobody(
            as_many,
            "kept: nobody delivers as many",
            dollars_each(as_many.figure)
        ),
        nobody(
            extra,
            "kept: nobody delivers more",
            format!("{:.1} prices", extra.figure)
        ),
        nobody(frugal, "kept: nobody delivers", dollars_each(frugal.figure)),
    )
}

const fn in_a_word(verdict: &Verdict) -> &'static str {
    match (verdict.asked, verdict.kept) {
        (false, _) => "not asked",
        (true, true) => "kept",
        (true, false) => "**broken**",
    }
}

/// Why a scenario does not ask for all three.
fn note(scenario: &Scenario) -> Option<String> {
    let note = scenario.costs_more.as_deref()?;
    Some(format!(
        "{}: criterion 3 is not asked. {note}",
        heading(scenario)
    ))
}

/// Where there are any: in how many fields each keeps all three, and where it does not.
pub(super) fn variants(all: &Table) -> String {
    let judged: Vec<_> = all.judgements().collect();
    let names: Vec<_> = all
        .plan
        .policies
        .iter()
        .filter(|policy| policy.is_judged())
        .map(|policy| policy.name)
        .collect();
    if judged.is_empty() || names.len() < 2 {
        return String::new();
    }
    let mut text = "\n| variant | fields kept | broken |\n|---|---:|---|\n".to_owned();
    for name in names {
        let aims = || of(&judged, name).filter(|(scenario, ..)| scenario.aim);
        let broken: Vec<_> = aims()
            .filter(|(.., judgement)| !judgement.kept())
            .map(|(scenario, _, judgement)| {
                let numbers = judgement.broken().map(|(number, _)| number.to_string());
                format!(
                    "{} ({})",
                    scenario.name,
                    numbers.collect::<Vec<_>>().join(", ")
                )
            })
            .collect();
        let kept = aims().count() - broken.len();
        text += &format!(
            "| `{name}` | {kept} of {} | {} |\n",
            aims().count(),
            broken.join(", ")
        );
    }
    text
}
