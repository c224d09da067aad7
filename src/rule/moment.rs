//! `minute`, `hour`, `day`, `week`, `month`, `year`: a part of the date that a field holds.

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;

use crate::model::Scalar;

/// A part of a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimePart {
    /// 0 to 59
    Minute,
    /// 0 to 23
    Hour,
    /// 1 to 31
    Day,
    /// 1 to 53: the week of ISO 8601
    Week,
    /// 1 to 12
    Month,
    Year,
}

impl TimePart {
    /// Every part with its modifier.
    pub const ALL: [(&str, TimePart); 6] = [
        ("minute", TimePart::Minute),
        ("hour", TimePart::Hour),
        ("day", TimePart::Day),
        ("week", TimePart::Week),
        ("month", TimePart::Month),
        ("year", TimePart::Year),
    ];

    /// The part of a value: of a date and time as it is written, whatever its zone; a number is
    /// seconds since the epoch (or milliseconds, microseconds, if it is too large for that), in UTC.
    pub fn of(self, value: Scalar) -> Option<f64> {
        let time = match value {
            Scalar::Text(text) => written(text)?,
            value => since_epoch(value.number()?)?,
        };
        Some(match self {
            TimePart::Minute => time.minute().into(),
            TimePart::Hour => time.hour().into(),
            TimePart::Day => time.day().into(),
            TimePart::Week => time.date().iso_week_date().week().into(),
            TimePart::Month => time.month().into(),
            TimePart::Year => time.year().into(),
        })
    }
}

fn written(text: &str) -> Option<DateTime> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return since_epoch(number);
    }
    let pieces = Pieces::parse(text).ok()?;
    Some(pieces.date().to_datetime(pieces.time().unwrap_or_default()))
}

/// Above this many seconds (the year 5138) a number counts smaller units.
const MOST_SECONDS: f64 = 1e11;

fn since_epoch(number: f64) -> Option<DateTime> {
    let micros = match number.abs() {
        seconds if seconds < MOST_SECONDS => number * 1e6,
        millis if millis < MOST_SECONDS * 1e3 => number * 1e3,
        _ => number,
    };
    // A cast saturates, and the far ends are refused.
    let time = jiff::Timestamp::from_microsecond(micros as i64).ok()?;
    Some(TimeZone::UTC.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_dates() {
        let parts = |value: Scalar| TimePart::ALL.map(|(_, part)| part.of(value));
        let expected = [5.0, 23.0, 30.0, 1.0, 12.0, 2024.0].map(Some);
        for text in [
            "2024-12-30T23:05:09Z",
            "2024-12-30 23:05:09.123",
            "2024-12-30T23:05:09+05:30",
            "2024-12-30T23:05",
            " 1735599909 ",
        ] {
            assert_eq!(parts(Scalar::Text(text)), expected, "{text}");
        }
        assert_eq!(parts(Scalar::Unsigned(1_735_599_909_000)), expected);
        assert_eq!(parts(Scalar::Float(1_735_599_909.5)), expected);
        for bad in [Scalar::Text("soon"), Scalar::Text(""), Scalar::Null, Scalar::Float(1e300)] {
            assert_eq!(parts(bad), [None; 6], "{bad:?}");
        }
    }
}
