//! A sliding window that counts distinct values.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::Reach;
use crate::model::Timestamp;

/// When a value was seen: the last time, and earlier times as far as a window can tell them apart.
#[derive(Debug, Clone)]
struct Seen {
    last: Timestamp,
    /// In order. Of three times within one span the middle one is dropped: every window that has
    /// it has one of the others.
    earlier: Vec<Timestamp>,
}

/// The values of one group, by their hash.
#[derive(Debug, Clone)]
pub struct Values {
    seen: HashMap<u64, Seen, FixedState>,
    /// (last seen, value) in time order. An entry whose time is no longer the value's last is dead.
    order: VecDeque<(Timestamp, u64)>,
    /// Entries of `order` before the window that ends at the newest signal.
    before: usize,
    /// Values within it.
    distinct: u64,
    newest: Option<Timestamp>,
}

impl Values {
    /// Empty. The hasher is seeded, since those who attack choose the values.
    pub fn new(hasher: FixedState) -> Self {
        Values {
            seen: HashMap::with_hasher(hasher),
            order: VecDeque::new(),
            before: 0,
            distinct: 0,
            newest: None,
        }
    }

    /// The time of the newest signal.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Distinct values within the window that ends at the newest signal.
    pub fn count(&self) -> u64 {
        self.distinct
    }

    /// Whether the value is within it.
    pub fn has(&self, value: u64, reach: &Reach) -> bool {
        let start = self.newest.map(|newest| newest - reach.span);
        self.seen.get(&value).is_some_and(|seen| start.is_some_and(|start| seen.last >= start))
    }

    /// Adds a value and counts the window that ends at the newest signal.
    pub fn insert(&mut self, at: Timestamp, value: u64, reach: &Reach) -> u64 {
        let newest = self.newest.map_or(at, |newest| newest.max(at));
        self.newest = Some(newest);
        let start = newest - reach.span;
        self.slide(start);
        match self.seen.get_mut(&value) {
            None => {
                self.seen.insert(value, Seen { last: at, earlier: Vec::new() });
                self.place(at, value, start, true);
            }
            Some(seen) if seen.last < at => {
                let was_outside = seen.last < start;
                let last = std::mem::replace(&mut seen.last, at);
                seen.remember(last, reach);
                self.place(at, value, start, was_outside);
            }
            Some(seen) if seen.last > at => seen.remember(at, reach),
            Some(_) => {}
        }
        self.forget(reach);
        if self.order.len() > 2 * self.seen.len() + 16 {
            self.sweep();
        }
        self.distinct
    }

    /// Moves the start of the window on.
    fn slide(&mut self, start: Timestamp) {
        while let Some(&(time, value)) = self.order.get(self.before).filter(|(time, _)| *time < start) {
            self.distinct -= u64::from(self.alive(time, value));
            self.before += 1;
        }
    }

    fn alive(&self, time: Timestamp, value: u64) -> bool {
        self.seen.get(&value).is_some_and(|seen| seen.last == time)
    }

    /// Puts the value's new last time into the order.
    fn place(&mut self, at: Timestamp, value: u64, start: Timestamp, outside_before: bool) {
        match self.order.back() {
            Some((last, _)) if *last > at => {
                let place = self.order.partition_point(|(time, _)| *time <= at);
                self.order.insert(place, (at, value));
            }
            _ => self.order.push_back((at, value)),
        }
        if at < start {
            self.before += 1;
        } else if outside_before {
            self.distinct += 1;
        }
    }

    /// Drops values that no late signal can bring back.
    fn forget(&mut self, reach: &Reach) {
        while self.order.front().is_some_and(|(time, _)| *time < reach.keep) {
            self.pop();
        }
    }

    /// Drops the value that was not seen for the longest time.
    pub fn drop_oldest(&mut self) {
        while self.pop() == Some(false) {}
    }

    /// Takes the oldest entry out of the order; says whether a value went with it.
    fn pop(&mut self) -> Option<bool> {
        let (time, value) = self.order.pop_front()?;
        let alive = self.alive(time, value);
        match self.before.checked_sub(1) {
            Some(before) => self.before = before,
            None => self.distinct -= u64::from(alive),
        }
        if alive {
            self.seen.remove(&value);
        }
        Some(alive)
    }

    /// Removes dead entries.
    fn sweep(&mut self) {
        let mut kept = VecDeque::with_capacity(self.seen.len() + 1);
        let mut before = 0;
        for (index, (time, value)) in self.order.iter().copied().enumerate() {
            if self.alive(time, value) {
                before += usize::from(index < self.before);
                kept.push_back((time, value));
            }
        }
        self.order = kept;
        self.before = before;
    }

    /// The fullest window that this instant lies in: its count, its first and its last signal.
    /// `least` is the count that matters: where there are fewer values in all, nothing is worked out.
    pub fn fullest_around(&self, at: Timestamp, least: u64, reach: &Reach) -> (u64, Timestamp, Timestamp) {
        let mut best = (0, at, at);
        if (self.seen.len() as u64) < least {
            return best;
        }
        let (from, to) = (at - reach.span, at + reach.span);
        // The instant itself ends a window even if its own value was not worth keeping.
        let mut around: Vec<(Timestamp, Option<u64>)> = vec![(at, None)];
        let mut done = HashSet::with_hasher(self.seen.hasher().clone());
        for (_, value) in &self.order {
            let Some(seen) = self.seen.get(value).filter(|_| done.insert(*value)) else { continue };
            let times = seen.earlier.iter().chain([&seen.last]).filter(|time| (from..=to).contains(*time));
            around.extend(times.map(|time| (*time, Some(*value))));
        }
        around.sort_unstable();
        let mut inside: HashMap<u64, u32, FixedState> = HashMap::with_hasher(self.seen.hasher().clone());
        let mut gone = around.iter().peekable();
        for (end, value) in &around {
            if let Some(value) = value {
                *inside.entry(*value).or_default() += 1;
            }
            while let Some((_, old)) = gone.next_if(|(time, _)| *time < *end - reach.span) {
                let Some(old) = old else { continue };
                if let Some(times) = inside.get_mut(old) {
                    *times -= 1;
                    if *times == 0 {
                        inside.remove(old);
                    }
                }
            }
            let count = inside.len() as u64;
            if *end >= at && count > best.0 {
                best = (count, gone.peek().map_or(at, |(time, _)| *time), *end);
            }
        }
        best
    }

