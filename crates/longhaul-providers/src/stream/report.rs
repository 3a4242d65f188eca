//! What came in a stream, told with its answer.

use std::time::Duration;

/// What came in a stream: in the extensions of the response that was put together from it.
///
/// ```
/// use longhaul_providers::stream::StreamReport;
///
/// /// Whether the peer kept the line open: where it never does, a stream is no cure.
/// fn was_kept_open<B>(answer: &http::Response<B>) -> bool {
///     let report = answer.extensions().get::<StreamReport>();
///     report.is_some_and(|report| report.pings > 0)
/// }
/// ```
///
/// A call that passed as it is, and one whose stream was refused, have none. One that failed tells its numbers in the
/// [`StreamError`](super::StreamError).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_providers::stream::{Api, StreamPolicy, StreamReport, StreamUpgradeLayer};
/// use longhaul_sim::{Offer, Provider};
/// use tower::{Layer, ServiceExt};
///
/// let layer = StreamUpgradeLayer::new(StreamPolicy::default().at("relay.test", Api::Images, 1))?;
/// for (offer, streamed) in [(Offer::Yes, true), (Offer::Ignored, false)] {
///     let provider = Provider::builder().streams(offer).build()?;
///     let request = http::Request::post("http://relay.test/v1/images/generations")
///         .body(http_body_util::Full::from(r#"{ "prompt": "a cat" }"#))?;
///     let answer = layer.layer(provider).oneshot(request).await?;
///     assert_eq!(answer.extensions().get::<StreamReport>().is_some(), streamed);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct StreamReport {
    /// Events, pings not counted.
    ///
    /// Partial images are among them.
    pub events: u32,
    /// What came only to keep the line open: comments, `keepalive` and `ping`.
    ///
    /// At least one means that a limit for silence on the way that is longer than the pings' distance cannot cut the
    /// stream.
    pub pings: u32,
    /// Partial images: drafts of a picture that came before it, and were dropped.
    ///
    /// Each is charged by OpenAI; see [`partial_image_tokens`](Self::partial_image_tokens).
    pub partial_images: u32,
    /// The longest time in which nothing came.
    ///
    /// From the first byte of the stream on; the wait for that byte is not counted.
    pub longest_silence: Duration,
    /// Whether a silence outlasted the policy's after a ping was seen.
    ///
    /// It says nothing of the answer, which came all the same.
    pub late: bool,
}

impl StreamReport {
    /// The output tokens that OpenAI counts for the partial images: 100 each.
    ///
    /// They are why a stream with partial images costs more than the unary call.
    ///
    /// ```
    /// let report = longhaul_providers::stream::StreamReport::default();
    /// assert_eq!(report.partial_image_tokens(), 0);
    /// ```
    pub const fn partial_image_tokens(&self) -> u64 {
        self.partial_images as u64 * 100
    }
}
