//! The cost table of docs/08-costs.md as formulas. N participants, the coordinator is none of them. `[V]` was read in a
//! source, `[D]` follows from the matrix of which record is forced and which ACK is due:
//!
//! | | presumed nothing | presumed abort | presumed commit |
//! |---|---|---|---|
//! | coordinator forces before PREPARE | no | no | yes |
//! | coordinator forces before COMMIT | yes | yes | yes |
//! | coordinator forces before ABORT | yes | no | no |
//! | participants acknowledge COMMIT | yes | yes | no |
//! | participants acknowledge ABORT | yes | no | yes |
//!
//! A participant forces `prepared` before it votes YES, and its outcome exactly when an ACK is due `[V]`; else the outcome is
//! lazy.

use super::case::{Case, Cost};
use indoubt_scenario::protocol::{Family, Protocol};

/// What a case costs. All of them assume that every vote arrived before the decision. Zero for the unprotected baselines,
/// which no paper counts.
///
/// - commit `[D]`: presumed nothing and presumed abort 4N messages, 1 + 2N forced, END lazy; presumed commit 3N, 2 + N
///   forced, N lazy.
/// - abort with y YES votes `[D]`: presumed nothing 2N + 2y, 1 + 2y, END; presumed abort 2N + y, y, y lazy; presumed commit
///   2N + 2y, 1 + 2y, END.
/// - all read-only `[D]`: 2N and nothing written; presumed commit forces its initiation and adds one lazy outcome record.
/// - u updaters, the rest read-only `[D]`: a commit of u, and one round trip more for each reader.
/// - saga of n steps `[D]`: 2n direct calls, its begin and end forced, each step forced once at its participant, n lazy
///   results. Refused at k: 2k + 2(k-1) calls; begin and turn forced; k-1 steps and k-1 compensations forced; their
///   results and the end lazy.
///
/// Whoever refuses notes it lazily for itself `[D]`; the papers do not list that.
pub fn paper(protocol: Protocol, participants: usize, case: Case) -> Cost {
    match (protocol.family(), case) {
        (Family::TwoPhase, _) => Cost { work_messages: 2 * participants, ..two_phase(protocol, participants, case) },
        (Family::Saga, Case::Refused { step }) => refused(step),
        (Family::Saga, _) => Cost {
            messages: 2 * participants,
            forced_coordinator: 2,
            forced_participants: participants,
            lazy_coordinator: participants,
            ..Cost::default()
        },
        (Family::Unprotected, _) => Cost::default(),
    }
}

fn two_phase(protocol: Protocol, n: usize, case: Case) -> Cost {
    let presumed_commit = protocol == Protocol::PresumedCommit;
    match case {
        Case::Commit => commit(presumed_commit, n, n),
        Case::Mixed { updaters } => commit(presumed_commit, n, updaters),
        Case::ReadOnly => Cost {
            messages: 2 * n,
            forced_coordinator: usize::from(presumed_commit),
            lazy_coordinator: usize::from(presumed_commit),
            ..Cost::default()
        },
        Case::Abort { yes } => Cost { lazy_refusals: n - yes, ..abort(protocol, n, yes) },
        // No case of this family.
        Case::Whole | Case::Refused { .. } => Cost::default(),
    }
}

fn commit(presumed_commit: bool, n: usize, updaters: usize) -> Cost {
    let u = updaters;
    if presumed_commit {
        Cost {
            messages: 2 * n + u,
            forced_coordinator: 2,
            forced_participants: u,
            lazy_participants: u,
            ..Cost::default()
        }
    } else {
        Cost {
            messages: 2 * n + 2 * u,
            forced_coordinator: 1,
            forced_participants: 2 * u,
            lazy_coordinator: 1,
            ..Cost::default()
        }
    }
}

fn abort(protocol: Protocol, n: usize, yes: usize) -> Cost {
    match protocol {
        Protocol::PresumedNothing | Protocol::PresumedCommit => Cost {
            messages: 2 * n + 2 * yes,
            forced_coordinator: 1,
            forced_participants: 2 * yes,
            lazy_coordinator: 1,
            ..Cost::default()
        },
        _ => Cost { messages: 2 * n + yes, forced_participants: yes, lazy_participants: yes, ..Cost::default() },
    }
}

fn refused(step: usize) -> Cost {
    let undone = step - 1;
    Cost {
        messages: 2 * step + 2 * undone,
        forced_coordinator: 2,
        forced_participants: 2 * undone,
        lazy_coordinator: 2 * undone + 1,
        lazy_refusals: 1,
        ..Cost::default()
    }
}

/// What an abort with `yes` YES votes costs if the coordinator decides at the first NO, all links are equally fast, and a
/// force takes time `[D]`: a NO is not forced, so all of them arrive together and before any YES. The first one decides,
/// and ABORT goes to everyone not known to have voted NO. Presumed nothing forces that decision, and meanwhile learns of
/// the other NO votes; presumed abort and presumed commit do not wait, so ABORT goes to all but the first refuser. Who
/// voted NO and is told ABORT acknowledges if that is due, and then forces the outcome first, like everybody `[V]`.
pub fn paper_at_once(protocol: Protocol, participants: usize, yes: usize) -> Cost {
    let told_too = participants - 1 - yes;
    let patient = paper(protocol, participants, Case::Abort { yes });
    let (messages, forced) = match protocol {
        Protocol::PresumedCommit => (2 * told_too, told_too),
        Protocol::PresumedNothing => (0, 0),
        _ => (told_too, 0),
    };
    Cost { messages: patient.messages + messages, forced_participants: patient.forced_participants + forced, ..patient }
}
