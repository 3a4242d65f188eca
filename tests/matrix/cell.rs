//! One cell: an operation that meets the fault once, and then nothing.

use std::{fmt::Debug, time::Duration};

use libtest_mimic::Failed;
use longhaul::{
    Class, Stack,
    billing::Record,
    fallback::{FallbackPolicy, KeySource, Target},
    policy::Policy,
    retry::StoppedBy,
};
use longhaul_hyper::Client;
use longhaul_sim::{Dialect, Entry, Totals, Weight};
use longhaul_workspace::disagreements;
use tower::Layer;

use crate::{
    leaks,
    scene::{Ended, Http, Scene, perform, provider, request_of},
    table::{PolicyName, Row},
};

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
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "small" => Self::Small,
            "large answer" => Self::LargeAnswer,
            "large request" => Self::LargeRequest,
            _ => return None,
        })
    }

    fn weight(self) -> Weight {
        match self {
            Self::LargeAnswer => Weight::Real,
            Self::Small | Self::LargeRequest => Weight::Tiny,
        }
    }

    fn prompt(self) -> String {
        match self {
            Self::LargeRequest => "x".repeat(16_000_000),
            Self::Small | Self::LargeAnswer => "a cat".to_owned(),
        }
    }
}

/// What is seen of an operation, as the table has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen([String; Seen::COLUMNS.len()]);

impl Seen {
    const COLUMNS: [&str; 11] = [
        "class",
        "end",
        "phase",
        "status",
        "exposure",
        "verdict",
        "caller",
        "received",
        "charged",
        "delivered",
        "open",
    ];

    pub(crate) fn from_columns(columns: &[&str]) -> Result<Self, String> {
        let owned: Vec<_> = columns.iter().map(|&column| column.to_owned()).collect();
        owned.try_into().map(Self).map_err(|columns: Vec<_>| {
            format!(
                "{} columns instead of {}",
                columns.len() + 5,
                Self::COLUMNS.len() + 5
            )
        })
    }

    /// How many connections are left.
    fn open(&self) -> usize {
        self.0[Self::COLUMNS.len() - 1].parse().unwrap_or(0)
    }

    fn differences(&self, should: &Self) -> Vec<String> {
        let cells = Self::COLUMNS.into_iter().zip(&self.0).zip(&should.0);
        cells
            .filter(|((_, is), should)| is != should)
            .map(|((column, is), should)| format!("{column} is {is} instead of {should}"))
            .collect()
    }
}

#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) dialect: Dialect,
    pub(crate) row: Row,
}

impl Cell {
    pub(crate) fn name(&self) -> String {
        let Row {
            fault,
            load,
            policy,
            ..
        } = &self.row;
        format!("{fault} {:?} {load:?} {policy:?}", self.dialect)
    }

    /// Fails with all that differs from the row.
    pub(crate) fn holds(&self) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let found = runtime.block_on(self.run());
        if found.is_empty() {
            return Ok(());
        }
        Err(found.join("\n").into())
    }

    async fn run(&self) -> Vec<String> {
        let stage = Stage::set(&self.row).await;
        let ended = stage.perform(self.dialect).await;
        let mut found = stage.disagreements().await;
        found.extend(self.wrong_answer(&stage, &ended).await);

        let seen = stage.seen(&ended, self.row.seen.open()).await;
        let differences = seen.differences(&self.row.seen);
        if !differences.is_empty() {
            found.extend(differences);
            found.push(format!("the row would be: {}", seen.0.join(" | ")));
        }
        drop(ended);
        found.extend(stage.strike(self.dialect).await);
        found
    }

    /// What the caller got must fit the ledger: the picture of the last request, the answer, or an error that means
    /// the same.
    async fn wrong_answer(&self, stage: &Stage, ended: &Ended) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(told) = self.row.told_ms.map(Duration::from_millis)
            && ended.report.waits().first().is_none_or(|wait| *wait < told)
        {
            found.push(format!(
                "it waited {:?} instead of {told:?}",
                ended.report.waits()
            ));
        }
        let records = stage.stack.ledger().records();
        let last = records.last().and_then(|record| record.closing.as_ref());
        let last = last.map(|closing| closing.outcome.class);
        if let Some(picture) = ended.picture() {
            let truth = stage.truth().await;
            let made = truth.last().map(|entry| entry.images.clone());
            differ(&mut found, "picture", Some(vec![picture]), made);
            differ(&mut found, "the last class", last, Some(Class::Delivered));
        } else if let Err(error) = &ended.answer {
            differ(&mut found, "the error's class", Some(error.class()), last);
            let keyed = error.idempotency_key().is_some();
            differ(&mut found, "a key in the error", keyed, true);
        }
        found
    }
}

fn differ<T: PartialEq + Debug>(found: &mut Vec<String>, what: &str, is: T, should: T) {
    if is != should {
        found.push(format!("{what} is {is:?} instead of {should:?}"));
    }
}

