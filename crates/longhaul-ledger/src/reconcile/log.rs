//! The files of a log together: each row once, and whether any are missing.
//!
//! A log comes in pages, in files, perhaps fetched twice, perhaps not all of it. Before anything is concluded from what
//! is *not* in it, it has to be known that it is whole. New-API gives at most a hundred rows a page whatever it is
//! asked for, so that a log of one file is usually a part: that is told from the `total` of its pages and refused, and
//! not read as “these calls were not charged”.

use std::{io, ops::Range, time::SystemTime};

use super::{
    read::{self, LogFormat},
    row::{LogRow, Place, RowKind},
};
use crate::error::{LedgerError, LedgerErrorKind};

/// One page of an answer, as it stood in a file.
#[derive(Debug)]
pub(super) struct Page {
    /// Which rows it holds.
    pub(super) rows: Range<usize>,
    /// Its number, if it says.
    pub(super) number: Option<u64>,
    /// How many rows there are in all pages, if it says.
    pub(super) total: Option<u64>,
}

/// How much of the log the files hold, where they do not say it themselves.
///
/// An attempt without a row was not charged, but only where its row would be there if there were one. A page of a
/// hundred rows out of thousands says nothing about the rest.
///
/// ```
/// use longhaul_ledger::reconcile::{Coverage, Options};
///
/// let mut options = Options::of("relay.example.com");
/// assert_eq!(options.coverage, Coverage::AsTold);
/// // A page of last night, to see at once what was charged: what it lacks says nothing.
/// options.coverage = Coverage::Part;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Coverage {
    /// The files tell (the default). Pages with fewer rows than their `total` are refused; pages that name no total
    /// count as a part; CSV counts as whole.
    #[default]
    AsTold,
    /// All of it, whatever the files say.
    ///
    /// Use it only for a log that you know to be whole. Where rows are missing all the same, calls that were paid for
    /// are written down as free.
    Whole,
    /// A part of the log: a call without a row means nothing then.
    ///
    /// Rows are matched and verdicts written as ever; only absence means nothing.
    Part,
}

/// A provider's log, read from files.
///
/// ```
/// use longhaul_ledger::reconcile::{LogFormat, ProviderLog};
///
/// let mut log = ProviderLog::new(LogFormat::new_api());
/// let page = br#"{"success": true, "message": "", "data": {"page": 1, "page_size": 10, "total": 0, "items": []}}"#;
/// log.add("page-1.json", &page[..])?;
/// assert_eq!(log.rows(), []);
/// assert!(log.add("page.html", &b"<html>"[..]).is_err(), "and nothing of it was taken");
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
///
/// Reading needs no ledger and keeps nothing of the files but the rows. Its memory is some two hundred bytes a row.
#[derive(Debug)]
pub struct ProviderLog {
    format: LogFormat,
    files: Vec<String>,
    rows: Vec<LogRow>,
    places: Vec<Place>,
    pages: Vec<Page>,
}

/// A log whose rows are each there once, in the order of their request ids.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) format: LogFormat,
    pub(super) files: Vec<String>,
    pub(super) rows: Vec<LogRow>,
    pub(super) places: Vec<Place>,
    /// Rows that stood there more than once, as often as they did.
    pub(super) duplicates: Vec<(LogRow, Place)>,
    /// From the first row to the last, on the provider's clock.
    pub(super) period: Option<Range<SystemTime>>,
    /// Whether a call without a row was not logged.
    pub(super) whole: bool,
}

