//! The path to a decision: rules 3, 4, 5 and 12 of docs/rules.md, timeouts, phases.

mod common;

use common::{Bench, CLIENT, aborted, committed, log_of, p, plan, txn, with_prepare};
use indoubt_coordinator::{CoordinatorTimer, Presumption};
use indoubt_proto::{
    message::{Decision, Message, Outcome, ReadVote, ReasonKind, Vote::*},
    observation::Phase,
    settings::{Settings, Timeouts},
    time::Micros,
};

const PRA: Presumption = Presumption::Abort;

fn prepares(bench: &Bench) -> Vec<(Vec<u16>, usize, ReadVote)> {
    let prepare = |(_, message): &(_, Message)| match message {
        Message::Prepare { peers, steps, read_vote, .. } => {
            Some((peers.iter().map(|peer| peer.number).collect(), steps.len(), *read_vote))
        }
        _ => None,
    };
    bench.sent.iter().filter_map(prepare).collect()
}

#[test]
fn commit_validity_every_combination_of_three_votes() {
    let votes = [Yes, No, ReadOnly, Failed];
    let (mut commits, mut aborts) = (0, 0);
    for presumption in Presumption::ALL {
        for a in votes {
            for b in votes {
                for c in votes {
                    let mut bench = Bench::new(presumption);
                    bench.run(1, &[a, b, c]);
                    let all_in_favour = [a, b, c].iter().all(|v| matches!(v, Yes | ReadOnly));
                    let expected = if all_in_favour { Decision::Commit } else { Decision::Abort };
                    assert_eq!(bench.decided(1), [expected], "{presumption:?} {a:?} {b:?} {c:?}");
                    if all_in_favour { commits += 1 } else { aborts += 1 }
                }
            }
        }
    }
    assert_eq!((commits, aborts), (3 * 8, 3 * 56));
}

#[test]
fn non_triviality_all_yes_in_any_order_commits() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let mut bench = Bench::new(PRA);
        bench.prepare(1, 3);
        for node in order {
            bench.vote(p(node), 1, Yes);
        }
        bench.force();
        assert_eq!(bench.outcomes(), [(CLIENT, committed())]);
    }
}

#[test]
fn commit_validity_one_vote_counts_once() {
    let mut bench = Bench::new(PRA);
    bench.prepare(1, 2);
    for _ in 0..3 {
        bench.vote(p(1), 1, Yes);
    }
    // A copy of PREPARE that a fault refused does not cancel the YES that was counted.
    bench.vote(p(1), 1, Failed);
    bench.vote(p(1), 1, No);
    bench.force();
    assert_eq!(bench.decided(1), []);
    bench.vote(p(2), 1, Yes);
    bench.force();
    assert_eq!(bench.decided(1), [Decision::Commit]);
}

#[test]
fn termination_a_missing_vote_means_abort_and_tells_whose() {
    for presumption in Presumption::ALL {
        let timeouts = Timeouts { vote: Micros::from_millis(70), ..Timeouts::default() };
        let mut bench = Bench::with(presumption, Settings { timeouts, ..Settings::default() }, false);
        bench.prepare(1, 3);
        assert_eq!(bench.timers[&CoordinatorTimer::Vote(txn(1))], timeouts.vote, "from PREPARE sent");
        bench.vote(p(2), 1, Yes);
        bench.sent.clear();
        bench.fire(CoordinatorTimer::Vote(txn(1)));
        bench.force();
        let Some((_, Outcome::Aborted(reason))) = bench.outcomes().pop() else { panic!("not aborted") };
        assert_eq!(reason.to_string(), "a vote did not come in time: p1, p3");
        assert_eq!(bench.decisions().len(), 3, "those who may be prepared are told too");
        // A vote that arrives now changes nothing.
        bench.vote(p(1), 1, Yes);
        bench.vote(p(3), 1, Yes);
        bench.force();
        assert_eq!(bench.decided(1), [Decision::Abort], "{presumption:?}");
    }
}

