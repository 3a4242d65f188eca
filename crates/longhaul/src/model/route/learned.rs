//! Limits that grow with what a route delivers.
//!
//! A limit from a table is right on the day that it was measured. On a day when every picture takes twice as long, it would
//! cut the very calls that come. So the limit follows the pictures that were *delivered*, upwards only, within bounds: calls
//! that were cut or given up teach nothing, or a dead provider would raise its own limit.

use std::collections::VecDeque;

use super::ending::{How, SilenceEnding};

/// Fewer pictures teach nothing.
///
/// With ten, the ninth of them decides: one slow picture alone does not.
const ENOUGH: usize = 10;

/// So many of the last pictures, of a hundred, took no longer than the time that the limit follows from. A
/// share and not the longest: every normal day has a few that take minutes.
const PERCENT: usize = 90;

/// How much more than that the limit allows.
const ROOM: f64 = 1.5;

/// The limit grows to no more than so many times the table's.
///
/// A provider that is slower than twice the table is broken, and waiting longer only holds places.
const MOST: f64 = 2.0;

/// The limit that the last pictures of a size ask for, where it is longer than the table's.
pub(super) fn limit(own: &VecDeque<SilenceEnding>, table: f64) -> Option<f64> {
    let pictures = own.iter().filter(|ending| ending.how == How::Picture);
    let mut times: Vec<f64> = pictures.map(|ending| ending.silence).collect();
    if times.len() < ENOUGH {
        return None;
    }
    let at = (times.len() - 1) * PERCENT / 100;
    let (_, time, _) = times.select_nth_unstable_by(at, f64::total_cmp);
    let limit = (ROOM * *time).min(MOST * table);
    (limit > table).then_some(limit)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn pictures(times: impl IntoIterator<Item = f64>) -> VecDeque<SilenceEnding> {
        let at = Instant::now();
        let how = How::Picture;
        let ending = |silence| SilenceEnding { at, silence, how };
        times.into_iter().map(ending).collect()
    }

    #[test]
    fn a_limit_grows_by_a_share_and_never_shrinks() {
        let normal = (0..64).map(|n| 40.0 + f64::from(n));
        assert_eq!(limit(&pictures(normal.clone()), 300.0), None);
        // Two slow ones on a normal day are no new limit …
        let two = normal.chain([500.0, 590.0]);
        assert_eq!(limit(&pictures(two), 300.0), None);
        // … a slow day is.
        let slow = (0..64).map(|n| 180.0 + 2.0 * f64::from(n));
        let grown = limit(&pictures(slow), 300.0).unwrap();
        assert!((430.0..450.0).contains(&grown), "{grown}");
    }

    #[test]
    fn it_is_at_most_twice_the_tables_and_needs_ten_pictures() {
        assert_eq!(limit(&pictures([590.0; 64]), 300.0), Some(600.0));
        assert_eq!(limit(&pictures([590.0; 9]), 300.0), None);
        let mut dropped = pictures([590.0; 64]);
        for ending in &mut dropped {
            ending.how = How::Longer;
        }
        assert_eq!(limit(&dropped, 300.0), None);
    }
}
