//! The event queue: ordered by time, and among events of one time by the order in which they were scheduled.

use indoubt_proto::time::Micros;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Events of type `T`. The heap moves small entries only; the events lie still in reused slots.
#[derive(Clone, Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<(Micros, u64, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    scheduled: u64,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Queue { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), scheduled: 0 }
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
        self.heap.push(Reverse((at, self.scheduled, slot)));
        self.scheduled += 1;
    }

    /// When the next event is.
    pub(super) fn next_at(&self) -> Option<Micros> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let Reverse((_, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        self.slots[slot as usize].take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_scheduling() {
        let mut queue = Queue::new();
        for (at, name) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b')] {
            queue.push(Micros(at), name);
        }
        assert_eq!(queue.next_at(), Some(Micros(3)));
        assert_eq!([queue.pop(), queue.pop()], [Some('a'), Some('b')]);
        queue.push(Micros(4), 'x');
        let rest: String = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, "xcd");
        assert_eq!(queue.slots.len(), 4);
    }
}
