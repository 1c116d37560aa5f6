//! Tests of the journal when nothing is corrupt.

mod journal_support;

use indoubt_node::journal::{
    Disk, Journal, JournalError, Options, Owner, copy, keep_first, lose, lose_directory, restore,
};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    time::Micros,
};
use journal_support::{Failing, Found, TestDisk, append, force, open, open_on, payload, plain, wait_for, write};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const A_DAY: Micros = Micros::from_secs(86_400);

#[test]
fn what_was_appended_is_recovered_in_order_under_the_same_identity() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, first) = Journal::open(dir.path()).unwrap();
    assert_eq!((first.incarnation, first.last, first.records().count()), (1, Lsn(0), 0));
    force(&mut journal, 1..=3);
    write(&mut journal, 4..=5);
    drop(journal);
    // The process is gone, the kernel is not: what was written is still there.
    let (mut journal, second) = Journal::open(dir.path()).unwrap();
    assert_eq!((second.log, second.incarnation, second.last, second.torn), (first.log, 2, Lsn(5), 0));
    assert_eq!(journal_support::found(&second), plain(1..=5));
    force(&mut journal, 6..=6);
    drop(journal);
    let (_journal, third) = Journal::open(dir.path()).unwrap();
    assert_eq!((third.log, third.incarnation), (first.log, 3));
    assert_eq!(journal_support::found(&third), plain(1..=6));
}

#[test]
fn a_lazy_record_is_durable_with_the_next_force_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    let before = disk.forces();
    write(&mut journal, 1..=2);
    assert_eq!((journal.try_durable().unwrap(), disk.forces()), (None, before));
    append(&mut journal, 3..=3);
    journal.flush(true).unwrap();
    wait_for(&mut journal, 3);
    assert_eq!((journal.forces(), disk.forces()), (1, before + 1));
}

#[test]
fn one_force_covers_every_record_that_waits() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    let before = disk.forces();
    disk.hold();
    append(&mut journal, 1..=1);
    journal.flush(true).unwrap();
    disk.wait_for_forces(before + 1);
    for lsn in 2..=20 {
        append(&mut journal, [lsn]);
        journal.flush(true).unwrap();
    }
    assert_eq!(journal.try_durable().unwrap(), None, "durable is told only after the force returned");
    disk.release();
    wait_for(&mut journal, 20);
    assert_eq!(disk.forces(), before + 2);
}

#[test]
fn a_flush_is_one_write_however_many_records_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    let before = disk.writes();
    write(&mut journal, 1..=10_000);
    assert_eq!(disk.writes(), before + 1);
    journal.flush(false).unwrap();
    assert_eq!(disk.writes(), before + 1, "nothing to write");
}

#[test]
fn forcing_what_is_durable_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    journal.flush(true).unwrap();
    force(&mut journal, 1..=1);
    journal.flush(true).unwrap();
    force(&mut journal, 2..=2);
    assert_eq!(journal.forces(), 2);
}

#[test]
fn forcing_what_a_force_under_way_covers_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    disk.hold();
    let before = disk.forces();
    append(&mut journal, 1..=1);
    journal.flush(true).unwrap();
    disk.wait_for_forces(before + 1);
    journal.flush(true).unwrap();
    disk.release();
    wait_for(&mut journal, 1);
    journal.close().unwrap();
    assert_eq!(disk.forces(), before + 1);
}

#[test]
fn a_slow_force_is_not_durable_before_its_time_and_heals_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    let before = disk.forces();
    journal.set_min_force(A_DAY);
    append(&mut journal, 1..=1);
    journal.flush(true).unwrap();
    disk.wait_for_forces(before + 1);
    assert_eq!(journal.try_durable().unwrap(), None);
    journal.set_min_force(Micros::ZERO);
    wait_for(&mut journal, 1);
}