#[test]
fn termination_work_that_takes_too_long_means_abort_and_tells_whose() {
    let mut bench = Bench::new(PRA);
    bench.submit(plan(1, 2));
    let work = CoordinatorTimer::Work(txn(1));
    assert_eq!(bench.timers[&work], Timeouts::default().work());
    bench.work_done(p(1), 1);
    bench.work_done(p(1), 1);
    assert!(bench.prepared().is_empty(), "one answer counts once");
    bench.sent.clear();
    bench.fire(work);
    let Some((_, Outcome::Aborted(reason))) = bench.outcomes().pop() else { panic!("not aborted") };
    assert_eq!(reason.to_string(), "the work was not done in time: p2");
    assert_eq!(bench.decisions(), [p(1), p(2)].map(|node| (node, Decision::Abort, false)));
}

#[test]
fn failed_work_aborts_everywhere_with_the_acks_of_the_presumption() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.submit(plan(1, 2));
        bench.sent.clear();
        bench.work_failed(p(1), 1);
        bench.force();
        let ack = presumption.row().ack_abort;
        assert_eq!(bench.outcomes(), [(CLIENT, aborted(ReasonKind::LockTimeout))]);
        assert_eq!(bench.decisions(), [p(1), p(2)].map(|node| (node, Decision::Abort, ack)));
        assert_eq!(bench.open(), usize::from(ack), "{presumption:?}");
        bench.ack(p(1), 1, log_of(p(1)), false);
        bench.ack(p(2), 1, log_of(p(2)), true);
        assert_eq!((bench.open(), bench.timers.len()), (0, 0));
    }
}

#[test]
fn neither_work_nor_prepare_is_ever_sent_again() {
    let mut bench = Bench::new(PRA);
    bench.prepare(1, 2);
    assert_eq!(bench.sent.iter().filter(|(_, m)| matches!(m, Message::Work { .. })).count(), 2);
    assert_eq!(bench.prepared(), [p(1), p(2)]);
    bench.sent.clear();
    bench.work_done(p(1), 1);
    bench.submit(plan(1, 2));
    bench.fire(CoordinatorTimer::Vote(txn(1)));
    assert_eq!(bench.prepared(), []);
}

#[test]
fn rule_12_readers_may_release_at_their_vote_only_if_all_work_was_done_before_prepare() {
    let mut bench = Bench::new(PRA);
    bench.submit(plan(1, 2));
    bench.work_done(p(1), 1);
    assert!(bench.prepared().is_empty(), "p2 may not have its locks yet");
    bench.work_done(p(2), 1);
    assert_eq!(prepares(&bench), [(vec![], 0, ReadVote::Release), (vec![], 0, ReadVote::Release)]);

    let mut bench = Bench::with(PRA, with_prepare(), false);
    bench.submit(plan(1, 2));
    assert_eq!(prepares(&bench), [(vec![], 1, ReadVote::Keep), (vec![], 1, ReadVote::Keep)]);

    for mut settings in [Settings::default(), with_prepare()] {
        settings.options.read_only = false;
        let mut bench = Bench::with(PRA, settings, false);
        bench.prepare(1, 1);
        assert_eq!(prepares(&bench)[0].2, ReadVote::Never);
    }
}

#[test]
fn rule_12_readers_that_released_are_told_nothing_more() {
    let mut bench = Bench::new(PRA);
    bench.prepare(1, 2);
    bench.vote(p(1), 1, ReadOnly);
    bench.sent.clear();
    bench.vote(p(2), 1, Yes);
    bench.force();
    assert_eq!(bench.decisions(), [(p(2), Decision::Commit, true)]);
}

