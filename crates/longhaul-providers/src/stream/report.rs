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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct StreamReport {
    /// Events, pings not counted.
    pub events: u32,
    /// What came only to keep the line open: comments, `keepalive` and `ping`.
    pub pings: u32,
    /// Partial images: drafts of a picture that came before it, and were dropped.
    pub partial_images: u32,
    /// The longest time in which nothing came.
    pub longest_silence: Duration,
    /// Whether a silence outlasted the policy's after a ping was seen.
    pub late: bool,
}

impl StreamReport {
    /// The output tokens that OpenAI counts for the partial images: 100 each.
    ///
    /// They are why a stream with partial images costs more than the unary call.
    pub const fn partial_image_tokens(&self) -> u64 {
        self.partial_images as u64 * 100
    }
}
