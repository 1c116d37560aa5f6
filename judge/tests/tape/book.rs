//! Traces of correct transactions, and helpers that change them.

use super::{check, run};
use indoubt_judge::summary::{Run, Verdict};
use indoubt_scenario::protocol::Protocol;

/// A transfer of five from p1/a to p2/b, accepted.
pub(crate) const BEGAN: &str = "0 k1 began c1-k1-1 transfer 1:p1/a:-5 2:p2/b:+5\n1 c1 reached c1-k1-1 begun\n";

/// A correct 2PC commit.
pub(crate) const COMMIT: &str = "
    2 p1 gets c1-k1-1 p1/a
    2 p2 gets c1-k1-1 p2/b
    4 c1 sent p1 prepare c1-k1-1
    4 c1 sent p2 prepare c1-k1-1
    6 p1 in-doubt c1-k1-1
    6 p1 voted c1-k1-1 yes
    6 p2 in-doubt c1-k1-1
    6 p2 voted c1-k1-1 yes
    7 c1 received p1 vote c1-k1-1
    7 c1 received p2 vote c1-k1-1
    9 c1 decided c1-k1-1 commit
    10 k1 told c1-k1-1 succeeded
    11 p1 decided c1-k1-1 commit
    11 p2 decided c1-k1-1 commit
    12 p1 applied c1-k1-1 p1/a:-5 @2
    12 p1 frees c1-k1-1 p1/a
    12 p2 applied c1-k1-1 p2/b:+5 @2
    12 p2 frees c1-k1-1 p2/b
    14 c1 reached c1-k1-1 ended
    99 lab end";

/// A correct saga whose second step is refused.
pub(crate) const UNDONE: &str = "
    5 p1 step-applied c1-k1-1 1 p1/a:-5 @1
    6 p2 step-refused c1-k1-1 2 @1
    8 p1 compensated c1-k1-1 1 p1/a:+5 @2
    9 c1 reached c1-k1-1 ended
    9 k1 told c1-k1-1 compensated
    99 lab end";

/// Judges one of these traces with one line replaced, or removed if `by` is empty.
pub(crate) fn but(protocol: Protocol, book: &str, line: &str, by: &str) -> Run {
    assert!(book.contains(line), "{line}");
    run(protocol, &format!("{BEGAN}{}", book.replace(line, by)))
}

/// Asserts that exactly these promised checks are broken, and that the first one's detail says where.
pub(crate) fn broken(run: &Run, names: &[&str], where_: &[&str]) {
    let found: Vec<&str> = run.checks.iter().filter(|c| c.promised && !c.held).map(|c| c.name.word()).collect();
    assert_eq!(found, names, "{:#?}", run.checks.iter().filter(|c| !c.held).collect::<Vec<_>>());
    if let Some(first) = names.first() {
        let detail = &check(run, first).detail;
        assert!(where_.iter().all(|word| detail.contains(word)), "{detail}");
        assert_eq!(run.verdict, Verdict::Violated);
    }
}
