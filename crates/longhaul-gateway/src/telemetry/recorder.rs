use std::fmt;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::core::ConfigError;

/// The limits of buckets, in seconds: OpenTelemetry's advice ends at 82, where a 4K picture begins.
const SECONDS: [f64; 20] = [
    0.01, 0.04, 0.16, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 60.0, 81.92, 100.0, 120.0,
    163.84, 240.0, 327.68, 480.0, 600.0, 900.0,
];

/// The process's metrics, as Prometheus reads them.
#[derive(Clone)]
pub struct Recorder(PrometheusHandle);

impl Recorder {
    /// Installs it for the whole process, once.
    pub fn install() -> Result<Self, ConfigError> {
        let failed = |error: &dyn fmt::Display| ConfigError::new("metrics", error.to_string());
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("duration".to_owned()), &SECONDS)
            .map_err(|error| failed(&error))?
            .install_recorder()
            .map_err(|error| failed(&error))?;
        Ok(Self(handle))
    }

    /// All metrics in Prometheus's text form.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
