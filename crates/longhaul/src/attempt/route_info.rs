use crate::model::{CutHistory, HostId, Resolution};

/// Where an attempt goes, and by which clock: what the layers know and an outcome does not say.
#[derive(Clone, Debug)]
pub(crate) struct RouteInfo {
    pub(crate) host: HostId,
    pub(crate) resolution: Resolution,
    pub(crate) time_scale: f64,
    pub(crate) history: CutHistory,
}
