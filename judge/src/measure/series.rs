//! Numbers over time, with one point for each change. The points are thinned as they come, so that a chart can show them and a
//! long run needs no more memory than a short one. Thinning never loses a peak.

use crate::summary::{DoubtInterval, LocksHeld, Throughput};
use indoubt_proto::ids::{NodeId, TxnId};

/// The most points of `locks_held`, and the most intervals in doubt, that are kept.
const POINTS: usize = 400;
/// The most intervals of `throughput_tps`.
const INTERVALS: i64 = 240;
/// The number of points that a stretch of time keeps: the first, the last, the four highest and the lowest.
const KEPT: usize = 7;

type Point = (i64, LocksHeld);

/// The series `locks_held` while the trace is read: one point for each instant of a change, with the state after it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LockSeries {
    /// The last point. More changes may follow in the same instant.
    last: Option<Point>,
    /// The earlier points, while there are few of them.
    whole: Vec<Point>,
    /// The earlier points, when there are many of them: in stretches of time that all have this width.
    stretches: Vec<Stretch>,
    width: i64,
}

/// The points that are kept of one stretch of time, which begins at a multiple of the width.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    number: i64,
    first: Point,
    last: Point,
    highest: [Point; 4],
    fewest: Point,
}

impl Stretch {
    fn of(number: i64, point: Point) -> Self {
        Stretch { number, first: point, last: point, highest: [point; 4], fewest: point }
    }

    fn columns((_, held): &Point) -> [u64; 4] {
        [held.held, held.in_doubt, held.waiters, held.pending]
    }

    /// Joins the next stretch to this one.
    fn join(&mut self, next: &Stretch) {
        self.last = next.last;
        for column in 0..self.highest.len() {
            if Self::columns(&next.highest[column])[column] > Self::columns(&self.highest[column])[column] {
                self.highest[column] = next.highest[column];
            }
        }
        if next.fewest.1.held < self.fewest.1.held {
            self.fewest = next.fewest;
        }
    }

    /// The points, each once, in order.
    fn points(&self) -> Vec<Point> {
        let mut points = vec![self.first, self.last, self.fewest];
        points.extend(self.highest);
        points.sort_unstable_by_key(|(t, _)| *t);
        points.dedup_by_key(|(t, _)| *t);
        points
    }
}

impl LockSeries {
    pub(crate) fn push(&mut self, t: i64, now: LocksHeld) {
        match &mut self.last {
            Some((last, point)) if *last == t => *point = now,
            Some((_, point)) if *point == now => {}
            last => {
                if let Some(over) = last.replace((t, now)) {
                    self.keep(over);
                }
            }
        }
    }

    fn keep(&mut self, point: Point) {
        if self.width > 0 {
            return self.keep_in_stretch(point);
        }
        self.whole.push(point);
        // `last` is one of the points too.
        if self.whole.len() >= POINTS {
            let points = std::mem::take(&mut self.whole);
            self.width = 1;
            points.into_iter().for_each(|point| self.keep_in_stretch(point));
        }
    }

    fn keep_in_stretch(&mut self, point: Point) {
        let one = Stretch::of(point.0.div_euclid(self.width), point);
        match self.stretches.last_mut() {
            Some(last) if last.number == one.number => last.join(&one),
            _ => self.stretches.push(one),
        }
        // One stretch is reserved for the points at the end of the series.
        while self.stretches.len() >= POINTS / KEPT {
            self.width *= 2;
            let narrow = std::mem::take(&mut self.stretches);
            for mut stretch in narrow {
                stretch.number = stretch.number.div_euclid(2);
                match self.stretches.last_mut() {
                    Some(last) if last.number == stretch.number => last.join(&stretch),
                    _ => self.stretches.push(stretch),
                }
            }
        }
    }

    /// The finished series, with a point at `end`.
    pub(crate) fn finish(mut self, end: i64) -> Vec<LocksHeld> {
        let Some((t, last)) = self.last else {
            return Vec::new();
        };
        let mut points = std::mem::take(&mut self.whole);
        points.extend(self.stretches.iter().flat_map(Stretch::points));
        points.push((t, last));
        if t < end {
            points.push((end, last));
        }
        let stamp = |(t, point): Point| LocksHeld { t_ms: t as f64 / 1_000.0, ..point };
        points.into_iter().map(stamp).collect()
    }
}

/// The time in doubt of one branch, until the decision or the end of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) txn: TxnId,
    pub(crate) node: NodeId,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) censored: bool,
}

/// The finished intervals in doubt. If there are more than [`POINTS`], every n-th one and the longest are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct DoubtSeries {
    kept: Vec<Interval>,
    /// The number of intervals that have ended. One of 2^`thinned` is kept.
    ended: u64,
    thinned: u32,
    longest: Option<Interval>,
}

impl DoubtSeries {
    pub(crate) fn push(&mut self, interval: Interval) {
        if self.longest.is_none_or(|longest| interval.to - interval.from > longest.to - longest.from) {
            self.longest = Some(interval);
        }
        if self.ended.is_multiple_of(1 << self.thinned) {
            self.kept.push(interval);
        }
        self.ended += 1;
        // After the first thinning, one entry is reserved for the longest interval.
        if self.kept.len() > POINTS - usize::from(self.thinned > 0) {
            self.thinned += 1;
            let mut even = false;
            self.kept.retain(|_| {
                even = !even;
                even
            });
        }
    }

