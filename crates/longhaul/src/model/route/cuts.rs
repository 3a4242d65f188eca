//! After how many seconds a route cuts, and how many of those that come so far.
//!
//! An idle limit of a proxy shows as connections that break after the same silence again and again. One break proves nothing;
//! three within 1.5 s of one silence are no chance. The limit itself is asked of nobody and configured nowhere: it is read
//! from how calls ended.
//!
//! A cut that most calls come past is one of many proxies behind a name, or a rare reset. So a cut has a share, and decides
//! by it.

use tokio::time::Instant;

use super::ending::{How, SilenceEnding};

/// As many cuts after one silence are no chance.
const CERTAIN: usize = 3;

/// A cut that came sooner is no idle limit but a crash or a refusal.
///
/// A reset sooner than this is a crash or a full queue, and no limit on silence.
const SHORTEST: f64 = 4.0;

/// The share is of the last calls that came so far.
///
/// Few enough that a proxy whose limit was raised is believed after twenty calls.
const LAST: usize = 20;

/// A silence after which a route cuts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Cut {
    /// In the provider's seconds.
    pub(crate) silence: f64,
    /// Of the last calls that came so far: those that were cut, and those that came past it.
    pub(crate) cut: usize,
    pub(crate) past: usize,
    /// When one last came so far.
    pub(crate) latest: Instant,
    /// Whether that one came past it.
    pub(crate) let_through: bool,
}

impl Cut {
    /// How likely a call that comes so far is cut.
    pub(crate) fn share(&self) -> f64 {
        self.cut as f64 / (self.cut + self.past) as f64
    }
}

/// The cuts that `endings` of all sizes show; the shortest first.
pub(super) fn known<'a>(
    endings: impl Iterator<Item = &'a SilenceEnding> + Clone,
    tolerance: f64,
) -> Vec<Cut> {
    let mut silences: Vec<f64> = endings
        .clone()
        .filter(|ending| ending.how == How::Cut && ending.silence >= SHORTEST)
        .map(|ending| ending.silence)
        .collect();
    let mut cuts = Vec::new();
    if silences.len() < CERTAIN {
        return cuts;
    }
    silences.sort_by(f64::total_cmp);
    let mut endings: Vec<_> = endings.copied().collect();
    endings.sort_by_key(|ending| ending.at);
    // The silence that most agree on first; what belongs to it belongs to no other.
    while let Some((alike, silence)) = most_alike(&silences, tolerance) {
        if alike < CERTAIN {
            break;
        }
        cuts.extend(cut_at(silence, &endings, tolerance));
        silences.retain(|other| (other - silence).abs() > tolerance);
    }
    cuts.sort_by(|a, b| a.silence.total_cmp(&b.silence));
    cuts
}

/// The largest group first, so that one odd ending between two real cuts does not split either. Of two groups of one size the
/// shorter silence is taken, whatever the order of the endings.
fn most_alike(silences: &[f64], tolerance: f64) -> Option<(usize, f64)> {
    let alike = |silence: f64| {
        let near = |other: &&f64| (**other - silence).abs() <= tolerance;
        silences.iter().filter(near).count()
    };
    silences
        .iter()
        .map(|&silence| (alike(silence), silence))
        .max_by(|(a, first), (b, second)| a.cmp(b).then(second.total_cmp(first)))
}

/// What the last that came so far met; `None` where none of them was cut any more.
fn cut_at(silence: f64, endings: &[SilenceEnding], tolerance: f64) -> Option<Cut> {
    let came_past = |ending: &SilenceEnding| {
        if (ending.silence - silence).abs() > tolerance {
            return (ending.silence > silence).then_some(true);
        }
        // What was done or given up about then shows nothing.
        (ending.how == How::Cut).then_some(false)
    };
    let came: Vec<_> = endings
        .iter()
        .rev()
        .filter_map(|ending| Some((ending.at, came_past(ending)?)))
        .take(LAST)
        .collect();
    let &(latest, let_through) = came.first()?;
    let past = came.iter().filter(|(_, past)| *past).count();
    let cut = came.len() - past;
    (cut > 0).then_some(Cut {
        silence,
        cut,
        past,
        latest,
        let_through,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endings(rows: &[(f64, How)]) -> Vec<SilenceEnding> {
        let at = Instant::now();
        rows.iter()
            .map(|&(silence, how)| SilenceEnding { at, silence, how })
            .collect()
    }

    #[test]
    fn three_cuts_after_one_silence_are_known_and_two_are_not() {
        use How::{Cut, Longer};
        let rows = [(60.1, Cut), (60.9, Cut), (59.8, Cut), (30.0, Longer)];
        assert!(known(endings(&rows[..2]).iter(), 1.5).is_empty());
        let cuts = known(endings(&rows).iter(), 1.5);
        assert_eq!(cuts.len(), 1);
        assert!((59.8..=60.9).contains(&cuts[0].silence));
        assert_eq!(cuts[0].share(), 1.0);
        // Sooner than a front door needs, it is a crash.
        assert!(known(endings(&[(1.0, Cut); 3]).iter(), 1.5).is_empty());
        // Our own clock and a caller that left are no cuts.
        assert!(known(endings(&[(60.0, Longer); 9]).iter(), 1.5).is_empty());
    }

    #[test]
    fn resets_that_most_come_past_have_a_small_share() {
        use How::{Cut, Longer, Picture};
        let mut rows = vec![(40.0, Cut); 3];
        rows.extend([(70.0, Picture); 17]);
        rows.extend([(45.0, Longer); 17]);
        let cuts = known(endings(&rows).iter(), 1.5);
        assert!(cuts.is_empty(), "the last twenty all came past: {cuts:?}");
        rows.push((40.2, Cut));
        let cuts = known(endings(&rows).iter(), 1.5);
        assert_eq!((cuts[0].cut, cuts[0].past), (1, 19));
        assert!(!cuts[0].let_through);
    }

    #[test]
    fn a_route_has_as_many_cuts_as_it_shows() {
        use How::Cut;
        let rows = [
            (5.0, Cut),
            (60.0, Cut),
            (5.2, Cut),
            (60.3, Cut),
            (5.1, Cut),
            (60.1, Cut),
        ];
        let cuts = known(endings(&rows).iter(), 1.5);
        assert_eq!(cuts.len(), 2);
        assert_eq!((cuts[0].cut, cuts[0].past), (3, 3));
        assert_eq!((cuts[1].cut, cuts[1].past), (3, 0));
    }
}
