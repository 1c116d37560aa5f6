//! A coordinator restarts from different logs: rules 13 to 17b of docs/rules.md.

mod common;

use common::{Bench, CLIENT, LOG, aborted, committed, log_of, p, plan, txn};
use indoubt_coordinator::{CoordinatorTimer, Presumption};
use indoubt_proto::{
    ids::{LogId, Lsn, Serial, Ticket},
    machine::Write,
    message::{Answer, Decision, Message, Outcome, ReasonKind, Vote::*},
    observation::{Observation, Phase},
    settings::{Settings, Timeouts},
    time::Micros,
};

const PRN: Presumption = Presumption::Nothing;
const PRA: Presumption = Presumption::Abort;
const PRC: Presumption = Presumption::Commit;

fn answer(number: u64, answer: Answer) -> Message {
    Message::Answer { txn: txn(number), answer }
}

fn resend() -> CoordinatorTimer {
    CoordinatorTimer::Resend(txn(1))
}

fn lost_logs(bench: &Bench) -> usize {
    bench.observed.iter().filter(|o| matches!(o, Observation::LostLog { .. })).count()
}

fn tickets(bench: &Bench) -> Vec<Ticket> {
    let ticket = |(_, message): &(_, Message)| match message {
        Message::Work { ticket, .. } | Message::Prepare { ticket, .. } | Message::Decision { ticket, .. } => {
            Some(*ticket)
        }
        _ => None,
    };
    bench.sent.iter().filter_map(ticket).collect()
}

#[test]
fn rule_13_about_what_the_log_does_not_hold_the_presumption_answers() {
    for (presumption, presumed) in [(PRN, Decision::Abort), (PRA, Decision::Abort), (PRC, Decision::Commit)] {
        let mut bench = Bench::new(presumption);
        let told = bench.inquire(p(1), 1, LOG);
        assert!(
            matches!(told, Message::Decision { decision, ack: false, ticket, .. }
                if decision == presumed && ticket.log == LOG && ticket.serial == Serial(1)),
            "{presumption:?}: {told:?}"
        );
    }
}

#[test]
fn rule_13_pra_and_prn_answer_abort_after_a_crash_with_every_vote_in_but_no_decision() {
    for presumption in [PRN, PRA] {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 2);
        bench.vote(p(1), 1, Yes);
        bench.vote(p(2), 1, Yes);
        // The commit record was appended but never durable.
        bench.crash(Lsn(0));
        assert_eq!(bench.told(p(1), 1), Some(Decision::Abort), "{presumption:?}");
    }
}

#[test]
fn rule_13_about_branches_of_another_log_every_presumption_answers_unknown() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        assert_eq!(bench.inquire(p(1), 1, LogId(7)), answer(1, Answer::Unknown), "{presumption:?}");
        bench.prepare(1, 1);
        bench.vote(p(1), 1, Yes);
        bench.lose_log();
        for _ in 0..2 {
            assert_eq!(bench.inquire(p(1), 1, LOG), answer(1, Answer::Unknown), "{presumption:?}");
        }
    }
}

#[test]
fn rule_13_what_runs_and_is_not_decided_is_never_answered_by_presumption() {
    for presumption in Presumption::ALL {
        let in_doubt = answer(1, Answer::InDoubt);
        let mut bench = Bench::new(presumption);
        bench.submit(plan(1, 2));
        assert_eq!(bench.inquire(p(1), 1, LOG), in_doubt, "{presumption:?}: working");
        bench.work_done(p(1), 1);
        bench.work_done(p(2), 1);
        assert_eq!(bench.inquire(p(1), 1, LOG), in_doubt, "{presumption:?}: perhaps before the initiation is durable");
        bench.force();
        bench.vote(p(1), 1, Yes);
        assert_eq!(bench.inquire(p(1), 1, LOG), in_doubt, "{presumption:?}: voting");
        let mut other = bench.clone();
        bench.vote(p(2), 1, Yes);
        assert_eq!(bench.inquire(p(1), 1, LOG), in_doubt, "{presumption:?}: the commit is not durable");
        bench.force();
        assert_eq!(bench.told(p(1), 1), Some(Decision::Commit), "{presumption:?}");
        other.vote(p(2), 1, No);
        let told = other.told(p(1), 1);
        assert_eq!(told.is_none(), presumption == PRN, "only PrN waits for an abort's record");
        other.force();
        assert_eq!(other.told(p(1), 1), Some(Decision::Abort), "{presumption:?}");
    }
}

