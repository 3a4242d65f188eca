//! The name by which money is counted. It is not the host: two contracts may stand behind one host, and one contract behind
//! many.

use std::sync::Arc;

use http::{Extensions, Uri};

/// Who is asked for the picture, and sends the bill: the name that price rows and ledger entries go by.
///
/// A request extension, for hosts that are not called as their owners are. Without one, the host of the
/// request's URI is the name.
///
/// ```
/// use longhaul::billing::Provider;
///
/// // Two relays behind one host: each has its own rows in prices and reports.
/// let request = http::Request::post("https://relay.example.com/v1/images/generations")
///     .extension(Provider::new("relay-fast"))
///     .body(());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Provider(Arc<str>);

impl Provider {
    /// The provider called `name`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the provider that a request goes to, if anything tells.
    pub(crate) fn of(extensions: &Extensions, uri: &Uri) -> Option<Arc<str>> {
        // Host names are the same in any case.
        Self::named(extensions).or_else(|| Some(uri.host()?.to_ascii_lowercase().into()))
    }

    /// The name that the request itself says.
    pub(crate) fn named(extensions: &Extensions) -> Option<Arc<str>> {
        extensions.get().map(|Self(name)| name.clone())
    }
}
