//! Seeded chance.

use crate::flow::backoff::mix;

/// A stream of numbers that depends on nothing but its seed.
#[derive(Debug, Clone)]
pub struct Dice {
    seed: u64,
    drawn: u64,
}

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Dice { seed, drawn: 0 }
    }

    /// The next number, uniform over `u64`.
    pub fn roll(&mut self) -> u64 {
        self.drawn += 1;
        mix(&[self.seed, self.drawn])
    }

    /// Uniform below `limit`, which is at least 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.roll()) * u128::from(limit)) >> 64) as u64
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