#[test]
fn rule_13_a_late_inquiry_about_an_ended_commit_is_not_answered_abort_while_it_is_remembered() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.run(1, &[Yes, Yes]);
        bench.run(2, &[Yes, No]);
        assert_eq!(bench.open(), 0);
        assert_eq!(bench.told(p(1), 1), Some(Decision::Commit), "{presumption:?}");
        assert_eq!(bench.told(p(1), 2), Some(Decision::Abort), "{presumption:?}");
    }
}

#[test]
fn rule_14_an_initiation_without_an_outcome_is_aborted_and_every_ack_collected() {
    let mut bench = Bench::new(PRC);
    bench.prepare(1, 2);
    bench.vote(p(1), 1, Yes);
    let votes_in = bench.clone();
    for votes in [false, true] {
        let mut bench = votes_in.clone();
        let durable = bench.last();
        if votes {
            bench.vote(p(2), 1, Yes);
            assert!(bench.last() > durable, "the commit record is appended");
        }
        bench.crash(durable);
        assert_eq!(bench.decided(1), [Decision::Abort]);
        assert_eq!(bench.decisions(), [p(1), p(2)].map(|node| (node, Decision::Abort, true)));
        assert_eq!(bench.told(p(1), 1), Some(Decision::Abort), "never the presumption");
        bench.ack(p(1), 1, log_of(p(1)), true);
        bench.fire(resend());
        assert_eq!(bench.decisions(), [(p(2), Decision::Abort, true)], "until the last ACK");
        // The PREPARE of p1 was lost, so p1 does not know the branch.
        bench.ack(p(2), 1, log_of(p(2)), false);
        assert_eq!((bench.open(), bench.timers.len()), (0, 0));
        assert_eq!(bench.written.last(), Some(&("end", Write::Lazy)));
        bench.submit(plan(1, 2));
        assert_eq!(bench.outcomes(), [(CLIENT, aborted(ReasonKind::Recovery))]);
    }
}

#[test]
fn rule_14_a_lost_end_means_aborting_again() {
    let mut bench = Bench::new(PRC);
    bench.run(1, &[Yes, No]);
    assert_eq!(bench.open(), 0);
    bench.crash(Lsn(1));
    assert_eq!(bench.decisions(), [p(1), p(2)].map(|node| (node, Decision::Abort, true)));
    bench.ack(p(1), 1, log_of(p(1)), false);
    bench.ack(p(2), 1, log_of(p(2)), false);
    assert_eq!(bench.open(), 0);
    bench.restart();
    assert!(bench.sent.is_empty() && bench.open() == 0, "with the end it is over");
}

#[test]
fn rule_15_a_commit_without_an_end_is_sent_again_until_every_ack_is_in() {
    for presumption in [PRN, PRA] {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 3);
        for node in 1..=3 {
            bench.vote(p(node), 1, Yes);
        }
        bench.restart();
        assert_eq!(bench.decided(1), [Decision::Commit]);
        assert_eq!(bench.decisions(), [p(1), p(2), p(3)].map(|node| (node, Decision::Commit, true)));
        assert!(
            matches!(bench.inquire(p(2), 1, LOG), Message::Decision { decision: Decision::Commit, ack: true, .. }),
            "an inquirer that owes an ACK is asked for it"
        );
        bench.sent.clear();
        bench.ack(p(2), 1, log_of(p(2)), true);
        bench.fire(resend());
        assert_eq!(bench.decisions(), [p(1), p(3)].map(|node| (node, Decision::Commit, true)));
        bench.ack(p(1), 1, log_of(p(1)), true);
        bench.ack(p(1), 1, log_of(p(1)), true);
        assert_eq!(bench.open(), 1, "an ACK counts once");
        bench.ack(p(3), 1, log_of(p(3)), true);
        assert_eq!((bench.open(), bench.timers.len()), (0, 0), "{presumption:?}");
        assert_eq!(bench.phases(), [Phase::Ended]);
        bench.restart();
        assert!(bench.sent.is_empty() && bench.open() == 0, "with the end it is over");
    }
}

