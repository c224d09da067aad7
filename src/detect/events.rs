//! A sliding window that counts events.

use std::collections::VecDeque;

use super::Reach;
use crate::model::Timestamp;

/// The events of one group, in time order, as far back as a late one can matter. Events of one
/// instant are one entry.
#[derive(Debug, Clone, Default)]
pub struct Events {
    entries: VecDeque<(Timestamp, u64)>,
    /// Entries before the window that ends at the newest event.
    before: usize,
    /// Sum of the entries within it.
    sum: u64,
}

impl Events {
    /// The time of the newest event.
    pub fn newest(&self) -> Option<Timestamp> {
        self.entries.back().map(|(time, _)| *time)
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Events within the window that ends at the newest one.
    pub fn count(&self) -> u64 {
        self.sum
    }

    /// Adds an event and counts the window that ends at the newest one.
    pub fn insert(&mut self, at: Timestamp, weight: u64, reach: &Reach) -> u64 {
        match self.entries.back_mut() {
            Some((newest, sum)) if *newest == at => {
                *sum = sum.saturating_add(weight);
                self.sum = self.sum.saturating_add(weight);
            }
            Some((newest, _)) if *newest > at => self.insert_late(at, weight, reach),
            _ => {
                self.entries.push_back((at, weight));
                self.sum = self.sum.saturating_add(weight);
                self.slide(at, reach);
            }
        }
        while self.entries.front().is_some_and(|(time, _)| *time < reach.keep) {
            let Some((_, weight)) = self.entries.pop_front() else { break };
            match self.before.checked_sub(1) {
                Some(before) => self.before = before,
                None => self.sum = self.sum.saturating_sub(weight),
            }
        }
        self.sum
    }

    fn slide(&mut self, newest: Timestamp, reach: &Reach) {
        while let Some((_, weight)) = self.entries.get(self.before).filter(|(t, _)| *t < newest - reach.span)
        {
            self.sum = self.sum.saturating_sub(*weight);
            self.before += 1;
        }
    }

    fn insert_late(&mut self, at: Timestamp, weight: u64, reach: &Reach) {
        let place = self.entries.partition_point(|(time, _)| *time < at);
        let inside = self.newest().is_some_and(|newest| at >= newest - reach.span);
        match self.entries.get_mut(place).filter(|(time, _)| *time == at) {
            Some((_, sum)) => *sum = sum.saturating_add(weight),
            None => {
                self.entries.insert(place, (at, weight));
                self.before += usize::from(!inside);
            }
        }
        if inside {
            self.sum = self.sum.saturating_add(weight);
        }
    }

    /// The fullest window that this instant lies in: its count, its first and its last event. Costs
    /// as much as there are entries within one span on both sides.
    pub fn fullest_around(&self, at: Timestamp, reach: &Reach) -> (u64, Timestamp, Timestamp) {
        let mut first = self.entries.partition_point(|(time, _)| *time < at - reach.span);
        let mut best = (0, at, at);
        let mut sum = 0;
        for (time, weight) in self.entries.range(first..) {
            if *time > at + reach.span {
                break;
            }
            sum += weight;
            while let Some((_, gone)) = self.entries.get(first).filter(|(t, _)| *t < *time - reach.span) {
                sum -= gone;
                first += 1;
            }
            if *time >= at && sum > best.0 {
                let start = self.entries.get(first).map_or(at, |(time, _)| *time);
                best = (sum, start, *time);
            }
        }
        best
    }

    /// The first event of the window that ends at the newest.
    pub fn since(&self) -> Option<Timestamp> {
        self.entries.get(self.before).map(|(time, _)| *time)
    }

    /// Halves the entries by joining neighbours: each pair becomes one entry at the later time, so an
    /// event may stay in the window for longer by the distance to its neighbour. Nothing is lost.
    pub fn coarsen(&mut self, reach: &Reach) {
        let mut joined = VecDeque::with_capacity(self.entries.len() / 2 + 1);
        let mut entries = self.entries.drain(..);
        while let Some((first, weight)) = entries.next() {
            joined.push_back(match entries.next() {
                Some((second, more)) => (second, weight.saturating_add(more)),
                None => (first, weight),
            });
        }
        drop(entries);
        self.entries = joined;
        self.before = 0;
        self.sum = self.entries.iter().fold(0, |sum, (_, weight)| sum.saturating_add(*weight));
        if let Some(newest) = self.newest() {
            self.slide(newest, reach);
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

    #[test]
    fn the_window_includes_both_ends() {
        let mut events = Events::default();
        let reach = reach(60);
        assert_eq!(events.insert(Timestamp(0), 1, &reach), 1);
        assert_eq!(events.insert(Timestamp(60), 5, &reach), 6);
        assert_eq!(events.since(), Some(Timestamp(0)));
        assert_eq!(events.insert(Timestamp(61), 1, &reach), 6);
        assert_eq!(events.since(), Some(Timestamp(60)));
    }

    proptest! {
        #[test]
        fn counts_equal_a_naive_recount(
            stream in proptest::collection::vec((0i64..200, 1u64..4), 1..80), span in 1u64..60
        ) {
            let reach = reach(span);
            let within = |seen: &[(i64, u64)], end: i64| -> u64 {
                seen.iter().filter(|(t, _)| (end - span as i64..=end).contains(t)).map(|(_, w)| w).sum()
            };
            let mut events = Events::default();
            let mut seen = Vec::new();
            for (at, weight) in stream {
                seen.push((at, weight));
                let newest = seen.iter().map(|(t, _)| *t).max().unwrap();
                prop_assert_eq!(events.insert(Timestamp(at), weight, &reach), within(&seen, newest));
                let around = seen.iter().map(|(t, _)| *t).filter(|end| (at..=at + span as i64).contains(end));
                let best = around.map(|end| within(&seen, end)).max().unwrap();
                prop_assert_eq!(events.fullest_around(Timestamp(at), &reach).0, best);
            }
        }

        #[test]
        fn forgetting_what_is_too_old_changes_no_count(
            stream in proptest::collection::vec((0i64..40, 1u64..4), 1..80), span in 1u64..30
        ) {
            let (mut all, mut pruned) = (Events::default(), Events::default());
            let mut clock = 0;
            for (step, weight) in stream {
                clock += step;
                let keep = Timestamp(clock) - Span(span);
                let expected = all.insert(Timestamp(clock), weight, &reach(span));
                prop_assert_eq!(pruned.insert(Timestamp(clock), weight, &Reach { span: Span(span), keep }), expected);
            }
        }

        #[test]
        fn coarsening_loses_no_event(
            stream in proptest::collection::vec((0i64..5, 1u64..4), 1..200)
        ) {
            let reach = reach(1_000_000);
            let (mut events, mut total, mut clock) = (Events::default(), 0, 0);
            for (step, weight) in stream {
                clock += step;
                total += weight;
                events.insert(Timestamp(clock), weight, &reach);
                if events.len() > 8 {
                    events.coarsen(&reach);
                }
            }
            prop_assert_eq!(events.sum, total);
            prop_assert!(events.len() <= 8);
        }
    }
}