    /// The intervals, in the order of their start.
    pub(crate) fn finish(mut self) -> Vec<DoubtInterval> {
        let name = |interval: &Interval| (interval.from, interval.txn, interval.node);
        if let Some(longest) = self.longest
            && !self.kept.iter().any(|interval| name(interval) == name(&longest))
        {
            self.kept.push(longest);
        }
        self.kept.sort_by_key(name);
        let shown = |interval: Interval| DoubtInterval {
            node: interval.node,
            txn: interval.txn,
            from_ms: interval.from as f64 / 1_000.0,
            to_ms: interval.to as f64 / 1_000.0,
            censored: interval.censored,
        };
        self.kept.into_iter().map(shown).collect()
    }
}

/// The valid lengths of the intervals of `throughput_tps` in milliseconds. Longer ones are multiples of the last.
const NICE_MS: [i64; 10] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 600_000];
/// Pairs of a step and an interval, in milliseconds. Successes are counted by steps of this length once the run is longer than
/// [`INTERVALS`] intervals of the second number. All interval lengths that are then still possible are multiples of the step.
const STEPS_MS: [(i64, i64); 7] =
    [(100, 0), (1_000, 500), (5_000, 2_000), (10_000, 5_000), (30_000, 10_000), (60_000, 30_000), (600_000, 60_000)];

/// Counts successes over time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Successes {
    /// The number of successes in each step of time.
    counts: Vec<u64>,
    /// The index of the current step in [`STEPS_MS`].
    step: usize,
}

impl Successes {
    pub(crate) fn add(&mut self, t: i64) {
        while let Some((step_ms, after_ms)) = STEPS_MS.get(self.step + 1)
            && t > INTERVALS * after_ms * 1_000
        {
            let joined = (step_ms / STEPS_MS[self.step].0) as usize;
            self.counts = self.counts.chunks(joined).map(|counts| counts.iter().sum()).collect();
            self.step += 1;
        }
        let at = usize::try_from(t.max(0) / (STEPS_MS[self.step].0 * 1_000)).unwrap_or(0);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    /// Successes per second, for each interval of [0, `end`).
    pub(crate) fn throughput(&self, end: i64) -> Vec<Throughput> {
        let end = end.max(1);
        let fits = |ms: &i64| end <= INTERVALS * ms * 1_000;
        let longest = NICE_MS[NICE_MS.len() - 1];
        let beyond = || (end - 1) / (INTERVALS * longest * 1_000) * longest + longest;
        let interval = NICE_MS.into_iter().find(fits).unwrap_or_else(beyond) * 1_000;
        let mut counts = vec![0u64; usize::try_from((end + interval - 1) / interval).unwrap_or(0)];
        let last = counts.len() - 1;
        for (step, count) in (0..).zip(&self.counts) {
            let t: i64 = step * STEPS_MS[self.step].0 * 1_000;
            counts[usize::try_from(t / interval).unwrap_or(0).min(last)] += count;
        }
        let point = |(at, count): (usize, u64)| Throughput {
            t_ms: (at as i64 * interval) as f64 / 1_000.0,
            interval_ms: interval as f64 / 1_000.0,
            tps: count as f64 * 1e6 / interval as f64,
        };
        counts.into_iter().enumerate().map(point).collect()
    }
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
        let shown = |intervals: &mut dyn Iterator<Item = Interval>| {
            let mut series = DoubtSeries::default();
            intervals.for_each(|interval| series.push(interval));
            series.finish()
        };
        let few = shown(&mut (0..400).map(interval));
        let shown = shown(&mut (0..5_000).rev().map(interval));
        assert!(shown.len() <= POINTS && shown.len() > POINTS / 2, "{}", shown.len());
        assert!(shown.is_sorted_by(|a, b| a.from_ms < b.from_ms));
        assert!(shown.iter().any(|i| i.censored && i.to_ms == 1_000.0 && i.txn.number == 777));
        assert_eq!(few.len(), 400);
    }

    #[test]
    fn throughput_counts_each_success_once() {
        let throughput = |times: &[i64], end| {
            let mut successes = Successes::default();
            times.iter().for_each(|t| successes.add(*t));
            successes.throughput(end)
        };
        let points = throughput(&[0, 99_999, 100_000, 250_000], 300_000);
        assert_eq!(points.iter().map(|p| p.tps).collect::<Vec<_>>(), [20.0, 10.0, 10.0]);
        assert_eq!((points[1].t_ms, points[1].interval_ms), (100.0, 100.0));
        assert!(throughput(&[1], 3_600_000_000).len() as i64 <= INTERVALS);
        // For every length of the run, each success is counted in the interval in which it was told.
        let mut end = 50_000;
        while end < 400_000_000_000 {
            let times: Vec<i64> = (0..1_000).map(|n| end / 1_000 * n).chain([end]).collect();
            let points = throughput(&times, end);
            assert!(points.len() as i64 <= INTERVALS, "{end}");
            let interval = (points[0].interval_ms * 1_000.0) as i64;
            for (at, point) in points.iter().enumerate() {
                let slot = |t: &i64| ((t / interval) as usize).min(points.len() - 1);
                let right = times.iter().filter(|t| slot(t) == at).count();
                assert_eq!((point.tps * interval as f64 / 1e6).round() as usize, right, "{end} {at}");
            }
            end = end * 7 / 3;
        }
    }
}