#[test]
fn rule_15_an_abort_of_prn_without_an_end_likewise() {
    let mut bench = Bench::new(PRN);
    bench.prepare(1, 3);
    bench.vote(p(1), 1, Yes);
    bench.vote(p(2), 1, No);
    bench.restart();
    assert_eq!(bench.decided(1), [Decision::Abort]);
    assert_eq!(bench.decisions(), [p(1), p(3)].map(|node| (node, Decision::Abort, true)));
    bench.ack(p(1), 1, log_of(p(1)), true);
    bench.ack(p(3), 1, log_of(p(3)), false);
    assert_eq!(bench.open(), 0);
}

#[test]
fn rule_15_resends_back_off_to_ten_times_the_first_pause() {
    let timeouts = Timeouts { retry: Micros::from_millis(100), ..Timeouts::default() };
    let mut bench = Bench::with(PRA, Settings { timeouts, ..Settings::default() }, false);
    bench.prepare(1, 1);
    bench.vote(p(1), 1, Yes);
    bench.force();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        pauses.push(bench.timers[&resend()].0 / 1000);
        bench.sent.clear();
        bench.fire(resend());
        assert_eq!(bench.decisions().len(), 1);
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
}

#[test]
fn rule_16_prepare_never_leaves_before_the_initiation_is_durable() {
    for settings in [Settings::default(), common::with_prepare()] {
        let mut bench = Bench::with(PRC, settings, false);
        bench.submit(plan(1, 2));
        bench.work_done(p(1), 1);
        bench.work_done(p(2), 1);
        assert!(bench.prepared().is_empty());
        bench.force_upto(Lsn(0));
        assert!(bench.prepared().is_empty());
        bench.force();
        assert_eq!(bench.prepared(), [p(1), p(2)]);
    }
    // The order in which the work and the disk finish does not matter.
    let mut bench = Bench::new(PRC);
    bench.submit(plan(1, 2));
    bench.work_done(p(1), 1);
    bench.force();
    assert!(bench.prepared().is_empty());
    bench.work_done(p(2), 1);
    assert_eq!(bench.prepared(), [p(1), p(2)]);
}

#[test]
fn rule_16_the_mutant_that_does_not_wait_would_tell_commit_for_an_aborted_transaction() {
    // This mutation needs no changed coordinator: a disk that reports the initiation as durable too early has the same
    // effect.
    let mut mutant = Bench::new(PRC);
    mutant.submit(plan(1, 2));
    mutant.work_done(p(1), 1);
    mutant.work_done(p(2), 1);
    mutant.force();
    mutant.vote(p(1), 1, Yes);
    mutant.vote(p(2), 1, No);
    assert_eq!(mutant.decided(1), [Decision::Abort]);
    mutant.crash(Lsn(0));
    assert_eq!(mutant.told(p(1), 1), Some(Decision::Commit), "the mutant breaks agreement");
}

#[test]
fn rule_17_a_branch_that_the_log_of_its_vote_never_had_was_in_a_newer_copy_of_it() {
    let mut bench = Bench::new(PRA);
    bench.prepare(1, 1);
    bench.vote(p(1), 1, Yes);
    bench.force();
    for _ in 0..2 {
        bench.ack(p(1), 1, log_of(p(1)), false);
        assert_eq!((bench.open(), lost_logs(&bench)), (1, 1), "reported once, and no ACK");
        bench.restart();
        bench.observed.clear();
    }
    bench.ack(p(1), 1, log_of(p(1)), true);
    assert_eq!((bench.open(), lost_logs(&bench)), (0, 0));
}

