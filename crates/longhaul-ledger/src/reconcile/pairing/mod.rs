//! Rows and attempts that no id joins: one to one by model, start and duration.
//!
//! A pair is taken only where each is the other's nearest by more than clocks, whole seconds and the way to the provider
//! can blur: any other partner for either would then be worse by more than chance explains. What is taken is out of the
//! way, and may leave others alone with each other. What cannot be told apart is handed back as tied, not guessed.
//!
//! Why not the assignment of least cost over all of them: it always gives an answer. Of two equal calls that were made
//! in one second it would join each to either row, and a charge of another amount would be put on the wrong attempt
//! with nobody knowing. Here a pair must be the only one that makes sense, and everything else is said to be tied.
//!
//! The costs are microseconds by which the times do not fit. Attempts and rows are sorted by time, and each is compared
//! only with those within the tolerance, so that the work grows with the calls at one moment and not with the log.

mod ties;

use std::sync::Arc;

use self::ties::{is_perfect, ties};

/// By how much one partner must be nearer than the next: logs tell whole seconds, and so may the answer's.
///
/// Two whole seconds: one for each side's rounding.
const BLUR: i64 = 2_000_000;

/// A row, on our clock, in microseconds.
///
/// The field `row` is the number of the row in the log.
#[derive(Clone, Debug)]
pub(super) struct RowPoint {
    pub(super) row: usize,
    pub(super) start: i64,
    pub(super) duration: Option<i64>,
    pub(super) model: Option<Arc<str>>,
    pub(super) has_request_id: bool,
}

/// An attempt, in microseconds.
///
/// The field `attempt` is the number of the attempt in the caller's list.
#[derive(Clone, Debug)]
pub(super) struct AttemptPoint {
    pub(super) attempt: usize,
    /// The provider's clock started in this span.
    pub(super) from: i64,
    pub(super) until: i64,
    /// It ran so long at least and at most, if the provider answered.
    pub(super) bounds: Option<(i64, i64)>,
    pub(super) model: Option<Arc<str>>,
    /// Whether its answer carried an id of the kind that the log has: a row with another id is not its own.
    pub(super) has_log_id: bool,
}

/// Rows and attempts that fit each other in more than one way.
///
/// Connected by what fits: no row or attempt of one tie fits any of another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tie {
    pub(super) rows: Vec<usize>,
    pub(super) attempts: Vec<usize>,
    /// Whether each of them can have a partner at once.
    pub(super) perfect: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Paired {
    /// Row and attempt.
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) ties: Vec<Tie>,
}

/// Indices into the two lists of points.
#[derive(Clone, Copy, Debug)]
struct Edge {
    row: usize,
    attempt: usize,
    cost: i64,
}

/// Pairs `rows` with `attempts` whose starts differ by no more than `tolerance`.
pub(super) fn pair(
    mut rows: Vec<RowPoint>,
    mut attempts: Vec<AttemptPoint>,
    tolerance: i64,
) -> Paired {
    rows.sort_by_key(|row| row.start);
    attempts.sort_by_key(|attempt| attempt.from);
    let mut edges = edges(&rows, &attempts, tolerance);
    let mut paired = Paired::default();
    loop {
        let certain = certain(&edges, rows.len(), attempts.len());
        if certain.is_empty() {
            break;
        }
        let mut taken = (vec![false; rows.len()], vec![false; attempts.len()]);
        for edge in certain {
            taken.0[edge.row] = true;
            taken.1[edge.attempt] = true;
            paired
                .pairs
                .push((rows[edge.row].row, attempts[edge.attempt].attempt));
        }
        edges.retain(|edge| !taken.0[edge.row] && !taken.1[edge.attempt]);
    }
    for tie in ties(&edges, rows.len(), attempts.len()) {
        paired.ties.push(Tie {
            perfect: tie.rows.len() == tie.attempts.len() && is_perfect(&tie, &edges),
            rows: tie.rows.iter().map(|row| rows[*row].row).collect(),
            attempts: tie
                .attempts
                .iter()
                .map(|attempt| attempts[*attempt].attempt)
                .collect(),
        });
    }
    paired
}

/// All pairs that may be the same call.
fn edges(rows: &[RowPoint], attempts: &[AttemptPoint], tolerance: i64) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (index, attempt) in attempts.iter().enumerate() {
        let earliest = attempt.from.saturating_sub(tolerance);
        let latest = attempt.until.saturating_add(tolerance);
        let first = rows.partition_point(|row| row.start < earliest);
        let near = rows[first..].iter().take_while(|row| row.start <= latest);
        for (row, point) in (first..).zip(near) {
            if let Some(cost) = cost(point, attempt) {
                edges.push(Edge {
                    row,
                    attempt: index,
                    cost,
                });
            }
        }
    }
    edges
}

/// How badly they fit; `None` where they cannot be the same call.
///
/// Models are compared without regard to capitals, and only where both sides know one. A row and an attempt that both
/// have ids would have been joined by them: having different ones, they are two calls.
fn cost(row: &RowPoint, attempt: &AttemptPoint) -> Option<i64> {
    if row.has_request_id && attempt.has_log_id {
        return None;
    }
    if let (Some(theirs), Some(ours)) = (&row.model, &attempt.model)
        && !theirs.eq_ignore_ascii_case(ours)
    {
        return None;
    }
    let start = outside(row.start, attempt.from, attempt.until);
    let duration = match (row.duration, attempt.bounds) {
        (Some(duration), Some((at_least, at_most))) => outside(duration, at_least, at_most),
        // A call that was cut on the way went on for as long as it liked.
        _ => 0,
    };
    (duration <= BLUR).then(|| start.saturating_add(duration))
}

/// How far `value` lies outside of the range.
fn outside(value: i64, least: i64, most: i64) -> i64 {
    if value < least {
        least.saturating_sub(value)
    } else {
        value.saturating_sub(most).max(0)
    }
}

/// The nearest partner, and how far the next one is.
#[derive(Clone, Copy)]
struct Nearest {
    edge: usize,
    cost: i64,
    next: i64,
}

impl Nearest {
    const NOBODY: Self = Self {
        edge: usize::MAX,
        cost: i64::MAX,
        next: i64::MAX,
    };

    /// Keeps the two least costs; whose the second is does not matter.
    fn see(&mut self, edge: usize, cost: i64) {
        if cost < self.cost {
            self.next = self.cost;
            (self.edge, self.cost) = (edge, cost);
        } else {
            self.next = self.next.min(cost);
        }
    }

    /// Without a second partner the distance is as large as can be.
    const fn is_certainly(&self, edge: usize) -> bool {
        self.edge == edge && self.next.saturating_sub(self.cost) > BLUR
    }
}

/// The pairs that are each other's nearest by more than [`BLUR`]. Taking them may make further ones certain, so the
/// caller asks again until there are none.
fn certain(edges: &[Edge], rows: usize, attempts: usize) -> Vec<Edge> {
    let mut of_row = vec![Nearest::NOBODY; rows];
    let mut of_attempt = vec![Nearest::NOBODY; attempts];
    for (index, edge) in edges.iter().enumerate() {
        of_row[edge.row].see(index, edge.cost);
        of_attempt[edge.attempt].see(index, edge.cost);
    }
    let both = |(index, edge): (usize, &Edge)| {
        let certain =
            of_row[edge.row].is_certainly(index) && of_attempt[edge.attempt].is_certainly(index);
        certain.then_some(*edge)
    };
    edges.iter().enumerate().filter_map(both).collect()
}

#[cfg(test)]
mod tests;
