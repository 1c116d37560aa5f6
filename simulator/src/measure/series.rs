//! Numbers over time: a point wherever something changed, thinned so that a chart can hold them, but never so that a peak
//! is lost.

use super::doubt::Interval;
use crate::summary::{DoubtInterval, LocksHeld, Throughput};

/// How many points of `locks_held` are kept, at most.
const POINTS: usize = 400;
/// How many intervals of `throughput_tps` there are, at most.
const INTERVALS: i64 = 240;

/// The series `locks_held` as it grows: one point for each instant at which something changed, with what held after it.
#[derive(Clone, Debug, Default)]
pub(super) struct LockSeries {
    points: Vec<(i64, LocksHeld)>,
}

impl LockSeries {
    pub(super) fn push(&mut self, t: i64, now: LocksHeld) {
        match self.points.last_mut() {
            Some((last, point)) if *last == t => *point = now,
            Some((_, point)) if *point == now => {}
            _ => self.points.push((t, now)),
        }
    }

    /// Thinned, and closed with a point at `end`.
    pub(super) fn finish(mut self, end: i64) -> Vec<LocksHeld> {
        let Some((_, last)) = self.points.last().copied() else {
            return Vec::new();
        };
        self.push(end, last);
        if self.points.last().is_some_and(|(t, _)| *t < end) {
            self.points.push((end, last));
        }
        let stamp = |(t, point): (i64, LocksHeld)| LocksHeld { t_ms: t as f64 / 1_000.0, ..point };
        thin(&self.points).into_iter().map(stamp).collect()
    }
}

/// At most [`POINTS`] of `points`: of each of equal stretches of time the first and last point, and those where a column is
/// highest or where fewest locks are held.
fn thin(points: &[(i64, LocksHeld)]) -> Vec<(i64, LocksHeld)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    /// First, last, four highest, one lowest.
    const KEPT: usize = 7;
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let stretches = (POINTS / KEPT) as i64;
    let stretch_of = |t: i64| ((t - first) * stretches / (last - first + 1)).min(stretches - 1);
    let mut kept = Vec::with_capacity(POINTS);
    for stretch in points.chunk_by(|a, b| stretch_of(a.0) == stretch_of(b.0)) {
        let columns: [fn(&LocksHeld) -> u64; 4] = [|p| p.held, |p| p.in_doubt, |p| p.waiters, |p| p.pending];
        let highest = |column: &fn(&LocksHeld) -> u64| (0..stretch.len()).max_by_key(|at| column(&stretch[*at].1));
        let mut chosen: Vec<usize> = columns.iter().filter_map(highest).collect();
        chosen.extend((0..stretch.len()).min_by_key(|at| stretch[*at].1.held));
        chosen.extend([0, stretch.len() - 1]);
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|at| stretch[at]));
    }
    kept
}

/// The intervals in doubt in the order of their begin; of more than [`POINTS`] every n-th and the longest.
pub(super) fn doubt_intervals(mut intervals: Vec<Interval>) -> Vec<DoubtInterval> {
    intervals.sort_by_key(|interval| (interval.from, interval.txn, interval.node));
    let longest = (0..intervals.len()).max_by_key(|at| intervals[*at].to - intervals[*at].from);
    // One place is for the longest.
    let every = if intervals.len() <= POINTS { 1 } else { intervals.len().div_ceil(POINTS - 1) };
    let shown = |(at, interval): (usize, Interval)| {
        (at % every == 0 || Some(at) == longest).then(|| DoubtInterval {
            node: interval.node.to_string(),
            txn: interval.txn.to_string(),
            from_ms: interval.from as f64 / 1_000.0,
            to_ms: interval.to as f64 / 1_000.0,
            censored: interval.censored,
        })
    };
    intervals.into_iter().enumerate().filter_map(shown).collect()
}

