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
    of_usual(text.as_bytes(), tz).or_else(|| of_any(text, tz))
}

/// `2026-03-14T10:00:00.123456Z`, also with a blank for the `T`, other digits behind the point, an offset,
/// or no zone, if that is UTC. `None`: it may or may not be a time.
fn of_usual(text: &[u8], tz: &TimeZone) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)?.iter().try_fold(0, |sum: i64, byte| match byte {
            b'0'..=b'9' => Some(sum * 10 + i64::from(byte - b'0')),
            _ => None,
        })
    };
    let is = |at: usize, wanted: u8| text.get(at) == Some(&wanted);
    if !(is(4, b'-') && is(7, b'-') && is(13, b':') && is(16, b':') && (is(10, b'T') || is(10, b' '))) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    // A day from either end of what can be told, no offset leads beyond it.
    let within = (1971..9999).contains(&year) && (1..=days).contains(&day);
    if !within || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (mut at, mut micros) = (19, 0);
    if is(at, b'.') {
        let digits = text.get(20..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let kept = digits.min(6);
        micros = number(20..20 + kept)? * 10_i64.pow(6 - kept as u32);
        at = 20 + digits;
    }
    let east = match text.get(at..)? {
        b"Z" => 0,
        b"" if *tz == TimeZone::UTC => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, minutes) = match rest {
                [_, _, b':', _, _] => (number(at + 1..at + 3)?, number(at + 4..at + 6)?),
                [_, _, _, _] => (number(at + 1..at + 3)?, number(at + 3..at + 5)?),
                _ => return None,
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3_600 + minutes * 60;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    let seconds = (days_since_1970(year, month, day) * 24 + hour) * 3_600 + minute * 60 + second - east;
    Some(Timestamp(seconds * 1_000_000 + micros))
}

/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>, for years of our era.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn of_any(text: &str, tz: &TimeZone) -> Option<Timestamp> {
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
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

        #[test]
        fn usual_times_are_read_as_any_others(
            text in "(0000|19[67][0-9]|20[0-9][0-9]|1900|9998|9999)-[01][0-9]-[0-3][0-9][T t][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|z|[+-][0-2][0-9]:?[0-6][0-9](:00)?)?"
        ) {
            if let Some(usual) = of_usual(text.as_bytes(), &TimeZone::UTC) {
                prop_assert_eq!(Some(usual), of_any(&text, &TimeZone::UTC), "{}", text);
            }
        }
    }

    #[test]
    fn the_usual_is_read_quickly() {
        for text in [
            "2026-03-14T10:00:00Z",
            "2024-02-29 23:59:59.123456789",
            "1999-12-31T00:00:00.5+0530",
            "2000-02-29T00:00:00-06:00",
        ] {
            let usual = of_usual(text.as_bytes(), &TimeZone::UTC);
            assert!(usual.is_some() && usual == of_any(text, &TimeZone::UTC), "{text}");
        }
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(of_usual(b"2026-03-14T10:00:00", &berlin), None);
    }

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
