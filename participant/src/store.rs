//! The data: integer accounts under named keys. The operations of a transaction are staged against the present values and
//! applied once. Locks prevent any change by others in between.

use crate::key_map::KeyMap;
use indoubt_proto::{
    message::{Reason, ReasonKind},
    operation::{Change, Key, Operation, ReadValue, Update},
};
use std::collections::BTreeMap;

/// The accounts. A key that was never written reads as 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    accounts: KeyMap<i64>,
}

/// The result of trying operations on the present values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Staged {
    /// The values read, up to the first constraint that does not hold.
    pub(crate) reads: Vec<ReadValue>,
    /// The changes in order, or the constraint that does not hold.
    pub(crate) outcome: Result<Vec<Update>, Reason>,
}

impl Store {
    pub(crate) fn new(accounts: BTreeMap<Key, i64>) -> Self {
        Store { accounts: accounts.into_iter().collect() }
    }

    pub(crate) fn value(&self, key: &Key) -> i64 {
        self.accounts.get(key).copied().unwrap_or(0)
    }

    /// All accounts, in key order.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (&Key, i64)> {
        self.accounts.in_order().map(|(key, value)| (key, *value))
    }

    /// Sets accounts to the values in a compaction.
    pub(crate) fn restore(&mut self, accounts: Vec<(Key, i64)>) {
        self.accounts.extend(accounts);
    }

    /// Tries operations, each with its step number, without changing any account. Later operations see the changes of
    /// earlier ones.
    pub(crate) fn stage<'a>(&self, ops: impl IntoIterator<Item = (u32, &'a Operation)>) -> Staged {
        let mut view: BTreeMap<&Key, i64> = BTreeMap::new();
        let (mut reads, mut updates) = (Vec::new(), Vec::new());
        for (step, op) in ops {
            let key = op.key();
            let before = view.get(key).copied().unwrap_or_else(|| self.value(key));
            let (after, change) = match op {
                Operation::Get { .. } => {
                    reads.push(ReadValue { step, key: key.clone(), value: before });
                    continue;
                }
                Operation::Put { value, .. } => (*value, Change::Value(*value)),
                Operation::Add { delta, min, .. } => {
                    let broken = match (before.checked_add(*delta), min) {
                        (None, _) => Some(format!("{key} would overflow")),
                        (Some(after), Some(min)) if after < *min => {
                            Some(format!("{key} would be {after}, the least is {min}"))
                        }
                        _ => None,
                    };
                    if let Some(detail) = broken {
                        return Staged { reads, outcome: Err(Reason::new(ReasonKind::Constraint, detail)) };
                    }
                    (before + delta, Change::Delta(*delta))
                }
            };
            view.insert(key, after);
            updates.push(Update { key: key.clone(), change });
        }
        Staged { reads, outcome: Ok(updates) }
    }

    /// Applies staged changes. Staging has checked them, so a sum can overflow only after damage to the journal. It wraps,
    /// so that the inverse change restores the value.
    pub(crate) fn apply(&mut self, updates: &[Update]) {
        for update in updates {
            match self.accounts.get_mut(&update.key) {
                Some(value) => *value = changed(*value, update.change),
                None => {
                    self.accounts.insert(update.key.clone(), changed(0, update.change));
                }
            }
        }
    }
}

fn changed(value: i64, change: Change) -> i64 {
    match change {
        Change::Delta(delta) => value.wrapping_add(delta),
        Change::Value(value) => value,
    }
}

/// The records that these changes touch, each once, in order.
pub(crate) fn written(updates: &[Update]) -> Vec<Key> {
    let mut keys: Vec<Key> = updates.iter().map(|u| u.key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(key: &str, delta: i64, min: Option<i64>) -> Operation {
        Operation::Add { key: Key::new(key), delta, min }
    }

    fn get(key: &str) -> Operation {
        Operation::Get { key: Key::new(key) }
    }

    fn stage(store: &Store, ops: &[Operation]) -> Staged {
        store.stage(ops.iter().map(|op| (1, op)))
    }

    #[test]
    fn a_read_sees_what_its_own_transaction_staged_and_the_store_does_not() {
        let store = Store::new(BTreeMap::from([(Key::new("a"), 10)]));
        let staged = stage(&store, &[get("a"), add("a", -4, None), get("a"), get("never-written")]);
        assert_eq!(staged.reads.iter().map(|r| r.value).collect::<Vec<_>>(), [10, 6, 0]);
        assert_eq!(store.value(&Key::new("a")), 10);
    }

    #[test]
    fn a_constraint_counts_what_was_staged_before_it() {
        let store = Store::new(BTreeMap::from([(Key::new("a"), 10)]));
        assert!(stage(&store, &[add("a", -10, Some(0))]).outcome.is_ok());
        let twice = stage(&store, &[add("a", -6, Some(0)), add("a", -6, Some(0))]).outcome.unwrap_err();
        assert_eq!(twice.kind, ReasonKind::Constraint);
        assert_eq!(twice.detail, "a would be -2, the least is 0");
        let overflow = stage(&store, &[add("a", i64::MAX, None)]).outcome.unwrap_err();
        assert_eq!(overflow.kind, ReasonKind::Constraint);
    }

    #[test]
    fn applying_what_was_staged_gives_what_was_staged() {
        let mut store = Store::default();
        let put = Operation::Put { key: Key::new("b"), value: 7 };
        let updates = stage(&store, &[add("a", 3, None), put, add("b", 1, None)]).outcome.unwrap();
        store.apply(&updates);
        assert_eq!((store.value(&Key::new("a")), store.value(&Key::new("b"))), (3, 8));
        assert_eq!(written(&updates), [Key::new("a"), Key::new("b")]);
    }
}
