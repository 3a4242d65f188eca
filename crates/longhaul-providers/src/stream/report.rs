use std::time::Duration;

/// What came in a stream: in the extensions of the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct StreamReport {
    /// Events, pings not counted.
    pub events: u32,
    /// What came only to keep the line open: comments, `keepalive` and `ping`.
    pub pings: u32,
    /// Previews.
    pub partial_images: u32,
    /// The longest time in which nothing came.
    pub longest_silence: Duration,
    /// Whether a silence outlasted the policy's after a ping was seen.
    pub late: bool,
}

impl StreamReport {
    /// The output tokens that OpenAI counts for the previews: 100 each.
    pub const fn preview_tokens(&self) -> u64 {
        self.partial_images as u64 * 100
    }
}