#[test]
fn closing_forces_everything_and_does_not_wait_for_a_slow_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    journal.set_min_force(A_DAY);
    append(&mut journal, 1..=3);
    journal.close().unwrap();
    let report = indoubt_node::journal::cut_tail(dir.path(), 1, None).unwrap();
    assert_eq!((report.durable, report.kept), (Lsn(3), Lsn(3)));
}

#[test]
fn a_failure_ends_the_journal_and_nothing_is_tried_again() {
    for what in [Failing::Forces, Failing::Writes] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(TestDisk::default());
        let failures = Arc::new(AtomicUsize::new(0));
        let on_failure = Box::new({
            let failures = Arc::clone(&failures);
            move |error: &JournalError| {
                assert!(error.to_string().ends_with("the disk is broken"), "{error}");
                failures.fetch_add(1, Ordering::SeqCst);
            }
        });
        let options = Options { disk: Arc::clone(&disk) as Arc<dyn Disk>, on_failure, owner: None };
        let (mut journal, _) = Journal::open_with(dir.path(), options).unwrap();
        force(&mut journal, 1..=1);
        disk.fail(what);
        append(&mut journal, 2..=2);
        // A write fails here, a force later.
        let _ = journal.flush(true);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(journal.durable()).unwrap_err();
        assert!(matches!(&error, JournalError::Failed { why } if why.contains("the disk is broken")), "{error}");
        let (forces, writes) = (disk.forces(), disk.writes());
        append(&mut journal, 3..=3);
        assert!(matches!(journal.flush(true), Err(JournalError::Failed { .. })));
        assert!(matches!(journal.compact(Lsn(3), [b"all"]), Err(JournalError::Failed { .. })));
        assert!(matches!(journal.close(), Err(JournalError::Failed { .. })));
        assert_eq!((disk.forces(), disk.writes()), (forces, writes));
        assert_eq!(failures.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn one_process_at_a_time_uses_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(matches!(lose(dir.path()), Err(JournalError::Locked { .. })));
    assert!(matches!(indoubt_node::journal::cut_tail(dir.path(), 1, None), Err(JournalError::Locked { .. })));
    drop(journal);
    open(dir.path());
}

fn open_as(dir: &std::path::Path, node: NodeId, protocol: &str) -> Result<indoubt_node::journal::Recovered, String> {
    let owner = Some(Owner { node, protocol: protocol.into() });
    let opened = Journal::open_with(dir, Options { owner, ..Options::default() });
    opened.map(|(_, recovered)| recovered).map_err(|error| error.to_string())
}

#[test]
fn a_journal_belongs_to_one_node_and_protocol_even_if_the_file_that_says_so_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (c1, c2) = (NodeId::coordinating(1), NodeId::coordinating(2));
    open_as(dir.path(), c1, "2pc").unwrap();
    assert!(open_as(dir.path(), c2, "2pc").unwrap_err().ends_with("belongs to c1 2pc, not to c2 2pc"));
    std::fs::remove_file(dir.path().join("owner")).unwrap();
    assert!(open_as(dir.path(), c2, "2pc").unwrap_err().ends_with("journal belongs to c1, not to c2 2pc"));
    let why = open_as(dir.path(), c1, "saga").unwrap_err();
    assert!(why.ends_with("journal belongs to c1 under another protocol, not to c1 saga"), "{why}");
    assert!(!dir.path().join("owner").exists(), "who is refused leaves no name");
    open_as(dir.path(), c1, "2pc").unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("owner")).unwrap(), "c1 2pc\n");
}

#[test]
fn who_does_not_get_the_lock_leaves_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let holder = std::fs::File::open(dir.path()).unwrap();
    holder.try_lock().unwrap();
    assert!(open_as(dir.path(), NodeId::coordinating(1), "2pc").unwrap_err().contains("in use by another process"));
    assert!(!dir.path().join("owner").exists());
}

