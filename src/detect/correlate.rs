//! One correlation at work: its groups, and what of them is due to be sent.

use std::collections::VecDeque;
use std::sync::Arc;

use super::baseline::Usual;
use super::chain::Link;
use super::episode::{Episode, identity};
use super::evidence::{Evidence, Recent};
use super::groups::{Group, Groups, Item, Reading, Window};
use super::{Limits, Reach, key, numbers};
use crate::model::{Detection, DetectionId, Signal, Span, Timestamp, Value};
use crate::rule::indicator::Hit;
use crate::rule::{Anomaly, Correlation, Counted, FieldName};

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
        Reach { span: self.rule.timespan, keep: self.now - self.lateness - self.rule.retention() }
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

/// A signal that was put into the window of its group.
#[derive(Debug, Clone, Copy)]
pub struct Entered {
    slot: u32,
    reading: Reading,
    /// The newest signal of the group before it.
    newest: Option<Timestamp>,
}

/// What a signal did to the detection of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The group is below its threshold.
    Nothing,
    /// A detection has begun.
    Began,
    /// A detection has gone on.
    WentOn,
}

/// The state of one correlation.
#[derive(Debug)]
pub struct Correlator {
    pub groups: Groups,
    /// In time order, since each is set at now and a second.
    due: VecDeque<Due>,
    /// The key that was written last.
    key: Vec<u8>,
    bytes: Vec<u8>,
    buffer: String,
}

impl Correlator {
    pub fn new(number: usize, seed: u64) -> Self {
        // A seed of its own, so that groups of two correlations do not collide together.
        let seed = seed.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Correlator {
            groups: Groups::new(seed),
            due: VecDeque::new(),
            key: Vec::new(),
            bytes: Vec::new(),
            buffer: String::new(),
        }
    }

    /// The key that was written last.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Writes the key of the group of a signal that matched the rule at a position. False if it lacks a
    /// field.
    pub fn write_key(&mut self, rule: &Correlation, position: usize, signal: &Signal) -> bool {
        let keys = rule.keys.get(position);
        keys.is_some_and(|keys| key::write(keys, signal, &mut self.key, &mut self.buffer))
    }

    /// Puts that signal into the window of its group. `None` if it lacks the value that counts.
    pub fn enter(
        &mut self,
        place: &Place,
        position: usize,
        signal: &Signal,
        line: &mut dyn FnMut() -> u64,
    ) -> Option<Entered> {
        let item = self.item(place.rule, position, signal)?;
        let slot = self.groups.enter(&self.key, place.rule, place.now);
        let group = self.groups.get_mut(slot)?;
        group.recent.push(line());
        if let (Some(source), Some(true)) = (signal.common.source_ip, signal.common.proven) {
            group.proven = Some((source, signal.at));
        }
        let newest = group.window.newest();
        let reading = self.groups.insert(slot, signal.at, &item, place);
        Some(Entered { slot, reading, newest })
    }

    /// Puts what another correlation fed before a restart into its window.
    pub fn enter_link(&mut self, place: &Place, link: &Link) {
        let values = match link.value.as_slice() {
            [value] => value.as_bytes().to_vec(),
            values => key::of_values(values),
        };
        let value = match place.rule.counted {
            Counted::Values(_) => self.groups.hash(&values),
            _ => link.position as u64,
        };
        let number = numbers::millionths(link.number.unwrap_or_default());
        let item = Item { weight: link.weight, value, number };
        let slot = self.groups.enter(&key::of_values(&link.key), place.rule, link.at);
        self.groups.insert(slot, link.at, &item, place);
    }

