//! What is usual for a group: an exponentially weighted mean and variance, learned as signals come.
//!
//! The recurrence is that of T. Finch, "Incremental calculation of weighted mean and variance" (2009), 9:
//! `d = x - mean; mean += a·d; variance = (1 - a)·(variance + a·d²)`, with `a = 2 / (memory + 1)`. Until so
//! many values were seen that `1 / n` is smaller, `a` is `1 / n`: the plain mean and variance. What lies
//! beyond the threshold is learned as if it lay on it, so that an attack does not become usual at once. Only
//! sums, products, quotients and roots: the same on every machine.

use serde::{Deserialize, Serialize};

use super::groups::Item;
use crate::model::Timestamp;
use crate::rule::{Anomaly, Bounds, Correlation, Counted};

/// A number that was seen, and what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// What was seen.
    pub observed: f64,
    /// The mean of what was seen before.
    pub mean: f64,
    /// The standard deviation of what was seen before, its floor included.
    pub deviation: f64,
}

impl Usual {
    /// How many standard deviations it lies above the mean.
    fn deviations(&self) -> f64 {
        match (self.observed - self.mean, self.deviation) {
            (0.0, _) => 0.0,
            // Whatever is different from what never differed.
            (difference, 0.0) => f64::MAX.copysign(difference),
            (difference, deviation) => difference / deviation,
        }
    }
}

/// What a group has learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// How many values, or buckets.
    taken: u64,
    mean: f64,
    variance: f64,
    /// The bucket that is counted: its number since the epoch, and what it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket: Option<(i64, u64)>,
    /// How far the bucket before it was off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<f64>,
    /// The newest signal.
    newest: Option<Timestamp>,
    /// What the newest signal said; `None` while too little is known.
    #[serde(skip)]
    usual: Option<Usual>,
}

impl Baseline {
    /// The time of the newest signal.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Takes a signal in, of which it says how far it is from what was usual before.
    pub fn insert(&mut self, at: Timestamp, item: &Item, rule: &Correlation) {
        let Counted::Anomaly(anomaly) = &rule.counted else { return };
        match &anomaly.field {
            Some(_) => {
                // Millionths, as sums have them.
                let value = item.number as f64 / 1e6;
                self.usual = self.look(value, anomaly);
                self.before = None;
                self.learn(value, anomaly, &rule.bounds);
            }
            None => self.count_in(
                at.0.div_euclid(i64::try_from(rule.timespan.0).unwrap_or(i64::MAX).max(1)),
                item.weight,
                anomaly,
                &rule.bounds,
            ),
        }
        self.newest = self.newest.max(Some(at));
    }

    /// Counts a signal in its bucket. Those before it are learned, also the empty ones between.
    fn count_in(&mut self, bucket: i64, weight: u64, anomaly: &Anomaly, bounds: &Bounds) {
        let (open, count) = self.bucket.unwrap_or((bucket, 0));
        if bucket < open {
            self.usual = None;
            return;
        }
        let mut count = count;
        if bucket > open {
            let next = bucket.saturating_sub(open) == 1;
            self.before = self.look(count as f64, anomaly).map(|usual| usual.deviations()).filter(|_| next);
            self.learn(count as f64, anomaly, bounds);
            // After that many nothing of what was before them is left.
            let empty = bucket.saturating_sub(open).saturating_sub(1).min(i64::from(anomaly.memory) * 8);
            for _ in 0..empty {
                self.learn(0.0, anomaly, bounds);
            }
            count = 0;
        }
        count = count.saturating_add(weight);
        self.bucket = Some((bucket, count));
        self.usual = self.look(count as f64, anomaly);
    }

    /// What is usual, beside a number; `None` while it warms up.
    fn look(&self, observed: f64, anomaly: &Anomaly) -> Option<Usual> {
        let known = self.taken >= u64::from(anomaly.warm_up);
        known.then(|| Usual { observed, mean: self.mean, deviation: self.deviation(anomaly) })
    }

    fn deviation(&self, anomaly: &Anomaly) -> f64 {
        let floor = anomaly.floor.unwrap_or(match anomaly.field {
            None => 1.0,
            Some(_) => self.mean.abs() / 20.0,
        });
        self.variance.max(0.0).sqrt().max(floor)
    }

    fn learn(&mut self, value: f64, anomaly: &Anomaly, bounds: &Bounds) {
        let mut value = value;
        if self.taken >= u64::from(anomaly.warm_up) {
            let (up, down) = bounds.edges();
            let deviation = self.deviation(anomaly);
            if let Some(up) = up {
                value = value.min(self.mean + up * deviation);
            }
            if let Some(down) = down {
                value = value.max(self.mean - down * deviation);
            }
        }
        self.taken += 1;
        let share = (1.0 / self.taken as f64).max(2.0 / (f64::from(anomaly.memory) + 1.0));
        let difference = value - self.mean;
        self.mean += share * difference;
        self.variance = (1.0 - share) * (self.variance + share * difference * difference);
    }

    /// How many standard deviations the newest signal is off, or a bucket that is as far off as the one
    /// before it was: a detection goes on from bucket to bucket.
    pub fn measure(&self) -> f64 {
        match (self.usual.map(|usual| usual.deviations()), self.before) {
            (Some(now), Some(before)) => now.max(before),
            (Some(now), None) => now,
            (None, _) => f64::NAN,
        }
    }

    /// What the open bucket has; of values, one.
    pub fn count(&self) -> u64 {
        self.bucket.map_or(1, |(_, count)| count)
    }

    /// What the newest signal said.
    pub fn usual(&self) -> Option<Usual> {
        self.usual
    }
}

#[cfg(test)]
#[path = "baseline_tests.rs"]
mod tests;
