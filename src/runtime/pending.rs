//! Answers that are known but not due yet, in order of time, then of arrival.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::engine::{Input, Task};
use crate::model::{Outcome, Timestamp};

/// A heap of outcomes. It is bounded by the steps in flight, which the setup's concurrency bounds.
#[derive(Debug, Default)]
pub struct Pending {
    heap: BinaryHeap<Reverse<Due>>,
    next: u64,
}

#[derive(Debug)]
struct Due {
    at: Timestamp,
    order: u64,
    answer: Input,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The input that tells an engine what came of a task.
pub fn finished(task: &Task, outcome: Outcome) -> Input {
    Input::StepFinished { run: task.run, step: task.step, attempt: task.attempt, undo: task.undo, outcome }
}

impl Pending {
    /// Adds an answer that is due at `at`.
    pub fn push(&mut self, at: Timestamp, answer: Input) {
        self.heap.push(Reverse(Due { at, order: self.next, answer }));
        self.next += 1;
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(due)| due.at)
    }

    /// Takes the next one, if it is due at `now`.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Input)> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| (due.at, due.answer))
    }

    /// Forgets all of them: their engine is gone.
    pub fn clear(&mut self) {
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_of_time_then_arrival() {
        let mut pending = Pending::default();
        let answer = |n: u32| {
            let task = crate::agent::tests::task(crate::engine::AgentKind::Drill, "x", &[]);
            finished(&Task { attempt: n, ..task }, Outcome::Stopped)
        };
        for (at, n) in [(20, 1), (10, 2), (20, 3), (10, 4)] {
            pending.push(Timestamp(at), answer(n));
        }
        assert_eq!(pending.next_due(), Some(Timestamp(10)));
        assert_eq!(pending.pop_due(Timestamp(9)), None);
        let order: Vec<_> = std::iter::from_fn(|| pending.pop_due(Timestamp(20))).collect();
        let expected: Vec<_> =
            [(10, 2), (10, 4), (20, 1), (20, 3)].map(|(at, n)| (Timestamp(at), answer(n))).into();
        assert_eq!(order, expected);
    }
}
