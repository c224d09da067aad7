//! Deadlines in order. Entries are never searched for: a timer that is no longer wanted is found to
//! be stale when it comes up, and the heap is compacted when stale entries outnumber the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Timestamp;

/// A lazy heap of timers. `K` says what a timer is for.
#[derive(Debug, Clone, Default)]
pub struct Timers<K: Ord> {
    heap: BinaryHeap<Reverse<(Timestamp, K)>>,
}

impl<K: Ord + Copy> Timers<K> {
    /// None.
    pub fn new() -> Self {
        Timers { heap: BinaryHeap::new() }
    }

    /// Arms one.
    pub fn arm(&mut self, at: Timestamp, key: K) {
        self.heap.push(Reverse((at, key)));
    }

    /// How many entries there are, stale ones included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The earliest time at which a live timer is due; drops stale ones in front of it.
    pub fn next(&mut self, live: impl Fn(Timestamp, K) -> bool) -> Option<Timestamp> {
        while let Some(Reverse((at, key))) = self.heap.peek() {
            if live(*at, *key) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the next timer that is due, stale or not.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse(entry)| entry),
            _ => None,
        }
    }

    /// Drops stale entries, if there are more than four for each live one.
    pub fn compact(&mut self, armed: usize, live: impl Fn(Timestamp, K) -> bool) {
        if self.heap.len() > 4 * armed + 1024 {
            self.heap.retain(|Reverse((at, key))| live(*at, *key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_in_order() {
        let mut timers = Timers::new();
        for (at, key) in [(30, 'c'), (10, 'a'), (20, 'b')] {
            timers.arm(Timestamp(at), key);
        }
        assert_eq!(timers.next(|_, key| key != 'a'), Some(Timestamp(20)));
        assert_eq!(timers.pop_due(Timestamp(25)), Some((Timestamp(20), 'b')));
        assert_eq!(timers.pop_due(Timestamp(25)), None);
    }

    #[test]
    fn stale_entries_are_compacted() {
        let mut timers = Timers::new();
        for i in 0..5_000 {
            timers.arm(Timestamp(i), i);
        }
        timers.compact(10, |_, key| key >= 4_990);
        assert_eq!(timers.len(), 10);
    }
}
