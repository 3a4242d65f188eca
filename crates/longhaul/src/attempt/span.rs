//! The span of an attempt, where the trace has one.

use super::Attempt;

impl Attempt {
    /// Runs `work` within the attempt's span: spans and events that it makes are the attempt's. Where the attempt has none,
    /// because the feature `tracing` is off, no retry layer made it, or it has ended, `work` runs as it is.
    ///
    /// For exchanges below, which make several requests of one attempt.
    ///
    /// ```
    /// use longhaul::Attempt;
    ///
    /// /// One poll of a task, whose log lines belong to the attempt.
    /// fn poll(attempt: &Attempt, number: u32) -> String {
    ///     attempt.in_span(|| format!("poll {number} of attempt {}", attempt.number()))
    /// }
    ///
    /// # let mut request = http::Request::new(());
    /// # let (attempt, _) = Attempt::enter(request.extensions_mut());
    /// assert_eq!(poll(&attempt, 3), "poll 3 of attempt 1");
    /// ```
    pub fn in_span<T>(&self, work: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        {
            let span = self.facts().span.clone();
            if let Some(span) = span {
                return span.in_scope(work);
            }
        }
        work()
    }

    /// Its span from now until it [ends](Self::end_span).
    #[cfg(feature = "tracing")]
    pub(crate) fn begin_span(&self, span: tracing::Span) {
        self.facts().span = Some(span);
    }

    /// Its span, which ends when it is dropped.
    #[cfg(feature = "tracing")]
    pub(crate) fn end_span(&self) -> Option<tracing::Span> {
        self.facts().span.take()
    }
}
