//! The journal of a node on a simulated disk: a durable prefix, and a tail. Any prefix of the tail may survive a crash. While a
//! compaction is being forced, a crash finds the old file with a prefix of the tail, or the new file with a prefix of what follows.

use indoubt_driver::random::LazyStream;
use indoubt_proto::{
    ids::{LogId, Lsn},
    machine::{Logged, Write},
    planted::{Mutant, Planted},
};
use rand::RngExt;
use std::collections::VecDeque;

/// A forced write in progress.
#[derive(Clone, Debug)]
struct Force<R> {
    upto: Lsn,
    replacement: Option<Replacement<R>>,
}

/// A compaction: these records replace the log up to this record.
type Replacement<R> = (Lsn, Vec<R>);

/// The journal of one node. It has group commit: a forced write covers everything that was appended before it began. Later records
/// wait for the next one.
#[derive(Clone, Debug)]
pub(super) struct Journal<R> {
    log: LogId,
    durable: Vec<Logged<R>>,
    tail: VecDeque<(Lsn, R)>,
    last: Lsn,
    /// The last record that a compaction has replaced; 0 if there was none.
    base: Lsn,
    /// The last record that must be forced.
    wanted: Lsn,
    /// The last record that a finished forced write covers.
    forced: Lsn,
    under_way: Option<Force<R>>,
    /// The compaction that the next forced write performs.
    replacement: Option<Replacement<R>>,
    planted: Planted,
    /// With a planted bug: the number of records before a torn one, at which every replay ends.
    torn: Option<usize>,
}

impl<R: Clone> Journal<R> {
    pub(super) fn new(log: LogId, planted: Planted) -> Self {
        Journal {
            log,
            durable: Vec::new(),
            tail: VecDeque::new(),
            last: Lsn(0),
            base: Lsn(0),
            wanted: Lsn(0),
            forced: Lsn(0),
            under_way: None,
            replacement: None,
            planted,
            torn: None,
        }
    }

    pub(super) fn log(&self) -> LogId {
        self.log
    }

    /// The number of the last record.
    pub(super) fn last(&self) -> Lsn {
        self.last
    }

    /// The last durable record.
    pub(super) fn durable_end(&self) -> Lsn {
        self.forced
    }

    /// All records in order, for the recovery of a machine.
    pub(super) fn records(&self) -> Vec<Logged<R>> {
        debug_assert!(self.tail.is_empty(), "a crash has cut the tail before anything recovers");
        self.durable.clone()
    }

    pub(super) fn append(&mut self, lsn: Lsn, record: R, write: Write) {
        self.last = lsn;
        self.tail.push_back((lsn, record));
        if write == Write::Forced {
            self.wanted = lsn;
        }
    }

    /// Replaces the log up to a record, with the next forced write.
    pub(super) fn compact(&mut self, upto: Lsn, records: Vec<R>) {
        self.replacement = Some((upto, records));
        self.wanted = self.wanted.max(upto);
    }

    /// Whether a forced write must begin and none is in progress.
    pub(super) fn is_due(&self) -> bool {
        self.under_way.is_none() && (self.wanted > self.forced || self.replacement.is_some())
    }

    /// Whether there are lazy records that no forced write will cover.
    pub(super) fn is_idle_with_tail(&self) -> bool {
        self.under_way.is_none() && !self.is_due() && !self.tail.is_empty()
    }

    /// The number of records that no finished forced write covers.
    pub(super) fn tail(&self) -> usize {
        self.tail.len()
    }

    /// If a compaction is not durable yet: the number of records that follow those that it replaces.
    pub(super) fn behind_compaction(&self) -> Option<usize> {
        let (upto, _) = self.compaction()?;
        Some(self.tail.iter().filter(|(lsn, _)| lsn > upto).count())
    }

    /// The compaction whose new file a crash may find in place. If a second one waits, the first one comes before it.
    fn compaction(&self) -> Option<&Replacement<R>> {
        let forced = self.under_way.as_ref().and_then(|force| force.replacement.as_ref());
        forced.or(self.replacement.as_ref())
    }

    /// Whether everything is durable.
    pub(super) fn is_flushed(&self) -> bool {
        self.under_way.is_none() && self.replacement.is_none() && self.tail.is_empty()
    }

    /// Begins a forced write of everything that was appended so far.
    pub(super) fn begin(&mut self) {
        debug_assert!(self.under_way.is_none());
        self.under_way = Some(Force { upto: self.last, replacement: self.replacement.take() });
    }

    /// Finishes the forced write. Returns the last record that is now durable.
    pub(super) fn finish(&mut self) -> Lsn {
        let Force { upto, replacement } = self.under_way.take().expect("a force that returns was begun");
        let safe = if self.planted.is(Mutant::DurableTooEarly) { self.forced } else { upto };
        if let Some(replacement) = replacement {
            self.replace(replacement);
        }
        while self.tail.front().is_some_and(|(lsn, _)| *lsn <= safe) {
            let (lsn, record) = self.tail.pop_front().expect("just seen");
            self.durable.push(Logged { lsn, compacted: false, record });
        }
        self.forced = upto;
        upto
    }

