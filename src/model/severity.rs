//! Severity (how bad a finding is) and priority (how soon work is done): two different scales.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! scale {
    ($(#[$doc:meta])* $name:ident, $what:literal, $($variant:ident = $text:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[allow(missing_docs)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every value, from least to most.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word for it in files, in JSON and on screens.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|s| s.name() == text).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|s| s.name()).collect();
                    format!(concat!("expected a ", $what, ": one of {}"), names.join(", "))
                })
            }
        }
    };
}

scale!(
    /// How bad a finding is: Sigma's `level`.
    Severity, "severity",
    Informational = "informational", Low = "low", Medium = "medium", High = "high", Critical = "critical"
);
scale!(
    /// How soon work is done.
    Priority, "priority", Low = "low", Normal = "normal", High = "high", Urgent = "urgent"
);
