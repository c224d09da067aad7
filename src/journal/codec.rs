//! How a record is stored: a codec tag beside the row, and the body.
//!
//! Codec 1 is JSON, `{"seq":…,"at":…,"event":{"kind":{…}}}`: readable with any tool, and external
//! tagging decodes in half the time that internal tagging or `flatten` take.

use crate::engine::Record;
use crate::model::Seq;

use super::JournalError;

/// The tag of the codec that is written.
pub const JSON: i64 = 1;

/// Appends the body of a record to `out`.
///
/// # Errors
/// Never for records of this program; an event that has no JSON form would be named.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), JournalError> {
    serde_json::to_writer(out, record)
        .map_err(|error| JournalError::Disk { doing: "encode a record for", why: error.to_string() })
}

/// The record of a row.
///
/// # Errors
/// Names the record, and says what is wrong with it.
pub fn decode(seq: Seq, codec: i64, body: &[u8]) -> Result<Record, JournalError> {
    let damaged = |why: String| JournalError::Damaged { seq, why };
    if codec != JSON {
        return Err(damaged(format!("its codec is {codec}, this release reads {JSON}")));
    }
    let record: Record = serde_json::from_slice(body).map_err(|error| damaged(error.to_string()))?;
    if record.seq != seq {
        return Err(damaged(format!("its body says that it is record {}", record.seq)));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::JournalKind;
    use crate::journal::tests::opened;

    fn body() -> Vec<u8> {
        let mut body = Vec::new();
        encode(&opened(JournalKind::Exercise), &mut body).unwrap();
        body
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let text =
            r#"{"seq":1,"at":7,"event":{"journal_opened":{"kind":"exercise","version":"0.0.0","seed":1}}}"#;
        assert_eq!(String::from_utf8(body()).unwrap(), text);
        assert_eq!(decode(1, JSON, &body()).unwrap(), opened(JournalKind::Exercise));
    }

    #[test]
    fn damage_names_the_record() {
        let cut = &body()[..20];
        let unknown = br#"{"seq":1,"at":7,"event":{"launched":{}}}"#;
        for (seq, codec, bytes, expected) in [
            (1, JSON, cut, "record 1: EOF while parsing"),
            (2, JSON, &body()[..], "record 2: its body says that it is record 1"),
            (1, 9, &body()[..], "record 1: its codec is 9"),
            (1, JSON, &unknown[..], "record 1: unknown variant `launched`"),
        ] {
            let error = decode(seq, codec, bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
