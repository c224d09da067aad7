//! What has to survive a restart beside the windows (C5).
//!
//! Windows are rebuilt: the signals within their reach are read again by [`Detector::prime`], which
//! finds nothing. A detection that was under way may have begun before that reach, so its identity and
//! its count are kept in a [`Checkpoint`]. With both, the detector goes on as if it had never stopped:
//! the same findings, with the same ids and counts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::baseline::{Baseline, Usual};
use super::chain::{self, Link};
use super::correlate::{Correlator, Place};
use super::episode::{Episode, identity};
use super::groups::{Group, Window};
use super::{Detector, key};
use crate::model::{Common, DetectionId, Signal, Span, Timestamp};
use crate::rule::{Correlation, Counted, Feed};

/// The detections of correlations that were under way, and how far time was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The time of the latest signal; `None` before the first.
    pub now: Option<Timestamp>,
    /// The groups that had something, those used longest ago first.
    pub groups: Vec<OpenGroup>,
    /// What correlations fed to others, as far as it still counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// What one group had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenGroup {
    /// The id of its rule.
    pub rule: Arc<str>,
    /// The values of its group-by fields.
    pub key: Vec<String>,
    /// When a signal entered it last.
    pub touched: Timestamp,
    /// The detection that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<OpenEpisode>,
    /// The one before it, which late signals may still fill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<OpenEpisode>,
    /// What is usual for it, of an anomaly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<OpenBaseline>,
}

/// What is usual for a group, and how that was learned: of a rule that learns otherwise it is not taken up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenBaseline {
    /// A hash of what the rule says of it.
    pub of: DetectionId,
    /// What is usual.
    pub learned: Baseline,
}

/// A detection that may go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenEpisode {
    /// Its identity.
    pub id: DetectionId,
    /// Its first signal.
    pub since: Timestamp,
    /// Its newest signal.
    pub until: Timestamp,
    /// What it counted, and sent.
    pub count: u64,
    /// What its window amounted to, if that is not its count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Of an anomaly: what was seen, and what is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
    /// When it grew last.
    pub at: Timestamp,
    /// The fields of the signal that grew it last.
    pub common: Common,
    /// Whether its source was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<bool>,
}

impl From<&Episode> for OpenEpisode {
    fn from(episode: &Episode) -> Self {
        let Episode { id, since, until, count, value, usual, at, common, proven, .. } = episode.clone();
        OpenEpisode { id, since, until, count, value, usual, at, common, proven }
    }
}

impl From<OpenEpisode> for Episode {
    fn from(open: OpenEpisode) -> Self {
        let OpenEpisode { id, since, until, count, value, usual, at, common, proven } = open;
        Episode { id, since, until, count, value, usual, at, common, proven, sent: count, scheduled: false }
    }
}

