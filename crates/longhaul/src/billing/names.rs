use std::sync::{Arc, Mutex, PoisonError};

use http::{Uri, uri::Authority};

/// From so many on all are forgotten and learnt anew, so that paths with an id in them do not pile up.
const KEPT: usize = 64;

/// The hosts and paths that entries have in common: a client asks a handful of hosts in a handful of ways, so
/// each is written down once, and entries share it.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By what stands in URIs, with the port.
    hosts: Vec<(Box<str>, HostName)>,
    paths: Vec<Arc<str>>,
}

/// A host by its names.
#[derive(Clone, Debug)]
pub(super) struct HostName {
    /// As the URI has it.
    pub(super) host: Arc<str>,
    /// In lower case: host names are the same in any case.
    pub(super) provider: Arc<str>,
}

impl HostName {
    fn of(authority: &Authority) -> Self {
        let host = authority.host();
        Self {
            host: host.into(),
            provider: host.to_ascii_lowercase().into(),
        }
    }
}

impl Names {
    /// The host of `uri`, if it has one, and its path.
    pub(super) fn of(&self, uri: &Uri) -> (Option<HostName>, Arc<str>) {
        // Nothing in here leaves the lists half-written.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let host = uri.authority().map(|authority| known.host(authority));
        (host, known.path(uri.path()))
    }
}

impl Known {
    fn host(&mut self, authority: &Authority) -> HostName {
        let name = authority.as_str();
        if let Some((_, known)) = self.hosts.iter().find(|(known, _)| **known == *name) {
            return known.clone();
        }
        let new = HostName::of(authority);
        // With a user or a password in it, it is nothing to keep.
        if !name.contains('@') {
            keep(&mut self.hosts, (name.into(), new.clone()));
        }
        new
    }

    fn path(&mut self, path: &str) -> Arc<str> {
        if let Some(known) = self.paths.iter().find(|known| ***known == *path) {
            return known.clone();
        }
        let new: Arc<str> = path.into();
        keep(&mut self.paths, new.clone());
        new
    }
}

fn keep<T>(all: &mut Vec<T>, new: T) {
    if all.len() >= KEPT {
        all.clear();
    }
    all.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shared_bounded_and_without_passwords() {
        let names = Names::default();
        let of = |uri: &str| names.of(&uri.parse().unwrap());
        let (one, path) = of("https://API.example.com:8443/v1/images?key=secret");
        let (two, again) = of("https://API.example.com:8443/v1/images");
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(
            (&*one.host, &*one.provider),
            ("API.example.com", "api.example.com")
        );
        assert!(Arc::ptr_eq(&one.host, &two.host) && Arc::ptr_eq(&one.provider, &two.provider));
        assert_eq!(&*path, "/v1/images");
        assert!(Arc::ptr_eq(&path, &again));

        assert_eq!(
            &*of("https://me:secret@b.example/x").0.unwrap().host,
            "b.example"
        );
        assert!(of("/only/a/path").0.is_none());
        for id in 0..1000 {
            of(&format!("https://{id}.example/jobs/{id}"));
        }
        let known = names.0.lock().unwrap();
        assert!(known.hosts.len() <= KEPT && known.paths.len() <= KEPT);
        assert!(!format!("{known:?}").contains("secret"));
    }
}