#[test]
fn a_journal_without_its_durable_mark_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let p1 = NodeId::participant(1);
    assert!(!open_as(dir.path(), p1, "participant").unwrap().unmarked, "it is new");
    assert!(!open_as(dir.path(), p1, "participant").unwrap().unmarked);
    std::fs::remove_file(dir.path().join("durable")).unwrap();
    assert!(open_as(dir.path(), p1, "participant").unwrap().unmarked);
}

#[test]
fn a_lost_journal_comes_back_with_another_identity_and_the_next_incarnation() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, first) = Journal::open(dir.path()).unwrap();
    force(&mut journal, 1..=3);
    drop(journal);
    lose(dir.path()).unwrap();
    let (mut journal, second) = Journal::open(dir.path()).unwrap();
    assert_ne!(first.log, second.log);
    assert_eq!((second.incarnation, second.last, second.records().count()), (2, Lsn(0), 0));
    force(&mut journal, 1..=1);
}

#[test]
fn an_older_copy_has_the_identity_of_before_and_what_was_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let (mut journal, first) = Journal::open(&data).unwrap();
    force(&mut journal, 1..=3);
    write(&mut journal, 4..=5);
    copy(&data, &backup).unwrap();
    force(&mut journal, 6..=7);
    assert!(matches!(restore(&data, &backup), Err(JournalError::Locked { .. })), "a process uses it");
    drop(journal);
    assert_eq!(restore(&data, &dir.path().join("none")).unwrap(), None);
    assert_eq!(restore(&data, &backup).unwrap(), Some(Lsn(3)));
    let (mut journal, second) = Journal::open(&data).unwrap();
    assert_eq!((second.log, second.incarnation, second.last, second.fresh), (first.log, 2, Lsn(3), false));
    assert_eq!(journal_support::found(&second), plain(1..=3));
    force(&mut journal, 4..=4);
    drop(journal);
    for (records, last) in [(9, 4), (2, 2), (0, 0)] {
        assert_eq!(keep_first(&data, records).unwrap(), Some(Lsn(last)));
        assert_eq!(Journal::open(&data).unwrap().1.last, Lsn(last));
    }
    // Also after the whole directory was lost.
    lose_directory(&data).unwrap();
    assert_eq!(keep_first(&data, 9).unwrap(), None, "there is nothing to cut");
    assert_eq!(restore(&data, &backup).unwrap(), Some(Lsn(3)));
    assert_eq!(Journal::open(&data).unwrap().1.incarnation, 1);
}

#[test]
fn a_lost_directory_makes_the_node_new() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let first = Journal::open(&data).unwrap().1;
    lose_directory(&data).unwrap();
    let second = Journal::open(&data).unwrap().1;
    assert_ne!(first.log, second.log);
    assert_eq!((second.incarnation, second.fresh), (1, true));
}

#[test]
fn records_that_do_not_follow_or_are_too_long_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    let error = journal.append(Lsn(2), b"too early").unwrap_err();
    assert_eq!(error.to_string(), "record 2 was appended, but record 1 is next");
    let error = journal.append(Lsn(1), &vec![0; (64 << 20) + 1]).unwrap_err();
    assert!(matches!(error, JournalError::TooLong { .. }), "{error}");
    let error = journal.compact(Lsn(7), [b"all"]).unwrap_err();
    assert_eq!(error.to_string(), "record 7 was appended, but record 0 is next");
    // An empty record is one.
    journal.append(Lsn(1), b"").unwrap();
    journal.close().unwrap();
    assert_eq!(open(dir.path()).1, [(1, false, Vec::new())]);
}

fn compacted(upto: u64, payloads: &[&str]) -> Vec<Found> {
    payloads.iter().map(|payload| (upto, true, payload.as_bytes().to_vec())).collect()
}

