//! One correlation at work: its groups, and what of them is due to be sent.

use std::collections::VecDeque;

use super::episode::{Episode, identity};
use super::evidence::{Evidence, Recent};
use super::groups::{Group, Groups};
use super::{Limits, Reach, key};
use crate::model::{Detection, DetectionId, Signal, Span, Timestamp, Value};
use crate::rule::{Correlation, Counted};

/// The shortest time between two messages about one detection, in event time.
pub const UPDATE_EVERY: Span = Span::from_secs(1);

/// What a signal meets.
pub struct Place<'a> {
    pub rule: &'a Correlation,
    pub now: Timestamp,
    pub lateness: Span,
    pub limits: &'a Limits,
}

impl Place<'_> {
    pub fn reach(&self) -> Reach {
        Reach { span: self.rule.timespan, keep: self.now - self.lateness - self.rule.timespan }
    }
}

/// A look at a detection that grows.
#[derive(Debug)]
struct Due {
    at: Timestamp,
    slot: u32,
    birth: u64,
    id: DetectionId,
}

/// The state of one correlation.
#[derive(Debug)]
pub struct Correlator {
    pub groups: Groups,
    /// In time order, since each is set at now and a second.
    due: VecDeque<Due>,
    key: Vec<u8>,
    buffer: String,
    /// What the window counted when the signal was put in, and the newest signal before it.
    entered: (u64, Option<Timestamp>),
}

impl Correlator {
    pub fn new(number: usize, seed: u64) -> Self {
        // A seed of its own, so that groups of two correlations do not collide together.
        let seed = seed.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Correlator {
            groups: Groups::new(seed),
            due: VecDeque::new(),
            key: Vec::new(),
            buffer: String::new(),
            entered: (0, None),
        }
    }

    /// Puts a signal into its group's window. `None` if it lacks a field.
    pub fn enter(&mut self, place: &Place, signal: &Signal, line: &mut dyn FnMut() -> u64) -> Option<u32> {
        if !key::write(&place.rule.group_by, signal, &mut self.key, &mut self.buffer) {
            return None;
        }
        let value = match &place.rule.counted {
            Counted::Events => 0,
            Counted::Values(field) => {
                let text = key::value(field, signal, &mut self.buffer)?;
                self.groups.hash(text.as_bytes())
            }
        };
        let slot = self.groups.enter(&self.key, &place.rule.counted, place.now);
        let group = self.groups.get_mut(slot)?;
        group.recent.push(line());
        if let (Some(source), Some(true)) = (signal.common.source_ip, signal.common.proven) {
            group.proven = Some((source, signal.at));
        }
        let newest = group.window.newest();
        let weight = u64::from(signal.weight);
        let count = self.groups.insert(slot, signal.at, weight, value, &place.reach(), place.limits);
        self.entered = (count, newest);
        Some(slot)
    }

    /// Decides what the signal that was just put in means for its group.
    pub fn judge(
        &mut self,
        place: &Place,
        slot: u32,
        signal: &Signal,
        evidence: &Evidence,
        out: &mut Vec<Detection>,
    ) {
        let (count, newest) = self.entered;
        let rule = place.rule;
        let Some(group) = self.groups.get_mut(slot) else { return };
        let late = newest.is_some_and(|newest| signal.at < newest);
        if late {
            judge_late(group, place, signal, count);
        } else {
            let alone = newest.is_some_and(|newest| newest + rule.timespan < signal.at);
            if alone || !rule.bounds.hold(count) {
                close(group, rule, evidence, out);
            }
            if rule.bounds.hold(count) {
                let since = group.window.since().unwrap_or(signal.at);
                match &mut group.episode {
                    Some(episode) => episode.grow(grown(rule, episode.count, count, signal), signal),
                    None => group.episode = Some(begin(rule, group, since, signal.at, count, signal)),
                }
            }
        }
        for episode in [&mut group.past, &mut group.episode].into_iter().flatten() {
            if episode.grew() && !episode.scheduled {
                out.push(detection(rule, &group.key, &group.recent, episode, evidence));
                episode.scheduled = true;
                let at = place.now + UPDATE_EVERY;
                self.due.push_back(Due { at, slot, birth: group.birth, id: episode.id });
            }
        }
    }

    /// Gives up groups that are spent or too many; what they hold back is sent.
    pub fn retire(&mut self, place: &Place, evidence: &Evidence, out: &mut Vec<Detection>) {
        while let Some(mut group) = self.groups.retire(place.reach().keep, place.limits) {
            close(&mut group, place.rule, evidence, out);
            close(&mut group, place.rule, evidence, out);
        }
    }

