//! Exponential backoff with jitter that is decided by a hash, so that a replay needs no dice.

use serde::{Deserialize, Serialize};

use crate::model::Span;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Delay before the second attempt.
    pub first: Span,
    /// Each further delay is this many times the one before, in percent: 200 doubles.
    pub factor_percent: u32,
    /// No delay is longer.
    pub max: Span,
    /// The delay is spread by up to this many percent either way.
    pub jitter_percent: u32,
}

impl Backoff {
    /// The delay after attempt `attempt` (from 1), spread by `hash`, which is uniform over `u64`.
    /// Integer arithmetic only: the same on every machine.
    pub fn delay(&self, attempt: u32, hash: u64) -> Span {
        let mut delay = self.first.0.min(self.max.0);
        for _ in 1..attempt {
            let grown = u128::from(delay) * u128::from(self.factor_percent) / 100;
            delay = u64::try_from(grown).unwrap_or(u64::MAX).min(self.max.0);
            if delay == self.max.0 {
                break;
            }
        }
        let spread = u128::from(delay) * u128::from(self.jitter_percent.min(100)) / 100;
        let offset = (u128::from(hash) * (2 * spread + 1)) >> 64;
        Span((u128::from(delay) + offset - spread) as u64)
    }
}

/// A well-mixed 64-bit hash of a few words: SplitMix64's finaliser (Steele, Lea, Flood, "Fast
/// Splittable Pseudorandom Number Generators", 2014) over each in turn. Not for keyed tables.
pub fn mix(words: &[u64]) -> u64 {
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, word| {
        let mut z = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Backoff =
        Backoff { first: Span(100), factor_percent: 200, max: Span(1_000), jitter_percent: 0 };

    #[test]
    fn delays_double_up_to_the_maximum() {
        let delays: Vec<u64> = (1..=6).map(|n| PLAIN.delay(n, 7).0).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(PLAIN.delay(u32::MAX, 7), Span(1_000));
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let spread = Backoff { jitter_percent: 20, ..PLAIN };
        let delays: Vec<u64> = (0..1_000).map(|n| spread.delay(1, mix(&[n])).0).collect();
        assert_eq!((delays.iter().min(), delays.iter().max()), (Some(&80), Some(&120)));
        assert_eq!(spread.delay(1, 0), Span(80));
        assert_eq!(spread.delay(1, u64::MAX), Span(120));
    }
}
