//! Our layers, one by one and as a whole.
//!
//! Alone, each layer shows what it costs where it stands without neighbours; the whole stack shows what they cost
//! together, once with the body read for its workload and once with the workload told in the extensions.

use bytes::Bytes;
use http_body_util::Full;
use longhaul::{
    Resolution, Stack, Workload,
    billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger},
    classify::ClassifyLayer,
    detect::DetectWorkloadLayer,
    fallback::FallbackLayer,
    http1::ForceHttp1Layer,
    in_flight::{InFlightLayer, InFlightPolicy},
    policy::Policy,
    retry::ClassifyingRetryLayer,
    timeout::SizeAwareTimeoutLayer,
};
use tower::{Layer, ServiceExt};

use super::{Call, Contender, Mock, names};

/// No call has to wait for a place, however many there are.
const PLACES: usize = 1 << 21;

pub(super) fn contenders(mock: &Mock) -> Vec<Contender> {
    let mut places = InFlightPolicy::default();
    places.max_per_host = PLACES;
    let in_flight = InFlightLayer::new(places).expect("a sound policy");
    let ledger = MemoryLedger::new();
    let tracker = BillingCompensationTrackerLayer::new(BillingPolicy::default(), ledger.clone())
        .expect("a sound policy");
    let tracker = Contender::new(
        "tracker",
        "`BillingCompensationTracker`",
        tracker.layer(mock.clone()),
    )
    .forgetting(move || drop(ledger.drain()));

    macro_rules! alone {
        ($name:expr, $title:literal, $layer:expr) => {
            Contender::new($name, $title, $layer.layer(mock.clone()))
        };
    }
    vec![
        alone!("detect", "`DetectWorkload`", DetectWorkloadLayer::default()),
        alone!("fallback", "`Fallback`", FallbackLayer::default()),
        alone!(
            "retry",
            "`ClassifyingRetry`",
            ClassifyingRetryLayer::default()
        ),
        alone!("in-flight", "`InFlight`", in_flight),
        tracker,
        alone!("classify", "`Classify`", ClassifyLayer::default()),
        alone!(
            names::TIMEOUT,
            "`SizeAwareTimeout`",
            SizeAwareTimeoutLayer::default()
        ),
        alone!("http1", "`ForceHttp1`", ForceHttp1Layer::default()),
        stack(names::STACK, "our whole stack", mock, |call| call),
        stack(
            names::STACK_TOLD,
            "our whole stack, told the workload",
            mock,
            told,
        ),
    ]
}

fn stack(
    name: &'static str,
    title: &'static str,
    mock: &Mock,
    prepare: fn(Call) -> Call,
) -> Contender {
    let mut policy = Policy::nano_banana_pro();
    policy.in_flight.max_per_host = PLACES;
    let stack = Stack::new(policy).expect("a sound policy");
    let service =
        ServiceExt::<http::Request<Full<Bytes>>>::map_request(stack.layer(mock.clone()), prepare);
    let ledger = stack.ledger().clone();
    Contender::new(name, title, service).forgetting(move || drop(ledger.drain()))
}

/// Says what the call asks for, so that its body need not be read.
fn told(mut call: Call) -> Call {
    let mut workload = Workload::default();
    workload.resolution = Resolution::K2;
    call.extensions_mut().insert(workload);
    call
}