    /// Puts the new file of a compaction into the place of the old one.
    fn replace(&mut self, (upto, records): Replacement<R>) {
        self.torn = None;
        self.base = upto;
        let replaced = std::mem::take(&mut self.durable);
        self.durable = records.into_iter().map(|record| Logged { lsn: upto, compacted: true, record }).collect();
        self.durable.extend(replaced.into_iter().filter(|logged| !logged.compacted && logged.lsn > upto));
        while self.tail.front().is_some_and(|(lsn, _)| *lsn <= upto) {
            self.tail.pop_front();
        }
        self.forced = self.forced.max(upto);
    }

    /// The node crashed. A prefix of the tail survives: `keep` records. If `keep` is larger than the tail and a compaction was not
    /// durable yet, its new file is in place, with the rest of `keep`, counted from 1, of the records that follow. `None`: the
    /// number is drawn from the stream of the disk.
    pub(super) fn crash(&mut self, keep: Option<u64>, random: &mut LazyStream) {
        let renewed = self.behind_compaction().map_or(0, |behind| behind + 1);
        let mut survivors = match keep {
            Some(keep) => usize::try_from(keep).unwrap_or(usize::MAX),
            None => random.get().random_range(0..=self.tail.len() + renewed),
        };
        if renewed > 0 && survivors > self.tail.len() {
            survivors -= self.tail.len() + 1;
            let replacement = self.under_way.take().and_then(|force| force.replacement).or(self.replacement.take());
            self.replace(replacement.expect("a compaction is not durable yet"));
        }
        if self.planted.is(Mutant::ReplacedTooEarly) && self.compaction().is_some() {
            self.durable.clear();
            self.forced = Lsn(0);
        }
        let tears = survivors < self.tail.len();
        self.tail.truncate(survivors);
        self.durable.extend(self.tail.drain(..).map(|(lsn, record)| Logged { lsn, compacted: false, record }));
        if self.planted.is(Mutant::TornRecordIgnored) {
            self.leave_torn(tears);
        }
        if self.planted.is(Mutant::DurableTooEarly) {
            self.forced = Lsn(0);
        }
        self.under_way = None;
        self.replacement = None;
        self.last = self.durable.last().map_or(self.forced, |logged| logged.lsn.max(self.forced));
        self.wanted = self.last;
        self.forced = self.last;
    }

    /// With the planted bug, the journal keeps a torn record and appends after it, instead of cutting it off.
    fn leave_torn(&mut self, tears: bool) {
        match self.torn {
            Some(torn) => {
                self.durable.truncate(torn);
                self.forced = Lsn(0);
            }
            None if tears => self.torn = Some(self.durable.len()),
            None => {}
        }
    }

    /// Replaces the journal, which is lost, by an empty one.
    pub(super) fn lose(&mut self, log: LogId) {
        *self = Journal::new(log, self.planted);
    }

    /// A copy of what is durable.
    pub(super) fn copy(&self) -> Self {
        let Journal { log, base, forced, planted, torn, .. } = *self;
        let durable = self.durable.clone();
        Journal { durable, base, last: forced, wanted: forced, forced, torn, ..Journal::new(log, planted) }
    }