#[test]
fn a_compaction_replaces_what_is_before_it_and_records_follow_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, first) = Journal::open(dir.path()).unwrap();
    force(&mut journal, 1..=1_000);
    let long = journal.bytes();
    // Appended and neither written nor forced: the compaction covers it.
    append(&mut journal, 1_001..=1_002);
    journal.compact(Lsn(1_002), ["a", "b"]).unwrap();
    wait_for(&mut journal, 1_002);
    assert!(journal.bytes() < long);
    assert_eq!(journal.forces(), 2, "a compaction counts as a force");
    force(&mut journal, 1_003..=1_003);
    drop(journal);
    let (mut journal, second) = Journal::open(dir.path()).unwrap();
    assert_eq!((second.log, second.last), (first.log, Lsn(1_003)));
    let expected = [compacted(1_002, &["a", "b"]), plain([1_003])].concat();
    assert_eq!(journal_support::found(&second), expected);
    // And to nothing at all.
    journal.compact(Lsn(1_003), [""; 0]).unwrap();
    journal.close().unwrap();
    let (_journal, third) = Journal::open(dir.path()).unwrap();
    assert_eq!((third.last, third.records().count()), (Lsn(1_003), 0));
}

#[test]
fn records_that_come_during_a_compaction_follow_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    force(&mut journal, 1..=5);
    disk.hold();
    let before = disk.forces();
    journal.compact(Lsn(5), ["all"]).unwrap();
    disk.wait_for_forces(before + 1);
    write(&mut journal, 6..=6);
    append(&mut journal, 7..=7);
    journal.flush(true).unwrap();
    write(&mut journal, 8..=8);
    assert_eq!(journal.try_durable().unwrap(), None);
    disk.release();
    // One force for the compaction, one for what came meanwhile.
    wait_for(&mut journal, 8);
    assert_eq!(disk.forces(), before + 2);
    drop(journal);
    assert_eq!(open(dir.path()).1, [compacted(5, &["all"]), plain(6..=8)].concat());
}

#[test]
fn a_compaction_that_cannot_create_its_file_waits_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    force(&mut journal, 1..=3);
    disk.fail(Failing::Creations);
    journal.compact(Lsn(3), ["all"]).unwrap();
    append(&mut journal, 4..=4);
    journal.flush(true).unwrap();
    disk.wait_for_refusals(3);
    assert_eq!(journal.try_durable().unwrap(), None, "the record waits, and the journal has not failed");
    assert_eq!(open(journal_support::copy(dir.path()).path()).1, plain(1..=3), "a crash finds the old journal");
    disk.mend();
    wait_for(&mut journal, 4);
    journal.close().unwrap();
    assert_eq!(open(dir.path()).1, [compacted(3, &["all"]), plain(4..=4)].concat());
}

#[test]
fn a_compaction_that_has_not_begun_gives_way_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    disk.hold();
    let before = disk.forces();
    append(&mut journal, 1..=1);
    journal.flush(true).unwrap();
    disk.wait_for_forces(before + 1);
    for lsn in 2..=4 {
        append(&mut journal, [lsn]);
        journal.flush(true).unwrap();
        journal.compact(Lsn(lsn), [payload(lsn)]).unwrap();
    }
    write(&mut journal, 5..=5);
    disk.release();
    wait_for(&mut journal, 4);
    assert_eq!(disk.forces(), before + 2, "the first force and one compaction");
    journal.close().unwrap();
    assert_eq!(open(dir.path()).1, [vec![(4, true, payload(4))], plain([5])].concat());
}

#[test]
fn a_compaction_that_is_due_during_another_follows_it_and_takes_what_came_after_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let (mut journal, _) = open_on(&disk, dir.path());
    append(&mut journal, 1..=1);
    disk.hold();
    let before = disk.forces();
    journal.compact(Lsn(1), ["one"]).unwrap();
    disk.wait_for_forces(before + 1);
    write(&mut journal, 2..=2);
    journal.compact(Lsn(2), ["one", "two"]).unwrap();
    write(&mut journal, 3..=3);
    disk.release();
    wait_for(&mut journal, 2);
    journal.close().unwrap();
    assert_eq!(open(dir.path()).1, [compacted(2, &["one", "two"]), plain([3])].concat());
}
