//! Tests the shape of every kind of line, and that writing and reading it gives the same observation.

use super::{from_json_line, to_json_line};
use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, Serial, Ticket, TxnId},
    inspect::LockMode,
    machine::Write,
    message::{Decision, MessageKind, OutcomeWord, Vote},
    observation::{Abandoned, Observation as O, Phase, PlanEntry, Stamped},
    operation::{Change, Key, Update},
    time::Micros,
};

const P1: NodeId = NodeId::participant(1);
const C1: NodeId = NodeId::coordinating(1);

fn txn() -> TxnId {
    TxnId { home: C1, client: NodeId::client(2), number: 17 }
}

fn updates() -> Vec<Update> {
    vec![
        Update { key: Key::new("p1/acct-3"), change: Change::Delta(-5) },
        Update { key: Key::new("p1/order-1"), change: Change::Value(2) },
    ]
}

/// One observation of every kind, with the details that its line must show.
fn every_kind() -> Vec<(O, &'static str)> {
    let (txn, key, log, lsn) = (txn(), Key::new("p1/acct-3"), LogId(0xab), Lsn(9));
    let id = MessageId { from: C1, start: 1, count: 17 };
    let effects =
        r#""effects":[{"key":"p1/acct-3","delta":-5},{"key":"p1/order-1","value":2}],"log":"00000000000000ab","lsn":9"#;
    let step_effects: &'static str = format!(r#""txn":"c1-k2-17","step":2,{effects}"#).leak();
    let applied: &'static str = format!(r#""txn":"c1-k2-17",{effects}"#).leak();
    let entry = |step, delta, value| PlanEntry { node: P1, step, key: key.clone(), delta, value };
    vec![
        (
            O::ClientBegan {
                txn,
                due_us: Micros(12),
                what: "audit".into(),
                plan: vec![entry(1, Some(-5), None), entry(2, None, Some(7)), entry(3, None, None)],
                total: Some(-300),
            },
            r#""txn":"c1-k2-17","due_us":12,"what":"audit","plan":[{"node":"p1","step":1,"key":"p1/acct-3","delta":-5},{"node":"p1","step":2,"key":"p1/acct-3","value":7},{"node":"p1","step":3,"key":"p1/acct-3"}],"total":-300"#,
        ),
        (
            O::ClientBegan { txn, due_us: Micros(0), what: "trip".into(), plan: vec![], total: None },
            r#""txn":"c1-k2-17","due_us":0,"what":"trip","plan":[]"#,
        ),
        (
            O::ClientEnded { txn, outcome: OutcomeWord::Compensated, detail: "a \"word\"\n\\ü".into() },
            r#""txn":"c1-k2-17","outcome":"compensated","detail":"a \"word\"\n\\ü""#,
        ),
        (
            O::ClientEnded { txn, outcome: OutcomeWord::Succeeded, detail: String::new() },
            r#""txn":"c1-k2-17","outcome":"succeeded""#,
        ),
        (O::ClientGaveUp { txn, died: false }, r#""txn":"c1-k2-17""#),
        (O::ClientGaveUp { txn, died: true }, r#""txn":"c1-k2-17","died":true"#),
        (
            O::Sent { id, from: C1, to: P1, message: MessageKind::WorkDone, txn: Some(txn), copy: false },
            r#""txn":"c1-k2-17","id":"c1.1.17","from":"c1","to":"p1","message":"work-done""#,
        ),
        (
            O::Received { id, from: P1, to: C1, message: MessageKind::Ack, txn: Some(txn), copy: false, ticket: None },
            r#""txn":"c1-k2-17","id":"c1.1.17","from":"p1","to":"c1","message":"ack""#,
        ),
        (
            O::Received {
                id,
                from: C1,
                to: P1,
                message: MessageKind::Decision,
                txn: Some(txn),
                copy: true,
                ticket: Some(Ticket { log, serial: Serial(7), finished_below: Serial(5) }),
            },
            concat!(
                r#""txn":"c1-k2-17","id":"c1.1.17","from":"c1","to":"p1","message":"decision","copy":true,"#,
                r#""log":"00000000000000ab","serial":7,"finished_below":5"#
            ),
        ),
        (
            O::Dropped { id, from: C1, to: NodeId::LAB, message: MessageKind::Done, txn: None, copy: false },
            r#""id":"c1.1.17","from":"c1","to":"lab","message":"done""#,
        ),
        (
            O::Appended { txn: Some(txn), lsn, record: "prepared".into(), write: Write::Forced },
            r#""txn":"c1-k2-17","lsn":9,"record":"prepared","write":"forced""#,
        ),
        (
            O::Appended { txn: None, lsn, record: "mark".into(), write: Write::Lazy },
            r#""lsn":9,"record":"mark","write":"lazy""#,
        ),
        (O::Durable { upto: lsn }, r#""upto":9"#),
        (
            O::LockRequested { txn, key: key.clone(), mode: LockMode::Shared },
            r#""txn":"c1-k2-17","key":"p1/acct-3","mode":"shared""#,
        ),
        (
            O::LockGranted { txn, key: key.clone(), mode: LockMode::Exclusive },
            r#""txn":"c1-k2-17","key":"p1/acct-3","mode":"exclusive""#,
        ),
        (O::LockReleased { txn, key: key.clone() }, r#""txn":"c1-k2-17","key":"p1/acct-3""#),
        (
            O::LockAbandoned { txn, key: key.clone(), why: Abandoned::Timeout },
            r#""txn":"c1-k2-17","key":"p1/acct-3","why":"timeout""#,
        ),
        (
            O::LockAbandoned { txn, key: key.clone(), why: Abandoned::Abort },
            r#""txn":"c1-k2-17","key":"p1/acct-3","why":"abort""#,
        ),
        (
            O::Read { txn, key: key.clone(), value: -4, step: 1 },
            r#""txn":"c1-k2-17","key":"p1/acct-3","value":-4,"step":1"#,
        ),
        (O::Compacted { upto: lsn, records: 3 }, r#""upto":9,"records":3"#),
        (O::Voted { txn, vote: Vote::ReadOnly }, r#""txn":"c1-k2-17","vote":"read-only""#),
        (O::InDoubt { txn }, r#""txn":"c1-k2-17""#),
        (O::Decided { txn, outcome: Decision::Abort }, r#""txn":"c1-k2-17","outcome":"abort""#),
        (
            O::HeuristicOutcome { txn, outcome: indoubt_proto::heuristic::HeuristicOutcome::Mixed },
            r#""txn":"c1-k2-17","outcome":"mixed""#,
        ),
        (O::Heuristic { txn, outcome: Decision::Commit }, r#""txn":"c1-k2-17","outcome":"commit""#),
        (O::Applied { txn, effects: updates(), log, lsn }, applied),
        (O::StepApplied { txn, step: 2, effects: updates(), log, lsn }, step_effects),
        (O::StepRefused { txn, step: 2, effects: updates(), log, lsn }, step_effects),
        (O::Compensated { txn, step: 2, effects: updates(), log, lsn }, step_effects),
        (O::Pending { txn, key: key.clone() }, r#""txn":"c1-k2-17","key":"p1/acct-3""#),
        (O::Settled { txn, key: key.clone() }, r#""txn":"c1-k2-17","key":"p1/acct-3""#),
        (O::Reached { txn, phase: Phase::HalfTold }, r#""txn":"c1-k2-17","phase":"half-told""#),
        (O::Stuck { txn, step: 1, resumed: false }, r#""txn":"c1-k2-17","step":1,"resumed":false"#),
        (O::LostLog { txn, participant: P1 }, r#""txn":"c1-k2-17","participant":"p1""#),
        (O::Crashed { incarnation: 1 }, r#""incarnation":1"#),
        (
            O::Restarted { incarnation: 2, log, upto: lsn, lost: false },
            r#""incarnation":2,"log":"00000000000000ab","upto":9"#,
        ),
        (
            O::Restarted { incarnation: 2, log, upto: Lsn(0), lost: true },
            r#""incarnation":2,"log":"00000000000000ab","upto":0,"lost":true"#,
        ),
        (O::LogRestored { upto: lsn }, r#""upto":9"#),
        (O::SessionRefused { peer: C1 }, r#""peer":"c1""#),
        (O::Paused { incarnation: 1 }, r#""incarnation":1"#),
        (O::Resumed { incarnation: 1 }, r#""incarnation":1"#),
        (O::ClockJumped { incarnation: 1, by: Micros(2_000), back: false }, r#""incarnation":1,"by_us":2000"#),
        (
            O::ClockJumped { incarnation: 1, by: Micros(2_000), back: true },
            r#""incarnation":1,"by_us":2000,"back":true"#,
        ),
        (O::LinkCut { from: C1, to: P1 }, r#""from":"c1","to":"p1""#),
        (O::LinkHealed { from: C1, to: P1 }, r#""from":"c1","to":"p1""#),
        (O::Fault { text: "kill c1".into() }, r#""text":"kill c1""#),
        (O::End, ""),
    ]
}

#[test]
fn every_kind_has_the_shape_of_the_design_and_survives_the_round_trip() {
    let mut kinds = std::collections::BTreeSet::new();
    for (what, details) in every_kind() {
        let kind = what.kind();
        kinds.insert(kind);
        let seen = Stamped { t_us: -7, seq: 3, node: P1, what };
        let line = to_json_line(&seen);
        let comma = if details.is_empty() { "" } else { "," };
        assert_eq!(line, format!(r#"{{"t_us":-7,"seq":3,"node":"p1","kind":"{kind}"{comma}{details}}}"#));
        assert_eq!(from_json_line(&line).unwrap(), seen);
    }
    assert_eq!(kinds.len(), 39, "a kind is missing above");
}

#[test]
fn what_is_no_observation_is_refused_with_the_field() {
    let error = |line: &str| from_json_line(line).unwrap_err().to_string();
    assert!(error("nonsense").contains("not a line of a trace"));
    assert!(error(r#"{"t_us":1,"seq":1,"node":"p1"}"#).contains("kind"));
    assert!(error(r#"{"t_us":1,"seq":1,"node":"x1","kind":"end"}"#).contains("x1"));
    assert_eq!(error(r#"{"t_us":1,"seq":1,"node":"p1","kind":"ends"}"#), "unknown kind of observation `ends`");
    assert_eq!(error(r#"{"t_us":1,"seq":1,"node":"p1","kind":"in-doubt"}"#), "a line of kind `in-doubt` needs `txn`");
    assert!(
        error(r#"{"t_us":1,"seq":1,"node":"p1","kind":"voted","txn":"c1-k1-1","vote":"maybe"}"#).contains("`vote`")
    );
    let id = r#"{"t_us":1,"seq":1,"node":"p1","kind":"sent","id":"c1-1","from":"c1","to":"p1","message":"work"}"#;
    assert!(error(id).contains("c1.1.17"));
    let log = r#"{"t_us":1,"seq":1,"node":"p1","kind":"restarted","incarnation":2,"log":"xyz","upto":0}"#;
    assert!(error(log).contains("`log`"));
    let both = r#"{"t_us":1,"seq":1,"node":"p1","kind":"applied","txn":"c1-k1-1","effects":[{"key":"a","delta":1,"value":1}],"log":"1","lsn":1}"#;
    assert!(error(both).contains("either `delta` or `value`"));
}