#[test]
fn rule_17_under_another_log_its_effect_is_lost_reported_and_never_an_ack() {
    for (presumption, votes) in [(PRN, [Yes, Yes]), (PRA, [Yes, Yes]), (PRN, [Yes, No]), (PRC, [Yes, No])] {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 2);
        bench.vote(p(1), 1, votes[0]);
        bench.vote(p(2), 1, votes[1]);
        bench.force();
        bench.ack(p(2), 1, log_of(p(2)), true);
        for _ in 0..3 {
            bench.ack(p(1), 1, LogId(99), false);
            bench.fire(resend());
        }
        assert_eq!((bench.open(), lost_logs(&bench)), (1, 1), "{presumption:?}: reported once, sent on");
        // The participant may now remember that it received the decision. That still says nothing about the branch that
        // voted.
        bench.ack(p(1), 1, LogId(99), true);
        assert_eq!(bench.open(), 1);
        bench.compact_and_restart();
        bench.ack(p(1), 1, LogId(99), false);
        assert_eq!((bench.open(), lost_logs(&bench)), (1, 1), "{presumption:?}: the log of the vote is remembered");
        bench.ack(p(1), 1, log_of(p(1)), true);
        assert_eq!(bench.open(), 0);
    }
}

#[test]
fn rule_17_the_log_of_a_vote_survives_in_the_commit_record() {
    let mut bench = Bench::new(PRA);
    bench.prepare(1, 1);
    bench.vote(p(1), 1, Yes);
    bench.restart();
    bench.ack(p(1), 1, LogId(99), false);
    assert_eq!((bench.open(), lost_logs(&bench)), (1, 1));
}

#[test]
fn rule_17_a_yes_that_comes_after_the_abort_tells_its_log_too() {
    for presumption in [PRN, PRC] {
        for durable_first in [false, true] {
            let mut bench = Bench::new(presumption);
            bench.prepare(1, 2);
            bench.vote(p(2), 1, No);
            if durable_first {
                bench.force();
            }
            bench.vote(p(1), 1, Yes);
            bench.force();
            bench.ack(p(1), 1, LogId(99), false);
            assert_eq!((bench.open(), lost_logs(&bench)), (1, 1), "{presumption:?}");
        }
    }
}

#[test]
fn rule_17b_the_mark_stops_at_the_first_unfinished_transaction_and_passes_finished_ones() {
    let mut bench = Bench::new(PRA);
    let first = Serial::first_of(1);
    for number in 1..=3 {
        bench.submit(plan(number, 1));
    }
    let serials: Vec<Serial> = tickets(&bench).iter().map(|t| t.serial).collect();
    assert_eq!(serials, [first, first.next(), first.next().next()]);
    assert!(tickets(&bench).iter().all(|t| t.finished_below == first && t.log == LOG));
    let mark = |bench: &mut Bench| {
        bench.sent.clear();
        bench.submit(plan(bench.last().0 + bench.open() as u64 + 100, 1));
        tickets(bench)[0].finished_below
    };
    bench.work_failed(p(1), 2);
    assert_eq!(mark(&mut bench), first, "the first is not over");
    bench.work_done(p(1), 1);
    bench.vote(p(1), 1, Yes);
    bench.force();
    assert_eq!(mark(&mut bench), first, "decided, but an ACK is due: it will be sent again");
    bench.ack(p(1), 1, log_of(p(1)), true);
    assert_eq!(mark(&mut bench), serials[2], "the second was over before");
}

