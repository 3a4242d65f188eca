//! Rows and attempts that no id joins: one to one by model, start and duration.
//!
//! A pair is taken only where each is the other's nearest by more than clocks, whole seconds and the way to the provider
//! can blur: any other partner for either would then be worse by more than chance explains. What is taken is out of the
//! way, and may leave others alone with each other. What cannot be told apart is handed back as tied, not guessed.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// By how much one partner must be nearer than the next: logs tell whole seconds, and so may the answer's.
const BLUR: i64 = 2_000_000;

/// A row, on our clock, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct RowPoint {
    pub(super) row: usize,
    pub(super) start: i64,
    pub(super) duration: Option<i64>,
    pub(super) model: Option<Arc<str>>,
    pub(super) has_request_id: bool,
}

/// An attempt, in microseconds.
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

    fn see(&mut self, edge: usize, cost: i64) {
        if cost < self.cost {
            self.next = self.cost;
            (self.edge, self.cost) = (edge, cost);
        } else {
            self.next = self.next.min(cost);
        }
    }

    const fn is_certainly(&self, edge: usize) -> bool {
        self.edge == edge && self.next.saturating_sub(self.cost) > BLUR
    }
}

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

/// The connected parts of what is left, in the order of their first rows.
fn ties(edges: &[Edge], rows: usize, attempts: usize) -> Vec<Tie> {
    // Attempts stand behind the rows.
    let mut parent: Vec<_> = (0..rows + attempts).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while parent[node] != node {
            parent[node] = parent[parent[node]];
            node = parent[node];
        }
        node
    }
    for edge in edges {
        let (a, b) = (
            root(&mut parent, edge.row),
            root(&mut parent, rows + edge.attempt),
        );
        parent[a.max(b)] = a.min(b);
    }
    let mut ties = BTreeMap::<usize, Tie>::new();
    let mut seen = vec![false; rows + attempts];
    for node in edges
        .iter()
        .flat_map(|edge| [edge.row, rows + edge.attempt])
    {
        if !std::mem::replace(&mut seen[node], true) {
            let tie = ties.entry(root(&mut parent, node)).or_default();
            if node < rows {
                tie.rows.push(node);
            } else {
                tie.attempts.push(node - rows);
            }
        }
    }
    ties.into_values().collect()
}

