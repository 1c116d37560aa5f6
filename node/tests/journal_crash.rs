//! Tests of kills and power cuts: afterwards the journal has every record that was reported as durable, and only records that were
//! appended.

mod journal_support;

use indoubt_node::journal::{CutReport, Journal, JournalError, cut_tail};
use indoubt_proto::ids::Lsn;
use journal_support::{
    Done, Found, TestDisk, copy, directory, force, found, inode, open, open_on, payload, plain, try_open, wait_for,
    write,
};
use proptest::{collection::vec, prelude::*};
use std::{collections::BTreeSet, fs, sync::Arc};

#[test]
fn a_kill_at_any_instant_of_the_first_start_leaves_a_directory_that_opens() {
    let dir = directory();
    let disk = Arc::new(TestDisk::default());
    disk.photograph(dir.path());
    let (journal, _) = open_on(&disk, dir.path());
    drop(journal);
    let mut identities = BTreeSet::new();
    for picture in disk.pictures() {
        let (_journal, recovered) = try_open(picture.path()).unwrap();
        assert_eq!(recovered.records().count(), 0);
        identities.insert((recovered.log, recovered.incarnation));
    }
    assert!(identities.len() > 3, "before and after the journal was made: {identities:?}");
}

#[test]
fn a_kill_at_any_instant_of_a_compaction_finds_the_old_journal_or_the_new_one() {
    let dir = directory();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    force(&mut journal, 1..=4);
    write(&mut journal, 5..=5);
    let log = try_open(copy(dir.path()).path()).unwrap().1.log;
    disk.photograph(dir.path());
    journal.compact(Lsn(5), ["all", "of it"]).unwrap();
    wait_for(&mut journal, 5);
    force(&mut journal, 6..=6);
    let mut seen = BTreeSet::new();
    for picture in disk.pictures() {
        let (_journal, recovered) = try_open(picture.path()).unwrap();
        assert_eq!(recovered.log, log);
        assert_eq!(recovered.torn, 0);
        assert!(!picture.path().join("journal.new").exists(), "leftovers are removed");
        seen.insert(found(&recovered));
    }
    let all = vec![(5, true, b"all".to_vec()), (5, true, b"of it".to_vec())];
    let expected = [plain(1..=5), all.clone(), [all, plain([6])].concat()];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn a_compaction_is_forced_before_it_gets_its_name_and_named_durably_before_anything_builds_on_it() {
    let dir = directory();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    write(&mut journal, 1..=4);
    disk.done();
    journal.compact(Lsn(4), ["all"]).unwrap();
    wait_for(&mut journal, 4);
    let (new, mark) = (inode(&dir.path().join("journal")), inode(&dir.path().join("durable")));
    let expected = [Done::Wrote(new), Done::Forced(new), Done::Renamed(new), Done::ForcedNames, Done::Wrote(mark)];
    assert_eq!(disk.done(), expected);
}

#[test]
fn what_is_recovered_is_forced_before_a_machine_can_rely_on_it() {
    let dir = directory();
    let (mut journal, _) = open(dir.path());
    write(&mut journal, 1..=4);
    drop(journal);
    let disk = Arc::new(TestDisk::default());
    let (_journal, recovered) = open_on(&disk, dir.path());
    assert_eq!(recovered, plain(1..=4));
    let (log, mark) = (inode(&dir.path().join("journal")), inode(&dir.path().join("durable")));
    let done = disk.done();
    let count = inode(&dir.path().join("incarnation"));
    let counted = [Done::Wrote(count), Done::Forced(count), Done::Renamed(count), Done::ForcedNames];
    assert_eq!(done, [&counted[..], &[Done::Forced(log), Done::Wrote(mark)]].concat());
}

#[test]
fn a_cut_keeps_what_was_forced_and_any_prefix_of_the_rest() {
    let dir = directory();
    let (mut journal, _) = open(dir.path());
    force(&mut journal, 1..=3);
    write(&mut journal, 4..=6);
    drop(journal);
    let mut reports = BTreeSet::new();
    for seed in 0..200 {
        let dir = copy(dir.path());
        let report = cut_tail(dir.path(), seed, None).unwrap();
        assert_eq!((report.last, report.durable), (Lsn(6), Lsn(3)));
        assert_eq!(cut_tail(copy(dir.path()).path(), seed, None).unwrap().durable, Lsn(3), "a cut may be cut again");
        let (_journal, recovered) = try_open(dir.path()).unwrap();
        assert_eq!(found(&recovered), plain(1..=report.kept.0));
        assert_eq!(recovered.torn > 0, report.torn);
        reports.insert((report.kept.0, report.torn));
    }
    // Every prefix, with and without a torn record behind it; behind the last there is nothing to tear.
    let expected = (3..6).flat_map(|kept| [(kept, false), (kept, true)]).chain([(6, false)]);
    assert_eq!(reports, expected.collect());
}

#[test]
fn a_cut_that_says_how_many_unforced_records_survive_keeps_as_many() {
    let dir = directory();
    let (mut journal, _) = open(dir.path());
    force(&mut journal, 1..=3);
    write(&mut journal, 4..=6);
    drop(journal);
    for (keep, kept) in [(0, 3), (1, 4), (3, 6), (4, 6), (u64::MAX, 6)] {
        for seed in 0..20 {
            let dir = copy(dir.path());
            let report = cut_tail(dir.path(), seed, Some(keep)).unwrap();
            assert_eq!((report.durable, report.kept), (Lsn(3), Lsn(kept)));
            let (_journal, recovered) = try_open(dir.path()).unwrap();
            assert_eq!(found(&recovered), plain(1..=kept));
        }
    }
}

#[test]
fn the_same_seed_cuts_the_same() {
    let dir = directory();
    let (mut journal, _) = open(dir.path());
    write(&mut journal, 1..=50);
    drop(journal);
    let cut = |seed| cut_tail(copy(dir.path()).path(), seed, None).unwrap();
    assert_eq!(cut(7), cut(7));
    assert!((0..10).map(cut).any(|report| report != cut(7)));
}

#[test]
fn a_cut_goes_no_deeper_than_a_slow_force_that_did_not_return() {
    let dir = directory();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    force(&mut journal, 1..=1);
    disk.hold();
    let before = disk.forces();
    journal_support::append(&mut journal, 2..=2);
    journal.flush(true).unwrap();
    disk.wait_for_forces(before + 1);
    let killed = copy(dir.path());
    disk.release();
    let cuts = (0..50).map(|seed| cut_tail(copy(killed.path()).path(), seed, None).unwrap().kept);
    assert_eq!(cuts.collect::<BTreeSet<_>>(), BTreeSet::from([Lsn(1), Lsn(2)]));
}

#[test]
fn without_a_journal_nothing_is_cut_and_without_a_mark_nothing_may_be() {
    let dir = directory();
    assert_eq!(cut_tail(dir.path(), 1, None).unwrap(), CutReport::default());
    let (mut journal, _) = open(dir.path());
    force(&mut journal, 1..=3);
    drop(journal);
    fs::remove_file(dir.path().join("durable")).unwrap();
    let error = cut_tail(dir.path(), 1, None).unwrap_err();
    assert!(matches!(&error, JournalError::Corrupt { path, .. } if path.ends_with("durable")), "{error}");
    assert_eq!(open(dir.path()).1, plain(1..=3));
}

/// What happens to a journal in the life of a node.
#[derive(Clone, Debug)]
enum Event {
    Write(u64),
    Force(u64),
    Compact(u64),
    /// SIGKILL, perhaps with a cut of this seed, then a restart.
    Kill(Option<u64>),
    /// Every sector that was not forced is there or is not, and so is the mark.
    PowerCut(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..40u64).prop_map(Event::Write),
        4 => (1..40u64).prop_map(Event::Force),
        1 => (0..5u64).prop_map(Event::Compact),
        2 => prop::option::of(any::<u64>()).prop_map(Event::Kill),
        3 => any::<u64>().prop_map(Event::PowerCut),
    ]
}