/// Successes a second, interval by interval over [0, `end`).
pub(super) fn throughput(successes: &[i64], end: i64) -> Vec<Throughput> {
    const NICE_MS: [i64; 10] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 600_000];
    let end = end.max(1);
    let fits = |ms: &i64| end <= INTERVALS * ms * 1_000;
    let interval = NICE_MS.into_iter().find(fits).unwrap_or(end / (INTERVALS * 1_000) + 1) * 1_000;
    let mut counts = vec![0u64; usize::try_from((end + interval - 1) / interval).unwrap_or(0)];
    for t in successes {
        let at = usize::try_from((*t).max(0) / interval).unwrap_or(0).min(counts.len() - 1);
        counts[at] += 1;
    }
    let point = |(at, count): (usize, u64)| Throughput {
        t_ms: (at as i64 * interval) as f64 / 1_000.0,
        interval_ms: interval as f64 / 1_000.0,
        tps: count as f64 * 1e6 / interval as f64,
    };
    counts.into_iter().enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(held: u64, waiters: u64) -> LocksHeld {
        LocksHeld { held, waiters, ..LocksHeld::default() }
    }

    #[test]
    fn thinning_keeps_the_peaks_the_ends_and_the_order() {
        let mut series = LockSeries::default();
        for t in 0..10_000 {
            series.push(t * 1_000, held(5 + t as u64 % 2, 0));
        }
        series.push(10_000_500, held(77, 0));
        series.push(10_001_000, held(5, 99));
        series.push(10_002_000, held(0, 0));
        let points = series.finish(12_000_000);
        assert!(points.len() <= POINTS, "{}", points.len());
        assert!(points.iter().any(|p| p.held == 77) && points.iter().any(|p| p.waiters == 99));
        assert!(points.is_sorted_by(|a, b| a.t_ms < b.t_ms));
        assert_eq!((points[0].t_ms, points[0].held), (0.0, 5));
        assert_eq!(points.last().map(|p| (p.t_ms, p.held)), Some((12_000.0, 0)));
    }

    #[test]
    fn a_short_series_is_kept_whole_and_an_instant_has_one_point() {
        let mut series = LockSeries::default();
        series.push(1_000, held(1, 0));
        series.push(1_000, held(2, 0));
        series.push(2_000, held(2, 0));
        series.push(3_000, held(0, 0));
        let times: Vec<(f64, u64)> = series.finish(3_000).iter().map(|p| (p.t_ms, p.held)).collect();
        assert_eq!(times, [(1.0, 2), (3.0, 0)]);
        assert!(LockSeries::default().finish(5).is_empty());
    }

    #[test]
    fn of_many_intervals_in_doubt_the_longest_is_kept() {
        use indoubt_proto::ids::{NodeId, TxnId};
        let interval = |n: i64| Interval {
            txn: TxnId { home: NodeId::coordinating(1), client: NodeId::client(1), number: n as u64 },
            node: NodeId::participant(1),
            from: n,
            to: if n == 777 { 1_000_000 } else { n + 1 },
            censored: n == 777,
        };
        let shown = doubt_intervals((0..5_000).rev().map(interval).collect());
        assert!(shown.len() <= POINTS && shown.len() > POINTS / 2, "{}", shown.len());
        assert!(shown.is_sorted_by(|a, b| a.from_ms < b.from_ms));
        assert!(shown.iter().any(|i| i.censored && i.to_ms == 1_000.0 && i.txn == "c1-k1-777"));
        assert_eq!(doubt_intervals((0..400).map(interval).collect()).len(), 400);
    }

    #[test]
    fn throughput_counts_each_success_once() {
        let points = throughput(&[0, 99_999, 100_000, 250_000], 300_000);
        assert_eq!(points.iter().map(|p| p.tps).collect::<Vec<_>>(), [20.0, 10.0, 10.0]);
        assert_eq!((points[1].t_ms, points[1].interval_ms), (100.0, 100.0));
        assert!(throughput(&[1], 3_600_000_000).len() as i64 <= INTERVALS);
    }
}
