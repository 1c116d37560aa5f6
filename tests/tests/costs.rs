//! Tests the cost table of docs/08-costs.md, cell by cell: every case of every protocol for one to eight participants. Also tests
//! that a wrong count or a wrong formula is marked.

use indoubt_proto::settings::AbortWhen;
use indoubt_scenario::protocol::{
    Protocol,
    costs::{Case, Cost, CostTable, Delay, Delays},
};
use indoubt_studies::costs::{Cell, DelayRow, Table, count, delays, protocols};

const NOTHING: Protocol = Protocol::PresumedNothing;
const ABORT: Protocol = Protocol::TwoPhase;
const COMMIT: Protocol = Protocol::PresumedCommit;

fn measured(protocol: Protocol, n: usize, case: Case) -> Cost {
    count(protocol, n, case, AbortWhen::AfterAllVotes).cost
}

fn paper(protocol: Protocol, n: usize, case: Case) -> Cost {
    (protocol.entry().costs.of)(n, case)
}

fn rows(protocol: Protocol) -> &'static CostTable {
    protocol.entry().costs.table.as_ref().expect("it has rows in the table")
}

#[test]
fn section_1_every_cell_is_what_the_papers_say() {
    let table = Table::measure(1..=8);
    for cell in table.cells.iter().chain(&table.at_once) {
        assert_eq!(cell.differences, Vec::<&str>::new(), "{cell:?}");
    }
    for row in &table.delays {
        assert_eq!(row.differences, Vec::<&str>::new(), "{row:?}");
    }
    assert_eq!(table.differences(), 0);
    // For each N: 1 commit, N aborts, 1 read-only, N-1 mixes under three protocols; 1 whole saga and N refused ones; of
    // parallel ones 1 whole and 1 refused.
    let rows: usize = (1..=8).map(|n| 3 * (2 * n + 1) + 1 + n + 2).sum();
    assert_eq!((table.cells.len(), table.at_once.len(), table.delays.len()), (rows, 3 * 36, 5 * 8));
}

/// Tests some cells against plain numbers, which would find a formula and a machine that are wrong in the same way.
#[test]
fn section_1_three_participants_in_plain_numbers() {
    let row = |protocol, case| measured(protocol, 3, case).columns().map(|(_, count)| count);
    // Messages, of the work round; forced at the coordinator, at participants; lazy at both; lazy at those who refused.
    assert_eq!(row(NOTHING, Case::Commit), [12, 6, 1, 6, 1, 0, 0]);
    assert_eq!(row(ABORT, Case::Commit), [12, 6, 1, 6, 1, 0, 0]);
    assert_eq!(row(COMMIT, Case::Commit), [9, 6, 2, 3, 0, 3, 0]);
    assert_eq!(row(NOTHING, Case::Abort { yes: 1 }), [8, 6, 1, 2, 1, 0, 2]);
    assert_eq!(row(ABORT, Case::Abort { yes: 1 }), [7, 6, 0, 1, 0, 1, 2]);
    assert_eq!(row(COMMIT, Case::Abort { yes: 1 }), [8, 6, 1, 2, 1, 0, 2]);
    assert_eq!(row(ABORT, Case::Abort { yes: 0 }), [6, 6, 0, 0, 0, 0, 3]);
    assert_eq!(row(NOTHING, Case::ReadOnly), [6, 6, 0, 0, 0, 0, 0]);
    assert_eq!(row(ABORT, Case::ReadOnly), [6, 6, 0, 0, 0, 0, 0]);
    assert_eq!(row(COMMIT, Case::ReadOnly), [6, 6, 1, 0, 1, 0, 0]);
    assert_eq!(row(ABORT, Case::Mixed { updaters: 2 }), [10, 6, 1, 4, 1, 0, 0]);
    assert_eq!(row(COMMIT, Case::Mixed { updaters: 2 }), [8, 6, 2, 2, 0, 2, 0]);
    assert_eq!(row(Protocol::Saga, Case::Whole), [6, 0, 2, 3, 3, 0, 0]);
    assert_eq!(row(Protocol::Saga, Case::Refused { step: 1 }), [2, 0, 2, 0, 1, 0, 1]);
    assert_eq!(row(Protocol::Saga, Case::Refused { step: 3 }), [10, 0, 2, 4, 5, 0, 1]);
    assert_eq!(row(Protocol::SagaParallel, Case::Whole), [6, 0, 2, 3, 3, 0, 0]);
    assert_eq!(row(Protocol::SagaParallel, Case::Refused { step: 3 }), [10, 0, 2, 4, 3, 0, 1]);
}

/// Without failures no participant asks another, so cooperative termination costs nothing.
#[test]
fn cooperative_termination_costs_what_presumed_abort_costs() {
    for n in 1..=4 {
        for case in (rows(ABORT).cases)(n) {
            assert_eq!(measured(Protocol::Cooperative, n, case), measured(ABORT, n, case), "{case}, {n}");
        }
    }
}

