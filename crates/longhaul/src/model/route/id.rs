//! What tells one route from another.

use std::sync::Arc;

use http::{Extensions, Uri};

/// The outbound proxy that a request leaves by: a request extension.
///
/// What cuts a silent connection often stands on this side. A client whose requests to one host take several ways out
/// names the way of each, so that what one way does is not held against another. Without it all requests to a host
/// take one route.
///
/// ```
/// use longhaul::OutboundProxy;
///
/// // A client with two ways out says which one a call takes: each has cuts of its own.
/// let request = http::Request::post("https://api.example.com/v1/images/generations")
///     .extension(OutboundProxy::new("proxy-a.internal:3128"))
///     .body(());
/// ```
///
/// The name is only compared and shown. It does not choose the way: that is the client's part, by the same extension or by
/// rules of its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OutboundProxy(Arc<str>);

impl OutboundProxy {
    /// The proxy called `name`: any name that tells it from the others.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host with its port, and the proxy on the way to it where there are several.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RouteId {
    pub(super) host: Arc<str>,
    pub(super) proxy: Option<OutboundProxy>,
}

impl RouteId {
    /// Host and port.
    pub(crate) const fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// The route of a request to `uri` with these extensions. A password in the URI is not part of it.
    ///
    /// The scheme is left out: who calls one host over both is on the same way.
    pub(crate) fn of(uri: &Uri, extensions: &Extensions) -> Self {
        let mut host = uri.host().unwrap_or_default().to_ascii_lowercase();
        if let Some(port) = uri.port_u16() {
            host = format!("{host}:{port}");
        }
        Self {
            host: host.into(),
            proxy: extensions.get().cloned(),
        }
    }
}