/// Whether every row of `tie` can have an attempt of its own: by augmenting paths, found breadth first.
fn is_perfect(tie: &Tie, edges: &[Edge]) -> bool {
    let numbers: HashMap<usize, usize> = tie.rows.iter().copied().zip(0..).collect();
    let mut partners = vec![Vec::new(); tie.rows.len()];
    for edge in edges {
        if let Some(row) = numbers.get(&edge.row) {
            partners[*row].push(edge.attempt);
        }
    }
    let mut attempt_of = vec![None; tie.rows.len()];
    let mut row_of = HashMap::new();
    (0..tie.rows.len()).all(|first| {
        let mut found_by = HashMap::new();
        let mut queue = VecDeque::from([first]);
        while let Some(row) = queue.pop_front() {
            for attempt in &partners[row] {
                if found_by.contains_key(attempt) {
                    continue;
                }
                found_by.insert(*attempt, row);
                if let Some(holder) = row_of.get(attempt) {
                    queue.push_back(*holder);
                    continue;
                }
                // Free: each row on the way hands its own to the one that found it.
                let mut free = Some(*attempt);
                while let Some(attempt) = free {
                    let row = found_by[&attempt];
                    row_of.insert(attempt, row);
                    free = attempt_of[row].replace(attempt);
                }
                return true;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn row(row: usize, start: f64) -> RowPoint {
        RowPoint {
            row,
            start: (start * 1e6) as i64,
            duration: None,
            model: None,
            has_request_id: true,
        }
    }

    fn attempt(attempt: usize, from: f64) -> AttemptPoint {
        let from = (from * 1e6) as i64;
        AttemptPoint {
            attempt,
            from,
            until: from,
            bounds: None,
            model: None,
            has_log_id: false,
        }
    }

    fn paired(rows: Vec<RowPoint>, attempts: Vec<AttemptPoint>) -> Paired {
        let mut paired = pair(rows, attempts, 5 * SECOND);
        paired.pairs.sort_unstable();
        paired
    }

    #[test]
    fn neighbours_a_few_seconds_apart_are_told_apart() {
        let rows = vec![row(7, 3.0), row(8, 0.0)];
        let attempts = vec![attempt(0, 0.4), attempt(1, 3.2)];
        let paired = paired(rows, attempts);
        assert_eq!(paired.pairs, [(7, 1), (8, 0)]);
        assert!(paired.ties.is_empty());
    }

    #[test]
    fn what_is_taken_leaves_the_others_alone_with_each_other() {
        // Each of the later two is nearer to the first of the other kind than tolerance, and none is nearest for sure.
        let rows = vec![row(0, 0.0), row(1, 4.0), row(2, 5.0)];
        let attempts = vec![attempt(0, 0.0), attempt(1, 4.5)];
        let paired = paired(rows, attempts);
        assert_eq!(paired.pairs, [(0, 0)]);
        assert_eq!(paired.ties.len(), 1);
        assert_eq!(paired.ties[0].rows, [1, 2]);
        assert!(!paired.ties[0].perfect);
    }

    #[test]
    fn a_burst_is_tied_and_not_guessed() {
        let rows = (0..40).map(|number| row(number, 10.0)).collect();
        let attempts = (0..40).map(|number| attempt(number, 9.9)).collect();
        let paired = paired(rows, attempts);
        assert_eq!(paired.pairs, []);
        assert!(paired.ties[0].perfect && paired.ties[0].rows.len() == 40);
    }

    #[test]
    fn a_tie_is_perfect_only_where_all_have_a_partner_at_once() {
        // Two rows fit the first attempt alone, and the third row fits all three.
        let rows = vec![row(0, 0.0), row(1, 0.0), row(2, 5.5)];
        let attempts = vec![attempt(0, 4.0), attempt(1, 7.0), attempt(2, 7.0)];
        let paired = paired(rows, attempts);
        assert_eq!((paired.pairs.len(), paired.ties.len()), (0, 1));
        assert_eq!(paired.ties[0].attempts.len(), 3);
        assert!(!paired.ties[0].perfect);
    }

    #[test]
    fn another_model_another_duration_or_an_id_of_its_own_is_another_call() {
        let model = |name: &str| Some(Arc::from(name));
        let of =
            |row: RowPoint, attempt: AttemptPoint| paired(vec![row], vec![attempt]).pairs.len();
        let (theirs, ours) = (row(0, 1.0), attempt(0, 1.0));
        assert_eq!(of(theirs.clone(), ours.clone()), 1);

        let named = |name| RowPoint {
            model: model(name),
            ..theirs.clone()
        };
        let asked = AttemptPoint {
            model: model("Pro"),
            ..ours.clone()
        };
        assert_eq!(of(named("pro"), asked.clone()), 1);
        assert_eq!(of(named("flash"), asked), 0);

        let answered = AttemptPoint {
            bounds: Some((80 * SECOND, 90 * SECOND)),
            ..ours.clone()
        };
        for (seconds, pairs) in [(77, 0), (78, 1), (85, 1), (92, 1), (93, 0)] {
            let took = RowPoint {
                duration: Some(seconds * SECOND),
                ..theirs.clone()
            };
            assert_eq!(of(took, answered.clone()), pairs, "{seconds} s");
        }

        let identified = AttemptPoint {
            has_log_id: true,
            ..ours
        };
        assert_eq!(of(theirs.clone(), identified.clone()), 0);
        let nameless = RowPoint {
            has_request_id: false,
            ..theirs
        };
        assert_eq!(of(nameless, identified), 1);
    }
}
