//! Every fault by table: what it means, what is done about it, and what it costs.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc, time::Duration};

use longhaul::{Class, End, Phase, policy::Policy};
use longhaul_sim::{Dialect, Fault, Weight};
use serde::Deserialize;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::scene::{Ended, Scene, provider, request_of};

/// So many operations at once that nobody waits long, and so few that a small machine keeps up.
const AT_ONCE: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    fault: String,
    #[serde(default = "both")]
    dialects: Vec<Dialect>,
    #[serde(default)]
    weight: Heavy,
    /// The length of the prompt, where the request must be large.
    #[serde(default)]
    prompt_bytes: usize,
    class: Class,
    end: End,
    phase: Phase,
    status: Option<u16>,
    attempts: usize,
    #[serde(default = "success")]
    stopped_by: String,
    picture: bool,
    /// The wait that the server asks for.
    #[serde(default)]
    told_ms: u64,
}

#[derive(Clone, Copy, Default, Debug, Deserialize)]
enum Heavy {
    #[default]
    Tiny,
    Real,
}

fn both() -> Vec<Dialect> {
    vec![Dialect::OpenAi, Dialect::Gemini]
}

fn success() -> String {
    "Success".to_owned()
}

fn table() -> Vec<Row> {
    let table: Table = toml::from_str(include_str!("faults.toml")).expect("a table");
    table.row
}

#[test]
fn every_fault_has_a_row() {
    let unknown = "?".parse::<Fault>().expect_err("no fault").to_string();
    let (_, names) = unknown.split_once("known are ").expect("a list");
    let bare = |name: &str| {
        let end = name.find(['@', '[']).unwrap_or(name.len());
        name[..end].to_owned()
    };
    let known: BTreeSet<_> = names.split(", ").map(bare).collect();
    let rows: BTreeSet<_> = table().iter().map(|row| bare(&row.fault)).collect();
    assert_eq!(rows, known);
}

#[tokio::test]
async fn every_fault_means_what_the_table_says_and_the_ledger_agrees() {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for row in table() {
        for dialect in row.dialects.clone() {
            let (row, places) = (row.clone(), places.clone());
            running.spawn(async move {
                let _place = places.acquire().await.expect("never closed");
                row.failures(dialect).await
            });
        }
    }
    let failures = running.join_all().await.concat();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

impl Row {
    /// In what reality differs from the row.
    async fn failures(&self, dialect: Dialect) -> Vec<String> {
        let script = format!("{},none", self.fault);
        let provider = provider(&script).image_weight(match self.weight {
            Heavy::Tiny => Weight::Tiny,
            Heavy::Real => Weight::Real,
        });
        let scene = Scene::with(provider, Policy::default()).await;
        let prompt = match self.prompt_bytes {
            0 => "a cat".to_owned(),
            bytes => "x".repeat(bytes),
        };

        let request = request_of(&scene.server.url(), dialect, &prompt);
        let ended = scene.perform(request).await;

        let mut differences = scene.disagreements().await;
        differences.extend(self.differences(&ended));
        differences.extend(self.wrong_picture(&scene, &ended).await);
        let name = format!("{} {:?} {dialect:?}", self.fault, self.weight);
        let differences = differences.into_iter();
        differences.map(|what| format!("{name}: {what}")).collect()
    }

    fn differences(&self, ended: &Ended) -> Vec<String> {
        let mut found = Vec::new();
        let report = &ended.report;
        let first = &report.attempts()[0];
        let Some(outcome) = first.outcome_now() else {
            return vec!["the first attempt has no outcome".to_owned()];
        };
        differ(&mut found, "class", outcome.class, self.class);
        differ(&mut found, "end", outcome.end, self.end);
        differ(&mut found, "phase", outcome.phase, self.phase);
        let status = first.status().map(|status| status.as_u16());
        differ(&mut found, "status", status, self.status);
        differ(
            &mut found,
            "attempts",
            report.attempts().len(),
            self.attempts,
        );
        let stopped_by = format!("{:?}", report.stopped_by());
        differ(
            &mut found,
            "stopped_by",
            stopped_by,
            self.stopped_by.clone(),
        );
        let told = Duration::from_millis(self.told_ms);
        if report.waits().first().is_some_and(|wait| *wait < told) {
            found.push(format!(
                "it waited {:?} instead of {told:?}",
                report.waits()
            ));
        }
        let last = if self.picture {
            Class::Delivered
        } else {
            self.class
        };
        differ(&mut found, "the last class", ended.class(), last);
        differ(
            &mut found,
            "picture",
            ended.picture().is_some(),
            self.picture,
        );
        if !self.picture {
            // What the caller gets instead: the answer, whatever it says, or an error that means the same.
            match &ended.answer {
                Ok(answer) => {
                    differ(&mut found, "answered", true, self.end == End::Finished);
                    let status = Some(answer.status.as_u16());
                    differ(&mut found, "the answer", status, self.status);
                }
                Err(error) => {
                    differ(&mut found, "answered", false, self.end == End::Finished);
                    differ(&mut found, "the error's class", error.class(), self.class);
                }
            }
        }
        found
    }

    /// The picture that arrived must be the one of the last request.
    async fn wrong_picture(&self, scene: &Scene, ended: &Ended) -> Option<String> {
        let picture = ended.picture()?;
        let truth = scene.truth().await;
        let made = &truth.last()?.images;
        (made[..] != [picture.clone()]).then(|| format!("{picture} came instead of {made:?}"))
    }
}

fn differ<T: PartialEq + Debug>(found: &mut Vec<String>, what: &str, is: T, should: T) {
    if is != should {
        found.push(format!("{what} is {is:?} instead of {should:?}"));
    }
}

#[tokio::test]
async fn a_port_that_opens_again_brings_the_picture_at_no_further_cost() {
    let mut policy = Policy::default();
    policy.retry.attempts = 100;
    // Closed for 2 s of ours.
    let scene = Scene::with(provider("refused@100,none"), policy).await;

    let ended = scene.perform(scene.request(Dialect::OpenAi)).await;

    assert!(ended.picture().is_some(), "{ended:?}");
    let (last, refused) = ended
        .classes()
        .split_last()
        .map(|(l, r)| (*l, r.to_vec()))
        .expect("attempts");
    assert_eq!(last, Class::Delivered);
    assert!(!refused.is_empty() && refused.iter().all(|class| *class == Class::NeverSent));
    assert_eq!(ended.report.duplicates(), 0);
    assert_eq!(scene.truth().await.len(), 1, "one request in all");
    scene.assert_agreement().await;
}

#[tokio::test]
async fn the_careful_policy_stops_where_another_attempt_might_pay_twice() {
    for (fault, class) in [
        ("cut@60", Class::UnknownOutcome),
        ("reset", Class::UnknownOutcome),
        ("gateway-timeout@60", Class::IntermediaryCut),
        ("truncated", Class::Undelivered),
    ] {
        let scene = Scene::with(provider(fault), Policy::careful()).await;

        let ended = scene.perform(scene.request(Dialect::OpenAi)).await;

        assert_eq!(ended.classes(), [class], "{fault}");
        let truth = scene.truth().await;
        assert_eq!(truth.len(), 1, "{fault}");
        assert!(truth[0].charged_micros > 0, "{fault}: that is why");
        scene.assert_agreement().await;
    }
}
