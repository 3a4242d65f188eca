//! Every public layer alone around a gate, and all of them together. `.ci/contracts` names each public service that is
//! missing.

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
