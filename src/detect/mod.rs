//! Signals in, detections out: rules by log source and index, correlations on sliding windows of
//! event time. Pure: the only clock is the signals' own.
//!
//! *Now* is the latest time of any signal so far. A signal up to `lateness` older than that is put
//! into the windows where it belongs; an older one is matched by itself only, and counted as late.
//! A window reaches from `end - timespan` to `end`, both included, where `end` is the time of a
//! signal of its group; a group goes over its threshold as soon as one of its windows does.
//!
//! A group over its threshold is one detection: sent at once, then again with the same id while it
//! grows, at most once a second of event time (and once more by [`Detector::settle`] or
//! [`Detector::finish`], so that the last count is never lost). When a signal finds its group below
//! the threshold, or alone, the detection has ended and the next one has a new id.
//!
//! | limit | default | beyond it |
//! |---|---|---|
//! | [`Limits::groups_per_rule`] | 20,000 | the group without signals for the longest time is given up |
//! | [`Limits::entries_per_rule`] | 400,000 | the same |
//! | [`Limits::entries_per_group`] | 4,096 | events: neighbours are joined; values: the oldest is given up |
//! | [`Limits::routes`] | 1,024 | log sources beyond it are routed anew for each signal, without an index |
//! | [`Limits::links`] | 10,000 | what correlations fed to others is not remembered over a restart, the oldest first |
//! | [`bound::VALUE_BYTES`] | 4 KiB | of a longer value its beginning and a hash are kept |
//! | [`bound::FIELDS`], [`bound::FIELD_BYTES`] | 256, 64 KiB | further fields of a ready-made threat are left out |
//! | [`evidence::TOTAL_BYTES`] | 16 MiB | the oldest lines go; a detection may have fewer than five |
//!
//! What was given up is counted in [`Stats::evicted`].

mod baseline;
pub mod bound;
mod correlate;
mod episode;
mod events;
pub mod evidence;
mod figures;
mod groups;
mod key;
mod chain;
mod lru;
mod matcher;
mod numbers;
mod resume;
mod sequence;
mod succeed;
mod values;

use std::sync::Arc;

pub use baseline::{Baseline, Usual};
pub use chain::Link;
pub use episode::identity;
pub use figures::{Figures, ListFigures, Nanos, RuleFigures, SAMPLED, TOLD};
pub use matcher::{Matcher, Routing};
pub use resume::{Checkpoint, OpenBaseline, OpenEpisode, OpenGroup};

use crate::model::{Detection, Map, RuleHead, Signal, Span, Timestamp};
use crate::rule::indicator::Hit;
use crate::rule::{Feed, RuleSet};
use chain::Chain;
use correlate::Correlator;
use evidence::Evidence;
use figures::Tally;

/// How far out of order signals may come.
pub const LATENESS: Span = Span::from_secs(60);

/// The program that quell is in a log (C36).
pub const OWN_TAG: &str = "quell";

/// Named limits; see the table of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Limits {
    pub groups_per_rule: usize,
    pub entries_per_rule: usize,
    pub entries_per_group: usize,
    pub routes: usize,
    pub links: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            groups_per_rule: 20_000,
            entries_per_rule: 400_000,
            entries_per_group: crate::rule::VALUES_PER_GROUP,
            routes: 1_024,
            links: 10_000,
        }
    }
}

/// Figures for gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Signals observed.
    pub observed: u64,
    /// Signals too old for the windows.
    pub late: u64,
    /// Signals that quell said itself: no rule was asked about them (C36).
    pub own: u64,
    /// Groups and entries given up, or joined, for room.
    pub evicted: u64,
    /// Groups that are kept now.
    pub groups: usize,
    /// Entries of these groups.
    pub entries: usize,
    /// Groups that have grown, and are to be sent in a second.
    pub due: usize,
    /// What correlations fed to others, and still matters.
    pub links: usize,
    /// Rules that were asked: the cost that routing and index leave over.
    pub asked: u64,
}

/// How far a window reaches.
#[derive(Debug, Clone, Copy)]
struct Reach {
    span: Span,
    /// What is older than this can be forgotten.
    keep: Timestamp,
}

/// The running rules.
#[derive(Debug)]
pub struct Detector {
    rules: Arc<RuleSet>,
    lateness: Span,
    limits: Limits,
    now: Timestamp,
    matcher: Matcher,
    correlators: Vec<Correlator>,
    chain: Chain,
    evidence: Evidence,
    found: Vec<u32>,
    fed: Vec<Feed>,
    /// The earliest time at which a correlator has something to send.
    next_due: Option<Timestamp>,
    /// Where time goes on after a restart, once what was known is read again.
    goes_on_at: Option<Timestamp>,
    stats: Stats,
    tally: Tally,
    /// Whether each rule asks an indicator list, by number.
    asks_lists: Vec<bool>,
    /// Programs whose signals match nothing.
    own: Arc<[Box<str>]>,
}

