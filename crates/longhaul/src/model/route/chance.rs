//! How likely a picture of a size is done in time, and before a route cuts.
//!
//! Two sources are mixed: the guide's quantiles, which count as three calls, and the route's own endings. So the first calls
//! of a size go by the guide, and with twenty of its own the guide counts for an eighth. A call that was cut or dropped is
//! not thrown away either: it says that its picture was not done by then.
//!
//! All times are the provider's seconds, so that a test against a simulator at a hundred times real speed uses the same
//! table.

use std::collections::VecDeque;

use super::{
    cuts::Cut,
    ending::{How, SilenceEnding},
    pace::{LONGEST, done_within},
};
use crate::model::Resolution;

/// The guide's table counts as so many endings of the size.
///
/// Three is little enough that ten own endings outweigh it, and enough that a single own ending decides nothing.
const GUIDE: f64 = 3.0;

/// So many calls of a size must have come as far as a cut before it decides about that size: with three,
/// two unlucky ones refuse a size whose chance is good.
pub(super) const OWN: usize = 10;

/// The share of a size that is done by a moment, and what it is known from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Estimate {
    /// Own endings and the guide's together.
    pub(super) share: f64,
    /// Own endings: pictures before the moment, and those that came so far without one.
    pub(super) done: usize,
    pub(super) came_so_far: usize,
}

impl Estimate {
    /// `own` are the last endings of the size.
    pub(super) fn at(
        own: &VecDeque<SilenceEnding>,
        guide: f64,
        seconds: f64,
        tolerance: f64,
    ) -> Self {
        let is_done =
            |ending: &&SilenceEnding| ending.how == How::Picture && ending.silence < seconds;
        let done = own.iter().filter(is_done).count();
        let reached =
            |ending: &&SilenceEnding| ending.reached(seconds, tolerance) && !is_done(ending);
        let came_so_far = own.iter().filter(reached).count();
        let own = (done + came_so_far) as f64;
        Self {
            share: (done as f64 + GUIDE * guide) / (own + GUIDE),
            done,
            came_so_far,
        }
    }

    /// The share plus two standard deviations: a size that is refused makes no more evidence, so that the
    /// doubt must count for it.
    pub(super) fn hopeful(&self) -> f64 {
        let own = (self.done + self.came_so_far).max(1) as f64;
        let deviation = (self.share * (1.0 - self.share) / own).sqrt();
        (self.share + 2.0 * deviation).min(1.0)
    }
}

/// How likely a picture of `size` comes past all of `cuts`, as far as enough of its own calls met them:
/// those that are done before the first, and of those that are done later the ones that no cut before it
/// ends.
///
/// 1 where nothing is known: no cut, no size, or too few calls. A route is open until it has shown that it is not.
pub(super) fn past_cuts(
    own: &VecDeque<SilenceEnding>,
    size: Resolution,
    cuts: &[Cut],
    tolerance: f64,
) -> f64 {
    let (mut chance, mut done, mut alive) = (0.0, 0.0, 1.0);
    for cut in cuts {
        let Some(guide) = done_within(size, cut.silence) else {
            return 1.0;
        };
        let estimate = Estimate::at(own, guide, cut.silence, tolerance);
        if estimate.came_so_far < OWN {
            continue;
        }
        let by_now = estimate.hopeful().max(done);
        chance += alive * (by_now - done);
        done = by_now;
        alive *= 1.0 - cut.share();
    }
    chance + alive * (1.0 - done)
}

/// Whether so many calls of the size came as far as one of `cuts` that the chance is known.
pub(super) fn is_judged(own: &VecDeque<SilenceEnding>, cuts: &[Cut], tolerance: f64) -> bool {
    let came_so_far = |cut: &Cut| Estimate::at(own, 0.0, cut.silence, tolerance).came_so_far;
    cuts.iter().any(|cut| came_so_far(cut) >= OWN)
}

/// The share of such pictures that is done within so many of the provider's seconds: all of them by the guide's longest
/// silence. `None` where the size is not known.
pub(super) fn share_done(
    own: &VecDeque<SilenceEnding>,
    size: Resolution,
    seconds: f64,
) -> Option<f64> {
    let guide = done_within(size, seconds)?;
    if seconds >= LONGEST {
        return Some(1.0);
    }
    Some(Estimate::at(own, guide, seconds, 0.0).share)
}

