//! What each rule and each indicator list came to since the start: hits, when last, and what asking costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Detector;
use crate::model::{RuleHead, Severity, Timestamp};
use crate::rule::RuleSet;

/// Rules that are told at once, at most: those with the most hits, then those that cost most.
pub const TOLD: usize = 500;
/// Of so many signals one is timed.
pub const SAMPLED: u32 = 64;

/// Nanoseconds since some fixed point: costs are measured by it, nothing is decided.
pub type Nanos = fn() -> u64;

/// Figures of rules and lists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// How many rules there are.
    pub count: usize,
    /// At most [`TOLD`] of them, those with the most hits first.
    pub rules: Vec<RuleFigures>,
    /// The indicator lists, in order of name.
    pub lists: Vec<ListFigures>,
}

/// Figures of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleFigures {
    /// Its id.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// How bad a match is.
    pub level: Severity,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Arc<str>>,
    /// Whether it counts what other rules match.
    pub correlation: bool,
    /// Signals that matched; of a correlation the detections that began.
    pub hits: u64,
    /// The event time of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// How often it was asked, among the signals that were timed: one in [`SAMPLED`].
    pub asked: u64,
    /// What asking took on average, in nanoseconds; `None` if it was not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nanos: Option<u64>,
}

/// Figures of one indicator list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListFigures {
    /// Its name.
    pub name: Arc<str>,
    /// What its entries are.
    pub kind: String,
    /// How many entries it has.
    pub entries: usize,
    /// What they take in memory, in bytes.
    pub memory: usize,
    /// Matches of rules in which the value of a field was on it.
    pub hits: u64,
    /// The event time of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// SHA-256 over what it was read from, in hexadecimal.
    pub digest: String,
    /// Patterns that were not understood.
    #[serde(default)]
    pub not_understood: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    hits: u64,
    last: Option<Timestamp>,
}

impl Count {
    fn hit(&mut self, at: Timestamp) {
        self.hits += 1;
        self.last = self.last.max(Some(at));
    }
}

/// What a detector counts for each rule and list.
#[derive(Debug, Default)]
pub struct Tally {
    rules: Vec<Count>,
    correlations: Vec<Count>,
    lists: BTreeMap<Arc<str>, Count>,
}

impl Tally {
    /// Of these rules, all at zero.
    pub fn new(set: &RuleSet) -> Self {
        Tally {
            rules: vec![Count::default(); set.rules().len()],
            correlations: vec![Count::default(); set.correlations().len()],
            lists: BTreeMap::new(),
        }
    }

    /// A rule matched a signal.
    pub fn rule(&mut self, number: u32, at: Timestamp) {
        if let Some(count) = self.rules.get_mut(number as usize) {
            count.hit(at);
        }
    }

    /// A detection of a correlation began.
    pub fn correlation(&mut self, number: usize, at: Timestamp) {
        if let Some(count) = self.correlations.get_mut(number) {
            count.hit(at);
        }
    }

    /// A match was about an entry of a list.
    pub fn list(&mut self, name: &Arc<str>, at: Timestamp) {
        self.lists.entry(Arc::clone(name)).or_default().hit(at);
    }

    /// Goes on with what was counted for rules of the same ids.
    pub fn succeed(&mut self, set: &RuleSet, before: Tally, old: &RuleSet) {
        let rules = old.rules().iter().map(|rule| &rule.head.id).zip(before.rules);
        let correlations = old.correlations().iter().map(|rule| &rule.head.id).zip(before.correlations);
        let known: BTreeMap<&Arc<str>, Count> = rules.chain(correlations).collect();
        let of = |head: &RuleHead| known.get(&head.id).copied().unwrap_or_default();
        self.rules = set.rules().iter().map(|rule| of(&rule.head)).collect();
        self.correlations = set.correlations().iter().map(|rule| of(&rule.head)).collect();
        self.lists = before.lists;
        self.lists.retain(|name, _| set.lists().get(name).is_some());
    }
}

/// How long rules took for the signals that were timed, by number.
#[derive(Debug)]
pub struct Timing {
    pub(super) clock: Nanos,
    left: u32,
    asked: Vec<u64>,
    nanos: Vec<u64>,
}

impl Timing {
    /// By this clock.
    pub fn new(clock: Nanos, rules: usize) -> Self {
        Timing { clock, left: SAMPLED, asked: vec![0; rules], nanos: vec![0; rules] }
    }

    /// Whether the next signal is timed.
    pub fn is_due(&mut self) -> bool {
        self.left -= 1;
        if self.left == 0 {
            self.left = SAMPLED;
            return true;
        }
        false
    }

    /// Does what asking a rule takes.
    pub fn time<T>(&mut self, number: u32, ask: impl FnOnce() -> T) -> T {
        let begun = (self.clock)();
        let answer = ask();
        let took = (self.clock)().saturating_sub(begun);
        let number = number as usize;
        if let (Some(asked), Some(nanos)) = (self.asked.get_mut(number), self.nanos.get_mut(number)) {
            *asked += 1;
            *nanos += took;
        }
        answer
    }

    fn of(&self, number: usize) -> (u64, Option<u64>) {
        let asked = self.asked.get(number).copied().unwrap_or_default();
        let nanos = self.nanos.get(number).copied().unwrap_or_default();
        (asked, nanos.checked_div(asked))
    }
}

