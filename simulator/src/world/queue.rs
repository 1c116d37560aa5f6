//! The event queue: ordered by time, and among events of one time by the order in which they were scheduled.
//!
//! Timers stand apart: most are disarmed long before their time, and a heap could not let go of them.

use indoubt_proto::time::Micros;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// When something happens, and which of all that was scheduled it is.
pub(super) type Place = (Micros, u64);

/// Events of type `T`, timers of type `A`. The heap moves small entries only; the events lie still in reused slots.
#[derive(Clone, Debug)]
pub(super) struct Queue<T, A> {
    heap: BinaryHeap<Reverse<(Place, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    timers: BTreeMap<Place, A>,
    scheduled: u64,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due<T, A> {
    /// An event.
    Event(T),
    /// A timer that was not disarmed, with its number.
    Timer(u64, A),
}

impl<T, A> Queue<T, A> {
    pub(super) fn new() -> Self {
        let (heap, timers) = (BinaryHeap::new(), BTreeMap::new());
        Queue { heap, slots: Vec::new(), free: Vec::new(), timers, scheduled: 0 }
    }

    fn place(&mut self, at: Micros) -> Place {
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
        let place = self.place(at);
        self.heap.push(Reverse((place, slot)));
    }

    /// Schedules a timer. Its number is used for no other.
    pub(super) fn arm(&mut self, at: Micros, timer: A) -> Place {
        let place = self.place(at);
        self.timers.insert(place, timer);
        place
    }

    /// The timer does not fire, if it has not yet.
    pub(super) fn disarm(&mut self, place: Place) {
        self.timers.remove(&place);
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<Micros> {
        let event = self.heap.peek().map(|Reverse(((at, _), _))| *at);
        let timer = self.timers.first_key_value().map(|((at, _), _)| *at);
        event.into_iter().chain(timer).min()
    }

    pub(super) fn pop(&mut self) -> Option<Due<T, A>> {
        let event = self.heap.peek().map(|Reverse((place, _))| *place);
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
        let mut places = Vec::new();
        for (at, name) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b')] {
            queue.push(Micros(at), name);
            places.push(queue.arm(Micros(at), name.to_ascii_uppercase()));
        }
        queue.disarm(places[1]);
        assert_eq!(queue.next_at(), Some(Micros(3)));
        let name = |due| match due {
            Due::Event(name) | Due::Timer(_, name) => name,
        };
        assert_eq!([queue.pop().map(name), queue.pop().map(name)], [Some('a'), Some('b')]);
        assert_eq!(queue.pop(), Some(Due::Timer(places[3].1, 'B')));
        queue.push(Micros(4), 'x');
        let rest: String = std::iter::from_fn(|| queue.pop().map(name)).collect();
        assert_eq!(rest, "xcCdD");
        assert_eq!(queue.slots.len(), 4);
        queue.disarm(places[3]);
        assert_eq!(queue.next_at(), None);
    }
}
