//! What is kept of long values: lines have up to 16 MiB, and what is found in them goes to windows, to the
//! journal and to every screen. Rules see all of a value.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::episode::identity;
use crate::model::{Common, Document, LogSource, Map, Scalar, Value};

/// The longest value that is kept whole, in bytes. Of a longer one its beginning and a hash of all of it are
/// kept, so that two of them stay two.
pub const VALUE_BYTES: usize = 4 * 1024;
/// Fields of a ready-made threat that are kept, the first ones, and what their values may take in bytes.
pub const FIELDS: usize = 256;
/// See [`FIELDS`].
pub const FIELD_BYTES: usize = 64 * 1024;
/// The longest texts of a log source that is remembered, in bytes.
const ORIGIN_BYTES: usize = 1024;

/// A value as it is kept.
pub fn short(text: &str) -> Cow<'_, str> {
    const HASH: usize = 16;
    const MARK: &str = "…";
    if text.len() <= VALUE_BYTES {
        return Cow::Borrowed(text);
    }
    let mut end = VALUE_BYTES - MARK.len() - HASH;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = format!("{}{MARK}", text.get(..end).unwrap_or_default());
    for byte in identity(&[text.as_bytes()]).0 {
        // Writing to a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    Cow::Owned(short)
}

/// Common fields as they are kept.
pub fn common(common: &Common) -> Common {
    let mut kept = common.clone();
    shorten(&mut kept);
    kept
}

/// The same in place.
pub fn shorten(common: &mut Common) {
    let Common { user, host, process, service, outcome, .. } = common;
    for text in [user, host, process, service, outcome].into_iter().flatten() {
        if let Cow::Owned(short) = short(text) {
            *text = short.into();
        }
    }
}

/// The plain fields of a record as they are kept.
pub fn fields(document: &Document) -> Map {
    let (mut kept, mut bytes) = (Map::new(), 0);
    let scalars = document.fields().filter_map(|(key, field)| Some((key, field.scalar()?)));
    for (key, scalar) in scalars.filter(|(key, _)| key.len() <= VALUE_BYTES) {
        let value = match scalar {
            Scalar::Text(text) => Value::from(short(text)),
            other => Value::from(other),
        };
        bytes += key.len() + value.as_str().map_or(size_of::<u64>(), str::len);
        if bytes > FIELD_BYTES || kept.len() >= FIELDS {
            break;
        }
        kept.insert(key.to_owned(), value);
    }
    kept
}

/// Whether what is known of a log source is remembered: its texts are short, as those of real ones are.
pub fn is_memorable(origin: &LogSource) -> bool {
    let LogSource { product, service, also, category } = origin;
    [product, service, also, category].iter().map(|text| text.len()).sum::<usize>() <= ORIGIN_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detector, LATENESS};
    use crate::model::{Severity, Signal, Threat, Timestamp};
    use std::sync::Arc;

    #[test]
    fn long_values_are_short_and_stay_different() {
        let whole = "é".repeat(VALUE_BYTES / 2);
        assert!(matches!(short(&whole), Cow::Borrowed(_)));
        let (one, other) = (format!("{whole}a"), format!("{whole}b"));
        assert_ne!(short(&one), short(&other));
        assert_eq!(short(&one), short(&one.clone()));
        assert!(short(&one).len() <= VALUE_BYTES && short(&one).starts_with("éé"));
        assert_eq!(short(&short(&one)), short(&one), "what is kept is kept as it is");
    }

    #[test]
    fn a_threat_keeps_its_first_fields() {
        let many: String = (0..1_000).map(|n| format!(r#","f{n}":{n}"#)).collect();
        let long: String = (0..40).map(|n| format!(r#","f{n}":"{}""#, "x".repeat(9_000))).collect();
        for (fields, most) in [(many, FIELDS), (long, FIELD_BYTES / VALUE_BYTES)] {
            let line = format!(r#"{{"source_ip":"192.0.2.1"{fields}}}"#);
            let document = Document::parse(line.into()).unwrap();
            let kept = super::fields(&document);
            assert!(kept.len() <= most && kept.len() >= most - 1, "{}", kept.len());
            assert_eq!(kept.get("source_ip"), Some(&"192.0.2.1".into()));
            assert!(serde_json::to_string(&kept).unwrap().len() < 2 * FIELD_BYTES);
        }
    }

    #[test]
    fn what_is_found_in_a_long_line_is_short() {
        let rules = crate::rule::load(&[("r.yml".to_owned(), RULES.to_owned())]).unwrap();
        let mut detector = Detector::new(Arc::new(rules), LATENESS, 1);
        let mut found = Vec::new();
        for n in 0..4 {
            let (long, whose) = ("x".repeat(900_000), n % 2);
            let line = format!(r#"{{"time":{n},"long":"{long}"}}"#);
            let user = Some(format!("{long}{whose}").into());
            let signal = Signal {
                at: Timestamp::from_secs(n),
                weight: 1,
                origin: LogSource { product: long.into(), ..LogSource::default() },
                common: Common { user, ..Common::default() },
                document: Document::parse(line.into()).unwrap(),
                threat: Some(Threat { name: "t".into(), level: Severity::High }),
            };
            detector.observe(&signal, &mut found);
        }
        // Each is a threat, and each user is a group of two.
        assert_eq!(found.len(), 6);
        for detection in &found {
            let bytes = serde_json::to_string(detection).unwrap().len();
            assert!(bytes < 2 * FIELD_BYTES, "{bytes}");
        }
        let groups = found.iter().filter(|detection| &*detection.rule.name == "twice").map(|d| &d.key);
        let groups: Vec<_> = groups.collect();
        assert!(groups.len() == 2 && groups[0] != groups[1]);
    }

    const RULES: &str = "
title: Once
id: 00000000-0000-4000-8000-000000000001
name: once
level: low
detection:
  it: { user|startswith: x }
  condition: it
---
title: Twice
id: 00000000-0000-4000-8000-000000000002
name: twice
level: high
correlation:
  type: event_count
  rules: [once]
  group-by: [user]
  timespan: 10s
  condition: { gte: 2 }
";
}