/// A provider that does what the row says to the first request, another one where the policy has one to turn to, and
/// a client.
struct Stage {
    scene: Scene,
    other: Option<Scene>,
    stack: Stack,
    client: Http,
    prompt: String,
}

impl Stage {
    async fn set(row: &Row) -> Self {
        let script = format!("{},none", row.fault);
        let provider = provider(&script).image_weight(row.load.weight());
        let scene = Scene::with(provider, Policy::default()).await;
        let mut policy = row.policy.policy();
        // A place that is not given back is then missed.
        policy.in_flight.per_host = 1;
        let other = match row.policy {
            PolicyName::Fallback => Some(Scene::new("none").await),
            PolicyName::Document | PolicyName::Careful => None,
        };
        if let Some(other) = &other {
            let mut target = Target::new("other", other.server.url());
            target.key = KeySource::Same(vec!["127.0.0.1".to_owned()]);
            policy.fallback = FallbackPolicy::to([target]);
        }
        // What is idle stays as long as the cell looks.
        let client = Client::builder()
            .plain_http_only()
            .pool_idle_timeout(Duration::from_secs(3600));
        Self {
            scene,
            other,
            stack: crate::scene::stack(policy),
            client: client.build().expect("valid settings"),
            prompt: row.load.prompt(),
        }
    }

    async fn perform(&self, dialect: Dialect) -> Ended {
        let request = request_of(&self.scene.server.url(), dialect, &self.prompt);
        perform(self.stack.layer(self.client.clone()), request).await
    }

    /// What the providers know, once nothing more changes.
    async fn truth(&self) -> Vec<Entry> {
        let mut truth = self.scene.truth().await;
        if let Some(other) = &self.other {
            truth.extend(other.truth().await);
        }
        truth
    }

    async fn disagreements(&self) -> Vec<String> {
        disagreements(&self.stack.ledger().records(), &self.truth().await)
    }

    async fn seen(&self, ended: &Ended, expected_open: usize) -> Seen {
        let records = self.stack.ledger().records();
        let first = &records[0];
        let closing = first.closing.as_ref().expect("it has ended");
        let status = closing.status.map(|status| status.as_u16().to_string());
        let outcome = closing.outcome;
        let percent = f64::from(outcome.exposure.probability.as_per_mille()) / 10.0;
        let caller = match &ended.answer {
            _ if ended.picture().is_some() => "picture".to_owned(),
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(_) => "error".to_owned(),
        };
        let totals = self.totals();
        let sum = |of: fn(&Totals) -> u64| totals.iter().map(of).sum::<u64>().to_string();
        let open = leaks::open_connections(&self.scene.server, expected_open).await;
        Seen([
            outcome.class.name().to_owned(),
            outcome.end.name().to_owned(),
            outcome.phase.name().to_owned(),
            status.unwrap_or_else(|| "-".to_owned()),
            format!("{percent} %"),
            self.verdict(&records, ended.report.stopped_by()),
            caller,
            sum(|totals| totals.read_whole),
            sum(|totals| totals.charged),
            sum(|totals| totals.delivered),
            open.to_string(),
        ])
    }

    fn totals(&self) -> Vec<Totals> {
        let scenes = [Some(&self.scene), self.other.as_ref()]
            .into_iter()
            .flatten();
        scenes
            .map(|scene| scene.provider.oracle().totals())
            .collect()
    }

    /// What was done about the first attempt, and who stopped it where that did not help.
    fn verdict(&self, records: &[Record], stopped_by: StoppedBy) -> String {
        let other = self.other.as_ref();
        let elsewhere = other.is_some_and(|other| other.provider.oracle().totals().requests > 0);
        let again = match records.len() - usize::from(elsewhere) {
            1 => None,
            2 => Some("again".to_owned()),
            attempts => Some(format!("again ×{}", attempts - 1)),
        };
        let last = match stopped_by {
            _ if elsewhere => Some("fall back".to_owned()),
            StoppedBy::Success if again.is_some() => None,
            StoppedBy::Success => Some("deliver".to_owned()),
            by => Some(format!("stop: {by:?}")),
        };
        [again, last]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Takes everything down; nothing may be left of it.
    async fn strike(self, dialect: Dialect) -> Vec<String> {
        let mut found = Vec::new();
        let request = request_of(&self.scene.server.url(), dialect, "");
        if !leaks::place_is_free(&self.stack, request) {
            found.push("its place in flight was not given back".to_owned());
        }
        drop((self.client, self.stack));
        let scenes = [Some(self.scene), self.other].into_iter().flatten();
        for scene in scenes {
            let open = leaks::open_connections(&scene.server, 0).await;
            differ(&mut found, "connections without a client", open, 0);
            scene.server.shutdown().await;
        }
        differ(&mut found, "tasks left", leaks::tasks().await, 0);
        found
    }
}
