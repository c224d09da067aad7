//! Correlations of correlations: what a signal feeds, in which order, and what of it must be
//! remembered over a restart.
//!
//! A correlation feeds another one with the signal that took it over its threshold. One that counts
//! rules or values is fed for as long as the detection goes on, since the same rule counts once; one
//! that counts events or sums up is fed once for each detection.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bound::short;
use super::correlate::{Judged, Place};
use super::key;
use crate::model::{Scalar, Signal, Timestamp};
use crate::rule::{Anomaly, Correlation, Counted, Feed, FieldName, RuleSet};

/// Brings feeds into the order in which they are taken: by correlation; within one from the last
/// position to the first, so that one signal is never two steps of a sequence.
pub fn order(fed: &mut Vec<Feed>) {
    fed.sort_unstable_by_key(|feed| (feed.correlation, std::cmp::Reverse(feed.position)));
    fed.dedup();
}

/// Adds feeds of correlations that come later, among those from `next` on.
pub fn add(fed: &mut Vec<Feed>, next: usize, feeding: Vec<Feed>) {
    if feeding.is_empty() {
        return;
    }
    let mut rest = fed.split_off(next.min(fed.len()));
    rest.extend(feeding);
    order(&mut rest);
    fed.append(&mut rest);
}

/// What a correlation feeds after a signal was judged.
pub fn feeds(rules: &RuleSet, rule: &Correlation, judged: Judged, feeding: &mut Vec<Feed>) {
    for feed in &rule.feeds {
        let counted = rules.correlations().get(feed.correlation).map(|target| &target.counted);
        let goes = match judged {
            Judged::Nothing => false,
            Judged::Began => true,
            Judged::WentOn => {
                matches!(counted, Some(Counted::Rules(_) | Counted::Sequence | Counted::Values(_)))
            }
        };
        if goes {
            feeding.push(*feed);
        }
    }
}

/// Something that one correlation fed to another. The windows are rebuilt after a restart from signals
/// that are read again; these are not signals, so they are kept, without their lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The id of the correlation that was fed.
    pub rule: Arc<str>,
    /// Which of its rules this was.
    pub position: usize,
    /// The values of its group-by fields.
    pub key: Vec<String>,
    /// The time of the signal.
    pub at: Timestamp,
    /// What it weighed.
    pub weight: u64,
    /// The values that are counted, as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value: Vec<String>,
    /// The value that is summed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
}

/// The links that still matter to a window, oldest first, each with when it no longer does.
#[derive(Debug, Default)]
pub struct Chain {
    links: VecDeque<(Timestamp, Link)>,
    /// Links that were given up for room.
    pub given_up: u64,
}

impl Chain {
    /// Keeps what was fed.
    pub fn keep(&mut self, place: &Place, position: usize, key: &[u8], signal: &Signal) {
        let rule = place.rule;
        let mut buffer = String::new();
        let mut text =
            |field: &FieldName| field.first(signal).map(|value| short(value.text(&mut buffer)).into_owned());
        let (value, number) = match &rule.counted {
            Counted::Values(fields) => (fields.iter().filter_map(&mut text).collect(), None),
            Counted::Sum(field) | Counted::Average(field) | Counted::Percentile(field, _) => {
                (Vec::new(), field.first(signal).and_then(Scalar::number))
            }
            Counted::Anomaly(Anomaly { field: Some(field), .. }) => {
                (Vec::new(), field.first(signal).and_then(Scalar::number))
            }
            Counted::Events | Counted::Rules(_) | Counted::Sequence | Counted::Anomaly(_) => {
                (Vec::new(), None)
            }
        };
        self.push(
            place,
            Link {
                rule: rule.head.id.clone(),
                position,
                key: key::values(key).into_iter().map(str::to_owned).collect(),
                at: signal.at,
                weight: signal.weight.into(),
                value,
                number,
            },
        );
    }

    /// Keeps a link; those that matter no more go, and over the limit the oldest.
    pub fn push(&mut self, place: &Place, link: Link) {
        self.links.push_back((link.at + place.rule.timespan + place.lateness, link));
        while let Some((until, _)) = self.links.front() {
            let over = self.links.len() > place.limits.links;
            if *until >= place.now && !over {
                break;
            }
            self.given_up += u64::from(*until >= place.now);
            self.links.pop_front();
        }
    }

    /// Forgets what was fed to other correlations than those of these ids.
    pub fn keep_those_of(&mut self, rules: &[&str]) {
        self.links.retain(|(_, link)| rules.contains(&&*link.rule));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Every link.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().map(|(_, link)| link)
    }
}