impl Detector {
    /// A detector that has seen nothing. `seed` keys the tables of groups.
    pub fn new(rules: Arc<RuleSet>, lateness: Span, seed: u64) -> Self {
        Detector::with_limits(rules, lateness, seed, Limits::default())
    }

    /// The same with other limits.
    pub fn with_limits(rules: Arc<RuleSet>, lateness: Span, seed: u64, limits: Limits) -> Self {
        let matcher = Matcher::new(rules.clone(), Routing::Auto, limits.routes, seed);
        let correlators =
            (0..rules.correlations().len()).map(|number| Correlator::new(number, seed)).collect();
        let asks_lists = rules.rules().iter().map(|rule| rule.program.asks_lists()).collect();
        Detector {
            tally: Tally::new(&rules),
            asks_lists,
            rules,
            lateness,
            limits,
            now: Timestamp::MIN,
            matcher,
            correlators,
            chain: Chain::default(),
            evidence: Evidence::default(),
            found: Vec::new(),
            fed: Vec::new(),
            next_due: None,
            goes_on_at: None,
            stats: Stats::default(),
            own: Arc::new([Box::from(OWN_TAG)]),
        }
    }

    /// The same, with other programs whose signals are quell's own (C36). Without this it is [`OWN_TAG`].
    pub fn knowing_itself_by(self, tags: &Arc<[Box<str>]>) -> Self {
        Detector { own: Arc::clone(tags), ..self }
    }

    /// A detector with the same rules that has seen nothing, and need not put its index together again.
    pub fn anew(mut self) -> Self {
        let matcher = self.matcher.another();
        let own = Arc::clone(&self.own);
        Detector { matcher, own, ..Detector::with_limits(self.rules, self.lateness, 1, self.limits) }
    }

    /// The time of the latest signal so far; [`Timestamp::MIN`] before the first.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Figures so far.
    pub fn stats(&self) -> Stats {
        let correlators = self.correlators.iter();
        let start = Stats {
            links: self.chain.len(),
            evicted: self.chain.given_up,
            asked: self.matcher.asked(),
            ..self.stats
        };
        correlators.fold(start, |stats, correlator| Stats {
            groups: stats.groups + correlator.groups.len(),
            entries: stats.entries + correlator.groups.entries(),
            due: stats.due + correlator.due(),
            evicted: stats.evicted + correlator.groups.evicted,
            ..stats
        })
    }

    /// Looks at one signal; what was found is added to `out`.
    pub fn observe(&mut self, signal: &Signal, out: &mut Vec<Detection>) {
        let mut found = std::mem::take(&mut self.found);
        self.matcher.find(signal, &mut found);
        self.matched(signal, &found, out);
        self.found = found;
    }

    /// The same, where a [`Matcher`] of the same rules has found the rules that match.
    pub fn matched(&mut self, signal: &Signal, found: &[u32], out: &mut Vec<Detection>) {
        self.stats.observed += 1;
        self.go_on();
        if signal.at > self.now {
            self.settle(signal.at, out);
        }
        let late = signal.at + self.lateness < self.now;
        self.stats.late += u64::from(late);
        if self.is_own(signal) {
            self.stats.own += 1;
            return;
        }
        if let Some(threat) = &signal.threat {
            let name: Arc<str> = threat.name.as_ref().into();
            let head = RuleHead {
                id: name.clone(),
                title: threat.name.replace('-', " ").into(),
                name,
                level: threat.level,
                tags: Vec::new(),
                author: None,
            };
            let mut fields = bound::fields(&signal.document);
            fields.append(&mut bound::common(&signal.common).to_map());
            out.push(single(Arc::new(head), fields, signal));
        }
        let mut fed = std::mem::take(&mut self.fed);
        fed.clear();
        let mut hit = None;
        for number in found {
            let Some(rule) = self.rules.rules().get(*number as usize) else { continue };
            self.tally.rule(*number, signal.at);
            let asks = self.asks_lists.get(*number as usize).copied().unwrap_or(false);
            let own = asks.then(|| rule.program.hit(signal)).flatten();
            if let Some(hit) = &own {
                self.tally.list(&hit.list, signal.at);
            }
            fed.extend_from_slice(&rule.feeds);
            if rule.emits {
                let mut fields = bound::common(&signal.common).to_map();
                own.iter().for_each(|hit| name_entry(&mut fields, hit));
                out.push(single(rule.head.clone(), fields, signal));
            }
            hit = hit.or(own);
        }
        if !late && !fed.is_empty() {
            self.correlate(signal, &mut fed, hit.map(Arc::new), out);
        }
        self.fed = fed;
    }

