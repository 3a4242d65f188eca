//! Where a cell is played: the providers, the stack, and what is left of them.

use std::time::Duration;

use http_body_util::BodyExt;
use longhaul::{
    Phase,
    billing::Record,
    fallback::{FallbackPolicy, KeySource, Target},
    retry::StoppedBy,
};
use longhaul_hyper::Client;
use longhaul_sim::{Dialect, Entry, Totals};
use longhaul_testing::harness::{Ended, Harness, Http, perform, provider, request_of, until};
use tower::{Layer, ServiceExt};

use crate::{
    cell::differ,
    leaks,
    seen::{LEAVES, Seen},
    table::{Load, PolicyName, Row},
};

/// So many calls to a host at once.
const PLACES: usize = 2;

/// A provider that does what the row says to the first request, a client of it, and another provider where the policy has
/// one to turn to.
pub(crate) struct Stage {
    pub(crate) harness: Harness,
    other: Option<Harness>,
    client: Http,
    prompt: String,
}

impl Stage {
    pub(crate) async fn set(row: &Row) -> Self {
        let mut policy = row.policy.policy();
        // What is handed on while it comes is what this load is about.
        policy.classify.hold = row.load != Load::LargeAnswer;
        // A place that is not given back is then missed. Two: a late attempt keeps its own.
        policy.in_flight.max_per_host = PLACES;
        let other = match row.policy {
            PolicyName::Fallback => Some(Harness::new("none").await),
            PolicyName::Document | PolicyName::Careful => None,
        };
        if let Some(other) = &other {
            let mut target = Target::new("other", other.server.url());
            target.key = KeySource::Same(vec!["127.0.0.1".to_owned()]);
            policy.fallback = FallbackPolicy::to([target]);
        }
        let provider = provider(&format!("{},none", row.fault));
        let provider = provider.image_weight(row.load.weight());
        // What is idle stays as long as the cell looks.
        let client = Client::builder()
            .plain_http_only()
            .pool_idle_timeout(Duration::from_secs(3600))
            .paid_idle_timeout(Duration::from_secs(3600));
        Self {
            harness: Harness::with(provider, policy).await,
            other,
            client: client.build().expect("valid settings"),
            prompt: row.load.prompt(),
        }
    }

    /// The operation to its end; `None` where the caller leaves in that phase.
    pub(crate) async fn perform(&self, dialect: Dialect, leaves: Option<Phase>) -> Option<Ended> {
        let request = request_of(&self.harness.server.url(), dialect, &self.prompt);
        let client = self.harness.stack.layer(self.client.clone());
        match leaves {
            None => return Some(perform(client, request).await),
            Some(Phase::Head) => {
                let oracle = self.harness.provider.oracle();
                let read = || oracle.totals().read_whole == 1;
                tokio::select! {
                    ended = perform(client, request) => panic!("it ended before: {ended:?}"),
                    () = until("the whole request", read) => {}
                }
            }
            Some(Phase::Body) => {
                let answer = client.oneshot(request).await.expect("a head");
                let frame = answer.into_body().frame().await;
                assert!(frame.is_some_and(|frame| frame.is_ok()), "a beginning");
            }
            Some(phase) => panic!("nobody can be seen to be in {phase} for long"),
        }
        None
    }

    /// What the providers know, once nothing more changes.
    pub(crate) async fn truth(&self) -> Vec<Entry> {
        let mut truth = self.harness.truth().await;
        if let Some(other) = &self.other {
            truth.extend(other.truth().await);
        }
        truth
    }

    /// In what the ledger differs from the truth, and from what the attempts themselves say.
    pub(crate) async fn disagreements(&self) -> Vec<String> {
        self.harness.differs_from(&self.truth().await)
    }

    pub(crate) async fn seen(&self, ended: Option<&Ended>, expected_open: usize) -> Seen {
        let records = self.harness.stack.ledger().records();
        let first = &records[0];
        let closing = first.closing.as_ref().expect("it has ended");
        let status = closing.status.map(|status| status.as_u16().to_string());
        let outcome = closing.outcome;
        let percent = f64::from(outcome.exposure.probability.as_permille()) / 10.0;
        let verdict = ended.map(|ended| self.verdict(&records, ended.report.stopped_by()));
        let totals = self.totals();
        let sum = |of: fn(&Totals) -> u64| totals.iter().map(of).sum::<u64>().to_string();
        let open = leaks::open_connections(&self.harness.server, expected_open).await;
        Seen([
            outcome.class.name().to_owned(),
            outcome.end.name().to_owned(),
            outcome.phase.name().to_owned(),
            status.unwrap_or_else(|| "-".to_owned()),
            format!("{percent} %"),
            verdict.unwrap_or_else(|| "-".to_owned()),
            caller_got(ended),
            sum(|totals| totals.read_whole),
            sum(|totals| totals.charged),
            sum(|totals| totals.delivered),
            open.to_string(),
        ])
    }

    fn totals(&self) -> Vec<Totals> {
        let harnesses = [Some(&self.harness), self.other.as_ref()];
        let oracles = harnesses.into_iter().flatten();
        oracles
            .map(|harness| harness.provider.oracle().totals())
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
    pub(crate) async fn strike(self, dialect: Dialect) -> Vec<String> {
        let mut found = Vec::new();
        let request = || request_of(&self.harness.server.url(), dialect, "");
        if !leaks::places_are_free(&self.harness.stack, PLACES, request) {
            found.push("its place in flight was not given back".to_owned());
        }
        drop((self.client, self.harness.stack));
        let servers = [
            Some(self.harness.server),
            self.other.map(|other| other.server),
        ];
        for server in servers.into_iter().flatten() {
            let open = leaks::open_connections(&server, 0).await;
            differ(&mut found, "connections without a client", open, 0);
            server.shutdown().await;
        }
        differ(&mut found, "tasks left", leaks::tasks().await, 0);
        found
    }
}

/// What the caller has in the end.
fn caller_got(ended: Option<&Ended>) -> String {
    match ended.map(|ended| (ended.picture(), &ended.answer)) {
        None => LEAVES.to_owned(),
        Some((Some(_), _)) => "picture".to_owned(),
        Some((None, Ok(answer))) => answer.status().as_u16().to_string(),
        Some((None, Err(_))) => "error".to_owned(),
    }
}
