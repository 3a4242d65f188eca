//! The provider's own log, as New-API relays give it at `/api/log/self`: for tests of what reads such logs.
//!
//! A row for every work that was charged, and one for every refusal. As in the original, `created_at` is the second in
//! which a call ended, `use_time` whole seconds, `other` JSON in a string, and `id` no more than the row's place among
//! all rows, the newest first. A row's `request_id` is the id that the answer carried.
//!
//! The provider itself answers `GET /api/log/self?p=1&page_size=100` with a page of it, in the time of day at which it
//! was asked.
//!
//! ```
//! use longhaul_sim::{Provider, log::Log};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let provider = Provider::default();
//! // … calls …
//! provider.oracle().settled().await;
//! let mut log = Log::of(&provider.oracle().entries(), 1_768_608_000);
//! // What the provider forgot to write down, and a clock that is 37 s fast:
//! log.rows.retain(|row| row.kind == 2);
//! log.skew(37);
//! for page in log.pages(100) {
//!     println!("{}", serde_json::to_string(&page).unwrap());
//! }
//! # }
//! ```

use std::time::Duration;

use serde::Serialize;

use crate::Entry;

/// So many quota units are one dollar.
///
/// ```
/// // A 4K picture at Google's list price of $0.24.
/// assert_eq!(240_000 * longhaul_sim::log::QUOTA_PER_DOLLAR / 1_000_000, 120_000);
/// ```
pub const QUOTA_PER_DOLLAR: i64 = 500_000;

/// No page holds more rows, whatever is asked for, and nothing says so.
///
/// A reader that asks for 1,000 and takes a page of 100 for the whole log misses the rest; that is what this is for.
pub const LARGEST_PAGE: usize = 100;

/// A call that was charged.
pub const CONSUMED: i64 = 2;
/// A call that failed, free of charge.
pub const FAILED: i64 = 5;
/// Money given back.
///
/// The simulator writes none: a test that needs one puts it into [`Log::rows`].
pub const REFUNDED: i64 = 6;

/// One row.
///
/// What a test changes is one field of one row:
///
/// ```
/// use longhaul_sim::log::{FAILED, Log};
///
/// /// A relay that wrote a charged call down as a failed one.
/// fn mistake(log: &mut Log) {
///     if let Some(row) = log.rows.first_mut() {
///         (row.kind, row.quota) = (FAILED, 0);
///     }
/// }
/// let mut log = Log::default();
/// mistake(&mut log);
/// assert_eq!(log.page(1, 10).data.total, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The row's place in the answer to one query, set by [`Log::pages`].
    pub id: i64,
    /// The second since 1970 in which it was written: when the work was done.
    ///
    /// By the clock of the log, which [`Log::skew`] sets.
    pub created_at: i64,
    /// What it is: [`CONSUMED`], [`FAILED`], [`REFUNDED`] or another number.
    #[serde(rename = "type")]
    pub kind: i64,
    /// A text for people.
    pub content: String,
    /// The account that pays.
    pub username: String,
    /// The API key's name.
    pub token_name: String,
    /// The model.
    pub model_name: String,
    /// The price in quota units.
    ///
    /// [`QUOTA_PER_DOLLAR`] of them are a dollar; fractions of a unit are cut off.
    pub quota: i64,
    /// Tokens of the request.
    pub prompt_tokens: i64,
    /// Tokens of the answer.
    pub completion_tokens: i64,
    /// How long the call took, in seconds.
    ///
    /// The difference of two whole seconds, as in the original: up to a second off.
    pub use_time: i64,
    /// Whether the answer was streamed.
    pub is_stream: bool,
    /// The number of the route behind the relay.
    pub channel: i64,
    /// The group of prices.
    pub group: String,
    /// The id that the answer carried.
    ///
    /// The same as in the answer's `x-request-id`, and as [`Entry::request_id`](crate::Entry::request_id): what rows
    /// are joined by.
    pub request_id: String,
    /// More, as JSON.
    pub other: String,
}

/// A log, the newest row first. Its rows may be changed as a test needs them.
///
/// ```
/// use longhaul_sim::{Provider, Weight, log::{CONSUMED, Log}};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// provider.clone().oneshot(request).await?;
///
/// let mut log = Log::of(&provider.oracle().entries(), 1_767_225_600);
/// assert_eq!((log.rows.len(), log.rows[0].kind), (1, CONSUMED));
/// log.skew(3_600);
/// assert_eq!(log.pages(100).len(), 1);
/// # Ok(()) }
/// ```
///
/// It is a copy of what the oracle knew when it was made; calls made later are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The rows, the newest first; a test may take some out.
    pub rows: Vec<Row>,
}

