//! Points and lengths of time, both in whole microseconds: exact, ordered, the same on every machine.

use std::fmt;
use std::ops::{Add, Range, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Earlier than every signal.
    pub const MIN: Timestamp = Timestamp(i64::MIN);

    /// A point from whole seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Timestamp(secs.saturating_mul(1_000_000))
    }

    /// The span since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Seconds since the epoch, rounded down, and the microseconds above them.
    pub fn split(self) -> (i64, u32) {
        (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000) as u32)
    }

    /// `HH:MM:SS` in UTC, as screens show it.
    pub fn clock(self) -> String {
        let day = self.split().0.rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds. Date arithmetic after Howard Hinnant,
    /// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, micros) = self.split();
        let (days, day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
        let y = yoe + era * 400 + i64::from(m <= 2);
        let (hour, minute, second) = (day / 3600, day / 60 % 60, day % 60);
        // Digits are put in place by hand: times are written far too often for the formatter's padding.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |place: Range<usize>, mut value: i64| {
            for digit in text[place].iter_mut().rev() {
                *digit += (value % 10) as u8;
                value /= 10;
            }
        };
        for (place, value) in [(5..7, m), (8..10, d), (11..13, hour), (14..16, minute), (17..19, second)] {
            put(place, value);
        }
        put(20..26, i64::from(micros));
        let plain_year = (0..=9999).contains(&y);
        if plain_year {
            put(0..4, y);
        } else {
            write!(f, "{y:04}")?;
        }
        let text = str::from_utf8(&text).map_err(|_| fmt::Error)?;
        f.write_str(if plain_year { text } else { &text[4..] })
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub_unsigned(span.0))
    }
}

/// A point in time, or none, in the space of a point: `Timestamp::MIN` stands for none. For values
/// that are kept by the ten thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(Timestamp);

/// Stored as an optional point in time.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<Timestamp>::deserialize(deserializer).map(Moment::from)
    }
}

impl Moment {
    /// No point in time.
    pub const NONE: Moment = Moment(Timestamp::MIN);

    /// The point, if there is one.
    pub fn get(self) -> Option<Timestamp> {
        (self != Moment::NONE).then_some(self.0)
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Moment(at)
    }
}

impl From<Option<Timestamp>> for Moment {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Moment::NONE, Moment)
    }
}

/// A length of time in microseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// Whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Span(secs.saturating_mul(1_000_000))
    }

    /// Whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Span(millis.saturating_mul(1_000))
    }

    /// In seconds, for formulas and display.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        Duration::from_micros(span.0)
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Span {
        Span(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Span {
    /// The largest exact unit: `90s` is shown as `90s`, `3600s` as `1h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 5] =
            [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
        match UNITS.iter().find(|(size, _)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((size, unit)) => write!(f, "{}{unit}", self.0 / size),
            None if self.0 == 0 => write!(f, "0s"),
            None => write!(f, "{}us", self.0),
        }
    }
}

/// Why a text is not a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSpanError;

impl fmt::Display for ParseSpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a duration such as `500ms`, `30s`, `5m`, `1h` or `2d`")
    }
}

impl std::error::Error for ParseSpanError {}

impl FromStr for Span {
    type Err = ParseSpanError;

    /// One whole number and one unit (`us, ms, s, m, h, d`), as Sigma writes a timespan; Sigma's
    /// month `M` and year `y` have no fixed length and are refused.
    fn from_str(text: &str) -> Result<Self, ParseSpanError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let size = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return Err(ParseSpanError),
        };
        let number: u64 = number.parse().map_err(|_| ParseSpanError)?;
        number.checked_mul(size).map(Span).ok_or(ParseSpanError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_shown_as_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_795_233_600_123_456, "2026-11-21T04:00:00.123456Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "10000-01-01T00:00:00.000000Z"),
            (-62_167_219_200_000_001, "-001-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp(micros).to_string(), text);
        }
        assert_eq!(Timestamp(1_795_233_601_000_000).clock(), "04:00:01");
    }

    #[test]
    fn spans_are_read_and_shown() {
        for text in ["500ms", "30s", "5m", "1h", "2d", "7us", "90s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("60s".parse::<Span>().unwrap().to_string(), "1m");
        for bad in ["", "5", "s", "-1s", "1.5s", "1M", "1y", "99999999999999d", "1 s"] {
            assert_eq!(bad.parse::<Span>(), Err(ParseSpanError), "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Span::ZERO);
        assert_eq!(Timestamp(i64::MAX) + Span(1), Timestamp(i64::MAX));
        assert_eq!(Timestamp::MIN - Span(u64::MAX), Timestamp::MIN);
    }
}