impl Detector {
    /// The same; what rules cost is measured by this clock.
    pub fn timed_by(mut self, clock: Nanos) -> Self {
        self.matcher.time_by(clock);
        self
    }

    /// What each rule and list came to.
    pub fn figures(&self) -> Figures {
        let timing = self.matcher.timing();
        let rules =
            self.rules.rules().iter().zip(&self.tally.rules).enumerate().map(|(number, (rule, count))| {
                let (asked, nanos) = timing.map_or((0, None), |timing| timing.of(number));
                (&rule.head, false, count, asked, nanos)
            });
        let correlations = self.rules.correlations().iter().zip(&self.tally.correlations);
        let correlations = correlations.map(|(rule, count)| (&rule.head, true, count, 0, None));
        let mut all: Vec<_> = rules.chain(correlations).collect();
        let count = all.len();
        all.sort_by_key(|(_, _, count, asked, nanos)| {
            (std::cmp::Reverse(count.hits), std::cmp::Reverse(asked * nanos.unwrap_or_default()))
        });
        all.truncate(TOLD);
        let rules = all.into_iter().map(|(head, correlation, count, asked, nanos)| RuleFigures {
            id: Arc::clone(&head.id),
            name: Arc::clone(&head.name),
            level: head.level,
            author: head.author.clone(),
            correlation,
            hits: count.hits,
            last: count.last,
            asked,
            nanos,
        });
        let lists = self.rules.lists().iter().map(|list| {
            let count = self.tally.lists.get(list.name()).copied().unwrap_or_default();
            ListFigures {
                name: Arc::clone(list.name()),
                kind: list.kind().name().to_owned(),
                entries: list.len(),
                memory: list.memory(),
                hits: count.hits,
                last: count.last,
                digest: list.digest().to_string(),
                not_understood: list.not_understood().0,
            }
        });
        Figures { count, rules: rules.collect(), lists: lists.collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::detect::LATENESS;
    use crate::model::{Common, Document, LogSource, Signal};
    use crate::rule::indicator::{Format, Kind, Lists, Spec, read};
    use crate::rule::load_with;

    const RULES: &str = "title: Bad\nname: bad\nauthor: me\ndetection: {s: {ip|quell.list: bad}, condition: s}\n---
title: Any\nname: any\ndetection: {s: {ip|exists: true}, condition: s}\n---
title: Many\nname: many\ncorrelation: {type: event_count, rules: bad, timespan: 1m, generate: true, condition: {gte: 2}}\n";

    thread_local! { static NOW: Cell<u64> = const { Cell::new(0) }; }

    /// Each look at it takes 10 ns.
    fn clock() -> u64 {
        NOW.with(|now| {
            now.set(now.get() + 10);
            now.get()
        })
    }

    #[test]
    fn hits_costs_and_entries_are_told() {
        let spec =
            Spec { name: "bad".into(), file: "bad.txt".into(), format: Format::Plain, kind: Kind::Any };
        let mut lists = Lists::default();
        lists.insert(Arc::new(read(&spec, "192.0.2.0/24\n").unwrap()));
        let rules = Arc::new(load_with(&[("r.yml".to_owned(), RULES.to_owned())], &lists).unwrap());
        let mut detector = Detector::new(Arc::clone(&rules), LATENESS, 1).timed_by(clock);
        let mut found = Vec::new();
        for n in 0..i64::from(SAMPLED) * 2 {
            let net = if n % 4 == 0 { "192.0.2.9" } else { "10.0.0.1" };
            detector.observe(
                &Signal {
                    at: Timestamp::from_secs(n),
                    weight: 1,
                    origin: LogSource::default(),
                    common: Common::default(),
                    document: Document::parse(format!(r#"{{"ip":"{net}"}}"#).into()).unwrap(),
                    threat: None,
                },
                &mut found,
            );
        }
        let evidence = |name: &str| {
            let one = found.iter().find(|one| &*one.rule.name == name).unwrap();
            ["indicator_list", "indicator", "indicator_field"]
                .map(|key| one.fields[key].as_str().unwrap().to_owned())
        };
        assert_eq!(evidence("bad"), ["bad", "192.0.2.0/24", "ip"]);
        assert_eq!(evidence("many"), ["bad", "192.0.2.0/24", "ip"]);
        let told = |figures: &Figures| -> Vec<_> {
            figures
                .rules
                .iter()
                .map(|rule| (rule.name.to_string(), rule.hits, rule.asked, rule.nanos))
                .collect()
        };
        let figures = detector.figures();
        assert_eq!(
            told(&figures),
            [
                ("any".to_owned(), 128, 2, Some(10)),
                ("bad".to_owned(), 32, 2, Some(10)),
                ("many".to_owned(), 1, 0, None),
            ]
        );
        assert_eq!(figures.rules[1].last, Some(Timestamp::from_secs(124)));
        assert_eq!((figures.lists[0].hits, figures.lists[0].entries), (32, 1));
        let mut after = Detector::new(rules, LATENESS, 1);
        after.succeed(detector);
        let hits: Vec<u64> = after.figures().rules.iter().map(|rule| rule.hits).collect();
        assert_eq!(hits, [128, 32, 1], "over a reload");
    }
}
