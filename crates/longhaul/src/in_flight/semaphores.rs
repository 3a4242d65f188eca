//! One semaphore for each host, found by scheme, name and port. Idle ones are forgotten, so that the list stays short in a
//! client that calls many hosts once, such as one that fetches links.

use std::sync::{Arc, Mutex, PoisonError};

use http::{
    Uri,
    uri::{Authority, Scheme},
};
use tokio::sync::Semaphore;

use super::policy::InFlightPolicy;

/// The number of hosts from which on the idle ones are forgotten.
const KEPT: usize = 32;

/// The places of every host.
#[derive(Debug)]
pub(super) struct HostSemaphores {
    policy: InFlightPolicy,
    // Searched from end to end: a client of paid models talks to a handful of hosts, and comparing a
    // name allocates nothing.
    hosts: Mutex<Vec<(Host, Arc<Semaphore>)>>,
}

impl HostSemaphores {
    pub(super) const fn new(policy: InFlightPolicy) -> Self {
        Self {
            policy,
            hosts: Mutex::new(Vec::new()),
        }
    }

    pub(super) const fn policy(&self) -> &InFlightPolicy {
        &self.policy
    }

    /// The places of the host that `uri` names.
    pub(super) fn of(&self, uri: &Uri) -> Arc<Semaphore> {
        // Nothing in here leaves the list half-written.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, places)) = hosts.iter().find(|(host, _)| host.is_of(uri)) {
            return places.clone();
        }
        if hosts.len() >= KEPT {
            // Permits and waiters hold the semaphore, and new ones need the lock: one that only this
            // list knows is idle.
            hosts.retain(|(_, places)| Arc::strong_count(places) > 1);
        }
        let places = Arc::new(Semaphore::new(self.policy.max_per_host));
        hosts.push((Host::of(uri), places.clone()));
        places
    }

    /// How many places are taken now, all hosts together.
    pub(super) fn taken(&self) -> usize {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = |places: &Semaphore| self.policy.max_per_host - places.available_permits();
        hosts.iter().map(|(_, places)| taken(places)).sum()
    }

    #[cfg(test)]
    pub(super) fn hosts(&self) -> usize {
        self.hosts.lock().unwrap().len()
    }
}

/// Scheme, lower-case host and port; all of it empty for a request without a host.
#[derive(Debug)]
struct Host {
    scheme: Option<Scheme>,
    // As it was written first, unless a password may be in it: most others write it in the same way, and need not
    // be taken apart.
    spelling: Option<Box<str>>,
    name: Box<str>,
    port: Option<u16>,
}

impl Host {
    fn of(uri: &Uri) -> Self {
        Self {
            scheme: uri.scheme().cloned(),
            spelling: spelling(uri).filter(|it| !it.contains('@')).map(Into::into),
            name: name(uri).to_ascii_lowercase().into(),
            port: port(uri),
        }
    }

    fn is_of(&self, uri: &Uri) -> bool {
        let written_alike = self.spelling.is_some() && self.spelling.as_deref() == spelling(uri);
        let is_same = || self.port == port(uri) && self.name.eq_ignore_ascii_case(name(uri));
        self.scheme.as_ref() == uri.scheme() && (written_alike || is_same())
    }
}

fn spelling(uri: &Uri) -> Option<&str> {
    uri.authority().map(Authority::as_str)
}

fn name(uri: &Uri) -> &str {
    uri.host().unwrap_or_default()
}

/// The port, also where the scheme goes without saying it.
fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| match uri.scheme_str()? {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        Host::of(&a.parse().unwrap()).is_of(&b.parse().unwrap())
    }

    #[test]
    fn a_host_is_scheme_name_and_port_however_they_are_written() {
        assert!(same("https://a.example/x", "HTTPS://A.Example:443/y?z"));
        assert!(same("http://user:secret@a.example", "http://a.example:80"));
        assert!(same("/only/a/path", "/another"));

        assert!(!same("https://a.example", "http://a.example"));
        assert!(!same("https://a.example", "https://a.example:8443"));
        assert!(!same("https://a.example", "https://b.example"));
        assert!(!same("https://a.example", "/only/a/path"));
    }

    #[test]
    fn idle_hosts_are_forgotten_and_busy_ones_are_not() {
        let places = HostSemaphores::new(InFlightPolicy::default());
        let busy: Uri = "https://busy.example".parse().unwrap();
        let held = places.of(&busy).try_acquire_owned().unwrap();

        for n in 0..1000 {
            places.of(&format!("https://{n}.example").parse().unwrap());
        }

        assert!(places.hosts() <= KEPT);
        assert_eq!(places.of(&busy).available_permits(), 9);
        assert_eq!(places.taken(), 1);
        drop(held);
        assert_eq!(places.taken(), 0);
    }
}
