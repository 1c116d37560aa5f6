//! The event queue. Events are ordered by time, and those of one time by the order in which they were scheduled.
//!
//! Timers are kept apart from other events, because most are disarmed long before their time, and a heap cannot remove them.

use indoubt_proto::time::Micros;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// The time of an event, and its number among all scheduled events.
type Turn = (Micros, u64);

/// The handle of an armed timer, by which it can be disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerHandle(Turn);

impl TimerHandle {
    /// The number of the timer, which no other timer has.
    pub(super) fn number(self) -> u64 {
        self.0.1
    }
}

/// A queue of events of type `T` and timers of type `A`. The heap moves only small entries; the events stay in reused slots.
#[derive(Clone, Debug)]
pub(super) struct Queue<T, A> {
    heap: BinaryHeap<Reverse<(Turn, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    timers: BTreeMap<Turn, A>,
    scheduled: u64,
}

/// The next thing that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due<T, A> {
    /// An event that was scheduled.
    Event(T),
    /// A timer that was not disarmed, with its number.
    Timer(u64, A),
}

impl<T, A> Queue<T, A> {
    pub(super) fn new() -> Self {
        let (heap, timers) = (BinaryHeap::new(), BTreeMap::new());
        Queue { heap, slots: Vec::new(), free: Vec::new(), timers, scheduled: 0 }
    }

    fn turn(&mut self, at: Micros) -> Turn {
        self.scheduled += 1;
        (at, self.scheduled)
    }

    pub(super) fn push(&mut self, at: Micros, event: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slots.push(Some(event));
                (self.slots.len() - 1) as u32
            }
        };
        let turn = self.turn(at);
        self.heap.push(Reverse((turn, slot)));
    }

    /// Schedules a timer.
    pub(super) fn arm(&mut self, at: Micros, timer: A) -> TimerHandle {
        let turn = self.turn(at);
        self.timers.insert(turn, timer);
        TimerHandle(turn)
    }

    /// Disarms a timer, if it has not fired yet.
    pub(super) fn disarm(&mut self, timer: TimerHandle) {
        self.timers.remove(&timer.0);
    }

    /// Moves the timers for which `whose` holds to other times. They keep their order. Returns the old number and the new
    /// handle of each.
    pub(super) fn move_timers(
        &mut self,
        whose: impl Fn(&A) -> bool,
        instant: impl Fn(Micros) -> Micros,
    ) -> Vec<(u64, TimerHandle)> {
        let turns: Vec<Turn> = self.timers.iter().filter(|(_, timer)| whose(timer)).map(|(turn, _)| *turn).collect();
        let mut moved = Vec::new();
        for (due, number) in turns {
            if let Some(timer) = self.timers.remove(&(due, number)) {
                moved.push((number, self.arm(instant(due), timer)));
            }
        }
        moved
    }

    /// The time of the next event or timer.
    pub(super) fn next_at(&self) -> Option<Micros> {
        let event = self.heap.peek().map(|Reverse(((at, _), _))| *at);
        let timer = self.timers.first_key_value().map(|((at, _), _)| *at);
        event.into_iter().chain(timer).min()
    }

    pub(super) fn pop(&mut self) -> Option<Due<T, A>> {
        let event = self.heap.peek().map(|Reverse((turn, _))| *turn);
        if let Some(first) = self.timers.first_entry()
            && event.is_none_or(|event| *first.key() < event)
        {
            let ((_, number), timer) = first.remove_entry();
            return Some(Due::Timer(number, timer));
        }
        let Reverse((_, slot)) = self.heap.pop()?;
        self.free.push(slot);
        self.slots[slot as usize].take().map(Due::Event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_timers_come_by_time_and_then_in_the_order_of_scheduling() {
        let mut queue = Queue::new();
        let mut handles = Vec::new();
        for (at, name) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b')] {
            queue.push(Micros(at), name);
            handles.push(queue.arm(Micros(at), name.to_ascii_uppercase()));
        }
        queue.disarm(handles[1]);
        assert_eq!(queue.next_at(), Some(Micros(3)));
        let name = |due| match due {
            Due::Event(name) | Due::Timer(_, name) => name,
        };
        assert_eq!([queue.pop().map(name), queue.pop().map(name)], [Some('a'), Some('b')]);
        assert_eq!(queue.pop(), Some(Due::Timer(handles[3].number(), 'B')));
        queue.push(Micros(4), 'x');
        let rest: String = std::iter::from_fn(|| queue.pop().map(name)).collect();
        assert_eq!(rest, "xcCdD");
        assert_eq!(queue.slots.len(), 4);
        queue.disarm(handles[3]);
        assert_eq!(queue.next_at(), None);
    }
}