    /// What the signal brings into the window.
    fn item(&mut self, rule: &Correlation, position: usize, signal: &Signal) -> Option<Item> {
        let item = Item { weight: signal.weight.into(), ..Item::default() };
        let number = |field: &FieldName| field.first(signal)?.number();
        Some(match &rule.counted {
            Counted::Events => item,
            Counted::Values(fields) => {
                if !key::value(fields, signal, &mut self.bytes, &mut self.buffer) {
                    return None;
                }
                Item { value: self.groups.hash(&self.bytes), ..item }
            }
            Counted::Rules(_) | Counted::Sequence => Item { value: position as u64, ..item },
            Counted::Anomaly(Anomaly { field: None, .. }) => item,
            Counted::Sum(field)
            | Counted::Average(field)
            | Counted::Percentile(field, _)
            | Counted::Anomaly(Anomaly { field: Some(field), .. }) => {
                Item { number: numbers::millionths(number(field)?), ..item }
            }
        })
    }

    /// Keeps on which entry of a list the signal is that was just put in, if it is on one.
    pub fn note_hit(&mut self, entered: Entered, hit: &Option<Arc<Hit>>) {
        if let (Some(group), Some(hit)) = (self.groups.get_mut(entered.slot), hit) {
            group.hit = Some(Arc::clone(hit));
        }
    }

    /// Decides what the signal that was just put in means for its group.
    pub fn judge(
        &mut self,
        place: &Place,
        entered: Entered,
        signal: &Signal,
        evidence: &Evidence,
        out: &mut Vec<Detection>,
    ) -> Judged {
        let Entered { slot, reading, newest } = entered;
        let rule = place.rule;
        let Some(group) = self.groups.get_mut(slot) else { return Judged::Nothing };
        let late = newest.is_some_and(|newest| signal.at < newest);
        let judged = if late {
            judge_late(group, place, signal, reading, evidence, out)
        } else {
            let alone = newest.is_some_and(|newest| newest + rule.timespan < signal.at);
            let holds = rule.bounds.hold(reading.measure);
            if alone || !holds {
                close(group, rule, evidence, out);
            }
            match &mut group.episode {
                _ if !holds => Judged::Nothing,
                Some(episode) => {
                    episode.value = value(rule, reading);
                    episode.grow(grown(rule, episode.count, reading.count, signal), signal);
                    Judged::WentOn
                }
                None => {
                    let since = group.window.since(&place.reach()).unwrap_or(signal.at);
                    group.episode = Some(begin(rule, group, since, signal.at, reading, signal));
                    Judged::Began
                }
            }
        };
        if let (Window::Baseline(baseline), Some(episode)) = (&group.window, &mut group.episode) {
            episode.usual = baseline.usual().or(episode.usual);
        }
        for episode in [&mut group.past, &mut group.episode].into_iter().flatten() {
            if episode.grew() && !episode.scheduled {
                send(rule, (&group.key, &group.hit), &group.recent, episode, evidence, out);
                episode.scheduled = true;
                let at = place.now + UPDATE_EVERY;
                self.due.push_back(Due { at, slot, birth: group.birth, id: episode.id });
            }
        }
        judged
    }

    /// Gives up groups that are spent or too many; what they hold back is sent.
    pub fn retire(&mut self, place: &Place, evidence: &Evidence, out: &mut Vec<Detection>) {
        while let Some(mut group) = self.groups.retire(place.reach().keep, place.limits) {
            close(&mut group, place.rule, evidence, out);
            close(&mut group, place.rule, evidence, out);
        }
    }

    /// Groups that have grown, and are to be sent.
    pub fn due(&self) -> usize {
        self.due.len()
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
                    send(rule, (&group.key, &group.hit), &group.recent, episode, evidence, out);
                    let at = now + UPDATE_EVERY;
                    self.due.push_back(Due { at, ..due });
                }
            }
        }
    }
}

