//! One retry loop, by class.

mod report;

pub use self::report::{RetryReport, StoppedBy};
