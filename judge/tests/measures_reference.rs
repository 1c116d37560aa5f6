//! Compares the measures with a slow reference: for every millisecond it recomputes, from all lines so far, which branches are in
//! doubt, up and blocked, which locks are held, and which transactions are bystanders.

mod tape;

use indoubt_judge::summary::Spread;
use indoubt_scenario::protocol::Protocol::TwoPhase;
use proptest::prelude::*;

const NODES: [&str; 3] = ["p1", "p2", "c1"];
const TXNS: [&str; 3] = ["c1-k1-1", "c1-k1-2", "c1-k1-3"];

/// One line, without its time: node, kind, details.
type Line = (&'static str, &'static str, String);

fn line() -> impl Strategy<Value = Line> {
    let participant = || prop::sample::select(&NODES[..2]);
    let node = || prop::sample::select(&NODES[..]);
    let txn = || prop::sample::select(&TXNS[..]);
    let about = |kind: &'static str, at: BoxedStrategy<&'static str>| {
        (at, txn()).prop_map(move |(node, txn)| (node, kind, txn.to_string())).boxed()
    };
    let on_a_record = |kind: &'static str| {
        (participant(), txn()).prop_map(move |(node, txn)| (node, kind, format!("{txn} {node}/a"))).boxed()
    };
    let life = |kind: &'static str| node().prop_map(move |node| (node, kind, "9999".to_string())).boxed();
    let link =
        |kind: &'static str| (node(), node()).prop_map(move |(from, to)| ("lab", kind, format!("{from} {to}"))).boxed();
    prop_oneof![
        6 => about("in-doubt", participant().boxed()),
        4 => about("decided", node().boxed()),
        3 => (participant(), 0..TXNS.len(), 1u64..5)
            .prop_map(|(node, txn, mark)| (node, "received", format!("c1 work {} #{}/{mark}", TXNS[txn], txn + 1)))
            .boxed(),
        4 => on_a_record("gets"),
        3 => on_a_record("wants"),
        2 => on_a_record("quits"),
        3 => on_a_record("frees"),
        1 => life("crashed"),
        2 => life("restarted"),
        1 => life("paused"),
        1 => life("resumed"),
        1 => link("link-cut"),
        1 => link("link-healed"),
    ]
}

/// The lines so far, with the questions that the definitions ask.
struct Past<'a>(&'a [(u64, Line)]);

impl Past<'_> {
    /// The last line of these kinds that `which` accepts: its place and its kind.
    fn last(&self, kinds: &[&str], which: impl Fn(&Line) -> bool) -> Option<(usize, &'static str)> {
        let at = self.0.iter().rposition(|(_, line)| kinds.contains(&line.1) && which(line))?;
        Some((at, self.0[at].1.1))
    }

    fn is(&self, kinds: &[&str], node: &str, details: &str, word: &str) -> bool {
        self.last(kinds, |line| line.0 == node && line.2 == details).is_some_and(|(_, kind)| kind == word)
    }

    fn in_doubt(&self, node: &str, txn: &str) -> bool {
        self.is(&["in-doubt", "decided"], node, txn, "in-doubt")
    }

    fn running(&self, node: &str) -> bool {
        let life = self.last(&["crashed", "restarted"], |line| line.0 == node);
        let pause = self.last(&["paused", "resumed", "crashed", "restarted"], |line| line.0 == node);
        life.is_none_or(|(_, kind)| kind == "restarted") && pause.is_none_or(|(_, kind)| kind != "paused")
    }

    fn cut(&self, from: &str, to: &str) -> bool {
        self.is(&["link-cut", "link-healed"], "lab", &format!("{from} {to}"), "link-cut")
    }

    fn knows(&self, node: &str, txn: &str) -> bool {
        // A participant that came back knows no more than its journal; nothing here says that it logged what it learned.
        let of_it = |line: &Line| line.0 == node && (line.2 == txn || (node != "c1" && line.1 == "restarted"));
        let decided =
            self.last(&["in-doubt", "decided", "restarted"], of_it).is_some_and(|(_, kind)| kind == "decided");
        // The first that anybody does for a transaction is its acceptance; a message that comes is no deed.
        let accepted =
            self.0.iter().position(|(_, line)| line.1 != "received" && line.2.split(' ').any(|word| word == txn));
        let restarted = self.last(&["restarted"], |line| line.0 == "c1").map(|(at, _)| at);
        let forgotten = node != "c1" && self.passed(node, txn);
        (decided && !forgotten)
            || (node == "c1" && accepted.zip(restarted).is_some_and(|(accepted, restarted)| restarted > accepted))
    }

    /// Whether a node knows from a mark that a transaction is finished. A request has named the serial of the transaction.
    fn passed(&self, node: &str, txn: &str) -> bool {
        let received = || self.0.iter().map(|(_, line)| line).filter(|line| line.1 == "received");
        let ticket = |line: &Line| -> Option<(u64, u64)> {
            let (serial, mark) = line.2.split_once('#')?.1.split_once('/')?;
            Some((serial.parse().ok()?, mark.parse().ok()?))
        };
        let serial = received().find(|line| line.2.contains(txn)).and_then(ticket).map(|(serial, _)| serial);
        let marks = received().filter(|line| line.0 == node).filter_map(ticket).map(|(_, mark)| mark);
        serial.zip(marks.max()).is_some_and(|(serial, mark)| serial < mark)
    }

    fn blocked(&self, node: &str, txn: &str) -> bool {
        let helps = |other: &&&str| {
            **other != node
                && self.running(other)
                && !self.cut(node, other)
                && !self.cut(other, node)
                && self.knows(other, txn)
        };
        self.running(node) && !NODES.iter().any(|other| helps(&other))
    }

    /// Whether a lock or wait that one of `begins` begins is still there.
    fn open(&self, node: &str, txn: &str, begins: &str, ends: &[&str], survives_in_doubt: bool) -> bool {
        let details = format!("{txn} {node}/a");
        let mut open = false;
        for (at, (_, line)) in self.0.iter().enumerate() {
            if line.0 != node {
                continue;
            }
            if line.1 == "crashed" && !(survives_in_doubt && Past(&self.0[..at]).in_doubt(node, txn)) {
                open = false;
            } else if line.2 == details {
                open = (open || line.1 == begins) && !ends.contains(&line.1);
            }
        }
        open
    }

    fn holds(&self, node: &str, txn: &str) -> bool {
        self.open(node, txn, "gets", &["frees"], true)
    }

    fn waits(&self, node: &str, txn: &str) -> bool {
        self.open(node, txn, "wants", &["gets", "quits"], false)
    }

    fn stands_by(&self, txn: &str) -> bool {
        NODES[..2].iter().any(|node| {
            self.waits(node, txn)
                && TXNS.iter().any(|other| *other != txn && self.holds(node, other) && self.in_doubt(node, other))
        })
    }
}