impl ProviderLog {
    /// An empty one, of files in this format.
    ///
    /// Files of two formats are two logs: reconcile one after the other.
    pub const fn new(format: LogFormat) -> Self {
        Self {
            format,
            files: Vec::new(),
            rows: Vec::new(),
            places: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// Reads one more file, called `name`: whole, or not at all. Rows that were there already are counted once.
    ///
    /// # Errors
    ///
    /// [`LedgerErrorKind::File`] with line and column.
    ///
    /// The order of the files does not matter. `name` is for errors and for the findings that name a row.
    pub fn add(&mut self, name: &str, bytes: impl io::Read) -> Result<(), LedgerError> {
        let number = u32::try_from(self.files.len())
            .map_err(|_| LedgerError::setting("file", "there are too many"))?;
        let mut file = read::file(&self.format, name, number, bytes)?;
        let before = self.rows.len();
        for page in &mut file.pages {
            page.rows = page.rows.start + before..page.rows.end + before;
        }
        self.files.push(name.to_owned());
        self.rows.append(&mut file.rows);
        self.places.append(&mut file.places);
        self.pages.append(&mut file.pages);
        Ok(())
    }

    /// Every row of the files; a row that stands in them twice is here twice.
    ///
    /// In the order in which they were read, those that neither charge nor credit among them.
    pub fn rows(&self) -> &[LogRow] {
        &self.rows
    }

    pub(super) fn into_rows(self) -> Vec<LogRow> {
        self.rows
    }

    /// Leaves each row once. Refuses rows that contradict each other, and a log with less rows than it should have.
    ///
    /// A row is the same row again only where it has a name, an id of its own or of its call: two nameless rows that
    /// are alike may be two calls that are alike.
    pub(super) fn check(self, coverage: Coverage) -> Result<Checked, LedgerError> {
        let mut order: Vec<_> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| self.rows[*a].order(&self.rows[*b]));
        let again = |pair: &[usize]| {
            let [first, second] = [pair[0], pair[1]].map(|index| &self.rows[index]);
            first.has_name() && first == second
        };
        let runs: Vec<&[usize]> = order.chunk_by(|a, b| again(&[*a, *b])).collect();
        self.contradictions()?;
        let whole = match coverage {
            Coverage::Whole => true,
            Coverage::Part => false,
            Coverage::AsTold => self.is_whole(&runs)?,
        };
        let firsts: Vec<_> = runs.iter().map(|run| run[0]).collect();
        let further: Vec<_> = runs.iter().flat_map(|run| &run[1..]).copied().collect();
        Ok(Checked {
            duplicates: further
                .iter()
                .map(|index| (self.rows[*index].clone(), self.places[*index]))
                .collect(),
            period: self.period(),
            whole,
            places: firsts.iter().map(|index| self.places[*index]).collect(),
            rows: firsts
                .iter()
                .map(|index| self.rows[*index].clone())
                .collect(),
            format: self.format,
            files: self.files,
        })
    }

    /// A row's name must not stand for two different rows, where the format has such names.
    ///
    /// Only CSV has such names: New-API's ids repeat, and a request id names a call, which may have several rows.
    fn contradictions(&self) -> Result<(), LedgerError> {
        if !matches!(self.format, LogFormat::Csv(_)) {
            return Ok(());
        }
        let mut named: Vec<_> = (0..self.rows.len())
            .filter(|index| self.rows[*index].id.is_some())
            .collect();
        named.sort_by_key(|index| (&self.rows[*index].id, *index));
        let contradiction = named.windows(2).find(|pair| {
            let [first, second] = [pair[0], pair[1]].map(|index| &self.rows[index]);
            first.id == second.id && first != second
        });
        let Some(&[first, second]) = contradiction else {
            return Ok(());
        };
        let (first, place) = (self.places[first], self.places[second]);
        let id = self.rows[second].id.as_deref().unwrap_or_default();
        let elsewhere = &self.files[first.file as usize];
        Err(LedgerErrorKind::File {
            file: self.files[place.file as usize].clone(),
            line: place.line,
            column: 0,
            why: format!(
                "row {id:?} says something else than in {elsewhere}, line {}",
                first.line
            ),
        }
        .into())
    }

    /// Whether every row that the pages speak of is there. `runs` are the rows, those that are the same together.
    ///
    /// CSV has no pages: a file is what somebody exported, and counts as whole. Pages are grouped into queries by their
    /// numbers; each query must have as many different rows as its `total` says, or all of them together as many as the
    /// largest says.
    ///
    /// A missing page is an error and not a part: whoever fetched pages with a total wanted all of them.
    fn is_whole(&self, runs: &[&[usize]]) -> Result<bool, LedgerError> {
        if matches!(self.format, LogFormat::Csv(_)) {
            return Ok(true);
        }
        let paged: usize = self.pages.iter().map(|page| page.rows.len()).sum();
        if self.pages.is_empty() || paged < self.rows.len() {
            // Rows that were taken out of their pages.
            return Ok(false);
        }
        if self.pages.iter().any(|page| page.total.is_none()) {
            return Ok(false);
        }
        // One query gives pages in turn; where the numbers start over, another begins.
        let mut queries: Vec<Query> = Vec::new();
        let mut last = None;
        for page in &self.pages {
            if last.is_none() || page.number.is_some_and(|number| Some(number) <= last) {
                queries.push(Query::default());
            }
            last = Some(
                page.number
                    .unwrap_or_else(|| last.map_or(1, |last| last + 1)),
            );
            if let Some(query) = queries.last_mut() {
                query.total = query.total.max(page.total.unwrap_or_default());
                query.rows.push(page.rows.clone());
            }
        }
        let mut run_of = vec![0_u32; self.rows.len()];
        for (number, run) in (0_u32..).zip(runs) {
            for index in *run {
                run_of[*index] = number;
            }
        }
        let all = Query::together(&queries);
        queries.retain(|query| query.distinct(&run_of) != query.total);
        // What is left may be one query whose pages were given in another order, or some of them once more.
        let rest = Query::together(&queries);
        let distinct = rest.distinct(&run_of);
        if distinct == rest.total || all.distinct(&run_of) == all.total {
            return Ok(true);
        }
        let file = rest
            .rows
            .first()
            .and_then(|rows| self.places.get(rows.start));
        let why = format!(
            "the log has {} rows by its own `total`, and {distinct} are here: a provider gives only so many a page, \
             whatever it is asked for. Fetch every page of one query, or say that this is a part of the log",
            rest.total
        );
        Err(LedgerErrorKind::File {
            file: file.map_or_else(
                || self.files.join(", "),
                |place| self.files[place.file as usize].clone(),
            ),
            line: 0,
            column: 0,
            why,
        }
        .into())
    }

    fn period(&self) -> Option<Range<SystemTime>> {
        let times = || self.rows.iter().map(|row| row.logged_at);
        Some(times().min()?..times().max()?)
    }
}

/// Pages that belong together.
#[derive(Debug, Default)]
struct Query {
    total: u64,
    rows: Vec<Range<usize>>,
}

impl Query {
    /// The largest total counts: the log grew while its pages were fetched.
    fn together(queries: &[Self]) -> Self {
        Self {
            total: queries
                .iter()
                .map(|query| query.total)
                .max()
                .unwrap_or_default(),
            rows: queries
                .iter()
                .flat_map(|query| query.rows.clone())
                .collect(),
        }
    }

    /// How many different rows the pages hold.
    fn distinct(&self, run_of: &[u32]) -> u64 {
        let mut runs: Vec<_> = self
            .rows
            .iter()
            .flat_map(|rows| &run_of[rows.clone()])
            .collect();
        runs.sort_unstable();
        runs.dedup();
        runs.len() as u64
    }
}

impl Checked {
    /// The rows whose calls' answers carried this id.
    ///
    /// By halving: the rows stand in the order of these ids.
    pub(super) fn of_request(&self, id: &str) -> Range<usize> {
        let of = |row: &LogRow| row.request_id.as_deref().cmp(&Some(id));
        let start = self.rows.partition_point(|row| of(row).is_lt());
        let end = self.rows.partition_point(|row| of(row).is_le());
        start..end
    }

    /// How many rows are of this kind.
    pub(super) fn count(&self, kind: RowKind) -> u64 {
        self.rows.iter().filter(|row| row.kind == kind).count() as u64
    }
}
