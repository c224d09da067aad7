//! The only clock (C22): wall time at the start plus elapsed time, so that it never goes back.

#![expect(clippy::disallowed_methods, reason = "this is where time enters the program")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::model::{Span, Timestamp};

/// A moment of real time, for measuring.
pub fn instant() -> Instant {
    Instant::now()
}

/// Nanoseconds of the system's monotonic clock, for measuring what is too short for anything else.
pub fn monotonic_nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000);
    whole.saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Wall time, for things that have no engine.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Microseconds of the system's monotonic clock, as `systemd` counts.
pub fn monotonic_micros() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000);
    whole + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
}

/// Time since some fixed point, the time in suspend included.
fn elapsed() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let id = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let id = ClockId::Monotonic;
    let time = clock_gettime(id);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The engine's time as real time passes: live, or a recording at some speed.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Timestamp,
    started: Duration,
    /// Engine time for each unit of real time.
    speed: f64,
    live: bool,
}

impl Clock {
    /// Wall time.
    pub fn live() -> Self {
        Self::live_from(wall())
    }

    /// Real time from a moment on: wall time, or later if the journal is ahead of it.
    pub fn live_from(origin: Timestamp) -> Self {
        Clock { origin, started: elapsed(), speed: 1.0, live: true }
    }

    /// Virtual time: begins at `origin` now, and passes `speed` times as fast as real time.
    pub fn paced(origin: Timestamp, speed: f64) -> Self {
        Clock { origin, started: elapsed(), speed, live: false }
    }

    /// Whether it is real time, and no recording's.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The engine's now.
    pub fn now(&self) -> Timestamp {
        let real = elapsed().saturating_sub(self.started);
        self.origin + Span::from(real.mul_f64_saturating(self.speed))
    }

    /// Real time until the engine's time is `at`; zero if it was.
    pub fn until(&self, at: Timestamp) -> Duration {
        let span = at.since(self.now());
        Duration::from_micros(span.0).mul_f64_saturating(1.0 / self.speed)
    }
}

trait Scale {
    fn mul_f64_saturating(self, by: f64) -> Duration;
}

impl Scale for Duration {
    fn mul_f64_saturating(self, by: f64) -> Duration {
        Duration::try_from_secs_f64(self.as_secs_f64() * by).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c22_time_never_goes_back() {
        let clock = Clock::live();
        let mut last = clock.now();
        for _ in 0..1_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        assert!(clock.now().since(wall()) < Span::from_secs(1));
    }

    #[test]
    fn a_recording_passes_at_its_speed() {
        let clock = Clock::paced(Timestamp::from_secs(1_000), 100.0);
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now().since(Timestamp::from_secs(1_000)) >= Span::from_secs(2));
        let until = clock.until(clock.now() + Span::from_secs(100));
        assert!(until > Duration::from_millis(900) && until <= Duration::from_secs(1), "{until:?}");
        assert_eq!(clock.until(Timestamp(0)), Duration::ZERO);
        assert!(clock.until(Timestamp(i64::MAX)).as_secs() > 1_000);
    }
}