/// A journal and what it must hold.
struct Model {
    dir: tempfile::TempDir,
    journal: Option<Journal>,
    /// Everything that was written, in order, and how much of it was told to be durable.
    records: Vec<Found>,
    durable: usize,
    last: u64,
    /// The journal and all its marks, as the disk is known to have them.
    forced: Vec<u8>,
    marks: Vec<Vec<u8>>,
}

impl Model {
    fn new() -> Self {
        let dir = directory();
        let journal = Some(open(dir.path()).0);
        let mut model =
            Model { dir, journal, records: Vec::new(), durable: 0, last: 0, forced: Vec::new(), marks: Vec::new() };
        model.is_durable();
        model
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(name)).unwrap()
    }

    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().expect("open between events")
    }

    fn is_durable(&mut self) {
        self.durable = self.records.len();
        self.forced = self.file("journal");
        self.marks.push(self.file("durable"));
    }

    fn apply(&mut self, event: Event) {
        let last = self.last;
        match event {
            Event::Write(count) => {
                write(self.journal(), last + 1..=last + count);
                self.records.extend(plain(last + 1..=last + count));
                self.last += count;
            }
            Event::Force(count) => {
                force(self.journal(), last + 1..=last + count);
                self.records.extend(plain(last + 1..=last + count));
                self.last += count;
                self.is_durable();
            }
            Event::Compact(count) => {
                // A compaction of what is durable already tells nothing new, so a record goes before it.
                journal_support::append(self.journal(), [last + 1]);
                self.last += 1;
                self.journal().compact(Lsn(last + 1), (0..count).map(payload)).unwrap();
                wait_for(self.journal(), last + 1);
                self.records = (0..count).map(|number| (last + 1, true, payload(number))).collect();
                self.is_durable();
            }
            Event::Kill(cut) => {
                self.journal = None;
                if let Some(seed) = cut {
                    cut_tail(self.dir.path(), seed, None).unwrap();
                }
                self.reopen();
            }
            Event::PowerCut(seed) => {
                self.journal = None;
                self.cut_power(seed);
                self.reopen();
            }
        }
    }

    fn cut_power(&self, seed: u64) {
        const SECTOR: usize = 512;
        let written = self.file("journal");
        let mut draw = seed;
        let mut next = |below: usize| {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (draw >> 33) as usize % below
        };
        let mut survivor = if next(2) == 0 { self.forced.clone() } else { written.clone() };
        for start in (0..survivor.len()).step_by(SECTOR) {
            let old = next(2) == 0;
            for (at, byte) in survivor.iter_mut().enumerate().skip(start).take(SECTOR) {
                // What a file had never been given reads as zero.
                *byte = if old { self.forced.get(at) } else { written.get(at) }.copied().unwrap_or(0);
            }
        }
        fs::write(self.dir.path().join("journal"), survivor).unwrap();
        let mark = self.dir.path().join("durable");
        match next(self.marks.len() + 1) {
            0 => fs::remove_file(mark).unwrap(),
            number => fs::write(mark, &self.marks[number - 1]).unwrap(),
        }
    }

    fn reopen(&mut self) {
        let (journal, recovered) = open(self.dir.path());
        assert!(self.records.starts_with(&recovered), "{recovered:?} of {:?}", self.records);
        assert!(recovered.len() >= self.durable, "{} of {} durable records", recovered.len(), self.durable);
        self.last = recovered.last().map_or(0, |record| record.0).max(self.base());
        self.records = recovered;
        self.journal = Some(journal);
        // What was recovered is durable: the machine relies on it from now on.
        self.is_durable();
    }

    /// The last record that a compaction replaced; one to nothing leaves no record that tells it.
    fn base(&self) -> u64 {
        u64::from_le_bytes(self.file("journal")[32..40].try_into().unwrap())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_was_told_to_be_durable_survives_kills_and_power_cuts(events in vec(event(), 1..25)) {
        let mut model = Model::new();
        for event in events {
            model.apply(event);
        }
    }
}