fn same(spread: Spread, by_hand: u64, open: u64) -> Result<(), TestCaseError> {
    prop_assert_eq!((spread.sum, spread.censored), (by_hand as f64, open));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn folds_agree_with_the_definitions_millisecond_by_millisecond(
        lines in prop::collection::vec((0u64..5, line()), 1..60),
    ) {
        let mut now = 0;
        let lines: Vec<(u64, Line)> = lines
            .into_iter()
            .map(|(gap, line)| {
                now += gap;
                (now, line)
            })
            .collect();
        let end = now + 3;
        let story: String =
            lines.iter().map(|(t, (node, kind, details))| format!("{t} {node} {kind} {details}\n")).collect();
        let m = tape::run(TwoPhase, &format!("{story}{end} lab end")).measures;

        let pairs = || NODES[..2].iter().flat_map(|node| TXNS.iter().map(move |txn| (*node, *txn)));
        let count = |which: &dyn Fn(&Past<'_>) -> u64| {
            (0..end).map(|t| which(&Past(&lines[..lines.partition_point(|(at, _)| *at <= t)]))).sum::<u64>()
        };
        let all = Past(&lines);
        let doubts = |past: &Past<'_>| pairs().filter(|(n, t)| past.in_doubt(n, t)).count() as u64;
        let up = |past: &Past<'_>| pairs().filter(|(n, t)| past.in_doubt(n, t) && past.running(n)).count() as u64;
        let blocked = |past: &Past<'_>| pairs().filter(|(n, t)| past.in_doubt(n, t) && past.blocked(n, t)).count() as u64;
        let held = |past: &Past<'_>| pairs().filter(|(n, t)| past.holds(n, t)).count() as u64;
        let by = |past: &Past<'_>| TXNS.iter().filter(|txn| past.stands_by(txn)).count() as u64;
        same(m.in_doubt_ms, count(&doubts), doubts(&all))?;
        same(m.in_doubt_up_ms, count(&up), doubts(&all))?;
        same(m.blocked_ms, count(&blocked), doubts(&all))?;
        same(m.lock_hold_ms, count(&held), held(&all))?;
        let waits = |past: &Past<'_>| pairs().filter(|(n, t)| past.waits(n, t)).count() as u64;
        let waiters = TXNS.iter().filter(|txn| NODES[..2].iter().any(|node| all.waits(node, txn))).count() as u64;
        same(m.lock_wait_ms, count(&waits), waiters)?;
        same(m.bystanders.wait_ms, count(&by), by(&all))?;
    }
}
