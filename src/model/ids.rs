//! Identifiers: `Copy` newtypes that are short, sayable and selectable with a double click.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Position of a record in its journal; the first is 1.
pub type Seq = u64;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    prefix: &'static str,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected an id such as `{}-42`", self.prefix)
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // `pad` lets tables align ids.
                if f.width().is_some() { return f.pad(&format!(concat!($prefix, "-{}"), self.0)); }
                f.write_str(concat!($prefix, "-"))?;
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let digits = text.strip_prefix(concat!($prefix, "-")).unwrap_or(text);
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| digits.parse().ok()).flatten().map($name).ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, concat!("an id such as \"", $prefix, "-42\""))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

id!(
    /// One execution of a workflow.
    RunId, "run"
);
id!(
    /// One case.
    IncidentId, "inc"
);
id!(
    /// One effect on the world that is owed an undo, or an end: an entry of the ledger.
    ObligationId, "ob"
);
id!(
    /// One thing that a person asked; given by the asking side, echoed in the answer.
    RequestId, "req"
);

/// Index of a step in the plan of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepIx(pub u16);

impl StepIx {
    /// The index as the type that slices take.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// An agent of this journal, in the order in which agents joined; its name is in `AgentJoined`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(pub u32);

impl AgentId {
    /// The index as the type that slices take.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0; 2 * $len];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = DIGITS[usize::from(byte >> 4)];
                    pair[1] = DIGITS[usize::from(byte & 15)];
                }
                f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                const WHY: &str = concat!("expected ", stringify!($len), " bytes in hexadecimal");
                if text.len() != 2 * $len || !text.is_ascii() {
                    return Err(WHY);
                }
                let mut bytes = [0; $len];
                for (i, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| WHY)?;
                }
                Ok($name(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

hex_bytes!(
    /// SHA-256 of a text: of a workflow, a setup, a stream of records.
    Digest, 32
);
hex_bytes!(
    /// Identity of a detection: a function of rule, group and window start, so that the same
    /// finding after a restart has the same id (C5).
    DetectionId, 8
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_and_read_back() {
        assert_eq!(RunId(42).to_string(), "run-42");
        assert_eq!("run-42".parse(), Ok(RunId(42)));
        assert_eq!("42".parse(), Ok(RunId(42)));
        for bad in ["", "run-", "run-+4", "inc-4", "run-99999999999999999999"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
        assert_eq!(format!("{:>8}|", IncidentId(7)), "   inc-7|");
        assert_eq!(serde_json::to_string(&RunId(3)).unwrap(), "\"run-3\"");
        assert_eq!(serde_json::from_str::<RunId>("\"run-3\"").unwrap(), RunId(3));
    }

    #[test]
    fn digests_are_hexadecimal() {
        let id = DetectionId([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(id.to_string(), "00010203040506ff");
        assert_eq!("00010203040506ff".parse(), Ok(id));
        assert!("00010203040506f".parse::<DetectionId>().is_err());
        assert!("é00000000000000".parse::<DetectionId>().is_err());
    }
}