/// A signal that is older than the newest of its group: it may fill a window that lies back.
fn judge_late(
    group: &mut Group,
    place: &Place,
    signal: &Signal,
    reading: Reading,
    evidence: &Evidence,
    out: &mut Vec<Detection>,
) -> Judged {
    let rule = place.rule;
    let reach = place.reach();
    for episode in [&mut group.episode, &mut group.past].into_iter().flatten() {
        if episode.spans(signal.at) {
            let count = if rule.bounds.hold(reading.measure) { reading.count } else { 0 };
            episode.grow(grown(rule, episode.count, count, signal), signal);
            return Judged::WentOn;
        }
    }
    let (fullest, since, until) = group.window.fullest_around(signal.at, rule, &reach);
    if fullest.count == 0 || !rule.bounds.hold(fullest.measure) {
        return Judged::Nothing;
    }
    for episode in [&mut group.episode, &mut group.past].into_iter().flatten() {
        // The window runs into one that was reported: it is the same finding.
        if since <= episode.until && episode.since <= until {
            episode.grow(grown(rule, episode.count, fullest.count, signal), signal);
            return Judged::WentOn;
        }
    }
    let newest = group.window.newest();
    let found = begin(rule, group, since, until, fullest, signal);
    match (&group.episode, newest == Some(until)) {
        (None, true) => group.episode = Some(found),
        _ => {
            // Nothing is added any more to the one that it takes the place of.
            flush(group, rule, evidence, out);
            group.past = Some(found);
        }
    }
    Judged::Began
}

/// The count of an episode with one more signal: events add up, of values and rules the most in one
/// window count.
fn grown(rule: &Correlation, before: u64, count: u64, signal: &Signal) -> u64 {
    match rule.counted {
        Counted::Values(_) | Counted::Rules(_) | Counted::Sequence => before.max(count),
        Counted::Events
        | Counted::Sum(_)
        | Counted::Average(_)
        | Counted::Percentile(..)
        | Counted::Anomaly(_) => before.saturating_add(signal.weight.into()),
    }
}

/// What a window amounts to, where that is not its count.
fn value(rule: &Correlation, reading: Reading) -> Option<f64> {
    match rule.counted {
        Counted::Sum(_) | Counted::Average(_) | Counted::Percentile(..) | Counted::Anomaly(_) => {
            Some(reading.measure)
        }
        _ => None,
    }
}

fn begin(
    rule: &Correlation,
    group: &Group,
    since: Timestamp,
    until: Timestamp,
    reading: Reading,
    signal: &Signal,
) -> Box<Episode> {
    let id = identity(&[rule.head.id.as_bytes(), &group.key, &since.0.to_le_bytes()]);
    let mut episode = Episode::new(id, since, until, reading.count, signal);
    episode.value = value(rule, reading);
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
        send(rule, (&group.key, &group.hit), &group.recent, past, evidence, out);
    }
}

/// Sends a detection; one that only feeds others is silent.
fn send(
    rule: &Correlation,
    (key, hit): (&[u8], &Option<Arc<Hit>>),
    recent: &Recent,
    episode: &mut Episode,
    evidence: &Evidence,
    out: &mut Vec<Detection>,
) {
    episode.sent = episode.count;
    if !rule.emits {
        return;
    }
    let mut fields = episode.common.to_map();
    for (name, value) in rule.group_by.iter().zip(key::values(key)) {
        // A common field keeps its type; a field of the record is text here.
        fields.entry(name.to_string()).or_insert_with(|| Value::from(value));
    }
    fields.insert("count".to_string(), episode.count.into());
    if let Some(proven) = episode.proven {
        fields.insert("proven".to_string(), proven.into());
    }
    if let Some(value) = episode.value {
        fields.insert("value".to_string(), value.into());
    }
    if let Some(Usual { observed, mean, deviation }) = episode.usual {
        for (name, number) in [("observed", observed), ("usual", mean), ("deviation", deviation)] {
            fields.insert(name.to_string(), number.into());
        }
    }
    hit.iter().for_each(|hit| super::name_entry(&mut fields, hit));
    out.push(Detection {
        id: episode.id,
        rule: rule.head.clone(),
        at: episode.at,
        since: episode.since,
        key: key::shown(key, &episode.common, &rule.head.name).into(),
        count: episode.count,
        fields,
        evidence: evidence.of(recent),
    });
}
