use http::Response;

use crate::{attempt::Attempt, model::Http1Report};

impl Http1Report {
    /// How the call travelled that `response` answers; `None` where no [`ForceHttp1`](super::ForceHttp1) was
    /// on the way.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use http::{Request, Response, Version};
    /// use longhaul::{Error, http1::{ForceHttp1, Http1Policy, Http1Report}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// // A connector that offers HTTP/2 and gets it.
    /// let client = service_fn(async |_: Request<()>| {
    ///     let mut answer = Response::new(());
    ///     *answer.version_mut() = Version::HTTP_2;
    ///     Ok::<_, Error>(answer)
    /// });
    /// let client = ForceHttp1::new(client, Http1Policy::default())?;
    /// let answer = client.oneshot(Request::get("https://api.example.com/").body(())?).await?;
    /// assert!(Http1Report::of(&answer).expect("the layer was on the way").mismatch);
    /// # Ok(()) }
    /// ```
    pub fn of<B>(response: &Response<B>) -> Option<Self> {
        let extensions = response.extensions();
        // With the facts of the attempt, where there is one; else by itself.
        let attempt: Option<&Attempt> = extensions.get();
        attempt
            .and_then(Attempt::http1)
            .or_else(|| extensions.get().copied())
    }
}