#[test]
fn rule_17b_after_a_restart_the_mark_stops_at_what_the_log_holds_and_numbers_never_repeat() {
    let mut bench = Bench::new(PRA);
    bench.run(1, &[Yes]);
    bench.submit(plan(2, 1));
    bench.prepare(3, 1);
    bench.vote(p(1), 3, Yes);
    bench.force();
    let serial = tickets(&bench).last().expect("the commit was sent").serial;
    for _ in 0..2 {
        bench.restart();
        let sent = tickets(&bench);
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].serial, sent[0].finished_below), (serial, serial));
        bench.compact_and_restart();
        assert_eq!(tickets(&bench), sent);
    }
    bench.ack(p(1), 3, log_of(p(1)), true);
    bench.sent.clear();
    bench.submit(indoubt_proto::plan::Submission { epoch: 5, ..plan(4, 1) });
    let fresh = tickets(&bench)[0];
    assert_eq!((fresh.serial, fresh.finished_below), (Serial::first_of(5), Serial::first_of(5)));
}

#[test]
fn rule_2_a_crash_after_any_record_never_reverses_what_was_decided() {
    // Every crash point of one transaction, written by hand: for each prefix of the journal that may survive.
    for presumption in Presumption::ALL {
        for votes in [[Yes, Yes], [Yes, No], [ReadOnly, Yes], [ReadOnly, ReadOnly]] {
            let mut bench = Bench::new(presumption);
            let mut durable = Lsn(0);
            let mut decided_before = 0;
            let mut crash_here = |bench: &Bench, durable: Lsn| {
                for last in durable.0..=bench.last().0 {
                    let before = bench.decided(1);
                    let mut crashed = bench.clone();
                    crashed.crash(Lsn(last));
                    // A transaction that only read has no record in the log, and no effects that could be reversed.
                    if votes != [ReadOnly, ReadOnly] {
                        let now = crashed.told(p(2), 1).expect("after a restart everything is decided");
                        let now: Vec<Decision> = before.iter().map(|_| now).collect();
                        assert_eq!(before, now, "{presumption:?} {votes:?} {last}");
                    }
                    assert!(crashed.decided(1).iter().all(|d| before.is_empty() || before[0] == *d));
                    decided_before += before.len();
                }
            };
            crash_here(&bench, durable);
            bench.submit(plan(1, 2));
            crash_here(&bench, durable);
            bench.work_done(p(1), 1);
            bench.work_done(p(2), 1);
            crash_here(&bench, durable);
            bench.force();
            durable = bench.last();
            for (vote, node) in votes.into_iter().zip(1..) {
                bench.vote(p(node), 1, vote);
                crash_here(&bench, durable);
            }
            bench.force();
            durable = bench.last();
            crash_here(&bench, durable);
            bench.ack_all();
            crash_here(&bench, durable);
            assert!(decided_before >= 2, "some crashes come after the decision");
            assert_eq!(bench.decided(1).len(), 1);
        }
    }
}

#[test]
fn a_commit_record_that_was_durable_before_the_crash_is_the_decision() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 2);
        bench.vote(p(1), 1, Yes);
        bench.vote(p(2), 1, Yes);
        assert_eq!(bench.decided(1), [], "its force has not returned");
        let mut compacted = bench.clone();
        bench.restart();
        // Its compaction replaces that record.
        compacted.compact_and_restart();
        for mut bench in [bench, compacted] {
            assert_eq!(bench.decided(1), [Decision::Commit], "{presumption:?}");
            assert_eq!(bench.told(p(1), 1), Some(Decision::Commit));
            bench.sent.clear();
            bench.submit(plan(1, 2));
            assert_eq!(bench.outcomes(), [(CLIENT, committed())]);
        }
    }
}

#[test]
fn a_compaction_keeps_decisions_that_are_not_durable_yet_in_the_order_of_the_log() {
    let mut settings = Settings::default();
    settings.options.remembered = 1;
    let mut bench = Bench::with(PRA, settings, false);
    bench.prepare(1, 1);
    bench.prepare(2, 1);
    bench.vote(p(1), 2, Yes);
    bench.vote(p(1), 1, Yes);
    bench.compact_and_restart();
    bench.sent.clear();
    bench.submit(plan(1, 1));
    bench.submit(plan(2, 1));
    let told: Vec<Outcome> = bench.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(told, [committed(), Outcome::Unknown(ReasonKind::Forgotten.into())], "the older one is forgotten");
}
