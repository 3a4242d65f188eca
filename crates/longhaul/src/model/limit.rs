//! How the retry layer asks the timeout layer's policy without importing that layer: a deadline that did not follow from the
//! limits in force would end attempts that these still allow.

use std::{fmt, time::Duration};

use http::Extensions;

use super::Workload;

/// The limits in force until a picture begins to arrive: what the deadline of an operation is derived from.
pub(crate) trait PictureLimit: fmt::Debug + Send + Sync + 'static {
    /// The limit for a request with these extensions that asks for `workload`.
    ///
    /// Asked once for each operation, before its first attempt.
    fn limit(&self, extensions: &Extensions, workload: &Workload) -> Duration;
}
