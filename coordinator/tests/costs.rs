//! The coordinator's side of the cost table in docs/08-costs.md: counts every message of the commit and every forced or
//! lazy record. The bench plays the participants. `tests/tests/costs.rs` counts both sides in the virtual world.

mod common;

use common::{Bench, CLIENT, aborted, after_all_votes, committed, log_of, p, plan, txn, with_prepare};
use indoubt_coordinator::{CoordinatorTimer, Presumption};
use indoubt_proto::{
    machine::Write,
    message::{
        Decision, ReasonKind,
        Vote::{self, *},
    },
};

const PRN: Presumption = Presumption::Nothing;
const PRA: Presumption = Presumption::Abort;
const PRC: Presumption = Presumption::Commit;

/// Messages both ways, forced records, lazy records of the coordinator, for one transaction with these votes.
fn cost(presumption: Presumption, votes: &[Vote]) -> (usize, usize, usize) {
    let mut bench = Bench::new(presumption);
    bench.run(1, votes);
    assert_eq!(bench.open(), 0, "it is forgotten");
    let count = |write| bench.writes.iter().filter(|(_, w)| *w == write).count();
    (bench.commit_messages, count(Write::Forced), count(Write::Lazy))
}

#[test]
fn section_1_a_commit_costs_4n_messages_and_one_force_under_prn_and_pra() {
    for n in 1..=5 {
        for presumption in [PRN, PRA] {
            assert_eq!(cost(presumption, &vec![Yes; n]), (4 * n, 1, 1), "{presumption:?}, {n}");
        }
    }
}

#[test]
fn section_1_a_commit_costs_3n_messages_and_two_forces_under_prc() {
    for n in 1..=5 {
        assert_eq!(cost(PRC, &vec![Yes; n]), (3 * n, 2, 0), "{n}");
    }
}

#[test]
fn section_1_an_abort_costs_what_the_table_says() {
    for n in 1..=5 {
        // The NO comes last, so every vote has arrived before the decision.
        let mut votes = vec![Yes; n];
        votes[n - 1] = No;
        let y = n - 1;
        assert_eq!(cost(PRN, &votes), (2 * n + 2 * y, 1, 1), "{n}");
        assert_eq!(cost(PRA, &votes), (2 * n + y, 0, 0), "{n}");
        assert_eq!(cost(PRC, &votes), (2 * n + 2 * y, 1, 1), "{n}");
    }
}

#[test]
fn section_1_a_transaction_that_only_read_costs_two_messages_a_participant() {
    for n in 1..=5 {
        let votes = vec![ReadOnly; n];
        assert_eq!(cost(PRN, &votes), (2 * n, 0, 0), "{n}");
        assert_eq!(cost(PRA, &votes), (2 * n, 0, 0), "{n}");
        assert_eq!(cost(PRC, &votes), (2 * n, 1, 1), "{n}");
    }
}

#[test]
fn section_1_readers_save_their_second_round() {
    for n in 2..=5 {
        for u in 1..n {
            let mut votes = vec![Yes; n];
            votes[u..].fill(ReadOnly);
            assert_eq!(cost(PRN, &votes), (2 * n + 2 * u, 1, 1), "{u} of {n}");
            assert_eq!(cost(PRA, &votes), (2 * n + 2 * u, 1, 1), "{u} of {n}");
            assert_eq!(cost(PRC, &votes), (2 * n + u, 2, 0), "{u} of {n}");
        }
    }
}

#[test]
fn section_1_the_records_are_these_in_this_order() {
    let words = |presumption, votes: &[Vote]| {
        let mut bench = Bench::new(presumption);
        bench.run(1, votes);
        bench.writes.iter().map(|(word, _)| *word).collect::<Vec<_>>()
    };
    assert_eq!(words(PRN, &[Yes, Yes]), ["committed", "end"]);
    assert_eq!(words(PRA, &[Yes, Yes]), ["committed", "end"]);
    assert_eq!(words(PRC, &[Yes, Yes]), ["initiation", "committed"]);
    assert_eq!(words(PRN, &[Yes, No]), ["aborted", "end"]);
    assert_eq!(words(PRA, &[Yes, No]), Vec::<&str>::new());
    assert_eq!(words(PRC, &[Yes, No]), ["initiation", "end"]);
}

#[test]
fn section_1_an_abort_goes_to_everyone_not_known_to_have_voted_no_or_read() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 5);
        bench.vote(p(1), 1, Yes);
        bench.vote(p(2), 1, ReadOnly);
        bench.sent.clear();
        // p4 and p5 have not voted yet.
        bench.vote(p(3), 1, No);
        bench.force();
        let ack = presumption.row().ack_abort;
        let told = [p(1), p(4), p(5)].map(|node| (node, Decision::Abort, ack));
        assert_eq!(bench.decisions(), told, "{presumption:?}");
    }
}

