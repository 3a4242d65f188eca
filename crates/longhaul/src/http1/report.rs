use http::Response;

use crate::{attempt::Attempt, model::Http1Report};

impl Http1Report {
    /// How the call travelled that `response` answers; `None` where no [`ForceHttp1`](super::ForceHttp1) was
    /// on the way.
    pub fn of<B>(response: &Response<B>) -> Option<Self> {
        let extensions = response.extensions();
        // With the facts of the attempt, where there is one; else by itself.
        let attempt: Option<&Attempt> = extensions.get();
        attempt
            .and_then(Attempt::http1)
            .or_else(|| extensions.get().copied())
    }
}