#[test]
fn an_abort_at_the_first_no_tells_everyone_not_known_to_have_voted_no() {
    let messages = |protocol, yes| count(protocol, 4, Case::Abort { yes }, AbortWhen::AtOnce).cost.messages;
    // Three NO votes arrive together and before the YES. The first decides; two more refusers are told too.
    assert_eq!(messages(ABORT, 1), 8 + 1 + 2);
    assert_eq!(messages(COMMIT, 1), 8 + 2 + 4);
    // Presumed nothing is still forcing its decision when it learns of them.
    assert_eq!(messages(NOTHING, 1), 8 + 2);
    // With a single NO there is nothing to save.
    for protocol in [NOTHING, ABORT, COMMIT] {
        assert_eq!(messages(protocol, 3), measured(protocol, 4, Case::Abort { yes: 3 }).messages, "{protocol}");
    }
}

#[test]
fn section_1_delays_to_a_commit() {
    let whole = |decided, learned, forgotten| Delays {
        decided: Some(decided),
        learned: Some(learned),
        forgotten: Some(forgotten),
    };
    for n in 1..=8 {
        let d = Delay::new;
        assert_eq!(delays(NOTHING, n), whole(d(2, 2), d(3, 2), d(4, 3)));
        assert_eq!(delays(ABORT, n), whole(d(2, 2), d(3, 2), d(4, 3)));
        assert_eq!(delays(COMMIT, n), whole(d(2, 3), d(3, 3), d(2, 3)), "forgotten at the decision");
    }
    for n in 1..=8 {
        assert_eq!(delays(Protocol::SagaParallel, n), whole(Delay::new(2, 3), Delay::new(1, 2), Delay::new(2, 3)));
    }
    assert_eq!(delays(Protocol::Saga, 3), whole(Delay::new(6, 5), Delay::new(5, 4), Delay::new(6, 5)));
}

/// If any count is wrong, even by one, the row is marked and names the column.
#[test]
fn a_wrong_count_is_marked_in_every_column_of_every_row() {
    for (protocol, rows) in protocols() {
        for case in (rows.cases)(3) {
            let right = paper(protocol, 3, case);
            let counted = count(protocol, 3, case, AbortWhen::AfterAllVotes);
            for (column, (name, _)) in right.columns().into_iter().enumerate() {
                let mut wrong = counted;
                *field(&mut wrong.cost, column) += 1;
                assert_eq!(Cell::new(protocol, 3, case, wrong, right).differences, [name], "{protocol} {case}");
                let mut formula = right;
                *field(&mut formula, column) += 1;
                assert_eq!(Cell::new(protocol, 3, case, counted, formula).differences, [name], "{protocol} {case}");
            }
            let mut other = counted;
            other.outcome = None;
            assert_eq!(Cell::new(protocol, 3, case, other, right).differences, ["outcome"]);
            let mut open = counted;
            open.resolved = false;
            assert_eq!(Cell::new(protocol, 3, case, open, right).differences, ["outcome"]);
        }
    }
}

#[test]
fn a_table_with_another_protocol_s_formulas_is_full_of_marks() {
    let swapped = |protocol| if protocol == COMMIT { ABORT } else { COMMIT };
    for (protocol, rows) in protocols().into_iter().filter(|(_, rows)| rows.at_once.is_some()) {
        for case in (rows.cases)(2) {
            let counted = count(protocol, 2, case, AbortWhen::AfterAllVotes);
            let cell = Cell::new(protocol, 2, case, counted, paper(swapped(protocol), 2, case));
            // Presumed nothing and presumed commit abort at the same price.
            let same = protocol == NOTHING && matches!(case, Case::Abort { .. });
            assert_eq!(cell.differences.is_empty(), same, "{cell:?}");
        }
    }
}

#[test]
fn a_wrong_delay_is_marked() {
    let right = delays(ABORT, 2);
    assert_eq!(
        DelayRow::new(ABORT, 2, right, (rows(COMMIT).delays)(2)).differences,
        ["decided", "learned", "forgotten"]
    );
    let never = Delays { forgotten: None, ..right };
    assert_eq!(DelayRow::new(ABORT, 2, never, (rows(ABORT).delays)(2)).differences, ["forgotten"]);
}

fn field(cost: &mut Cost, column: usize) -> &mut usize {
    match column {
        0 => &mut cost.messages,
        1 => &mut cost.work_messages,
        2 => &mut cost.forced_coordinator,
        3 => &mut cost.forced_participants,
        4 => &mut cost.lazy_coordinator,
        5 => &mut cost.lazy_participants,
        _ => &mut cost.lazy_refusals,
    }
}