#[test]
fn section_1_prn_and_prc_forget_an_abort_only_after_all_of_those_acknowledged() {
    for (presumption, record) in [(PRN, "aborted"), (PRC, "initiation")] {
        let mut bench = Bench::new(presumption);
        bench.prepare(1, 2);
        bench.vote(p(1), 1, No);
        bench.force();
        assert_eq!(bench.writes, [(record, Write::Forced)]);
        // A YES voter that inquires late is told the truth, not the presumption.
        bench.vote(p(2), 1, Yes);
        assert_eq!(bench.told(p(2), 1), Some(Decision::Abort));
        assert_eq!(bench.open(), 1);
        bench.ack(p(2), 1, log_of(p(2)), true);
        assert_eq!(bench.open(), 0);
        assert_eq!(bench.writes.last(), Some(&("end", Write::Lazy)));
    }
}

#[test]
fn section_1_readers_that_keep_their_locks_are_told_but_owe_nothing() {
    for presumption in Presumption::ALL {
        for (last, decision) in [(Yes, Decision::Commit), (No, Decision::Abort)] {
            let mut bench = Bench::with(presumption, with_prepare(), false);
            bench.submit(plan(1, 3));
            bench.force();
            bench.vote(p(1), 1, ReadOnly);
            bench.vote(p(2), 1, Yes);
            bench.sent.clear();
            bench.vote(p(3), 1, last);
            bench.force();
            let ack = presumption.row().acks(decision);
            let mut told = vec![(p(2), decision, ack), (p(1), decision, false)];
            if last == Yes {
                told.insert(1, (p(3), decision, ack));
            }
            assert_eq!(bench.decisions(), told, "{presumption:?}");
        }
    }
}

#[test]
fn a_lazy_commit_record_of_presumed_commit_is_no_decision_before_it_is_durable() {
    let mut bench = Bench::new(PRC);
    bench.prepare(1, 1);
    bench.vote(p(1), 1, ReadOnly);
    assert_eq!((bench.outcomes().len(), bench.decided(1).len()), (0, 0), "a crash could still make it an abort");
    bench.force();
    assert_eq!(bench.outcomes(), [(CLIENT, committed())]);
    assert_eq!(bench.decided(1), [Decision::Commit]);
}

#[test]
fn section_1_a_commit_waits_for_one_force_and_under_prc_for_two() {
    // The serial forced writes in the last lines of the section, as far as they are the coordinator's: how often it waits
    // for its disk. The forced write before a vote is the participant's.
    for (presumption, forces) in [(PRN, 1), (PRA, 1), (PRC, 2)] {
        let mut bench = Bench::with(presumption, with_prepare(), false);
        bench.submit(plan(1, 1));
        let mut waited = 0;
        if bench.prepared().is_empty() {
            bench.force();
            waited += 1;
        }
        bench.vote(p(1), 1, Yes);
        assert!(!bench.timers.contains_key(&CoordinatorTimer::Vote(txn(1))), "nothing waits for votes now");
        if bench.decided(1).is_empty() {
            bench.force();
            waited += 1;
        }
        assert_eq!(bench.decided(1), [Decision::Commit]);
        assert_eq!(waited, forces, "{presumption:?}");
    }
}

#[test]
fn section_1_after_all_votes_an_abort_goes_to_the_yes_voters_alone() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::with(presumption, after_all_votes(), false);
        bench.prepare(1, 4);
        bench.sent.clear();
        // Two NO votes arrive first. Without the option, ABORT would go at once to everybody whose vote is missing.
        for (number, vote) in [(2, No), (4, No), (1, Yes)] {
            bench.vote(p(number), 1, vote);
            bench.force();
            assert_eq!((bench.decided(1).len(), bench.decisions().len()), (0, 0), "{presumption:?}: a vote is missing");
        }
        bench.vote(p(3), 1, Yes);
        bench.force();
        let ack = presumption.row().ack_abort;
        assert_eq!(bench.decisions(), [p(1), p(3)].map(|node| (node, Decision::Abort, ack)), "{presumption:?}");
    }
}

#[test]
fn after_all_votes_a_missing_vote_is_waited_for_until_its_timeout_and_a_failure_not_at_all() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::with(presumption, after_all_votes(), false);
        bench.prepare(1, 3);
        bench.vote(p(1), 1, No);
        bench.vote(p(2), 1, Yes);
        bench.force();
        assert_eq!(bench.decided(1), []);
        bench.fire(CoordinatorTimer::Vote(txn(1)));
        bench.force();
        assert_eq!(bench.decided(1), [Decision::Abort], "{presumption:?}");
        // The client is told why the participant refused, not that a vote is missing.
        assert_eq!(bench.outcomes(), [(CLIENT, aborted(ReasonKind::Constraint))], "{presumption:?}");

        let mut bench = Bench::with(presumption, after_all_votes(), false);
        bench.prepare(1, 3);
        bench.vote(p(1), 1, Failed);
        bench.force();
        assert_eq!(bench.decided(1), [Decision::Abort], "{presumption:?}");
    }
}