    /// When [`Correlator::settle`] has something to look at.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.front().map(|due| due.at)
    }

    /// Sends what grew and was held back until now.
    pub fn settle(
        &mut self,
        now: Timestamp,
        rule: &Correlation,
        evidence: &Evidence,
        out: &mut Vec<Detection>,
    ) {
        while self.due.front().is_some_and(|due| due.at <= now) {
            let Some(due) = self.due.pop_front() else { return };
            let Some(group) = self.groups.get_mut(due.slot).filter(|group| group.birth == due.birth) else {
                continue;
            };
            let both = [&mut group.past, &mut group.episode].into_iter().flatten();
            for episode in both.filter(|episode| episode.id == due.id) {
                episode.scheduled = episode.grew();
                if episode.scheduled {
                    out.push(detection(rule, &group.key, &group.recent, episode, evidence));
                    let at = now + UPDATE_EVERY;
                    self.due.push_back(Due { at, ..due });
                }
            }
        }
    }
}

/// A signal that is older than the newest of its group: it may fill a window that lies back.
fn judge_late(group: &mut Group, place: &Place, signal: &Signal, count: u64) {
    let rule = place.rule;
    let reach = place.reach();
    for episode in [&mut group.episode, &mut group.past].into_iter().flatten() {
        if episode.spans(signal.at) {
            let count = if rule.bounds.hold(count) { count } else { 0 };
            return episode.grow(grown(rule, episode.count, count, signal), signal);
        }
    }
    let (fullest, since, until) = group.window.fullest_around(signal.at, rule.bounds.min, &reach);
    if !rule.bounds.hold(fullest) {
        return;
    }
    for episode in [&mut group.episode, &mut group.past].into_iter().flatten() {
        // The window runs into one that was reported: it is the same finding.
        if since <= episode.until && episode.since <= until {
            return episode.grow(grown(rule, episode.count, fullest, signal), signal);
        }
    }
    let newest = group.window.newest();
    let found = begin(rule, group, since, until, fullest, signal);
    match (&group.episode, newest == Some(until)) {
        (None, true) => group.episode = Some(found),
        _ => group.past = Some(found),
    }
}

/// The count of an episode with one more signal: events add up, of values the most in one window count.
fn grown(rule: &Correlation, before: u64, count: u64, signal: &Signal) -> u64 {
    match rule.counted {
        Counted::Events => before.saturating_add(signal.weight.into()),
        Counted::Values(_) => before.max(count),
    }
}

fn begin(
    rule: &Correlation,
    group: &Group,
    since: Timestamp,
    until: Timestamp,
    count: u64,
    signal: &Signal,
) -> Box<Episode> {
    let id = identity(&[rule.head.id.as_bytes(), &group.key, &since.0.to_le_bytes()]);
    let mut episode = Episode::new(id, since, until, count, signal);
    // One signal of the window that was proven is enough: whoever answers there is who sends.
    if group.has_proven(signal.common.source_ip, since) {
        episode.proven = Some(true);
    }
    Box::new(episode)
}

/// The detection of a group has ended: what is held back is sent.
fn close(group: &mut Group, rule: &Correlation, evidence: &Evidence, out: &mut Vec<Detection>) {
    if let Some(ended) = group.episode.take() {
        flush(group, rule, evidence, out);
        group.past = Some(ended);
    } else {
        flush(group, rule, evidence, out);
    }
}

fn flush(group: &mut Group, rule: &Correlation, evidence: &Evidence, out: &mut Vec<Detection>) {
    if let Some(past) = group.past.as_mut().filter(|past| past.grew()) {
        out.push(detection(rule, &group.key, &group.recent, past, evidence));
    }
}

/// What is sent.
fn detection(
    rule: &Correlation,
    key: &[u8],
    recent: &Recent,
    episode: &mut Episode,
    evidence: &Evidence,
) -> Detection {
    episode.sent = episode.count;
    let mut fields = episode.common.to_map();
    for (field, value) in rule.group_by.iter().zip(key::values(key)) {
        // A common field keeps its type; a field of the record is text here.
        fields.entry(field.name().to_string()).or_insert_with(|| Value::from(value));
    }
    fields.insert("count".to_string(), episode.count.into());
    if let Some(proven) = episode.proven {
        fields.insert("proven".to_string(), proven.into());
    }
    Detection {
        id: episode.id,
        rule: rule.head.clone(),
        at: episode.at,
        since: episode.since,
        key: key::shown(key, &episode.common, &rule.head.name).into(),
        count: episode.count,
        fields,
        evidence: evidence.of(recent),
    }
}
