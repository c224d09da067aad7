//! Times as records write them → exact microseconds.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Undecodable;
use crate::model::{Field, Scalar, Timestamp};

/// The time in a field: a date and time with or without zone, or seconds since the epoch. Whole
/// numbers too large for seconds are milliseconds, microseconds or nanoseconds.
pub fn of_field(field: Field, tz: &TimeZone) -> Result<Timestamp, Undecodable> {
    let scalar = field.scalar();
    let time = match scalar {
        Some(Scalar::Text(text)) => of_text(text, tz),
        Some(Scalar::Unsigned(number)) => of_whole(number),
        Some(Scalar::Float(number)) => of_float(number),
        _ => None,
    };
    time.ok_or_else(|| {
        let mut buffer = String::new();
        let found = match scalar {
            Some(Scalar::Null) => "null",
            Some(scalar) => scalar.text(&mut buffer),
            None => "an array or object",
        };
        Undecodable::BadTime(found.chars().take(64).collect())
    })
}

/// How else people write times: by `strftime`, and whether it has a zone.
const OTHERS: &[(&str, bool)] = &[
    // RFC 2822, access logs, nginx and Go, Suricata's fast.log, asctime, Windows.
    ("%a, %d %b %Y %H:%M:%S %z", true),
    ("%d/%b/%Y:%H:%M:%S %z", true),
    ("%Y/%m/%d %H:%M:%S%.f", false),
    ("%m/%d/%Y-%H:%M:%S%.f", false),
    ("%a %b %e %H:%M:%S %Y", false),
    ("%m/%d/%Y %I:%M:%S %p", false),
];

/// The longest text that is looked at as a time, in bytes.
const LONGEST: usize = 64;

/// RFC 3339, also with an offset without colon, a space for the `T`, a comma before the fraction, ` UTC`
/// behind, or no zone at all (then `tz`); a decimal number of seconds; or what [`OTHERS`] has.
pub fn of_text(text: &str, tz: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return of_decimal(text);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_microsecond()));
    }
    if text.len() > LONGEST {
        return None;
    }
    if let Some(bare) = [" UTC", " GMT", " Z"].iter().find_map(|zone| text.strip_suffix(zone)) {
        return of_text(&format!("{bare} +0000"), tz).or_else(|| of_civil_text(bare, &TimeZone::UTC));
    }
    of_civil_text(text, tz).or_else(|| OTHERS.iter().find_map(|other| of_other(text, *other, tz)))
}

fn of_civil_text(text: &str, tz: &TimeZone) -> Option<Timestamp> {
    of_civil(text.parse().ok()?, tz)
}

fn of_other(text: &str, (format, zoned): (&str, bool), tz: &TimeZone) -> Option<Timestamp> {
    let parsed = jiff::fmt::strtime::parse(format, text).ok()?;
    match zoned {
        true => Some(Timestamp(parsed.to_timestamp().ok()?.as_microsecond())),
        false => of_civil(parsed.to_datetime().ok()?, tz),
    }
}

/// A date and time of that zone.
pub fn of_civil(time: DateTime, tz: &TimeZone) -> Option<Timestamp> {
    Some(Timestamp(tz.to_timestamp(time).ok()?.as_microsecond()))
}

/// Digits, and at most one point: exact, no floating point between.
fn of_decimal(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    if fraction.is_empty() {
        return of_whole(whole);
    }
    if whole >= MOST_SECONDS {
        return of_float(text.parse().ok()?);
    }
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    checked(i64::try_from(whole).ok()?.checked_mul(1_000_000)?.checked_add(micros)?)
}

/// Larger numbers are no seconds.
const MOST_SECONDS: u64 = 100_000_000_000;

fn of_whole(number: u64) -> Option<Timestamp> {
    let number = i64::try_from(number).ok()?;
    checked(match number {
        0..100_000_000_000 => number * 1_000_000,
        100_000_000_000..100_000_000_000_000 => number * 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => number,
        _ => number / 1_000,
    })
}

/// A double holds this century to a quarter of a microsecond, whatever the unit, so rounding is exact.
fn of_float(number: f64) -> Option<Timestamp> {
    const SECONDS: std::ops::Range<f64> = 0.0..100_000_000_000.0;
    const MILLIS: std::ops::Range<f64> = SECONDS.end..100_000_000_000_000.0;
    const MICROS: std::ops::Range<f64> = MILLIS.end..100_000_000_000_000_000.0;
    let micros = match number {
        number if SECONDS.contains(&number) => number * 1e6,
        number if MILLIS.contains(&number) => number * 1e3,
        number if MICROS.contains(&number) => number,
        _ => return None,
    };
    checked(micros.round() as i64)
}

