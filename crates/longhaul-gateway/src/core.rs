//! What the gateway needs of the layers, named in one place.
//!
//! `longhaul` has its types in the rooms of its layers; here the gateway uses them all. One list shows how much of
//! them it depends on, and a type that moves is mended once.

pub(crate) use longhaul::{
    Attempt, BoxError, BoxedStack, Class, ConfigError, Currency, Deadline, Error, ErrorKind,
    Exposure, KnownRoute, Money, OperationId, Outcome, Resolution, RouteHistory, Stack, Workload,
    attempt::Sent,
    billing::{Ledger, MemoryLedger, PriceRow, PriceTable, Provider},
    detect::{DetectPolicy, DetectWorkloadLayer},
    error::Clock,
    http1::ForceHttp1Layer,
    observe::{Event, Observer},
    policy::Policy,
    retry::RetryReport,
};