    /// Keeps the first records only, so many. What a compaction has replaced stays together. The node must be down.
    pub(super) fn keep_first(&mut self, records: u64) {
        let last = self.base.max(Lsn(records)).min(self.last);
        self.durable.retain(|logged| logged.compacted || logged.lsn <= last);
        (self.last, self.wanted, self.forced) = (last, last, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_driver::random::of_disk;
    use indoubt_proto::ids::NodeId;
    use rand::Rng;
    use std::collections::BTreeSet;

    fn appended(writes: &[(u64, Write)]) -> Journal<u64> {
        let mut journal = Journal::new(LogId(1), Planted::default());
        for (lsn, write) in writes {
            journal.append(Lsn(*lsn), *lsn, *write);
        }
        journal
    }

    fn survivors(journal: &Journal<u64>) -> Vec<u64> {
        journal.records().into_iter().map(|logged| logged.record).collect()
    }

    #[test]
    fn a_force_covers_what_was_appended_before_it_began_and_lazy_records_ride_along() {
        let mut journal = appended(&[(1, Write::Lazy)]);
        assert!(!journal.is_due() && journal.is_idle_with_tail());
        journal.append(Lsn(2), 2, Write::Forced);
        assert!(journal.is_due());
        journal.begin();
        journal.append(Lsn(3), 3, Write::Forced);
        assert!(!journal.is_due(), "one force at a time");
        assert_eq!(journal.finish(), Lsn(2));
        assert!(journal.is_due() && !journal.is_flushed());
        journal.begin();
        assert_eq!(journal.finish(), Lsn(3));
        assert!(!journal.is_due() && journal.is_flushed());
    }

    #[test]
    fn a_crash_keeps_what_was_forced_and_any_prefix_of_the_tail() {
        let mut seen = BTreeSet::new();
        for seed in 0..50 {
            let mut journal = appended(&[(1, Write::Forced)]);
            journal.begin();
            journal.finish();
            journal.append(Lsn(2), 2, Write::Lazy);
            journal.append(Lsn(3), 3, Write::Forced);
            journal.begin();
            journal.crash(None, &mut of_disk(seed, NodeId::participant(1)));
            assert_eq!(journal.last().0, *survivors(&journal).last().unwrap());
            assert!(!journal.is_due() && journal.is_flushed());
            seen.insert(survivors(&journal));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [vec![1], vec![1, 2], vec![1, 2, 3]]);
    }

    #[test]
    fn a_crash_that_says_how_much_of_the_tail_survives_draws_nothing() {
        let mut random = of_disk(1, NodeId::participant(1));
        for (keep, left) in [(0, 1), (1, 2), (2, 3), (3, 3), (u64::MAX, 3)] {
            let mut journal = appended(&[(1, Write::Forced)]);
            journal.begin();
            journal.finish();
            journal.append(Lsn(2), 2, Write::Lazy);
            journal.append(Lsn(3), 3, Write::Forced);
            journal.crash(Some(keep), &mut random);
            assert_eq!((journal.last(), survivors(&journal).len()), (Lsn(left), left as usize));
        }
        assert_eq!(random.get().next_u64(), of_disk(1, NodeId::participant(1)).get().next_u64());
    }

    #[test]
    fn an_older_copy_has_what_was_durable_and_the_first_records_are_kept_with_what_was_compacted() {
        let mut journal = appended(&[(1, Write::Forced), (2, Write::Forced)]);
        journal.begin();
        journal.append(Lsn(3), 3, Write::Lazy);
        assert_eq!(survivors_of_copy(&journal), (Lsn(0), vec![]));
        journal.finish();
        assert_eq!(survivors_of_copy(&journal), (Lsn(2), vec![1, 2]));
        journal.compact(Lsn(3), vec![13]);
        journal.append(Lsn(4), 4, Write::Forced);
        journal.begin();
        journal.finish();
        for (records, last, left) in [(9, 4, vec![13, 4]), (4, 4, vec![13, 4]), (3, 3, vec![13]), (0, 3, vec![13])] {
            let mut journal = journal.clone();
            journal.keep_first(records);
            assert_eq!((journal.last(), journal.durable_end(), survivors(&journal)), (Lsn(last), Lsn(last), left));
        }
    }

    fn survivors_of_copy(journal: &Journal<u64>) -> (Lsn, Vec<u64>) {
        let copy = journal.copy();
        (copy.last(), survivors(&copy))
    }

    #[test]
    fn a_compaction_replaces_the_log_only_once_its_force_returned() {
        let mut journal = appended(&[(1, Write::Forced), (2, Write::Lazy)]);
        journal.begin();
        journal.finish();
        assert_eq!(journal.behind_compaction(), None);
        journal.compact(Lsn(2), vec![12]);
        assert!(journal.is_due());
        journal.append(Lsn(3), 3, Write::Lazy);
        journal.begin();
        assert_eq!(journal.behind_compaction(), Some(1));
        assert_eq!(journal.finish(), Lsn(3));
        assert_eq!(survivors(&journal), [12, 3]);
        assert_eq!((journal.last(), journal.behind_compaction()), (Lsn(3), None));
    }

    #[test]
    fn a_crash_in_a_compaction_finds_the_old_file_or_the_new_one() {
        let mut journal = appended(&[(1, Write::Forced)]);
        journal.begin();
        journal.finish();
        journal.append(Lsn(2), 2, Write::Lazy);
        journal.compact(Lsn(2), vec![12]);
        journal.append(Lsn(3), 3, Write::Lazy);
        let found: [(u64, &[u64], u64); 6] = [
            (0, &[1], 1),
            (1, &[1, 2], 2),
            (2, &[1, 2, 3], 3),
            (3, &[12], 2),
            (4, &[12, 3], 3),
            (u64::MAX, &[12, 3], 3),
        ];
        let mut begun = journal.clone();
        begun.begin();
        for journal in [journal, begun] {
            for (keep, expected, last) in found {
                let mut died = journal.clone();
                died.crash(Some(keep), &mut of_disk(1, NodeId::participant(1)));
                assert_eq!((survivors(&died).as_slice(), died.last()), (expected, Lsn(last)), "{keep}");
                assert!(died.is_flushed() && !died.is_due());
            }
            let drawn = (0..100).map(|seed| {
                let mut died = journal.clone();
                died.crash(None, &mut of_disk(seed, NodeId::participant(1)));
                survivors(&died)
            });
            let expected: BTreeSet<Vec<u64>> = found.iter().map(|(_, survivors, _)| survivors.to_vec()).collect();
            assert_eq!(drawn.collect::<BTreeSet<_>>(), expected);
        }
    }
}
