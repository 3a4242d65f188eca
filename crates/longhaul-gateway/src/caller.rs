//! Who calls: the gateway's own keys.
//!
//! A caller sends its key where its SDK sends the provider's, so that only the base URL changes. The gateway knows the
//! SHA-256 of the key and nothing else: whoever reads the configuration cannot call with it.
//!
//! ```
//! use longhaul_gateway::{caller::{Callers, new_key}, config::KeyConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (key, sha256) = new_key()?;
//! let callers = Callers::new(&[KeyConfig::new("alice", sha256)]);
//! let request = http::Request::get("/v1/models").header("authorization", format!("Bearer {key}")).body(())?;
//! let caller = callers.identify(request.headers(), request.uri())?;
//! assert_eq!(&**caller.name(), "alice");
//! # Ok(()) }
//! ```

use std::{fmt, sync::Arc};

use http::{HeaderMap, StatusCode, Uri};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::{
    config::{Cap, KeyConfig, KeyHash},
    core::ConfigError,
    forward::presented_key,
    refusal::Refusal,
};

/// Every key begins so: whoever finds one in a file knows whose it is.
///
/// Scanners for secrets can look for it.
const PREFIX: &str = "lh-";

/// Sets one caller's operations apart from all others'.
///
/// An idempotency key means something within a scope alone: two callers who happen to use the same key never get each other's
/// pictures.
///
/// ```
/// use longhaul_gateway::caller::Scope;
///
/// assert_eq!(Scope::of("sk-one"), Scope::of("sk-one"));
/// assert_ne!(Scope::of("sk-one"), Scope::of("sk-two"));
/// assert_eq!(Scope::default(), Scope::of(""), "of those who present nothing");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope([u8; 32]);

impl Scope {
    /// The scope of whoever presents `credential`.
    pub fn of(credential: &str) -> Self {
        Self(Sha256::digest(credential.as_bytes()).into())
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    ///
    /// For an index that stores it. It is a hash, and shows neither name nor key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Default for Scope {
    /// Of callers who present nothing.
    fn default() -> Self {
        Self::of("")
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope(…)")
    }
}

/// A caller, and what it may do. A request extension.
///
/// ```
/// use longhaul_gateway::{caller::Callers, config::KeyConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (key, hash) = longhaul_gateway::caller::new_key()?;
/// let mut alice = KeyConfig::new("alice", hash);
/// alice.in_flight = 16;
/// let request = http::Request::get("/").header("x-goog-api-key", key).body(())?;
/// let caller = Callers::new(&[alice]).identify(request.headers(), request.uri())?;
/// assert_eq!((caller.in_flight(), caller.is_admin(), caller.cap()), (16, false, None));
/// # Ok(()) }
/// ```
///
/// [`Callers::identify`] makes it; turns, money and replay read it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    scope: Scope,
    admin: bool,
    in_flight: usize,
    queue: usize,
    cap: Option<Cap>,
}

impl Caller {
    fn of_key(key: &KeyConfig) -> Self {
        Self(Arc::new(Shared {
            name: key.name.as_str().into(),
            // Not of the key itself: it stays the same when a caller gets a new key.
            scope: Scope::of(&format!("caller:{}", key.name)),
            admin: key.admin,
            in_flight: key.in_flight,
            queue: key.queue,
            cap: key.cap,
        }))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(key: &KeyConfig) -> Self {
        Self::of_key(key)
    }

    /// Somebody on this machine, with a provider's key of its own. It has no limits; turns still go round over
    /// credentials.
    fn local(credential: &str) -> Self {
        Self(Arc::new(Shared {
            name: "local".into(),
            scope: Scope::of(credential),
            admin: false,
            in_flight: usize::MAX,
            queue: usize::MAX,
            cap: None,
        }))
    }

    /// What logs and metrics call it.
    ///
    /// `local` for everybody where the gateway has no keys.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// What sets its operations apart.
    ///
    /// By the name of its key; without keys of the gateway's, by the credential that it presents.
    pub fn scope(&self) -> Scope {
        self.0.scope
    }

    /// Whether it may read everybody's operations.
    pub fn is_admin(&self) -> bool {
        self.0.admin
    }

    /// Calls at an upstream at a time.
    ///
    /// No limit for `local` callers.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight
    }

    /// Calls that may wait for their turn at an upstream.
    pub fn queue(&self) -> usize {
        self.0.queue
    }

    /// The most that it may spend.
    ///
    /// `None`: it has no limit, and needs no price rows.
    pub fn cap(&self) -> Option<Cap> {
        self.0.cap
    }
}