#[test]
fn rule_12_when_all_keep_their_locks_and_only_read_all_are_told() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::with(presumption, with_prepare(), false);
        bench.submit(plan(1, 2));
        bench.force();
        bench.vote(p(1), 1, ReadOnly);
        bench.sent.clear();
        bench.vote(p(2), 1, ReadOnly);
        bench.force();
        assert_eq!(bench.outcomes(), [(CLIENT, committed())]);
        assert_eq!(bench.decisions(), [p(1), p(2)].map(|node| (node, Decision::Commit, false)));
        assert_eq!((bench.open(), bench.timers.len()), (0, 0), "{presumption:?}");
    }
}

#[test]
fn rule_7_cooperating_participants_learn_of_each_other_with_prepare() {
    let mut bench = Bench::with(PRA, Settings::default(), true);
    bench.prepare(1, 3);
    let peers: Vec<Vec<u16>> = prepares(&bench).into_iter().map(|(peers, ..)| peers).collect();
    assert_eq!(peers, [vec![2, 3], vec![1, 3], vec![1, 2]]);
}

#[test]
fn one_participant_gets_all_its_steps_in_one_branch_with_their_numbers() {
    let mut submission = plan(1, 2);
    let mut third = submission.steps[0].clone();
    third.ops.push(third.ops[0].clone());
    submission.steps.push(third);
    let mut bench = Bench::new(PRA);
    bench.submit(submission);
    let shares: Vec<(u16, Vec<(u32, usize)>)> = bench
        .sent
        .iter()
        .map(|(to, message)| match message {
            Message::Work { steps, .. } => (to.number, steps.iter().map(|s| (s.step, s.ops.len())).collect()),
            other => panic!("not work but {other:?}"),
        })
        .collect();
    assert_eq!(shares, [(1, vec![(1, 1), (3, 2)]), (2, vec![(2, 1)])]);
}

#[test]
fn phases_of_a_commit_come_at_their_instants() {
    for settings in [Settings::default(), with_prepare()] {
        for presumption in Presumption::ALL {
            let mut bench = Bench::with(presumption, settings, false);
            bench.submit(plan(1, 3));
            let acks = presumption.row().ack_commit;
            for node in 1..=3 {
                bench.work_done(p(node), 1);
            }
            bench.force();
            assert_eq!(bench.phases(), [Phase::Begun, Phase::WorkSent]);
            bench.vote(p(1), 1, ReadOnly);
            assert_eq!(bench.phases().len(), 2, "no yes yet");
            bench.vote(p(2), 1, Yes);
            assert_eq!(bench.phases()[2..], [Phase::HalfDone]);
            bench.vote(p(3), 1, Yes);
            assert_eq!(bench.phases()[3..], [Phase::WorkDone]);
            bench.force();
            let ended: &[Phase] = if acks { &[] } else { &[Phase::Ended] };
            assert_eq!(bench.phases()[4..], [&[Phase::Decided, Phase::HalfTold], ended].concat());
            bench.ack_all();
            assert_eq!(bench.phases()[6..], [Phase::Ended], "{presumption:?}");
        }
    }
}

#[test]
fn phases_of_an_abort_and_of_a_single_participant() {
    for presumption in Presumption::ALL {
        let mut bench = Bench::new(presumption);
        bench.run(1, &[Yes, No]);
        assert_eq!(bench.phases(), [Phase::Begun, Phase::WorkSent, Phase::HalfDone, Phase::Ended], "{presumption:?}");
        bench.observed.clear();
        bench.run(2, &[Yes]);
        let phases = [Phase::Begun, Phase::WorkSent, Phase::WorkDone, Phase::Decided, Phase::Ended];
        assert_eq!(bench.phases(), phases, "{presumption:?}");
    }
}

#[test]
fn no_timer_is_left_behind() {
    for presumption in Presumption::ALL {
        for votes in [vec![Yes, Yes], vec![Yes, No], vec![ReadOnly, ReadOnly], vec![Failed, Yes]] {
            let mut bench = Bench::new(presumption);
            bench.run(1, &votes);
            assert!(bench.timers.is_empty(), "{presumption:?} {votes:?}: {:?}", bench.timers);
        }
    }
}