    /// Whether quell said it itself (C36).
    fn is_own(&self, signal: &Signal) -> bool {
        let process = signal.common.process.as_deref();
        process.is_some_and(|process| self.own.iter().any(|tag| **tag == *process))
    }

    /// Feeds the signal to correlations, to each before those that it feeds in turn.
    fn correlate(
        &mut self,
        signal: &Signal,
        fed: &mut Vec<Feed>,
        hit: Option<Arc<Hit>>,
        out: &mut Vec<Detection>,
    ) {
        chain::order(fed);
        let mut line = None;
        let mut feeding = Vec::new();
        // The correlation that was entered last, and its group.
        let mut before: (Option<usize>, Vec<u8>) = (None, Vec::new());
        let mut next = 0;
        while let Some(Feed { correlation, position }) = fed.get(next).copied() {
            next += 1;
            let (Some(correlator), Some(rule)) =
                (self.correlators.get_mut(correlation), self.rules.correlations().get(correlation))
            else {
                continue;
            };
            if !correlator.write_key(rule, position, signal) {
                continue;
            }
            // A signal counts once in a group, however many rules it matched; unless rules are counted.
            if before.0 == Some(correlation) && !rule.counts_rules() && before.1 == correlator.key() {
                continue;
            }
            let evidence = &mut self.evidence;
            let mut keep = || *line.get_or_insert_with(|| evidence.keep(signal.raw()));
            let place =
                correlate::Place { rule, now: self.now, lateness: self.lateness, limits: &self.limits };
            if let Some(entered) = correlator.enter(&place, position, signal, &mut keep) {
                if rule.chained.contains(&position) {
                    self.chain.keep(&place, position, correlator.key(), signal);
                }
                correlator.note_hit(entered, &hit);
                let judged = correlator.judge(&place, entered, signal, &self.evidence, out);
                if judged == correlate::Judged::Began {
                    self.tally.correlation(correlation, signal.at);
                }
                chain::feeds(&self.rules, rule, judged, &mut feeding);
            }
            before.0 = Some(correlation);
            before.1.clear();
            before.1.extend_from_slice(correlator.key());
            correlator.retire(&place, &self.evidence, out);
            self.next_due = [self.next_due, correlator.next_due()].into_iter().flatten().min();
            chain::add(fed, next, std::mem::take(&mut feeding));
        }
    }

    /// Says that time has come this far: growth that was held back for a second is sent. A live source
    /// that falls silent needs it; signals do it by themselves.
    pub fn settle(&mut self, now: Timestamp, out: &mut Vec<Detection>) {
        self.now = self.now.max(now);
        if self.next_due.is_some_and(|due| due <= self.now) {
            self.send_due(self.now, out);
        }
    }

    /// Sends what was held back until `due`, though no signal says that it is so late: event time goes no
    /// further by that, and what comes next is not late.
    pub fn send_held(&mut self, due: Timestamp, out: &mut Vec<Detection>) {
        if self.next_due.is_some_and(|next| next <= due) {
            self.send_due(due, out);
        }
    }

    /// Sends what is still held back; for the end of a stream.
    pub fn finish(&mut self, out: &mut Vec<Detection>) {
        self.send_due(Timestamp(i64::MAX), out);
    }

    /// When [`Detector::settle`] has something to look at.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.next_due
    }

    fn send_due(&mut self, until: Timestamp, out: &mut Vec<Detection>) {
        for (correlator, rule) in self.correlators.iter_mut().zip(self.rules.correlations()) {
            correlator.settle(until, rule, &self.evidence, out);
        }
        self.next_due = self.correlators.iter().filter_map(Correlator::next_due).min();
    }
}

/// Says on which entry of which list the value of which field is.
fn name_entry(fields: &mut Map, Hit { list, entry, field }: &Hit) {
    for (key, text) in [("indicator_list", list), ("indicator", entry), ("indicator_field", field)] {
        fields.insert(key.to_owned(), (&**text).into());
    }
}

/// A detection of one signal.
fn single(rule: Arc<RuleHead>, mut fields: Map, signal: &Signal) -> Detection {
    let count = u64::from(signal.weight);
    fields.insert("count".to_string(), count.into());
    Detection {
        id: episode::identity(&[rule.id.as_bytes(), &signal.at.0.to_le_bytes(), signal.raw().as_bytes()]),
        at: signal.at,
        since: signal.at,
        key: key::about(&signal.common, &rule.name).into(),
        count,
        fields,
        evidence: vec![evidence::cut(signal.raw())],
        rule,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
#[path = "correlation_tests.rs"]
mod correlation_tests;

#[cfg(test)]
mod slow_tests;