impl Detector {
    /// What has to be kept. Call [`Detector::finish`] before, so that nothing found is unsent.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut groups: Vec<OpenGroup> = self
            .correlators
            .iter()
            .zip(self.rules.correlations())
            .flat_map(|(correlator, rule)| correlator.groups.iter().filter_map(|group| open(rule, group)))
            .collect();
        groups.sort_by_key(|group| group.touched);
        let now = self.now.max(self.goes_on_at.unwrap_or(Timestamp::MIN));
        let links = self.chain.links().cloned().collect();
        Checkpoint { now: (now > Timestamp::MIN).then_some(now), groups, links }
    }

    /// Takes up what was kept; for a detector that has seen nothing. What belongs to a rule that is
    /// gone is left out. The windows are empty until [`Detector::prime`] has filled them.
    pub fn resume(&mut self, checkpoint: Checkpoint) {
        self.goes_on_at = checkpoint.now;
        for open in checkpoint.groups {
            let mut rules = self.rules.correlations().iter();
            let Some(number) = rules.position(|rule| rule.head.id == open.rule) else { continue };
            let (Some(correlator), Some(rule)) =
                (self.correlators.get_mut(number), self.rules.correlations().get(number))
            else {
                continue;
            };
            if open.key.len() == rule.group_by.len() {
                correlator.resume(rule, open);
            }
        }
        let now = checkpoint.now.unwrap_or(Timestamp::MIN);
        for link in checkpoint.links {
            let mut rules = self.rules.correlations().iter();
            let Some(number) = rules.position(|rule| rule.head.id == link.rule) else { continue };
            let (Some(correlator), Some(rule)) =
                (self.correlators.get_mut(number), self.rules.correlations().get(number))
            else {
                continue;
            };
            if link.key.len() == rule.group_by.len() && rule.chained.contains(&link.position) {
                let place = Place { rule, now, lateness: self.lateness, limits: &self.limits };
                correlator.enter_link(&place, &link);
                self.chain.push(&place, link);
            }
        }
    }

    /// Puts a signal that was looked at before the restart into the windows. It finds nothing.
    pub fn prime(&mut self, signal: &Signal) {
        self.now = self.now.max(signal.at);
        if signal.at + self.lateness < self.now || self.is_own(signal) {
            return;
        }
        let mut found = std::mem::take(&mut self.found);
        self.matcher.find(signal, &mut found);
        let mut fed = std::mem::take(&mut self.fed);
        fed.clear();
        let rules = found.iter().filter_map(|number| self.rules.rules().get(*number as usize));
        fed.extend(rules.flat_map(|rule| &rule.feeds));
        chain::order(&mut fed);
        let mut line = None;
        let mut before: (Option<usize>, Vec<u8>) = (None, Vec::new());
        for Feed { correlation, position } in &fed {
            let (Some(correlator), Some(rule)) =
                (self.correlators.get_mut(*correlation), self.rules.correlations().get(*correlation))
            else {
                continue;
            };
            // What is usual was kept, and knows the signal.
            if matches!(rule.counted, Counted::Anomaly(_))
                || !correlator.write_key(rule, *position, signal)
                || (before.0 == Some(*correlation) && !rule.counts_rules() && before.1 == correlator.key())
            {
                continue;
            }
            before = (Some(*correlation), correlator.key().to_vec());
            let evidence = &mut self.evidence;
            let mut keep = || *line.get_or_insert_with(|| evidence.keep(signal.raw()));
            let place = Place { rule, now: self.now, lateness: self.lateness, limits: &self.limits };
            correlator.prime(&place, *position, signal, &mut keep);
        }
        self.fed = fed;
        self.found = found;
    }

    /// The first signal that was not looked at before: time is where it was.
    pub(super) fn go_on(&mut self) {
        if let Some(now) = self.goes_on_at.take() {
            self.now = self.now.max(now);
        }
    }

    /// Signals older than this matter to no window any more.
    pub fn horizon(&self) -> Timestamp {
        match self.rules.correlations().iter().map(|rule| rule.timespan).max() {
            None => Timestamp(i64::MAX),
            Some(longest) => self.now - self.lateness - longest,
        }
    }

    /// How long the longest window is, lateness included; zero without windows.
    pub fn longest_reach(&self) -> Span {
        let longest = self.rules.correlations().iter().map(|rule| rule.timespan).max();
        longest.map_or(Span::ZERO, |longest| Span(longest.0.saturating_add(self.lateness.0)))
    }
}

fn open(rule: &Correlation, group: &Group) -> Option<OpenGroup> {
    let baseline = match &group.window {
        Window::Baseline(learned) => Some(OpenBaseline { of: learning(rule), learned: learned.clone() }),
        _ => None,
    };
    if group.episode.is_none() && group.past.is_none() && baseline.is_none() {
        return None;
    }
    Some(OpenGroup {
        rule: Arc::clone(&rule.head.id),
        key: key::values(&group.key).into_iter().map(str::to_owned).collect(),
        touched: group.touched(),
        episode: group.episode.as_deref().map(OpenEpisode::from),
        past: group.past.as_deref().map(OpenEpisode::from),
        baseline,
    })
}

/// A hash of what a rule says of learning.
fn learning(rule: &Correlation) -> DetectionId {
    let said = format!("{:?} {:?} {:?}", rule.counted, rule.timespan, rule.bounds);
    identity(&[said.as_bytes()])
}

impl Correlator {
    fn resume(&mut self, rule: &Correlation, open: OpenGroup) {
        let slot = self.groups.enter(&key::of_values(&open.key), rule, open.touched);
        if let Some(group) = self.groups.get_mut(slot) {
            group.episode = open.episode.map(|episode| Box::new(episode.into()));
            group.past = open.past.map(|episode| Box::new(episode.into()));
            let learned = open.baseline.filter(|baseline| baseline.of == learning(rule));
            if let (Window::Baseline(empty), Some(OpenBaseline { learned, .. })) =
                (&mut group.window, learned)
            {
                *empty = learned;
            }
        }
    }

    fn prime(&mut self, place: &Place, position: usize, signal: &Signal, line: &mut dyn FnMut() -> u64) {
        self.enter(place, position, signal, line);
        // Everything that these groups had was sent.
        while self.groups.retire(place.reach().keep, place.limits).is_some() {}
    }
}

#[cfg(test)]
#[path = "resume_tests.rs"]
pub(super) mod tests;
