//! Every public service: each layer alone around a gate, and all of them together; the innermost ones by name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use longhaul::{
    BoxError, Error, Stack,
    billing::{BillingCompensationTrackerLayer, MemoryLedger},
    classify::ClassifyLayer,
    detect::DetectWorkloadLayer,
    fallback::{FallbackLayer, FallbackPolicy, Target},
    http1::ForceHttp1Layer,
    in_flight::InFlightLayer,
    policy::Policy,
    retry::ClassifyingRetryLayer,
    timeout::SizeAwareTimeoutLayer,
};
use longhaul_providers::{stream::StreamUpgradeLayer, tasks::SubmitAndPollLayer};
use longhaul_testing::harness::exact;
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

use super::gate::Gate;

/// Services with nothing below them, which have tests of their own.
const INNERMOST: [&str; 3] = ["Client", "Connector", "Provider"];

/// What stands on the server side of a gateway is tested in that crate: a call that was sent runs on there when its caller
/// leaves, so that what must not stay behind a dropped call is another's.
const OF_THE_GATEWAY: [&str; 5] = [
    "CallUpstream",
    "Detach",
    "Gate",
    "Heartbeat",
    "IdempotentReplay",
];

/// Futures without a service beside them, with their folders: the durable ledger's is dropped at every poll in
/// `tests/ledger/drops.rs`, and two services of the table share the exchanges' one.
const BY_THEMSELVES: [(&str, &str); 2] = [("durable", "Opened"), ("exchange", "ResponseFuture")];

pub(super) type Wrapped =
    BoxCloneService<Request<Full<Bytes>>, Response<UnsyncBoxBody<Bytes, Error>>, Error>;

/// One layer, or all, around a gate.
pub(super) struct Layered {
    pub(super) name: &'static str,
    pub(super) service: Wrapped,
    /// The ledger, where it keeps one.
    pub(super) ledger: Option<MemoryLedger>,
}

fn alone<L, S, B>(name: &'static str, layer: L, gate: &Gate) -> Layered
where
    L: Layer<Gate, Service = S>,
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Both pass on what the body says of itself.
    let boxed =
        |response: Response<B>| response.map(|body| body.map_err(Error::from_inner).boxed_unsync());
    let service = layer.layer(gate.clone());
    Layered {
        name,
        service: BoxCloneService::new(service.map_response(boxed)),
        ledger: None,
    }
}

/// The table of all layers, each alone around a gate, and all of them together. Of what is counted there is one: a place
/// in flight, and another target.
pub(super) const LAYERS: [fn(&Gate) -> Layered; 11] = [
    |gate| alone("DetectWorkload", DetectWorkloadLayer::default(), gate),
    |gate| {
        let fallback = FallbackLayer::new(policy().fallback);
        alone("Fallback", fallback.unwrap(), gate)
    },
    |gate| alone("ClassifyingRetry", ClassifyingRetryLayer::default(), gate),
    |gate| {
        let in_flight = InFlightLayer::new(policy().in_flight);
        alone("InFlight", in_flight.unwrap(), gate)
    },
    |gate| {
        let ledger = MemoryLedger::new();
        let tracker = BillingCompensationTrackerLayer::new(policy().billing, ledger.clone());
        let tracker = alone("BillingCompensationTracker", tracker.unwrap(), gate);
        Layered {
            ledger: Some(ledger),
            ..tracker
        }
    },
    |gate| alone("Classify", ClassifyLayer::default(), gate),
    |gate| alone("SizeAwareTimeout", SizeAwareTimeoutLayer::default(), gate),
    |gate| alone("SubmitAndPoll", SubmitAndPollLayer::default(), gate),
    |gate| alone("StreamUpgrade", StreamUpgradeLayer::default(), gate),
    |gate| alone("ForceHttp1", ForceHttp1Layer::default(), gate),
    |gate| {
        let stack = Stack::new(policy()).unwrap();
        let ledger = Some(stack.ledger().clone());
        Layered {
            ledger,
            ..alone("Stack", stack, gate)
        }
    },
];

fn policy() -> Policy {
    let mut policy = exact(Policy::nano_banana_pro());
    policy.in_flight.max_per_host = 1;
    policy.fallback = FallbackPolicy::to([Target::new("other", "https://other.example")]);
    policy
}

/// All of the table, around one gate.
pub(super) fn every_layer_around(gate: &Gate) -> Vec<Layered> {
    LAYERS.map(|layer| layer(gate)).into()
}

/// A service that is written and forgotten here would be held to nothing.
#[test]
fn every_public_service_and_future_is_held_to_the_contracts() {
    let layers = every_layer_around(&Gate::default());
    let mut held: BTreeSet<_> = layers.iter().map(|it| it.name.to_owned()).collect();
    // Not one service, but all of them.
    held.remove("Stack");
    held.extend(INNERMOST.map(str::to_owned));
    held.extend(OF_THE_GATEWAY.map(str::to_owned));

    let sources = published_sources();
    let services = implemented("Service<", &sources);
    let names: BTreeSet<_> = services.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, held);

    // A future is held to them as that of the service beside it, or above the folder that it has for itself.
    let folders: BTreeSet<_> = services
        .iter()
        .flat_map(|(_, folder)| [folder.clone(), folder.join("future")])
        .collect();
    for (future, folder) in &implemented("Future ", &sources) {
        let is_it = |&(within, name): &(&str, &str)| folder.ends_with(within) && future == name;
        let held = folders.contains(folder) || BY_THEMSELVES.iter().any(is_it);
        assert!(held, "{future} in {}", folder.display());
    }
}

/// The sources of all crates that are published, tests apart.
fn published_sources() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut sources = Vec::new();
    for folder in entries(&crates) {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        if !manifest.contains("publish = false") {
            collect(&folder.join("src"), &mut sources);
        }
    }
    sources
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        let name = path.file_stem().unwrap();
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|end| end == "rs") {
            sources.push(path);
        }
    }
}

/// The public types that implement the trait whose name begins so, and the folders that they are written in.
fn implemented(of: &str, sources: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let sources = sources
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap()));
    let sources: Vec<_> = sources.collect();
    let declared = sources
        .iter()
        .flat_map(|(_, source)| source.split("pub struct ").skip(1).map(first_word));
    let public: BTreeSet<_> = declared.collect();
    let mut found = Vec::new();
    for (path, source) in &sources {
        for header in source.split("\nimpl").skip(1) {
            let header = header.split(['{', ';']).next().unwrap_or_default();
            let (of_trait, of_type) = header.split_once(" for ").unwrap_or_default();
            let of_trait = format!("{of_trait} ");
            let name = first_word(of_type);
            let begins = |at: usize| !of_trait[..at].ends_with(char::is_alphanumeric);
            if !name.is_empty()
                && public.contains(name)
                && of_trait.match_indices(of).any(|(at, _)| begins(at))
            {
                found.push((name.to_owned(), path.parent().unwrap().to_owned()));
            }
        }
    }
    found
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}
