//! Whose task an upstream may collect.
//!
//! A ledger may be shared with other programs, and a gateway's upstreams change: that a task is in the ledger does
//! not make it this upstream's. A key goes to a task only where the host that submitted it is the upstream's own, and
//! the policy takes tasks there in the task's dialect.

use http::{HeaderMap, HeaderName, header};
use longhaul_providers::tasks::TasksPolicy;

use super::{Upstream, UpstreamKey};
use crate::{
    collect::Left,
    config::{Exchange, authority},
};

impl Upstream {
    /// By which policy and with which headers a task that was left open is asked after; `None` where it is no task of
    /// this upstream, or only its caller has the key.
    ///
    /// The host is compared without its port, since the ledger has it so.
    pub(crate) fn collects(&self, left: &Left) -> Option<(TasksPolicy, HeaderMap)> {
        let config = self.config();
        if config.exchange != Exchange::Tasks {
            return None;
        }
        let UpstreamKey::Own(secret, name) = &self.0.key else {
            return None;
        };
        let policy = config.tasks.clone().unwrap_or_default();
        let own = authority(&config.url);
        let mut hosts = policy.hosts.iter();
        let (_, dialects) = hosts.find(|(host, _)| host.eq_ignore_ascii_case(&own))?;
        let dialect = &*left.handle().dialect;
        // The poll's URL was checked against this host when the task was submitted.
        let host = left.opening()?.host.as_deref()?;
        let is_ours = host.eq_ignore_ascii_case(self.0.rebase.host())
            && dialects.iter().any(|known| known == dialect);
        if !is_ours {
            return None;
        }
        let mut headers = HeaderMap::new();
        if let Some(secret) = secret {
            let name: HeaderName = name.clone().unwrap_or(header::AUTHORIZATION);
            headers.insert(name.clone(), secret.header(&name)?);
        }
        Some((policy, headers))
    }
}
