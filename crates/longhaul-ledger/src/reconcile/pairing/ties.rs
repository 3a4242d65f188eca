//! What cannot be told apart.
//!
//! The parts are found by joining sets (union-find); whether a part can be matched at once by the textbook way of
//! augmenting paths. Parts are small, a burst of calls in a few seconds; a burst of thousands still takes time that
//! grows with the number of pairs.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{Edge, Tie};

/// The connected parts of what is left, in the order of their first rows.
///
/// The smaller root stays, so that a part is known by its first row and the result has the same order each time.
pub(super) fn ties(edges: &[Edge], rows: usize, attempts: usize) -> Vec<Tie> {
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
///
/// As many rows as attempts is not enough: two rows may fit the same attempt alone, and a third row all of them. Then
/// one of the two has no attempt here, and equal amounts do not decide.
pub(super) fn is_perfect(tie: &Tie, edges: &[Edge]) -> bool {
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
