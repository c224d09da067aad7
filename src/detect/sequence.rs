//! A sliding window in which rules must come in their order.

use std::collections::VecDeque;

use super::Reach;
use crate::model::{Span, Timestamp};

/// The matches of one group, in time order (of one instant: in order of arrival), as far back as a
/// late one can matter.
#[derive(Debug, Clone)]
pub struct Sequence {
    entries: VecDeque<(Timestamp, u32)>,
    /// By position: of the chains of matches from the first rule to this one, each within one span, the
    /// latest beginning.
    starts: Box<[Option<Timestamp>]>,
}

impl Sequence {
    /// Empty, for so many rules.
    pub fn new(rules: usize) -> Self {
        Sequence { entries: VecDeque::new(), starts: vec![None; rules].into() }
    }

    /// The time of the newest match.
    pub fn newest(&self) -> Option<Timestamp> {
        self.entries.back().map(|(at, _)| *at)
    }

    /// How many matches are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a match of the rule at this position.
    pub fn insert(&mut self, at: Timestamp, position: u32, reach: &Reach) {
        let late = self.newest().is_some_and(|newest| newest > at);
        let place = self.entries.partition_point(|(time, _)| *time <= at);
        self.entries.insert(place, (at, position));
        while self.entries.front().is_some_and(|(time, _)| *time < reach.keep) {
            self.entries.pop_front();
        }
        match late {
            false => advance(&mut self.starts, at, position, reach.span),
            true => self.starts = self.replayed(reach.span),
        }
    }

    /// How many rules came in order within the window that ends at the newest match, and when the
    /// first of them did.
    pub fn longest(&self, span: Span) -> (u64, Option<Timestamp>) {
        self.newest().map_or((0, None), |newest| longest(&self.starts, newest, span))
    }

    /// The same for the best window in which this instant lies, with its end.
    pub fn longest_around(&self, at: Timestamp, reach: &Reach) -> (u64, Timestamp, Timestamp) {
        let mut best = (0, at, at);
        let mut starts: Box<[_]> = vec![None; self.starts.len()].into();
        for (time, position) in &self.entries {
            if *time > at + reach.span {
                break;
            }
            advance(&mut starts, *time, *position, reach.span);
            if *time >= at
                && let (count, Some(since)) = longest(&starts, *time, reach.span)
                && count > best.0
                && since <= at
            {
                best = (count, since, *time);
            }
        }
        best
    }

    /// Drops the oldest match.
    pub fn drop_oldest(&mut self) {
        self.entries.pop_front();
    }

    fn replayed(&self, span: Span) -> Box<[Option<Timestamp>]> {
        let mut starts: Box<[_]> = vec![None; self.starts.len()].into();
        for (time, position) in &self.entries {
            advance(&mut starts, *time, *position, span);
        }
        starts
    }
}

fn advance(starts: &mut [Option<Timestamp>], at: Timestamp, position: u32, span: Span) {
    let position = position as usize;
    let start = match position.checked_sub(1) {
        None => Some(at),
        Some(before) => starts.get(before).copied().flatten().filter(|start| *start >= at - span),
    };
    if let Some(slot) = starts.get_mut(position) {
        *slot = start.max(*slot);
    }
}

fn longest(starts: &[Option<Timestamp>], end: Timestamp, span: Span) -> (u64, Option<Timestamp>) {
    let within = |start: &Option<Timestamp>| start.is_some_and(|start| start >= end - span);
    let reached = starts.iter().rposition(within).map_or(0, |last| last + 1);
    let since = reached.checked_sub(1).and_then(|last| starts.get(last).copied().flatten());
    (reached as u64, since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The longest prefix of the rules that is a subsequence of the matches in some window.
    fn naive(seen: &[(i64, u32)], end: i64, span: i64) -> u64 {
        let inside: Vec<_> = seen.iter().filter(|(at, _)| (end - span..=end).contains(at)).collect();
        let reached = |from: usize| {
            let mut next = 0;
            for (_, position) in &inside[from..] {
                next += u64::from(u64::from(*position) == next);
            }
            next
        };
        (0..=inside.len()).map(reached).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn the_longest_chain_is_that_of_a_naive_search(
            stream in proptest::collection::vec((0i64..60, 0u32..3), 1..40), span in 1i64..30
        ) {
            let reach = Reach { span: Span(span as u64), keep: Timestamp::MIN };
            let (mut sequence, mut seen) = (Sequence::new(3), Vec::new());
            for (at, position) in stream {
                let place = seen.partition_point(|(time, _)| *time <= at);
                seen.insert(place, (at, position));
                sequence.insert(Timestamp(at), position, &reach);
                let newest = seen.last().unwrap().0;
                prop_assert_eq!(sequence.longest(reach.span).0, naive(&seen, newest, span));
                let (count, since, until) = sequence.longest_around(Timestamp(at), &reach);
                prop_assert!(count <= naive(&seen, until.0, span));
                prop_assert!((since.0..=until.0).contains(&at));
            }
        }
    }
}
