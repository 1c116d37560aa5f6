//! Keyed timers, and messages that are held until a time. The event loop sleeps until the first of them.

use indoubt_proto::time::Micros;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, hash::Hash};

/// The timers of a machine. Arming a timer again replaces it, so a stale timer never fires.
///
/// Both maps contain only the timers that are armed now. Under load a timer is disarmed long before it fires, so a heap that is
/// cleaned only at the deadline would contain mostly disarmed timers.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    armed: FxHashMap<T, (Micros, u64)>,
    due: BTreeMap<(Micros, u64), T>,
    count: u64,
}

impl<T: Clone + Eq + Hash> Timers<T> {
    /// No timer is armed.
    pub(crate) fn new() -> Self {
        Timers { armed: FxHashMap::default(), due: BTreeMap::new(), count: 0 }
    }

    /// Arms `timer` for the time `at`. Replaces a timer with the same key.
    pub(crate) fn arm(&mut self, timer: T, at: Micros) {
        self.count += 1;
        let place = (at, self.count);
        if let Some(old) = self.armed.insert(timer.clone(), place) {
            self.due.remove(&old);
        }
        self.due.insert(place, timer);
    }

    /// Disarms `timer`, if it is armed.
    pub(crate) fn disarm(&mut self, timer: &T) {
        if let Some(place) = self.armed.remove(timer) {
            self.due.remove(&place);
        }
    }

    /// Moves every armed timer to another time. The order of the timers stays.
    pub(crate) fn move_all(&mut self, instant: impl Fn(Micros) -> Micros) {
        for ((at, _), timer) in std::mem::take(&mut self.due) {
            self.arm(timer, instant(at));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Micros> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn pop(&mut self, now: Micros) -> Option<T> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        let timer = entry.remove();
        self.armed.remove(&timer);
        Some(timer)
    }
}

/// Things that are held until a time, such as messages on their way. Things with the same time come out in the order in which they
/// were added.
#[derive(Debug)]
pub(crate) struct Held<T> {
    due: BTreeMap<(Micros, u64), T>,
    count: u64,
}

impl<T> Held<T> {
    /// Nothing is held.
    pub(crate) fn new() -> Self {
        Held { due: BTreeMap::new(), count: 0 }
    }

    /// Holds `thing` until the time `at`.
    pub(crate) fn hold(&mut self, thing: T, at: Micros) {
        self.count += 1;
        self.due.insert((at, self.count), thing);
    }

    /// The time of the first thing.
    pub(crate) fn next(&self) -> Option<Micros> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first thing that is due at `now`.
    pub(crate) fn pop(&mut self, now: Micros) -> Option<T> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_again_replaces_and_disarming_forgets() {
        let mut timers = Timers::new();
        timers.arm("vote", Micros(10));
        timers.arm("vote", Micros(30));
        timers.arm("work", Micros(20));
        assert_eq!(timers.next(), Some(Micros(20)));
        assert_eq!(timers.pop(Micros(19)), None);
        timers.disarm(&"work");
        timers.disarm(&"never armed");
        assert_eq!(timers.pop(Micros(29)), None, "the first arming of `vote` is stale");
        assert_eq!(timers.pop(Micros(30)), Some("vote"));
        assert_eq!((timers.pop(Micros(99)), timers.next()), (None, None));
    }

    #[test]
    fn moved_timers_keep_their_order_and_are_armed_once() {
        let mut timers = Timers::new();
        timers.arm("second", Micros(20));
        timers.arm("first", Micros(10));
        timers.move_all(|_| Micros(5));
        timers.arm("third", Micros(5));
        assert_eq!(timers.pop(Micros(4)), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop(Micros(99))).collect();
        assert_eq!(fired, ["first", "second", "third"]);
    }

    #[test]
    fn held_things_come_out_by_instant_then_by_order() {
        let mut held = Held::new();
        held.hold("b", Micros(5));
        held.hold("c", Micros(5));
        held.hold("a", Micros(1));
        assert_eq!(held.next(), Some(Micros(1)));
        let out: Vec<_> = std::iter::from_fn(|| held.pop(Micros(5))).collect();
        assert_eq!(out, ["a", "b", "c"]);
    }
}