/// Before the year 10000, so that it can be shown.
fn checked(micros: i64) -> Option<Timestamp> {
    (0..253_402_300_800_000_000).contains(&micros).then_some(Timestamp(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Document;

    fn check(json: &str) -> String {
        let document = Document::parse(format!("{{\"t\":{json}}}").into()).unwrap();
        let tz = TimeZone::get("Europe/Berlin").unwrap();
        match of_field(document.get("t").unwrap(), &tz) {
            Ok(time) => time.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn times_are_exact() {
        for (json, expected) in [
            (r#""2017-03-25T16:49:58.856335-0600""#, "2017-03-25T22:49:58.856335Z"),
            (r#""2017-03-25T16:49:58.856335-06:00""#, "2017-03-25T22:49:58.856335Z"),
            (r#""2026-03-14T10:00:00Z""#, "2026-03-14T10:00:00.000000Z"),
            (r#""2026-07-14T10:00:00""#, "2026-07-14T08:00:00.000000Z"),
            (r#""2020-10-18 03:38:05.959""#, "2020-10-18T01:38:05.959000Z"),
            ("1588205199.827696", "2020-04-30T00:06:39.827696Z"),
            ("1588205199.82437", "2020-04-30T00:06:39.824370Z"),
            (r#""1588205199.827696""#, "2020-04-30T00:06:39.827696Z"),
            (r#""1588205199.8276969""#, "2020-04-30T00:06:39.827696Z"),
            ("1588205199", "2020-04-30T00:06:39.000000Z"),
            ("1588205199827", "2020-04-30T00:06:39.827000Z"),
            ("1588205199827696", "2020-04-30T00:06:39.827696Z"),
            ("1588205199827696123", "2020-04-30T00:06:39.827696Z"),
            ("1588205199827.5", "2020-04-30T00:06:39.827500Z"),
            ("1588205199827696.25", "2020-04-30T00:06:39.827696Z"),
            (r#""1588205199827.5""#, "2020-04-30T00:06:39.827500Z"),
            (r#""2026-03-14 10:00:00,123""#, "2026-03-14T09:00:00.123000Z"),
            (r#""2026-03-14T10:00:00,123456Z""#, "2026-03-14T10:00:00.123456Z"),
            (r#""2026-03-14 10:00:00 UTC""#, "2026-03-14T10:00:00.000000Z"),
            (r#""2026-03-14 10:00:00.5 UTC""#, "2026-03-14T10:00:00.500000Z"),
            (r#""Sat, 14 Mar 2026 10:00:00 +0100""#, "2026-03-14T09:00:00.000000Z"),
            (r#""Sat, 14 Mar 2026 10:00:00 GMT""#, "2026-03-14T10:00:00.000000Z"),
            (r#""14/Mar/2026:10:00:00 -0500""#, "2026-03-14T15:00:00.000000Z"),
            (r#""2026/07/14 10:00:00""#, "2026-07-14T08:00:00.000000Z"),
            (r#""03/14/2026-10:00:00.123456""#, "2026-03-14T09:00:00.123456Z"),
            (r#""Sat Mar 14 10:00:00 2026""#, "2026-03-14T09:00:00.000000Z"),
            (r#""3/14/2026 1:00:00 PM""#, "2026-03-14T12:00:00.000000Z"),
            (r#""31/Feb/2026:10:00:00 -0500""#, "expected a time, found `31/Feb/2026:10:00:00 -0500`"),
            ("-1", "expected a time, found `-1`"),
            (r#""""#, "expected a time, found ``"),
            (r#""1.2.3""#, "expected a time, found `1.2.3`"),
            (r#""2026-02-30T00:00:00Z""#, "expected a time, found `2026-02-30T00:00:00Z`"),
            ("{}", "expected a time, found `an array or object`"),
        ] {
            assert_eq!(check(json), expected, "{json}");
        }
    }

    #[test]
    fn every_microsecond_survives_a_double() {
        for micros in (1_700_000_000_000_000..1_700_000_001_000_000).step_by(997) {
            let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            assert_eq!(of_float(text.parse().unwrap()), Some(Timestamp(micros)), "{text}");
        }
    }
}
