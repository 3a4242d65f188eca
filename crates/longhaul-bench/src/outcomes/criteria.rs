//! Never worse than anyone: what a policy of ours must keep in every field that has an aim.
//!
//! | | criterion |
//! |---|---|
//! | 1 | no peer delivers as many pictures or more at less waste per picture delivered |
//! | 2 | where a peer delivers more, each extra picture cost it more than `worth` prices |
//! | 3 | ours wastes per picture at most what the most frugal peer does that delivers a third of the best peer's pictures |
//!
//! Noise: 0.3 points of the pictures asked for, and half a cent a picture, with ten thousand pictures and more; with
//! fewer as much more as draws then differ.

use serde::Serialize;

use super::{figures::Figures, policies::Policy, scenario::Scenario};

/// How many prices a picture is worth: our default.
const WORTH: f64 = 5.0;

/// Which differences mean nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    /// Of the pictures asked for, in per cent
    pub(super) points: f64,
    /// Of waste per picture
    pub(super) dollars: f64,
}

impl Noise {
    /// With so many pictures asked for.
    pub(super) fn of(operations: usize) -> Self {
        const POINTS: f64 = 0.3;
        const DOLLARS: f64 = 0.005;
        let more = (10_000.0 / operations.max(1) as f64).sqrt().max(1.0);
        Self {
            points: POINTS * more,
            dollars: DOLLARS * more,
        }
    }
}

/// How a policy stands in one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Judgement {
    /// 1: no peer delivers as many for less
    pub(super) as_many: Verdict,
    /// 2: what peers deliver more is not worth it
    pub(super) extra: Verdict,
    /// 3: no peer that delivers is more frugal
    pub(super) frugal: Verdict,
}

/// How one criterion came out, and by which figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    pub(super) kept: bool,
    /// Whether the scenario asks for it
    pub(super) asked: bool,
    /// The peer that comes nearest, or breaks it furthest; none where the criterion asks nothing
    pub(super) peer: Option<&'static str>,
    /// Dollars of waste per picture for 1 and 3, prices per extra picture for 2
    pub(super) figure: f64,
}

impl Verdict {
    /// There is no peer to be measured by.
    const NOBODY: Self = Self {
        kept: true,
        asked: true,
        peer: None,
        figure: 0.0,
    };

    fn of(nearest: Option<(&'static str, f64)>, kept: impl Fn(f64) -> bool) -> Self {
        nearest.map_or(Self::NOBODY, |(peer, figure)| Self {
            kept: kept(figure),
            asked: true,
            peer: Some(peer),
            figure,
        })
    }

    /// Where the scenario does not ask for it; the peer and the figure stand all the same.
    const fn not_asked(self) -> Self {
        Self {
            kept: true,
            asked: false,
            ..self
        }
    }
}

impl Judgement {
    /// Of `ours` beside all peers.
    pub(super) fn of<'a>(
        scenario: &Scenario,
        ours: &Figures,
        row: impl Iterator<Item = (&'static Policy, &'a Figures)>,
    ) -> Self {
        let peers: Vec<_> = row.filter(|(policy, _)| !policy.is_ours()).collect();
        let noise = Noise::of(ours.operations);
        let least = |figures: &mut dyn Iterator<Item = (&'static str, f64)>| {
            figures.min_by(|one, other| one.1.total_cmp(&other.1))
        };
        let delivered = ours.delivered_percent();
        let waste = ours.wasted_per_picture();

        let as_many = peers
            .iter()
            .filter(|(_, peer)| peer.delivered_percent() >= delivered - noise.points);
        let mut as_many = as_many.map(|(policy, peer)| (policy.name, peer.wasted_per_picture()));

        let more = peers
            .iter()
            .filter(|(_, peer)| peer.delivered_percent() > delivered + noise.points);
        let mut extra = more.filter_map(|(policy, peer)| {
            Some((policy.name, prices_of_each_extra_picture(ours, peer)?))
        });

        let best = peers.iter().map(|(_, peer)| peer.delivered).max();
        let delivering = |peer: &Figures| 3 * peer.delivered >= best.unwrap_or(0).max(1);
        let delivering = peers.iter().filter(|(_, peer)| delivering(peer));
        let mut frugal = delivering.map(|(policy, peer)| (policy.name, peer.wasted_per_picture()));

        let frugal = Verdict::of(least(&mut frugal), |peer| waste <= peer + noise.dollars);
        let frugal = match scenario.costs_more {
            Some(_) => frugal.not_asked(),
            None => frugal,
        };
        Self {
            as_many: Verdict::of(least(&mut as_many), |peer| waste <= peer + noise.dollars),
            extra: Verdict::of(least(&mut extra), |prices| prices > WORTH),
            frugal,
        }
    }

    /// Whether all three are kept.
    pub(super) const fn kept(&self) -> bool {
        self.as_many.kept && self.extra.kept && self.frugal.kept
    }

    /// The criteria that are broken, by number.
    pub(super) fn broken(&self) -> impl Iterator<Item = (usize, &Verdict)> {
        let all = [&self.as_many, &self.extra, &self.frugal];
        (1..).zip(all).filter(|(_, verdict)| !verdict.kept)
    }
}

/// What `peer` was charged beyond ours, in prices of the pictures that it delivered beyond ours; nothing where its
/// pictures are worth no more.
fn prices_of_each_extra_picture(ours: &Figures, peer: &Figures) -> Option<f64> {
    let more = |peer: u64, ours: u64| peer as f64 - ours as f64;
    let pictures = more(peer.pictures_micros(), ours.pictures_micros());
    (pictures > 0.0).then(|| more(peer.charged_micros, ours.charged_micros) / pictures)
}