/// The time by which a `share` of such pictures is done, in the provider's seconds. `None` where the size is
/// not known.
///
/// Found by halving, since the share has no formula that could be turned around: it rises in steps at each own ending.
pub(super) fn time_until(
    own: &VecDeque<SilenceEnding>,
    size: Resolution,
    share: f64,
) -> Option<f64> {
    done_within(size, 0.0)?;
    let is_done = |seconds: f64| share_done(own, size, seconds).is_some_and(|done| done >= share);
    let (mut too_short, mut enough) = (0.0, LONGEST);
    // To less than a tenth of a millisecond.
    for _ in 0..24 {
        let middle = f64::midpoint(too_short, enough);
        if is_done(middle) {
            enough = middle;
        } else {
            too_short = middle;
        }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn own(rows: &[(f64, How, usize)]) -> VecDeque<SilenceEnding> {
        let at = Instant::now();
        let ending = |&(silence, how, count): &(f64, How, usize)| {
            std::iter::repeat_n(SilenceEnding { at, silence, how }, count)
        };
        rows.iter().flat_map(ending).collect()
    }

    fn cut(silence: f64, cut: usize, past: usize) -> Cut {
        Cut {
            silence,
            cut,
            past,
            latest: Instant::now(),
            let_through: false,
        }
    }

    #[test]
    fn what_takes_longer_than_the_cut_has_no_chance_after_ten_calls() {
        let cuts = [cut(60.0, 20, 0)];
        let nine = own(&[(60.1, How::Cut, 9)]);
        assert_eq!(past_cuts(&nine, Resolution::K4, &cuts, 1.5), 1.0);
        let ten = own(&[(60.1, How::Cut, 10)]);
        assert_eq!(past_cuts(&ten, Resolution::K4, &cuts, 1.5), 0.0);
        assert_eq!(past_cuts(&ten, Resolution::Unknown, &cuts, 1.5), 1.0);
    }

    #[test]
    fn the_chance_is_that_of_all_cuts_and_not_of_the_shortest() {
        // Resets at 5 and 40 s are rare; the cut at 60 s is certain.
        let cuts = [cut(5.0, 1, 19), cut(40.0, 1, 19), cut(60.0, 20, 0)];
        let own = own(&[
            (60.1, How::Cut, 60),
            (5.0, How::Cut, 2),
            (40.0, How::Cut, 2),
        ]);
        assert_eq!(past_cuts(&own, Resolution::K4, &cuts, 1.5), 0.0);
        // Without the last, nearly all come through.
        let chance = past_cuts(&own, Resolution::K4, &cuts[..2], 1.5);
        assert!((chance - 0.95 * 0.95).abs() < 1e-9, "{chance}");
    }

    #[test]
    fn a_chance_of_a_third_is_worth_it_at_five_and_not_at_three() {
        let cuts = [cut(60.0, 20, 0)];
        let own = own(&[(55.0, How::Picture, 20), (60.1, How::Cut, 42)]);
        let estimate = Estimate::at(&own, 1.0 / 3.0, 60.0, 1.5);
        assert!(estimate.share * 3.0 < 1.0 && estimate.share * 5.0 > 1.5);
        let chance = past_cuts(&own, Resolution::K2, &cuts, 1.5);
        assert!(chance * 5.0 > 1.0, "{chance}");
        // Two standard deviations carry even an unlucky row over it.
        let unlucky = self::own(&[(55.0, How::Picture, 1), (60.1, How::Cut, 11)]);
        assert!(past_cuts(&unlucky, Resolution::K2, &cuts, 1.5) * 5.0 > 1.0);
    }

    #[test]
    fn half_a_route_that_cuts_leaves_half_a_chance() {
        let cuts = [cut(60.0, 10, 10)];
        let own = own(&[(60.1, How::Cut, 10), (130.0, How::Picture, 10)]);
        let chance = past_cuts(&own, Resolution::K4, &cuts, 1.5);
        assert!((chance - 0.5).abs() < 1e-9, "{chance}");
    }

    #[test]
    fn the_guides_times_hold_until_own_pictures_are_known() {
        let none = VecDeque::new();
        let guides = time_until(&none, Resolution::K4, 0.5).unwrap();
        assert!((guides - 120.0).abs() < 0.1, "{guides}");
        let least = time_until(&none, Resolution::K4, 0.2).unwrap();
        assert!((least - 108.0).abs() < 0.1, "{least}");
        let fast = own(&[(20.0, How::Picture, 60)]);
        assert!(time_until(&fast, Resolution::K4, 0.5).unwrap() < 21.0);
        let slow = own(&[(400.0, How::Picture, 60)]);
        assert!(time_until(&slow, Resolution::K4, 0.5).unwrap() > 390.0);
        assert_eq!(time_until(&none, Resolution::Unknown, 0.5), None);
    }

    #[test]
    fn what_a_caller_dropped_counts_as_at_least_so_long() {
        let own = own(&[(300.0, How::Longer, 30), (40.0, How::Longer, 30)]);
        let estimate = Estimate::at(&own, 0.5, 120.0, 0.0);
        assert_eq!((estimate.done, estimate.came_so_far), (0, 30));
        assert!((estimate.share - 1.5 / 33.0).abs() < 1e-9);
    }
}
