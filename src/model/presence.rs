//! What was found when somebody asked whether an effect is there.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SafeText;

/// Whether the effect of an action is in force, as its probe says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is there.
    Present,
    /// It is not.
    Absent,
    /// Nobody can say, and why.
    Unknown(String),
}

impl Presence {
    /// Its word in files and in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Presence::Present => "present",
            Presence::Absent => "absent",
            Presence::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Presence::Present | Presence::Absent => f.write_str(self.name()),
            Presence::Unknown(why) => write!(f, "not known: {}", SafeText(why)),
        }
    }
}