/// All callers that the gateway knows.
///
/// ```
/// use longhaul_gateway::{caller::{Callers, new_key}, config::KeyConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let callers = Callers::new(&[KeyConfig::new("alice", new_key()?.1)]);
/// let stranger = http::Request::get("/v1/models").header("authorization", "Bearer sk-provider").body(())?;
/// let refusal = callers.identify(stranger.headers(), stranger.uri()).unwrap_err();
/// assert_eq!((refusal.status().as_u16(), refusal.code()), (401, "unknown_key"));
/// assert!(!Callers::new(&[]).need_keys(), "everybody is let in");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Callers(Vec<(KeyHash, Caller)>);

impl Callers {
    /// Of these keys; without any, everybody is let in, each set apart by the credential that it presents.
    ///
    /// Of two with the same hash the later one is found; the [configuration](crate::config::Config::validate) refuses
    /// such.
    pub fn new(keys: &[KeyConfig]) -> Self {
        let known = keys.iter().map(|key| (key.sha256, Caller::of_key(key)));
        Self(known.collect())
    }

    /// Whether callers need a key of the gateway's.
    pub fn need_keys(&self) -> bool {
        !self.0.is_empty()
    }

    /// Who sent this request. All keys are compared, each in constant time, whichever fits.
    ///
    /// A key is taken from wherever [SDKs put it](presented_key).
    ///
    /// # Errors
    ///
    /// 401 where keys are needed: `no_key` without one, `unknown_key` with one that nobody here has. The message
    /// never repeats what was presented, which may be the provider's own key.
    pub fn identify(&self, headers: &HeaderMap, uri: &Uri) -> Result<Caller, Refusal> {
        let presented = presented_key(headers, uri);
        if self.0.is_empty() {
            return Ok(Caller::local(presented.unwrap_or_default()));
        }
        let hash: [u8; 32] = Sha256::digest(presented.unwrap_or_default().as_bytes()).into();
        let mut found = u64::MAX;
        for (index, (known, _)) in (0_u64..).zip(&self.0) {
            let fits: Choice = known.0.ct_eq(&hash);
            found.conditional_assign(&index, fits);
        }
        let found = usize::try_from(found)
            .ok()
            .and_then(|index| self.0.get(index));
        found.map(|(_, caller)| caller.clone()).ok_or_else(|| {
            let (code, message) = match presented {
                None => (
                    "no_key",
                    "send a key of this gateway's, as you would send the provider's",
                ),
                Some(_) => (
                    "unknown_key",
                    "this key is none of this gateway's; the provider's own key is not sent here",
                ),
            };
            Refusal::new(StatusCode::UNAUTHORIZED, code, message)
        })
    }
}

/// A new key: 256 random bits, and what stands in the configuration for it.
///
/// ```
/// let (key, hash) = longhaul_gateway::caller::new_key()?;
/// assert!(key.starts_with("lh-"), "whoever finds it in a file knows whose it is");
/// assert_eq!(hash.to_string().len(), 64);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
///
/// The key is nowhere but in what this returns: print it once, and keep the hash. A key that is lost is replaced by
/// another one.
///
/// # Errors
///
/// Where the system has no randomness.
pub fn new_key() -> Result<(String, KeyHash), ConfigError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        ConfigError::new("key", format!("the system has no randomness: {error}"))
    })?;
    let key = format!("{PREFIX}{}", hex::encode(bits));
    let hash = KeyHash(Sha256::digest(key.as_bytes()).into());
    Ok((key, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(key: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
        headers
    }

    #[test]
    fn a_new_key_is_known_by_its_hash_and_no_other_is() {
        let (one, hash_of_one) = new_key().unwrap();
        let (two, hash_of_two) = new_key().unwrap();
        assert_ne!(one, two);
        assert_eq!(one.len(), PREFIX.len() + 64);
        let callers = Callers::new(&[
            KeyConfig::new("one", hash_of_one),
            KeyConfig::new("two", hash_of_two),
        ]);
        let uri = Uri::from_static("/v1/models");
        for (key, name) in [(&one, "one"), (&two, "two")] {
            let caller = callers.identify(&bearer(key), &uri).unwrap();
            assert_eq!(&**caller.name(), name);
        }
        for headers in [
            bearer("lh-0"),
            bearer(&hash_of_one.to_string()),
            HeaderMap::new(),
        ] {
            let refusal = callers.identify(&headers, &uri).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
            assert!(!refusal.to_string().contains("lh-0"));
        }
    }

    #[test]
    fn without_keys_callers_are_set_apart_by_their_credential() {
        let callers = Callers::new(&[]);
        let uri = Uri::from_static("/v1/models");
        let scope = |headers: &HeaderMap| callers.identify(headers, &uri).unwrap().scope();
        assert_eq!(scope(&bearer("a")), scope(&bearer("a")));
        assert_ne!(scope(&bearer("a")), scope(&bearer("b")));
        assert_ne!(scope(&bearer("a")), scope(&HeaderMap::new()));
    }
}
