//! What the gateway needs of the layers, named in one place.

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
