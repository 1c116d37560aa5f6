use indoubt_participant::*;
use indoubt_proto::{ids::*, machine::*, message::*, operation::*, plan::*, settings::*};
use std::time::Instant;
fn rss() -> u64 { let s = std::fs::read_to_string("/proc/self/status").unwrap(); s.lines().find(|l| l.starts_with("VmRSS")).unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()/1024 }
fn main() {
    let p1 = NodeId::participant(1); let c1 = NodeId::coordinating(1);
    let acc = (0..1_000_000).map(|n| (Key::new(format!("p1/acct-{n}")), 1000i64)).collect();
    println!("accounts {} MB", rss());
    let mut m = Participant::new(p1, Settings::default(), acc);
    let mut out = Out::new(Lsn(0));
    m.handle(Input::Recover { log: LogId(1), incarnation: 1, records: vec![] }, &mut out);
    let mut log = vec![];
    let n = 500_000u64; let mut msgs = 0u64;
    let pre: Vec<_> = (0..n).map(|i| {
        let txn = TxnId { home: c1, client: NodeId::client(1), number: i };
        let t = Ticket { log: LogId(3), serial: Serial(i + 1000), finished_below: Serial(i.saturating_sub(500) + 1000) };
        let k = Key::new(format!("p1/acct-{}", (i * 7919) % 1_000_000));
        (txn, t, vec![StepOps { step: 1, ops: vec![Operation::Add { key: k, delta: -1, min: Some(0) }] }])
    }).collect();
    println!("inputs {} MB", rss());
    let t0 = Instant::now();
    let mut go = |m: &mut Participant, out: &mut Out<Participant>, i: Input<Participant>, msgs: &mut u64| {
        m.handle(i, out); 
        for e in out.drain() { match e { Effect::Append { lsn, record, .. } => log.push(Logged { lsn, compacted: false, record }), Effect::Send { .. } => *msgs += 1, _ => {} } }
    };
    for chunk in pre.chunks(256) {
        for (txn, ticket, steps) in chunk { msgs += 1; go(&mut m, &mut out, Input::Message { from: c1, message: Message::Work { txn: *txn, ticket: *ticket, steps: steps.clone() } }, &mut msgs); }
        for (txn, ticket, _) in chunk { msgs += 1; go(&mut m, &mut out, Input::Message { from: c1, message: Message::Prepare { txn: *txn, ticket: *ticket, steps: vec![], peers: vec![], read_vote: ReadVote::Release } }, &mut msgs); }
        let l = out.last(); go(&mut m, &mut out, Input::Durable { upto: l }, &mut msgs);
        for (txn, ticket, _) in chunk { msgs += 1; go(&mut m, &mut out, Input::Message { from: c1, message: Message::Decision { txn: *txn, ticket: *ticket, decision: Decision::Commit, ack: true } }, &mut msgs); }
        let l = out.last(); go(&mut m, &mut out, Input::Durable { upto: l }, &mut msgs);
    }
    let e = t0.elapsed(); println!("{n} txns, {msgs} messages in+out, {:?}: {:.0} k msgs/s", e, msgs as f64 / e.as_secs_f64() / 1e3);
    println!("after load {} MB, {} records", rss(), log.len());
    let t0 = Instant::now(); let mut recs = vec![]; m.compact(&mut recs); println!("compact {:?} {} records {} MB", t0.elapsed(), recs.len(), rss());
    let opening: std::collections::BTreeMap<Key, i64> = (0..1_000_000).map(|n| (Key::new(format!("p1/acct-{n}")), 1000i64)).collect();
    let mut q = Participant::new(p1, Settings::default(), opening);
    let mut o2 = Out::new(Lsn(log.len() as u64)); let cnt = log.len();
    let t0 = Instant::now(); q.handle(Input::Recover { log: LogId(1), incarnation: 2, records: log }, &mut o2);
    println!("recover {cnt} records {:?}, {} effects, {} MB", t0.elapsed(), o2.effects().len(), rss());
    let mut q = Participant::new(p1, Settings::default(), Default::default());
    let mut o2 = Out::new(Lsn(1));
    let t0 = Instant::now(); q.handle(Input::Recover { log: LogId(1), incarnation: 2, records: recs.into_iter().map(|record| Logged { lsn: Lsn(1), compacted: true, record }).collect() }, &mut o2);
    println!("recover snapshot {:?}", t0.elapsed());
}
