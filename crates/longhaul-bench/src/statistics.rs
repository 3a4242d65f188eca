//! Medians, and ratios of rounds that ran in turn.
//!
//! Medians, because one interrupted round must not count; ratios within a round, because machines change their pace
//! within minutes.

/// The middle one; of an even number the mean of the two in the middle. Not a number for none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// The median of `f` of two figures of the same round: whatever slows a round down slows both.
pub(crate) fn median_of_rounds(one: &[f64], other: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| f(*one, *other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn a_round_that_is_slow_for_both_does_not_change_their_ratio() {
        let (one, other) = ([2.0, 200.0, 2.0], [1.0, 100.0, 1.0]);
        assert_eq!(median_of_rounds(&one, &other, |a, b| a / b), 2.0);
    }
}
