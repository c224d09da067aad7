//! What a rule found.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DetectionId, Map, Severity, Timestamp};

/// The part of a rule that travels with each detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHead {
    /// The rule's Sigma id (a UUID), or its name where it has none.
    pub id: Arc<str>,
    /// The short name that triggers use, for example `port-scan`.
    pub name: Arc<str>,
    /// One line for people.
    pub title: Arc<str>,
    /// How bad a match is.
    pub level: Severity,
    /// Tags such as `attack.discovery`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// Who wrote the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Arc<str>>,
}

/// A finding, with the evidence that it carries. A correlation sends the same id again as its
/// window fills: the last one counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Function of rule, group and window start.
    pub id: DetectionId,
    /// The rule that matched.
    pub rule: Arc<RuleHead>,
    /// Event time of the signal that completed it.
    pub at: Timestamp,
    /// Event time of the first signal in its window.
    pub since: Timestamp,
    /// What it is about, as text: the values of the group-by fields joined by a space, else the source address.
    pub key: Arc<str>,
    /// Signals (or distinct values, for `value_count`) seen in the window.
    pub count: u64,
    /// Fields for templates and conditions: common fields of the last signal and the group's own.
    pub fields: Map,
    /// Up to five raw records that led to it, the newest last, sanitised when shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Arc<str>>,
}
