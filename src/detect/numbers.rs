//! A sliding window over the values of a field: their sum, mean and percentiles.
//!
//! Values are whole millionths, so that what slides out takes away exactly what it brought.

use std::collections::VecDeque;

use super::Reach;
use crate::model::Timestamp;

/// Millionths of a value.
pub const UNIT: f64 = 1e6;
/// The largest value that counts, in millionths; sums of what a group keeps stay far from overflow.
const MOST: f64 = 1e30;

/// A value in millionths.
pub fn millionths(value: f64) -> i128 {
    (value * UNIT).clamp(-MOST, MOST).round() as i128
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Timestamp,
    total: i128,
    count: u64,
}

/// The values of one group, in time order, as far back as a late one can matter.
#[derive(Debug, Clone)]
pub struct Numbers {
    entries: VecDeque<Entry>,
    /// Entries before the window that ends at the newest signal.
    before: usize,
    total: i128,
    count: u64,
    /// The values within the window in order, if a percentile is asked for.
    sorted: Option<Vec<i128>>,
}

/// What is worked out of the values of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    Sum,
    Average,
    /// From 0 to 100.
    Percentile(f64),
}

impl Numbers {
    /// Empty.
    pub fn new(figure: Figure) -> Self {
        let sorted = matches!(figure, Figure::Percentile(_)).then(Vec::new);
        Numbers { entries: VecDeque::new(), before: 0, total: 0, count: 0, sorted }
    }

    /// The time of the newest signal.
    pub fn newest(&self) -> Option<Timestamp> {
        self.entries.back().map(|entry| entry.at)
    }