/// One answer.
///
/// Written with `serde`, it is the JSON that `GET /api/log/self` is answered with.
///
/// ```
/// use longhaul_sim::log::Log;
///
/// let answer = serde_json::to_value(Log::default().page(1, 10)).unwrap();
/// assert_eq!(answer["success"], true);
/// assert_eq!(answer["data"]["total"], 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Always true: a refused question has no page.
    pub success: bool,
    /// Empty, as in every answer without an error.
    pub message: String,
    /// The rows, and how many there are in all.
    pub data: Page,
}

/// One page of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Which page this is, counted from 1.
    pub page: usize,
    /// How many rows a page holds.
    pub page_size: usize,
    /// How many rows there are.
    pub total: usize,
    /// The rows of this page.
    pub items: Vec<Row>,
}

impl Log {
    /// The log of what the oracle saw. `epoch` is the second since 1970 at which the provider was built.
    ///
    /// Left out are entries with neither a charge nor a refusal: calls that were cut before an answer and cost nothing,
    /// and calls that still run.
    ///
    /// ```
    /// use longhaul_sim::{Provider, log::{FAILED, Log}};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().script("overloaded".parse()?).build()?;
    /// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    /// drop(provider.clone().oneshot(request).await?);
    /// provider.oracle().settled().await;
    /// let log = Log::of(&provider.oracle().entries(), 1_768_608_000);
    /// assert_eq!((log.rows[0].kind, log.rows[0].quota), (FAILED, 0));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of(entries: &[Entry], epoch: i64) -> Self {
        let mut rows: Vec<_> = entries
            .iter()
            .rev()
            .filter_map(|entry| row(entry, epoch))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.created_at));
        Self { rows }
    }

    /// Sets the log's clock `seconds` forward.
    ///
    /// A negative number sets it back. All rows move alike, so their order stays.
    pub fn skew(&mut self, seconds: i64) {
        for row in &mut self.rows {
            row.created_at += seconds;
        }
    }

    /// Page number `page`, from 1. Not more than [`LARGEST_PAGE`] rows, whatever is asked for.
    ///
    /// Beyond the last page there is one without rows, as at New-API; `total` tells that it is beyond.
    ///
    /// ```
    /// use longhaul_sim::log::{LARGEST_PAGE, Log};
    ///
    /// let page = Log::default().page(7, 1_000);
    /// assert_eq!((page.data.items.len(), page.data.page_size), (0, LARGEST_PAGE));
    /// ```
    #[must_use]
    pub fn page(&self, page: usize, page_size: usize) -> Answer {
        let page_size = page_size.clamp(1, LARGEST_PAGE);
        let first = page.saturating_sub(1).saturating_mul(page_size);
        let numbered = |(index, row): (usize, &Row)| Row {
            id: index as i64 + 1,
            ..row.clone()
        };
        let rows = self.rows.iter().enumerate();
        Answer {
            success: true,
            message: String::new(),
            data: Page {
                page,
                page_size,
                total: self.rows.len(),
                items: rows.skip(first).take(page_size).map(numbered).collect(),
            },
        }
    }

    /// All pages.
    ///
    /// An empty log has one page, without rows.
    ///
    /// ```
    /// assert_eq!(longhaul_sim::log::Log::default().pages(100).len(), 1);
    /// ```
    #[must_use]
    pub fn pages(&self, page_size: usize) -> Vec<Answer> {
        let page_size = page_size.clamp(1, LARGEST_PAGE);
        let pages = self.rows.len().div_ceil(page_size).max(1);
        (1..=pages).map(|page| self.page(page, page_size)).collect()
    }
}

/// The row of an entry; `None` where New-API would have written none.
fn row(entry: &Entry, epoch: i64) -> Option<Row> {
    let charged = entry.charged.filter(|_| entry.charged_micros > 0);
    let refused = entry
        .finished
        .filter(|_| entry.status.is_some_and(|status| status >= 400));
    let (kind, ended) = match (charged, refused) {
        (Some(ended), _) => (CONSUMED, ended),
        (None, Some(ended)) => (FAILED, ended),
        (None, None) => return None,
    };
    // Whole seconds on the clock, one subtracted from the other.
    let second = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let micros = i128::from(entry.charged_micros);
    Some(Row {
        id: 0,
        created_at: epoch.saturating_add(second(ended)),
        kind,
        content: String::new(),
        username: "longhaul".to_owned(),
        token_name: "default".to_owned(),
        model_name: entry
            .work
            .as_ref()
            .map_or_else(String::new, |work| work.model.clone()),
        quota: (micros * i128::from(QUOTA_PER_DOLLAR) / 1_000_000) as i64,
        prompt_tokens: 0,
        completion_tokens: 0,
        use_time: second(ended) - second(entry.started),
        is_stream: false,
        channel: 1,
        group: "default".to_owned(),
        request_id: entry.request_id.clone(),
        other: "{\"model_price\":-1,\"group_ratio\":1}".to_owned(),
    })
}
