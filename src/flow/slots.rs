//! A map from sequential numbers to values: a deque in order of number, most of which are neighbours.
//! Ordered, and half the work of a tree. Places of values that left are given up before they are more than
//! those that stay, however old the oldest one is.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Empty places that are kept anyway.
const SPARE: usize = 64;

/// Values under numbers that are handed out in order and mostly leave in order.
#[derive(Debug, Clone)]
pub struct Slots<T> {
    next: u64,
    slots: VecDeque<(u64, Option<T>)>,
    filled: usize,
}

/// Places of values that left make no difference.
impl<T: PartialEq> PartialEq for Slots<T> {
    fn eq(&self, other: &Self) -> bool {
        self.next == other.next && self.filled == other.filled && self.numbered().eq(other.numbered())
    }
}

impl<T> Slots<T> {
    /// Empty; the first number is `first`.
    pub fn starting_at(first: u64) -> Self {
        Slots { next: first, slots: VecDeque::new(), filled: 0 }
    }

    /// The number that the next [`Slots::push`] gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Stores a value under the next number.
    pub fn push(&mut self, value: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.slots.push_back((number, Some(value)));
        self.filled += 1;
        number
    }

    fn slot(&self, number: u64) -> Option<usize> {
        // Numbers grow by one at least: it cannot be further behind than this, and mostly is there.
        let (first, _) = self.slots.front()?;
        let furthest = usize::try_from(number.checked_sub(*first)?).ok()?.min(self.slots.len() - 1);
        if self.slots.get(furthest)?.0 == number {
            return Some(furthest);
        }
        self.slots.binary_search_by_key(&number, |(number, _)| *number).ok()
    }

    /// The value under a number.
    pub fn get(&self, number: u64) -> Option<&T> {
        self.slots.get(self.slot(number)?)?.1.as_ref()
    }

    /// The value under a number, to change.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let i = self.slot(number)?;
        self.slots.get_mut(i)?.1.as_mut()
    }

    /// Takes a value out.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let i = self.slot(number)?;
        let value = self.slots.get_mut(i)?.1.take()?;
        self.filled -= 1;
        while let Some((_, None)) = self.slots.front() {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.filled + SPARE {
            self.slots.retain(|(_, value)| value.is_some());
        }
        Some(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// How many places are kept for them, empty ones included.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Every value, in order of number; from either end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.slots.iter().filter_map(|(_, value)| value.as_ref())
    }

    fn numbered(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().filter_map(|(number, value)| Some((*number, value.as_ref()?)))
    }
}

/// Stored as the next number, and each value with its own.
impl<T: Serialize> Serialize for Slots<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let filled = self.slots.iter().filter_map(|(number, value)| Some((number, value.as_ref()?)));
        (self.next, filled.collect::<Vec<_>>()).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slots<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (next, values) = <(u64, Vec<(u64, T)>)>::deserialize(deserializer)?;
        let slots: VecDeque<_> = values.into_iter().map(|(number, value)| (number, Some(value))).collect();
        Ok(Slots { next, filled: slots.len(), slots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_reused() {
        let mut slots = Slots::starting_at(1);
        assert_eq!((slots.push('a'), slots.push('b'), slots.push('c')), (1, 2, 3));
        assert_eq!(slots.remove(2), Some('b'));
        assert_eq!(slots.remove(2), None);
        assert_eq!(slots.remove(1), Some('a'));
        assert_eq!((slots.get(3), slots.get(1), slots.get(99)), (Some(&'c'), None, None));
        assert_eq!(slots.remove(3), Some('c'));
        assert!(slots.is_empty());
        assert_eq!(slots.push('d'), 4);
        assert_eq!(slots.iter().collect::<String>(), "d");
    }

    #[test]
    fn one_that_stays_keeps_no_place_for_those_that_left() {
        let mut slots = Slots::starting_at(1);
        slots.push(0);
        for n in 2..10_000_u64 {
            slots.push(n);
            if n > 100 {
                assert_eq!(slots.remove(n - 50), Some(n - 50));
            }
            assert!(slots.places() <= 2 * slots.len() + SPARE, "{}", slots.places());
        }
        assert_eq!(
            (slots.get(1), slots.get(50), slots.get(51), slots.get(9_999)),
            (Some(&0), Some(&50), None, Some(&9_999))
        );
        assert_eq!((slots.get(9_949), slots.get(9_950), slots.get(10_000)), (None, Some(&9_950), None));
        let (first, last) = (slots.iter().next(), slots.iter().next_back());
        assert_eq!((first, last, slots.next()), (Some(&0), Some(&9_999), 10_000));
    }

    #[test]
    fn places_of_those_that_left_make_no_difference() {
        let (mut one, mut other) = (Slots::starting_at(1), Slots::starting_at(1));
        for n in 1..=200 {
            one.push(n);
            other.push(n);
        }
        for n in 2..200 {
            one.remove(n);
            other.remove(201 - n);
        }
        assert_eq!(one, other);
        assert_ne!(one, Slots::starting_at(1));
        other.remove(200);
        assert_ne!(one, other);
    }
}