    /// The first signal of the window that ends at the newest.
    pub fn since(&self) -> Option<Timestamp> {
        self.entries.get(self.before).map(|entry| entry.at)
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Signals within the window.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The figure of the window that ends at the newest signal.
    pub fn figure(&self, figure: Figure) -> f64 {
        let sorted = self.sorted.as_deref().unwrap_or_default();
        worked_out(figure, self.total, self.count, sorted)
    }

    /// Adds a value, in millionths, as often as its signal weighs.
    pub fn insert(&mut self, at: Timestamp, value: i128, weight: u64, reach: &Reach) {
        let entry = Entry { at, total: value.saturating_mul(weight.into()), count: weight };
        let newest = self.newest().map_or(at, |newest| newest.max(at));
        let start = newest - reach.span;
        let place = self.entries.partition_point(|entry| entry.at <= at);
        self.entries.insert(place, entry);
        if at >= start {
            self.enter(&entry);
        } else {
            self.before += 1;
        }
        self.slide(start);
        while self.entries.front().is_some_and(|entry| entry.at < reach.keep) {
            self.drop_oldest();
        }
    }

    fn enter(&mut self, entry: &Entry) {
        self.total = self.total.saturating_add(entry.total);
        self.count = self.count.saturating_add(entry.count);
        if let Some(sorted) = &mut self.sorted {
            sorted.insert(sorted.partition_point(|value| *value <= entry.total), entry.total);
        }
    }

    fn leave(&mut self, entry: &Entry) {
        self.total = self.total.saturating_sub(entry.total);
        self.count = self.count.saturating_sub(entry.count);
        if let Some(sorted) = &mut self.sorted
            && let Ok(place) = sorted.binary_search(&entry.total)
        {
            sorted.remove(place);
        }
    }

    fn slide(&mut self, start: Timestamp) {
        while let Some(entry) = self.entries.get(self.before).copied().filter(|entry| entry.at < start) {
            self.leave(&entry);
            self.before += 1;
        }
    }

    /// Drops the value that came the longest time ago.
    pub fn drop_oldest(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        match self.before.checked_sub(1) {
            Some(before) => self.before = before,
            None => self.leave(&entry),
        }
    }

    /// Makes room: neighbours become one entry at the later time, with the sum of both. Where single
    /// values matter the oldest ones go.
    pub fn coarsen(&mut self, reach: &Reach) {
        if self.sorted.is_some() {
            return self.drop_oldest();
        }
        let entries: Vec<Entry> = self.entries.drain(..).collect();
        for pair in entries.chunks(2) {
            let Some(last) = pair.last() else { continue };
            let sum = |sum: Entry, one: &Entry| Entry {
                total: sum.total.saturating_add(one.total),
                count: sum.count.saturating_add(one.count),
                ..sum
            };
            let nothing = Entry { at: last.at, total: 0, count: 0 };
            self.entries.push_back(pair.iter().fold(nothing, sum));
        }
        (self.before, self.total, self.count) = (0, 0, 0);
        for entry in self.entries.clone() {
            self.enter(&entry);
        }
        if let Some(newest) = self.newest() {
            self.slide(newest - reach.span);
        }
    }

    /// Of the windows in which this instant lies: the fullest of which the figure is as wanted, with
    /// its figure, count, first and last signal.
    pub fn fullest_around(
        &self,
        at: Timestamp,
        figure: Figure,
        wanted: impl Fn(f64) -> bool,
        reach: &Reach,
    ) -> Option<(f64, u64, Timestamp, Timestamp)> {
        let mut best: Option<(f64, u64, Timestamp, Timestamp)> = None;
        let first = self.entries.partition_point(|entry| entry.at < at);
        for (index, end) in self.entries.iter().enumerate().skip(first) {
            if end.at > at + reach.span {
                break;
            }
            let start = self.entries.partition_point(|entry| entry.at < end.at - reach.span);
            let inside = || self.entries.range(start..=index);
            let (total, count) = inside().fold((0i128, 0u64), |(total, count), entry| {
                (total.saturating_add(entry.total), count.saturating_add(entry.count))
            });
            let mut sorted = Vec::new();
            if self.sorted.is_some() {
                sorted.extend(inside().map(|entry| entry.total));
                sorted.sort_unstable();
            }
            let value = worked_out(figure, total, count, &sorted);
            if wanted(value) && best.is_none_or(|(_, most, ..)| count > most) {
                best = inside().next().map(|entry| (value, count, entry.at, end.at));
            }
        }
        best
    }
}

fn worked_out(figure: Figure, total: i128, count: u64, sorted: &[i128]) -> f64 {
    match figure {
        Figure::Sum => total as f64 / UNIT,
        Figure::Average => total as f64 / count.max(1) as f64 / UNIT,
        Figure::Percentile(rank) => {
            let place = rank / 100.0 * sorted.len().saturating_sub(1) as f64;
            let at = |index: f64| sorted.get(index as usize).copied().unwrap_or_default() as f64;
            let (low, high) = (at(place.floor()), at(place.ceil()));
            (low + (high - low) * place.fract()) / UNIT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;
    use proptest::prelude::*;

    const FIGURES: [Figure; 5] = [
        Figure::Sum,
        Figure::Average,
        Figure::Percentile(0.0),
        Figure::Percentile(50.0),
        Figure::Percentile(95.0),
    ];

    fn naive(seen: &[(i64, i32)], end: i64, span: i64, figure: Figure) -> f64 {
        let inside = seen.iter().filter(|(at, _)| (end - span..=end).contains(at));
        let mut values: Vec<f64> = inside.map(|(_, value)| f64::from(*value)).collect();
        values.sort_by(f64::total_cmp);
        match figure {
            Figure::Sum => values.iter().sum(),
            Figure::Average => values.iter().sum::<f64>() / values.len() as f64,
            Figure::Percentile(rank) => {
                let place = rank / 100.0 * (values.len() - 1) as f64;
                let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
                low + (high - low) * place.fract()
            }
        }
    }

    proptest! {
        #[test]
        fn figures_equal_a_naive_recount(
            stream in proptest::collection::vec((0i64..200, -50i32..50), 1..60), span in 1i64..60, which in 0..5usize
        ) {
            let figure = FIGURES[which];
            let reach = Reach { span: Span(span as u64), keep: Timestamp::MIN };
            let (mut numbers, mut seen) = (Numbers::new(figure), Vec::new());
            for (at, value) in stream {
                seen.push((at, value));
                let newest = seen.iter().map(|(at, _)| *at).max().unwrap();
                numbers.insert(Timestamp(at), millionths(value.into()), 1, &reach);
                prop_assert!((numbers.figure(figure) - naive(&seen, newest, span, figure)).abs() < 1e-6);
                let around = numbers.fullest_around(Timestamp(at), figure, |_| true, &reach).unwrap();
                let expected = naive(&seen, around.3.0, span, figure);
                prop_assert!((around.0 - expected).abs() < 1e-6);
            }
        }

        #[test]
        fn coarsening_loses_no_value(stream in proptest::collection::vec((0i64..5, -9i32..9), 1..200)) {
            let reach = Reach { span: Span(1_000_000), keep: Timestamp::MIN };
            let (mut numbers, mut clock, mut sum) = (Numbers::new(Figure::Sum), 0, 0.0);
            for (count, (step, value)) in (1..).zip(stream) {
                clock += step;
                sum += f64::from(value);
                numbers.insert(Timestamp(clock), millionths(value.into()), 1, &reach);
                if numbers.len() > 8 {
                    numbers.coarsen(&reach);
                }
                prop_assert_eq!((numbers.figure(Figure::Sum), numbers.count()), (sum, count));
                prop_assert!(numbers.len() <= 8);
            }
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let reach = Reach { span: Span(10), keep: Timestamp::MIN };
        let mut numbers = Numbers::new(Figure::Average);
        for value in [f64::MAX, f64::MAX, -f64::MAX, 0.1] {
            numbers.insert(Timestamp(0), millionths(value), u64::MAX, &reach);
        }
        assert!(numbers.figure(Figure::Average).is_finite());
    }
}