    /// The first signal of the window that ends at the newest, as far as it still counts.
    pub fn since(&self) -> Option<Timestamp> {
        self.order.get(self.before).map(|(time, _)| *time)
    }
}

impl Seen {
    /// Adds an earlier time and drops what no window needs.
    fn remember(&mut self, at: Timestamp, reach: &Reach) {
        let place = self.earlier.partition_point(|time| *time < at);
        if self.earlier.get(place) == Some(&at) {
            return;
        }
        self.earlier.insert(place, at);
        let old = self.earlier.partition_point(|time| *time < reach.keep);
        self.earlier.drain(..old);
        let mut middle = place.saturating_sub(old + 1);
        // Only the new time and its neighbours can have become superfluous.
        for _ in 0..3 {
            let Some(this) = self.earlier.get(middle) else { break };
            let next = self.earlier.get(middle + 1).copied().unwrap_or(self.last);
            let previous = middle.checked_sub(1).and_then(|index| self.earlier.get(index));
            match previous {
                Some(previous) if next.since(*previous) <= reach.span && *this != next => {
                    self.earlier.remove(middle);
                }
                _ => middle += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;
    use proptest::prelude::*;

    fn reach(span: u64) -> Reach {
        Reach { span: Span(span), keep: Timestamp::MIN }
    }

    fn values() -> Values {
        Values::new(FixedState::with_seed(7))
    }

    #[test]
    fn a_value_counts_once_and_lives_on_when_seen_again() {
        let mut window = values();
        let reach = reach(10);
        let counts: Vec<u64> = [(0, 1), (1, 2), (5, 1), (10, 3), (12, 3), (15, 3), (16, 3), (40, 4)]
            .map(|(at, value)| window.insert(Timestamp(at), value, &reach))
            .to_vec();
        assert_eq!(counts, [1, 2, 2, 3, 2, 2, 1, 1]);
    }

    #[test]
    fn one_value_seen_for_ever_takes_no_room() {
        let mut window = values();
        for at in 0..10_000 {
            let reach = Reach { span: Span(100), keep: Timestamp(at - 200) };
            window.insert(Timestamp(at), 1, &reach);
        }
        assert!(window.order.len() < 32, "{}", window.order.len());
        assert!(window.seen.values().all(|seen| seen.earlier.len() < 8));
    }

    proptest! {
        #[test]
        fn counts_equal_a_naive_recount(
            stream in proptest::collection::vec((0i64..150, 0u64..12), 1..80), span in 1u64..60
        ) {
            let reach = reach(span);
            let within = |seen: &[(i64, u64)], end: i64| -> u64 {
                let inside = seen.iter().filter(|(t, _)| (end - span as i64..=end).contains(t));
                inside.map(|(_, v)| v).collect::<std::collections::BTreeSet<_>>().len() as u64
            };
            let mut window = values();
            let mut seen = Vec::new();
            for (at, value) in stream {
                seen.push((at, value));
                let newest = seen.iter().map(|(t, _)| *t).max().unwrap();
                prop_assert_eq!(window.insert(Timestamp(at), value, &reach), within(&seen, newest));
                let around = seen.iter().map(|(t, _)| *t).filter(|end| (at..=at + span as i64).contains(end));
                let best = around.map(|end| within(&seen, end)).max().unwrap();
                prop_assert_eq!(window.fullest_around(Timestamp(at), 1, &reach).0, best);
            }
        }

        #[test]
        fn giving_up_values_keeps_the_count_of_those_left(
            stream in proptest::collection::vec((0i64..100, 0u64..12), 1..80), span in 1u64..60, lateness in 0u64..60
        ) {
            let mut window = values();
            let mut now = 0;
            for (at, value) in stream {
                now = now.max(at);
                let keep = Timestamp(now) - Span(span + lateness);
                window.insert(Timestamp(at), value, &Reach { span: Span(span), keep });
                if window.len() > 4 {
                    window.drop_oldest();
                }
                let start = Timestamp(now) - Span(span);
                let inside = window.seen.values().filter(|seen| seen.last >= start).count();
                prop_assert_eq!(window.distinct, inside as u64);
            }
        }

        #[test]
        fn forgetting_what_is_too_old_changes_no_count(
            stream in proptest::collection::vec((0i64..20, 0u64..9), 1..80), span in 1u64..30
        ) {
            let (mut all, mut pruned) = (values(), values());
            let mut clock = 0;
            for (step, value) in stream {
                clock += step;
                let keep = Timestamp(clock) - Span(span);
                let expected = all.insert(Timestamp(clock), value, &reach(span));
                let found = pruned.insert(Timestamp(clock), value, &Reach { span: Span(span), keep });
                prop_assert_eq!(found, expected);
            }
        }
    }
}
