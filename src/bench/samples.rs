//! Latencies of one benchmark: every one of them, up to a limit, and a histogram beyond it.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Samples that are kept one by one. Beyond them a histogram with three significant digits goes on.
pub const EXACT_SAMPLES: usize = 262_144;

/// Picoseconds in a nanosecond: samples are kept in picoseconds, because those of a batch are shares.
const PICOS: u64 = 1_000;
const PICOS_PER_MS: f64 = 1e9;

/// Latencies, in picoseconds.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    exact: Vec<u64>,
    beyond: Option<Histogram<u64>>,
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean, by Welford's method.
    squares: f64,
    least: u64,
    most: u64,
}

/// What they come to, in milliseconds. A percentile is the nearest rank: a value that was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Latency {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub median: f64,
    pub p95: f64,
    pub p99: f64,
    pub stddev: f64,
}

impl Samples {
    /// Room for so many, so that nothing grows while the clock runs.
    pub fn with_room(count: u64) -> Self {
        let room = usize::try_from(count).unwrap_or(EXACT_SAMPLES).min(EXACT_SAMPLES);
        Samples { exact: Vec::with_capacity(room), ..Samples::default() }
    }

    /// Adds the time that one operation took.
    pub fn add(&mut self, took: Duration) {
        self.add_share(took, 1);
    }

    /// Adds one sample for a batch that was timed as a whole: the mean of its operations.
    pub fn add_share(&mut self, took: Duration, operations: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.keep(nanos.saturating_mul(PICOS) / operations.max(1));
    }

    fn keep(&mut self, picos: u64) {
        self.least = if self.count == 0 { picos } else { self.least.min(picos) };
        self.most = self.most.max(picos);
        self.count += 1;
        let distance = picos as f64 - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (picos as f64 - self.mean);
        if self.beyond.is_none() && self.exact.len() < EXACT_SAMPLES {
            self.exact.push(picos);
            return;
        }
        let exact = &mut self.exact;
        let beyond = self.beyond.get_or_insert_with(|| histogram(std::mem::take(exact)));
        // It grows to what it is given.
        let _ = beyond.record(picos.max(1));
    }

    /// Adds all of another.
    pub fn take_all(&mut self, other: &Samples) {
        match &other.beyond {
            None => other.exact.iter().for_each(|picos| self.keep(*picos)),
            Some(beyond) => {
                for bucket in beyond.iter_recorded() {
                    let picos = bucket.value_iterated_to();
                    (0..bucket.count_since_last_iteration()).for_each(|_| self.keep(picos));
                }
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Every sample in nanoseconds, in order of measurement; `None` if there were more than
    /// [`EXACT_SAMPLES`].
    pub fn nanoseconds(&self) -> Option<impl Iterator<Item = f64> + '_> {
        self.beyond.is_none().then(|| self.exact.iter().map(|picos| *picos as f64 / PICOS as f64))
    }

    /// What they come to.
    pub fn latency(&self) -> Latency {
        if self.count == 0 {
            return Latency::default();
        }
        let mut sorted = self.exact.clone();
        sorted.sort_unstable();
        let rank = |share: f64| match &self.beyond {
            Some(beyond) => beyond.value_at_quantile(share),
            None => sorted[((share * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1],
        };
        let ms = |picos: u64| picos as f64 / PICOS_PER_MS;
        Latency {
            min: ms(self.least),
            max: ms(self.most),
            mean: self.mean / PICOS_PER_MS,
            median: ms(rank(0.50)),
            p95: ms(rank(0.95)),
            p99: ms(rank(0.99)),
            stddev: (self.squares / self.count as f64).sqrt() / PICOS_PER_MS,
        }
    }
}

fn histogram(exact: Vec<u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are valid"));
    histogram.auto(true);
    for picos in exact {
        let _ = histogram.record(picos.max(1));
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Samples {
        let mut samples = Samples::default();
        nanos.into_iter().for_each(|nanos| samples.add(Duration::from_nanos(nanos)));
        samples
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let latency = of((1..=100).rev().map(|n| n * 1_000_000)).latency();
        let found = [latency.min, latency.median, latency.p95, latency.p99, latency.max, latency.mean];
        assert_eq!(found, [1.0, 50.0, 95.0, 99.0, 100.0, 50.5]);
        assert!((latency.stddev - 28.866_07).abs() < 1e-4, "{}", latency.stddev);
        assert_eq!(of([7_000_000]).latency().p99, 7.0);
        assert_eq!(Samples::default().latency(), Latency::default());
    }

    #[test]
    fn a_batch_is_shared_among_its_operations() {
        let mut samples = Samples::default();
        samples.add_share(Duration::from_nanos(250), 100);
        assert_eq!(samples.nanoseconds().map(Iterator::collect::<Vec<_>>), Some(vec![2.5]));
    }

    #[test]
    fn beyond_the_limit_a_histogram_goes_on() {
        let many = EXACT_SAMPLES as u64 + 100_000;
        let samples = of(1..=many);
        assert_eq!(samples.count(), many);
        assert!(samples.nanoseconds().is_none());
        let (latency, middle) = (samples.latency(), many as f64 / 2.0 / 1e6);
        assert!((latency.median / middle - 1.0).abs() < 0.002, "{} {middle}", latency.median);
        assert_eq!((latency.min, latency.max), (1e-6, many as f64 / 1e6));
    }
}
