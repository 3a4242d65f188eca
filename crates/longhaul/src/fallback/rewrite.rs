//! How a request becomes one for a target.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, header, request::Parts};

use super::{
    origin::with_path,
    report::SkipReason,
    target::{Dialect, Target},
};
use crate::{config::ConfigError, model::Workload};

/// Makes requests for targets: the model's name, the size in the target's own words, the path, where the key goes.
///
/// The layer does for every target what must not differ. Before [`rewrite`](Self::rewrite) it addresses the request to the
/// target's scheme, host and port, leaves out each header and query parameter that may hold the caller's key, and checks
/// what the [`Target`] cannot make. Afterwards it addresses the request to that same place again, whatever came back, adds
/// the target's own key and `content-length`, and counts a new body in the shared limit of memory. An implementation sees
/// neither key.
///
/// [`PassthroughRewrite`] is the default. `longhaul_providers::rewrite::ProviderRewrite` knows the dialects of providers. One
/// of your own, for a relay that names the model in a header:
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderValue, request::Parts};
/// use longhaul::{
///     ConfigError, Stack,
///     fallback::{FallbackPolicy, PassthroughRewrite, Rewrite, SkipReason, Target},
///     policy::Policy,
/// };
///
/// #[derive(Debug)]
/// struct ModelHeader;
///
/// impl Rewrite for ModelHeader {
///     fn check(&self, target: &Target) -> Result<(), ConfigError> {
///         PassthroughRewrite.check(target)
///     }
///
///     fn rewrite(&self, target: &Target, mut head: Parts, body: Bytes) -> Result<(Parts, Bytes), SkipReason> {
///         let name = HeaderValue::from_str(&target.name).map_err(|_| SkipReason::Field("name".into()))?;
///         head.headers.insert("x-model", name);
///         PassthroughRewrite.rewrite(target, head, body)
///     }
/// }
///
/// # fn main() -> Result<(), ConfigError> {
/// let mut policy = Policy::nano_banana_pro();
/// policy.fallback = FallbackPolicy::to([Target::new("nano-banana-2", "https://relay.example")]);
/// let stack = Stack::with_rewrite(policy, ModelHeader)?;
/// # Ok(()) }
/// ```
pub trait Rewrite: fmt::Debug + Send + Sync + 'static {
    /// Refuses a target that it can make no requests for, naming the field. It is asked once, when the layer is built, after
    /// [`Target::validate`].
    fn check(&self, target: &Target) -> Result<(), ConfigError>;

    /// Where the target's own key goes; asked once, when the layer is built. Default
    /// [`Target::key_header`], else `authorization: Bearer …`.
    fn key_place(&self, target: &Target) -> KeyPlace {
        let name = target.key_header.clone();
        KeyPlace::Header(name.unwrap_or(header::AUTHORIZATION))
    }

    /// The request for `target`. `head` has the caller's method and path at the target's scheme, host and port, and in its
    /// extensions the caller's [`Workload`]; an implementation that asks for another model or resolution changes that, since
    /// prices, limits and breakers go by it. The same `body` returned is shared with the caller's request; any other is
    /// counted beside it.
    ///
    /// The error says why the target is passed over.
    fn rewrite(
        &self,
        target: &Target,
        head: Parts,
        body: Bytes,
    ) -> Result<(Parts, Bytes), SkipReason>;
}

/// Where a target's own key goes.
///
/// ```
/// use longhaul::fallback::{KeyPlace, PassthroughRewrite, Rewrite, Target};
///
/// let mut target = Target::new("relay", "https://relay.example.com");
/// assert_eq!(PassthroughRewrite.key_place(&target), KeyPlace::Header(http::header::AUTHORIZATION));
/// target.key_header = Some(http::HeaderName::from_static("x-relay-key"));
/// assert_eq!(PassthroughRewrite.key_place(&target), KeyPlace::Header(http::HeaderName::from_static("x-relay-key")));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeyPlace {
    /// Into this header; after `Bearer` where that is `authorization`.
    Header(HeaderName),
    /// Into the query, under this name.
    Query(String),
}

/// Sends the request as it came to another place: the same body, and the same path unless the target's URL has one.
///
/// It refuses targets that need more: another dialect, the model in the path, the key in the query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PassthroughRewrite;

impl Rewrite for PassthroughRewrite {
    fn check(&self, target: &Target) -> Result<(), ConfigError> {
        let needs = |field, what: &str| {
            Err(ConfigError::new(
                field,
                format!(
                    "target {:?} needs {what}, which `longhaul` alone does not do; build with \
                     `Stack::with_rewrite(policy, longhaul_providers::rewrite::ProviderRewrite)`",
                    target.name
                ),
            ))
        };
        if target.dialect != Dialect::Passthrough {
            return needs("dialect", "its requests written in a dialect of its own");
        }
        if target.path().is_some_and(|path| path.contains('{')) {
            return needs("url", "the model's name in its path");
        }
        if target.key_query.is_some() {
            return needs("key_query", "its key in the query");
        }
        Ok(())
    }

    fn rewrite(
        &self,
        target: &Target,
        mut head: Parts,
        body: Bytes,
    ) -> Result<(Parts, Bytes), SkipReason> {
        let asked = head.extensions.get().map(|it: &Workload| it.resolution);
        let asked = asked.unwrap_or_default();
        // What is not written anew cannot be raised or cut down.
        if target.resolutions.fit(asked) != Some(asked) {
            return Err(SkipReason::Resolution);
        }
        if let Some(path) = target.path() {
            head.uri = with_path(&head.uri, path).ok_or(SkipReason::Url)?;
        }
        Ok((head, body))
    }
}
